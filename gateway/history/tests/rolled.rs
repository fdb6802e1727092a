//! Rows by the minute to the day beside a plain `BTreeMap`, over late records, gaps of all, restarts, thinning and a site
//! that moved to another zone.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "rolled/model.rs"]
mod model;

use std::sync::atomic::AtomicU64;

use common::*;
use forebay_history as history;
use history::{Batch, Cause, Entry, Every, Point, ReadError, Span, Store, Whom};
use jiff::tz::TimeZone;
use model::{Model, plain};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use shell::ManualClock;
use tag::Timestamp;

const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;
const EVERY: [Every; 4] = [Every::Minute, Every::Quarter, Every::Hour, Every::Day];
const ROLLOVER: f64 = 65_536.0;

fn auckland() -> TimeZone {
    TimeZone::posix("NZST-12NZDT,M9.5.0,M4.1.0/3").unwrap()
}

fn open(folder: &std::path::Path, zone: TimeZone) -> Store {
    let config = history::StoreConfig { zone, ..config(folder) };
    Store::open(config, ManualClock::at(Timestamp(START))).unwrap()
}

/// A level that wanders, a counter that rolls over and is reset, a state that lasts.
fn source(rng: &mut StdRng, model: &mut Model, from: u64, count: u64, step: u64) -> Vec<Entry> {
    let tag = rng.random_range(0..3_usize);
    let (mut at, mut level) = (from, rng.random_range(-50.0..50.0_f64));
    let (mut counter, mut state) = (rng.random_range(0..70_000_i64), 0);
    let mut entries = Vec::new();
    for _ in 0..count {
        at += rng.random_range(1..=step);
        level += rng.random_range(-1.0..1.0);
        counter = match rng.random_range(0..400) {
            0 => rng.random_range(0..5),
            1 => (counter - rng.random_range(0..3)).max(0),
            _ => (counter + rng.random_range(0..40)) % 65_536,
        };
        if rng.random_range(0..20) == 0 {
            state = rng.random_range(0..4);
        }
        let when = Timestamp(at);
        let entry = match (rng.random_range(0..300), tag) {
            (0, _) => gap(tag as u32, when),
            (_, 0) => float(0, when, level),
            (_, 1) => int(1, when, counter),
            _ => int(2, when, state),
        };
        model.insert(tag, at, &entry);
        entries.push(entry);
    }
    entries
}

fn mark(model: &mut Model, at: u64) -> Entry {
    model.gaps_of_all.insert(at);
    Entry { whom: Whom::All, at: Timestamp(at), point: Point::Gap(Cause::NotRecorded) }
}

/// Both say the same of some span.
fn compare(store: &Store, model: &Model, zone: &TimeZone, rng: &mut StdRng, newest: u64) {
    for every in EVERY {
        let longest = match every {
            Every::Minute => 2 * HOUR,
            Every::Quarter => 3 * DAY,
            Every::Hour => 12 * DAY,
            Every::Day => 300 * DAY,
        };
        let from = START - HOUR + rng.random_range(0..newest - START);
        let span = Span { from: Timestamp(from), to: Timestamp(from + rng.random_range(1..longest)) };
        let now = Timestamp(newest + rng.random_range(0..DAY));
        let context = format!("{every:?} {span:?} now {now:?}");
        let tag = name("level");
        let found = read(store, move |reader| reader.buckets(&tag, span, every, now)).unwrap().unwrap();
        let wanted = plain::buckets(model, 0, zone, span, every, now);
        assert_eq!(found.len(), wanted.len(), "{context}");
        for (found, want) in found.iter().zip(&wanted) {
            let exact =
                |row: &history::Rolled| (row.span, row.count, row.min, row.max, row.first, row.last, row.good_us);
            assert_eq!(exact(found), exact(want), "{context}");
            let near = match (found.mean, want.mean) {
                (Some(found), Some(want)) => (found - want).abs() <= 1e-5 * want.abs().max(1.0),
                (found, want) => found == want,
            };
            assert!(near, "{context}: {found:?} {want:?}");
        }
        let tag = name("count");
        let found = read(store, move |reader| reader.counts(&tag, span, every, now, Some(ROLLOVER))).unwrap().unwrap();
        assert_eq!(found, plain::counts(model, 1, zone, span, every, now, ROLLOVER), "{context}");
        let tag = name("state");
        let found = read(store, move |reader| reader.states(&tag, span, every, now)).unwrap().unwrap();
        let wanted = plain::states(model, 2, zone, span, every, now);
        assert_eq!(found.len(), wanted.len(), "{context}");
        for (found, want) in found.iter().zip(&wanted) {
            assert_eq!((found.span, found.count, found.unsure_us), (want.span, want.count, 0), "{context}");
            let states = found.states.keys().chain(want.states.keys());
            for state in states {
                let us = |row: &history::Lasted| row.states.get(state).copied().unwrap_or(0);
                // Of two neighbouring states a bucket's mean tells, which has 24 bits.
                assert!(us(found).abs_diff(us(want)) <= 30_000, "{context}: {found:?} {want:?}");
            }
            let sum = |row: &history::Lasted| row.states.values().sum::<u64>();
            assert_eq!(sum(found), sum(want), "{context}");
        }
    }
}

#[test]
fn rows_are_what_a_plain_reckoning_says() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut zone = if rng.random_bool(0.5) { auckland() } else { TimeZone::UTC };
    let (mut model, mut now) = (Model::default(), START);
    let mut store = open(folder.path(), zone.clone());
    let mut written = AtomicU64::new(0);
    for _ in 0..rounds() {
        for _ in 0..rng.random_range(1..5) {
            let count = [50, 1000, 6000][rng.random_range(0..3)];
            let step = [SECOND, 20 * SECOND, HOUR][rng.random_range(0..3)];
            // Late one time in five: what was rolled up is rolled up again.
            let late = rng.random_bool(0.2) && now > START + HOUR;
            let from = if late { rng.random_range(START..now) } else { now };
            let mut entries = source(&mut rng, &mut model, from, count, step);
            now = now.max(model.newest());
            if rng.random_bool(0.2) {
                now += 1 + rng.random_range(0..HOUR);
                entries.push(mark(&mut model, now));
            }
            record(&store, &written, entries);
        }
        compare(&store, &model, &zone, &mut rng, now);
        if rng.random_bool(0.3) {
            now += 1;
            let entry = mark(&mut model, now);
            store.close(vec![Batch { entries: vec![entry] }]);
            if rng.random_bool(0.5) {
                // The site moved: its days are others now.
                zone = if zone == TimeZone::UTC { auckland() } else { TimeZone::UTC };
            }
            store = open(folder.path(), zone.clone());
            written = AtomicU64::new(0);
            compare(&store, &model, &zone, &mut rng, now);
        }
    }
    store.close(Vec::new());
}

fn rounds() -> usize {
    if std::env::var("FOREBAY_SOAK").is_ok_and(|long| long == "1") { 300 } else { 12 }
}

#[test]
fn what_is_too_much_for_one_answer_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), TimeZone::UTC);
    let span = Span { from: Timestamp(0), to: Timestamp(START) };
    let asked = |every, span| {
        let tag = name("level");
        read(&store, move |reader| reader.buckets(&tag, span, every, Timestamp(START)))
    };
    assert!(matches!(asked(Every::Minute, span), Err(ReadError::TooManyRows)));
    assert_eq!(asked(Every::Day, Span { from: Timestamp(START - 9 * DAY), ..span }).unwrap().unwrap().len(), 10);
    let (tag, day) = (name("nobody"), Span { from: Timestamp(START - DAY), ..span });
    let found = read(&store, move |reader| reader.buckets(&tag, day, Every::Day, Timestamp(START)));
    assert_eq!(found.unwrap(), None, "an unknown tag");
    store.close(Vec::new());
}

/// Day blocks of a tag, as they lie on flash.
fn day_blocks(folder: &std::path::Path) -> Vec<(i64, i64)> {
    let conn = rusqlite::Connection::open(folder.join("history.sqlite")).unwrap();
    let mut find = conn.prepare("SELECT from_us, to_us FROM rollup WHERE level = 4 ORDER BY from_us").unwrap();
    let found = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    found.collect::<Result<_, _>>().unwrap()
}

/// Three years, four records a day; then the site's zone is another, and its days are rolled up anew.
#[test]
fn days_are_those_of_the_zone_the_site_is_in_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let store = open(folder.path(), TimeZone::UTC);
    let written = AtomicU64::new(0);
    let first = 1_640_000_000 * SECOND;
    let (count, step) = (4_000_u64, 6 * HOUR);
    for some in 0..count / 100 {
        let entries: Vec<_> = (some * 100..(some + 1) * 100)
            .map(|i| float(0, Timestamp(first + i * step), ((i * 7919) % 1000) as f64))
            .collect();
        entries.iter().for_each(|entry| model.insert(0, entry.at.0, entry));
        record(&store, &written, entries);
    }
    let newest = first + (count - 1) * step;
    let span = Span { from: Timestamp(first), to: Timestamp(newest) };
    let days = |store: &Store| {
        let tag = name("level");
        read(store, move |reader| reader.buckets(&tag, span, Every::Day, Timestamp(newest + 1))).unwrap().unwrap()
    };
    let same = |found: &[history::Rolled], zone: &TimeZone| {
        let want = plain::buckets(&model, 0, zone, span, Every::Day, Timestamp(newest + 1));
        assert_eq!(found.len(), want.len());
        for (found, want) in found.iter().zip(&want) {
            let exact =
                |row: &history::Rolled| (row.span, row.count, row.min, row.max, row.first, row.last, row.good_us);
            assert_eq!(exact(found), exact(want));
        }
    };
    let settle = |store: &Store, wanted: usize, zone: &TimeZone| {
        let deadline = now() + PATIENCE;
        loop {
            // Whatever is rolled up by now, the answer is the same.
            same(&days(store), zone);
            let blocks = day_blocks(folder.path());
            if blocks.len() >= wanted {
                break blocks;
            }
            assert!(now() < deadline, "{} day blocks", blocks.len());
            std::thread::yield_now();
        }
    };
    let before = settle(&store, 3, &TimeZone::UTC);
    // With its mark that it ended, so that the next one owes none.
    let end = Entry { whom: Whom::All, at: Timestamp(newest + 1), point: Point::Gap(Cause::NotRecorded) };
    store.close(vec![Batch { entries: vec![end] }]);
    let store = open(folder.path(), auckland());
    let after = settle(&store, before.len(), &auckland());
    assert!(before.iter().all(|block| !after.contains(block)), "{before:?} {after:?}");
    store.close(Vec::new());
    let store = open(folder.path(), auckland());
    assert_eq!(day_blocks(folder.path()), after, "made once");
    store.close(Vec::new());
}

/// A window of minutes that is rolled up already; then a thousand records come late into the middle of it.
#[test]
fn what_comes_late_is_in_the_rows_at_once_and_rolled_up_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let store = open(folder.path(), TimeZone::UTC);
    let written = AtomicU64::new(0);
    let window = 4 * HOUR;
    let base = START.div_ceil(window) * window;
    let mut put = |entries: Vec<Entry>| {
        entries.iter().for_each(|entry| model.insert(0, entry.at.0, entry));
        record(&store, &written, entries);
    };
    let at = |i: u64| Timestamp(base + i * SECOND);
    put((0..20_000).map(|i| float(0, at(i), (i % 100) as f64)).collect());
    let block = || {
        let conn = rusqlite::Connection::open(folder.path().join("history.sqlite")).unwrap();
        let find = "SELECT body FROM rollup WHERE level = 1 AND from_us = ?1";
        conn.query_row(find, [base as i64], |row| row.get::<_, Vec<u8>>(0)).ok()
    };
    let wait = |other_than: Option<Vec<u8>>| {
        let deadline = now() + PATIENCE;
        loop {
            if let Some(body) = block().filter(|body| Some(body) != other_than.as_ref()) {
                break body;
            }
            assert!(now() < deadline, "the window is not rolled up");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    let first = wait(None);
    put((5000..6000).map(|i| float(0, Timestamp(at(i).0 + SECOND / 2), 1e6)).collect());
    let span = Span { from: Timestamp(base), to: Timestamp(base + window) };
    let same = || {
        let tag = name("level");
        let now = at(20_000);
        let found = read(&store, move |reader| reader.buckets(&tag, span, Every::Minute, now)).unwrap().unwrap();
        let want = plain::buckets(&model, 0, &TimeZone::UTC, span, Every::Minute, now);
        let exact =
            |rows: &[history::Rolled]| rows.iter().map(|row| (row.count, row.max, row.good_us)).collect::<Vec<_>>();
        assert_eq!(exact(&found), exact(&want));
        assert!(found.iter().any(|row| row.max == Some(1e6)), "the late ones are in it");
    };
    same();
    wait(Some(first));
    same();
    store.close(Vec::new());
}
