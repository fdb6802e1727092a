//! How far a counter or totaliser went in a row.
//!
//! From one value to the next:
//! - up, or the same: the difference;
//! - down, with a rollover modulus (`rollover` in `tags.yaml`), both values below it, and less than half of it forward:
//!   it rolled over, and went on from 0;
//! - else down to half or less: it was reset, and counted from 0 again;
//! - else down a little: a correction, which is taken off.
//!
//! A step belongs to the row in which the later value came, also over a gap: a counter counts while nobody looks.

use super::Tally;
use crate::bucket::Bucket;
use crate::decimate::Span;

/// One row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// From when to when.
    pub span: Span,
    /// How many samples came in it.
    pub count: u64,
    /// How far it went. Below 0 only by corrections.
    pub increase: f64,
    /// How often it rolled over.
    pub rollovers: u64,
    /// How often it was reset.
    pub resets: u64,
    /// The last value in it.
    pub last: Option<f64>,
}

/// What a step is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    By(f64),
    Rollover(f64),
    Reset(f64),
}

impl Step {
    /// From one value to the next.
    pub(crate) fn between(from: f64, to: f64, rollover: Option<f64>) -> Self {
        if to >= from {
            return Self::By(to - from);
        }
        if let Some(modulus) = rollover.filter(|modulus| from < *modulus && to >= 0.0) {
            let forward = modulus - from + to;
            if forward < modulus / 2.0 {
                return Self::Rollover(forward);
            }
        }
        if to >= 0.0 && to <= from / 2.0 { Self::Reset(to) } else { Self::By(to - from) }
    }
}

/// Counts it.
#[derive(Debug)]
pub(crate) struct Counts {
    rollover: Option<f64>,
    /// The value before, whenever that was.
    before: Option<f64>,
    row: Row,
}

#[derive(Debug, Default)]
struct Row {
    count: u64,
    increase: f64,
    rollovers: u64,
    resets: u64,
    last: Option<f64>,
}

impl Counts {
    /// Of a counter with this modulus, whose last value before the first row is `before`.
    pub(crate) fn new(rollover: Option<f64>, before: Option<f64>) -> Self {
        Self { rollover, before, row: Row::default() }
    }

    fn step(&mut self, to: f64) {
        if let Some(from) = self.before.replace(to) {
            let by = match Step::between(from, to, self.rollover) {
                Step::By(by) => by,
                Step::Rollover(by) => {
                    self.row.rollovers += 1;
                    by
                }
                Step::Reset(by) => {
                    self.row.resets += 1;
                    by
                }
            };
            self.row.increase += by;
        }
        self.row.last = Some(to);
    }
}

impl Tally for Counts {
    type Row = Counted;

    /// Where no two values of it can be a rollover or a reset, the steps add up to last minus first.
    fn takes(&self, bucket: &Bucket) -> bool {
        bucket.values.is_none_or(|values| {
            let no_reset = values.max <= 0.0 || values.min > values.max / 2.0;
            let no_rollover = self.rollover.is_none_or(|modulus| values.max - values.min <= modulus / 2.0);
            values.count == 1 || no_reset && no_rollover
        })
    }

    fn value(&mut self, value: f64) {
        self.row.count += 1;
        self.step(value);
    }

    fn held(&mut self, _: f64, _: u64) {}

    fn bucket(&mut self, bucket: &Bucket) {
        let Some(values) = bucket.values else { return };
        self.row.count += values.count;
        self.step(values.first);
        if self.takes(bucket) {
            self.row.increase += values.last - values.first;
            (self.before, self.row.last) = (Some(values.last), Some(values.last));
        } else {
            // Its records are gone: it went up to its largest value at least, and from there to its last one.
            self.step(values.max);
            self.step(values.last);
        }
    }

    fn row(&mut self, span: Span) -> Counted {
        let Row { count, increase, rollovers, resets, last } = std::mem::take(&mut self.row);
        Counted { span, count, increase, rollovers, resets, last }
    }
}
