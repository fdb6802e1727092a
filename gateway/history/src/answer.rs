//! Answers as bytes: pymscada's records, our trends (`FBH1`, see `PAGE.md`), a status.

use serde_json::json;
use tag::{Kind, TagName, Timestamp, Value};

use crate::ask::Records;
use crate::decimate::{Extent, Series, Span};
use crate::entry::Number;
use crate::error::ReadError;
use crate::recorder::Counts;
use crate::store::{Reader, Status};

/// The most records in one of pymscada's answers: with its header it fills the 16 MB a bus value may have. Where a
/// span holds more, the newest are given.
const RECORDS_MAX: usize = (16 * 1024 * 1024 - 6) / 16;

/// What pymscada's history sets its tag to after an answer, so that the bus doesn't keep it.
const RESET: [u8; 6] = [0; 6];

/// `FBH1` as the first four bytes.
const MAGIC: u32 = 0x3148_4246;

/// What pymscada's answer says of the tag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RtaTag {
    /// Its number on protocol 1; 0 if it has none.
    pub(crate) bus_id: u16,
    /// Its type in `tags.yaml`; `None` if it isn't there, or is no number.
    pub(crate) kind: Option<Kind>,
}

/// pymscada's answer: a header and every record of the span; where there is none, the last one before it. A header
/// alone if there isn't that either, so that nobody waits for ever for an answer that can't come.
pub(crate) fn records(reader: &mut Reader, question: &Records, tag: RtaTag) -> Result<Vec<Value>, ReadError> {
    let pack = match tag.kind {
        Some(Kind::Int) => 1_u16,
        Some(Kind::Float) => 2,
        _ => 0,
    };
    let mut answer = Vec::with_capacity(6);
    for word in [question.rta_id, tag.bus_id, pack] {
        answer.extend(word.to_be_bytes());
    }
    if let (Some(name), Some(kind)) = (&question.tag, tag.kind.filter(|kind| kind.is_numeric())) {
        let span = Span { from: question.from, to: question.to };
        reader.newest(name, span, RECORDS_MAX, &mut |at, number| push_record(&mut answer, kind, at, number))?;
        if answer.len() > 6 {
            turn_round(&mut answer[6..]);
        } else if let Some((at, number)) = reader.last_before(name, span.from)? {
            push_record(&mut answer, kind, at, number);
        }
    }
    Ok(vec![Value::Bytes(answer.into()), reset()])
}

/// What ends one of pymscada's answers.
pub(crate) fn reset() -> Value {
    Value::Bytes(RESET.as_slice().into())
}

fn push_record(answer: &mut Vec<u8>, kind: Kind, at: Timestamp, number: Number) {
    answer.extend(at.0.to_be_bytes());
    match kind {
        Kind::Int => answer.extend(number.as_i64().to_be_bytes()),
        _ => answer.extend(number.as_f64().to_be_bytes()),
    }
}

/// Newest first becomes oldest first, in place: an answer may be as large as all the memory it may have.
fn turn_round(records: &mut [u8]) {
    let count = records.len() / 16;
    for i in 0..count / 2 {
        let (low, high) = records.split_at_mut((count - 1 - i) * 16);
        low[i * 16..][..16].swap_with_slice(&mut high[..16]);
    }
}

/// Trends of some tags.
pub(crate) fn trends(
    reader: &mut Reader,
    tags: &[TagName],
    span: Span,
    columns: usize,
) -> Result<Vec<Value>, ReadError> {
    let mut bytes = header(span, tags.len());
    for tag in tags {
        push_series(&mut bytes, &reader.trend(tag, span, columns)?);
    }
    Ok(vec![Value::Bytes(bytes.into())])
}

fn header(span: Span, series: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(MAGIC.to_le_bytes());
    bytes.extend(count(series));
    bytes.extend(ms(span.from).to_le_bytes());
    bytes.extend(ms(span.to).to_le_bytes());
    bytes
}

fn push_series(bytes: &mut Vec<u8>, series: &Series) {
    match series {
        Series::Unknown => push_head(bytes, 0, 2),
        Series::Raw(points) => {
            push_head(bytes, points.len(), 0);
            push_column(bytes, points, |(at, _)| ms(*at));
            push_column(bytes, points, |(_, value)| value.unwrap_or(f64::NAN));
        }
        Series::Decimated(columns) => {
            push_head(bytes, columns.len(), 1);
            push_column(bytes, columns, |column| ms(column.at));
            for part in [|e: Extent| e.min, |e: Extent| e.max, |e: Extent| e.last] {
                push_column(bytes, columns, |column| column.extent.map_or(f64::NAN, part));
            }
        }
    }
}

fn push_head(bytes: &mut Vec<u8>, points: usize, form: u32) {
    bytes.extend(count(points));
    bytes.extend(form.to_le_bytes());
}

fn push_column<T>(bytes: &mut Vec<u8>, points: &[T], number: impl Fn(&T) -> f64) {
    bytes.extend(points.iter().flat_map(|point| number(point).to_le_bytes()));
}

fn count(n: usize) -> [u8; 4] {
    u32::try_from(n).expect("ask.rs bounds the tags and the columns").to_le_bytes()
}

fn ms(at: Timestamp) -> f64 {
    at.0 as f64 / 1000.0
}

/// Spans of uncertain time in a status: as many starts without a clock.
const UNCERTAIN_MAX: usize = 64;

fn newest(spans: &[Span]) -> &[Span] {
    &spans[spans.len().saturating_sub(UNCERTAIN_MAX)..]
}

/// The recorder's own state, as other modules ask for it.
pub(crate) fn status(store: &Status, uncertain: &[Span], counts: Counts, waiting: usize) -> Value {
    let days = |(oldest, newest): (Timestamp, Timestamp)| newest.micros_since(oldest) as f64 / 86_400e6;
    let status = json!({
        "tags": store.tags,
        "bytes": store.bytes,
        "oldest_ms": store.oldest.map(Timestamp::as_ms),
        "newest_ms": store.newest.map(Timestamp::as_ms),
        "days": store.oldest.zip(store.newest).map(days),
        "written": store.written,
        "keep_bytes": store.keep_bytes,
        "days_kept": store.days_kept(),
        "device_bytes": store.device.map(|(bytes, _)| bytes),
        "device_bytes_per_day": store.device_bytes_per_day(),
        "damaged": store.damaged,
        "clock_uncertain": store.clock_uncertain,
        "uncertain_ms": newest(uncertain).iter().map(|span| [span.from.as_ms(), span.to.as_ms()]).collect::<Vec<_>>(),
        "salvage": store.salvage.as_ref().map(|salvage| json!({
            "file": salvage.file,
            "at_ms": salvage.at.as_ms(),
            "got": salvage.got,
            "lost": salvage.lost,
            "done": salvage.is_done,
        })),
        "day_bytes_max": store.thrift.day_bytes_max,
        "day_bytes": store.thrift.day_bytes,
        "flush_ms": store.thrift.flush_ms,
        "every_ms": store.thrift.every_ms,
        "thinned": store.thrift.thinned,
        "wear": store.wear.iter().map(|wear| json!({
            "device": wear.device,
            "used_percent": wear.used_percent,
            "near_end": wear.is_near_end,
        })).collect::<Vec<_>>(),
        "waiting": waiting,
        "failing": store.failing,
        "seen": counts.seen,
        "kept": counts.kept,
        "gaps": counts.gaps,
        "refused_times": counts.refused_times,
        "refused_values": counts.refused_values,
        "refused_texts": counts.refused_texts,
        "lost": counts.lost,
    });
    Value::Json(status.to_string().into())
}

/// Why there is no answer, for our own modules; `asked` says that the question is to blame.
pub(crate) fn error(why: &dyn std::error::Error, of_the_question: bool) -> Value {
    Value::Json(json!({ "error": why.to_string(), "asked": of_the_question }).to_string().into())
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
