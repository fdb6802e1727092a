//! Programs that nobody here wrote, driven by the scripts in `tests/peers`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use super::{Folder, root};

/// The Python that has pymscada and pymodbus.
#[track_caller]
pub fn peers_python() -> PathBuf {
    let python = std::env::var_os("FOREBAY_PEERS_PYTHON").map(PathBuf::from).unwrap_or_else(|| {
        panic!(
            "FOREBAY_PEERS_PYTHON names no Python with the peers' packages: scripts/test peers makes one and sets it"
        )
    });
    // scripts/test may name it relative to the checkout.
    let python = if python.is_absolute() { python } else { root().join(python) };
    assert!(python.is_file(), "FOREBAY_PEERS_PYTHON is {}, which isn't there", python.display());
    python
}

/// What a peer said: one JSON object per line.
#[derive(Debug)]
pub struct Peer {
    /// All lines.
    pub lines: Vec<Value>,
}

impl Peer {
    /// Runs `tests/peers/NAME.py` to its end. Panics when one of its checks failed, when it made none, or when it
    /// ended with anything but 0.
    #[track_caller]
    pub fn run(name: &str, arguments: &[&str]) -> Self {
        let began = Instant::now();
        let script = root().join("tests/peers").join(format!("{name}.py"));
        // pymscada writes beside itself; its home is thrown away.
        let folder = Folder::new();
        let output = Command::new(peers_python()).arg(script).args(arguments).current_dir(folder.path()).output();
        let output = output.unwrap_or_else(|error| panic!("starting {name}: {error}"));
        let said = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let failed: Vec<&Value> = lines.iter().filter(|line| line["ok"] == false).collect();
        let passed = lines.iter().filter(|line| line["ok"] == true).count();
        assert!(
            failed.is_empty() && output.status.success() && passed > 0,
            "{name} {arguments:?}: {passed} passed, {} failed, {}\n{failed:#?}\nlast lines:\n{}\n{}",
            failed.len(),
            output.status,
            said.lines().rev().take(8).collect::<Vec<_>>().join("\n"),
            String::from_utf8_lossy(&output.stderr),
        );
        eprintln!("{name}: {passed} checks passed in {:.1} s", began.elapsed().as_secs_f64());
        Self { lines }
    }

    /// The first line with this member.
    pub fn line_with(&self, member: &str) -> Option<&Value> {
        self.lines.iter().find(|line| line.get(member).is_some())
    }
}
