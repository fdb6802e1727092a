//! The store beside a plain `BTreeMap`: whatever comes in whatever order, over restarts, both know the same.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;

use common::*;
use forebay_history as history;
use history::{Batch, Cause, Entry, Point, Series, Span, Store, Whom};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tag::Timestamp;

const TAGS: [&str; 3] = ["level", "count", "state"];
const DAY: u64 = 86_400 * SECOND;

/// Per tag: what is known when; and since when nobody recorded.
#[derive(Default)]
struct Model {
    tags: [BTreeMap<u64, Option<f64>>; 3],
    gaps_of_all: BTreeSet<u64>,
}

impl Model {
    /// A tag's records in a span; at the same time the gap of all comes after its own.
    fn records(&self, no: usize, from: u64, to: u64) -> Vec<(u64, Option<f64>)> {
        let own = self.tags[no].range(from..to).map(|(at, value)| (*at, *value));
        let mut all: Vec<_> = own.chain(self.gaps_of_all.range(from..to).map(|at| (*at, None))).collect();
        all.sort_by_key(|(at, _)| *at);
        all
    }
}

fn rounds() -> usize {
    if std::env::var("FOREBAY_SOAK").is_ok_and(|long| long == "1") { 400 } else { 25 }
}

/// A source's next records: regular, jittery, sparse, late, or corrections of what it said before.
fn some(rng: &mut StdRng, now: &mut u64, model: &mut Model) -> Vec<Entry> {
    let tag = rng.random_range(0..3_u32);
    let count = [5, 100, 3000][rng.random_range(0..3)];
    let step = [1000, SECOND, 10 * SECOND, 3600 * SECOND][rng.random_range(0..4)];
    let mut at = match rng.random_range(0..5) {
        // Late: anywhere in the past.
        0 => START + rng.random_range(0..=*now - START),
        // From the source's own future.
        1 if rng.random_bool(0.3) => *now + DAY,
        _ => *now,
    };
    let moves_on = at == *now;
    let mut entries = Vec::new();
    for _ in 0..count {
        at += match rng.random_range(0..10) {
            0 => 0,
            1 => rng.random_range(0..step * 2),
            _ => step,
        };
        let entry = match rng.random_range(0..20) {
            0 => gap(tag, Timestamp(at)),
            _ if tag == 0 => float(0, Timestamp(at), (rng.random_range(-1e6..1e6_f64)).round() / 100.0),
            _ => int(tag, Timestamp(at), rng.random_range(-1000..1000)),
        };
        model.tags[tag as usize].insert(at, value(&entry));
        entries.push(entry);
    }
    if moves_on {
        *now = at + 1;
    }
    entries
}

fn value(entry: &Entry) -> Option<f64> {
    entry.point.number().map(history::Number::as_f64)
}

/// What a trend must say: the record that held at the beginning, then each record; a gap after a gap or at the very
/// beginning says nothing.
fn wanted(model: &Model, no: usize, span: Span) -> Vec<(u64, Option<f64>)> {
    let own = model.tags[no].range(..span.from.0).next_back().map(|(at, value)| (*at, *value));
    let all = model.gaps_of_all.range(..span.from.0).next_back().map(|at| (*at, None));
    let all = all.filter(|(at, _)| own.is_some_and(|(own, _)| own <= *at));
    let mut known: Vec<(u64, Option<f64>)> = Vec::new();
    for (at, value) in own.into_iter().chain(all).chain(model.records(no, span.from.0, span.to.0)) {
        // Times rise: a gap at the time of a value counts from right after it.
        let at = known.last().map_or(at, |(last, _)| at.max(last + 1));
        if value.is_some() || known.last().is_some_and(|(_, last)| last.is_some()) {
            known.push((at, value));
        }
    }
    known
}

fn some_span(rng: &mut StdRng, now: u64) -> Span {
    let length = [SECOND * 10, 3600 * SECOND, DAY, 40 * DAY, now - START + 2 * DAY][rng.random_range(0..5)];
    let from = START + rng.random_range(0..=now - START);
    Span { from: Timestamp(from), to: Timestamp(from + rng.random_range(1..=length)) }
}

fn compare(store: &Store, model: &Model, rng: &mut StdRng, now: u64) {
    for (no, tag) in TAGS.into_iter().enumerate() {
        let span = some_span(rng, now);
        assert!(raw(store, tag, span) == model.records(no, span.from.0, span.to.0), "{tag} {span:?}");
        let want = wanted(model, no, span);
        thinned(store, tag, span, &want, rng.random_range(1..900));
        let before = Timestamp(START + rng.random_range(0..=now - START));
        let last = model.tags[no].range(..before.0).rev().find_map(|(at, value)| value.map(|value| (*at, value)));
        let name = name(tag);
        let found = read(store, move |reader| reader.last_before(&name, before)).unwrap();
        assert_eq!(found.map(|(at, number)| (at.0, number.as_f64())), last, "{tag} before {before}");
    }
}

/// In columns: as many as asked for at most (four each with gaps), the same smallest and largest value, the same last
/// one, and a gap wherever a whole column is in one.
fn thinned(store: &Store, tag: &str, span: Span, want: &[(u64, Option<f64>)], columns: usize) {
    let name = name(tag);
    let found = match read(store, move |reader| reader.trend(&name, span, columns)).unwrap() {
        Series::Raw(points) => {
            let points: Vec<_> = points.into_iter().map(|(at, value)| (at.0, value)).collect();
            assert!(points == want, "{tag} {span:?} raw");
            return;
        }
        Series::Decimated(found) => found,
        Series::Unknown => panic!("{tag} is known"),
    };
    assert!(found.len() <= 4 * columns + 1, "{} of {columns}", found.len());
    assert!(found.windows(2).all(|pair| pair[0].at <= pair[1].at), "{tag} {span:?}: times rise");
    let values: Vec<f64> = want.iter().filter_map(|(_, value)| *value).collect();
    let extents: Vec<_> = found.iter().filter_map(|column| column.extent).collect();
    let least = |numbers: &mut dyn Iterator<Item = f64>| numbers.fold(f64::INFINITY, f64::min);
    let most = |numbers: &mut dyn Iterator<Item = f64>| numbers.fold(f64::NEG_INFINITY, f64::max);
    let context = || format!("{tag} {span:?} in {columns}");
    assert_eq!(least(&mut extents.iter().map(|e| e.min)), least(&mut values.iter().copied()), "{}", context());
    assert_eq!(most(&mut extents.iter().map(|e| e.max)), most(&mut values.iter().copied()), "{}", context());
    assert_eq!(extents.last().map(|e| e.last), values.last().copied(), "{}", context());
    let gaps = |known: bool| want.iter().filter(move |(_, value)| value.is_some() == known).count();
    let seen = found.iter().filter(|column| column.extent.is_none()).count();
    assert_eq!(seen > 0, gaps(false) > 0, "{}: {} gaps, {seen} seen", context(), gaps(false));
    let ends_in_gap = want.last().is_some_and(|(_, value)| value.is_none());
    assert_eq!(found.last().is_some_and(|column| column.extent.is_none()), ends_in_gap, "{}", context());
}

#[test]
fn the_store_knows_what_the_model_knows() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let mut now = START;
    let mut store = open_at(folder.path(), Timestamp(now));
    let mut written = AtomicU64::new(0);
    for _ in 0..rounds() {
        for _ in 0..rng.random_range(1..6) {
            let entries = some(&mut rng, &mut now, &mut model);
            record(&store, &written, entries);
        }
        compare(&store, &model, &mut rng, now);
        if rng.random_bool(0.3) {
            // A clean end leaves its mark behind everything there is, so the next process owes none.
            let newest = model.tags.iter().filter_map(|tag| tag.keys().next_back()).max();
            let mark = newest.copied().unwrap_or(0).max(model.gaps_of_all.last().copied().unwrap_or(START)) + 1;
            model.gaps_of_all.insert(mark);
            let entry = Entry { whom: Whom::All, at: Timestamp(mark), point: Point::Gap(Cause::NotRecorded) };
            store.close(vec![Batch { entries: vec![entry] }]);
            store = open_at(folder.path(), Timestamp(START));
            written = AtomicU64::new(0);
            compare(&store, &model, &mut rng, now);
        }
    }
    store.close(Vec::new());
}
