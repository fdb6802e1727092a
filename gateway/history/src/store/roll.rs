//! Rollups: blocks of buckets, made when a window is whole, forgotten when a late record falls into it.
//!
//! A block only ever saves work: a window without one is read from what is below it. So none is made where that is
//! little work anyway.

use std::cell::Cell;

use rusqlite::{Connection, OptionalExtension, params};
use tag::Timestamp;

use super::engine::past_of_chunks;
use super::scan::{Past, Piece, us};
use super::thin::Thinned;
use crate::bucket::{Bucket, Filler};
use crate::entry::{Point, TIME_END};
use crate::error::ReadError;
use crate::format::{Record, rollup};
use crate::levels::{Calendar, Level};
use crate::text::TEXT_KINDS;

/// The smallest number of records or buckets in a window that are worth a block of fewer.
const WORTH_RECORDS: usize = 960;
const WORTH_BUCKETS: usize = 480;

/// Forgets the blocks that these records, new in chunks, are not in (also where rolling up hasn't come back to), and lets rolling up begin there again.
pub(super) fn forget(tx: &Connection, calendar: &Calendar, tag: i64, records: &[Record]) -> rusqlite::Result<()> {
    let on_calendar = || records.iter().map(|record| record.at).filter(|at| *at < TIME_END);
    let Some(earliest) = on_calendar().min() else { return Ok(()) };
    let thinned = Thinned::read(tx, tag)?.records_until();
    let mut forget = tx.prepare_cached("DELETE FROM rollup WHERE tag = ?1 AND level = ?2 AND from_us = ?3")?;
    for level in Level::ALL {
        let mut windows: Vec<_> = on_calendar().map(|at| calendar.window(level, at).0).collect();
        // What was thinned can't be made again.
        windows.retain(|start| *start >= thinned);
        windows.sort_unstable();
        windows.dedup();
        for start in windows {
            forget.execute(params![tag, level.code(), us(start)])?;
        }
    }
    let again = calendar.window(Level::Minute, earliest).0;
    tx.prepare_cached("UPDATE tag SET rolled = ?2 WHERE id = ?1 AND rolled > ?2")?.execute(params![tag, us(again)])?;
    Ok(())
}

/// Makes a tag's missing blocks in order of time, at most `most` windows; gives how many more may be made.
pub(super) fn roll(tx: &Connection, calendar: &Calendar, tag: i64, most: usize) -> rusqlite::Result<usize> {
    // Texts have no buckets.
    let rolled: Option<i64> = tx
        .prepare_cached("SELECT rolled FROM tag WHERE id = ?1 AND kind < ?2")?
        .query_row([tag, TEXT_KINDS], |row| row.get(0))
        .optional()?;
    let sealed: Option<i64> = tx
        .prepare_cached("SELECT to_us FROM chunk WHERE tag = ?1 AND from_us < ?2 ORDER BY from_us DESC LIMIT 1")?
        .query_row([tag, us(TIME_END)], |row| row.get(0))
        .optional()?;
    let (Some(rolled), Some(sealed)) = (rolled, sealed) else { return Ok(most) };
    let mut done = Timestamp(rolled.unsigned_abs());
    let mut left = most;
    while left > 0 {
        let Some(next) = next_chunk(tx, tag, done)? else { break };
        let window = calendar.window(Level::Minute, next.max(done));
        if us(window.1) > sealed {
            break;
        }
        build(tx, calendar, tag, Level::Minute, window)?;
        // Longer windows that are whole with this one. Those between the last window and this one had nothing new.
        for level in [Level::Quarter, Level::Hour, Level::Day] {
            let longer = calendar.window(level, Timestamp(done.0.max(1) - 1));
            let this = calendar.window(level, window.0);
            if longer.1 <= window.0 && longer.0 != this.0 {
                build(tx, calendar, tag, level, longer)?;
            }
            if this.1 <= window.1 {
                build(tx, calendar, tag, level, this)?;
            }
        }
        done = window.1;
        left -= 1;
    }
    tx.prepare_cached("UPDATE tag SET rolled = ?2 WHERE id = ?1 AND rolled <> ?2")?.execute(params![tag, us(done)])?;
    Ok(left)
}

/// The first time at or after this of which a chunk knows.
fn next_chunk(tx: &Connection, tag: i64, from: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    let mut inside =
        tx.prepare_cached("SELECT to_us FROM chunk WHERE tag = ?1 AND from_us <= ?2 ORDER BY from_us DESC LIMIT 1")?;
    let to = inside.query_row(params![tag, us(from)], |row| row.get::<_, i64>(0)).optional()?;
    if to.is_some_and(|to| to >= us(from)) {
        return Ok(Some(from));
    }
    let mut after = tx.prepare_cached(
        "SELECT from_us FROM chunk WHERE tag = ?1 AND from_us > ?2 AND from_us < ?3 ORDER BY from_us LIMIT 1",
    )?;
    let found = after.query_row(params![tag, us(from), us(TIME_END)], |row| row.get::<_, i64>(0)).optional()?;
    Ok(found.map(|at| Timestamp(at.unsigned_abs())))
}

/// Makes one block, unless it is there or saves no work.
pub(super) fn build(
    tx: &Connection,
    calendar: &Calendar,
    tag: i64,
    level: Level,
    window: (Timestamp, Timestamp),
) -> rusqlite::Result<()> {
    let mut find = tx.prepare_cached("SELECT 1 FROM rollup WHERE tag = ?1 AND level = ?2 AND from_us = ?3")?;
    if find.exists(params![tag, level.code(), us(window.0)])? {
        return Ok(());
    }
    let damaged = Cell::new(0);
    let buckets = match past_of_chunks(tx, calendar, tag, &damaged).build(level, window) {
        Ok(buckets) => buckets,
        Err(ReadError::Sqlite { source, .. }) => return Err(source),
        Err(_) => None,
    };
    // A block over a damaged chunk would hide the damage.
    if let Some(buckets) = buckets.filter(|_| damaged.get() == 0) {
        let body = rollup::encode(tag, window.0, &buckets);
        tx.prepare_cached("INSERT INTO rollup (tag, level, from_us, to_us, body) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![tag, level.code(), us(window.0), us(window.1), body])?;
    }
    Ok(())
}

impl Past<'_> {
    /// The buckets a window should have, if it is worth a block.
    pub(super) fn build(&self, level: Level, window: (Timestamp, Timestamp)) -> Result<Option<Vec<Bucket>>, ReadError> {
        let (mut parts, mut is_text) = (0, false);
        let mut buckets: Vec<Bucket> = Vec::new();
        let mut filler: Option<(Timestamp, Filler)> = None;
        self.pieces(level.below(), window.0, window.1, &mut |piece| {
            parts += 1;
            let at = match &piece {
                Piece::Record(record) => record.at,
                Piece::Bucket(bucket) => bucket.start,
            };
            if filler.as_ref().is_none_or(|(end, _)| *end <= at) {
                let (start, end) = self.calendar.bucket(level, at);
                buckets.extend(filler.take().and_then(|(_, filler)| filler.finish()));
                filler = Some((end, Filler::new(start, end)));
            }
            is_text |= matches!(&piece, Piece::Record(record) if matches!(record.point, Point::Text(_)));
            if let Some((_, filler)) = &mut filler {
                match &piece {
                    Piece::Record(record) => filler.push(record),
                    Piece::Bucket(bucket) => filler.push_bucket(bucket),
                }
            }
        })?;
        buckets.extend(filler.and_then(|(_, filler)| filler.finish()));
        let worth = if level == Level::Minute { WORTH_RECORDS } else { WORTH_BUCKETS };
        // A bucket can't stand for a text.
        Ok((parts >= worth && !is_text && buckets.len() <= rollup::BLOCK_MAX).then_some(buckets))
    }
}
