//! A trend in as many columns as a screen has: every minimum, maximum, last value and gap kept.
//!
//! A span is cut into columns of equal time. A column without a gap becomes one [`Column`]; one with gaps up to four:
//! what was before its first gap, that gap, what was after it, and a gap again if it ends in one. So a trend of `n`
//! columns has at most `4 n + 1` of them, the first being the value that held when the span began, however many
//! samples went in.

use tag::Timestamp;

use crate::bucket::Bucket;

/// A span of time: from inclusive, to exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end; not part of it.
    pub to: Timestamp,
}

impl Span {
    /// How long one of so many columns is, in µs; never nothing.
    pub(crate) fn width_us(self, columns: usize) -> u64 {
        (self.to.micros_since(self.from) / columns.max(1) as u64).max(1)
    }
}

/// The values of one column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The last.
    pub last: f64,
}

impl Extent {
    fn of(value: f64) -> Self {
        Self { min: value, max: value, last: value }
    }
}

/// One column: from `at` on the tag was between these values, or nothing is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// When its first value came.
    pub at: Timestamp,
    /// What; `None` is a gap.
    pub extent: Option<Extent>,
}

/// A tag's trend.
#[derive(Debug, Clone, PartialEq)]
pub enum Series {
    /// No such tag.
    Unknown,
    /// Every record of the span; `None` is a gap.
    Raw(Vec<(Timestamp, Option<f64>)>),
    /// Too many for that: thinned.
    Decimated(Vec<Column>),
}

/// Collects a trend from records in order of time. Holds at most `columns` raw points, or `4 columns + 1` thinned
/// ones.
#[derive(Debug)]
pub(crate) struct Thinner {
    span: Span,
    columns: usize,
    raw: Vec<(Timestamp, Option<f64>)>,
    thinned: Option<Thinned>,
    last: Option<(Timestamp, bool)>,
}

#[derive(Debug, Default)]
struct Thinned {
    done: Vec<Column>,
    slot: Option<usize>,
    before: Option<Column>,
    gap: Option<Timestamp>,
    after: Option<Column>,
    end_gap: Option<Timestamp>,
}

impl Thinner {
    /// An empty trend.
    pub(crate) fn new(span: Span, columns: usize) -> Self {
        assert!(span.from < span.to && columns > 0, "ask.rs lets no empty span by");
        Self { span, columns, raw: Vec::new(), thinned: None, last: None }
    }

    /// The next record. A gap after a gap says nothing new, nor does one before the first value.
    pub(crate) fn push(&mut self, at: Timestamp, value: Option<f64>) {
        let is_gap = value.is_none();
        let at = match self.last {
            Some((_, true)) | None if is_gap => return,
            // A gap of all tags may have the very time of a value: times rise, so it counts from right after it.
            Some((last, _)) if at <= last => Timestamp(last.0 + 1),
            _ => at,
        };
        self.last = Some((at, is_gap));
        if let Some(thinned) = &mut self.thinned {
            thinned.push(slot(self.span, self.columns, at), at, value.map(Extent::of));
            return;
        }
        self.raw.push((at, value));
        if self.raw.len() > self.columns {
            self.thin();
        }
    }

    /// From now on there are columns instead of points.
    fn thin(&mut self) {
        if self.thinned.is_none() {
            let mut thinned = Thinned::default();
            for (at, value) in std::mem::take(&mut self.raw) {
                thinned.push(slot(self.span, self.columns, at), at, value.map(Extent::of));
            }
            self.thinned = Some(thinned);
        }
    }

    /// The next bucket, in place of its records, with a gap of all tags that lies between its first and its last
    /// record: then what was before and what was after it isn't told apart.
    pub(crate) fn push_bucket(&mut self, bucket: &Bucket, gap_of_all: Option<Timestamp>) {
        self.thin();
        let gap = bucket.gap_at.into_iter().chain(gap_of_all).min();
        let place = |at| slot(self.span, self.columns, at);
        let (mut pushes, mut known) = (Vec::new(), None);
        let extent = bucket.values.map(|values| Extent { min: values.min, max: values.max, last: values.last });
        match (extent, gap) {
            (Some(extent), None) => pushes.push((bucket.first_at, Some(extent))),
            (Some(extent), Some(gap)) if bucket.first_at < gap => {
                pushes.extend([(bucket.first_at, Some(extent)), (gap, None)]);
                known = Some(extent.last).filter(|_| bucket.ends_good);
            }
            (Some(extent), Some(gap)) => {
                pushes.extend([(gap, None), (Timestamp(gap.0 + 1), Some(extent))]);
                if !bucket.ends_good {
                    pushes.push((bucket.last_at.max(Timestamp(gap.0 + 2)), None));
                }
            }
            (None, Some(gap)) => pushes.push((gap, None)),
            (None, None) => {}
        }
        if let (Some(last), Some(gap)) = (known, gap) {
            let at = bucket.last_at.max(Timestamp(gap.0 + 1));
            pushes.push((at, Some(Extent { min: last, max: last, last })));
        }
        let pushes: Vec<_> = pushes.into_iter().map(|(at, extent)| (place(at), at, extent)).collect();
        for (slot, at, extent) in pushes {
            let is_gap = extent.is_none();
            if is_gap && self.last.is_none_or(|(_, was_gap)| was_gap) {
                continue;
            }
            self.last = Some((at, is_gap));
            if let Some(thinned) = &mut self.thinned {
                thinned.push(slot, at, extent);
            }
        }
    }

    /// The trend.
    pub(crate) fn finish(self) -> Series {
        match self.thinned {
            None => Series::Raw(self.raw),
            Some(mut thinned) => {
                thinned.end_column();
                Series::Decimated(thinned.done)
            }
        }
    }
}

/// Which column a time falls in; `None` is before the span.
fn slot(span: Span, columns: usize, at: Timestamp) -> Option<usize> {
    let since = at.0.checked_sub(span.from.0)?;
    let length = span.to.0 - span.from.0;
    let slot = match since.checked_mul(columns as u64) {
        Some(places) => places / length,
        None => u64::try_from(u128::from(since) * columns as u128 / u128::from(length)).unwrap_or(u64::MAX),
    };
    // A time moved past the end by a µs still belongs to the last column.
    Some(usize::try_from(slot).unwrap_or(usize::MAX).min(columns - 1))
}

impl Thinned {
    fn push(&mut self, slot: Option<usize>, at: Timestamp, extent: Option<Extent>) {
        if slot != self.slot {
            self.end_column();
            self.slot = slot;
        }
        match extent {
            None if self.gap.is_none() => self.gap = Some(at),
            None => self.end_gap = Some(at),
            Some(extent) => {
                self.end_gap = None;
                let part = if self.gap.is_none() { &mut self.before } else { &mut self.after };
                grow(part, at, extent);
            }
        }
    }

    fn end_column(&mut self) {
        let gap = |at| Column { at, extent: None };
        self.done.extend(self.before.take());
        self.done.extend(self.gap.take().map(gap));
        self.done.extend(self.after.take());
        self.done.extend(self.end_gap.take().map(gap));
    }
}

fn grow(part: &mut Option<Column>, at: Timestamp, more: Extent) {
    let column = part.get_or_insert(Column { at, extent: None });
    let extent = column.extent.get_or_insert(more);
    extent.min = extent.min.min(more.min);
    extent.max = extent.max.max(more.max);
    extent.last = more.last;
}

#[cfg(test)]
#[path = "decimate_tests.rs"]
mod tests;
