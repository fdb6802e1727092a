//! A tag's past as marks for rows: buckets where they can stand for what they hold, shorter ones and records where not,
//! the gaps of all tags between them.

use std::cell::Cell;

use tag::Timestamp;

use super::reader::number;
use super::scan::{Past, Piece};
use crate::bucket::Bucket;
use crate::decimate::Span;
use crate::entry::Number;
use crate::error::ReadError;
use crate::levels::Level;
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

/// What held before a time, and since when; with `over_gaps` the last value, whatever came after it.
pub(super) fn held_before(
    own: &Past<'_>,
    all: &Past<'_>,
    before: Timestamp,
    over_gaps: bool,
) -> Result<Option<(Timestamp, Number)>, ReadError> {
    let mut last = None;
    let thinned = before.0 > 0 && own.thinned.floor(Timestamp(before.0 - 1)).is_some();
    if thinned {
        for back in BACK_US {
            let from = Timestamp(before.0.saturating_sub(back));
            let mut see = |at: Timestamp, known: Option<Number>| {
                if at < before && (known.is_some() || !over_gaps) {
                    last = Some((at, known));
                }
            };
            own.pieces(Some(Level::Day), from, before, &mut |piece| match piece {
                Piece::Record(record) => see(record.at, number(&record)),
                Piece::Bucket(bucket) => {
                    let values = bucket.values.map(|values| (Number::Float(values.first), Number::Float(values.last)));
                    if let Some((first, _)) = values {
                        see(bucket.first_at, Some(first));
                    }
                    match values.filter(|_| bucket.ends_good || over_gaps) {
                        Some((_, last)) => see(bucket.last_at, Some(last)),
                        None => see(bucket.last_at, None),
                    }
                }
            })?;
            if last.is_some() {
                break;
            }
        }
    } else {
        own.backwards(before, &mut |record| {
            let known = number(&record);
            if known.is_none() && over_gaps {
                return std::ops::ControlFlow::Continue(());
            }
            last = Some((record.at, known));
            std::ops::ControlFlow::Break(())
        })?;
    }
    let Some((at, Some(value))) = last else { return Ok(None) };
    if !over_gaps {
        let mut gap = None;
        all.backwards(before, &mut |record| {
            gap = Some(record.at);
            std::ops::ControlFlow::Break(())
        })?;
        // At the same time the gap of all comes after the tag's own record.
        if gap.is_some_and(|gap| gap >= at) {
            return Ok(None);
        }
    }
    Ok(Some((at, value)))
}

/// Walks through the past of one tag.
pub(super) struct Walk<'w, 'p, T: Tally> {
    own: &'w Past<'p>,
    gaps: &'w [Timestamp],
    course: Course<'w, T>,
    /// Set when it is enough; the past then stops being read.
    enough: &'w Cell<bool>,
    read: usize,
    failed: Option<ReadError>,
}

impl<'w, 'p, T: Tally> Walk<'w, 'p, T> {
    pub(super) fn new(own: &'w Past<'p>, gaps: &'w [Timestamp], course: Course<'w, T>, enough: &'w Cell<bool>) -> Self {
        Self { own, gaps, course, enough, read: 0, failed: None }
    }

    /// The rows of a span in which it is `now`.
    pub(super) fn rows(mut self, level: Level, span: Span, now: Timestamp) -> Result<Vec<T::Row>, ReadError> {
        let read = self.past(Some(level), span);
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
                self.read += 1;
                if self.read > RECORDS_READ_MAX {
                    self.fail(ReadError::TooMuch);
                    return;
                }
                self.gaps_before(record.at);
                self.course.push(&match number(record) {
                    Some(number) => Mark::Value(record.at, number.as_f64()),
                    None => Mark::Gap(record.at),
                });
            }
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
