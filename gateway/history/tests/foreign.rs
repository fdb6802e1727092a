//! What others keep in the same file is not the history's: neither thinning nor a salvage touches it.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use common::*;
use forebay_history::{Store, StoreConfig};
use rusqlite::Connection;
use shell::ManualClock;
use tag::{Kind, Timestamp};

const KEEP: u64 = 900 << 10;

type Row = (i64, i64, Vec<u8>);

fn at(second: u64) -> Timestamp {
    Timestamp(START + second * SECOND)
}

fn open(folder: &Path, second: u64) -> Store {
    let tags = vec![(name("level"), Kind::Float), (name("count"), Kind::Int), (name("state"), Kind::Int)];
    let config = StoreConfig { keep_bytes: KEEP, ..StoreConfig::new(folder.into(), tags) };
    Store::open(config, ManualClock::at(at(second))).unwrap()
}

/// Alarms as another program might keep them, older than anything of ours and with columns called like ours; and notes
/// that people wrote.
fn put_in(folder: &Path) {
    let conn = Connection::open(folder.join("history.sqlite")).unwrap();
    conn.execute_batch(
        "CREATE TABLE alarm (id INTEGER PRIMARY KEY, tag INTEGER, from_us INTEGER, to_us INTEGER, body BLOB);
         CREATE INDEX alarm_at ON alarm (tag, from_us);
         CREATE TABLE event (at_us INTEGER PRIMARY KEY, text TEXT);",
    )
    .unwrap();
    for n in 0..500_i64 {
        conn.execute("INSERT INTO alarm VALUES (?1, ?2, ?1, ?1, zeroblob(64))", [n, n % 3 + 1]).unwrap();
        conn.execute("INSERT INTO event VALUES (?1, 'pump 2 tripped')", [n]).unwrap();
        conn.execute("INSERT INTO note VALUES ('by hand ' || ?1, 'the seal was replaced')", [n]).unwrap();
    }
}

fn found(folder: &Path) -> (Vec<Row>, i64, i64) {
    let conn = Connection::open(folder.join("history.sqlite")).unwrap();
    let mut find = conn.prepare("SELECT id, tag, body FROM alarm ORDER BY id").unwrap();
    let alarms = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get(0)).unwrap();
    let events = count("SELECT count(*) FROM event WHERE text = 'pump 2 tripped'");
    let notes = count("SELECT count(*) FROM note WHERE name LIKE 'by hand %' AND value = 'the seal was replaced'");
    (alarms.map(Result::unwrap).collect(), events, notes)
}

/// Noise for so many seconds from a second on.
fn fill(store: &Store, from: u64, seconds: u64) {
    let written = AtomicU64::new(store.written());
    let mut state = 1_u64;
    for part in (from..from + seconds).collect::<Vec<_>>().chunks(3000) {
        let noise = |second: &u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            float(0, at(*second), (state >> 40) as f64 / 7.0)
        };
        record(store, &written, part.iter().map(noise).collect());
    }
}

#[test]
fn thinning_and_salvage_leave_what_others_keep() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), 0).close(Vec::new());
    put_in(folder.path());
    let before = found(folder.path());
    assert_eq!((before.0.len(), before.1, before.2), (500, 500, 500));

    // More than twice what the store may hold.
    let store = open(folder.path(), 1);
    fill(&store, 1, 200_000);
    store.close(Vec::new());
    let conn = Connection::open(folder.path().join("history.sqlite")).unwrap();
    let thinned = conn.query_row("SELECT count(*) FROM note WHERE name LIKE 'thinned %'", [], |row| row.get(0));
    assert!(thinned.is_ok_and(|thinned: i64| thinned > 0), "it was thinned");
    drop(conn);
    assert_eq!(found(folder.path()), before, "after thinning");
    forebay_history::tools::shrink(folder.path(), KEEP / 4 * 3, &mut |_, _| {}).unwrap();
    assert_eq!(found(folder.path()), before, "after thinning by hand");

    // It is damaged, set aside, and what reads of it comes into a new one, in which others keep something again.
    let path = folder.path().join("history.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 4096..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let store = open(folder.path(), 400_000);
    assert_eq!(store.generation(), 1, "the damage was seen");
    put_in(folder.path());
    let deadline = now() + PATIENCE;
    loop {
        let status = read(&store, |reader| reader.status()).unwrap();
        if let Some(salvage) = status.salvage.as_ref().filter(|salvage| salvage.is_done) {
            assert!(salvage.got > 0, "{salvage:?}");
            break;
        }
        assert!(now() < deadline, "{status:?}");
        std::thread::yield_now();
    }
    fill(&store, 400_001, 50_000);
    store.close(Vec::new());
    assert_eq!(found(folder.path()), before, "after a salvage");
}
