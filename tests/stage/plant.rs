//! The pretend plant in its own process, commanded through its socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use super::{Folder, PATIENCE, Process, program, root};

/// `forebay-sim` on the shipped plant, on free ports, with nothing going wrong by itself.
#[derive(Debug)]
pub struct Plant {
    ready: serde_json::Value,
    /// The link to its serial line.
    pub serial: PathBuf,
    control: PathBuf,
    hand: BufReader<UnixStream>,
    process: Process,
    _folder: Folder,
}

impl Plant {
    /// Starts it and waits until it answers.
    pub fn start() -> Self {
        Self::start_at(1)
    }

    /// The same with so many simulated seconds in a second.
    pub fn start_at(pace: u64) -> Self {
        let folder = Folder::new();
        let (serial, control) = (folder.join("fan"), folder.join("control"));
        let mut command = Command::new(program("forebay-sim"));
        command.arg("--plant").arg(root().join("config/plant.yaml"));
        command.args(["--port-base", "0", "--calm", "--control"]).arg(&control);
        command.args(["--pace", &pace.to_string()]);
        command.env("FOREBAY_DEMO_SERIAL", &serial).env_remove("JOURNAL_STREAM");
        let mut process = Process::start_piped("plant", &mut command, folder.path());
        let mut line = String::new();
        BufReader::new(process.stdout()).read_line(&mut line).expect("the plant's ready line");
        let ready: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("the plant said {line:?}"));
        let hand = UnixStream::connect(&control).expect("the plant's control socket");
        hand.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { ready, serial, control, hand: BufReader::new(hand), process, _folder: folder }
    }

    /// The port of one of its TCP lines.
    pub fn port(&self, line: &str) -> u16 {
        let addr = self.ready["tcp"][line].as_str().unwrap_or_else(|| panic!("no line {line} in {}", self.ready));
        addr.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("an address with a port")
    }

    /// Its control socket, for another process.
    pub fn control(&self) -> &std::path::Path {
        &self.control
    }

    /// One command; panics when the plant doesn't take it.
    #[track_caller]
    pub fn say(&mut self, command: &str) -> String {
        self.hand.get_mut().write_all(format!("{command}\n").as_bytes()).expect("the plant hears");
        let mut answer = String::new();
        self.hand.read_line(&mut answer).expect("the plant answers");
        let answer = answer.trim_end();
        answer.strip_prefix("ok").unwrap_or_else(|| panic!("{command}: {answer}")).trim_start().to_owned()
    }

    /// A number of its own registers: `value("plc1", "4x:3 float32")`.
    #[track_caller]
    pub fn value(&mut self, device: &str, what: &str) -> f64 {
        self.say(&format!("value {device} {what}")).parse().expect("a number")
    }

    /// One of its words.
    #[track_caller]
    pub fn peek(&mut self, device: &str, at: &str) -> u16 {
        self.say(&format!("peek {device} {at}")).parse().expect("a word")
    }

    /// The process itself.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
