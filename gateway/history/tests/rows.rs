//! Tags side by side, and what held at a time, beside a plain `BTreeMap`; page after page until there is no more.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "rolled/model.rs"]
#[allow(dead_code, reason = "rows need a part of it")]
mod model;

use std::sync::atomic::AtomicU64;

use common::*;
use forebay_history as history;
use history::{Cause, Entry, Number, PAGE_CELLS_MAX, Page, Point, ReadError, Reader, Span, Store, Whom};
use model::Model;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tag::{TagName, Timestamp};

const TAGS: [&str; 3] = ["level", "count", "state"];

/// What a tag holds at a time.
fn held(course: &[(u64, Option<f64>)], at: u64) -> Option<(u64, Option<f64>)> {
    course.partition_point(|(time, _)| *time <= at).checked_sub(1).map(|last| course[last])
}

fn fill(rng: &mut StdRng, store: &Store, model: &mut Model) -> u64 {
    let written = AtomicU64::new(0);
    let mut newest = START;
    for _ in 0..12 {
        let tag = rng.random_range(0..3_u32);
        let late = rng.random_bool(0.2);
        let mut at = if late { rng.random_range(START..=newest) } else { newest };
        let step = [1, SECOND, 600 * SECOND][rng.random_range(0..3)];
        let mut entries = Vec::new();
        for _ in 0..[20, 3000, 30_000][rng.random_range(0..3)] {
            // Several tags change at one time now and then.
            at += rng.random_range(0..=step);
            let when = Timestamp(at);
            let entry = match (rng.random_range(0..50), tag) {
                (0, _) => gap(tag, when),
                (_, 0) => float(0, when, rng.random_range(-9.0..9.0)),
                _ => int(tag, when, rng.random_range(-9..9)),
            };
            model.insert(tag as usize, at, &entry);
            entries.push(entry);
        }
        newest = newest.max(at);
        if rng.random_bool(0.3) {
            model.gaps_of_all.insert(newest);
            entries.push(Entry { whom: Whom::All, at: Timestamp(newest), point: Point::Gap(Cause::NotRecorded) });
        }
        record(store, &written, entries);
        // Counted from the store's start.
        written.store(store.written(), std::sync::atomic::Ordering::Relaxed);
    }
    newest
}

/// Every page of a question, one after the other.
fn pages(
    store: &Store,
    tags: &[TagName],
    span: Span,
    ask: fn(&mut Reader, &[TagName], Span) -> Result<Page, ReadError>,
) -> Vec<(u64, Vec<Option<f64>>)> {
    let (mut rows, mut from) = (Vec::new(), span.from);
    loop {
        let (these, part) = (tags.to_vec(), Span { from, to: span.to });
        let page = read(store, move |reader| ask(reader, &these, part)).unwrap();
        assert!(
            page.rows.len() * tags.len() <= PAGE_CELLS_MAX + 2 * tags.len(),
            "a page is bounded: {}",
            page.rows.len()
        );
        let value = |value: &Option<Point>| value.as_ref()?.number().map(history::Number::as_f64);
        rows.extend(page.rows.iter().map(|(at, row)| (at.0, row.iter().map(value).collect::<Vec<_>>())));
        let Some(next) = page.next else { return rows };
        assert!(next > from, "it goes on");
        from = next;
    }
}

fn some_tags(rng: &mut StdRng) -> Vec<usize> {
    let mut tags: Vec<usize> = (0..3).filter(|_| rng.random_bool(0.7)).collect();
    if tags.is_empty() {
        tags.push(rng.random_range(0..3));
    }
    tags
}

#[test]
fn rows_are_what_each_tag_held_then() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let store = open_at(folder.path(), Timestamp(START));
        let mut model = Model::default();
        let newest = fill(&mut rng, &store, &mut model);
        for _ in 0..8 {
            let places = some_tags(&mut rng);
            let tags: Vec<TagName> = places.iter().map(|place| name(TAGS[*place])).collect();
            let courses: Vec<_> = places.iter().map(|place| model.course(*place)).collect();
            let row =
                |at| courses.iter().map(|course| held(course, at).and_then(|(_, value)| value)).collect::<Vec<_>>();
            let from = START - SECOND + rng.random_range(0..=newest - START);
            let span =
                Span { from: Timestamp(from), to: Timestamp(from + rng.random_range(1..=newest - START + SECOND)) };
            // Tags aligned at a step.
            let length = span.to.0 - span.from.0;
            let found = match rng.random_range(0..2) {
                0 => (
                    pages(&store, &tags, span, |reader, tags, span| reader.rows_every(tags, span, 777_777_777)),
                    777_777_777,
                ),
                _ if length < 40_000 * SECOND => {
                    (pages(&store, &tags, span, |reader, tags, span| reader.rows_every(tags, span, 999_983)), 999_983)
                }
                _ => continue,
            };
            let times = (span.from.0..span.to.0).step_by(found.1);
            assert!(
                found.0 == times.map(|at| (at, row(at))).collect::<Vec<_>>(),
                "{places:?} {span:?} every {}",
                found.1
            );
            // Tags aligned at every change.
            let found = pages(&store, &tags, span, |reader, tags, span| reader.rows_changed(tags, span));
            let mut times: Vec<u64> = courses.iter().flatten().map(|(at, _)| *at).collect();
            times.retain(|at| span.from.0 < *at && *at < span.to.0);
            times.push(span.from.0);
            times.sort_unstable();
            times.dedup();
            assert!(found == times.iter().map(|at| (*at, row(*at))).collect::<Vec<_>>(), "{places:?} {span:?} changed");
            // At a time.
            for (tag, course) in tags.iter().zip(&courses) {
                let (tag, at) = (tag.clone(), rng.random_range(START - 9..newest + 9));
                let found = read(&store, move |reader| reader.value_at(&tag, Timestamp(at))).unwrap().unwrap();
                let found = found.map(|(since, point)| (since.0, point.number().map(history::Number::as_f64)));
                // A gap before the tag's first value says nothing of it.
                let known = course.iter().any(|(time, value)| *time <= at && value.is_some());
                let want = held(course, at);
                assert!(
                    found == want || !known && found.is_none_or(|(_, value)| value.is_none()),
                    "{at}: {found:?} {want:?}"
                );
            }
        }
        store.close(Vec::new());
    }
}

#[test]
fn what_was_thinned_is_known_as_well_as_what_is_left_tells() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_at(folder.path(), Timestamp(START));
    let written = AtomicU64::new(0);
    // Sixty days, each value a minute long: the day's number, and one more on the last minute of an hour.
    let minute = 60 * SECOND;
    for day in 0..60_u64 {
        let at = |i: u64| Timestamp(START + (day * 1440 + i) * minute);
        record(
            &store,
            &written,
            (0..1440).map(|i| int(1, at(i), (day * 2 + u64::from(i % 60 == 59)) as i64)).collect(),
        );
    }
    store.close(Vec::new());
    let before = history::tools::stats(folder.path()).unwrap();
    history::tools::shrink(folder.path(), before.file_bytes / 3, &mut |_, _| {}).unwrap();
    let after = history::tools::stats(folder.path()).unwrap();
    assert!(after.records < before.records / 2, "{before:?} {after:?}");
    let mut reader = Reader::beside(folder.path());
    let tag = name("count");
    let at = |day: u64| Timestamp(START + day * 1440 * minute + 150 * minute);
    let known = |reader: &mut Reader, day| match reader.value_at(&tag, at(day)).unwrap().unwrap() {
        Some((_, Point::Value(number))) => number.as_i64(),
        other => panic!("day {day}: {other:?}"),
    };
    for day in 1..60 {
        let value = known(&mut reader, day);
        assert!((value - 2 * day as i64).abs() <= 1, "day {day}: {value}");
    }
    // Rows of hours are exact whatever is left of them, or as long as what is left.
    let span = Span { from: at(0), to: at(59) };
    let rows = reader.buckets(&tag, span, history::Every::Hour, at(59)).unwrap().unwrap();
    assert!(rows.windows(2).all(|pair| pair[0].span.to == pair[1].span.from), "rows follow one another");
    let count: u64 = rows.iter().map(|row| row.count).sum();
    assert!((59 * 1440 - 120..=59 * 1440 + 120).contains(&count), "{count}");
    assert!(rows.iter().skip(2).all(|row| row.good_us == row.span.to.0 - row.span.from.0 || row.span.to >= at(59)));
}

#[test]
fn a_question_can_be_cancelled_and_recording_goes_on_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_at(folder.path(), Timestamp(START));
    let written = AtomicU64::new(0);
    let at = |i: u64| Timestamp(START + i * SECOND);
    for part in 0..10 {
        record(&store, &written, (0..20_000).map(|i| int(2, at(part * 20_000 + i), i as i64 % 5)).collect());
    }
    let stop = shell::Stop::new();
    let cancel = stop.clone();
    let tag = name("state");
    let span = Span { from: at(0), to: at(200_000) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (told, tell) = std::sync::mpsc::sync_channel(1);
    let (go, wait) = std::sync::mpsc::sync_channel(1);
    let reading = store.read(stop, move |reader| {
        let mut seen = 0;
        reader.records(&tag, span, &mut |_, _| {
            seen += 1;
            if seen == 1000 {
                told.send(()).unwrap();
                // Held here until the recorder has gone on.
                wait.recv().unwrap();
            }
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(seen)
    });
    tell.recv_timeout(PATIENCE).unwrap();
    record(&store, &written, (0..1000).map(|i| int(2, at(200_000 + i), 7)).collect());
    cancel.cancel();
    go.send(()).unwrap();
    assert!(matches!(runtime.block_on(reading), Err(ReadError::Cancelled)), "it ends before it is through");
    store.close(Vec::new());
}

/// Eleven thousand records of a tag and gaps of all between them: the newest are what the end of all of them is, and
/// what lies before them isn't read.
#[test]
fn the_last_records_are_the_end_of_all_and_nothing_else_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_at(folder.path(), Timestamp(START + 20_000 * SECOND));
    let at = |second: u64| Timestamp(START + second * SECOND);
    let written = AtomicU64::new(0);
    let gap = Point::Gap(Cause::Fault(tag::Fault::OwnerGone));
    for part in (0..11_000).collect::<Vec<u64>>().chunks(1000) {
        let mut entries: Vec<_> = part.iter().map(|n| float(0, at(*n), *n as f64 + 0.25)).collect();
        entries.push(Entry { whom: Whom::All, at: at(part[999]), point: gap.clone() });
        entries.push(Entry { whom: Whom::All, at: Timestamp(at(part[500]).0 + 7), point: gap.clone() });
        record(&store, &written, entries);
    }
    let last = |most: usize, span: Span| {
        let found = read(&store, move |reader| reader.last(&name("level"), span, most, 1 << 20)).unwrap().unwrap();
        found.into_iter().map(|(at, point)| (at.0, point.number().map(Number::as_f64))).collect::<Vec<_>>()
    };
    let all = Span { from: Timestamp(0), to: Timestamp(u64::MAX) };
    for span in [all, Span { from: at(3000), to: at(7777) }, Span { from: at(10_999), to: at(11_000) }] {
        let whole = raw(&store, "level", span);
        for most in [1, 2, 3, 500, 1000] {
            assert_eq!(last(most, span), whole[whole.len().saturating_sub(most)..], "{most} of {span:?}");
        }
    }
    assert_eq!(last(5, Span { from: Timestamp(0), to: at(0) }), []);
    store.close(Vec::new());

    // Every chunk but the last ones is damaged: nobody notices who asks for the newest.
    let db = rusqlite::Connection::open(folder.path().join("history.sqlite")).unwrap();
    let damaged =
        db.execute("UPDATE chunk SET body = x'00' WHERE tag > 0 AND to_us < ?1", [at(9000).0 as i64]).unwrap();
    assert!(damaged > 5, "{damaged} chunks");
    drop(db);
    let store = open_at(folder.path(), Timestamp(START + 20_000 * SECOND));
    let last = read(&store, move |reader| reader.last(&name("level"), all, 1000, 1 << 20)).unwrap().unwrap();
    assert_eq!(last.len(), 1000);
    assert_eq!(read(&store, |reader| reader.status()).unwrap().damaged, 0);
    store.close(Vec::new());
}
