//! Numbers and times at the edges: in the room's own tests, so that they also run where a length and a `time_t` have 32
//! bits.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use shell::ManualClock;

use super::*;
use crate::decimate::{Series, Span};
use crate::entry::{Entry, Number, Point, TIME_END, Whom};

const SECOND: u64 = 1_000_000;

/// 2038-01-19 03:14:08 UTC: the first second that 31 bits can't count.
const ROLLS: u64 = (1 << 31) * SECOND;

fn name() -> TagName {
    TagName::parse("t").unwrap()
}

fn open(folder: &Path, kind: Kind, now: u64) -> Store {
    Store::open(StoreConfig::new(folder.into(), vec![(name(), kind)]), ManualClock::at(Timestamp(now))).unwrap()
}

fn read<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&mut Reader) -> Result<T, ReadError> + Send + 'static,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.read(Stop::new(), work)).unwrap()
}

fn record(store: &Store, points: impl Iterator<Item = (u64, Number)>) {
    let entry = |(at, number)| Entry { whom: Whom::Tag(TagNo(0)), at: Timestamp(at), point: Point::Value(number) };
    let entries: Vec<Entry> = points.map(entry).collect();
    let want = store.written() + entries.len() as u64;
    assert!(store.record(Batch { entries }).is_ok());
    #[allow(clippy::disallowed_methods, reason = "a test looks at the machine's own clock for its deadline")]
    let now = Instant::now;
    let deadline = now() + Duration::from_secs(60);
    while store.shared.written.load(Ordering::Relaxed) < want {
        assert!(now() < deadline, "{} of {want} written", store.written());
        thread::yield_now();
    }
}

/// Every value, as its kind was when it was kept.
fn records(store: &Store) -> Vec<(u64, Number)> {
    let all = Span { from: Timestamp(0), to: Timestamp(u64::MAX) };
    read(store, move |reader| {
        let mut found = Vec::new();
        reader.records(&name(), all, &mut |at, point| {
            if let Point::Value(number) = point {
                found.push((at.0, number));
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    })
}

/// A value each second for two hours around the moment, through log, chunks, rollups and a restart.
#[test]
fn the_nineteenth_of_january_2038_is_a_day_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let points = || (0..7200_u64).map(|i| (ROLLS - 3600 * SECOND + i * SECOND, Number::Float((i % 977) as f64 / 8.0)));
    let store = open(folder.path(), Kind::Float, ROLLS - 3600 * SECOND);
    for part in 0..4 {
        record(&store, points().skip(part * 1800).take(1800));
    }
    store.close(Vec::new());
    let store = open(folder.path(), Kind::Float, ROLLS + 7200 * SECOND);
    let want: Vec<_> = points().collect();
    assert!(records(&store) == want);
    let span = Span { from: Timestamp(ROLLS - 1800 * SECOND), to: Timestamp(ROLLS + 1800 * SECOND) };
    let Series::Decimated(columns) = read(&store, move |reader| reader.trend(&name(), span, 60)) else {
        panic!("3600 values in 60 columns are thinned")
    };
    let extents: Vec<_> = columns.iter().filter_map(|column| column.extent).collect();
    let most = extents.iter().map(|extent| extent.max).fold(f64::MIN, f64::max);
    assert_eq!((most, columns.iter().filter(|column| column.extent.is_none()).count()), (976.0 / 8.0, 0));
    assert!(columns.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let before = read(&store, |reader| reader.last_before(&name(), Timestamp(ROLLS)));
    assert_eq!(before, Some(want[3599]).map(|(at, number)| (Timestamp(at), number)));
    store.close(Vec::new());
}

/// What was kept under the old type stays as it was; a question for numbers of the tag's present type gets those.
#[test]
fn a_tag_whose_type_changed_keeps_its_past() {
    let folder = tempfile::tempdir().unwrap();
    let at = |second: u64| ROLLS + second * SECOND;
    let kept = [(at(1), Number::Int((1 << 53) + 1)), (at(2), Number::Float(2.75)), (at(3), Number::Int(-3))];
    for (place, kind) in [Kind::Int, Kind::Float, Kind::Int].into_iter().enumerate() {
        let store = open(folder.path(), kind, at(10 + place as u64));
        record(&store, kept[place..=place].iter().copied());
        store.close(Vec::new());
    }
    let newest = |kind, place: u64| {
        let store = open(folder.path(), kind, at(20 + place));
        assert_eq!(records(&store), kept, "exactly as they were given");
        let all = Span { from: Timestamp(0), to: TIME_END };
        let found = read(&store, move |reader| {
            let mut found = Vec::new();
            reader.newest(&name(), all, 9, &mut |_, number| found.push(number))?;
            Ok(found)
        });
        store.close(Vec::new());
        found
    };
    assert_eq!(newest(Kind::Int, 0), [Number::Int(-3), Number::Int(2), Number::Int((1 << 53) + 1)]);
    let floats = [Number::Float(-3.0), Number::Float(2.75), Number::Float(9_007_199_254_740_992.0)];
    assert_eq!(newest(Kind::Float, 1), floats);
}

#[test]
fn the_first_and_the_last_time_that_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), Kind::Int, TIME_END.0 - 1);
    let kept = [(0, Number::Int(1)), (1, Number::Int(2)), (TIME_END.0 - 1, Number::Int(i64::MIN))];
    record(&store, kept.into_iter());
    assert_eq!(records(&store), kept);
    store.close(Vec::new());
    let store = open(folder.path(), Kind::Int, TIME_END.0 - 1);
    assert_eq!(records(&store), kept);
    store.close(Vec::new());
}
