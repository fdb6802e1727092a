//! `forebay watch`: what a reader of the bus sees, and when.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::Process;

/// Lines that wait for the test; more than any test lets pass by.
const LINES_MAX: usize = 100_000;

/// A line of `forebay watch`, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// When it was seen.
    pub seen: Instant,
    /// Which tag.
    pub tag: String,
    /// Its value as text; `-` without one.
    pub value: String,
    /// `good  …`, `held: …`, `missing: …`.
    pub quality: String,
}

impl Line {
    fn parse(text: &str, seen: Instant) -> Option<Self> {
        let mut parts = text.splitn(3, "  ");
        let mut part = || parts.next().map(str::to_owned);
        Some(Self { seen, tag: part()?, value: part()?, quality: part()? })
    }

    /// Is the value good now?
    pub fn is_good(&self) -> bool {
        self.quality.starts_with("good")
    }

    /// Is it the last value, with a reason why it isn't good?
    pub fn is_held(&self) -> bool {
        self.quality.starts_with("held: ")
    }

    /// Its number.
    pub fn number(&self) -> Option<f64> {
        self.value.parse().ok()
    }
}

/// A running `forebay watch`.
#[derive(Debug)]
pub struct Watch {
    lines: Receiver<Line>,
    last: Vec<Line>,
    _process: Process,
}

impl Watch {
    /// Starts it.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> Self {
        let mut process = Process::start_piped("watch", command, folder);
        let (send, lines) = sync_channel(LINES_MAX);
        let out = BufReader::new(process.stdout());
        // Ends with the process.
        std::thread::spawn(move || {
            for text in out.lines().map_while(Result::ok) {
                if let Some(line) = Line::parse(&text, Instant::now()) {
                    if send.try_send(line).is_err() {
                        return;
                    }
                }
            }
        });
        Self { lines, last: Vec::new(), _process: process }
    }

    /// Waits for a line that `good` accepts, of those not yet looked at.
    #[track_caller]
    pub fn sees(&mut self, what: &str, within: Duration, mut good: impl FnMut(&Line) -> bool) -> Line {
        let end = Instant::now() + within;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.keep(line.clone());
                    if good(&line) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{what}: not seen within {within:?}; last seen: {:#?}", self.last)
                }
                Err(RecvTimeoutError::Disconnected) => panic!("{what}: forebay watch ended; last: {:#?}", self.last),
            }
        }
    }

    /// Waits until `tag` is good, if it isn't now.
    #[track_caller]
    pub fn sees_good(&mut self, tag: &str, within: Duration) -> Line {
        self.reaches(&format!("{tag} good"), tag, within, Line::is_good)
    }

    /// Waits until `tag` is held, if it isn't now.
    #[track_caller]
    pub fn sees_held(&mut self, tag: &str, within: Duration) -> Line {
        self.reaches(&format!("{tag} held"), tag, within, Line::is_held)
    }

    /// Waits until the newest line of `tag` is as wanted; it may be so already.
    #[track_caller]
    pub fn reaches(&mut self, what: &str, tag: &str, within: Duration, good: impl Fn(&Line) -> bool) -> Line {
        while let Ok(line) = self.lines.try_recv() {
            self.keep(line);
        }
        match self.last.iter().find(|line| line.tag == tag && good(line)) {
            Some(line) => line.clone(),
            None => self.sees(what, within, |line| line.tag == tag && good(line)),
        }
    }

    /// The newest line of each tag that was looked at, and all that came since.
    pub fn all(&mut self) -> Vec<Line> {
        self.last.iter().cloned().chain(self.lines.try_iter()).collect()
    }

    fn keep(&mut self, line: Line) {
        self.last.retain(|known| known.tag != line.tag);
        self.last.push(line);
    }
}
