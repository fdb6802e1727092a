//! Records into chunks: a tag's chunks never overlap, so reading in order is reading one after another.

use rusqlite::{Connection, OptionalExtension, params};
use tag::Timestamp;

use super::head::{in_order, overlay};
use super::roll;
use crate::era::era_of;
use crate::format::chunk::{self, CHUNK_BYTES_MAX, CHUNK_MAX};
use crate::format::{Record, texts};
use crate::levels::Calendar;

/// Fewer records than this don't compress on their own.
const PART_MIN: usize = 150;

/// Gives out chunk numbers, each only once in a process: a reader tells states apart by the newest.
#[derive(Debug, Default)]
pub(super) struct ChunkIds(i64);

impl ChunkIds {
    /// Goes on after the newest chunk there is.
    pub(super) fn of(conn: &Connection) -> rusqlite::Result<Self> {
        newest_chunk(conn).map(Self)
    }

    /// The newest given out.
    pub(super) fn newest(&self) -> i64 {
        self.0
    }

    fn next(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }
}

/// The newest chunk's number.
pub(super) fn newest_chunk(conn: &Connection) -> rusqlite::Result<i64> {
    let mut find = conn.prepare_cached("SELECT max(id) FROM chunk")?;
    find.query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.unwrap_or(0)))
}

#[derive(Debug, Clone, Copy)]
struct Place {
    id: i64,
    from: Timestamp,
    to: Timestamp,
    count: usize,
}

/// Puts a tag's records, in the order they came, into chunks. Those that lie in a chunk's span are woven into it; a
/// small chunk before them is taken along, so that a slow tag doesn't leave crumbs.
pub(super) fn seal(tx: &Connection, tag: i64, records: &[Record], ids: &mut ChunkIds) -> rusqlite::Result<()> {
    let era = |record: &Record| era_of(record.at).map(|(era, _)| era);
    for of_one in in_order(records.to_vec()).chunk_by(|a, b| era(a) == era(b)) {
        seal_in_order(tx, tag, of_one, ids)?;
    }
    Ok(())
}

fn seal_in_order(tx: &Connection, tag: i64, records: &[Record], ids: &mut ChunkIds) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(()) };
    let mut places = touched(tx, tag, first.at, last.at)?;
    // A chunk never reaches from one era into another.
    let era = |at: Timestamp| era_of(at).map(|(era, _)| era);
    places.retain(|place| era(place.from) == era(first.at));
    let mut rest = records;
    let mut places = places.into_iter().peekable();
    while !rest.is_empty() {
        let Some(place) = places.next() else {
            return insert(tx, tag, rest, ids);
        };
        // Before the chunk: a piece of its own.
        let before = rest.partition_point(|record| record.at < place.from);
        insert(tx, tag, &rest[..before], ids)?;
        rest = &rest[before..];
        // Into the chunk, or right behind it.
        let inside = rest.partition_point(|record| record.at <= place.to);
        let until = places.peek().map_or(rest.len(), |next| rest.partition_point(|record| record.at < next.from));
        let behind = until - inside;
        let joins = behind > 0 && place.count <= behind && place.count + until <= CHUNK_MAX;
        let count = if joins { until } else { inside };
        if count > 0 {
            weave(tx, tag, place, &rest[..count], ids)?;
            rest = &rest[count..];
        }
    }
    Ok(())
}

/// Chunks the span touches, and the one before it.
fn touched(tx: &Connection, tag: i64, from: Timestamp, to: Timestamp) -> rusqlite::Result<Vec<Place>> {
    let mut before = tx.prepare_cached(
        "SELECT id, from_us, to_us, count FROM chunk WHERE tag = ?1 AND from_us < ?2 ORDER BY from_us DESC LIMIT 1",
    )?;
    let mut within = tx.prepare_cached(
        "SELECT id, from_us, to_us, count FROM chunk WHERE tag = ?1 AND from_us >= ?2 AND from_us <= ?3
         ORDER BY from_us",
    )?;
    let mut places = Vec::from_iter(before.query_row(params![tag, from.0 as i64], place).optional()?);
    for found in within.query_map(params![tag, from.0 as i64, to.0 as i64], place)? {
        places.push(found?);
    }
    Ok(places)
}

fn place(row: &rusqlite::Row<'_>) -> rusqlite::Result<Place> {
    let time = |i| row.get::<_, i64>(i).map(|at| Timestamp(at.unsigned_abs()));
    let count = usize::try_from(row.get::<_, i64>(3)?).unwrap_or(0);
    Ok(Place { id: row.get(0)?, from: time(1)?, to: time(2)?, count })
}

fn weave(tx: &Connection, tag: i64, place: Place, new: &[Record], ids: &mut ChunkIds) -> rusqlite::Result<()> {
    let mut find = tx.prepare_cached("SELECT body FROM chunk WHERE id = ?1")?;
    let old = find.query_row([place.id], |row| Ok(chunk::decode(tag, place.from, row.get_ref(0)?.as_blob()?)))?;
    let old = old.unwrap_or_else(|error| {
        log::error!("{} records of tag {tag} from {} on are damaged and lost: {error}", place.count, place.from);
        Vec::new()
    });
    tx.prepare_cached("DELETE FROM chunk WHERE id = ?1")?.execute([place.id])?;
    insert(tx, tag, &overlay(old, new), ids)
}

/// Takes what is meant of a span out of a tag's chunks, and hands it over a chunk at a time: a tag may have more than
/// memory. Chunks that don't read stay.
pub(super) fn cut(
    tx: &Connection,
    calendar: &Calendar,
    tag: i64,
    (from, to): (Timestamp, Timestamp),
    ids: &mut ChunkIds,
    is_meant: impl Fn(&Record) -> bool,
    mut take: impl FnMut(Vec<Record>, &mut ChunkIds) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut next = tx.prepare_cached(
        "SELECT id, from_us, to_us, count, body FROM chunk WHERE tag = ?1 AND from_us > ?2 AND from_us < ?3
         ORDER BY from_us LIMIT 1",
    )?;
    // One that began before the span may reach into it.
    let mut done = touched(tx, tag, from, from)?.first().map_or(0, |place| place.from.0 as i64 - 1);
    loop {
        let found = next.query_row(params![tag, done, to.0 as i64], |row| {
            let place = place(row)?;
            Ok((place, chunk::decode(tag, place.from, row.get_ref(4)?.as_blob()?)))
        });
        let Some((place, old)) = found.optional()? else { return Ok(()) };
        done = place.to.0 as i64;
        let Ok(old) = old else { continue };
        let (gone, kept): (Vec<Record>, Vec<Record>) =
            old.into_iter().partition(|record| from <= record.at && record.at < to && is_meant(record));
        if gone.is_empty() {
            continue;
        }
        tx.prepare_cached("DELETE FROM chunk WHERE id = ?1")?.execute([place.id])?;
        insert(tx, tag, &kept, ids)?;
        roll::forget(tx, calendar, tag, &gone)?;
        take(gone, ids)?;
    }
}

/// Writes records as chunks of about the same size.
fn insert(tx: &Connection, tag: i64, records: &[Record], ids: &mut ChunkIds) -> rusqlite::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    if records.iter().any(|record| record.point.text_bytes() > 0) {
        return insert_texts(tx, tag, records, ids);
    }
    for piece in evenly(records, CHUNK_MAX) {
        let body = chunk::encode(tag, piece);
        let parts = body.len().div_ceil(CHUNK_BYTES_MAX);
        if parts == 1 || piece.len() < PART_MIN * parts {
            put(tx, tag, piece, &body, ids)?;
            continue;
        }
        for part in evenly(piece, piece.len().div_ceil(parts)) {
            put(tx, tag, part, &chunk::encode(tag, part), ids)?;
        }
    }
    Ok(())
}

/// The same where some are texts: as many in a chunk as it may have.
fn insert_texts(tx: &Connection, tag: i64, records: &[Record], ids: &mut ChunkIds) -> rusqlite::Result<()> {
    let mut rest = records;
    while !rest.is_empty() {
        let (piece, others) = rest.split_at(texts::fitting(&rest[..rest.len().min(CHUNK_MAX)]));
        put(tx, tag, piece, &chunk::encode(tag, piece), ids)?;
        rest = others;
    }
    Ok(())
}

/// Pieces of about the same length, none longer than `most`.
fn evenly(records: &[Record], most: usize) -> std::slice::Chunks<'_, Record> {
    records.chunks(records.len().div_ceil(records.len().div_ceil(most)))
}

fn put(tx: &Connection, tag: i64, records: &[Record], body: &[u8], ids: &mut ChunkIds) -> rusqlite::Result<()> {
    let (first, last) = (records[0].at.0 as i64, records[records.len() - 1].at.0 as i64);
    tx.prepare_cached("INSERT INTO chunk (id, tag, from_us, to_us, count, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![ids.next(), tag, first, last, records.len() as i64, body])?;
    Ok(())
}
