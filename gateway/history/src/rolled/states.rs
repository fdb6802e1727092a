//! How long a tag of states was in each of them in a row.

use std::collections::BTreeMap;

use super::Tally;
use crate::bucket::Bucket;
use crate::decimate::Span;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Lasted {
    /// From when to when.
    pub span: Span,
    /// How many samples came in it.
    pub count: u64,
    /// By state: for how long, in µs. What a bucket of two neighbouring states stands for is exact to one part in ten
    /// millions of it.
    pub states: BTreeMap<i64, u64>,
    /// For how long there was a state of which the thinned past doesn't tell which, in µs.
    pub unsure_us: u64,
}

/// Counts it.
#[derive(Debug, Default)]
pub(crate) struct States {
    count: u64,
    states: BTreeMap<i64, u64>,
    unsure_us: u64,
    /// Every state met, in any row.
    met: std::collections::BTreeSet<i64>,
}

/// States that one tag may have: a `multi` tag has some ten.
pub(crate) const STATES_MAX: usize = 256;

impl States {
    fn add(&mut self, state: f64, us: u64) {
        if us > 0 {
            // A state is a whole number; `as` cuts off, as everywhere.
            *self.states.entry(state as i64).or_default() += us;
            if self.met.len() <= STATES_MAX {
                self.met.insert(state as i64);
            }
        }
    }
}

impl Tally for States {
    type Row = Lasted;

    /// One state, or two neighbouring ones, whose mean tells how long each was.
    fn takes(&self, bucket: &Bucket) -> bool {
        bucket.values.is_none_or(|values| {
            values.min == values.max
                || values.max - values.min == 1.0 && values.min.fract() == 0.0 && values.min.abs() < 256.0
        })
    }

    fn value(&mut self, _: f64) {
        self.count += 1;
    }

    fn held(&mut self, value: f64, us: u64) {
        self.add(value, us);
    }

    fn bucket(&mut self, bucket: &Bucket) {
        let Some(values) = bucket.values else { return };
        self.count += values.count;
        if !self.takes(bucket) {
            self.unsure_us += bucket.good_us;
            return;
        }
        let upper = ((values.mean - values.min) * bucket.good_us as f64).round() as u64;
        let upper = if values.min == values.max { 0 } else { upper.min(bucket.good_us) };
        self.add(values.min, bucket.good_us - upper);
        self.add(values.max, upper);
    }

    fn row(&mut self, span: Span) -> Lasted {
        let (count, unsure_us) = (std::mem::take(&mut self.count), std::mem::take(&mut self.unsure_us));
        Lasted { span, count, states: std::mem::take(&mut self.states), unsure_us }
    }

    fn is_too_many(&self) -> bool {
        self.met.len() > STATES_MAX
    }
}
