//! Tags of texts, lists, mappings and bytes beside a plain `BTreeMap`: whatever comes in whatever order, over restarts,
//! both know the same, byte for byte.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "texts/known.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod known;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;

use common::*;
use forebay_history as history;
use history::{Batch, Cause, Entry, Number, Point, Span, Store, Whom};
use known::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tag::{TagName, Timestamp, Value};

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
        let (since, own) = self.tags[no].range(..=at).next_back()?;
        // At the same time the gap of all comes after.
        let is_gap = self.gaps_of_all.range(since..=&at).next().is_some();
        Some(own.clone()).filter(|own| own.is_known() && !is_gap)
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
