//! The store against real files: round trips, kills, damage, a full disk.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test looks at the machine's own clock for its deadline")]

mod damage;
mod gone;

use std::fs;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use shell::ManualClock;
use tag::Fault;
use tempfile::TempDir;

use super::*;
use crate::decimate::{Series, Span};
use crate::entry::{Cause, Entry, Number, Point, TagNo, Whom};

const SECOND: u64 = 1_000_000;
const START: u64 = 1_700_000_000 * SECOND;

fn at(second: u64) -> Timestamp {
    Timestamp(START + second * SECOND)
}

fn name(text: &str) -> TagName {
    TagName::parse(text).unwrap()
}

fn config(folder: &Path) -> StoreConfig {
    StoreConfig::new(folder.into(), vec![(name("level"), Kind::Float), (name("count"), Kind::Int)])
}

fn open(folder: &Path) -> Store {
    open_at(folder, 1000)
}

fn open_at(folder: &Path, second: u64) -> Store {
    Store::open(config(folder), ManualClock::at(at(second))).unwrap()
}

fn entry(tag: u32, second: u64, point: Point) -> Entry {
    Entry { whom: Whom::Tag(TagNo(tag)), at: at(second), point }
}

fn level(second: u64, x: f64) -> Entry {
    entry(0, second, Point::Value(Number::Float(x)))
}

fn gap_of_all(second: u64) -> Entry {
    Entry { whom: Whom::All, at: at(second), point: Point::Gap(Cause::Fault(Fault::OwnerGone)) }
}

fn read<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&mut Reader) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.read(Stop::new(), work))
}

fn status(store: &Store) -> Status {
    read(store, |reader| reader.status()).unwrap()
}

/// Hands entries over and waits until they are durable.
fn record(store: &Store, entries: Vec<Entry>) {
    let want = status(store).written + entries.len() as u64;
    store.record(Batch { entries }).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while store.shared.written.load(Ordering::Relaxed) < want {
        assert!(Instant::now() < deadline, "{:?}", status(store));
        thread::yield_now();
    }
}

/// All that is known of `level`, seconds since the start; a gap is `None`.
fn levels(store: &Store) -> Vec<(u64, Option<f64>)> {
    let span = Span { from: at(0), to: at(10_000) };
    match read(store, move |reader| reader.trend(&name("level"), span, 4096)).unwrap() {
        Series::Raw(points) => points.into_iter().map(|(at, value)| ((at.0 - START) / SECOND, value)).collect(),
        other => panic!("wanted raw, saw {other:?}"),
    }
}

#[test]
fn what_is_recorded_is_read_again_also_by_the_next_process() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let values = [0.1, 5.0, -0.0, 1e300, f64::MIN_POSITIVE];
    let entries: Vec<_> = values.iter().zip(1..).map(|(x, second)| level(second, *x)).collect();
    record(&store, entries);
    let ints = [i64::MIN, i64::MAX, (1 << 53) + 1];
    let count = |(n, second): (&i64, u64)| entry(1, second, Point::Value(Number::Int(*n)));
    record(&store, ints.iter().zip(1..).map(count).collect());
    store.close(vec![Batch { entries: vec![gap_of_all(9)] }]);

    let store = open(folder.path());
    let want: Vec<_> = (1..).zip(values.map(Some)).chain([(9, None)]).collect();
    assert_eq!(levels(&store), want);
    let all = Span { from: at(0), to: at(10_000) };
    let kept = read(&store, move |reader| {
        let mut kept = Vec::new();
        reader.newest(&name("count"), all, 100, &mut |_, number| kept.push(number))?;
        Ok(kept)
    });
    let back: Vec<_> = ints.iter().rev().map(|n| Number::Int(*n)).collect();
    assert_eq!(kept.unwrap(), back, "ints are exact");
    let found = status(&store);
    assert_eq!((found.tags, found.oldest, found.newest), (2, Some(at(1)), Some(at(5))));
    assert!(found.bytes >= 4096 && found.failing.is_none());
    store.close(Vec::new());
    assert!(!folder.path().join("history.sqlite-wal").exists(), "a clean end leaves one file");
}

#[test]
fn the_last_value_of_a_repeated_time_wins() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    record(&store, vec![level(5, 1.0), level(3, 2.0), level(5, 3.0)]);
    record(&store, vec![level(3, 4.0)]);
    assert_eq!(levels(&store), [(3, Some(4.0)), (5, Some(3.0))]);
    store.close(Vec::new());
}

#[test]
fn a_gap_of_all_counts_for_every_tag_and_a_span_begins_with_what_held() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    record(&store, vec![level(1, 1.0), gap_of_all(1), level(20, 2.0), gap_of_all(30), level(40, 3.0)]);
    assert_eq!(levels(&store), [(1, Some(1.0)), (1, None), (20, Some(2.0)), (30, None), (40, Some(3.0))]);
    let of = |from, to| {
        let span = Span { from: at(from), to: at(to) };
        match read(&store, move |reader| reader.trend(&name("level"), span, 9)).unwrap() {
            Series::Raw(points) => points.into_iter().map(|(_, value)| value).collect::<Vec<_>>(),
            other => panic!("wanted raw, saw {other:?}"),
        }
    };
    assert_eq!(of(25, 29), [Some(2.0)], "the value that held when the span began");
    assert_eq!(of(31, 35), [Some(2.0), None], "the same, and that it is known no more");
    assert_eq!(of(0, 1), []);
    let unknown = read(&store, |reader| reader.trend(&name("other"), Span { from: at(0), to: at(1) }, 9));
    assert_eq!(unknown.unwrap(), Series::Unknown);
    store.close(Vec::new());
}

/// Power is cut (the files are copied as they are, log and all, between two commits): the copy holds all that was
/// durable, and the time nobody recorded is a gap.
#[test]
fn a_kill_loses_nothing_durable_and_leaves_a_gap() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    for second in 1..=50 {
        record(&store, vec![level(second, second as f64)]);
    }
    let copy = TempDir::new().unwrap();
    for file in ["history.sqlite", "history.sqlite-wal"] {
        fs::copy(folder.path().join(file), copy.path().join(file)).unwrap();
    }
    store.close(Vec::new());

    let store = open_at(copy.path(), 100);
    record(&store, vec![level(100, 7.0)]);
    let mut want: Vec<_> = (1..=50).map(|second| (second, Some(second as f64))).collect();
    want.extend([(50, None), (100, Some(7.0))]);
    assert_eq!(levels(&store), want, "the gap begins a µs after the last record");
    store.close(vec![Batch { entries: vec![gap_of_all(101)] }]);

    let store = open_at(copy.path(), 200);
    record(&store, vec![level(200, 8.0)]);
    want.extend([(101, None), (200, Some(8.0))]);
    assert_eq!(levels(&store), want, "after a clean end there is only its own mark");
    store.close(Vec::new());
}

#[test]
fn a_full_disk_is_waited_for() {
    let folder = TempDir::new().unwrap();
    let shared = Arc::new(Shared::default());
    let clock = ManualClock::at(at(0));
    let path = folder.path().join(FILE_NAME);
    let mut writer = Writer::new(path, config(folder.path()), clock, shared.clone());
    writer.open_first().unwrap();
    let pages = |writer: &Writer, max: i64| {
        writer.engine.as_ref().unwrap().conn.pragma_update(None, "max_page_count", max).unwrap();
    };
    pages(&writer, 16);
    let entries = |from, to| (from..to).map(|second| level(second, (second as f64 + 0.1).sqrt())).collect();
    writer.take(Batch { entries: entries(0, 8000) });
    let full = writer.write();
    assert!(matches!(&full, Err(StoreError::Sqlite { doing: "writing to", .. })), "{full:?}");
    assert_eq!(shared.written.load(Ordering::Relaxed), 0);
    pages(&writer, 1000);
    writer.write().unwrap();
    assert_eq!(shared.written.load(Ordering::Relaxed), 8000, "the same batch, once there is room");

    // Told to stop while the disk is full: it ends, soon.
    pages(&writer, 16);
    let (batches, incoming) = sync_channel(1);
    batches.send(Work::Batch(Batch { entries: entries(8000, 16_000) })).unwrap();
    drop(batches);
    shared.closing.store(true, Ordering::Release);
    writer.run(&incoming);
    assert!(shared.failing().is_some());
}

#[test]
fn a_question_can_be_cancelled_and_too_many_are_refused() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let (hold, held) = sync_channel::<()>(0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (begun, beginning) = sync_channel(1);
    let blocking = store.read(Stop::new(), move |_| {
        begun.send(()).unwrap();
        held.recv().unwrap();
        Ok(())
    });
    beginning.recv().unwrap();
    let stop = Stop::new();
    let waiting: Vec<_> = (0..QUESTIONS_MAX).map(|_| store.read(stop.clone(), |_| Ok(()))).collect();
    assert!(matches!(runtime.block_on(store.read(stop.clone(), |_| Ok(()))), Err(ReadError::Busy)));
    stop.cancel();
    hold.send(()).unwrap();
    assert!(runtime.block_on(blocking).is_ok());
    for one in waiting {
        assert!(matches!(runtime.block_on(one), Err(ReadError::Cancelled)));
    }
    store.close(Vec::new());
}

#[test]
fn a_tag_may_change_its_type() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    record(&store, vec![level(1, 2.75), level(2, 3.0)]);
    store.close(Vec::new());
    let tags = vec![(name("new"), Kind::Float), (name("level"), Kind::Int)];
    let store = Store::open(StoreConfig::new(folder.path().into(), tags), ManualClock::at(at(9))).unwrap();
    let last = |before| read(&store, move |reader| reader.last_before(&name("level"), at(before))).unwrap();
    assert_eq!(last(2), Some((at(1), Number::Int(2))));
    assert_eq!(last(9), Some((at(2), Number::Int(3))));
    store.close(Vec::new());
}
