//! Rows by the minute to the day: what a tag was, how far a counter went, how long each state lasted.

use std::cell::Cell;

use tag::{TagName, Timestamp};

use super::super::scan::Past;
use super::super::walk::{Walk, gaps_of_all, last_value, latest};
use super::{Known, Reader, number};
use crate::decimate::Span;
use crate::entry::Number;
use crate::error::ReadError;
use crate::rolled::counter::Counts;
use crate::rolled::means::Means;
use crate::rolled::states::{Names, States};
use crate::rolled::{Counted, Course, Every, Lasted, LastedTexts, Rolled, Tally, whole_rows};

/// The most rows of one answer, over its tags: 45 years of days, a week of minutes.
pub const ROWS_MAX: usize = 16_384;

impl Reader {
    /// What a tag was in each minute, quarter, hour or day that a span touches. `now` ends what still holds. `None`: no
    /// such tag.
    pub fn buckets(
        &mut self,
        tag: &TagName,
        span: Span,
        every: Every,
        now: Timestamp,
    ) -> Result<Option<Vec<Rolled>>, ReadError> {
        let Some(known) = self.known_number(tag)? else { return Ok(None) };
        let rows = Rows { known, span, every, now, over_gaps: false, names: None };
        self.rows(&rows, &|_| Means::default()).map(Some)
    }

    /// How far a counter went, with its rollover modulus if it has one (see [`Counted`]).
    pub fn counts(
        &mut self,
        tag: &TagName,
        span: Span,
        every: Every,
        now: Timestamp,
        rollover: Option<f64>,
    ) -> Result<Option<Vec<Counted>>, ReadError> {
        let Some(known) = self.known_number(tag)? else { return Ok(None) };
        let rows = Rows { known, span, every, now, over_gaps: true, names: None };
        self.rows(&rows, &|before| Counts::new(rollover, before)).map(Some)
    }

    /// How long a tag was in each of its states.
    pub fn states(
        &mut self,
        tag: &TagName,
        span: Span,
        every: Every,
        now: Timestamp,
    ) -> Result<Option<Vec<Lasted>>, ReadError> {
        let Some(known) = self.known_number(tag)? else { return Ok(None) };
        let rows = Rows { known, span, every, now, over_gaps: false, names: None };
        self.rows(&rows, &|_| States::default()).map(Some)
    }

    /// How long a tag of texts held each of them; what was thinned of it isn't known. `None`: no such tag.
    pub fn text_states(
        &mut self,
        tag: &TagName,
        span: Span,
        every: Every,
        now: Timestamp,
    ) -> Result<Option<Vec<LastedTexts>>, ReadError> {
        let Some(known) = self.known(tag)? else { return Ok(None) };
        let names = Names::default();
        let rows = Rows { known, span, every, now, over_gaps: false, names: Some(&names) };
        let rows = self.rows(&rows, &|_| States::default())?;
        Ok(Some(rows.into_iter().map(|row| names.named(row)).collect()))
    }

    /// Whether a tag's values are texts, lists, mappings or bytes.
    pub fn holds_texts(&mut self, tag: &TagName) -> Result<bool, ReadError> {
        Ok(self.known(tag)?.is_some_and(Known::is_text))
    }

    fn rows<T: Tally>(&mut self, rows: &Rows<'_>, tally: &dyn Fn(Option<f64>) -> T) -> Result<Vec<T::Row>, ReadError> {
        let (level, most) = (rows.every.level(), self.records_max);
        let calendar = self.calendar.clone();
        let Some(span) = whole_rows(&calendar, level, rows.span, ROWS_MAX) else { return Err(ReadError::TooManyRows) };
        let enough = Cell::new(false);
        let work = |own: &Past<'_>, all: &Past<'_>| {
            let gaps = gaps_of_all(all, span)?;
            let held = latest(own, all, span.from)?;
            let held = held.and_then(|record| match rows.names {
                Some(names) => names.number(&record.point),
                None => number(&record).map(Number::as_f64),
            });
            let last = || last_value(own, span.from).map(|last| last.map(|(_, value)| value.as_f64()));
            let before = if rows.over_gaps { last()? } else { held };
            let course = Course::new(&calendar, level, span, tally(before), held);
            Walk::new(own, &gaps, course, &enough, rows.names, most).rows(level, span, rows.now)
        };
        self.over_until(rows.known.id, span, Some(&enough), work)
    }
}

/// What rows are asked for.
struct Rows<'n> {
    known: Known,
    span: Span,
    every: Every,
    now: Timestamp,
    /// A counter goes on over gaps.
    over_gaps: bool,
    /// See [`Walk`].
    names: Option<&'n Names>,
}
