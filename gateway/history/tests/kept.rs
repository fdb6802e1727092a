//! A database of every version that was ever released opens, and holds what was in it.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use common::*;
use forebay_history as history;
use history::{Cause, Entry, Number, Point, Span, StoreConfig, Text};
use tag::{Kind, Timestamp, Value};

/// When the recording of the first one ended.
const FIRST_ENDED: u64 = 1_795_347_833_559_424;

fn kept(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept").join(file)
}

fn open_copy(folder: &Path, file: &str, now: u64) -> history::Store {
    fs::copy(kept(file), folder.join("history.sqlite")).unwrap();
    open_at(folder, Timestamp(now))
}

fn all() -> Span {
    Span { from: Timestamp(0), to: Timestamp(u64::MAX) }
}

/// Written by the first release's daemon: a row per record, the gap of a clean end behind them.
#[test]
fn the_first_releases_rows_become_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_copy(folder.path(), "version-1.sqlite", FIRST_ENDED + SECOND);
    assert_eq!(store.generation(), 0, "nothing was set aside");
    let level = raw(&store, "level", all());
    assert_eq!(level.len(), 25);
    let want: Vec<_> = (1..=24).map(|i| Some((2000.0 + f64::from(i) * 100.0 / 7.0).round() / 100.0)).collect();
    assert_eq!(level[..24].iter().map(|(_, value)| *value).collect::<Vec<_>>(), want);
    assert_eq!((level[0].0, level[23].0), (1_795_347_821_907_184, 1_795_347_833_283_306));
    assert_eq!(level[24], (FIRST_ENDED, None), "it ended cleanly");
    let counts: Vec<_> = raw(&store, "count", all()).iter().filter_map(|(_, value)| *value).collect();
    assert_eq!(counts, (1..=24).map(|i| f64::from(i * 1000)).collect::<Vec<_>>());
    let written = AtomicU64::new(store.written());
    record(&store, &written, vec![float(0, Timestamp(FIRST_ENDED + SECOND), 7.0)]);
    store.close(Vec::new());

    let store = open_at(folder.path(), Timestamp(FIRST_ENDED + 2 * SECOND));
    let again = raw(&store, "level", all());
    assert_eq!(again[..25], level);
    assert_eq!(again[25], (FIRST_ENDED + SECOND, Some(7.0)), "and recording went on in it");
    store.close(Vec::new());
}

/// What the second version's database holds: chunks of floats, integers and both, gaps, rollups, a log.
fn second() -> Vec<Entry> {
    let mut entries = Vec::new();
    for i in 0..20_000_u64 {
        let at = Timestamp(START + i * SECOND + i % 3 * 1000);
        if i % 5000 == 4999 {
            entries.push(gap(0, at));
        } else {
            entries.push(float(0, at, ((i as f64 / 700.0).sin() * 200.0).round() / 10.0));
        }
        if i % 40 == 0 {
            entries.push(int(1, at, i as i64 * 3 - 7));
            entries.push(int(2, at, (i / 40 % 2) as i64));
        }
    }
    entries.extend((0..30).map(|i| float(1, Timestamp(START + 30_000 * SECOND + i), f64::from(i as u32) / 3.0)));
    entries
}

#[test]
fn the_second_versions_chunks_rollups_and_log_read() {
    let folder = tempfile::tempdir().unwrap();
    if std::env::var_os("FOREBAY_KEEP").is_some() {
        let store = open_at(folder.path(), Timestamp(START));
        let written = AtomicU64::new(0);
        for part in second().chunks(3000) {
            record(&store, &written, part.to_vec());
        }
        store.close(Vec::new());
        fs::copy(folder.path().join("history.sqlite"), kept("version-2.sqlite")).unwrap();
    }
    let size = fs::metadata(kept("version-2.sqlite")).unwrap().len();
    assert!(size < 200 << 10, "{size} bytes");
    let store = open_copy(folder.path(), "version-2.sqlite", START + 40_000 * SECOND);
    for (no, tag) in ["level", "count", "state"].into_iter().enumerate() {
        let mine = |entry: &&Entry| entry.whom == history::Whom::Tag(history::TagNo(no as u32));
        let want: Vec<_> = second().iter().filter(mine).map(|entry| (entry.at.0, value(entry))).collect();
        assert!(raw(&store, tag, all()) == want, "{tag}");
    }
    store.close(Vec::new());
}

/// A time of a boot's first stretch without a known clock, as the recorder gives it: by uptime.
fn by_uptime(second: u64) -> Timestamp {
    Timestamp(4_102_444_800_000_000 + (1 << 48) + second * SECOND)
}

/// The third version's: a boot that recorded before it knew the time, and was switched off; the next one as well.
#[test]
fn the_third_versions_times_that_were_never_known_read() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = |boot: &str| {
        let clock = shell::ManualClock::at(Timestamp(100 * SECOND));
        clock.set_boot(boot);
        history::Store::open(history::StoreConfig { own: vec![history::TagNo(0)], ..config(folder.path()) }, clock)
            .unwrap()
    };
    if std::env::var_os("FOREBAY_KEEP").is_some() {
        let store = open_at(folder.path(), Timestamp(START));
        let written = AtomicU64::new(0);
        record(&store, &written, (0..1500).map(|i| float(0, Timestamp(START + i * SECOND), i as f64)).collect());
        store.close(Vec::new());
        for boot in ["first", "second"] {
            let store = recorded(boot);
            let written = AtomicU64::new(0);
            record(&store, &written, (10..60).map(|i| float(0, by_uptime(i), -(i as f64))).collect());
            store.close(Vec::new());
        }
        fs::copy(folder.path().join("history.sqlite"), kept("version-3.sqlite")).unwrap();
    }
    let store = open_copy(folder.path(), "version-3.sqlite", START + 40_000 * SECOND);
    let found: Vec<_> = raw(&store, "level", all()).into_iter().filter_map(|(at, value)| Some((at, value?))).collect();
    let early = found[..1500].iter().enumerate().all(|(i, (at, x))| *at == START + i as u64 * SECOND && *x == i as f64);
    assert!(early && found.len() == 1600, "{} values", found.len());
    let values: Vec<_> = (10..60).chain(10..60).map(|i| -f64::from(i)).collect();
    assert_eq!(
        found[1500..].iter().map(|(_, x)| *x).collect::<Vec<_>>(),
        values,
        "in their order, after what was there"
    );
    let steps = |boot: &[(u64, f64)]| boot.windows(2).all(|pair| pair[1].0 - pair[0].0 == SECOND);
    assert!(steps(&found[1500..1550]) && steps(&found[1550..]), "as far apart as they were");
    let uncertain = read(&store, |reader| reader.uncertain(all())).unwrap();
    let doubted = |at: u64| uncertain.iter().any(|span| span.from.0 <= at && at < span.to.0);
    assert!(found.iter().enumerate().all(|(i, (at, _))| doubted(*at) == (i >= 1500)), "{uncertain:?}");
    store.close(Vec::new());
}

const OF_TEXTS: [(&str, Kind); 4] =
    [("word", Kind::Str), ("status", Kind::Dict), ("raw", Kind::Bytes), ("changed", Kind::Str)];

/// What the fourth version's database holds of a tag of texts: in chunks, the last of it in the log.
fn fourth(no: usize) -> Vec<(u64, Point)> {
    let text = |value: Value| Point::Text(Text::of(&value).unwrap());
    let point = |i: u64| match (no, i) {
        (_, 700) => Point::Gap(Cause::TooLong),
        (_, 701) => Point::Gap(Cause::NotRecorded),
        (0, 702) => text(Value::from(&*"a long one \u{1f600} ".repeat(500))),
        (0, _) => text(Value::from(["on", "off", "", "two\nlines, \"quoted\" \0 \u{1f600}"][(i / 5 % 4) as usize])),
        (1, _) => text(Value::Json(format!(r#"{{"mode":  "auto", "n": {}, "list": [1, 2.5, null]}}"#, i / 7).into())),
        (2, _) => text(Value::Bytes((0..i % 9).map(|n| (n * 31 + i) as u8).collect::<Vec<_>>().into())),
        _ if i % 3 == 0 => Point::Value(Number::Int(i as i64)),
        _ if i % 3 == 1 => Point::Value(Number::Float(i as f64 / 8.0)),
        _ => text(Value::from(&*format!("{i} kg"))),
    };
    (0..1500).map(|i| (START + i * SECOND, point(i))).collect()
}

#[test]
fn the_fourth_versions_texts_read() {
    let folder = tempfile::tempdir().unwrap();
    let open = |now: u64| {
        let tags = OF_TEXTS.map(|(tag, kind)| (name(tag), kind)).to_vec();
        let clock = shell::ManualClock::at(Timestamp(now));
        history::Store::open(StoreConfig::new(folder.path().into(), tags), clock).unwrap()
    };
    if std::env::var_os("FOREBAY_KEEP").is_some() {
        let store = open(START);
        let written = AtomicU64::new(0);
        for part in 0..15 {
            let of_tag = |no: usize| {
                let whom = history::Whom::Tag(history::TagNo(no as u32));
                let points = fourth(no).into_iter().skip(part * 100).take(100);
                points.map(move |(at, point)| Entry { whom, at: Timestamp(at), point })
            };
            record(&store, &written, (0..4).flat_map(of_tag).collect());
        }
        store.close(Vec::new());
        fs::copy(folder.path().join("history.sqlite"), kept("version-4.sqlite")).unwrap();
    }
    let size = fs::metadata(kept("version-4.sqlite")).unwrap().len();
    assert!(size < 200 << 10, "{size} bytes");
    fs::copy(kept("version-4.sqlite"), folder.path().join("history.sqlite")).unwrap();
    let kinds = "SELECT count(*) FROM chunk WHERE substr(hex(body), 1, 4) IN ('0104', '0107')";
    let conn = rusqlite::Connection::open(folder.path().join("history.sqlite")).unwrap();
    let chunks: i64 = conn.query_row(kinds, [], |row| row.get(0)).unwrap();
    let lines: i64 = conn.query_row("SELECT count(*) FROM log", [], |row| row.get(0)).unwrap();
    assert!(chunks >= 4 && lines >= 1, "{chunks} chunks of texts, {lines} lines");
    drop(conn);
    let store = open(START + 40_000 * SECOND);
    assert_eq!(store.generation(), 0, "nothing was set aside");
    for (no, (tag, _)) in OF_TEXTS.into_iter().enumerate() {
        let found = read(&store, move |reader| {
            let mut found = Vec::new();
            reader.records(&name(tag), all(), &mut |at, point| {
                found.push((at.0, point));
                std::ops::ControlFlow::Continue(())
            })?;
            Ok(found)
        });
        // The gap at the end: nobody recorded from then on.
        assert!(found.unwrap()[..1500] == fourth(no), "{tag}");
    }
    store.close(Vec::new());
}

fn value(entry: &Entry) -> Option<f64> {
    entry.point.number().map(history::Number::as_f64)
}
