//! A trend in as many columns as a screen has: every minimum, maximum, last value and gap kept.
//!
//! A span is cut into columns of equal time. A column without a gap becomes one [`Column`]; one with gaps up to four:
//! what was before its first gap, that gap, what was after it, and a gap again if it ends in one. So a trend of `n`
//! columns has at most `4 n + 1` of them, the first being the value that held when the span began, however many
//! samples went in.

use tag::Timestamp;

/// A span of time: from inclusive, to exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end; not part of it.
    pub to: Timestamp,
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
            thinned.push(slot(self.span, self.columns, at), at, value);
            return;
        }
        self.raw.push((at, value));
        if self.raw.len() > self.columns {
            let mut thinned = Thinned::default();
            for (at, value) in std::mem::take(&mut self.raw) {
                thinned.push(slot(self.span, self.columns, at), at, value);
            }
            self.thinned = Some(thinned);
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
    let slot = u128::from(since) * columns as u128 / u128::from(span.to.0 - span.from.0);
    // A time moved past the end by a µs still belongs to the last column.
    Some(usize::try_from(slot).unwrap_or(usize::MAX).min(columns - 1))
}

impl Thinned {
    fn push(&mut self, slot: Option<usize>, at: Timestamp, value: Option<f64>) {
        if slot != self.slot {
            self.end_column();
            self.slot = slot;
        }
        match value {
            None if self.gap.is_none() => self.gap = Some(at),
            None => self.end_gap = Some(at),
            Some(value) => {
                self.end_gap = None;
                let part = if self.gap.is_none() { &mut self.before } else { &mut self.after };
                grow(part, at, value);
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

fn grow(part: &mut Option<Column>, at: Timestamp, value: f64) {
    let column = part.get_or_insert(Column { at, extent: None });
    let extent = column.extent.get_or_insert(Extent { min: value, max: value, last: value });
    extent.min = extent.min.min(value);
    extent.max = extent.max.max(value);
    extent.last = value;
}

#[cfg(test)]
#[path = "decimate_tests.rs"]
mod tests;
