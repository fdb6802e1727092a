//! Stories told by a real browser: `tests/browser/NAME.mjs` drives it, the test holds the plant and the gateway.

use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Folder, Gateway, Plant, Process, Site, root};

/// The longest a story may take; each step in it has a deadline of its own.
const STORY: Duration = Duration::from_secs(400);
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
        Self::with(|site| site)
    }

    /// The same with some files of the site written anew.
    pub fn with(change: impl FnOnce(Site) -> Site) -> Self {
        let plant = Plant::start();
        let gateway = Gateway::on(&plant, change(Site::demo(&plant)));
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

    /// Takes records into the history, which isn't running, and gives what was said.
    fn import(&self, csv: &str) -> String {
        let (file, state) = (self.gateway.folder.join("import.csv"), self.gateway.folder.join("state"));
        std::fs::write(&file, csv).expect("written");
        let words = ["history".as_ref(), "import".as_ref(), file.as_os_str(), "--state".as_ref(), state.as_os_str()];
        let said = self.gateway.say(words);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.out
    }

    fn answer(&mut self, what: &str, line: &Value) -> Value {
        match what {
            "link" => json!({"answer": self.gateway.link()}),
            "plant" => json!({"answer": self.plant.say(line["say"].as_str().expect("what to say"))}),
            "kill" => {
                self.run.take().expect("it runs").kill9();
                json!({"answer": null})
            }
            "stop" => {
                let mut run = self.run.take().expect("it runs");
                run.term();
                json!({"answer": run.wait(super::PATIENCE).success()})
            }
            "start" => {
                self.run = Some(self.gateway.run());
                json!({"answer": null})
            }
            "tool" => {
                let words: Vec<&str> =
                    line["words"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let said = self.gateway.tool(&words);
                json!({"answer": [said.code, said.out, said.err]})
            }
            "import" => json!({"answer": self.import(line["csv"].as_str().expect("what to import"))}),
            "damage" => {
                let store = self.gateway.folder.join("state/history/history.sqlite");
                json!({"answer": damage(&store, line["where"].as_str().expect("where"))})
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

/// SQLite's pages.
const PAGE: usize = 4096;
/// How a page of a table begins that has rows in it.
const LEAF: u8 = 0x0d;
/// How many of them are overwritten.
const HIT: usize = 2;

/// Overwrites a database of which nothing waits in a log beside it: "middle", pages with rows nearest to its middle;
/// "all", so that it isn't one any more. Gives how many bytes it has.
fn damage(store: &std::path::Path, place: &str) -> usize {
    let mut bytes = std::fs::read(store).expect("a history that was closed");
    let middle = bytes.len() / PAGE / 2;
    let mut hit: Vec<usize> = (0..bytes.len() / PAGE).collect();
    if place == "middle" {
        hit.retain(|page| bytes[page * PAGE] == LEAF);
        hit.sort_by_key(|page| page.abs_diff(middle));
        hit.truncate(HIT);
    }
    assert!(!hit.is_empty(), "{} bytes and no page with rows", bytes.len());
    for page in hit {
        bytes[page * PAGE..(page + 1) * PAGE].fill(0xa5);
    }
    std::fs::write(store, &bytes).expect("written");
    bytes.len()
}
