//! Smallest, largest, mean, first and last value of a row, how many samples it has, and how long it was good.

use super::Tally;
use crate::bucket::Bucket;
use crate::decimate::Span;

/// One row. `None`s: no value was known in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rolled {
    /// From when to when.
    pub span: Span,
    /// How many samples came in it.
    pub count: u64,
    /// The smallest value.
    pub min: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// The mean over the time a value was known (to one part in ten millions); of the samples, where that was no time.
    pub mean: Option<f64>,
    /// The value it began with.
    pub first: Option<f64>,
    /// The last value in it.
    pub last: Option<f64>,
    /// For how long a value was known, in µs.
    pub good_us: u64,
}

/// Areas are counted in units of 11 days: so the largest floats don't run over.
const SPAN_UNIT: f64 = 1e-12;
/// Sums are counted in units of a billion, for the same reason.
const COUNT_UNIT: f64 = 1e-9;

/// Counts it.
#[derive(Debug, Default)]
pub(crate) struct Means {
    count: u64,
    extent: Option<Extent>,
    area: f64,
    sum: f64,
    good_us: u64,
}

#[derive(Debug, Clone, Copy)]
struct Extent {
    min: f64,
    max: f64,
    first: f64,
    last: f64,
}

impl Means {
    fn saw(&mut self, min: f64, max: f64, first: f64, last: f64) {
        self.extent = Some(match self.extent {
            None => Extent { min, max, first, last },
            Some(seen) => Extent { min: seen.min.min(min), max: seen.max.max(max), first: seen.first, last },
        });
    }
}

impl Tally for Means {
    type Row = Rolled;

    fn takes(&self, _: &Bucket) -> bool {
        true
    }

    fn value(&mut self, value: f64) {
        self.saw(value, value, value, value);
        self.count += 1;
        self.sum += value * COUNT_UNIT;
    }

    fn held(&mut self, value: f64, us: u64) {
        self.saw(value, value, value, value);
        self.good_us += us;
        self.area += value * (us as f64 * SPAN_UNIT);
    }

    fn bucket(&mut self, bucket: &Bucket) {
        let Some(values) = bucket.values else { return };
        self.saw(values.min, values.max, values.first, values.last);
        self.count += values.count;
        self.sum += values.mean * (values.count as f64 * COUNT_UNIT);
        self.good_us += bucket.good_us;
        self.area += values.mean * (bucket.good_us as f64 * SPAN_UNIT);
    }

    fn row(&mut self, span: Span) -> Rolled {
        let done = std::mem::take(self);
        let mean = done.extent.map(|extent| {
            let mean = if done.good_us > 0 {
                done.area / (done.good_us as f64 * SPAN_UNIT)
            } else {
                done.sum / (done.count as f64 * COUNT_UNIT)
            };
            // What was rounded doesn't leave the range it came from.
            mean.clamp(extent.min, extent.max)
        });
        Rolled {
            span,
            count: done.count,
            min: done.extent.map(|extent| extent.min),
            max: done.extent.map(|extent| extent.max),
            mean,
            first: done.extent.map(|extent| extent.first),
            last: done.extent.map(|extent| extent.last),
            good_us: done.good_us,
        }
    }
}
