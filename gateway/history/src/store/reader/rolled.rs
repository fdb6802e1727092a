//! Rows by the minute to the day: what a tag was, how far a counter went, how long each state lasted.

use std::cell::Cell;

use tag::{TagName, Timestamp};

use super::super::scan::Past;
use super::super::walk::{Walk, gaps_of_all, last_value, latest};
use super::{Reader, number};
use crate::decimate::Span;
use crate::entry::Number;
use crate::error::ReadError;
use crate::rolled::counter::Counts;
use crate::rolled::means::Means;
use crate::rolled::states::States;
use crate::rolled::{Counted, Course, Every, Lasted, Rolled, Tally, whole_rows};

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
        self.rows(tag, span, every, now, &|_| Means::default(), false)
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
        self.rows(tag, span, every, now, &|before| Counts::new(rollover, before), true)
    }

    /// How long a tag was in each of its states.
    pub fn states(
        &mut self,
        tag: &TagName,
        span: Span,
        every: Every,
        now: Timestamp,
    ) -> Result<Option<Vec<Lasted>>, ReadError> {
        self.rows(tag, span, every, now, &|_| States::default(), false)
    }

    fn rows<T: Tally>(
        &mut self,
        tag: &TagName,
        span: Span,
        every: Every,
        now: Timestamp,
        tally: &dyn Fn(Option<f64>) -> T,
        over_gaps: bool,
    ) -> Result<Option<Vec<T::Row>>, ReadError> {
        let (level, most) = (every.level(), self.records_max);
        let calendar = self.calendar.clone();
        let Some(span) = whole_rows(&calendar, level, span, ROWS_MAX) else { return Err(ReadError::TooManyRows) };
        let Some(known) = self.known(tag)? else { return Ok(None) };
        let enough = Cell::new(false);
        let work = |own: &Past<'_>, all: &Past<'_>| {
            let gaps = gaps_of_all(all, span)?;
            let held = latest(own, all, span.from)?.and_then(|record| number(&record)).map(Number::as_f64);
            let before = if over_gaps { last_value(own, span.from)?.map(|(_, value)| value.as_f64()) } else { held };
            let course = Course::new(&calendar, level, span, tally(before), held);
            Walk::new(own, &gaps, course, &enough, most).rows(level, span, now)
        };
        self.over_until(known.id, Some(&enough), work).map(Some)
    }
}
