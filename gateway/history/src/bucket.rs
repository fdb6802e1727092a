//! What is known of a tag over a minute, a quarter of an hour, an hour, a day: its smallest and largest value, its
//! mean, its first and last one, how many there were, and for how long it was good.
//!
//! A bucket is made of the records that lie in it and of nothing else, so a late record changes one bucket. What held
//! when the bucket began is known to whoever reads buckets in order, and is counted there.

use tag::Timestamp;

use crate::entry::Point;
use crate::format::Record;

/// What is known of a tag over a span of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    /// When the span begins.
    pub(crate) start: Timestamp,
    /// When it ends; not part of it.
    pub(crate) end: Timestamp,
    /// When its first record came.
    pub(crate) first_at: Timestamp,
    /// When its last record came.
    pub(crate) last_at: Timestamp,
    /// The values in it; `None` if it has only gaps.
    pub(crate) values: Option<Values>,
    /// How long a value held between the first record and the end, in µs.
    pub(crate) good_us: u64,
    /// When its first gap began.
    pub(crate) gap_at: Option<Timestamp>,
    /// Whether its last record was a value, which then holds until the next bucket's first record.
    pub(crate) ends_good: bool,
}

/// The values of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Values {
    /// How many.
    pub(crate) count: u64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
    /// The first.
    pub(crate) first: f64,
    /// The last.
    pub(crate) last: f64,
    /// The mean over the time they held (24 bits of it are kept), or of their count where they held for no time.
    pub(crate) mean: f64,
}

/// Areas are counted in units of 11 days, sums in units of a billion: so the largest floats don't run over.
const SPAN_UNIT: f64 = 1e-12;
const COUNT_UNIT: f64 = 1e-9;

/// Collects records, or smaller buckets, into one bucket.
#[derive(Debug)]
pub(crate) struct Filler {
    bucket: Bucket,
    /// Value times time, over `good_us`.
    area: f64,
    /// The sum of the values, for a bucket whose values held for no time.
    sum: f64,
    /// What holds since when.
    held: Option<(Timestamp, f64)>,
    is_empty: bool,
}

impl Filler {
    /// An empty span.
    pub(crate) fn new(start: Timestamp, end: Timestamp) -> Self {
        let bucket = Bucket {
            start,
            end,
            first_at: start,
            last_at: start,
            values: None,
            good_us: 0,
            gap_at: None,
            ends_good: false,
        };
        Self { bucket, area: 0.0, sum: 0.0, held: None, is_empty: true }
    }

    /// The next record of the span.
    pub(crate) fn push(&mut self, record: &Record) {
        self.settle(record.at);
        self.saw(record.at, record.at);
        match record.point {
            // Numbers know nothing of a text; a block of it isn't made.
            Point::Gap(_) | Point::Text(_) => {
                self.bucket.gap_at.get_or_insert(record.at);
                self.held = None;
            }
            Point::Value(number) => {
                let x = number.as_f64();
                self.add(Values { count: 1, min: x, max: x, first: x, last: x, mean: x });
                self.held = Some((record.at, x));
            }
        }
    }

    /// The next smaller bucket of the span.
    pub(crate) fn push_bucket(&mut self, part: &Bucket) {
        self.settle(part.first_at);
        self.saw(part.first_at, part.last_at);
        self.bucket.gap_at = self.bucket.gap_at.or(part.gap_at);
        self.held = None;
        if let Some(values) = part.values {
            self.add(values);
            self.area += values.mean * (part.good_us as f64 * SPAN_UNIT);
            self.bucket.good_us += part.good_us;
            // Until its end the part has counted it itself.
            self.held = part.ends_good.then_some((part.end, values.last));
        }
    }

    /// The bucket; `None` if nothing was in it.
    pub(crate) fn finish(mut self) -> Option<Bucket> {
        if self.is_empty {
            return None;
        }
        self.bucket.ends_good = self.held.is_some();
        self.settle(self.bucket.end);
        if let Some(values) = &mut self.bucket.values {
            let good = self.bucket.good_us;
            let mean = if good > 0 {
                self.area / (good as f64 * SPAN_UNIT)
            } else {
                self.sum / (values.count as f64 * COUNT_UNIT)
            };
            // As it is kept: the mean of a span needs no more, and a rebuilt bucket is the same as the first one.
            let short = f64::from(mean as f32);
            values.mean = if short.is_finite() { short } else { mean.clamp(values.min, values.max) };
        }
        Some(self.bucket)
    }

    fn settle(&mut self, until: Timestamp) {
        if let Some((since, x)) = self.held.take() {
            let span = until.micros_since(since);
            self.bucket.good_us += span;
            self.area += x * (span as f64 * SPAN_UNIT);
        }
    }

    fn saw(&mut self, first: Timestamp, last: Timestamp) {
        if std::mem::replace(&mut self.is_empty, false) {
            self.bucket.first_at = first;
        }
        self.bucket.last_at = last;
    }

    fn add(&mut self, more: Values) {
        self.sum += more.mean * (more.count as f64 * COUNT_UNIT);
        self.bucket.values = Some(match self.bucket.values {
            None => more,
            Some(values) => Values {
                count: values.count + more.count,
                min: values.min.min(more.min),
                max: values.max.max(more.max),
                last: more.last,
                ..values
            },
        });
    }
}
