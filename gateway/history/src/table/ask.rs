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

/// The most records of a tag that are asked for from the end: more are asked for by the span, a page at a time.
pub(crate) const LAST_MAX: usize = 1000;

/// Reads the question.
pub(crate) fn parse(table: &Map<String, Json>) -> Result<Wanted, AskError> {
    let tags = names(table)?;
    let of = of(table)?;
    let (from, to) = (["from_us", "from_ms", "from"], ["to_us", "to_ms", "to"]);
    let given = |members: [&'static str; 3]| members.iter().any(|member| table.contains_key(*member));
    let or = |members, open| if given(members) { at(table, members) } else { Ok(Timestamp(open)) };
    let span = match of {
        TableOf::At => {
            let from = at(table, from)?;
            Span { from, to: Timestamp(from.0.saturating_add(1)) }
        }
        TableOf::Last(_) => Span { from: or(from, 0)?, to: or(to, u64::MAX)? },
        _ => Span { from: at(table, from)?, to: at(table, to)? },
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
    let is_whole = matches!(of, TableOf::Last(_));
    if next.is_some_and(|next| is_whole || next.at < span.from || next.at >= span.to) {
        return Err(AskError::Member("next"));
    }
    Ok(Wanted { of, tags, span, form, next })
}

fn of(table: &Map<String, Json>) -> Result<TableOf, AskError> {
    let every = || table.get("every").and_then(Json::as_str).and_then(Every::parse).ok_or(AskError::Member("every"));
    let last = match table.get("last") {
        None => None,
        Some(last) => {
            let last = last.as_u64().and_then(|last| usize::try_from(last).ok());
            Some(last.filter(|last| (1..=LAST_MAX).contains(last)).ok_or(AskError::Last)?)
        }
    };
    Ok(match table.get("of").and_then(Json::as_str) {
        Some("records") => last.map_or(TableOf::Records, TableOf::Last),
        Some(_) if last.is_some() => return Err(AskError::Last),
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
