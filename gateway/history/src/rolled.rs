//! A tag's past by the minute, quarter of an hour, hour or day: one row for each, made of whatever the store still has.
//!
//! Pure. What is read comes as [`Mark`]s in order of time; a [`Tally`] says what a row counts; [`Course`] cuts the time
//! into rows and knows what held meanwhile.
//!
//! The rules:
//! - A row begins with the value that held before it. That value counts for the row's smallest, largest, mean and first
//!   value and for its time good, but it is no sample of the row.
//! - A value holds until the next record; after the last record no further than now.
//! - Where only longer buckets are left of a thinned past, a row is as long as they are, and says so.

pub(crate) mod counter;
pub(crate) mod means;
pub(crate) mod states;
#[cfg(test)]
mod tests;

use tag::Timestamp;

use crate::bucket::Bucket;
use crate::decimate::Span;
use crate::levels::{Calendar, Level};

pub use counter::Counted;
pub use means::Rolled;
pub use states::{Lasted, LastedTexts};

/// How long the rows of an answer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// A minute.
    Minute,
    /// A quarter of an hour.
    Quarter,
    /// An hour.
    Hour,
    /// A day of the site: 23, 24 or 25 hours.
    Day,
}

impl Every {
    /// From how a question writes it.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "1m" => Self::Minute,
            "15m" => Self::Quarter,
            "1h" => Self::Hour,
            "1d" => Self::Day,
            _ => return None,
        })
    }

    pub(crate) fn level(self) -> Level {
        match self {
            Self::Minute => Level::Minute,
            Self::Quarter => Level::Quarter,
            Self::Hour => Level::Hour,
            Self::Day => Level::Day,
        }
    }
}

/// A piece of the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mark {
    /// From then on the tag held this value.
    Value(Timestamp, f64),
    /// From then on nothing is known.
    Gap(Timestamp),
    /// A bucket in place of its records.
    Bucket(Bucket),
}

/// What is counted in a row.
pub(crate) trait Tally {
    /// A row.
    type Row;
    /// Can this bucket stand for its records here?
    fn takes(&self, bucket: &Bucket) -> bool;
    /// A record.
    fn value(&mut self, value: f64);
    /// A value held for so many µs.
    fn held(&mut self, value: f64, us: u64);
    /// A bucket in place of its records; also one that isn't taken, where nothing else is left.
    fn bucket(&mut self, bucket: &Bucket);
    /// More of what it counts than an answer has?
    fn is_too_many(&self) -> bool {
        false
    }
    /// Ends a row; the next one begins.
    fn row(&mut self, span: Span) -> Self::Row;
}

/// Cuts what comes into rows.
pub(crate) struct Course<'a, T: Tally> {
    calendar: &'a Calendar,
    level: Level,
    tally: T,
    span: Span,
    row: Span,
    /// Up to when everything is counted.
    counted: Timestamp,
    held: Option<f64>,
    rows: Vec<T::Row>,
}

impl<'a, T: Tally> Course<'a, T> {
    /// No row yet. The span has whole rows, see [`whole_rows`]; `held` is the value at its beginning.
    pub(crate) fn new(calendar: &'a Calendar, level: Level, span: Span, tally: T, held: Option<f64>) -> Self {
        let row = Span { from: span.from, to: calendar.bucket(level, span.from).1 };
        Self { calendar, level, tally, span, row, counted: span.from, held, rows: Vec::new() }
    }

    /// Can this bucket stand for its records here?
    pub(crate) fn takes(&self, bucket: &Bucket) -> bool {
        bucket.end <= self.row_of(bucket.start) && self.tally.takes(bucket)
    }

    /// More of what is counted than an answer has?
    pub(crate) fn is_too_many(&self) -> bool {
        self.tally.is_too_many()
    }

    /// The next piece; times rise.
    pub(crate) fn push(&mut self, mark: &Mark) {
        match mark {
            Mark::Value(at, value) => {
                self.advance(*at);
                self.tally.value(*value);
                self.held = Some(*value);
            }
            Mark::Gap(at) => {
                self.advance(*at);
                self.held = None;
            }
            Mark::Bucket(bucket) => self.push_bucket(bucket),
        }
    }

    fn push_bucket(&mut self, bucket: &Bucket) {
        self.advance(bucket.start);
        if bucket.end > self.row.to {
            // Nothing shorter is left: the row is as long as this.
            if self.row.from < bucket.start {
                self.row.to = bucket.start;
                self.end_row();
            }
            self.row = Span { from: bucket.start, to: bucket.end };
        }
        self.advance(bucket.first_at);
        self.held = None;
        self.tally.bucket(bucket);
        self.counted = self.counted.max(bucket.end.min(self.row.to));
        self.held = bucket.values.filter(|_| bucket.ends_good).map(|values| values.last);
    }

    /// The rows, when nothing more is known and it is `now`.
    pub(crate) fn finish(mut self, now: Timestamp) -> Vec<T::Row> {
        self.advance(now.min(self.span.to));
        self.held = None;
        self.advance(self.span.to);
        if self.row.from < self.span.to {
            self.end_row();
        }
        self.rows
    }

    fn advance(&mut self, to: Timestamp) {
        while self.row.to <= to && self.row.from < self.span.to {
            self.settle(self.row.to);
            self.end_row();
        }
        self.settle(to);
    }

    fn settle(&mut self, to: Timestamp) {
        let us = to.micros_since(self.counted);
        if let Some(held) = self.held.filter(|_| us > 0) {
            self.tally.held(held, us);
        }
        self.counted = self.counted.max(to);
    }

    fn end_row(&mut self) {
        self.rows.push(self.tally.row(self.row));
        self.row = Span { from: self.row.to, to: self.row_of(self.row.to) };
    }

    fn row_of(&self, at: Timestamp) -> Timestamp {
        self.calendar.bucket(self.level, at).1
    }
}

/// The whole rows that a span touches; `None` if there are more than `most`.
pub(crate) fn whole_rows(calendar: &Calendar, level: Level, span: Span, most: usize) -> Option<Span> {
    let whole = Span { from: calendar.round_down(level, span.from), to: calendar.round_up(level, span.to) };
    // A row is at most so long: this many there are at least.
    let least = whole.to.micros_since(whole.from) / level.longest_us();
    (usize::try_from(least).ok()? <= most).then_some(whole)
}
