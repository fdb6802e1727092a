//! Tables of what is rolled up: a row per minute, quarter, hour or day of a tag, tag after tag, in one page.

use tag::{TagName, Timestamp};

use super::super::text::{Cell, Text};
use super::super::{Next, Wanted};
use crate::decimate::Span;
use crate::entry::Number;
use crate::error::ReadError;
use crate::rolled::Every;
use crate::store::{ROWS_MAX, Reader};

/// A table that can't be asked for in pages has at most so many.
const TABLE_BYTES_MAX: usize = 8 << 20;

/// What is asked, and where it goes.
pub(super) struct Rows<'t> {
    pub(super) reader: &'t mut Reader,
    pub(super) wanted: &'t Wanted,
    pub(super) every: Every,
    pub(super) now: Timestamp,
    pub(super) text: &'t mut Text,
}

impl Rows<'_> {
    pub(super) fn buckets(mut self) -> Result<Option<Next>, ReadError> {
        for tag in &self.wanted.tags {
            let rows = self.reader.buckets(tag, self.wanted.span, self.every, self.now)?;
            for row in self.bounded(rows, tag)? {
                let numbers = [row.min, row.max, row.mean, row.first, row.last].map(Cell::float);
                let cells = [Cell::Count(row.count)].into_iter().chain(numbers).chain([Cell::Micros(row.good_us)]);
                self.row(row.span, tag, cells);
            }
        }
        Ok(None)
    }

    pub(super) fn counters(mut self, rollover: &dyn Fn(&TagName) -> Option<f64>) -> Result<Option<Next>, ReadError> {
        for tag in &self.wanted.tags {
            let rows = self.reader.counts(tag, self.wanted.span, self.every, self.now, rollover(tag))?;
            for row in self.bounded(rows, tag)? {
                let went = [Cell::Count(row.count), Cell::float(Some(row.increase))];
                let turns = [Cell::Count(row.rollovers), Cell::Count(row.resets), Cell::float(row.last)];
                self.row(row.span, tag, went.into_iter().chain(turns));
            }
        }
        Ok(None)
    }

    pub(super) fn states(mut self) -> Result<Option<Next>, ReadError> {
        for tag in &self.wanted.tags {
            if self.reader.holds_texts(tag)? {
                self.text_states(tag)?;
                continue;
            }
            let rows = self.reader.states(tag, self.wanted.span, self.every, self.now)?;
            for row in self.bounded(rows, tag)? {
                let unsure = (row.unsure_us > 0).then_some((Cell::Text("unsure"), row.unsure_us));
                let states = row.states.iter().map(|(state, us)| (Cell::Number(Number::Int(*state)), *us));
                for (state, us) in states.chain(unsure) {
                    self.row(row.span, tag, [state, Cell::Micros(us)]);
                }
            }
        }
        Ok(None)
    }

    /// Texts may be long, and there may be many of them.
    fn text_states(&mut self, tag: &TagName) -> Result<(), ReadError> {
        let rows = self.reader.text_states(tag, self.wanted.span, self.every, self.now)?;
        for row in self.bounded(rows, tag)? {
            for (state, us) in &row.states {
                if self.text.bytes() > TABLE_BYTES_MAX {
                    return Err(ReadError::TooManyRows);
                }
                self.row(row.span, tag, [Cell::of(state), Cell::Micros(*us)]);
            }
        }
        Ok(())
    }

    /// So that all tags together have no more rows than an answer.
    fn bounded<T>(&self, rows: Option<Vec<T>>, tag: &TagName) -> Result<Vec<T>, ReadError> {
        let rows = rows.ok_or_else(|| ReadError::NoTag(tag.clone()))?;
        if self.text.rows() + rows.len() > ROWS_MAX { Err(ReadError::TooManyRows) } else { Ok(rows) }
    }

    /// A row: from when to when, which tag, and what there is to say of it.
    fn row<'c>(&mut self, span: Span, tag: &'c TagName, cells: impl IntoIterator<Item = Cell<'c>>) {
        let head = [Cell::Time(span.from), Cell::Time(span.to), Cell::Text(tag.as_str())];
        let cells: Vec<Cell<'c>> = head.into_iter().chain(cells).collect();
        self.text.row(&cells);
    }
}
