//! How eras are read before their records have moved, and where the time is uncertain.

use rusqlite::{Connection, params};
use tag::Timestamp;

use super::super::head::{Head, in_order};
use super::super::scan::us;
use super::{Era, State, all, calendar, extent, extent_with, is_there, range, to_calendar};
use crate::decimate::Span;
use crate::entry::TIME_END;
use crate::format::{Record, chunk};

/// The most records of one tag that are shown out of eras, the newest: three days at one a second. More are there only
/// while the clock isn't known for longer.
const SHOWN_MAX: usize = 262_144;

/// The same for bytes of texts.
const SHOWN_TEXT_BYTES_MAX: usize = 8 << 20;

/// A guess no further than this from what the clock shows is as good.
const SAME_US: u64 = 1_000_000;

/// Who asks by the same clock may be so much ahead of us.
const AHEAD_US: u64 = 2_000_000;

/// The open era by a clock that isn't known to be right. Where it is filed nobody looks who asks for the last hour by that
/// clock.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct ByClock {
    /// With what leads from its uptimes to what the clock shows.
    pub(in crate::store) era: Era,
    /// What the clock has shown since the era's first record.
    pub(in crate::store) shown: Span,
    /// The first time under which it is filed.
    filed: Timestamp,
}

/// What is known of it without a look into the database.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Waiting {
    filed: Era,
    offset: i64,
    wall: Timestamp,
    extent: Option<(Timestamp, Timestamp)>,
}

impl ByClock {
    /// What of it is in memory, by [`crate::store::Store::set_unset_clock`]. `None`: the clock shows what is filed.
    pub(in crate::store) fn begin(head: &Head, (offset, wall): (i64, Timestamp)) -> Option<Waiting> {
        let is_elsewhere = |era: &&Era| era.state == State::Open && era.offset.abs_diff(offset) >= SAME_US;
        let filed = *head.eras.iter().find(is_elsewhere)?;
        let (from, to) = range(&filed);
        Some(Waiting { filed, offset, wall, extent: head.extent_within(from, to) })
    }

    /// With what is in chunks. `None`: nothing was recorded by it.
    pub(in crate::store) fn find(conn: &Connection, waiting: Waiting) -> rusqlite::Result<Option<Self>> {
        let Waiting { filed, offset, wall, extent } = waiting;
        Ok(extent_with(conn, &filed, extent)?.map(|(first, _)| Self {
            era: Era { offset, ..filed },
            // A µs before: what held by the calendar then ends there.
            shown: Span { from: calendar(first, offset - 1), to: Timestamp(wall.0.saturating_add(AHEAD_US)) },
            filed: calendar(first, filed.offset),
        }))
    }

    /// Whether a question is about it, and not about the times under which it is filed.
    pub(in crate::store) fn is_meant(&self, asked: Span) -> bool {
        let touches = asked.from < self.shown.to && self.shown.from < asked.to;
        touches && asked.to <= self.shown.to.max(self.filed)
    }
}

/// Where in a span the time is uncertain, in order, pieces that touch as one.
pub(in crate::store) fn doubts(
    conn: &Connection,
    head: &Head,
    by_clock: Option<&ByClock>,
    span: Span,
) -> rusqlite::Result<Vec<Span>> {
    if !is_there(conn)? {
        return Ok(Vec::new());
    }
    let mut find =
        conn.prepare_cached("SELECT from_us, to_us FROM doubt WHERE from_us < ?2 AND to_us > ?1 ORDER BY from_us")?;
    let found = find.query_map([us(span.from), us(span.to)], |row| {
        let time = |i| row.get::<_, i64>(i).map(|at| Timestamp(at.unsigned_abs()));
        Ok((time(0)?, time(1)?))
    });
    let mut found: Vec<_> = found?.collect::<Result<_, _>>()?;
    for era in all(conn)?.iter().chain(&head.eras).filter(|era| era.state == State::Open) {
        let extent = extent(conn, era, head)?;
        found.extend(extent.map(|(first, last)| (calendar(first, era.offset), calendar(last + 1, era.offset))));
    }
    found.extend(by_clock.map(|by_clock| (by_clock.shown.from, by_clock.shown.to)));
    found.sort_unstable();
    let mut spans: Vec<Span> = Vec::new();
    for (from, to) in found {
        let (from, to) = (from.max(span.from), to.min(span.to));
        match spans.last_mut() {
            Some(last) if from <= last.to => last.to = last.to.max(to),
            _ if from < to => spans.push(Span { from, to }),
            _ => {}
        }
    }
    Ok(spans)
}

/// A tag's records out of eras, among those that are in no chunk yet, at the times they have or may have.
pub(in crate::store) fn lay_in(
    conn: &Connection,
    tag: i64,
    fresh: Vec<Record>,
    eras: &[Era],
) -> rusqlite::Result<Vec<Record>> {
    if eras.is_empty() {
        return Ok(fresh);
    }
    let (mut all, waiting): (Vec<Record>, Vec<Record>) = fresh.into_iter().partition(|record| record.at < TIME_END);
    let mut find = conn.prepare_cached(
        "SELECT from_us, body FROM chunk WHERE tag = ?1 AND from_us >= ?2 AND from_us < ?3 ORDER BY from_us DESC",
    )?;
    for era in eras {
        let (from, to) = range(era);
        let mut shown: Vec<Record> =
            waiting.iter().filter(|record| from <= record.at && record.at < to).cloned().collect();
        let mut rows = find.query(params![tag, us(from), us(to)])?;
        let mut text_bytes = 0;
        while shown.len() < SHOWN_MAX && text_bytes < SHOWN_TEXT_BYTES_MAX {
            let Some(row) = rows.next()? else { break };
            let first = Timestamp(row.get::<_, i64>(0)?.unsigned_abs());
            let found = chunk::decode(tag, first, row.get_ref(1)?.as_blob()?).unwrap_or_default();
            text_bytes += found.iter().map(|record| record.point.text_bytes()).sum::<usize>();
            shown.extend(found);
        }
        // What waits is newer than what is in chunks: at one time it counts.
        shown.reverse();
        all.extend(in_order(shown).into_iter().map(|record| to_calendar(&record, era)));
    }
    Ok(in_order(all))
}
