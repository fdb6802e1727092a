//! Fills a page of a table from the store: records and rows here, what is rolled up in `fill/rolled.rs`.
//!
//! An answer is a `u32` (little-endian) that says how long the head is, the head as JSON, and the text. The head's `next`
//! goes back into the same question for the next page; `null` ends the table.

mod rolled;

use std::ops::ControlFlow;

use serde_json::json;
use tag::{TagName, Timestamp, Value};

use super::text::{Cell, Text, quality};
use super::{Next, TableOf, Wanted};
use crate::decimate::Span;
use crate::entry::Point;
use crate::error::ReadError;
use crate::store::{PAGE_CELLS_MAX, Reader};

/// A page as an answer.
pub(crate) fn page(
    reader: &mut Reader,
    wanted: &Wanted,
    now: Timestamp,
    rollover: &dyn Fn(&TagName) -> Option<f64>,
) -> Result<Vec<Value>, ReadError> {
    let page = page_of(reader, wanted, now, rollover)?;
    let more = page.next.map(|next| json!({"tag": next.tag, "at_us": next.at.0, "any": next.any}));
    let head = json!({"next": more, "rows": page.rows}).to_string();
    let mut answer = u32::try_from(head.len()).expect("a head has some ten bytes").to_le_bytes().to_vec();
    answer.extend(head.into_bytes());
    answer.extend(page.text.into_bytes());
    Ok(vec![Value::Bytes(answer.into())])
}

/// Some of a table.
pub(crate) struct PageOf {
    pub(crate) text: String,
    pub(crate) rows: usize,
    /// `None` ends it.
    pub(crate) next: Option<Next>,
}

/// What of a table is in one answer.
pub(crate) fn page_of(
    reader: &mut Reader,
    wanted: &Wanted,
    now: Timestamp,
    rollover: &dyn Fn(&TagName) -> Option<f64>,
) -> Result<PageOf, ReadError> {
    let mut text = match wanted.next {
        Some(next) => Text::later(wanted.form, next.any),
        None => Text::first(wanted.form, &columns(wanted)),
    };
    let next = match wanted.of {
        TableOf::Records => records(reader, wanted, &mut text)?,
        TableOf::Last(most) => last(reader, wanted, most, &mut text)?,
        TableOf::Rows(step) => rows(reader, wanted, step, &mut text)?,
        TableOf::At => at(reader, wanted, &mut text)?,
        TableOf::Buckets(every) => rolled::Rows { reader, wanted, every, now, text: &mut text }.buckets()?,
        TableOf::Counters(every) => rolled::Rows { reader, wanted, every, now, text: &mut text }.counters(rollover)?,
        TableOf::States(every) => rolled::Rows { reader, wanted, every, now, text: &mut text }.states()?,
    };
    Ok(PageOf { rows: text.rows(), text: text.finish(next.is_none()), next })
}

fn columns(wanted: &Wanted) -> Vec<&str> {
    match wanted.of {
        TableOf::Records | TableOf::Last(_) | TableOf::At => vec!["time", "tag", "value", "quality"],
        TableOf::Rows(_) => std::iter::once("time").chain(wanted.tags.iter().map(TagName::as_str)).collect(),
        TableOf::Buckets(_) => vec!["start", "end", "tag", "count", "min", "max", "mean", "first", "last", "good_s"],
        TableOf::Counters(_) => vec!["start", "end", "tag", "count", "increase", "rollovers", "resets", "last"],
        TableOf::States(_) => vec!["start", "end", "tag", "state", "seconds"],
    }
}

/// Past so many bytes a page ends at its next row: with sixteen of the longest texts in that, every byte escaped, it fits
/// an answer.
pub(crate) const PAGE_BYTES_MAX: usize = 2 << 20;

/// Texts of the newest records of all tags of one question. With one more of each of sixteen tags, each byte of them
/// escaped, that fits an answer.
const LAST_TEXT_BYTES_MAX: usize = 1 << 20;

fn record_row(text: &mut Text, tag: &TagName, at: Timestamp, point: &Point) {
    text.row(&[Cell::Time(at), Cell::Text(tag.as_str()), Cell::of(point), Cell::Text(&quality(point))]);
}

fn records(reader: &mut Reader, wanted: &Wanted, text: &mut Text) -> Result<Option<Next>, ReadError> {
    let (mut at, first) = wanted.next.map_or((wanted.span.from, 0), |next| (next.at, next.tag));
    for (place, tag) in wanted.tags.iter().enumerate().skip(first) {
        let (mut last, mut more) = (None, None);
        let known = reader.records(tag, Span { from: at, to: wanted.span.to }, &mut |at, point| {
            // A time and its gap of all stay together.
            let is_full = text.rows() >= PAGE_CELLS_MAX || text.bytes() >= PAGE_BYTES_MAX;
            if is_full && last != Some(at) {
                more = Some(at);
                return ControlFlow::Break(());
            }
            last = Some(at);
            record_row(text, tag, at, &point);
            ControlFlow::Continue(())
        })?;
        if !known {
            return Err(ReadError::NoTag(tag.clone()));
        }
        if let Some(at) = more {
            return Ok(Some(Next { tag: place, at, any: text.any() }));
        }
        at = wanted.span.from;
    }
    Ok(None)
}

fn last(reader: &mut Reader, wanted: &Wanted, most: usize, text: &mut Text) -> Result<Option<Next>, ReadError> {
    let bytes = LAST_TEXT_BYTES_MAX / wanted.tags.len();
    for tag in &wanted.tags {
        let found = reader.last(tag, wanted.span, most, bytes)?.ok_or_else(|| ReadError::NoTag(tag.clone()))?;
        found.iter().for_each(|(at, point)| record_row(text, tag, *at, point));
    }
    Ok(None)
}

fn rows(reader: &mut Reader, wanted: &Wanted, step: Option<u64>, text: &mut Text) -> Result<Option<Next>, ReadError> {
    let from = wanted.next.map_or(wanted.span.from, |next| next.at);
    let span = Span { from, to: wanted.span.to };
    let page = match step {
        Some(step) => reader.rows_every(&wanted.tags, span, step)?,
        None => reader.rows_changed(&wanted.tags, span)?,
    };
    for (at, values) in &page.rows {
        if text.bytes() >= PAGE_BYTES_MAX {
            return Ok(Some(Next { tag: 0, at: *at, any: text.any() }));
        }
        let values = values.iter().map(|value| match value {
            Some(point) => Cell::of(point),
            None => Cell::None,
        });
        let cells: Vec<Cell<'_>> = std::iter::once(Cell::Time(*at)).chain(values).collect();
        text.row(&cells);
    }
    Ok(page.next.map(|at| Next { tag: 0, at, any: text.any() }))
}

fn at(reader: &mut Reader, wanted: &Wanted, text: &mut Text) -> Result<Option<Next>, ReadError> {
    for tag in &wanted.tags {
        let held = reader.value_at(tag, wanted.span.from)?.ok_or_else(|| ReadError::NoTag(tag.clone()))?;
        match held {
            Some((since, point)) => record_row(text, tag, since, &point),
            None => text.row(&[Cell::None, Cell::Text(tag.as_str()), Cell::None, Cell::Text("never recorded before")]),
        }
    }
    Ok(None)
}
