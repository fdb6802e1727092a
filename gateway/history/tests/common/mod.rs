//! What the tests against the store's public face share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use forebay_history::{Batch, Cause, Entry, Number, Point, ReadError, Reader, Span, Store, StoreConfig, TagNo, Whom};
use shell::{ManualClock, Stop};
use tag::{Kind, TagName, Timestamp};

pub(crate) const SECOND: u64 = 1_000_000;
pub(crate) const START: u64 = 1_700_000_000 * SECOND;
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn name(text: &str) -> TagName {
    TagName::parse(text).unwrap()
}

pub(crate) fn config(folder: &Path) -> StoreConfig {
    let tags = vec![(name("level"), Kind::Float), (name("count"), Kind::Int), (name("state"), Kind::Int)];
    StoreConfig::new(folder.into(), tags)
}

pub(crate) fn open_at(folder: &Path, now: Timestamp) -> Store {
    Store::open(config(folder), ManualClock::at(now)).unwrap()
}

pub(crate) fn float(tag: u32, at: Timestamp, x: f64) -> Entry {
    Entry { whom: Whom::Tag(TagNo(tag)), at, point: Point::Value(Number::Float(x)) }
}

pub(crate) fn int(tag: u32, at: Timestamp, n: i64) -> Entry {
    Entry { whom: Whom::Tag(TagNo(tag)), at, point: Point::Value(Number::Int(n)) }
}

pub(crate) fn gap(tag: u32, at: Timestamp) -> Entry {
    Entry { whom: Whom::Tag(TagNo(tag)), at, point: Point::Gap(Cause::NotRecorded) }
}

pub(crate) fn read<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&mut Reader) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.read(Stop::new(), work))
}

/// Hands entries over and waits until they are durable.
pub(crate) fn record(store: &Store, written: &AtomicU64, entries: Vec<Entry>) {
    let want = written.fetch_add(entries.len() as u64, Ordering::Relaxed) + entries.len() as u64;
    let mut batch = Batch { entries };
    let deadline = now() + PATIENCE;
    while let Err(back) = store.record(batch) {
        assert!(now() < deadline, "the store takes nothing");
        batch = back;
        std::thread::yield_now();
    }
    while store.written() < want {
        assert!(now() < deadline, "{} of {want} written", store.written());
        std::thread::yield_now();
    }
}

/// Every record of a tag in a span, gaps too.
pub(crate) fn raw(store: &Store, tag: &str, span: Span) -> Vec<(u64, Option<f64>)> {
    let tag = name(tag);
    let reading = read(store, move |reader| {
        let mut records = Vec::new();
        let known = reader.records(&tag, span, &mut |at, point| {
            let value = point.number().map(Number::as_f64);
            records.push((at.0, value));
            ControlFlow::Continue(())
        })?;
        assert!(known, "{tag} is known");
        Ok(records)
    });
    reading.unwrap()
}

#[allow(clippy::disallowed_methods, reason = "a test looks at the machine's own clock for its deadline")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The seed of a random test: given, or new; printed.
pub(crate) fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let given = std::env::var("FOREBAY_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
    eprintln!("FOREBAY_SEED={seed}");
    seed
}
