//! What a question on `__history__` asks.
//!
//! | question | from | answer |
//! |---|---|---|
//! | `{"tagname","start_us","end_us","__rta_id__"}`, or `start_ms`, `end_ms` | pymscada's modules | its records |
//! | `{"trend":{"tags":["A"],"from_ms":0,"to_ms":1,"columns":800}}` | our `www` | the layout of a trend (`PAGE.md`) |
//! | `{"table":{"of":"records","tags":["A"],"from_us":0,"to_us":1,"as":"csv"}}` | our `www` | a page of a table (`table.rs`) |
//! | the same with `"last":20` and `from`, `to` or not | our `www` | the newest records, one page |
//! | `{"status":{}}` | our modules | a JSON object |

use serde_json::{Map, Value as Json};
use tag::{NameError, TagName, Timestamp, Value};

use crate::decimate::Span;
use crate::table::Wanted;
use crate::table::ask::{self as table, LAST_MAX};

/// The most tags one trend shows: more colours can't be told apart.
pub(crate) const TAGS_MAX: usize = 16;

/// The most columns of a trend: the widest screen.
pub(crate) const COLUMNS_MAX: usize = 4096;

/// The longest question: 16 names of 255 bytes, each byte escaped, fit several times.
const QUESTION_BYTES_MAX: usize = 128 << 10;

/// A question, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Question {
    /// pymscada's: all records of a tag.
    Records(Records),
    /// Trends of some tags.
    Trend {
        /// Which tags, in the order to answer.
        tags: Vec<TagName>,
        /// From when to when.
        span: Span,
        /// In how many columns at most.
        columns: usize,
    },
    /// A table of some tags.
    Table(Wanted),
    /// What there is.
    Status,
}

/// pymscada's question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Records {
    /// The tag, if that can be one.
    pub(crate) tag: Option<TagName>,
    /// From inclusive, to exclusive. May be empty or backwards: then no record lies in it.
    pub(crate) from: Timestamp,
    /// See `from`.
    pub(crate) to: Timestamp,
    /// Goes back with the answer; the asker knows its own by it.
    pub(crate) rta_id: u16,
}

/// What is wrong with a question, in words for whoever asks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum AskError {
    #[error("a question is JSON text")]
    NotJson,
    #[error("a question has at most {QUESTION_BYTES_MAX} bytes, this one has {0}")]
    TooLong(usize),
    #[error("a question is an object with trend, table, status or tagname")]
    NoQuestion,
    #[error("{0} is missing or not what it should be")]
    Member(&'static str),
    #[error("a question has 1 to {TAGS_MAX} tags, not {0}")]
    Tags(usize),
    #[error("a trend has 1 to {COLUMNS_MAX} columns")]
    Columns,
    #[error("last is 1 to {LAST_MAX}, for records")]
    Last,
    #[error("{0} is no time: ms since 1970, or one such as 2026-01-31T00:00:00Z")]
    Time(&'static str),
    #[error("to must be later than from")]
    Backwards,
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Question {
    /// Reads a question.
    pub(crate) fn parse(raw: &Value) -> Result<Self, AskError> {
        let text = match raw {
            Value::Json(text) | Value::Text(text) => text,
            Value::Int(_) | Value::Float(_) | Value::Bytes(_) => return Err(AskError::NotJson),
        };
        if text.len() > QUESTION_BYTES_MAX {
            return Err(AskError::TooLong(text.len()));
        }
        let Ok(Json::Object(question)) = serde_json::from_str(text) else { return Err(AskError::NotJson) };
        if let Some(trend) = question.get("trend") {
            return parse_trend(trend.as_object().ok_or(AskError::Member("trend"))?);
        }
        if let Some(wanted) = question.get("table") {
            return table::parse(wanted.as_object().ok_or(AskError::Member("table"))?).map(Self::Table);
        }
        if question.contains_key("status") {
            return Ok(Self::Status);
        }
        if question.contains_key("tagname") {
            return Ok(Self::Records(parse_records(&question)));
        }
        Err(AskError::NoQuestion)
    }
}

fn parse_trend(trend: &Map<String, Json>) -> Result<Question, AskError> {
    let tags = names(trend)?;
    let time = |member| Ok::<_, AskError>(time(trend.get(member), 1000).ok_or(AskError::Member(member))?.at());
    let span = Span { from: time("from_ms")?, to: time("to_ms")? };
    if span.from >= span.to {
        return Err(AskError::Backwards);
    }
    let columns = trend.get("columns").and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok());
    let columns = columns.filter(|n| (1..=COLUMNS_MAX).contains(n)).ok_or(AskError::Columns)?;
    Ok(Question::Trend { tags, span, columns })
}

/// The tags of a question.
pub(crate) fn names(question: &Map<String, Json>) -> Result<Vec<TagName>, AskError> {
    let names = question.get("tags").and_then(Json::as_array).ok_or(AskError::Member("tags"))?;
    if names.is_empty() || names.len() > TAGS_MAX {
        return Err(AskError::Tags(names.len()));
    }
    let parse = |name: &Json| Ok(TagName::parse(name.as_str().ok_or(AskError::Member("tags"))?)?);
    names.iter().map(parse).collect()
}

/// pymscada takes whatever is there, and 0 for what isn't: so do we, since its clients can't be told of a mistake.
fn parse_records(question: &Map<String, Json>) -> Records {
    let in_ms = question.contains_key("start_ms") || question.contains_key("end_ms");
    let (start, end, scale) = if in_ms { ("start_ms", "end_ms", 1000) } else { ("start_us", "end_us", 1) };
    let from = time(question.get(start), scale).map_or(Timestamp(0), Time::at);
    let to = match time(question.get(end), scale) {
        None => Timestamp(0),
        // -1: to the end.
        Some(Time::Before1970) => Timestamp(u64::MAX),
        Some(Time::At(at)) => at,
    };
    let tag = question.get("tagname").and_then(Json::as_str).and_then(|name| TagName::parse(name).ok());
    let rta_id = question.get("__rta_id__").and_then(Json::as_u64).and_then(|id| u16::try_from(id).ok()).unwrap_or(0);
    Records { tag, from, to, rta_id }
}

/// A time as a question gives it.
#[derive(Clone, Copy)]
pub(crate) enum Time {
    At(Timestamp),
    Before1970,
}

impl Time {
    /// What is before 1970 is at its beginning.
    pub(crate) fn at(self) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Before1970 => Timestamp(0),
        }
    }
}

/// A number of time units of `scale` µs; whole ones exactly.
pub(crate) fn time(number: Option<&Json>, scale: u64) -> Option<Time> {
    let number = number?.as_number()?;
    if let Some(whole) = number.as_u64() {
        return Some(Time::At(Timestamp(whole.saturating_mul(scale))));
    }
    let number = number.as_f64()?;
    // `as` saturates: what is past all time is the end of it.
    Some(if number < 0.0 { Time::Before1970 } else { Time::At(Timestamp((number * scale as f64) as u64)) })
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, Hasher};

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::table::Next;

    fn parse(text: &str) -> Result<Question, AskError> {
        Question::parse(&Value::Json(text.into()))
    }

    fn records(tag: &str, from: u64, to: u64, rta_id: u16) -> Result<Question, AskError> {
        let (from, to) = (Timestamp(from), Timestamp(to));
        Ok(Question::Records(Records { tag: TagName::parse(tag).ok(), from, to, rta_id }))
    }

    #[test]
    fn pymscadas_questions() {
        let all = u64::MAX;
        let cases = [
            (r#"{"tagname":"A","start_us":5,"end_us":9,"__rta_id__":7}"#, records("A", 5, 9, 7)),
            (r#"{"tagname":"A","start_ms":5,"end_ms":9.5}"#, records("A", 5000, 9500, 0)),
            (r#"{"tagname":"A","start_us":5,"end_us":-1}"#, records("A", 5, all, 0)),
            (r#"{"tagname":"A","start_ms":5,"end_ms":-1}"#, records("A", 5000, all, 0)),
            (r#"{"tagname":"A","start_us":-5,"end_us":-1}"#, records("A", 0, all, 0)),
            (r#"{"tagname":"A","start_us":5}"#, records("A", 5, 0, 0)),
            (r#"{"tagname":"A","start_us":"x","end_us":null,"__rta_id__":70000}"#, records("A", 0, 0, 0)),
            (r#"{"tagname":"A","start_us":1e30,"end_us":18446744073709551615}"#, records("A", all, all, 0)),
            (r#"{"tagname":5,"end_us":-1}"#, records("", 0, all, 0)),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text), want, "{text}");
        }
    }

    #[test]
    fn our_questions() {
        let name = |name| TagName::parse(name).unwrap();
        let span = Span { from: Timestamp(1000), to: Timestamp(2500) };
        let trend = Question::Trend { tags: vec![name("A"), name("Süd")], span, columns: 800 };
        let text = r#"{"trend":{"tags":["A","Süd"],"from_ms":1,"to_ms":2.5,"columns":800}}"#;
        assert_eq!(parse(text), Ok(trend.clone()));
        assert_eq!(Question::parse(&Value::Text(text.into())), Ok(trend));
        assert_eq!(parse(r#"{"status":{}}"#), Ok(Question::Status));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let trend = |members: &str| parse(&format!(r#"{{"trend":{{{members}}}}}"#));
        let names = vec![r#""A""#; 17].join(",");
        let cases = [
            (parse("{"), AskError::NotJson),
            (parse("[1]"), AskError::NotJson),
            (parse("{}"), AskError::NoQuestion),
            (parse(r#"{"trend":5}"#), AskError::Member("trend")),
            (trend(r#""from_ms":0,"to_ms":1,"columns":1"#), AskError::Member("tags")),
            (trend(r#""tags":[5],"from_ms":0,"to_ms":1,"columns":1"#), AskError::Member("tags")),
            (trend(r#""tags":[],"from_ms":0,"to_ms":1,"columns":1"#), AskError::Tags(0)),
            (trend(&format!(r#""tags":[{names}],"from_ms":0,"to_ms":1,"columns":1"#)), AskError::Tags(17)),
            (trend(r#""tags":[""],"from_ms":0,"to_ms":1,"columns":1"#), AskError::Name(NameError::Empty)),
            (trend(r#""tags":["A"],"to_ms":1,"columns":1"#), AskError::Member("from_ms")),
            (trend(r#""tags":["A"],"from_ms":0,"to_ms":"1","columns":1"#), AskError::Member("to_ms")),
            (trend(r#""tags":["A"],"from_ms":1,"to_ms":1,"columns":1"#), AskError::Backwards),
            (trend(r#""tags":["A"],"from_ms":0,"to_ms":1,"columns":0"#), AskError::Columns),
            (trend(r#""tags":["A"],"from_ms":0,"to_ms":1,"columns":4097"#), AskError::Columns),
            (trend(r#""tags":["A"],"from_ms":0,"to_ms":1"#), AskError::Columns),
            (Question::parse(&Value::Int(5)), AskError::NotJson),
            (parse(&" ".repeat(QUESTION_BYTES_MAX + 1)), AskError::TooLong(QUESTION_BYTES_MAX + 1)),
            (parse(&"[".repeat(100_000)), AskError::NotJson),
        ];
        for (got, want) in cases {
            assert_eq!(got, Err(want));
        }
    }

    /// Sound questions with bytes changed, cut out and doubled: never a panic, and never a trend past its bounds.
    #[test]
    fn rubbish_is_answered_with_an_error() {
        let given = std::env::var("FOREBAY_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed: u64 = given.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
        eprintln!("FOREBAY_SEED={seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let sound = [
            r#"{"tagname":"A","start_us":1700000000000000,"end_us":-1,"__rta_id__":7}"#,
            r#"{"trend":{"tags":["A","B"],"from_ms":1700000000000,"to_ms":1700000060000,"columns":800}}"#,
            r#"{"table":{"of":"rows","tags":["A"],"from_us":1,"to_us":9,"every_us":5000,"as":"csv","next":{"tag":0,"at_us":2,"any":true}}}"#,
            r#"{"table":{"of":"records","tags":["A","B"],"last":20,"to":"2026-01-31T00:00:00Z","as":"json"}}"#,
            r#"{"status":{}}"#,
        ];
        for _ in 0..20_000 {
            let mut bytes = sound[rng.random_range(0..sound.len())].as_bytes().to_vec();
            for _ in 0..rng.random_range(1..6) {
                let at = rng.random_range(0..bytes.len());
                match rng.random_range(0..4) {
                    0 => bytes[at] = rng.random(),
                    1 => bytes[at] = br#"{}[]",:-+0e9"#[rng.random_range(0..12)],
                    2 => bytes.truncate(at.max(1)),
                    _ => bytes.extend_from_within(at..),
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            match parse(&text) {
                Ok(Question::Trend { tags, span, columns }) => {
                    assert!((1..=TAGS_MAX).contains(&tags.len()), "{text}");
                    assert!((1..=COLUMNS_MAX).contains(&columns) && span.from < span.to, "{text}");
                }
                Ok(Question::Table(wanted)) => {
                    assert!((1..=TAGS_MAX).contains(&wanted.tags.len()) && wanted.span.from < wanted.span.to, "{text}");
                    let inside = |next: &Next| next.tag < wanted.tags.len() && next.at < wanted.span.to;
                    assert!(wanted.next.as_ref().is_none_or(inside), "{text}");
                }
                _ => {}
            }
        }
    }
}
