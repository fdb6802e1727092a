//! How the records of a settled era move to where they belong.

use std::cell::Cell;
use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};
use tag::Timestamp;

use super::super::engine::past_of_chunks;
use super::super::roll;
use super::super::scan::us;
use super::super::seal::{ChunkIds, seal};
use super::{Era, range, to_calendar};
use crate::entry::{Cause, Point};
use crate::error::ReadError;
use crate::format::{Record, chunk};
use crate::levels::Calendar;

/// Chunks moved in one step: under a tenth of a second on a small box.
const STEP: usize = 8;

/// Moves some records of a settled era, none of which are outside chunks, to where they belong; those already there
/// stay, at a time of their own. Gives the tag; `None` when nothing is left and the era is gone.
pub(in crate::store) fn step(
    tx: &Connection,
    levels: &Calendar,
    era: &Era,
    ids: &mut ChunkIds,
    taken: impl Fn(i64) -> Vec<Record>,
) -> rusqlite::Result<Option<i64>> {
    let (from, to) = range(era);
    let mut next = tx.prepare_cached(
        "SELECT id FROM tag AS t WHERE EXISTS (SELECT 1 FROM chunk WHERE tag = t.id AND from_us >= ?1 AND from_us < ?2)
         LIMIT 1",
    )?;
    let Some(tag) = next.query_row([us(from), us(to)], |row| row.get::<_, i64>(0)).optional()? else {
        tx.execute("DELETE FROM era WHERE id = ?1", [era.id as i64])?;
        return Ok(None);
    };
    let mut find = tx.prepare_cached(
        "SELECT id, from_us, body FROM chunk WHERE tag = ?1 AND from_us >= ?2 AND from_us < ?3 ORDER BY from_us LIMIT ?4",
    )?;
    let mut rows = find.query(params![tag, us(from), us(to), STEP as i64])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let first = Timestamp(row.get::<_, i64>(1)?.unsigned_abs());
        let lost = Record { at: first, point: Point::Gap(Cause::NotRecorded) };
        let body = row.get_ref(2)?.as_blob()?;
        let found = chunk::decode(tag, first, body).unwrap_or_else(|error| {
            log::error!("a chunk of tag {tag} is damaged and lost: {error}");
            vec![lost]
        });
        records.extend(found.iter().map(|record| to_calendar(record, era)));
        tx.prepare_cached("DELETE FROM chunk WHERE id = ?1")?.execute([row.get::<_, i64>(0)?])?;
    }
    drop(rows);
    give_room(tx, levels, tag, &mut records, &taken(tag))?;
    seal(tx, tag, &records, ids)?;
    roll::forget(tx, levels, tag, &records)?;
    Ok(Some(tag))
}

/// Moves records a µs on where another one is already, so that nothing is overwritten.
fn give_room(
    tx: &Connection,
    levels: &Calendar,
    tag: i64,
    records: &mut [Record],
    waiting: &[Record],
) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(()) };
    let (from, to) = (first.at, Timestamp(last.at.0 + records.len() as u64 + 1));
    let mut taken: HashSet<Timestamp> = waiting.iter().map(|record| record.at).collect();
    let damaged = Cell::new(0);
    let mut take = |record: Record| {
        taken.insert(record.at);
    };
    let looked = past_of_chunks(tx, levels, tag, &damaged).records(from, to, &mut take);
    if let Err(ReadError::Sqlite { source, .. }) = looked {
        return Err(source);
    }
    for record in records {
        while !taken.insert(record.at) {
            record.at.0 += 1;
        }
    }
    Ok(())
}
