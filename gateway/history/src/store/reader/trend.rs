//! A trend: what a screen's columns show.

use tag::{TagName, Timestamp};

use super::super::scan::Piece;
use super::super::walk::own_last;
use super::{Reader, number};
use crate::decimate::{Series, Span, Thinner};
use crate::entry::Number;
use crate::error::ReadError;
use crate::levels::Level;

/// No screen is wider; with more columns somebody wants records.
const COLUMNS_SOME: usize = 65_536;

/// Gaps of all tags that are held one by one: a restart a day for ten years.
const GAPS_MAX: usize = 4096;

impl Reader {
    /// A tag's trend in at most so many columns (see [`crate::Series`]), beginning with the record that held when
    /// the span began.
    pub fn trend(&mut self, tag: &TagName, span: Span, columns: usize) -> Result<Series, ReadError> {
        let Some(known) = self.known_number(tag)? else { return Ok(Series::Unknown) };
        self.over(known.id, span, |own, all| {
            // What fits is shown as it is.
            let level = level_for(span, columns).filter(|_| columns <= COLUMNS_SOME).map_or(Ok(None), |level| {
                own.has_more_than(columns, span.from, span.to).map(|more| more.then_some(level))
            })?;
            let mut thinner = Thinner::new(span, columns);
            let all_lead = own_last(all, span.from, false)?;
            let mut gaps = Vec::new();
            all.records(span.from, span.to, &mut |record| {
                // Past a bound, two in a row within one column show no more than one of them.
                if gaps.len() >= GAPS_MAX {
                    let column = |at: Timestamp| at.micros_since(span.from) / span.width_us(columns);
                    if gaps.last().is_some_and(|last| column(*last) == column(record.at)) {
                        gaps.pop();
                    }
                }
                gaps.push(record.at);
            })?;
            let own_lead = own_last(own, span.from, false)?;
            let all_lead = all_lead.filter(|all| own_lead.as_ref().is_some_and(|own| own.at <= all.at));
            for record in own_lead.into_iter().chain(all_lead) {
                thinner.push(record.at, number(&record).map(Number::as_f64));
            }
            let mut gaps = gaps.into_iter().peekable();
            own.pieces(level, span.from, span.to, &mut |piece| {
                // At the same time the gap of all comes after the tag's own record.
                let (first, last) = match &piece {
                    Piece::Record(record) => (record.at, record.at),
                    Piece::Bucket(bucket) => (bucket.first_at, bucket.last_at),
                };
                while let Some(gap) = gaps.next_if(|gap| *gap < first) {
                    thinner.push(gap, None);
                }
                match &piece {
                    Piece::Record(record) => thinner.push(record.at, number(record).map(Number::as_f64)),
                    Piece::Bucket(bucket) => {
                        let mut inside = None;
                        while let Some(gap) = gaps.next_if(|gap| *gap < last) {
                            inside = inside.or(Some(gap));
                        }
                        thinner.push_bucket(bucket, inside);
                    }
                }
            })?;
            gaps.for_each(|gap| thinner.push(gap, None));
            Ok(thinner.finish())
        })
    }
}

/// The longest buckets that are no longer than a column.
fn level_for(span: Span, columns: usize) -> Option<Level> {
    Level::ALL.into_iter().rev().find(|level| level.longest_us() <= span.width_us(columns))
}
