//! A tag's past as marks for rows: buckets where they can stand for what they hold, shorter ones and records where not,
//! the gaps of all tags between them.

use std::cell::Cell;
use std::ops::ControlFlow;

use tag::Timestamp;

use super::reader::number;
use super::scan::{Past, Piece};
use crate::bucket::Bucket;
use crate::decimate::Span;
use crate::entry::{Cause, Number, Point};
use crate::error::ReadError;
use crate::format::Record;
use crate::levels::Level;
use crate::rolled::states::Names;
use crate::rolled::{Course, Mark, Tally};

/// Records that one question may read: half a second on a small box. Past it a person asks for a shorter span.
pub(crate) const RECORDS_READ_MAX: usize = 4_000_000;

/// Gaps of all tags in one question: ten years of ten restarts a day.
const GAPS_MAX: usize = 36_500;

/// How far back to look for what held before a thinned time, one after the other, in µs: a day, ten, a year, all of it.
const BACK_US: [u64; 4] = [86_400_000_000, 864_000_000_000, 31_536_000_000_000, u64::MAX];

/// Since when nobody recorded, each time within a span.
pub(super) fn gaps_of_all(all: &Past<'_>, span: Span) -> Result<Vec<Timestamp>, ReadError> {
    let mut gaps = Vec::new();
    all.records(span.from, span.to, &mut |record| {
        if gaps.len() <= GAPS_MAX {
            gaps.push(record.at);
        }
    })?;
    if gaps.len() > GAPS_MAX { Err(ReadError::TooMuch) } else { Ok(gaps) }
}

/// The record that counts right before a time: the tag's own last one, or a later gap of all.
pub(super) fn latest(own: &Past<'_>, all: &Past<'_>, before: Timestamp) -> Result<Option<Record>, ReadError> {
    let Some(last) = own_last(own, before, false)? else { return Ok(None) };
    let mut gap = None;
    all.backwards(before, &mut |record| {
        gap = Some(record);
        ControlFlow::Break(())
    })?;
    // At the same time the gap of all comes after the tag's own record.
    Ok(gap.filter(|gap| gap.at >= last.at).or(Some(last)))
}

/// The last value before a time, whatever gaps came after it.
pub(super) fn last_value(own: &Past<'_>, before: Timestamp) -> Result<Option<(Timestamp, Number)>, ReadError> {
    let last = own_last(own, before, true)?;
    Ok(last.and_then(|record| Some((record.at, number(&record)?))))
}

/// The last record of its own before a time, a value if that is wanted; of a thinned past as well as what is left tells.
pub(super) fn own_last(own: &Past<'_>, before: Timestamp, is_value: bool) -> Result<Option<Record>, ReadError> {
    let is_meant = |record: &Record| !is_value || number(record).is_some();
    let mut last: Option<Record> = None;
    own.backwards(before, &mut |record| {
        if !is_meant(&record) {
            return ControlFlow::Continue(());
        }
        last = Some(record);
        ControlFlow::Break(())
    })?;
    let thinned = own.thinned.records_until();
    if thinned.0 == 0 || last.as_ref().is_some_and(|record| record.at >= thinned) {
        return Ok(last);
    }
    // Some of the records are gone; what stands for them may know something newer.
    let until = before.min(thinned);
    for back in BACK_US {
        let from = Timestamp(until.0.saturating_sub(back));
        let mut see = |record: Record| {
            if record.at < before && is_meant(&record) && last.as_ref().is_none_or(|last| last.at <= record.at) {
                last = Some(record);
            }
        };
        let mut is_known = false;
        own.pieces(Some(Level::Day), from, before, &mut |piece| {
            is_known = true;
            match piece {
                Piece::Record(record) => see(record),
                Piece::Bucket(bucket) => ends_of(&bucket).into_iter().for_each(&mut see),
            }
        })?;
        if is_known && last.is_some() {
            break;
        }
    }
    Ok(last)
}

/// What a bucket knows of its records: the first value, the last one, and whether a gap came after that.
fn ends_of(bucket: &Bucket) -> Vec<Record> {
    let value = |at, x| Record { at, point: Point::Value(Number::Float(x)) };
    let mut ends = Vec::new();
    if let Some(values) = bucket.values {
        ends.push(value(bucket.first_at, values.first));
        ends.push(value(bucket.last_at, values.last));
    }
    if !bucket.ends_good {
        ends.push(Record { at: bucket.last_at, point: Point::Gap(Cause::NotRecorded) });
    }
    ends
}

/// Walks through the past of one tag.
pub(super) struct Walk<'w, 'p, T: Tally> {
    own: &'w Past<'p>,
    gaps: &'w [Timestamp],
    course: Course<'w, T>,
    /// Set when it is enough; the past then stops being read.
    enough: &'w Cell<bool>,
    /// Of a tag of texts: what stands for them. Then there are no buckets.
    names: Option<&'w Names>,
    /// Records that may yet be read.
    left: usize,
    failed: Option<ReadError>,
}

impl<'w, 'p, T: Tally> Walk<'w, 'p, T> {
    /// Reads at most so many records.
    pub(super) fn new(
        own: &'w Past<'p>,
        gaps: &'w [Timestamp],
        course: Course<'w, T>,
        enough: &'w Cell<bool>,
        names: Option<&'w Names>,
        most: usize,
    ) -> Self {
        Self { own, gaps, course, enough, names, left: most, failed: None }
    }

    /// The rows of a span in which it is `now`.
    pub(super) fn rows(mut self, level: Level, span: Span, now: Timestamp) -> Result<Vec<T::Row>, ReadError> {
        let read = self.past(Some(level).filter(|_| self.names.is_none()), span);
        if let Some(error) = self.failed {
            return Err(error);
        }
        read?;
        for gap in self.gaps {
            self.course.push(&Mark::Gap(*gap));
        }
        Ok(self.course.finish(now))
    }

    fn past(&mut self, level: Option<Level>, span: Span) -> Result<(), ReadError> {
        let own = self.own;
        own.pieces(level, span.from, span.to, &mut |piece| self.piece(&piece))
    }

    fn piece(&mut self, piece: &Piece) {
        if self.failed.is_some() {
            return;
        }
        match piece {
            Piece::Record(record) => {
                let Some(left) = self.left.checked_sub(1) else {
                    self.fail(ReadError::TooMuch);
                    return;
                };
                self.left = left;
                let value = match self.names {
                    Some(names) => names.number(&record.point),
                    None => number(record).map(Number::as_f64),
                };
                if self.course.is_too_many() || self.names.is_some_and(Names::is_too_many) {
                    self.fail(ReadError::TooManyStates);
                    return;
                }
                self.gaps_before(record.at);
                self.course.push(&match value {
                    Some(value) => Mark::Value(record.at, value),
                    None => Mark::Gap(record.at),
                });
            }
            // It was a tag of numbers then, and its records are gone.
            Piece::Bucket(bucket) if self.names.is_some() => self.course.push(&Mark::Gap(bucket.first_at)),
            Piece::Bucket(bucket) => self.bucket(bucket),
        }
    }

    fn bucket(&mut self, bucket: &Bucket) {
        let level = level_of(bucket);
        let is_last_word = self.own.thinned.floor(bucket.start).is_some_and(|(floor, _)| floor >= level);
        let (first, end) = (bucket.first_at, bucket.end);
        self.gaps_before(first);
        let gap = self.gaps.first().copied().filter(|gap| *gap < end);
        if !is_last_word && (gap.is_some() || !self.course.takes(bucket)) {
            let span = Span { from: bucket.start, to: bucket.end };
            if let Err(error) = self.past(level.below(), span) {
                self.fail(error);
            }
            return;
        }
        let mut bucket = *bucket;
        if let Some(gap) = gap {
            // Its records are gone. What held at the end is what the gap cuts short.
            if bucket.ends_good && gap >= bucket.last_at {
                bucket.good_us = bucket.good_us.saturating_sub(end.micros_since(gap));
            }
            bucket.ends_good &= self.gaps.iter().take_while(|gap| **gap < end).all(|gap| *gap < bucket.last_at);
            let past = self.gaps.partition_point(|gap| *gap < end);
            self.gaps = &self.gaps[past..];
        }
        self.course.push(&Mark::Bucket(bucket));
    }

    fn gaps_before(&mut self, at: Timestamp) {
        let past = self.gaps.partition_point(|gap| *gap < at);
        let (before, after) = self.gaps.split_at(past);
        before.iter().for_each(|gap| self.course.push(&Mark::Gap(*gap)));
        self.gaps = after;
    }

    fn fail(&mut self, error: ReadError) {
        self.enough.set(true);
        self.failed.get_or_insert(error);
    }
}

fn level_of(bucket: &Bucket) -> Level {
    let length = bucket.end.micros_since(bucket.start);
    Level::ALL.into_iter().find(|level| length <= level.longest_us()).unwrap_or(Level::Day)
}
