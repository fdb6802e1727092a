//! Records out of a store and into another: nothing is changed on the way, and what is wrong is said.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use common::*;
use forebay_history as history;
use history::tools::{self, Brought, Form};
use history::{Cause, Entry, Number, Point, Span, StoreError, Text};
use rusqlite::types::ValueRef;
use tag::{Fault, Kind, TagName, Timestamp, Value};

fn all() -> Span {
    Span { from: Timestamp(0), to: Timestamp(u64::MAX) }
}

fn kind_of(tag: &TagName) -> Option<Kind> {
    match tag.as_str() {
        "level" => Some(Kind::Float),
        "count" | "a_b" => Some(Kind::Int),
        _ => None,
    }
}

fn import(folder: &Path, file: &Path) -> Result<Brought, StoreError> {
    tools::import(folder, file, &kind_of, &mut |_, _| {})
}

#[test]
fn what_is_exported_and_imported_is_the_same() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open_at(from.path(), Timestamp(START));
    let written = AtomicU64::new(0);
    let at = |i: u64| Timestamp(START + i * SECOND + i);
    let mut entries: Vec<_> = (0..3000).map(|i| float(0, at(i), (i as f64).sqrt() - 20.0)).collect();
    entries.extend((0..50).map(|i| int(1, at(i), i64::MIN + i as i64)));
    entries.push(gap(0, at(3001)));
    record(&store, &written, entries);
    let names = [name("level"), name("count")];
    let mut csv = Vec::new();
    // Beside the one who writes.
    let count = tools::export(from.path(), &names, all(), Form::Csv(&mut csv), &mut |_, _| {}).unwrap();
    assert_eq!(count, 3051);
    let file = to.path().join("export.csv");
    fs::write(&file, &csv).unwrap();
    let brought = import(to.path(), &file).unwrap();
    assert_eq!(brought, Brought { taken: 3051, ..Brought::default() });
    let other = open_at(to.path(), Timestamp(START));
    for tag in ["level", "count"] {
        assert!(raw(&other, tag, all()) == raw(&store, tag, all()), "{tag}");
    }
    assert!(matches!(import(to.path(), &file), Err(StoreError::InUse { .. })), "the store has a writer");
    other.close(Vec::new());
    let table = to.path().join("table.sqlite");
    tools::export(from.path(), &names, all(), Form::Table(table.clone()), &mut |_, _| {}).unwrap();
    let table = rusqlite::Connection::open(table).unwrap();
    let sum = "SELECT count(*), sum(value IS NULL), min(value) FROM record";
    let found = table.query_row(sum, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    assert_eq!(found, Ok((3051_i64, 1_i64, i64::MIN)));
    store.close(Vec::new());
}

/// Texts, lists, mappings, bytes and what calls itself one of them: byte for byte, gaps with their causes.
#[test]
fn texts_are_exported_and_imported_as_they_are() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tags = [("word, \"of\" all", Kind::Str), ("status", Kind::Dict), ("raw", Kind::Bytes)];
    let open = |folder: &Path| {
        let tags = tags.map(|(tag, kind)| (name(tag), kind)).to_vec();
        let clock = shell::ManualClock::at(Timestamp(START));
        history::Store::open(history::StoreConfig::new(folder.into(), tags), clock).unwrap()
    };
    let json = |text: &str| Value::Json(text.into());
    let bytes = |bytes: &[u8]| Value::Bytes(bytes.into());
    let values = [
        Value::from(""),
        Value::from("plain"),
        Value::from("7"),
        Value::from("a,b\r\nc \"d\" \\ \t \0 \u{1f600} {\"a\": 1}"),
        Value::from("json:5 base64:AAAA"),
        Value::from(&*"x".repeat(history::TEXT_BYTES_MAX)),
        Value::from(&*"\u{1}".repeat(history::TEXT_BYTES_MAX)),
        json("{\"a\":  1,\r\n \"b\": [true, null, \"x, \\\"y\\\"\"]}"),
        json("[1, 2,\n3]"),
        json("\"a string\""),
        json(" {\"spaces\": 0}"),
        json("5"),
        json(""),
        json("{no json"),
        bytes(b""),
        bytes(&[0, 255, 34, 44, 10]),
        Value::Int(i64::MIN),
        Value::Float(0.1),
    ];
    let point = |value: &Value| match value {
        Value::Int(n) => Point::Value(Number::Int(*n)),
        Value::Float(x) => Point::Value(Number::Float(*x)),
        text => Point::Text(Text::of(text).unwrap()),
    };
    let causes = [
        Cause::NotRecorded,
        Cause::TooLong,
        Cause::Fault(Fault::TimedOut),
        Cause::Fault(Fault::Refused(tag::ExceptionCode(4))),
        Cause::Fault(Fault::Refused(tag::ExceptionCode(0xe0))),
    ];
    let points: Vec<Point> = values.iter().map(point).chain(causes.map(Point::Gap)).collect();
    let entries = (0..3_u32).flat_map(|tag| {
        let at = move |i: usize| Timestamp(START + i as u64 * SECOND + u64::from(tag));
        let whom = history::Whom::Tag(history::TagNo(tag));
        points.iter().enumerate().map(move |(i, point)| Entry { whom, at: at(i), point: point.clone() })
    });
    let store = open(from.path());
    let entries: Vec<_> = entries.collect();
    record(&store, &AtomicU64::new(0), entries.clone());
    let names = tags.map(|(tag, _)| name(tag));
    let mut csv = Vec::new();
    tools::export(from.path(), &names, all(), Form::Csv(&mut csv), &mut |_, _| {}).unwrap();
    let file = to.path().join("export.csv");
    fs::write(&file, &csv).unwrap();
    let kind_of = |tag: &TagName| tags.iter().find(|(name, _)| *name == tag.as_str()).map(|(_, kind)| *kind);
    let brought = tools::import(to.path(), &file, &kind_of, &mut |_, _| {}).unwrap();
    assert_eq!(brought, Brought { taken: entries.len() as u64, ..Brought::default() });
    let found = |folder: &Path| {
        let mut found = Vec::new();
        for (tag, _) in tags {
            let mut reader = history::Reader::beside(folder);
            let each = &mut |at, point| {
                found.push((at, point));
                std::ops::ControlFlow::Continue(())
            };
            assert!(reader.records(&name(tag), all(), each).unwrap());
        }
        found
    };
    let want: Vec<_> = entries.iter().map(|entry| (entry.at, entry.point.clone())).collect();
    assert!(found(from.path()) == want && found(to.path()) == want);
    // The same as CSV of the other door, and as JSON that reads.
    let sheet = |form| tools::Sheet { of: history::TableOf::Records, form, tags: &names, span: all(), rollover: None };
    let mut table = Vec::new();
    let write = |form, out: &mut Vec<u8>| {
        tools::table(from.path(), &sheet(form), Timestamp(START), out, &mut |_, _| {}).unwrap()
    };
    write(history::TableForm::Csv, &mut table);
    assert!(table == csv);
    let mut table = Vec::new();
    write(history::TableForm::Json, &mut table);
    let table: serde_json::Value = serde_json::from_slice(&table).unwrap();
    let row = |i: usize| &table["rows"][i][2];
    assert_eq!(row(3), "a,b\r\nc \"d\" \\ \t \0 \u{1f600} {\"a\": 1}");
    assert_eq!(row(7)["b"][2], "x, \"y\"");
    assert_eq!((row(13), row(15)), (&serde_json::json!("{no json"), &serde_json::json!({"base64": "AP8iLAo="})));
    let path = to.path().join("table.sqlite");
    tools::export(from.path(), &names, all(), Form::Table(path.clone()), &mut |_, _| {}).unwrap();
    let conn = rusqlite::Connection::open(path).unwrap();
    let mut rows = conn.prepare("SELECT value, type, why FROM record WHERE tag = 'status' ORDER BY time_us").unwrap();
    let rows = rows.query_map([], |row| {
        let bytes = match row.get_ref(0)? {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_vec()),
            _ => None,
        };
        Ok((bytes, row.get::<_, Option<String>>(1)?, row.get::<_, Option<String>>(2)?))
    });
    for ((found, kind, why), point) in rows.unwrap().map(Result::unwrap).zip(&points) {
        let (want, is) = match point {
            Point::Text(text) => match text.value() {
                Value::Bytes(_) => (Some(text.bytes().to_vec()), Some("bytes")),
                Value::Json(_) => (Some(text.bytes().to_vec()), Some("json")),
                _ => (Some(text.bytes().to_vec()), Some("str")),
            },
            Point::Value(Number::Int(_)) => (None, Some("int")),
            Point::Value(Number::Float(_)) => (None, Some("float")),
            Point::Gap(_) => (None, None),
        };
        assert_eq!((found, kind.as_deref()), (want, is));
        assert_eq!(why.is_some(), !point.is_known());
    }
    store.close(Vec::new());
    // What can't be is refused and counted, or the place is named.
    let line = |value: &str| format!("2023-11-14T22:13:20Z,raw,{value},good\n");
    for (value, refused) in [("nonsense", 1), ("base64:###", 1), ("\"\"\"unclosed\"", 1), ("inf", 1)] {
        fs::write(&file, line(value)).unwrap();
        let brought = tools::import(to.path(), &file, &kind_of, &mut |_, _| {}).unwrap();
        assert_eq!((brought.taken, brought.refused), (0, refused), "{value}");
    }
    let long = format!("\"\"\"{}\"\"\"", "x".repeat(history::TEXT_BYTES_MAX + 1));
    fs::write(&file, line(&long)).unwrap();
    assert_eq!(tools::import(to.path(), &file, &kind_of, &mut |_, _| {}).unwrap().refused, 1, "too long");
    fs::write(&file, line("\"no end")).unwrap();
    let error = tools::import(to.path(), &file, &kind_of, &mut |_, _| {}).unwrap_err();
    assert!(matches!(&error, StoreError::Import { source, .. } if source.to_string().contains("line 1")), "{error:?}");
}

#[test]
fn pymscadas_files_are_taken_and_a_cut_one_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let dat = |name: &str, records: &[(u64, i64)], cut: usize| {
        let bytes = records.iter().flat_map(|(at, bits)| [at.to_be_bytes(), bits.to_be_bytes()]).flatten();
        let mut bytes: Vec<u8> = bytes.collect();
        bytes.truncate(bytes.len() - cut);
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        file
    };
    let float = |x: f64| x.to_bits() as i64;
    let file = dat("a_b_1700000000000000.dat", &[(START, 1), (START + 5, 2), (START + 5, 3), (START + 2, -4)], 0);
    assert_eq!(import(folder.path(), &file).unwrap().taken, 4);
    let records = [(START, float(0.1)), (START + 1, float(f64::NAN)), (u64::MAX, float(1.0)), (START + 9, float(2.0))];
    let brought = import(folder.path(), &dat("level_1.dat", &records, 3)).unwrap();
    assert_eq!((brought.taken, brought.refused, brought.remarks.len()), (1, 2, 1), "{brought:?}");
    for name in ["level.dat", "other_1.dat", "level_.dat"] {
        let refused = import(folder.path(), &dat(name, &records, 0));
        assert!(matches!(refused, Err(StoreError::Import { .. } | StoreError::NoTag { .. })), "{name}: {refused:?}");
    }
    let mut reader = history::Reader::beside(folder.path());
    let mut found = Vec::new();
    reader.newest(&name("a_b"), all(), 9, &mut |at, number| found.push((at.0 - START, number.as_i64()))).unwrap();
    assert_eq!(found, [(5, 3), (2, -4), (0, 1)], "the last value of a repeated time counts");
}

#[test]
fn damage_is_found_and_costs_its_chunk() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_at(folder.path(), Timestamp(START));
    let written = AtomicU64::new(0);
    let at = |i: u64| Timestamp(START + i * SECOND);
    record(&store, &written, (0..5000).map(|i| float(0, at(i), i as f64 / 8.0)).collect());
    store.close(Vec::new());
    assert_eq!(tools::check(folder.path(), &mut |_, _| {}).unwrap().damaged, Vec::<String>::new());
    let stats = tools::stats(folder.path()).unwrap();
    assert_eq!((stats.tags, stats.records), (3, 5000));
    assert!(stats.chunk_bytes > 0 && stats.file_bytes > stats.chunk_bytes, "{stats:?}");

    let conn = rusqlite::Connection::open(folder.path().join("history.sqlite")).unwrap();
    let third = "SELECT id, body, count FROM chunk ORDER BY from_us LIMIT 1 OFFSET 2";
    let (id, mut body, lost) = conn
        .query_row(third, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?)))
        .unwrap();
    body[40] ^= 0x10;
    conn.execute("UPDATE chunk SET body = ?2 WHERE id = ?1", rusqlite::params![id, body]).unwrap();
    drop(conn);
    let found = tools::check(folder.path(), &mut |_, _| {}).unwrap();
    assert_eq!((found.damaged.len(), found.file.len()), (1, 0), "{found:?}");
    let store = open_at(folder.path(), Timestamp(START + 9000 * SECOND));
    assert_eq!(store.generation(), 0, "nothing is set aside for one chunk");
    let left = raw(&store, "level", all());
    assert_eq!(left.iter().filter(|(_, value)| value.is_some()).count(), 5000 - lost as usize);
    assert_eq!(left.iter().filter(|(_, value)| value.is_none()).count(), 1, "and a gap in its place");
    store.close(Vec::new());
}

#[test]
fn a_span_can_be_erased_and_a_store_made_smaller() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_at(folder.path(), Timestamp(START));
    let written = AtomicU64::new(0);
    let at = |i: u64| Timestamp(START + i * SECOND);
    record(&store, &written, (0..5000).map(|i| float(0, at(i), (i as f64).sin())).collect());
    assert!(matches!(history::erase(folder.path(), all()), Err(StoreError::InUse { .. })));
    store.close(Vec::new());
    let erased = history::erase(folder.path(), Span { from: at(1000), to: at(3000) }).unwrap();
    assert_eq!(erased, 2000);
    assert_eq!(tools::stats(folder.path()).unwrap().records, 3000);
    let before = tools::stats(folder.path()).unwrap().file_bytes;
    let bytes = tools::shrink(folder.path(), 60 << 10, &mut |_, _| {}).unwrap();
    assert!(bytes < before && bytes < 70 << 10, "{before} bytes before, {bytes} after");
}
