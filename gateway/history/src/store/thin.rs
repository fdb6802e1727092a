//! What goes when the database has grown to its bound: the oldest detail first. Records go where buckets stand for them,
//! then minutes where quarters do, and so on; what nothing stands for stays until nothing else is left.

use rusqlite::{Connection, OptionalExtension, params};
use tag::Timestamp;

use super::scan::us;
use crate::entry::TIME_END;
use crate::levels::{Calendar, Level};
use crate::text::TEXT_KINDS;

/// Down to this part of the bound, so that not every flush has something to take away.
const LOW: (u64, u64) = (97, 100);

/// Rows taken away in one flush: a tenth of a second on a small box, and some ten times what a flush brings.
const STEP: usize = 256;

/// Detail gets this part of the bound before buckets have to give way to it.
const DETAIL: (u64, u64) = (1, 2);

/// What a chunk of numbers takes at most, about.
const CHUNK_BYTES: u64 = 1200;

/// Bytes of the database that hold something.
pub(crate) fn used_bytes(conn: &Connection) -> rusqlite::Result<u64> {
    let number = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?)
}

/// Until when a tag has lost its records, its minutes, its quarters, its hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Thinned([Timestamp; 4]);

impl Thinned {
    /// What was noted of a tag.
    pub(super) fn read(conn: &Connection, tag: i64) -> rusqlite::Result<Self> {
        let mut find = conn.prepare_cached("SELECT value FROM note WHERE name = ?1")?;
        let mut thinned = Self::default();
        for (place, until) in thinned.0.iter_mut().enumerate() {
            let noted = find.query_row([note(place, tag)], |row| row.get::<_, i64>(0)).optional()?;
            *until = Timestamp(noted.unwrap_or(0).unsigned_abs());
        }
        Ok(thinned)
    }

    /// The shortest buckets there are at this time, and until when that is so; `None`: every record is there.
    pub(crate) fn floor(&self, at: Timestamp) -> Option<(Level, Timestamp)> {
        let place = self.0.iter().rposition(|until| at < *until)?;
        Some((Level::ALL[place], self.0[place]))
    }

    /// Until when there is no hour.
    pub(super) fn hours_until(&self) -> Timestamp {
        self.0[3]
    }

    /// Notes the same of a tag, as far as it isn't noted yet.
    pub(super) fn note(&self, tx: &Connection, tag: i64) -> rusqlite::Result<()> {
        for (place, until) in self.0.iter().enumerate().filter(|(_, until)| until.0 > 0) {
            thinned_until(tx, place, tag, us(*until))?;
        }
        Ok(())
    }

    /// Until when there is no record.
    pub(super) fn records_until(&self) -> Timestamp {
        self.0[0]
    }
}

fn note(place: usize, tag: i64) -> String {
    format!("thinned {place} {tag}")
}

/// One step of thinning if there is more than `keep` bytes; gives how many rows went.
pub(super) fn thin(tx: &Connection, calendar: &Calendar, keep: u64) -> rusqlite::Result<usize> {
    let used = used_bytes(tx)?;
    if used <= keep {
        return Ok(0);
    }
    let mut over = used - keep / LOW.1 * LOW.0;
    // Chunks are told by their numbers: summing them up would read the whole database.
    let chunks: i64 = tx.query_row("SELECT coalesce(max(id) - min(id), 0) FROM chunk", [], |row| row.get(0))?;
    // Chunks of texts may be larger.
    let some = "SELECT avg(length(body)) FROM (SELECT body FROM chunk ORDER BY id LIMIT 64)";
    let average = tx.prepare_cached(some)?.query_row([], |row| row.get::<_, Option<f64>>(0))?.unwrap_or(0.0) as u64;
    let detail_first = chunks.unsigned_abs() * average.max(CHUNK_BYTES) > keep / DETAIL.1 * DETAIL.0;
    let order: [usize; 4] = if detail_first { [0, 1, 2, 3] } else { [1, 0, 2, 3] };
    let mut gone = 0;
    for place in order {
        for row in victims(tx, calendar, place, STEP.saturating_sub(gone))? {
            if over == 0 {
                return Ok(gone);
            }
            remove(tx, place, &row)?;
            over = over.saturating_sub(row.bytes);
            gone += 1;
        }
    }
    if gone == 0 {
        // Nothing stands for anything: what is oldest goes for good.
        let oldest = "SELECT id, tag, to_us, length(body) FROM chunk WHERE tag > 0 AND from_us < ?1
            ORDER BY id LIMIT 32";
        let rows: Vec<Row> = tx.prepare_cached(oldest)?.query_map([us(TIME_END)], row)?.collect::<Result<_, _>>()?;
        for row in &rows {
            remove(tx, 0, row)?;
        }
        gone = rows.len();
    }
    Ok(gone)
}

#[derive(Debug)]
struct Row {
    id: i64,
    tag: i64,
    to: Timestamp,
    bytes: u64,
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let to = Timestamp(row.get::<_, i64>(2)?.unsigned_abs());
    Ok(Row { id: row.get(0)?, tag: row.get(1)?, to, bytes: row.get::<_, i64>(3)?.unsigned_abs() })
}

fn remove(tx: &Connection, place: usize, row: &Row) -> rusqlite::Result<()> {
    let delete = if place == 0 { "DELETE FROM chunk WHERE id = ?1" } else { "DELETE FROM rollup WHERE id = ?1" };
    tx.prepare_cached(delete)?.execute([row.id])?;
    thinned_until(tx, place, row.tag, us(row.to) + 1)
}

fn thinned_until(tx: &Connection, place: usize, tag: i64, until: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO note (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = max(value, ?2)",
    )?
    .execute(params![note(place, tag), until])?;
    Ok(())
}

/// The oldest rows of a kind for which longer buckets stand.
fn victims(tx: &Connection, calendar: &Calendar, place: usize, most: usize) -> rusqlite::Result<Vec<Row>> {
    let mut find = if place == 0 {
        tx.prepare_cached(
            "SELECT id, tag, to_us, length(body), from_us FROM chunk
             WHERE tag > 0 AND ?1 = 0 AND from_us < ?2 ORDER BY id LIMIT 2048",
        )?
    } else {
        tx.prepare_cached(
            "SELECT id, tag, to_us - 1, length(body), from_us FROM rollup
             WHERE level = ?1 AND from_us < ?2 ORDER BY id LIMIT 2048",
        )?
    };
    let mut found = find.query([place as i64, us(TIME_END)])?;
    let mut rows = Vec::new();
    while let Some(next) = found.next()?.filter(|_| rows.len() < most) {
        let from = Timestamp(next.get::<_, i64>(4)?.unsigned_abs());
        let next = row(next)?;
        if is_covered(tx, calendar, &next, place, from)? {
            rows.push(next);
        }
    }
    Ok(rows)
}

fn is_covered(
    tx: &Connection,
    calendar: &Calendar,
    row: &Row,
    place: usize,
    from: Timestamp,
) -> rusqlite::Result<bool> {
    // A text is older or newer, nothing else stands for it: the oldest goes with the oldest of the others.
    let mut of_texts = tx.prepare_cached("SELECT 1 FROM tag WHERE id = ?1 AND kind >= ?2")?;
    if place == 0 && of_texts.exists(params![row.tag, TEXT_KINDS])? {
        return Ok(true);
    }
    let mut find = tx.prepare_cached("SELECT 1 FROM rollup WHERE tag = ?1 AND level = ?2 AND from_us = ?3")?;
    for level in Level::ALL.into_iter().skip(place) {
        let (mut at, mut whole) = (from, true);
        while whole && at <= row.to {
            let window = calendar.window(level, at);
            whole = find.exists(params![row.tag, level.code(), us(window.0)])?;
            at = window.1;
        }
        if whole {
            return Ok(true);
        }
    }
    Ok(false)
}
