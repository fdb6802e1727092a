//! Tables of texts: however long they are a page has its bound, and pages join to the whole.
#![allow(clippy::unwrap_used)]

use serde_json::{Value as Json, json};
use shell::{ManualClock, Stop};
use tag::{Kind, Timestamp, Value};

use super::fill::{self, PAGE_BYTES_MAX};
use super::*;
use crate::answer::{RtaTag, records, reset, trends};
use crate::ask::{Question, Records};
use crate::entry::{Batch, Entry, Number, Point, TagNo, Whom};
use crate::error::ReadError;
use crate::store::{Reader, Store, StoreConfig};
use crate::text::{TEXT_BYTES_MAX, Text};

const START: u64 = 1_700_000_000_000_000;
const SECOND: u64 = 1_000_000;

fn name(text: &str) -> TagName {
    TagName::parse(text).unwrap()
}

fn long(n: u64) -> String {
    format!("{n} {}", "\u{1}".repeat(TEXT_BYTES_MAX - 10))
}

/// `long`: 64 kB of what JSON writes with six bytes each, sixty times; `mode`: on, off, on, a minute apart; `level`: 2000
/// numbers.
async fn asked<T: Send + 'static>(
    work: impl FnOnce(&mut Reader) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let tags = [("long", Kind::Str), ("mode", Kind::Dict), ("level", Kind::Int)];
    let tags = tags.map(|(tag, kind)| (name(tag), kind)).to_vec();
    let store = Store::open(StoreConfig::new(folder.path().into(), tags), ManualClock::at(Timestamp(START))).unwrap();
    let entry = |tag, s: u64, point| Entry { whom: Whom::Tag(TagNo(tag)), at: Timestamp(START + s * SECOND), point };
    let text = |value: Value| Point::Text(Text::of(&value).unwrap());
    let mut entries: Vec<_> = (0..60).map(|n| entry(0, n, text(Value::from(&*long(n))))).collect();
    let modes = [r#"{"on": true}"#, r#"{"on": false}"#, r#"{"on": true}"#];
    entries.extend((0..3).map(|n| entry(1, n * 60, text(Value::Json(modes[n as usize].into())))));
    entries.extend((0..2000).map(|n| entry(2, n, Point::Value(Number::Int(n as i64)))));
    store.record(Batch { entries }).unwrap();
    let answer = store
        .read(Stop::new(), move |reader| {
            while reader.last_before(&name("level"), Timestamp(u64::MAX))?.is_none() {
                std::thread::yield_now();
            }
            work(reader)
        })
        .await;
    store.close(Vec::new());
    answer
}

/// Page after page; gives the whole, and how many bytes the longest had.
fn ask(reader: &mut Reader, mut question: Json) -> Result<(String, usize), ReadError> {
    let (mut whole, mut longest) = (String::new(), 0);
    loop {
        let Question::Table(wanted) = Question::parse(&Value::Json(question.to_string().into())).unwrap() else {
            panic!("a table")
        };
        let page = fill::page_of(reader, &wanted, Timestamp(START + 3600 * SECOND), &|_| None)?;
        whole.push_str(&page.text);
        longest = longest.max(page.text.len());
        let Some(next) = page.next else { return Ok((whole, longest)) };
        question["table"]["next"] = json!({"tag": next.tag, "at_us": next.at.0, "any": next.any});
    }
}

fn table(of: &str, tags: &[&str], more: Json) -> Json {
    let mut table = json!({"of": of, "tags": tags, "from_us": START, "to_us": START + 3600 * SECOND, "as": "json"});
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "table": table })
}

/// What JSON makes of the longest text.
const ESCAPED: usize = 6 * TEXT_BYTES_MAX;

#[tokio::test]
async fn a_page_of_long_texts_has_its_bound() {
    for (of, tags, rows) in [("records", &["long"][..], 60), ("rows", &["level", "long"], 2000)] {
        // Rows at each change of the numbers say the text each time: past the first minute that is left out.
        let most = if of == "rows" { 70 } else { rows };
        let more = json!({"to_us": START + most as u64 * SECOND});
        let question = table(of, tags, more);
        let (whole, longest) = asked(move |reader| ask(reader, question)).await.unwrap();
        assert!(longest < PAGE_BYTES_MAX + tags.len() * ESCAPED + 1000, "{of}: {longest} bytes");
        let found: Json = serde_json::from_str(&whole).unwrap();
        let found = found["rows"].as_array().unwrap();
        assert_eq!(found.len(), most, "{of}");
        for (n, row) in found.iter().enumerate() {
            assert_eq!(row[2], Json::from(long(n.min(59) as u64)), "{of}: row {n}");
        }
    }
    let every = table("rows", &["long"], json!({"every_us": SECOND / 4, "to_us": START + 60 * SECOND}));
    let (whole, longest) = asked(move |reader| ask(reader, every)).await.unwrap();
    assert!(longest < PAGE_BYTES_MAX + ESCAPED + 1000, "{longest} bytes");
    let found: Json = serde_json::from_str(&whole).unwrap();
    assert_eq!(found["rows"].as_array().unwrap().len(), 240);
    assert_eq!(found["rows"][239], json!(["2023-11-14T22:14:19.75Z", long(59)]));
}

#[tokio::test]
async fn mappings_are_json_and_have_states() {
    let at = table("at", &["mode", "level"], json!({"from_us": START + 90 * SECOND}));
    let (text, _) = asked(move |reader| ask(reader, at)).await.unwrap();
    let found: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(found["rows"][0], json!(["2023-11-14T22:14:20Z", "mode", {"on": false}, "good"]));
    let states = table("states", &["mode"], json!({"every": "1h", "to_us": START + 180 * SECOND, "as": "csv"}));
    let (text, _) = asked(move |reader| ask(reader, states)).await.unwrap();
    let hour = "2023-11-14T22:00:00Z,2023-11-14T23:00:00Z,mode";
    let want = format!(
        "start,end,tag,state,seconds\n{hour},\"{{\"\"on\"\": true}}\",2740\n{hour},\"{{\"\"on\"\": false}}\",60\n"
    );
    assert_eq!(text, want);
    let too_long = table("states", &["long"], json!({"every": "1m"}));
    let refused = asked(move |reader| ask(reader, too_long)).await;
    assert!(matches!(refused, Err(ReadError::TooManyRows)), "twenty megabytes of texts: {refused:?}");
}

#[tokio::test]
async fn what_only_numbers_have_is_refused_in_words() {
    for of in ["buckets", "counters"] {
        let question = table(of, &["level", "mode"], json!({"every": "1m"}));
        let refused = asked(move |reader| ask(reader, question)).await.unwrap_err();
        assert!(refused.is_of_the_question() && refused.to_string().starts_with("mode holds no numbers"), "{refused}");
    }
    let span = Span { from: Timestamp(START), to: Timestamp(START + SECOND) };
    let refused = asked(move |reader| trends(reader, &[name("level"), name("mode")], span, 100)).await;
    assert!(matches!(refused, Err(ReadError::NoNumbers(_))), "{refused:?}");
    // pymscada's clients know numbers only, and must not wait for ever: a head without records.
    let question = Records { tag: Some(name("mode")), from: Timestamp(0), to: Timestamp(u64::MAX), rta_id: 7 };
    let tag = RtaTag { bus_id: 9, kind: Some(Kind::Dict) };
    let answer = asked(move |reader| records(reader, &question, tag)).await.unwrap();
    assert_eq!(answer, [Value::Bytes([0, 7, 0, 9, 0, 0].as_slice().into()), reset()]);
}

/// The newest of sixty texts of 64 kB, each six times that in JSON: what fits is there, and the rest is asked for by its
/// end, so that the whole joins again.
#[tokio::test]
async fn the_newest_texts_are_read_from_the_end() {
    let few = json!({"table": {"of": "records", "tags": ["long"], "last": 3, "as": "json"}});
    let (text, _) = asked(move |reader| ask(reader, few)).await.unwrap();
    let found: Json = serde_json::from_str(&text).unwrap();
    let values: Vec<_> = found["rows"].as_array().unwrap().iter().map(|row| row[2].clone()).collect();
    assert_eq!(values, (57..60).map(|n| Json::from(long(n))).collect::<Vec<_>>());

    let mut all: Vec<Json> = Vec::new();
    let mut to = Json::from("2100-01-01T00:00:00Z");
    for parts in 1.. {
        let question = json!({"table": {"of": "records", "tags": ["long"], "last": 1000, "to": to, "as": "json"}});
        let (text, longest) = asked(move |reader| ask(reader, question)).await.unwrap();
        assert!(longest < 16 * ESCAPED + 2000, "{longest} bytes");
        let found: Json = serde_json::from_str(&text).unwrap();
        let rows = found["rows"].as_array().unwrap();
        let Some(first) = rows.first() else {
            assert_eq!(parts, 5, "sixteen a part");
            break;
        };
        to = first[0].clone();
        all.splice(0..0, rows.iter().map(|row| row[2].clone()));
    }
    assert!(all.into_iter().eq((0..60).map(|n| Json::from(long(n)))), "each once, in order");
    let both = table("records", &["long", "level"], json!({"last": 2, "to_us": u64::MAX}));
    let (text, _) = asked(move |reader| ask(reader, both)).await.unwrap();
    let found: Json = serde_json::from_str(&text).unwrap();
    let rows: Vec<_> = found["rows"].as_array().unwrap().iter().map(|row| row[1].as_str().unwrap()).collect();
    assert_eq!(rows, ["long", "long", "level", "level"]);
}
