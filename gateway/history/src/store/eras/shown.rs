//! How eras are read before their records have moved, and where the time is uncertain.

use rusqlite::{Connection, params};
use tag::Timestamp;

use super::super::head::{Head, in_order};
use super::super::scan::us;
use super::{Era, State, all, calendar, extent, is_there, range, to_calendar};
use crate::decimate::Span;
use crate::entry::TIME_END;
use crate::format::{Record, chunk};

/// The most records of one tag that are shown out of eras, the newest: three days at one a second. More are there only
/// while the clock isn't known for longer.
const SHOWN_MAX: usize = 262_144;

/// The same for bytes of texts.
const SHOWN_TEXT_BYTES_MAX: usize = 8 << 20;

/// Where in a span the time is uncertain, in order, pieces that touch as one.
pub(in crate::store) fn doubts(conn: &Connection, head: &Head, span: Span) -> rusqlite::Result<Vec<Span>> {
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
