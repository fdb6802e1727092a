//! Tables as text: the same cells as CSV and as JSON, page after page, and questions that are none.
#![allow(clippy::unwrap_used)]

use serde_json::{Value as Json, json};
use shell::ManualClock;
use tag::{Fault, Kind, Timestamp, Value};

use super::fill;
use super::text::{Cell, Text};
use super::*;
use crate::ask::{AskError, Question};
use crate::entry::{Batch, Cause, Entry, Number, Point, TagNo, Whom};
use crate::error::ReadError;
use crate::store::{PAGE_CELLS_MAX, Reader, Store, StoreConfig};

const START: u64 = 1_700_000_000_000_000;

fn name(text: &str) -> TagName {
    TagName::parse(text).unwrap()
}

/// `level` 0.5, a gap, 1.5 a second apart; `count` 65534, 65535, 3; then many of `many`.
fn store(folder: &std::path::Path) -> Store {
    let tags = [("level", Kind::Float), ("count, of \"all\"", Kind::Int), ("many", Kind::Int)];
    let tags = tags.map(|(tag, kind)| (name(tag), kind)).to_vec();
    let store = Store::open(StoreConfig::new(folder.into(), tags), ManualClock::at(Timestamp(START))).unwrap();
    let entry = |tag, s: u64, point| Entry { whom: Whom::Tag(TagNo(tag)), at: Timestamp(START + s * 1_000_000), point };
    let value = |tag, s, number| entry(tag, s, Point::Value(number));
    let mut entries = vec![
        value(0, 0, Number::Float(0.5)),
        entry(0, 1, Point::Gap(Cause::Fault(Fault::TimedOut))),
        value(0, 2, Number::Float(1.5)),
        value(1, 0, Number::Int(65_534)),
        value(1, 1, Number::Int(65_535)),
        value(1, 2, Number::Int(3)),
    ];
    entries.extend((0..20_000).map(|i| value(2, i, Number::Int(i as i64))));
    store.record(Batch { entries }).unwrap();
    store
}

/// Asks page after page; the head's rows must be those of the text.
fn ask(reader: &mut Reader, question: &Json) -> Result<(String, usize), ReadError> {
    let (mut question, mut text, mut pages) = (question.clone(), String::new(), 0);
    loop {
        let Question::Table(wanted) = Question::parse(&Value::Json(question.to_string().into())).unwrap() else {
            panic!("a table")
        };
        let rollover = |tag: &TagName| tag.as_str().starts_with("count").then_some(65_536.0);
        let answer = fill::page(reader, &wanted, Timestamp(START + 3_000_000), &rollover)?;
        let [Value::Bytes(bytes)] = &answer[..] else { panic!("bytes") };
        let head_bytes = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
        let head: Json = serde_json::from_slice(&bytes[4..4 + head_bytes]).unwrap();
        text.push_str(std::str::from_utf8(&bytes[4 + head_bytes..]).unwrap());
        pages += 1;
        if head["next"].is_null() {
            return Ok((text, pages));
        }
        question["table"]["next"] = head["next"].clone();
    }
}

async fn asked(question: Json) -> Result<(String, usize), ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let answer = store
        .read(shell::Stop::new(), move |reader| {
            // What was taken over is seen at once or a little later.
            while reader.last_before(&name("many"), Timestamp(u64::MAX))?.is_none() {
                std::thread::yield_now();
            }
            ask(reader, &question)
        })
        .await;
    store.close(Vec::new());
    answer
}

fn table(of: &str, form: &str, more: Json) -> Json {
    let mut table = json!({"of": of, "tags": ["level", "count, of \"all\""], "from_us": START, "to_us": START + 10_000_000, "as": form});
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "table": table })
}

#[tokio::test]
async fn each_table_as_csv() {
    let cases = [
        (
            table("records", "csv", json!({})),
            "time,tag,value,quality\n\
             2023-11-14T22:13:20Z,level,0.5,good\n\
             2023-11-14T22:13:21Z,level,,timed out\n\
             2023-11-14T22:13:22Z,level,1.5,good\n\
             2023-11-14T22:13:20Z,\"count, of \"\"all\"\"\",65534,good\n\
             2023-11-14T22:13:21Z,\"count, of \"\"all\"\"\",65535,good\n\
             2023-11-14T22:13:22Z,\"count, of \"\"all\"\"\",3,good\n",
        ),
        (
            table("records", "csv", json!({"last": 2})),
            "time,tag,value,quality\n\
             2023-11-14T22:13:21Z,level,,timed out\n\
             2023-11-14T22:13:22Z,level,1.5,good\n\
             2023-11-14T22:13:21Z,\"count, of \"\"all\"\"\",65535,good\n\
             2023-11-14T22:13:22Z,\"count, of \"\"all\"\"\",3,good\n",
        ),
        (
            table("records", "csv", json!({"last": 1000, "to_us": START + 1_000_000, "tags": ["level"]})),
            "time,tag,value,quality\n2023-11-14T22:13:20Z,level,0.5,good\n",
        ),
        (
            table("rows", "csv", json!({"every_us": 500_000, "to_us": START + 2_500_000})),
            "time,level,\"count, of \"\"all\"\"\"\n\
             2023-11-14T22:13:20Z,0.5,65534\n\
             2023-11-14T22:13:20.5Z,0.5,65534\n\
             2023-11-14T22:13:21Z,,65535\n\
             2023-11-14T22:13:21.5Z,,65535\n\
             2023-11-14T22:13:22Z,1.5,3\n",
        ),
        (
            table("at", "csv", json!({"from_us": START + 1_500_000})),
            "time,tag,value,quality\n\
             2023-11-14T22:13:21Z,level,,timed out\n\
             2023-11-14T22:13:21Z,\"count, of \"\"all\"\"\",65535,good\n",
        ),
        (
            table("buckets", "csv", json!({"every": "1m", "tags": ["level"]})),
            "start,end,tag,count,min,max,mean,first,last,good_s\n\
             2023-11-14T22:13:00Z,2023-11-14T22:14:00Z,level,2,0.5,1.5,1.0,0.5,1.5,2\n",
        ),
        (
            table("counters", "csv", json!({"every": "1m", "tags": ["count, of \"all\""]})),
            "start,end,tag,count,increase,rollovers,resets,last\n\
             2023-11-14T22:13:00Z,2023-11-14T22:14:00Z,\"count, of \"\"all\"\"\",3,5.0,1,0,3.0\n",
        ),
        (
            table("states", "csv", json!({"every": "1m", "tags": ["count, of \"all\""]})),
            "start,end,tag,state,seconds\n\
             2023-11-14T22:13:00Z,2023-11-14T22:14:00Z,\"count, of \"\"all\"\"\",3,1\n\
             2023-11-14T22:13:00Z,2023-11-14T22:14:00Z,\"count, of \"\"all\"\"\",65534,1\n\
             2023-11-14T22:13:00Z,2023-11-14T22:14:00Z,\"count, of \"\"all\"\"\",65535,1\n",
        ),
    ];
    for (question, want) in cases {
        assert_eq!(asked(question.clone()).await.unwrap(), (want.to_owned(), 1), "{question}");
    }
}

#[tokio::test]
async fn json_has_the_same_cells_and_pages_join() {
    let (text, pages) = asked(table("records", "json", json!({}))).await.unwrap();
    let found: Json = serde_json::from_str(&text).unwrap();
    assert_eq!((pages, &found["columns"]), (1, &json!(["time", "tag", "value", "quality"])));
    assert_eq!(found["rows"][1], json!(["2023-11-14T22:13:21Z", "level", null, "timed out"]));
    assert_eq!(found["rows"][5], json!(["2023-11-14T22:13:22Z", "count, of \"all\"", 3, "good"]));
    let all = json!({"tags": ["many", "level"], "to_us": START + 30_000_000_000_u64});
    for of in ["records", "rows"] {
        let (text, pages) = asked(table(of, "json", all.clone())).await.unwrap();
        let found: Json = serde_json::from_str(&text).unwrap();
        let rows = found["rows"].as_array().unwrap();
        assert!(pages >= 20_000 / PAGE_CELLS_MAX, "{pages} pages");
        let value = |row: &Json| if of == "records" { row[2].as_f64() } else { row[1].as_f64() };
        let many = rows.iter().filter(|row| of == "rows" || row[1] == "many").map(value);
        assert!(many.eq((0..20_000).map(|i| Some(f64::from(i)))), "{of}: each row once, in order");
        let (text, _) = asked(table(of, "csv", all.clone())).await.unwrap();
        assert_eq!(text.lines().count(), rows.len() + 1, "{of}");
    }
    let (text, _) = asked(table("records", "json", json!({"to_us": START + 1, "from_us": START}))).await.unwrap();
    assert_eq!(serde_json::from_str::<Json>(&text).unwrap()["rows"].as_array().unwrap().len(), 2);
    let (text, _) = asked(table("records", "json", json!({"to_us": 9, "from_us": 1}))).await.unwrap();
    assert_eq!(serde_json::from_str::<Json>(&text).unwrap()["rows"], json!([]), "an empty table is one too");
}

#[tokio::test]
async fn what_cannot_be_answered_is_said() {
    for of in ["records", "rows", "at"] {
        let refused = asked(table(of, "csv", json!({"tags": ["nobody"]}))).await;
        assert!(matches!(refused, Err(ReadError::NoTag(_))), "{of}: {refused:?}");
    }
    for (of, more) in [
        ("buckets", json!({"every": "1m", "from_us": 0})),
        ("states", json!({"every": "1h", "from_us": 0})),
        ("counters", json!({"every": "15m", "from_us": 0})),
    ] {
        let refused = asked(table(of, "csv", more)).await;
        assert!(matches!(refused, Err(ReadError::TooManyRows)), "{of}: {refused:?}");
    }
    let many = json!({"every": "1d", "tags": ["many"], "to_us": START + 30_000_000_000_u64});
    let refused = asked(table("states", "csv", many)).await;
    assert!(matches!(refused, Err(ReadError::TooManyStates)), "{refused:?}");
}

/// Rows that no bucket stands for are counted record by record, and not more of them than a question may take.
#[tokio::test]
async fn what_takes_too_long_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let read = |most: usize| {
        store.read(shell::Stop::new(), move |reader| {
            while reader.last_before(&name("many"), Timestamp(u64::MAX))?.is_none() {
                std::thread::yield_now();
            }
            reader.records_max = most;
            let more = json!({"every": "1h", "tags": ["many"], "to_us": START + 30_000_000_000_u64});
            ask(reader, &table("buckets", "csv", more))
        })
    };
    let refused = read(100).await;
    assert!(matches!(refused, Err(ReadError::TooMuch)), "the last records are in no bucket yet: {refused:?}");
    assert_eq!(read(20_000).await.unwrap().0.lines().count(), 1 + 9);
    store.close(Vec::new());
}

#[test]
fn a_question_is_checked() {
    let parse = |question: Json| Question::parse(&Value::Json(question.to_string().into()));
    let wrong = [
        (json!({"table": 5}), AskError::Member("table")),
        (table("lies", "csv", json!({})), AskError::Member("of")),
        (table("records", "xml", json!({})), AskError::Member("as")),
        (table("records", "csv", json!({"tags": []})), AskError::Tags(0)),
        (table("records", "csv", json!({"to_us": START})), AskError::Backwards),
        (table("records", "csv", json!({"to_us": null})), AskError::Time("to")),
        (table("records", "csv", json!({"to_us": null, "to": "tomorrow"})), AskError::Time("to")),
        (table("rows", "csv", json!({"every_us": 999})), AskError::Member("every_us")),
        (table("buckets", "csv", json!({})), AskError::Member("every")),
        (table("buckets", "csv", json!({"every": "2h"})), AskError::Member("every")),
        (table("records", "csv", json!({"next": {"tag": 2, "at_us": START, "any": true}})), AskError::Member("next")),
        (table("records", "csv", json!({"next": {"tag": 0, "at_us": 5, "any": true}})), AskError::Member("next")),
        (table("records", "csv", json!({"last": 0})), AskError::Last),
        (table("records", "csv", json!({"last": 1001})), AskError::Last),
        (table("records", "csv", json!({"last": "5"})), AskError::Last),
        (table("rows", "csv", json!({"last": 5})), AskError::Last),
        (
            table("records", "csv", json!({"last": 5, "next": {"tag": 0, "at_us": START, "any": true}})),
            AskError::Member("next"),
        ),
        (table("records", "csv", json!({"next": {"tag": 0}})), AskError::Member("next")),
    ];
    for (question, want) in wrong {
        assert_eq!(parse(question.clone()), Err(want), "{question}");
    }
    let Ok(Question::Table(wanted)) = parse(table("rows", "json", json!({"from_us": null, "from_ms": 1.5}))) else {
        panic!("a table")
    };
    assert_eq!((wanted.of, wanted.span.from), (TableOf::Rows(None), Timestamp(1500)));
    let written =
        json!({"from_us": null, "from": "2023-11-14T23:13:20.5+01:00", "to_us": null, "to": START / 1000 + 501});
    let Ok(Question::Table(wanted)) = parse(table("records", "csv", written)) else { panic!("a table") };
    assert_eq!((wanted.span.from.0, wanted.span.to.0), (START + 500_000, START + 501_000));
}

#[test]
fn numbers_read_back_exactly() {
    for x in [0.1, -0.0, 1e300, 5e-324, f64::MAX, 123_456_789.123_456_78] {
        let mut text = Text::later(TableForm::Json, false);
        text.row(&[Cell::Number(Number::Float(x)), Cell::Number(Number::Int(i64::MIN))]);
        let text = text.finish(false);
        let found: Vec<serde_json::Number> = serde_json::from_str(&text).unwrap();
        assert_eq!(found[0].as_f64().unwrap().to_bits(), x.to_bits(), "{text}");
        assert_eq!(found[1].as_i64(), Some(i64::MIN));
    }
}
