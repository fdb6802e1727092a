//! The newest records of a tag, read from the end: what came before them is left alone.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use tag::{TagName, Timestamp};

use super::Reader;
use crate::decimate::Span;
use crate::entry::Point;
use crate::error::ReadError;
use crate::format::Record;

impl Reader {
    /// The newest records of a tag in a span, gaps of all tags too, the oldest of them first: at most so many, and fewer
    /// where their texts would be more than so many bytes, but one in any case. `None`: no such tag.
    pub fn last(
        &mut self,
        tag: &TagName,
        span: Span,
        most: usize,
        text_bytes: usize,
    ) -> Result<Option<Vec<(Timestamp, Point)>>, ReadError> {
        let Some(known) = self.known(tag)? else { return Ok(None) };
        self.over(known.id, span, |own, all| {
            let (mut own_newest, mut bytes, mut from) = (Vec::new(), 0, span.from);
            own.backwards(span.to, &mut |record| {
                bytes += record.point.text_bytes();
                let is_enough = own_newest.len() >= most || (bytes > text_bytes && !own_newest.is_empty());
                if is_enough {
                    // What lies before the last one that fits isn't looked at.
                    from = own_newest.last().map_or(from, |last: &Record| last.at);
                }
                if is_enough || record.at < span.from {
                    return ControlFlow::Break(());
                }
                own_newest.push(record);
                ControlFlow::Continue(())
            })?;
            let mut gaps = Vec::new();
            all.backwards(span.to, &mut |record| {
                if record.at < from || gaps.len() >= most {
                    return ControlFlow::Break(());
                }
                gaps.push(record);
                ControlFlow::Continue(())
            })?;
            Ok(Some(merged(own_newest, gaps, most)))
        })
    }
}

/// Both from newest to oldest; the newest of them from oldest to newest.
fn merged(own: Vec<Record>, gaps: Vec<Record>, most: usize) -> Vec<(Timestamp, Point)> {
    let mut merged = VecDeque::new();
    let (mut own, mut gaps) = (own.into_iter().peekable(), gaps.into_iter().peekable());
    while merged.len() < most {
        // At the same time the gap of all comes after the tag's own record.
        let gap = gaps.next_if(|gap| own.peek().is_none_or(|own| own.at <= gap.at));
        let Some(record) = gap.or_else(|| own.next()) else { break };
        merged.push_front((record.at, record.point));
    }
    merged.into()
}
