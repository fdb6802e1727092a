//! What was recorded in this boot by a clock that nobody vouches for, laid over the past at the times it has shown: who
//! asks for "the last hour" by that clock means what is being recorded now.

use std::ops::ControlFlow;

use tag::Timestamp;

use super::Past;
use crate::decimate::Span;
use crate::entry::{Cause, Point};
use crate::error::ReadError;
use crate::format::Record;

/// One tag's records out of the open era.
#[derive(Debug)]
pub(in crate::store) struct Shown {
    /// What the clock has shown since the era began. What the tag had there before isn't seen.
    pub(super) span: Span,
    /// In order of time.
    records: Vec<Record>,
}

impl Shown {
    /// `is_all`: of the gaps of all tags.
    pub(in crate::store) fn new(span: Span, mut records: Vec<Record>, is_all: bool) -> Self {
        records.retain(|record| span.from <= record.at && record.at < span.to);
        if !is_all {
            // What held by the calendar then has nothing to do with it.
            records.insert(0, Record { at: span.from, point: Point::Gap(Cause::NotRecorded) });
        }
        Self { span, records }
    }

    pub(super) fn within(&self, from: Timestamp, to: Timestamp) -> &[Record] {
        let place = |at: Timestamp| self.records.partition_point(|record| record.at < at);
        let (first, last) = (place(from), place(to));
        &self.records[first..last.max(first)]
    }
}

impl Past<'_> {
    /// What is laid over this span.
    pub(super) fn shown_in(&self, from: Timestamp, to: Timestamp) -> Option<&Shown> {
        self.shown.filter(|shown| from < shown.span.to && shown.span.from < to)
    }

    /// How many records are laid over it.
    pub(super) fn shown_count(&self, from: Timestamp, to: Timestamp) -> usize {
        self.shown.map_or(0, |shown| shown.within(from, to).len())
    }

    /// Records before a time, the newest first, until told to stop.
    pub(in crate::store) fn backwards(
        &self,
        before: Timestamp,
        visit: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let Some(shown) = self.shown.filter(|shown| shown.span.from < before) else {
            return self.calendar_backwards(before, visit);
        };
        let mut flow = ControlFlow::Continue(());
        if shown.span.to < before {
            self.calendar_backwards(before, &mut |record| {
                if record.at < shown.span.to {
                    return ControlFlow::Break(());
                }
                flow = visit(record);
                flow
            })?;
        }
        for record in shown.within(Timestamp(0), before).iter().rev() {
            if flow.is_break() {
                break;
            }
            flow = visit(record.clone());
        }
        if flow.is_break() { Ok(()) } else { self.calendar_backwards(shown.span.from, visit) }
    }
}
