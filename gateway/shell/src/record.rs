//! Where log lines go: the journal under systemd, standard error otherwise.

use std::env;
use std::io::Write;

use log::{Level, LevelFilter, Log, Metadata, Record};

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogTarget {
    /// The journal if this process's standard error is connected to it (`JOURNAL_STREAM`), else standard error.
    Auto,
    /// Standard error.
    Stderr,
}

struct Recorder {
    to_journal: bool,
}

/// Installs the log once for the process; later calls change nothing.
pub fn log_to(target: LogTarget, level: LevelFilter) {
    let to_journal = target == LogTarget::Auto && env::var_os("JOURNAL_STREAM").is_some();
    if log::set_boxed_logger(Box::new(Recorder { to_journal })).is_ok() {
        log::set_max_level(level);
    }
}

impl Log for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Other people's crates only speak up when something is wrong.
        let ours = metadata.target().starts_with("forebay");
        ours || metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if self.to_journal {
            // The journal being gone is no reason to die.
            let _ = systemd::journal::log_record(record);
            return;
        }
        let room = record.target().strip_prefix("forebay_").unwrap_or(record.target());
        let room = room.split("::").next().unwrap_or(room);
        // A closed standard error is no reason to die.
        let _ = writeln!(std::io::stderr().lock(), "{:<5} {room}: {}", record.level(), record.args());
    }

    fn flush(&self) {}
}
