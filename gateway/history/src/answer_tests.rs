//! Golden bytes: pymscada's records, and the trends that the page's own tests read.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test looks at the machine's own clock for its deadline")]

use std::path::Path;

use serde_json::Value as Json;
use shell::{ManualClock, Stop};

use super::*;
use crate::decimate::Column;
use crate::entry::{Batch, Cause, Entry, Point, TagNo, Whom};
use crate::store::{Store, StoreConfig};

#[test]
fn trends_are_the_bytes_the_page_reads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/page");
    for name in ["history-raw", "history-decimated", "history-mixed"] {
        let text = std::fs::read_to_string(folder.join(name).with_extension("json")).unwrap();
        let told: Json = serde_json::from_str(&text).unwrap();
        let at = |ms: &Json| Timestamp((ms.as_f64().unwrap() * 1000.0) as u64);
        let span = Span { from: at(&told["from"]), to: at(&told["to"]) };
        let series = told["series"].as_array().unwrap();
        let mut bytes = header(span, series.len());
        for one in series {
            let times: Vec<_> = one["time"].as_array().unwrap().iter().map(at).collect();
            let column = |name: &str, i: usize| one[name][i].as_f64();
            let extent = |i| Some(Extent { min: column("min", i)?, max: column("max", i)?, last: column("last", i)? });
            let points = times.iter().enumerate();
            let series = match one["form"].as_u64().unwrap() {
                0 => Series::Raw(points.map(|(i, at)| (*at, column("value", i))).collect()),
                1 => Series::Decimated(points.map(|(i, at)| Column { at: *at, extent: extent(i) }).collect()),
                _ => Series::Unknown,
            };
            push_series(&mut bytes, &series);
        }
        assert_eq!(bytes, std::fs::read(folder.join(name).with_extension("bin")).unwrap(), "{name}");
    }
}

#[test]
fn newest_first_is_turned_round() {
    for count in 0..6_u8 {
        let records = |order: &mut dyn Iterator<Item = u8>| order.flat_map(|n| [n; 16]).collect::<Vec<_>>();
        let mut bytes = records(&mut (0..count).rev());
        turn_round(&mut bytes);
        assert_eq!(bytes, records(&mut (0..count)), "{count} records");
    }
}

/// A store with an int tag `N` of 5, 6, 7 at 1, 2, 3 s (and a gap at 2.5 s), and a float tag `X` of 0.5 at 1 s.
async fn ask(question: Records, tag: RtaTag) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let name = |name| TagName::parse(name).unwrap();
    let tags = vec![(name("N"), Kind::Int), (name("X"), Kind::Float), (name("empty"), Kind::Float)];
    let clock = ManualClock::at(Timestamp(10_000_000));
    let store = Store::open(StoreConfig::new(folder.path().into(), tags), clock).unwrap();
    let entry = |tag, ms: u64, point| Entry { whom: Whom::Tag(TagNo(tag)), at: Timestamp(ms * 1000), point };
    let value = |tag, ms, number| entry(tag, ms, Point::Value(number));
    let entries = vec![
        value(0, 1000, Number::Int(5)),
        value(0, 2000, Number::Int(6)),
        entry(0, 2500, Point::Gap(Cause::NotRecorded)),
        value(0, 3000, Number::Int(7)),
        value(1, 1000, Number::Float(0.5)),
    ];
    store.record(Batch { entries }).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let all = Stop::new();
    while store.read(all.clone(), |reader| reader.status()).await.unwrap().written < 5 {
        assert!(std::time::Instant::now() < deadline, "the batch was never written");
        tokio::task::yield_now().await;
    }
    let values = store.read(all, move |reader| records(reader, &question, tag)).await.unwrap();
    store.close(Vec::new());
    let bytes = |value| match value {
        Value::Bytes(bytes) => bytes.to_vec(),
        other => panic!("pymscada takes bytes, not {other:?}"),
    };
    values.into_iter().map(bytes).collect()
}

fn question(tag: &str, from_ms: u64, to_ms: u64) -> Records {
    let (from, to) = (Timestamp(from_ms * 1000), Timestamp(to_ms.saturating_mul(1000)));
    Records { tag: TagName::parse(tag).ok(), from, to, rta_id: 0x0102 }
}

fn record(ms: u64, bits: u64) -> Vec<u8> {
    [(ms * 1000).to_be_bytes(), bits.to_be_bytes()].concat()
}

#[tokio::test]
async fn pymscadas_records_byte_for_byte() {
    let int = RtaTag { bus_id: 0x0304, kind: Some(Kind::Int) };
    let float = RtaTag { bus_id: 5, kind: Some(Kind::Float) };
    let unknown = RtaTag { bus_id: 0, kind: None };
    let int_head = vec![1, 2, 3, 4, 0, 1];
    let half = 0.5_f64.to_bits();
    let cases = [
        (
            "a span: from counts, to doesn't",
            question("N", 1000, 3000),
            int,
            [int_head.clone(), record(1000, 5), record(2000, 6)].concat(),
        ),
        (
            "gaps are left out",
            question("N", 2000, u64::MAX),
            int,
            [int_head.clone(), record(2000, 6), record(3000, 7)].concat(),
        ),
        (
            "nothing in the span: the last before",
            question("N", 2500, 2900),
            int,
            [int_head.clone(), record(2000, 6)].concat(),
        ),
        (
            "past the end: the last of all",
            question("N", 9000, u64::MAX),
            int,
            [int_head.clone(), record(3000, 7)].concat(),
        ),
        ("no end: none, so the last before", question("N", 2000, 0), int, [int_head.clone(), record(1000, 5)].concat()),
        ("before everything", question("N", 0, 500), int, int_head.clone()),
        ("floats", question("X", 0, u64::MAX), float, [vec![1, 2, 0, 5, 0, 2], record(1000, half)].concat()),
        ("a float tag that is an int now", question("X", 0, u64::MAX), int, [int_head, record(1000, 0)].concat()),
        ("a tag without records", question("empty", 0, u64::MAX), float, vec![1, 2, 0, 5, 0, 2]),
        ("no such tag", question("Y", 0, u64::MAX), unknown, vec![1, 2, 0, 0, 0, 0]),
    ];
    for (what, question, tag, want) in cases {
        assert_eq!(ask(question, tag).await, [want, vec![0; 6]], "{what}");
    }
}

#[test]
fn a_status_says_where_the_time_is_uncertain_lately() {
    let span = |i: u64| Span { from: Timestamp(i * 10_000), to: Timestamp(i * 10_000 + 5000) };
    let spans: Vec<Span> = (0..70).map(span).collect();
    let Value::Json(text) = status(&Status::default(), &spans, Counts::default(), 3) else { panic!("an object") };
    let said: Json = serde_json::from_str(&text).unwrap();
    let uncertain = said["uncertain_ms"].as_array().unwrap();
    assert_eq!(
        (uncertain.len(), &uncertain[0], &uncertain[63]),
        (64, &serde_json::json!([60, 65]), &serde_json::json!([690, 695]))
    );
    assert_eq!(
        (&said["waiting"], &said["salvage"], &said["days_kept"]),
        (&serde_json::json!(3), &Json::Null, &Json::Null)
    );
}
