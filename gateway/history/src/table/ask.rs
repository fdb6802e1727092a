//! `{"table":{"of":"buckets","tags":["A"],"from_us":0,"to_us":9,"every":"1h","as":"csv","next":{…}}}`, checked.

use serde_json::{Map, Value as Json};
use tag::Timestamp;

use super::{Next, TableForm, TableOf, Wanted};
use crate::ask::{AskError, Time, names, time};
use crate::decimate::Span;
use crate::rolled::Every;
use crate::tools::parse_time;

/// The shortest step of rows: what is recorded comes no faster.
const STEP_US_MIN: u64 = 1000;

/// Reads the question.
pub(crate) fn parse(table: &Map<String, Json>) -> Result<Wanted, AskError> {
    let tags = names(table)?;
    let of = of(table)?;
    let from = at(table, ["from_us", "from_ms", "from"])?;
    let span = match of {
        TableOf::At => Span { from, to: Timestamp(from.0.saturating_add(1)) },
        _ => Span { from, to: at(table, ["to_us", "to_ms", "to"])? },
    };
    if span.from >= span.to {
        return Err(AskError::Backwards);
    }
    let form = match table.get("as").and_then(Json::as_str) {
        Some("csv") => TableForm::Csv,
        Some("json") => TableForm::Json,
        _ => return Err(AskError::Member("as")),
    };
    let next = match table.get("next") {
        None | Some(Json::Null) => None,
        Some(next) => Some(parse_next(next, tags.len()).ok_or(AskError::Member("next"))?),
    };
    if next.is_some_and(|next| next.at < span.from || next.at >= span.to) {
        return Err(AskError::Member("next"));
    }
    Ok(Wanted { of, tags, span, form, next })
}

fn of(table: &Map<String, Json>) -> Result<TableOf, AskError> {
    let every = || table.get("every").and_then(Json::as_str).and_then(Every::parse).ok_or(AskError::Member("every"));
    Ok(match table.get("of").and_then(Json::as_str) {
        Some("records") => TableOf::Records,
        Some("rows") => match table.get("every_us") {
            None => TableOf::Rows(None),
            Some(step) => {
                let step = step.as_u64().filter(|step| *step >= STEP_US_MIN);
                TableOf::Rows(Some(step.ok_or(AskError::Member("every_us"))?))
            }
        },
        Some("at") => TableOf::At,
        Some("buckets") => TableOf::Buckets(every()?),
        Some("counters") => TableOf::Counters(every()?),
        Some("states") => TableOf::States(every()?),
        _ => return Err(AskError::Member("of")),
    })
}

/// A time in µs, in ms, or as people write it (RFC 3339); a plain number is ms.
fn at(table: &Map<String, Json>, [us, ms, plain]: [&'static str; 3]) -> Result<Timestamp, AskError> {
    let found = time(table.get(us), 1).or_else(|| time(table.get(ms), 1000)).or_else(|| time(table.get(plain), 1000));
    let written = || table.get(plain).and_then(Json::as_str).and_then(parse_time);
    found.map(Time::at).or_else(written).ok_or(AskError::Time(plain))
}

fn parse_next(next: &Json, tags: usize) -> Option<Next> {
    let tag = usize::try_from(next.get("tag")?.as_u64()?).ok().filter(|tag| *tag < tags)?;
    Some(Next { tag, at: Timestamp(next.get("at_us")?.as_u64()?), any: next.get("any")?.as_bool()? })
}
