//! How long a tag of states was in each of them in a row.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::Tally;
use crate::bucket::Bucket;
use crate::decimate::Span;
use crate::entry::Point;

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

/// One row of a tag of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct LastedTexts {
    /// From when to when.
    pub span: Span,
    /// How many samples came in it.
    pub count: u64,
    /// For how long it held each value, in µs, in the order they were met.
    pub states: Vec<(Point, u64)>,
}

/// Numbers for the values of a tag of texts, so that their time can be counted as that of states.
#[derive(Debug, Default)]
pub(crate) struct Names(RefCell<Vec<Point>>);

impl Names {
    /// The value's number; `None`: a gap.
    pub(crate) fn number(&self, point: &Point) -> Option<f64> {
        if !point.is_known() {
            return None;
        }
        let mut names = self.0.borrow_mut();
        let place = names.iter().position(|name| name == point);
        if place.is_none() && names.len() <= STATES_MAX {
            names.push(point.clone());
        }
        Some(place.unwrap_or(names.len() - 1) as f64)
    }

    /// More of them than an answer has?
    pub(crate) fn is_too_many(&self) -> bool {
        self.0.borrow().len() > STATES_MAX
    }

    /// The row with its values.
    pub(crate) fn named(&self, row: Lasted) -> LastedTexts {
        let names = self.0.borrow();
        let name = |place: i64| usize::try_from(place).ok().and_then(|place| names.get(place).cloned());
        let states = row.states.into_iter().filter_map(|(place, us)| Some((name(place)?, us)));
        LastedTexts { span: row.span, count: row.count, states: states.collect() }
    }
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
