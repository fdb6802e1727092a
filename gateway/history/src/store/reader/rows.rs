//! Several tags side by side: what each held at given times, or at every time one of them changed; and one tag's records
//! a page at a time. A page is bounded in rows, in memory and in what is read for it; whoever wants more asks for the
//! next one.

use std::cell::Cell;
use std::collections::BTreeMap;

use tag::{TagName, Timestamp};

use super::super::scan::Past;
use super::super::walk::{gaps_of_all, latest};
use super::{Known, Reader, until};
use crate::decimate::Span;
use crate::entry::Point;
use crate::error::ReadError;
use crate::format::Record;

/// Values of one page, over its tags: each may cost a chunk, so that a page takes a second at most on a small box.
pub const PAGE_CELLS_MAX: usize = 8_192;

/// With more records than this for each row, looking each row up is less work than reading all of them.
const RECORDS_PER_ROW: usize = 256;

/// The same where some of the tags hold texts, which may be long.
const PAGE_TEXT_CELLS_MAX: usize = 256;

/// Bytes of texts read for one tag and page.
const PAGE_TEXT_BYTES_MAX: usize = 1 << 20;

/// What each tag holds from a time on, in the order asked: a number or a text; `None`: nothing is known.
pub type Row = (Timestamp, Vec<Option<Point>>);

/// Some rows, and where the next ones begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The rows, in order of time.
    pub rows: Vec<Row>,
    /// From when on there may be more.
    pub next: Option<Timestamp>,
}

impl Reader {
    /// What a tag holds at a time, and since when: a value, or a gap. `Some(None)`: nothing was recorded before. `None`:
    /// no such tag. Where the past is thinned, to the precision of what is left.
    pub fn value_at(&mut self, tag: &TagName, at: Timestamp) -> Result<Option<Option<(Timestamp, Point)>>, ReadError> {
        let Some(known) = self.known(tag)? else { return Ok(None) };
        let record = self.over(known.id, until(after(at)), |own, all| latest(own, all, after(at)))?;
        Ok(Some(record.map(|record| (record.at, record.point))))
    }

    /// What the tags hold at `span.from` and every `step` after it.
    pub fn rows_every(&mut self, tags: &[TagName], span: Span, step_us: u64) -> Result<Page, ReadError> {
        let step = step_us.max(1);
        let mut cells = PAGE_CELLS_MAX;
        for tag in tags {
            if self.known(tag)?.is_some_and(Known::is_text) {
                cells = PAGE_TEXT_CELLS_MAX;
            }
        }
        let most = (cells / tags.len().max(1)) as u64;
        let all = span.to.micros_since(span.from).div_ceil(step);
        let times: Vec<Timestamp> = (0..all.min(most)).map(|i| Timestamp(span.from.0 + i * step)).collect();
        let next = (all > most).then(|| Timestamp(span.from.0 + most * step));
        let mut rows: Vec<Row> = times.iter().map(|at| (*at, Vec::with_capacity(tags.len()))).collect();
        for tag in tags {
            let known = self.known(tag)?.ok_or_else(|| ReadError::NoTag(tag.clone()))?;
            let column = self.over(known.id, span, |own, all| column(own, all, &times))?;
            rows.iter_mut().zip(column).for_each(|((_, row), value)| row.push(value));
        }
        Ok(Page { rows, next })
    }

    /// What the tags hold at each time one of them changed or a gap began; the first row is what held when the span
    /// began. Times whose records are thinned away have no rows.
    pub fn rows_changed(&mut self, tags: &[TagName], span: Span) -> Result<Page, ReadError> {
        let most = PAGE_CELLS_MAX / tags.len().max(1);
        // Up to where every tag's records were read.
        let mut until = span.to;
        let mut changes: BTreeMap<Timestamp, Vec<(usize, Option<Point>)>> = BTreeMap::new();
        let mut held = Vec::with_capacity(tags.len());
        for (place, tag) in tags.iter().enumerate() {
            let known = self.known(tag)?.ok_or_else(|| ReadError::NoTag(tag.clone()))?;
            let (first, records, end) = self.some(known.id, Span { from: span.from, to: until }, most)?;
            until = end;
            held.push(first);
            for record in records {
                changes.entry(record.at).or_default().push((place, held_in(record)));
            }
        }
        // A page of rows, even where the tags change at times of their own.
        until = until.min(changes.keys().nth(most).copied().unwrap_or(until));
        let mut rows = Vec::new();
        if span.from < until && !changes.contains_key(&span.from) {
            rows.push((span.from, held.clone()));
        }
        for (at, changed) in changes.range(..until) {
            changed.iter().for_each(|(place, value)| held[*place].clone_from(value));
            rows.push((*at, held.clone()));
        }
        Ok(Page { rows, next: (until < span.to).then_some(until) })
    }

    /// What held when the span began, at most so many records from there on, and where they end.
    fn some(
        &mut self,
        tag: i64,
        span: Span,
        most: usize,
    ) -> Result<(Option<Point>, Vec<Record>, Timestamp), ReadError> {
        let enough = Cell::new(false);
        let (mut records, mut until, mut first) = (Vec::<Record>::new(), span.to, None);
        let mut text_bytes = 0;
        let done = self.over_until(tag, span, Some(&enough), |own, all| {
            first = latest(own, all, span.from)?.and_then(held_in);
            let gaps = gaps_of_all(all, span)?;
            let mut gaps = gaps.iter().peekable();
            let mut push = |record: Record| {
                let is_full = records.len() >= most || text_bytes >= PAGE_TEXT_BYTES_MAX;
                if is_full && records.last().is_some_and(|last| last.at < record.at) {
                    until = until.min(record.at);
                    enough.set(true);
                } else if !enough.get() {
                    text_bytes += record.point.text_bytes();
                    records.push(record);
                }
            };
            let gap = |at: Timestamp| Record { at, point: Point::Gap(crate::entry::Cause::NotRecorded) };
            own.records(span.from, span.to, &mut |record| {
                while let Some(at) = gaps.next_if(|at| **at < record.at) {
                    push(gap(*at));
                }
                push(record);
            })?;
            gaps.for_each(|at| push(gap(*at)));
            Ok(())
        });
        match done {
            Err(ReadError::Cancelled) if enough.get() => {}
            done => done?,
        }
        Ok((first, records, until))
    }
}

/// What one tag held at rising times.
fn column(own: &Past<'_>, all: &Past<'_>, times: &[Timestamp]) -> Result<Vec<Option<Point>>, ReadError> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Ok(Vec::new()) };
    let look_up = |at: Timestamp| Ok(latest(own, all, after(at))?.and_then(held_in));
    let is_thinned = own.thinned.floor(*first).is_some();
    if is_thinned || own.has_more_than(times.len() * RECORDS_PER_ROW, *first, after(*last))? {
        return times.iter().map(|at| look_up(*at)).collect();
    }
    let span = Span { from: after(*first), to: after(*last) };
    let gaps = gaps_of_all(all, span)?;
    let mut gaps = gaps.into_iter().peekable();
    let mut held = look_up(*first)?;
    let mut column = Vec::with_capacity(times.len());
    let mut at = |time: Timestamp, value: Option<Point>| {
        while times.get(column.len()).is_some_and(|row| *row < time) {
            column.push(held.clone());
        }
        held = value;
    };
    own.records(span.from, span.to, &mut |record| {
        while let Some(gap) = gaps.next_if(|gap| *gap < record.at) {
            at(gap, None);
        }
        at(record.at, held_in(record));
    })?;
    gaps.for_each(|gap| at(gap, None));
    at(Timestamp(u64::MAX), None);
    Ok(column)
}

/// What a tag holds from a record on.
fn held_in(record: Record) -> Option<Point> {
    Some(record.point).filter(Point::is_known)
}

/// The first time that is later.
fn after(at: Timestamp) -> Timestamp {
    Timestamp(at.0.saturating_add(1))
}
