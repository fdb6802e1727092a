//! Stories told by a real browser: `tests/browser/NAME.mjs` drives it, the test holds the plant and the gateway.

use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Folder, Gateway, Plant, Process, root};

/// The longest a story may take; each step in it has a deadline of its own.
const STORY: Duration = Duration::from_secs(240);
/// Lines that wait to be read.
const LINES_MAX: usize = 1000;

/// The shipped site on the pretend plant, for a browser to look at.
#[derive(Debug)]
pub struct Stage {
    run: Option<Process>,
    plant: Plant,
    gateway: Gateway,
}

impl Stage {
    /// Starts both.
    pub fn new() -> Self {
        let plant = Plant::start();
        let gateway = Gateway::demo(&plant);
        let run = Some(gateway.run());
        Self { run, plant, gateway }
    }

    /// The same with an hour of history behind it. Takes a minute.
    pub fn with_a_past() -> Self {
        let mut plant = Plant::start_at(super::past::PACE);
        let gateway = Gateway::demo(&plant);
        super::past::fill(&gateway, &mut plant);
        let run = Some(gateway.run());
        Self { run, plant, gateway }
    }

    /// Lets a story be told in one view. Panics with every check that failed.
    #[track_caller]
    pub fn tell(&mut self, name: &str, view: &str) {
        let began = Instant::now();
        let browser = root().join("tests/browser");
        assert!(
            browser.join("node_modules/playwright-core").is_dir(),
            "tests/browser has no playwright-core: scripts/test setup fetches it"
        );
        let folder = Folder::new();
        let mut command = Command::new("node");
        command.arg(browser.join(format!("{name}.mjs"))).arg(view).current_dir(folder.path());
        let mut node = Process::start_piped("node", &mut command, folder.path());
        let (send, lines) = sync_channel(LINES_MAX);
        let out = BufReader::new(node.stdout());
        // Ends with the process.
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let (mut passed, mut failed) = (0, Vec::new());
        loop {
            match lines.recv_timeout(STORY.saturating_sub(began.elapsed())) {
                Ok(line) => {
                    let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{name} said {line:?}"));
                    if let Some(what) = line["ask"].as_str() {
                        let answer = self.answer(what, &line);
                        // A story that has ended hears no answer.
                        let _ = writeln!(node.stdin(), "{answer}");
                    } else if line["ok"] == true {
                        passed += 1;
                    } else if line["ok"] == false || line.get("failed_shot").is_some() {
                        failed.push(line);
                    } else if line.get("figure").is_some() {
                        eprintln!("{name}, {view}: {}: {}", line["figure"], line["value"]);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("{name} took more than {STORY:?}; failed so far: {failed:#?}"),
            }
        }
        let status = node.wait(super::PATIENCE);
        assert!(
            failed.is_empty() && passed > 0 && status.success(),
            "{name}, {view}: {passed} passed, {} failed, {status}\n{failed:#?}",
            failed.len()
        );
        eprintln!("{name}, {view}: {passed} checks passed in {:.1} s", began.elapsed().as_secs_f64());
    }

    fn answer(&mut self, what: &str, line: &Value) -> Value {
        match what {
            "link" => json!({"answer": self.gateway.link()}),
            "plant" => json!({"answer": self.plant.say(line["say"].as_str().expect("what to say"))}),
            "kill" => {
                self.run.take().expect("it runs").kill9();
                json!({"answer": null})
            }
            "start" => {
                self.run = Some(self.gateway.run());
                json!({"answer": null})
            }
            _ => json!({"error": "not understood"}),
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}
