//! What was kept by the machine's uptime, in the database: where it lies until its time is known, how it is read
//! meanwhile, and how it moves to where it belongs.
//!
//! An era of the database is a row of `era`: so many µs lead from its uptimes to the calendar. While it is open that is
//! a guess; when it is settled its records move, a few chunks at a time, each move a transaction.

mod moving;
mod shown;

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use tag::Timestamp;

use super::head::Head;
use super::scan::us;
use crate::entry::TIME_END;
use crate::era::{ERA_US, era_of, in_era, moved};
use crate::format::Record;
pub(super) use moving::step;
pub(super) use shown::{ByClock, doubts, lay_in};

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
    extent_with(conn, era, head.extent_within(from, to))
}

/// The same where the times of what is in no chunk are known already.
fn extent_with(
    conn: &Connection,
    era: &Era,
    waiting: Option<(Timestamp, Timestamp)>,
) -> rusqlite::Result<Option<(u64, u64)>> {
    let (from, to) = range(era);
    let mut find = conn.prepare_cached(
        "SELECT min(first), max(last) FROM (SELECT
            (SELECT from_us FROM chunk WHERE tag = t.id AND from_us >= ?1 AND from_us < ?2 ORDER BY from_us LIMIT 1) AS first,
            (SELECT to_us FROM chunk WHERE tag = t.id AND from_us >= ?1 AND from_us < ?2 ORDER BY from_us DESC LIMIT 1) AS last
         FROM tag AS t)",
    )?;
    let found: (Option<i64>, Option<i64>) = find.query_row([us(from), us(to)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let in_chunks = found.0.zip(found.1).map(|(first, last)| (first.unsigned_abs(), last.unsigned_abs()));
    let waiting = waiting.map(|(first, last)| (first.0, last.0));
    let both = in_chunks.into_iter().chain(waiting).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    Ok(both.map(|(first, last)| (first - from.0, last - from.0)))
}

/// Where its records lie: from inclusive, to exclusive.
pub(super) fn range(era: &Era) -> (Timestamp, Timestamp) {
    let from = in_era(era.id, 0);
    (from, Timestamp(from.0 + ERA_US))
}

/// A time of an era on the calendar.
pub(super) fn calendar(uptime: u64, offset: i64) -> Timestamp {
    moved(Timestamp(uptime), offset)
}

fn to_calendar(record: &Record, era: &Era) -> Record {
    let uptime = era_of(record.at).map_or(0, |(_, uptime)| uptime);
    Record { at: calendar(uptime, era.offset), point: record.point.clone() }
}
