//! Tags of texts, lists, mappings and bytes beside a plain `BTreeMap`: whatever comes in whatever order, over restarts,
//! both know the same, byte for byte.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use common::*;
use forebay_history as history;
use history::{Batch, Cause, Entry, Every, Number, Point, ReadError, Reader, Span, Store, StoreConfig, Text, Whom};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use shell::ManualClock;
use tag::{Kind, TagName, Timestamp, Value};

const TAGS: [(&str, Kind); 4] =
    [("word", Kind::Str), ("status", Kind::Dict), ("raw", Kind::Bytes), ("level", Kind::Float)];

fn open(folder: &Path, now: u64) -> Store {
    let tags = TAGS.map(|(tag, kind)| (name(tag), kind)).to_vec();
    Store::open(StoreConfig::new(folder.into(), tags), ManualClock::at(Timestamp(now))).unwrap()
}

fn all() -> Span {
    Span { from: Timestamp(0), to: Timestamp(u64::MAX) }
}

fn at(second: u64) -> Timestamp {
    Timestamp(START + second * SECOND)
}

fn text(value: &Value) -> Point {
    Point::Text(Text::of(value).unwrap())
}

fn word(word: &str) -> Point {
    text(&Value::from(word))
}

fn entry(tag: u32, at: Timestamp, point: Point) -> Entry {
    Entry { whom: Whom::Tag(history::TagNo(tag)), at, point }
}

/// Every record of a tag in a span, as it is.
fn records(store: &Store, tag: &str, span: Span) -> Vec<(u64, Point)> {
    let tag = name(tag);
    let all = read(store, move |reader| {
        let mut found = Vec::new();
        let known = reader.records(&tag, span, &mut |at, point| {
            found.push((at.0, point));
            ControlFlow::Continue(())
        })?;
        assert!(known);
        Ok(found)
    });
    all.unwrap()
}

#[derive(Default)]
struct Model {
    tags: [BTreeMap<u64, Point>; 4],
    gaps_of_all: BTreeSet<u64>,
}

impl Model {
    /// A tag's records in a span; at the same time the gap of all comes after its own.
    fn records(&self, no: usize, span: Span) -> Vec<(u64, Point)> {
        let (from, to) = (span.from.0, span.to.0);
        let own = self.tags[no].range(from..to).map(|(at, point)| (*at, point.clone()));
        let gap = |at: &u64| (*at, Point::Gap(Cause::NotRecorded));
        let mut all: Vec<_> = own.chain(self.gaps_of_all.range(from..to).map(gap)).collect();
        all.sort_by_key(|(at, _)| *at);
        all
    }

    /// What a tag holds at a time.
    fn held(&self, no: usize, at: u64) -> Option<Point> {
        let span = Span { from: Timestamp(0), to: Timestamp(at + 1) };
        self.records(no, span).pop().map(|(_, point)| point).filter(Point::is_known)
    }
}

/// Words that come again, a status of which a part changes, long ones, and any at all.
fn some_point(rng: &mut StdRng, tag: u32) -> Point {
    let any = |rng: &mut StdRng, most: usize| -> String {
        let length = rng.random_range(0..most);
        (0..length).map(|_| rng.random::<char>()).collect()
    };
    match (rng.random_range(0..20), tag) {
        (0, _) => Point::Gap(Cause::NotRecorded),
        (1, _) => Point::Gap(Cause::TooLong),
        (_, 3) => Point::Value(Number::Float(f64::from(rng.random_range(-99..99)) / 8.0)),
        (2, 1) => Point::Value(Number::Int(7)),
        (2..6, 0) => word(&any(rng, 40)),
        (6, 0) if rng.random_bool(0.1) => word(&"long \u{1f600} ".repeat(6000)[..]),
        (_, 0) => word(["on", "off", "", "line\nbreak, \"quote\" \0 \u{1f600}"][rng.random_range(0..4)]),
        (6, 1) if rng.random_bool(0.1) => text(&Value::Json(format!("[{}]", "1, ".repeat(20_000)).into())),
        (_, 1) => text(&Value::Json(format!(r#"{{"mode": "auto", "n": {}}}"#, rng.random_range(0..300)).into())),
        _ => text(&Value::Bytes((0..rng.random_range(0..30)).map(|_| rng.random()).collect::<Vec<u8>>().into())),
    }
}

/// A source's next records: regular, sparse, late, or corrections of what it said before.
fn some(rng: &mut StdRng, now: &mut u64, model: &mut Model) -> Vec<Entry> {
    let tag = rng.random_range(0..4_u32);
    let count = [3, 60, 1500][rng.random_range(0..3)];
    let step = [1000, SECOND, 3600 * SECOND][rng.random_range(0..3)];
    let is_late = rng.random_bool(0.25);
    let mut at = if is_late { START + rng.random_range(0..=*now - START) } else { *now };
    let mut entries = Vec::new();
    for _ in 0..count {
        at += if rng.random_bool(0.1) { 0 } else { rng.random_range(1..=step) };
        let point = some_point(rng, tag);
        model.tags[tag as usize].insert(at, point.clone());
        entries.push(entry(tag, Timestamp(at), point));
    }
    *now = (*now).max(at + 1);
    entries
}

/// Rows at every change, page after page.
fn changed(store: &Store, tags: &[TagName], span: Span) -> Vec<(u64, Vec<Option<Point>>)> {
    let (mut rows, mut from) = (Vec::new(), span.from);
    loop {
        let (these, part) = (tags.to_vec(), Span { from, to: span.to });
        let page = read(store, move |reader| reader.rows_changed(&these, part)).unwrap();
        rows.extend(page.rows.into_iter().map(|(at, row)| (at.0, row)));
        let Some(next) = page.next else { return rows };
        assert!(next > from, "it goes on");
        from = next;
    }
}

fn compare(store: &Store, model: &Model, rng: &mut StdRng, now: u64) {
    let from = START + rng.random_range(0..now - START);
    let span = Span { from: Timestamp(from), to: Timestamp(from + rng.random_range(1..now - START + 9)) };
    for (no, (tag, _)) in TAGS.into_iter().enumerate() {
        assert!(records(store, tag, all()) == model.records(no, all()), "{tag}");
        assert!(records(store, tag, span) == model.records(no, span), "{tag} {span:?}");
        let (tag, when) = (name(tag), Timestamp(START + rng.random_range(0..now - START)));
        let found = read(store, move |reader| reader.value_at(&tag, when)).unwrap().unwrap();
        let found = found.map(|(_, point)| point).filter(Point::is_known);
        assert!(found == model.held(no, when.0), "{no} at {when}");
    }
    let (words, status) = (name("word"), name("status"));
    let rows = changed(store, &[words.clone(), status.clone()], span);
    let mut times: Vec<u64> = [0, 1].iter().flat_map(|no| model.records(*no, span)).map(|(at, _)| at).collect();
    times.push(span.from.0);
    times.sort_unstable();
    times.dedup();
    let want: Vec<_> = times.iter().map(|at| (*at, vec![model.held(0, *at), model.held(1, *at)])).collect();
    assert!(rows == want, "rows of {span:?}");
    let step = (span.to.0 - span.from.0) / 40 + 1;
    let page = read(store, move |reader| reader.rows_every(&[words, status], span, step)).unwrap();
    for (at, row) in page.rows {
        assert!(row == [model.held(0, at.0), model.held(1, at.0)], "at {at}");
    }
}

#[test]
fn the_store_knows_the_texts_that_the_model_knows() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let (mut model, mut now) = (Model::default(), START + 1);
    let mut store = open(folder.path(), now);
    let rounds = if std::env::var("FOREBAY_SOAK").is_ok_and(|long| long == "1") { 200 } else { 12 };
    for _ in 0..rounds {
        let written = AtomicU64::new(store.written());
        for _ in 0..rng.random_range(1..6) {
            let entries = some(&mut rng, &mut now, &mut model);
            record(&store, &written, entries);
        }
        compare(&store, &model, &mut rng, now);
        if rng.random_bool(0.4) {
            let mark = now + 1;
            model.gaps_of_all.insert(mark);
            let gap = Entry { whom: Whom::All, at: Timestamp(mark), point: Point::Gap(Cause::NotRecorded) };
            store.close(vec![Batch { entries: vec![gap] }]);
            store = open(folder.path(), START);
            now = mark + 1;
            compare(&store, &model, &mut rng, now);
        }
    }
    store.close(Vec::new());
    let found = history::tools::check(folder.path(), &mut |_, _| {}).unwrap();
    assert_eq!(found.damaged, Vec::<String>::new());
}

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
