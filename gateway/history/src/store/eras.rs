//! What was kept by the machine's uptime, in the database: where it lies until its time is known, how it is read
//! meanwhile, and how it moves to where it belongs.
//!
//! An era of the database is a row of `era`: so many µs lead from its uptimes to the calendar. While it is open that is
//! a guess; when it is settled its records move, a few chunks at a time, each move a transaction.

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};
use tag::Timestamp;

use super::engine::past_of_chunks;
use super::head::{Head, in_order};
use super::roll;
use super::scan::us;
use super::seal::{ChunkIds, seal};
use crate::decimate::Span;
use crate::entry::{Cause, Point, TIME_END};
use crate::era::{ERA_US, era_of, in_era, moved};
use crate::error::ReadError;
use crate::format::{Record, chunk};
use crate::levels::Calendar;

/// Chunks moved in one step: under a tenth of a second on a small box.
const STEP: usize = 8;

/// The most records of one tag that are shown out of eras, the newest: three days at one a second. More are there only
/// while the clock isn't known for longer.
const SHOWN_MAX: usize = 262_144;

/// The same for bytes of texts.
const SHOWN_TEXT_BYTES_MAX: usize = 8 << 20;

/// What became of an era.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The clock isn't known yet.
    Open,
    /// Its records are moving.
    Settled,
}

/// An era in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Era {
    pub(super) id: u64,
    /// µs from its uptimes to the calendar: known, or a guess.
    pub(super) offset: i64,
    pub(super) state: State,
}

/// The eras as the writer knows them.
#[derive(Debug, Default)]
pub(super) struct Eras {
    /// This boot's name.
    pub(super) boot: String,
    /// Where this boot's records go whose time isn't known.
    open: Option<Era>,
    /// It is in the database.
    is_entered: bool,
    /// Eras of this process up to a number: what leads from their uptimes to the calendar.
    pub(super) told: BTreeMap<u64, i64>,
    /// Whose records are to be moved.
    pub(super) moving: Vec<Era>,
    highest: u64,
    /// The latest uptime that was given a place in the open era.
    latest: u64,
}

impl Eras {
    /// Those in the database. Open ones of other boots will never be told their time any more; without a boot nothing is
    /// said of any.
    pub(super) fn read(
        conn: &Connection,
        boot: Option<&str>,
        told: BTreeMap<u64, i64>,
        head: &Head,
    ) -> rusqlite::Result<Self> {
        let boot_name = boot.unwrap_or_default().to_owned();
        let mut eras = Self { boot: boot_name, told, ..Self::default() };
        for (era, of) in rows(conn)? {
            eras.highest = eras.highest.max(era.id);
            match era.state {
                State::Open if !of.is_empty() && Some(&*of) == boot => (eras.open, eras.is_entered) = (Some(era), true),
                State::Open if boot.is_some() => settle(conn, &era, era.offset, Some(head))?,
                State::Open | State::Settled => {}
            }
        }
        eras.moving = rows(conn)?.into_iter().map(|(era, _)| era).filter(|era| era.state == State::Settled).collect();
        Ok(eras)
    }

    /// For those who read.
    pub(super) fn shown(&self) -> Vec<Era> {
        self.moving.iter().copied().chain(self.open).collect()
    }

    /// Whether records of this time have nowhere to go yet.
    pub(super) fn wants_place(&self, at: Timestamp) -> bool {
        self.open.is_none() && era_of(at).is_some_and(|(era, _)| self.told.range(era..).next().is_none())
    }

    /// Makes an era of which nobody knows the time; `guess` leads to it nearly.
    pub(super) fn begin(&mut self, guess: i64) {
        self.highest += 1;
        self.open = Some(Era { id: self.highest, offset: guess, state: State::Open });
        self.is_entered = false;
    }

    /// Where a record of this process goes.
    pub(super) fn place(&mut self, at: Timestamp) -> Timestamp {
        let Some((era, uptime)) = era_of(at) else { return at };
        self.latest = self.latest.max(uptime);
        match (self.told.range(era..).next(), self.open) {
            (Some((_, offset)), _) => calendar(uptime, *offset),
            (None, Some(open)) => in_era(open.id, uptime),
            (None, None) => calendar(uptime, 0),
        }
    }

    /// Enters the open era if it isn't there yet; [`Eras::entered`] when that is durable.
    pub(super) fn enter(&self, tx: &Connection) -> rusqlite::Result<()> {
        if let Some(open) = self.open.filter(|_| !self.is_entered) {
            add(tx, &open, &self.boot)?;
        }
        Ok(())
    }

    pub(super) fn entered(&mut self) {
        self.is_entered = self.open.is_some();
    }

    /// The open era, if there is one.
    pub(super) fn open(&self) -> Option<Era> {
        self.open
    }

    /// The time of this boot's open eras is known: `offset` leads to it; or that is still a guess, but nobody waits any
    /// longer. [`Eras::told`] when that is durable.
    pub(super) fn tell(&self, tx: &Connection, offset: i64, is_known: bool, head: &Head) -> rusqlite::Result<()> {
        if let Some(open) = self.open.filter(|_| self.is_entered) {
            settle(tx, &open, offset, (!is_known).then_some(head))?;
        }
        let latest = us(calendar(self.latest, offset)) + 1;
        if is_known {
            tx.execute("UPDATE doubt SET to_us = max(from_us + 1, ?2) WHERE to_us = ?1", [us(TIME_END), latest])?;
        } else {
            // It goes on until somebody knows.
            doubt(tx, Timestamp(latest.unsigned_abs()), TIME_END)?;
        }
        Ok(())
    }

    /// What was told of this process's eras up to this one is durable.
    pub(super) fn told(&mut self, era: u64, offset: i64) {
        let open = self.open.take().filter(|_| self.is_entered);
        self.moving.extend(open.map(|era| Era { offset, state: State::Settled, ..era }));
        self.is_entered = false;
        self.told.insert(era, offset);
    }

    /// A number for records that are to be moved by hand.
    pub(super) fn next_id(&mut self) -> u64 {
        self.highest += 1;
        self.highest
    }
}

/// A settled era for records that belong elsewhere than they were.
pub(super) fn add(tx: &Connection, era: &Era, boot: &str) -> rusqlite::Result<()> {
    let state = i64::from(era.state == State::Settled);
    tx.execute(
        "INSERT OR IGNORE INTO era (id, boot, offset, state) VALUES (?1, ?2, ?3, ?4)",
        params![era.id as i64, boot, era.offset, state],
    )?;
    Ok(())
}

/// Notes that in a span the time is uncertain.
pub(super) fn doubt(tx: &Connection, from: Timestamp, to: Timestamp) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO doubt (from_us, to_us) VALUES (?1, ?2) ON CONFLICT (from_us) DO UPDATE SET to_us = max(to_us, ?2)",
        [us(from), us(to)],
    )?;
    Ok(())
}

fn settle(tx: &Connection, era: &Era, offset: i64, guessed: Option<&Head>) -> rusqlite::Result<()> {
    tx.execute("UPDATE era SET offset = ?2, state = 1 WHERE id = ?1", params![era.id as i64, offset])?;
    let Some(head) = guessed else { return Ok(()) };
    match extent(tx, era, head)? {
        Some((first, last)) => doubt(tx, calendar(first, offset), Timestamp(calendar(last, offset).0 + 1)),
        None => Ok(()),
    }
}

fn rows(conn: &Connection) -> rusqlite::Result<Vec<(Era, String)>> {
    let mut find = conn.prepare_cached("SELECT id, offset, state, boot FROM era ORDER BY id")?;
    let found = find.query_map([], |row| {
        let state = if row.get::<_, i64>(2)? == 0 { State::Open } else { State::Settled };
        Ok((Era { id: row.get::<_, i64>(0)?.unsigned_abs(), offset: row.get(1)?, state }, row.get(3)?))
    });
    found?.collect()
}

/// Every era in the database, for those who read beside the writer.
pub(super) fn all(conn: &Connection) -> rusqlite::Result<Vec<Era>> {
    if !is_there(conn)? {
        return Ok(Vec::new());
    }
    Ok(rows(conn)?.into_iter().map(|(era, _)| era).collect())
}

/// An older release's database, read beside, has none.
fn is_there(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM sqlite_schema WHERE name = 'era'")?.exists([])
}

/// The first and last uptime of an era's records, in chunks or not.
pub(super) fn extent(conn: &Connection, era: &Era, head: &Head) -> rusqlite::Result<Option<(u64, u64)>> {
    let (from, to) = range(era);
    let mut find = conn.prepare_cached(
        "SELECT min(first), max(last) FROM (SELECT
            (SELECT from_us FROM chunk WHERE tag = t.id AND from_us >= ?1 AND from_us < ?2 ORDER BY from_us LIMIT 1) AS first,
            (SELECT to_us FROM chunk WHERE tag = t.id AND from_us >= ?1 AND from_us < ?2 ORDER BY from_us DESC LIMIT 1) AS last
         FROM tag AS t)",
    )?;
    let found: (Option<i64>, Option<i64>) = find.query_row([us(from), us(to)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let in_chunks = found.0.zip(found.1).map(|(first, last)| (first.unsigned_abs(), last.unsigned_abs()));
    let waiting = head.extent_within(from, to).map(|(first, last)| (first.0, last.0));
    let both = in_chunks.into_iter().chain(waiting).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    Ok(both.map(|(first, last)| (first - from.0, last - from.0)))
}

/// Where its records lie: from inclusive, to exclusive.
pub(super) fn range(era: &Era) -> (Timestamp, Timestamp) {
    let from = in_era(era.id, 0);
    (from, Timestamp(from.0 + ERA_US))
}

/// Where in a span the time is uncertain, in order, pieces that touch as one.
pub(super) fn doubts(conn: &Connection, head: &Head, span: Span) -> rusqlite::Result<Vec<Span>> {
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

/// A time of an era on the calendar.
pub(super) fn calendar(uptime: u64, offset: i64) -> Timestamp {
    moved(Timestamp(uptime), offset)
}

/// A tag's records out of eras, among those that are in no chunk yet, at the times they have or may have.
pub(super) fn lay_in(conn: &Connection, tag: i64, fresh: Vec<Record>, eras: &[Era]) -> rusqlite::Result<Vec<Record>> {
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

fn to_calendar(record: &Record, era: &Era) -> Record {
    let uptime = era_of(record.at).map_or(0, |(_, uptime)| uptime);
    Record { at: calendar(uptime, era.offset), point: record.point.clone() }
}

/// Moves some records of a settled era, none of which are outside chunks, to where they belong; those already there
/// stay, at a time of their own. Gives the tag; `None` when nothing is left and the era is gone.
pub(super) fn step(
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
pub(super) fn give_room(
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
