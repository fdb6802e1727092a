//! What of a tag's samples is worth keeping: pymscada's limits and deadband, and every change of quality.
//!
//! The rules, per tag:
//! - A value at or past `min` or `max` becomes that limit. Reaching a limit is always kept.
//! - Otherwise a value is kept when it differs from the latest kept one by `deadband` or more; without a deadband,
//!   when it differs at all.
//! - A sample that isn't newer than the latest kept one is kept as it is: a source with a clock of its own (a
//!   forecast) may correct itself, and the last value given for a time wins.
//! - A tag that stops being good is one gap. The next good value ends it: at its own time, or, where that lies
//!   before the gap (the bus repeats what it holds after a restart), also now.

use std::time::Duration;

use tag::{Kind, Reading, Sample, TagDef, Timestamp};

use crate::entry::{Cause, Number, Point};
use crate::era::era_of;

/// A mark that must follow a record is put right after it if that lies at most this much in the future, in µs: clocks
/// of sources differ a little, but a forecast's last value doesn't pull the present behind it.
const SKEW_US: u64 = 60_000_000;

/// What is kept of one sample, in the order to keep it.
pub(crate) type Kept = [Option<(Timestamp, Point)>; 2];

/// Nothing of it.
const NOTHING: Kept = [None, None];

/// Why a sample was refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    /// Its time is past all that can be kept.
    Time,
    /// Its value can't be kept for this cause; this is what is kept instead.
    Value(Cause, Kept),
}

/// What is remembered of a tag to judge its next sample.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    kind: Kind,
    min: Option<Number>,
    max: Option<Number>,
    deadband: Option<f64>,
    /// The kept value with the latest time.
    latest: Option<(Timestamp, Point)>,
    /// The latest time of any good sample, kept or not.
    seen: Option<Timestamp>,
    /// Nothing is known since then.
    gap: Option<Timestamp>,
    /// When it was said that a value from before a gap holds again.
    mark: Option<Timestamp>,
}

impl Filter {
    /// A tag of which nothing is known since `started`.
    pub(crate) fn new(def: &TagDef, started: Timestamp) -> Self {
        let kind = if def.multi.is_some() { Kind::Int } else { def.kind };
        let states = def.multi.as_ref().map(|words| words.len().saturating_sub(1) as f64);
        let min = def.min.or(states.map(|_| 0.0)).filter(|min| min.is_finite());
        let max = def.max.or(states).filter(|max| max.is_finite());
        Self {
            kind,
            min: min.map(|min| limit(kind, min.ceil(), min)),
            max: max.map(|max| limit(kind, max.floor(), max)),
            deadband: def.deadband.filter(|deadband| *deadband > 0.0),
            latest: None,
            seen: None,
            gap: Some(started),
            mark: None,
        }
    }

    /// A sample came. What to keep of it, or why not.
    pub(crate) fn on_sample(&mut self, now: Timestamp, sample: &Sample) -> Result<Kept, Refusal> {
        let value = match &sample.reading {
            Reading::Good(value) => value,
            Reading::Held { because, .. } | Reading::Missing(because) => {
                return Ok([self.fall(now, Cause::Fault(*because)), None]);
            }
        };
        if i64::try_from(sample.at.0).is_err() {
            return Err(Refusal::Time);
        }
        match Point::of(value, self.kind) {
            Ok(point) => Ok(self.on_good(now, sample.at, point)),
            Err(cause) => Err(Refusal::Value(cause, [self.fall(now, cause), None])),
        }
    }

    /// Samples were lost before the next one: the gap begins right after the last one seen.
    pub(crate) fn on_lost(&mut self, now: Timestamp) -> Option<(Timestamp, Point)> {
        let since = match self.seen.max(self.latest_at()) {
            Some(seen) if seen < now => Timestamp(seen.0 + 1),
            _ => now,
        };
        self.begin_gap(since, Cause::NotRecorded)
    }

    /// Nothing is known of any tag since then; the caller keeps one record for all of them.
    pub(crate) fn on_all_lost(&mut self, since: Timestamp) {
        self.gap.get_or_insert(since);
    }

    /// What holds now, to be said again to a store that doesn't know it. A forecast's last value isn't that.
    pub(crate) fn present(&self, now: Timestamp) -> Option<(Timestamp, Point)> {
        let (latest, point) = self.latest.as_ref()?;
        (self.gap.is_none() && *latest <= now).then(|| (now, point.clone()))
    }

    /// What still holds, when nothing of it was kept for so long.
    pub(crate) fn beat(&mut self, now: Timestamp, every: Duration) -> Option<(Timestamp, Point)> {
        let since = now.micros_since(self.latest_at()?);
        if u128::from(since) < every.as_micros() {
            return None;
        }
        let kept = self.present(now)?;
        self.latest = Some(kept.clone());
        Some(kept)
    }

    /// Times are kept elsewhere now.
    pub(crate) fn restamp(&mut self, place: &dyn Fn(Timestamp) -> Timestamp) {
        let times = [self.latest.as_mut().map(|(at, _)| at), self.seen.as_mut(), self.gap.as_mut(), self.mark.as_mut()];
        times.into_iter().flatten().for_each(|at| *at = place(*at));
    }

    fn fall(&mut self, now: Timestamp, cause: Cause) -> Option<(Timestamp, Point)> {
        let at = self.latest_at().map_or(now, |latest| just_after(latest, now));
        self.begin_gap(at, cause)
    }

    fn begin_gap(&mut self, at: Timestamp, cause: Cause) -> Option<(Timestamp, Point)> {
        if self.gap.is_some() {
            return None;
        }
        self.gap = Some(at);
        Some((at, Point::Gap(cause)))
    }

    fn latest_at(&self) -> Option<Timestamp> {
        self.latest.as_ref().map(|(at, _)| *at)
    }

    fn on_good(&mut self, now: Timestamp, at: Timestamp, raw: Point) -> Kept {
        let (point, at_limit) = self.clamp(raw);
        let gap = self.gap.take();
        self.seen = self.seen.max(Some(at));
        if gap.is_none() && !self.is_news(at, &point, at_limit) {
            return NOTHING;
        }
        let mark = self.mark_now(now, at, gap, self.differs(&point, at_limit));
        // The bus repeats what it holds after a restart: no need to write it twice.
        let repeated =
            mark.is_some() && self.latest.as_ref().is_some_and(|(latest, last)| *latest == at && *last == point);
        self.remember(at, &point);
        if let Some(mark) = mark {
            self.remember(mark, &point);
        }
        [(!repeated).then(|| (at, point.clone())), mark.map(|at| (at, point))]
    }

    /// When to say that a value from before a gap holds again. After that its source may go on speaking of times
    /// before the mark (its clock is behind ours): each such change moves the present on too.
    fn mark_now(&mut self, now: Timestamp, at: Timestamp, gap: Option<Timestamp>, differs: bool) -> Option<Timestamp> {
        // A time of the calendar isn't behind one of which nobody knows when it was.
        let behind =
            gap.or(self.mark).filter(|behind| at < *behind && era_of(at).is_some() == era_of(*behind).is_some());
        if behind.is_none() {
            self.mark = None;
        }
        let mark = behind.filter(|_| gap.is_some() || differs).map(|behind| just_after(behind, now));
        self.mark = mark.or(self.mark);
        mark
    }

    fn clamp(&self, raw: Point) -> (Point, bool) {
        match (raw.number(), self.min, self.max) {
            (Some(number), Some(min), _) if at_most(number, min) => (Point::Value(min), true),
            (Some(number), _, Some(max)) if at_most(max, number) => (Point::Value(max), true),
            _ => (raw, false),
        }
    }

    fn is_news(&self, at: Timestamp, point: &Point, at_limit: bool) -> bool {
        match &self.latest {
            None => true,
            Some((latest, last)) if at < *latest || (at == *latest && point != last) => true,
            Some(_) => self.differs(point, at_limit),
        }
    }

    fn differs(&self, point: &Point, at_limit: bool) -> bool {
        self.latest.as_ref().is_none_or(|(_, last)| {
            let far = |deadband| match (point.number(), last.number()) {
                (Some(number), Some(last)) => distance(number, last) >= deadband,
                _ => true,
            };
            point != last && (at_limit || self.deadband.is_none_or(far))
        })
    }

    fn remember(&mut self, at: Timestamp, point: &Point) {
        if self.latest_at().is_none_or(|latest| latest <= at) {
            self.latest = Some((at, point.clone()));
        }
    }
}

/// A limit as a number of the tag's kind: an int's limit is the nearest whole number inside.
fn limit(kind: Kind, inside: f64, exact: f64) -> Number {
    match kind {
        Kind::Int => Number::Int(inside as i64),
        _ => Number::Float(exact),
    }
}

/// `a <= b`; both are of one kind.
fn at_most(a: Number, b: Number) -> bool {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => a <= b,
        (a, b) => a.as_f64() <= b.as_f64(),
    }
}

fn distance(a: Number, b: Number) -> f64 {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => a.abs_diff(b) as f64,
        (a, b) => (a.as_f64() - b.as_f64()).abs(),
    }
}

/// Now, but after `other`, unless that lies far in the future.
fn just_after(other: Timestamp, now: Timestamp) -> Timestamp {
    if other >= now && other.0 - now.0 <= SKEW_US { Timestamp(other.0 + 1) } else { now }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
