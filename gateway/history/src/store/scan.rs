//! A tag's past in order of time: its chunks with what isn't in one yet laid over them; or, where that is enough,
//! buckets instead of records.

mod shown;

use std::cell::Cell;
use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row, params};
use tag::Timestamp;

use super::head::overlay;
use super::thin::Thinned;
use crate::bucket::Bucket;
use crate::entry::{Cause, Point, TIME_END};
use crate::error::ReadError;
use crate::format::{Record, chunk, rollup};
use crate::levels::{Calendar, Level};
pub(super) use shown::Shown;

/// A piece of the past.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    /// One record.
    Record(Record),
    /// A bucket in place of its records.
    Bucket(Bucket),
}

/// One tag's past.
pub(crate) struct Past<'a> {
    pub(super) conn: &'a Connection,
    pub(super) calendar: &'a Calendar,
    pub(super) tag: i64,
    /// What is in no chunk yet, in order of time.
    pub(super) fresh: &'a [Record],
    /// What is laid over a span of it.
    pub(super) shown: Option<&'a Shown>,
    /// What of it was thinned.
    pub(super) thinned: Thinned,
    /// Asked between pieces whether to go on.
    pub(super) look: &'a dyn Fn() -> Result<(), ReadError>,
    /// Chunks and blocks that didn't read.
    pub(super) damaged: &'a Cell<u64>,
}

type Visit<'v> = &'v mut dyn FnMut(Piece);

const BLOCKS: &str = "SELECT from_us, to_us, body FROM rollup
    WHERE tag = ?1 AND level = ?2 AND from_us >= ?3 AND from_us < ?4 ORDER BY from_us";

impl Past<'_> {
    /// Every record from inclusive, to exclusive, in order of time.
    pub(super) fn records(
        &self,
        from: Timestamp,
        to: Timestamp,
        visit: &mut dyn FnMut(Record),
    ) -> Result<(), ReadError> {
        let to = to.min(TIME_END);
        if from >= to {
            return Ok(());
        }
        if let Some(shown) = self.shown_in(from, to) {
            self.records(from, to.min(shown.span.from), visit)?;
            shown.within(from, to).iter().for_each(|record| visit(record.clone()));
            return self.records(from.max(shown.span.to), to, visit);
        }
        let mut fresh = &self.fresh[self.after(from)..self.after(to)];
        let reading = failed("reading a tag's records");
        let before = self.chunk_before(from).map_err(reading)?;
        let mut within = self
            .conn
            .prepare_cached(
                "SELECT from_us, to_us, body FROM chunk WHERE tag = ?1 AND from_us > ?2 AND from_us < ?3
                 ORDER BY from_us",
            )
            .map_err(reading)?;
        let mut within = within.query(params![self.tag, us(from), us(to)]).map_err(reading)?;
        let mut next = before.filter(|(_, last, _)| *last >= from);
        loop {
            let found = match next.take() {
                Some(found) => Some(found),
                None => within.next().map_err(reading)?.map(found).transpose().map_err(reading)?,
            };
            let Some((first, last, body)) = found else { break };
            (self.look)()?;
            let split = fresh.partition_point(|record| record.at < first);
            fresh[..split].iter().for_each(|record| visit(record.clone()));
            fresh = &fresh[split..];
            let split = fresh.partition_point(|record| record.at <= last);
            let mut records = self.decode(first, &body);
            if split > 0 {
                records = overlay(records, &fresh[..split]);
            }
            fresh = &fresh[split..];
            records.into_iter().filter(|record| from <= record.at && record.at < to).for_each(&mut *visit);
        }
        fresh.iter().for_each(|record| visit(record.clone()));
        Ok(())
    }

    /// [`Past::backwards`] where nothing is laid over it.
    fn calendar_backwards(
        &self,
        before: Timestamp,
        visit: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let before = before.min(TIME_END);
        let mut fresh = &self.fresh[..self.after(before)];
        let mut until = before;
        while until.0 > 0 {
            (self.look)()?;
            let found = self.chunk_before(Timestamp(until.0 - 1)).map_err(failed("reading a tag's records"))?;
            let Some((first, _, body)) = found else { break };
            let split = fresh.partition_point(|record| record.at < first);
            let records = overlay(self.decode(first, &body), &fresh[split..]);
            fresh = &fresh[..split];
            for record in records.into_iter().rev().filter(|record| record.at < before) {
                if visit(record).is_break() {
                    return Ok(());
                }
            }
            until = first;
        }
        for record in fresh.iter().rev() {
            if visit(record.clone()).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The past from inclusive, to exclusive, in buckets no longer than `level`'s where there are some; the ends, and
    /// what is newer or too sparse for buckets, in shorter ones and records. `None`: records.
    pub(super) fn pieces(
        &self,
        level: Option<Level>,
        from: Timestamp,
        to: Timestamp,
        visit: Visit<'_>,
    ) -> Result<(), ReadError> {
        let to = to.min(TIME_END);
        if from >= to {
            return Ok(());
        }
        if let Some(shown) = self.shown_in(from, to) {
            self.pieces(level, from, to.min(shown.span.from), visit)?;
            shown.within(from, to).iter().for_each(|record| visit(Piece::Record(record.clone())));
            return self.pieces(level, from.max(shown.span.to), to, visit);
        }
        if let Some((floor, until)) = self.thinned.floor(from).filter(|(floor, _)| level < Some(*floor)) {
            // Nothing shorter is left there.
            let until = until.min(to);
            self.left(&floor.left_order(), from, until, visit)?;
            return self.pieces(level, until, to, visit);
        }
        let Some(level) = level else {
            return self.records(from, to, &mut |record| visit(Piece::Record(record)));
        };
        let (first, last) = (self.calendar.round_up(level, from), self.calendar.round_down(level, to));
        if first >= last {
            return self.pieces(level.below(), from, to, visit);
        }
        self.pieces(level.below(), from, first, visit)?;
        self.blocks(level, first, last, visit)?;
        self.pieces(level.below(), last, to, visit)
    }

    /// Are there more records than so many? Counts whole chunks, so near the bound it says yes too early.
    pub(super) fn has_more_than(&self, most: usize, from: Timestamp, to: Timestamp) -> Result<bool, ReadError> {
        let reading = failed("counting a tag's records");
        let fresh = self.after(to) - self.after(from);
        let mut counts = self
            .conn
            .prepare_cached(
                "SELECT count FROM chunk WHERE tag = ?1 AND from_us >= ?2 AND from_us < ?3 ORDER BY from_us",
            )
            .map_err(reading)?;
        let mut counts = counts.query(params![self.tag, us(from), us(to)]).map_err(reading)?;
        let mut sum = fresh + self.shown_count(from, to);
        while let Some(row) = counts.next().map_err(reading)?.filter(|_| sum <= most) {
            sum += usize::try_from(row.get::<_, i64>(0).map_err(reading)?).unwrap_or(0);
        }
        Ok(sum > most)
    }

    /// What is left of a time whose detail was thinned: the shortest buckets there are, whole ones, and records that
    /// nothing stands for.
    fn left(&self, levels: &[Level], from: Timestamp, to: Timestamp, visit: Visit<'_>) -> Result<(), ReadError> {
        if from >= to {
            return Ok(());
        }
        let Some((level, others)) = levels.split_first() else {
            return self.records(from, to, &mut |record| visit(Piece::Record(record)));
        };
        let level = *level;
        let mut done = from;
        let rest = |from: Timestamp, to: Timestamp, visit: Visit<'_>| self.left(others, from, to, visit);
        // Days of another zone begin up to a day earlier.
        let window = Timestamp(self.calendar.window(level, from).0.0.saturating_sub(Level::Day.longest_us()));
        let reading = failed("reading a tag's rollups");
        let mut find = self.conn.prepare_cached(BLOCKS).map_err(reading)?;
        let mut rows = find.query(params![self.tag, level.code(), us(window), us(to)]).map_err(reading)?;
        while let Some(row) = rows.next().map_err(reading)? {
            (self.look)()?;
            let (start, end, body) = found(row).map_err(reading)?;
            let Ok(buckets) = rollup::decode(self.tag, start, &body) else {
                self.damaged.set(self.damaged.get() + 1);
                continue;
            };
            rest(done, start.max(done), visit)?;
            let inside = buckets.iter().filter(|bucket| bucket.end > done && bucket.start < to);
            inside.for_each(|bucket| visit(Piece::Bucket(*bucket)));
            done = end.min(to).max(done);
        }
        rest(done, to, visit)
    }

    fn blocks(&self, level: Level, from: Timestamp, to: Timestamp, visit: Visit<'_>) -> Result<(), ReadError> {
        let reading = failed("reading a tag's rollups");
        let mut find = self.conn.prepare_cached(BLOCKS).map_err(reading)?;
        let window = self.calendar.window(level, from).0;
        let mut rows = find.query(params![self.tag, level.code(), us(window), us(to)]).map_err(reading)?;
        let mut done = from;
        while let Some(row) = rows.next().map_err(reading)? {
            (self.look)()?;
            let (start, end, body) = found(row).map_err(reading)?;
            let (first, last) = (start.max(done), end.min(to));
            if self.after(first) != self.after(last) || first >= last {
                // A record that came late isn't in the block.
                continue;
            }
            let Ok(buckets) = rollup::decode(self.tag, start, &body) else {
                self.damaged.set(self.damaged.get() + 1);
                continue;
            };
            if !buckets.iter().all(|bucket| self.calendar.has(level, (bucket.start, bucket.end))) {
                // Days of a zone the site was in before.
                continue;
            }
            self.pieces(level.below(), done, first, visit)?;
            let inside = buckets.iter().filter(|bucket| first <= bucket.start && bucket.end <= last);
            inside.for_each(|bucket| visit(Piece::Bucket(*bucket)));
            done = last;
        }
        self.pieces(level.below(), done, to, visit)
    }

    /// A chunk's records; a damaged one is a gap.
    fn decode(&self, first: Timestamp, body: &[u8]) -> Vec<Record> {
        chunk::decode(self.tag, first, body).unwrap_or_else(|error| {
            self.damaged.set(self.damaged.get() + 1);
            log::warn!("a chunk of tag {} from {first} on is damaged: {error}", self.tag);
            vec![Record { at: first, point: Point::Gap(Cause::NotRecorded) }]
        })
    }

    fn chunk_before(&self, before: Timestamp) -> rusqlite::Result<Option<Found>> {
        let mut find = self.conn.prepare_cached(
            "SELECT from_us, to_us, body FROM chunk WHERE tag = ?1 AND from_us <= ?2 ORDER BY from_us DESC LIMIT 1",
        )?;
        find.query_row(params![self.tag, us(before)], found).optional()
    }

    /// How many fresh records lie before a time.
    fn after(&self, at: Timestamp) -> usize {
        self.fresh.partition_point(|record| record.at < at)
    }
}

type Found = (Timestamp, Timestamp, Vec<u8>);

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    let time = |i| row.get::<_, i64>(i).map(|at| Timestamp(at.unsigned_abs()));
    Ok((time(0)?, time(1)?, row.get(2)?))
}

/// A time as the database has it.
pub(super) fn us(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// Names the operation a reading's error came from.
pub(super) fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> ReadError + Copy {
    move |source| ReadError::Sqlite { doing, source }
}
