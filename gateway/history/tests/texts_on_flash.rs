//! Texts on flash: what was recorded before the clock was known, damage, a store at its bound, a type that was changed.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "texts/known.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod known;

use std::sync::atomic::{AtomicU64, Ordering};

use common::*;
use forebay_history as history;
use history::{Cause, Every, Number, Point, ReadError, Reader, Span, Store, StoreConfig};
use known::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use shell::ManualClock;
use tag::{Kind, Timestamp};
/// What was recorded before the clock was known is moved to its time as it was.
#[test]
fn texts_of_an_unset_clock_get_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(Timestamp(0));
    let tags = TAGS.map(|(tag, kind)| (name(tag), kind)).to_vec();
    let store = Store::open(StoreConfig::new(folder.path().into(), tags), clock).unwrap();
    let by_uptime = |n: u64| Timestamp(4_102_444_800_000_000 + (1 << 48) + n * SECOND);
    let point = |n: u64| word(&format!("{}{n}", "…".repeat(n as usize % 3000)));
    let written = AtomicU64::new(0);
    for part in (1..2000).collect::<Vec<u64>>().chunks(300) {
        record(&store, &written, part.iter().map(|n| entry(0, by_uptime(*n), point(*n))).collect());
    }
    let known = history::Restamp::Known { era: 1, offset: START as i64, now: at(3000) };
    let deadline = now() + PATIENCE;
    while !store.restamp(&known) {
        assert!(now() < deadline);
        std::thread::yield_now();
    }
    let written = AtomicU64::new(store.written());
    record(&store, &written, vec![entry(0, at(2000), word("known"))]);
    let want: Vec<_> = (1..2000).map(|n| (at(n).0, point(n))).chain([(at(2000).0, word("known"))]).collect();
    assert!(records(&store, "word", all()) == want);
    store.close(Vec::new());
    let store = open(folder.path(), at(3000).0);
    let found: Vec<_> = records(&store, "word", all()).into_iter().filter(|(_, point)| point.is_known()).collect();
    assert!(found == want);
    store.close(Vec::new());
}

/// Pages overwritten: what still reads is got back, each text as it was.
#[test]
fn texts_are_got_back_out_of_a_damaged_database() {
    let mut rng = StdRng::seed_from_u64(seed());
    let folder = tempfile::tempdir().unwrap();
    let point = |n: u64| {
        let mut rng = StdRng::seed_from_u64(n);
        word(&(0..200).map(|_| rng.random_range('a'..='z')).collect::<String>())
    };
    let store = open(folder.path(), START);
    let written = AtomicU64::new(0);
    for part in (0..9000).collect::<Vec<u64>>().chunks(1000) {
        record(&store, &written, part.iter().map(|n| entry(0, at(*n), point(*n))).collect());
    }
    store.close(Vec::new());
    let path = folder.path().join("history.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    for _ in 0..3 {
        let page = rng.random_range(12..bytes.len() / 4096);
        rng.fill(&mut bytes[page * 4096..(page + 1) * 4096]);
    }
    std::fs::write(&path, bytes).unwrap();
    let store = open(folder.path(), at(10_000).0);
    let deadline = now() + PATIENCE;
    // An overwritten page of a chunk's middle may only be seen when the chunk is read.
    while store.generation() == 1
        && !read(&store, |reader| reader.status()).unwrap().salvage.is_some_and(|salvage| salvage.is_done)
    {
        assert!(now() < deadline);
        std::thread::yield_now();
    }
    let found: Vec<_> = records(&store, "word", all()).into_iter().filter(|(_, point)| point.is_known()).collect();
    assert!(found.len() > 9000 * 6 / 10, "{} of 9000", found.len());
    assert!(found.iter().all(|(when, found)| *found == point((when - START) / SECOND)), "each as it was");
    store.close(Vec::new());
}

/// Texts of six megabytes and a value each second in a store of two: the oldest of both go, the newest are there, and
/// what is gone is a gap.
#[test]
fn the_oldest_texts_go_with_the_oldest_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let tags = TAGS.map(|(tag, kind)| (name(tag), kind)).to_vec();
    let config = StoreConfig { keep_bytes: 2 << 20, ..StoreConfig::new(folder.path().into(), tags) };
    let store = Store::open(config, ManualClock::at(Timestamp(START))).unwrap();
    let mut rng = StdRng::seed_from_u64(seed());
    let mut point =
        |n: u64| word(&format!("{n} {}", (0..300).map(|_| rng.random_range('a'..='z')).collect::<String>()));
    let texts: Vec<Point> = (0..20_000).map(&mut point).collect();
    let written = AtomicU64::new(0);
    for part in (0..20_000).collect::<Vec<u64>>().chunks(500) {
        let both = |n: &u64| {
            let level = Point::Value(Number::Float((*n as f64 / 50.0).sin()));
            [entry(0, at(n * 10), texts[*n as usize].clone()), entry(3, at(n * 10), level)]
        };
        record(&store, &written, part.iter().flat_map(both).collect());
    }
    let found = records(&store, "word", all());
    assert!((1000..8000).contains(&found.len()), "{} of 20000 are left", found.len());
    let first = 20_000 - found.len();
    let want: Vec<_> = (first..20_000).map(|n| (at(n as u64 * 10).0, texts[n].clone())).collect();
    assert!(found == want, "the newest, every one");
    let held = |tag: &'static str, second| read(&store, move |reader| reader.value_at(&name(tag), at(second))).unwrap();
    assert_eq!(held("word", 10), Some(None), "what was thinned isn't known any more");
    assert_eq!(held("word", 200_000).unwrap().unwrap().1, texts[19_999]);
    assert!(held("level", 100).unwrap().unwrap().1.is_known(), "a number's minutes stand for it");
    store.close(Vec::new());
    let bytes = std::fs::metadata(folder.path().join("history.sqlite")).unwrap().len();
    assert!(bytes < 3 << 20, "{bytes} bytes");
}

/// How long each text lasted; and what only numbers have is an error that says so.
#[test]
fn a_tag_of_texts_has_states_and_no_trend() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), START);
    let written = AtomicU64::new(0);
    let hour = 1_700_002_800 - START / SECOND;
    let entries = [(0, word("off")), (600, word("on")), (900, Point::Gap(Cause::NotRecorded)), (1200, word("off"))];
    record(&store, &written, entries.into_iter().map(|(s, point)| entry(0, at(hour + s), point)).collect());
    let span = Span { from: at(hour), to: at(hour + 3600) };
    let (every, end) = (Every::Hour, at(hour + 3600));
    let rows = read(&store, move |reader| reader.text_states(&name("word"), span, every, end)).unwrap().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].states, [(word("off"), 3000 * SECOND), (word("on"), 300 * SECOND)]);
    let refused: [fn(&mut Reader, Span) -> Option<ReadError>; 4] = [
        |reader, span| reader.trend(&name("word"), span, 100).err(),
        |reader, span| reader.buckets(&name("word"), span, Every::Hour, span.to).err(),
        |reader, span| reader.counts(&name("word"), span, Every::Hour, span.to, None).err(),
        |reader, span| reader.states(&name("word"), span, Every::Hour, span.to).err(),
    ];
    for refused in refused {
        let error = read(&store, move |reader| Ok(refused(reader, span))).unwrap();
        assert!(matches!(&error, Some(ReadError::NoNumbers(tag)) if tag.as_str() == "word"), "{error:?}");
    }
    let many = (0..400).map(|n| entry(0, at(hour + n), word(&n.to_string()))).collect();
    let written = AtomicU64::new(written.load(Ordering::Relaxed));
    record(&store, &written, many);
    let refused = read(&store, move |reader| reader.text_states(&name("word"), span, every, end));
    assert!(matches!(refused, Err(ReadError::TooManyStates)), "{refused:?}");
    store.close(Vec::new());
}

/// A tag that was a number, was made a text, and a number again: what it was given is kept, a trend has gaps for texts.
#[test]
fn a_tag_whose_type_was_changed_keeps_both() {
    let folder = tempfile::tempdir().unwrap();
    let open = |kind| {
        let config = StoreConfig::new(folder.path().into(), vec![(name("t"), kind)]);
        Store::open(config, ManualClock::at(at(0))).unwrap()
    };
    // Whole windows of minutes, so that there would be blocks.
    let value = |n: u64| Point::Value(Number::Int(n as i64));
    let of = |n: u64| if n / 20_000 == 1 { word(&n.to_string()) } else { value(n) };
    for (kind, from) in [(Kind::Int, 0), (Kind::Str, 20_000), (Kind::Int, 40_000)] {
        let store = open(kind);
        let written = AtomicU64::new(0);
        for part in (from..from + 20_000).collect::<Vec<u64>>().chunks(2000) {
            record(&store, &written, part.iter().map(|n| entry(0, at(*n), of(*n))).collect());
        }
        store.close(Vec::new());
    }
    let store = open(Kind::Int);
    let found: Vec<_> = records(&store, "t", all()).into_iter().filter(|(_, point)| point.is_known()).collect();
    assert!(found == (0..60_000).map(|n| (at(n).0, of(n))).collect::<Vec<_>>());
    let span = Span { from: at(0), to: at(60_000) };
    let rows = read(&store, move |reader| reader.buckets(&name("t"), span, Every::Hour, at(60_000))).unwrap().unwrap();
    let sum = rows.iter().map(|row| row.count).sum::<u64>();
    assert_eq!(sum, 40_000, "numbers");
    let good: u64 = rows.iter().map(|row| row.good_us).sum();
    assert!(good.abs_diff(40_000 * SECOND) <= 2 * SECOND, "{good} µs: a text is no value here");
    store.close(Vec::new());
}

/// By hand: a span taken out, the store made smaller, each text that is left as it was.
#[test]
fn texts_can_be_erased_and_thinned_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let point = |n: u64| {
        let mut rng = StdRng::seed_from_u64(n);
        word(&(0..100).map(|_| rng.random_range('a'..='z')).collect::<String>())
    };
    let store = open(folder.path(), START);
    let written = AtomicU64::new(0);
    for part in (0..5000).collect::<Vec<u64>>().chunks(1000) {
        record(&store, &written, part.iter().map(|n| entry(0, at(*n), point(*n))).collect());
    }
    store.close(Vec::new());
    let erased = history::erase(folder.path(), Span { from: at(1000), to: at(2000) }).unwrap();
    assert_eq!(erased, 1000);
    let found = |want: &mut dyn Iterator<Item = u64>| {
        let store = open(folder.path(), at(6000).0);
        let found: Vec<_> = records(&store, "word", all()).into_iter().filter(|(_, point)| point.is_known()).collect();
        store.close(Vec::new());
        assert!(found == want.map(|n| (at(n).0, point(n))).collect::<Vec<_>>());
    };
    found(&mut (0..1000).chain(2000..5000));
    let before = history::tools::stats(folder.path()).unwrap();
    assert_eq!(before.records, 4000);
    let bytes = history::tools::shrink(folder.path(), 200 << 10, &mut |_, _| {}).unwrap();
    let left = history::tools::stats(folder.path()).unwrap().records;
    assert!(bytes < 220 << 10 && (500..2500).contains(&left), "{before:?}, {left} left in {bytes} bytes");
    found(&mut (5000 - left..5000));
}
