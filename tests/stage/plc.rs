//! pymodbus or libmodbus as the PLC, asked about its own registers.

use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use serde_json::Value;

use super::{Folder, LibmodbusProgram, PATIENCE, PYTHON_STARTS, Process, peers_python, root};

/// Answers that wait: one per question.
const ANSWERS_MAX: usize = 16;

/// `tests/peers/plc.py` or `tests/peers/libmodbus/server.c` in its own process.
#[derive(Debug)]
pub struct Plc {
    /// Where it listens.
    pub port: u16,
    process: Process,
    answers: Receiver<String>,
    _folder: Folder,
}

impl Plc {
    /// Starts pymodbus's on a port, 0 for a free one, and waits until it answers.
    #[track_caller]
    pub fn start(port: u16) -> Self {
        Self::start_pymodbus(&["--port", &port.to_string()])
    }

    /// The same behind a serial line.
    #[track_caller]
    pub fn start_serial(device: &str) -> Self {
        Self::start_pymodbus(&["--serial", device])
    }

    /// libmodbus's, with the words that say where: `["tcp"]`, or `["rtu", DEVICE, BAUD, PARITY]`.
    #[track_caller]
    pub fn start_libmodbus(at: &[&str]) -> Self {
        Self::start_command(LibmodbusProgram::build("server").command().args(at))
    }

    #[track_caller]
    fn start_pymodbus(arguments: &[&str]) -> Self {
        Self::start_command(Command::new(peers_python()).arg(root().join("tests/peers/plc.py")).args(arguments))
    }

    #[track_caller]
    fn start_command(command: &mut Command) -> Self {
        let folder = Folder::new();
        let mut process = Process::start_piped("plc", command.current_dir(folder.path()), folder.path());
        let (send, answers) = sync_channel(ANSWERS_MAX);
        let out = BufReader::new(process.stdout());
        // Ends with the process.
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let mut plc = Self { port: 0, process, answers, _folder: folder };
        let ready = plc.answer("being started", PYTHON_STARTS);
        assert_eq!(ready["ready"], true, "the PLC said {ready}");
        plc.port = ready["port"].as_u64().unwrap_or(0).try_into().expect("a port");
        plc
    }

    /// One command, its answer.
    #[track_caller]
    pub fn say(&mut self, command: &str) -> Value {
        self.process.stdin().write_all(format!("{command}\n").as_bytes()).expect("the PLC hears");
        let answer = self.answer(command, PATIENCE);
        assert!(answer.get("error").is_none(), "{command}: {answer}");
        answer
    }

    #[track_caller]
    fn answer(&mut self, to: &str, within: Duration) -> Value {
        let line = self.answers.recv_timeout(within).unwrap_or_else(|_| panic!("the PLC doesn't answer to {to}"));
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the PLC said {line:?}"))
    }

    /// Words of unit 1's holding registers, counted from 1.
    #[track_caller]
    pub fn words(&mut self, start: u16, count: u16) -> Vec<u16> {
        let answer = self.say(&format!("peek 1 4x {start} {count}"));
        let words = answer["words"].as_array().unwrap_or_else(|| panic!("no words in {answer}"));
        words.iter().map(|word| word.as_u64().and_then(|word| word.try_into().ok()).expect("a word")).collect()
    }

    /// Writes them, as the PLC's own program does.
    #[track_caller]
    pub fn poke(&mut self, start: u16, words: &[u16]) {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        self.say(&format!("poke 1 4x {start} {}", words.join(" ")));
    }

    /// Gone without a word.
    pub fn kill9(&mut self) {
        self.process.kill9();
    }
}
