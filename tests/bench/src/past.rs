//! Keeping samples: the gateway's history and a plain SQLite table behind one face, each in a process of its own, so that what
//! it writes and weighs is its alone. pymscada's is tests/peers/bench_history.py, which says the same of itself.

mod keeper;
mod signal;
mod work;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Bench;
use crate::fail::{Doing, Fail};

pub(crate) use signal::SIGNALS;
pub(crate) use work::{Asking, work};

/// Who keeps the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Forebay,
    Pymscada,
    Table,
}

impl Engine {
    const ALL: [(&'static str, Self); 3] =
        [("forebay", Self::Forebay), ("pymscada", Self::Pymscada), ("table", Self::Table)];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, engine)| *engine == self).map_or("", |(word, _)| word)
    }
}

/// Lets an engine do a piece of work in a folder of its own on the disk the build is on; `/tmp` may be memory. `None` where
/// there is no pymscada.
pub(crate) fn ask(bench: &Bench, engine: Engine, words: &[String]) -> Result<Option<Value>, Fail> {
    let folder = tempfile::tempdir_in(&bench.bin).doing("making a folder")?;
    let mut command = match (engine, &bench.python) {
        (Engine::Pymscada, None) => return Ok(None),
        (Engine::Pymscada, Some(python)) => {
            let mut command = Command::new(python);
            command.arg(bench.root.join("tests/peers/bench_history.py"));
            command
        }
        _ => {
            let mut command = Command::new(bench.bin.join("forebay-bench"));
            command.args(["--past", engine.word()]);
            command
        }
    };
    let doing = format!("letting {} do {}", engine.word(), words.join(" "));
    let said = command.arg(folder.path()).args(words).stderr(Stdio::inherit()).output().doing(&doing)?;
    let last = String::from_utf8_lossy(&said.stdout).lines().last().unwrap_or_default().to_owned();
    serde_json::from_str(&last).doing(&format!("{doing}: it said {last:?}")).map(Some)
}

/// Does a piece of work as one of these processes: the engine's word, the folder, and what.
pub(crate) fn be(words: &[String]) -> Result<Value, Fail> {
    let [engine, folder, rest @ ..] = words else { return Err("--past ENGINE FOLDER WORK…".into()) };
    let engine = Engine::ALL.iter().find(|(word, _)| word == engine).doing("no such engine")?.1;
    work(engine, Path::new(folder), rest)
}
