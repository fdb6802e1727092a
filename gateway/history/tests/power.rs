//! Power cuts and failing disks under the store, while four writers run.
//!
//! The test runs itself again as a process that records; a library preloaded there (`power/journal.c`, built by the
//! test with the C compiler that SQLite is built with) writes down each write and sync of the database and its log. From
//! that the disk is put together as a cut at any moment might have left it, and opened.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "power/disk.rs"]
mod disk;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use common::*;
use disk::{Disk, Operation};
use forebay_history as history;
use history::{Batch, Entry, Number, Point, Span, Store, StoreConfig, Text};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use shell::ManualClock;
use tag::{Kind, Timestamp, Value};

const WRITERS: u32 = 4;
/// The one of them whose values are texts.
const TEXTS: u32 = 3;
/// The process that records knows by this that it is that one.
const RECORD: &str = "FOREBAY_POWER_RECORD";

fn is_long() -> bool {
    std::env::var("FOREBAY_SOAK").is_ok_and(|long| long == "1")
}

fn open(folder: &Path, second: u64) -> Store {
    let kind = |no| if no == TEXTS { Kind::Str } else { Kind::Int };
    let tags = (0..WRITERS).map(|no| (name(&format!("w{no}")), kind(no))).collect();
    let clock = ManualClock::at(Timestamp(START + second * SECOND));
    Store::open(StoreConfig::new(folder.into(), tags), clock).unwrap()
}

/// A time kept by the uptime: the `n`th second of a boot that began at [`START`].
fn by_uptime(n: i64) -> Timestamp {
    Timestamp(4_102_444_800_000_000 + (1 << 48) + n as u64 * SECOND)
}

/// A writer's `n`th value: that number; of texts some come again, some are long.
fn point(writer: u32, n: i64) -> Point {
    if writer != TEXTS {
        return Point::Value(Number::Int(n));
    }
    let text = match n % 50 {
        0 => format!("{n} {}", "long \0 \u{1f600} ".repeat(500)),
        1..=9 => format!("{n} is a number of its own, \"this\" one\n"),
        _ => format!("state {}", n % 3),
    };
    Point::Text(Text::of(&Value::from(&*text)).unwrap())
}

/// Four threads record numbers that rise; each notes in `acks` what the store has said to be durable. `is_unset`: nobody
/// knows what time it is, until half of it is done.
fn record_and_note(folder: &Path, batches: u64, is_unset: bool) {
    let store = open(folder, 0);
    let acks = Mutex::new(OpenOptions::new().create(true).append(true).open(folder.join("acks")).unwrap());
    let handed = Mutex::new(0_u64);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, acks, handed) = (&store, &acks, &handed);
            scope.spawn(move || {
                let mut rng = StdRng::seed_from_u64(u64::from(writer));
                let mut next = 1_i64;
                for done in 0..batches {
                    if is_unset && writer == 0 && done == batches / 2 {
                        let now = Timestamp(START + 10_000_000 * SECOND);
                        let known = history::Restamp::Known { era: 1, offset: START as i64, now };
                        while !store.restamp(&known) {
                            std::thread::yield_now();
                        }
                    }
                    let count = [1, 7, 60, 300][rng.random_range(0..4)];
                    // Each hundredth comes once more, late and the same, so that chunks are woven anew.
                    let from = if !is_unset && rng.random_bool(0.01) { (next - 2000).max(1) } else { next };
                    let numbers = from..from + count;
                    next = next.max(numbers.end);
                    let at = |n: i64| if is_unset { by_uptime(n) } else { Timestamp(START + n as u64 * SECOND) };
                    let entry = |n: i64| Entry { point: point(writer, n), ..int(writer, at(n), n) };
                    let mut batch = Batch { entries: numbers.map(entry).collect() };
                    let target = loop {
                        let mut handed = handed.lock().unwrap();
                        let len = batch.entries.len() as u64;
                        match store.record(batch) {
                            Ok(()) => {
                                *handed += len;
                                break *handed;
                            }
                            Err(back) => batch = back,
                        }
                        drop(handed);
                        std::thread::yield_now();
                    };
                    while store.written() < target {
                        std::thread::yield_now();
                    }
                    acks.lock().unwrap().write_all(format!("{writer} {}\n", next - 1).as_bytes()).unwrap();
                }
            });
        }
    });
    store.close(Vec::new());
}

/// Runs the recording process; gives its journal.
fn recorded(scratch: &Path, test: &str, batches: u64, fail: Option<(u64, u64)>) -> (PathBuf, PathBuf) {
    let library = scratch.join("journal.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/journal.c");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let built = Command::new(compiler).args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(built.is_ok_and(|built| built.success()), "the journal's library builds");
    let folder = scratch.join("recorded");
    fs::create_dir(&folder).unwrap();
    let journal = folder.join("journal");
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]).env(RECORD, format!("{batches} {}", folder.display()));
    again.env("LD_PRELOAD", &library).env("JOURNAL_FOLDER", &folder).env("JOURNAL_FILE", &journal);
    if let Some((first, count)) = fail {
        again.env("JOURNAL_FAIL", format!("{first},{count}"));
    }
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (folder, journal)
}

/// In the recording process: records, and says so.
fn is_recorder(is_unset: bool) -> bool {
    let Ok(what) = std::env::var(RECORD) else { return false };
    let (batches, folder) = what.split_once(' ').unwrap();
    record_and_note(Path::new(folder), batches.parse().unwrap(), is_unset);
    true
}

/// Opens what is there. All that was acknowledged must be in it, and of each writer everything up to some number.
fn inspect(folder: &Path, acked: &[i64; 4], context: &str) {
    let store = open(folder, 1_000_000);
    assert_eq!(store.generation(), 0, "{context}: nothing was set aside");
    for writer in 0..WRITERS {
        let all = Span { from: Timestamp(0), to: Timestamp(u64::MAX) };
        let tag = name(&format!("w{writer}"));
        let last = read(&store, move |reader| {
            let mut last = 0;
            reader.records(&tag, all, &mut |_, found| {
                if found.is_known() {
                    assert_eq!(found, point(writer, last + 1), "nothing in between is missing");
                    last += 1;
                }
                ControlFlow::Continue(())
            })?;
            Ok(last)
        });
        let last = last.unwrap();
        let acked = acked[writer as usize];
        assert!(last >= acked, "{context}: writer {writer} was told that {acked} is durable, found {last}");
    }
    store.close(Vec::new());
    let conn = rusqlite::Connection::open(folder.join("history.sqlite")).unwrap();
    let sound: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok", "{context}");
}

fn note_ack(acked: &mut [i64; 4], text: &[u8]) {
    for line in std::str::from_utf8(text).unwrap().lines() {
        let (writer, n) = line.split_once(' ').unwrap();
        let slot = &mut acked[writer.parse::<usize>().unwrap()];
        *slot = (*slot).max(n.parse().unwrap());
    }
}

#[test]
fn a_power_cut_at_any_moment_costs_nothing_acknowledged() {
    if !is_recorder(false) {
        let (cuts, batches) = if is_long() { (1200, 700) } else { (40, 150) };
        cut_power("a_power_cut_at_any_moment_costs_nothing_acknowledged", cuts, batches);
    }
}

/// The clock becomes known meanwhile: what was recorded before moves to its time, under the cuts.
#[test]
fn a_power_cut_while_times_are_made_good_costs_nothing_acknowledged() {
    if !is_recorder(true) {
        let (cuts, batches) = if is_long() { (600, 300) } else { (40, 100) };
        cut_power("a_power_cut_while_times_are_made_good_costs_nothing_acknowledged", cuts, batches);
    }
}

fn cut_power(test: &str, cuts: usize, batches: u64) {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let scratch = tempfile::tempdir().unwrap();
    let (_, journal) = recorded(scratch.path(), test, batches, None);
    let operations = disk::read(&journal);
    let syncs = operations.iter().filter(|operation| matches!(operation, Operation::Sync { .. })).count();
    assert!(syncs as u64 > batches, "{syncs} syncs seen: the journal is under the database");
    let mut places: Vec<usize> = (0..cuts).map(|_| rng.random_range(0..operations.len())).collect();
    places.sort_unstable();
    let (mut disk, mut acked, mut done) = (Disk::default(), [0; 4], 0);
    for (cut, place) in places.into_iter().enumerate() {
        for operation in &operations[done..place] {
            disk.apply(operation);
            if let Operation::Ack(text) = operation {
                note_ack(&mut acked, text);
            }
        }
        done = place;
        let folder = scratch.path().join("cut");
        fs::create_dir(&folder).unwrap();
        disk.cut(&mut rng, &folder);
        inspect(&folder, &acked, &format!("seed {seed}, cut {cut} before operation {place}"));
        fs::remove_dir_all(&folder).unwrap();
    }
    eprintln!("{cuts} cuts in {} operations, {syncs} syncs, acknowledged {acked:?}", operations.len());
}

/// Each of some operations of the database fails, and some after it: recording goes on when the disk works again, and
/// nothing acknowledged is lost.
#[test]
fn a_disk_that_fails_for_a_while_costs_nothing_acknowledged() {
    if is_recorder(false) {
        return;
    }
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let scratch = tempfile::tempdir().unwrap();
    let test = "a_disk_that_fails_for_a_while_costs_nothing_acknowledged";
    for _ in 0..if is_long() { 60 } else { 3 } {
        // The first operations make the database; a disk that fails there is a box that doesn't start recording.
        let fail = (rng.random_range(60..900), rng.random_range(1..12));
        let (folder, _) = recorded(scratch.path(), test, 12, Some(fail));
        let mut acked = [0; 4];
        note_ack(&mut acked, &fs::read(folder.join("acks")).unwrap());
        assert!(acked.iter().all(|n| *n > 0), "{acked:?}");
        inspect(&folder, &acked, &format!("seed {seed}, failing {fail:?}"));
        fs::remove_dir_all(folder).unwrap();
    }
}
