//! What is got back out of a damaged database, in pieces that hold nobody up: lines of its log, the newest first, then
//! chunks, then rollups of which the records are gone. What is in the new database already counts for more. How far it
//! has come is noted in the transaction that brings the piece, so a box that is switched off meanwhile goes on there.

mod progress;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use tag::Timestamp;

use super::engine::past_of_chunks;
use super::eras;
use super::mend;
use super::roll;
use super::seal::{ChunkIds, seal};
use super::thin::Thinned;
use crate::entry::{Cause, Point, TIME_END};
use crate::era::era_of;
use crate::error::ReadError;
use crate::format::{Record, chunk, log, rollup};
use crate::levels::Calendar;
pub(super) use progress::Progress;
use progress::Stage;

/// A database that was set aside, open.
pub(super) struct Wreck {
    conn: Connection,
    progress: Progress,
    /// Its tags: what they are called, and their kind; up to which line of the log their records are in chunks.
    tags: BTreeMap<i64, (String, i64, i64)>,
    eras: Vec<eras::Era>,
}

impl Wreck {
    /// Opens it. One of which nothing reads gives nothing.
    pub(super) fn open(folder: &Path, progress: Progress) -> Option<Self> {
        let path: PathBuf = folder.join(&progress.file);
        if let Some(wreck) = Self::open_as_it_is(&path, progress.clone()) {
            return Some(wreck);
        }
        let wants = |conn: Connection| mend::wants_first_page(&conn);
        if !Self::connect(&path).is_ok_and(wants) || !mend::lay_first_page(&path).unwrap_or(false) {
            return None;
        }
        let wreck = Self::open_as_it_is(&path, progress);
        if wreck.is_none() {
            mend::forget_first_page(&path);
        }
        wreck
    }

    fn connect(path: &Path) -> rusqlite::Result<Connection> {
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
    }

    fn open_as_it_is(path: &Path, progress: Progress) -> Option<Self> {
        let conn = Self::connect(path).ok()?;
        let mut wreck = Self { conn, progress, tags: BTreeMap::new(), eras: Vec::new() };
        if wreck.read_tags().is_err() && wreck.tags.is_empty() {
            return None;
        }
        wreck.eras = eras::all(&wreck.conn).unwrap_or_default();
        if wreck.progress.last == i64::MAX {
            let newest = wreck.conn.query_row("SELECT max(seq) FROM log", [], |row| row.get::<_, Option<i64>>(0));
            wreck.progress.last = newest.ok().flatten().unwrap_or(0) + 1;
        }
        Some(wreck)
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    fn read_tags(&mut self) -> rusqlite::Result<()> {
        let mut find = self.conn.prepare("SELECT id, name, kind, sealed FROM tag")?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            self.tags.insert(row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?));
        }
        Ok(())
    }

    /// Gets some rows back; `waiting` gives what of a tag isn't in chunks. Gives the tags that got some.
    pub(super) fn step(
        &mut self,
        tx: &Connection,
        calendar: &Calendar,
        ids: &mut ChunkIds,
        waiting: &dyn Fn(i64) -> Vec<Record>,
    ) -> rusqlite::Result<Vec<i64>> {
        let found = self.read_on(tx);
        let mut tags = Vec::new();
        for (old, records) in found {
            let Some(tag) = self.tag(tx, old)? else {
                self.progress.lost += 1;
                continue;
            };
            let records = self.on_calendar(records);
            let records = new_to(tx, calendar, tag, records, &waiting(tag))?;
            let newest = records.iter().map(|record| record.at.0).filter(|at| *at <= self.progress.at_us).max();
            self.progress.newest_us = self.progress.newest_us.max(newest.unwrap_or(0));
            self.progress.got += records.len() as u64;
            seal(tx, tag, &records, ids)?;
            roll::forget(tx, calendar, tag, &records)?;
            tags.push(tag);
        }
        if self.progress.is_done() && self.progress.newest_us > 0 {
            // Between the last record got back and the new database nobody recorded.
            let gap = Record { at: Timestamp(self.progress.newest_us + 1), point: Point::Gap(Cause::NotRecorded) };
            let gap = new_to(tx, calendar, 0, vec![gap], &waiting(0))?;
            seal(tx, 0, &gap, ids)?;
        }
        self.progress.note(tx)?;
        Ok(tags)
    }

    /// What is read next. Where it doesn't read, more and more is jumped over until it does again or the stage is over:
    /// that costs a look at a page each. A device that doesn't give a page at all may take seconds to say so: then the
    /// next step goes on.
    fn read_on(&mut self, tx: &Connection) -> Vec<(i64, Vec<Record>)> {
        loop {
            let before = self.progress.clone();
            let read = match self.progress.stage {
                Stage::Log => self.lines(),
                Stage::Chunks => self.chunks(),
                Stage::Rollups => self.rollups(tx).map(|()| Vec::new()),
                Stage::Done => Ok(Vec::new()),
            };
            let Err(error) = read else { return read.unwrap_or_default() };
            // Rollups were taken up to where it ended, the rest of what was read is nothing yet.
            if before.stage != Stage::Rollups {
                self.progress = before.clone();
            }
            self.progress.jump();
            let is_slow = error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
            if is_slow || self.progress.stage != before.stage {
                return Vec::new();
            }
        }
    }

    fn lines(&mut self) -> rusqlite::Result<Vec<(i64, Vec<Record>)>> {
        let mut find =
            self.conn.prepare_cached("SELECT seq, body FROM log WHERE seq < ?1 ORDER BY seq DESC LIMIT 1")?;
        let mut rows = find.query([self.progress.last])?;
        let Some(row) = rows.next()? else {
            self.progress.next_stage();
            return Ok(Vec::new());
        };
        let seq = row.get(0)?;
        (self.progress.last, self.progress.jump) = (seq, 0);
        let Ok(line) = log::decode(seq, row.get_ref(1)?.as_blob()?) else {
            self.progress.lost += 1;
            return Ok(Vec::new());
        };
        let sealed = |tag: &i64| self.tags.get(tag).map_or(0, |(_, _, sealed)| *sealed);
        Ok(line.into_iter().filter(|(tag, _)| sealed(tag) < seq).collect())
    }

    fn chunks(&mut self) -> rusqlite::Result<Vec<(i64, Vec<Record>)>> {
        let mut find =
            self.conn.prepare_cached("SELECT id, tag, from_us, body FROM chunk WHERE id > ?1 ORDER BY id LIMIT ?2")?;
        let mut rows = find.query([self.progress.last, self.progress.step()])?;
        let mut found = Vec::new();
        let mut any = false;
        while let Some(row) = rows.next()? {
            let (id, tag, from) = (row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs());
            match chunk::decode(tag, Timestamp(from), row.get_ref(3)?.as_blob()?) {
                Ok(records) => found.push((tag, records)),
                Err(_) => self.progress.lost += 1,
            }
            self.progress.passed(id);
            any = true;
        }
        if !any {
            self.progress.next_stage();
        }
        Ok(found)
    }

    /// Rollups of times whose records were thinned: nothing else knows of them.
    fn rollups(&mut self, tx: &Connection) -> rusqlite::Result<()> {
        let mut find = self.conn.prepare_cached(
            "SELECT id, tag, level, from_us, to_us, body FROM rollup WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let mut rows = find.query([self.progress.last, self.progress.step()])?;
        let mut any = false;
        while let Some(row) = rows.next()? {
            let (id, old, from) = (row.get(0)?, row.get(1)?, row.get::<_, i64>(3)?);
            self.progress.passed(id);
            any = true;
            let thinned = Thinned::read(&self.conn, old).unwrap_or_default();
            let start = Timestamp(from.unsigned_abs());
            if start >= thinned.records_until() {
                continue;
            }
            let (Some(tag), Ok(buckets)) = (self.tag(tx, old)?, rollup::decode(old, start, row.get_ref(5)?.as_blob()?))
            else {
                self.progress.lost += 1;
                continue;
            };
            let (level, to) = (row.get::<_, i64>(2)?, row.get::<_, i64>(4)?);
            let body = rollup::encode(tag, start, &buckets);
            tx.prepare_cached(
                "INSERT OR IGNORE INTO rollup (tag, level, from_us, to_us, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![tag, level, from, to, body])?;
            thinned.note(tx, tag)?;
        }
        if !any {
            self.progress.next_stage();
        }
        Ok(())
    }

    /// The new database's number for one of the wreck's tags, entered if need be.
    fn tag(&self, tx: &Connection, old: i64) -> rusqlite::Result<Option<i64>> {
        let Some((name, kind, _)) = self.tags.get(&old) else { return Ok(None) };
        let mut find = tx.prepare_cached("SELECT id FROM tag WHERE name = ?1")?;
        let known = find.query_row([name], |row| row.get(0)).optional()?;
        match known {
            Some(id) => Ok(Some(id)),
            None => {
                tx.prepare_cached("INSERT INTO tag (name, kind) VALUES (?1, ?2)")?.insert(params![name, kind]).map(Some)
            }
        }
    }

    /// What was kept by a boot's uptime, where it was or may have been.
    fn on_calendar(&self, records: Vec<Record>) -> Vec<Record> {
        let place = |record: Record| match era_of(record.at) {
            None => Some(record),
            Some((id, uptime)) => {
                let era = self.eras.iter().find(|era| era.id == id)?;
                Some(Record { at: eras::calendar(uptime, era.offset), ..record })
            }
        };
        records.into_iter().filter_map(place).filter(|record| record.at < TIME_END).collect()
    }
}

/// Of these records those whose time isn't there yet.
fn new_to(
    tx: &Connection,
    calendar: &Calendar,
    tag: i64,
    records: Vec<Record>,
    waiting: &[Record],
) -> rusqlite::Result<Vec<Record>> {
    let mut records = super::head::in_order(records);
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(records) };
    let (from, to) = (first.at, Timestamp(last.at.0 + 1));
    let mut there: Vec<Timestamp> = waiting.iter().map(|record| record.at).collect();
    let damaged = std::cell::Cell::new(0);
    let looked = past_of_chunks(tx, calendar, tag, &damaged).records(from, to, &mut |record| there.push(record.at));
    if let Err(ReadError::Sqlite { source, .. }) = looked {
        return Err(source);
    }
    there.sort_unstable();
    records.retain(|record| there.binary_search(&record.at).is_err());
    Ok(records)
}
