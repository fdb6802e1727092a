//! A database of every version that was ever released opens, and holds what was in it.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use common::*;
use forebay_history as history;
use history::{Entry, Span};
use tag::Timestamp;

/// When the recording of the first one ended.
const FIRST_ENDED: u64 = 1_795_347_833_559_424;

fn kept(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept").join(file)
}

fn open_copy(folder: &Path, file: &str, now: u64) -> history::Store {
    fs::copy(kept(file), folder.join("history.sqlite")).unwrap();
    open_at(folder, Timestamp(now))
}

fn all() -> Span {
    Span { from: Timestamp(0), to: Timestamp(u64::MAX) }
}

/// Written by the first release's daemon: a row per record, the gap of a clean end behind them.
#[test]
fn the_first_releases_rows_become_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_copy(folder.path(), "version-1.sqlite", FIRST_ENDED + SECOND);
    assert_eq!(store.generation(), 0, "nothing was set aside");
    let level = raw(&store, "level", all());
    assert_eq!(level.len(), 25);
    let want: Vec<_> = (1..=24).map(|i| Some((2000.0 + f64::from(i) * 100.0 / 7.0).round() / 100.0)).collect();
    assert_eq!(level[..24].iter().map(|(_, value)| *value).collect::<Vec<_>>(), want);
    assert_eq!((level[0].0, level[23].0), (1_795_347_821_907_184, 1_795_347_833_283_306));
    assert_eq!(level[24], (FIRST_ENDED, None), "it ended cleanly");
    let counts: Vec<_> = raw(&store, "count", all()).iter().filter_map(|(_, value)| *value).collect();
    assert_eq!(counts, (1..=24).map(|i| f64::from(i * 1000)).collect::<Vec<_>>());
    let written = AtomicU64::new(store.written());
    record(&store, &written, vec![float(0, Timestamp(FIRST_ENDED + SECOND), 7.0)]);
    store.close(Vec::new());

    let store = open_at(folder.path(), Timestamp(FIRST_ENDED + 2 * SECOND));
    let again = raw(&store, "level", all());
    assert_eq!(again[..25], level);
    assert_eq!(again[25], (FIRST_ENDED + SECOND, Some(7.0)), "and recording went on in it");
    store.close(Vec::new());
}

/// What the second version's database holds: chunks of floats, integers and both, gaps, rollups, a log.
fn second() -> Vec<Entry> {
    let mut entries = Vec::new();
    for i in 0..20_000_u64 {
        let at = Timestamp(START + i * SECOND + i % 3 * 1000);
        if i % 5000 == 4999 {
            entries.push(gap(0, at));
        } else {
            entries.push(float(0, at, ((i as f64 / 700.0).sin() * 200.0).round() / 10.0));
        }
        if i % 40 == 0 {
            entries.push(int(1, at, i as i64 * 3 - 7));
            entries.push(int(2, at, (i / 40 % 2) as i64));
        }
    }
    entries.extend((0..30).map(|i| float(1, Timestamp(START + 30_000 * SECOND + i), f64::from(i as u32) / 3.0)));
    entries
}

#[test]
fn the_second_versions_chunks_rollups_and_log_read() {
    let folder = tempfile::tempdir().unwrap();
    if std::env::var_os("FOREBAY_KEEP").is_some() {
        let store = open_at(folder.path(), Timestamp(START));
        let written = AtomicU64::new(0);
        for part in second().chunks(3000) {
            record(&store, &written, part.to_vec());
        }
        store.close(Vec::new());
        fs::copy(folder.path().join("history.sqlite"), kept("version-2.sqlite")).unwrap();
    }
    let size = fs::metadata(kept("version-2.sqlite")).unwrap().len();
    assert!(size < 200 << 10, "{size} bytes");
    let store = open_copy(folder.path(), "version-2.sqlite", START + 40_000 * SECOND);
    for (no, tag) in ["level", "count", "state"].into_iter().enumerate() {
        let mine = |entry: &&Entry| entry.whom == history::Whom::Tag(history::TagNo(no as u32));
        let want: Vec<_> = second().iter().filter(mine).map(|entry| (entry.at.0, value(entry))).collect();
        assert!(raw(&store, tag, all()) == want, "{tag}");
    }
    store.close(Vec::new());
}

fn value(entry: &Entry) -> Option<f64> {
    match entry.point {
        history::Point::Value(number) => Some(number.as_f64()),
        history::Point::Gap(_) => None,
    }
}
