//! What a step of the clock takes of memory: a process of its own, so that nothing else is counted.
#![allow(clippy::unwrap_used)]
#![cfg(target_os = "linux")]

mod common;
#[path = "texts/known.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod known;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use common::*;
use forebay_history as history;
use history::{Point, Restamp, Store, StoreConfig, TEXT_BYTES_MAX, TagNo};
use known::{all, at, entry, records, word};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use shell::ManualClock;
use tag::{Kind, Timestamp};

/// 40 MB of texts, no two alike.
const TEXTS: u64 = 640;

/// What is moved at a time, the page caches, and what a text is on its way: less than a third of what moves.
const MOST_KB: u64 = 12_000;

fn long(n: u64) -> Point {
    let mut rng = StdRng::seed_from_u64(n);
    let part: String = (0..64).map(|_| rng.random_range('a'..='z')).collect();
    word(&part.repeat(TEXT_BYTES_MAX / part.len()))
}

/// Resident memory in kB: now, and at its highest since [`forget_peak`].
fn resident_kb() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let member = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    };
    (member("VmRSS:"), member("VmHWM:"))
}

fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Forty megabytes of texts were stamped by a clock that is found to be an hour behind: all of them move, by a few MB of
/// memory.
#[test]
fn a_step_over_forty_megabytes_of_texts_takes_a_few() {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreConfig::new(folder.path().into(), vec![(name("word"), Kind::Str)]);
    let store = Store::open(store, ManualClock::at(at(8000))).unwrap();
    let written = AtomicU64::new(0);
    for part in (0..TEXTS).collect::<Vec<u64>>().chunks(8) {
        record(&store, &written, part.iter().map(|n| entry(0, at(*n), long(*n))).collect());
    }
    let (before, _) = resident_kb();
    forget_peak();
    let moved = Restamp::Moved {
        from: at(0),
        to: at(TEXTS),
        by: 3600 * SECOND as i64,
        is_sure: true,
        now: at(8000),
        tags: vec![TagNo(0)],
        given: BTreeMap::new(),
    };
    let deadline = now() + PATIENCE;
    while !store.restamp(&moved) {
        assert!(now() < deadline, "the store takes nothing");
        std::thread::yield_now();
    }
    record(&store, &written, vec![entry(0, at(7999), word("after"))]);
    let (_, peak) = resident_kb();
    eprintln!("{before} kB before, {peak} kB at most");
    assert!(peak < before + MOST_KB, "{before} kB before, {peak} kB at most");
    let found = records(&store, "word", all());
    assert_eq!(found.len() as u64, TEXTS + 1);
    let is_there = |(n, (when, point)): (u64, &(u64, Point))| *when == at(3600 + n).0 && *point == long(n);
    assert!((0..TEXTS).zip(&found).all(is_there), "each an hour later, as it was");
    assert!(found.iter().all(|(when, _)| Timestamp(*when) < at(8000)));
    store.close(Vec::new());
}
