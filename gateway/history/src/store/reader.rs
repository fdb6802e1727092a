//! The thread that reads: a connection of its own, so that a question never holds up the recording. Every reading
//! streams; none holds more than its answer.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Rows, params};
use shell::Stop;
use tag::{TagName, Timestamp};

use super::file::{self, ALL, with_suffix};
use super::{Shared, Status};
use crate::decimate::{Series, Span, Thinner};
use crate::entry::Number;
use crate::error::ReadError;

/// Rows between two looks at whether anybody still waits: under a millisecond.
const ROWS_PER_LOOK: usize = 512;

/// Reads what was kept. Handed to the work given to [`super::Store::read`].
pub struct Reader {
    path: PathBuf,
    shared: Arc<Shared>,
    conn: Option<(u64, Connection)>,
    cancel: Stop,
}

/// What the database knows of a tag.
#[derive(Debug, Clone, Copy)]
struct Known {
    id: i64,
    is_int: bool,
}

impl Reader {
    pub(super) fn new(path: PathBuf, shared: Arc<Shared>) -> Self {
        Self { path, shared, conn: None, cancel: Stop::new() }
    }

    pub(super) fn work<T>(
        &mut self,
        cancel: Stop,
        work: impl FnOnce(&mut Self) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        self.cancel = cancel;
        self.look()?;
        let done = work(self);
        if matches!(done, Err(ReadError::Sqlite { .. })) {
            // It may be another file by now.
            self.conn = None;
        }
        done
    }

    /// A tag's trend in at most so many columns (see [`crate::Series`]), beginning with the record that held when
    /// the span began.
    pub fn trend(&mut self, tag: &TagName, span: Span, columns: usize) -> Result<Series, ReadError> {
        let Some(known) = self.known(tag)? else { return Ok(Series::Unknown) };
        let mut thinner = Thinner::new(span, columns);
        let reading = failed("reading a trend");
        let conn = self.conn();
        let mut own = conn.prepare_cached(RECORDS).map_err(reading)?;
        let mut all = conn.prepare_cached(RECORDS).map_err(reading)?;
        let (from, to) = (micros(span.from), micros(span.to));
        let own_lead = lead(conn, known.id, from).map_err(reading)?;
        let all_lead = lead(conn, ALL, from).map_err(reading)?;
        for (at, value) in
            [own_lead, all_lead.filter(|all| own_lead.is_some_and(|own| own.0 <= all.0))].iter().flatten()
        {
            thinner.push(*at, *value);
        }
        let mut own = Stream::over(&mut own, known.id, from, to).map_err(reading)?;
        let mut all = Stream::over(&mut all, ALL, from, to).map_err(reading)?;
        for row in 1_usize.. {
            // At the same time the gap of all comes after the tag's own record.
            let next = match (own.head, all.head) {
                (Some(one), Some(gap)) if one.0 <= gap.0 => own.advance(),
                (Some(_), None) => own.advance(),
                (_, Some(_)) => all.advance(),
                (None, None) => break,
            };
            if let Some((at, value)) = next.map_err(reading)? {
                thinner.push(at, value);
            }
            if row % ROWS_PER_LOOK == 0 {
                self.look()?;
            }
        }
        Ok(thinner.finish())
    }

    /// A tag's values in a span, newest first, at most `limit` of them; gaps left out. False if there is no such tag.
    pub fn newest(
        &mut self,
        tag: &TagName,
        span: Span,
        limit: usize,
        visit: &mut dyn FnMut(Timestamp, Number),
    ) -> Result<bool, ReadError> {
        let Some(known) = self.known(tag)? else { return Ok(false) };
        let reading = failed("reading a tag's values");
        let conn = self.conn();
        let mut statement = conn
            .prepare_cached(
                "SELECT at_us, value FROM sample WHERE tag = ?1 AND at_us >= ?2 AND at_us < ?3 AND value IS NOT NULL
                 ORDER BY at_us DESC LIMIT ?4",
            )
            .map_err(reading)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows =
            statement.query(params![known.id, micros(span.from), micros(span.to), limit]).map_err(reading)?;
        for count in 1_usize.. {
            let Some(row) = rows.next().map_err(reading)? else { break };
            if let Some(number) = number(row, known).map_err(reading)? {
                visit(time(row).map_err(reading)?, number);
            }
            if count % ROWS_PER_LOOK == 0 {
                self.look()?;
            }
        }
        Ok(true)
    }

    /// A tag's last value before a time, gaps left out.
    pub fn last_before(&mut self, tag: &TagName, at: Timestamp) -> Result<Option<(Timestamp, Number)>, ReadError> {
        let Some(known) = self.known(tag)? else { return Ok(None) };
        let reading = failed("reading a tag's last value");
        let conn = self.conn();
        let mut statement = conn
            .prepare_cached(
                "SELECT at_us, value FROM sample WHERE tag = ?1 AND at_us < ?2 AND value IS NOT NULL
                 ORDER BY at_us DESC LIMIT 1",
            )
            .map_err(reading)?;
        let last = statement.query_row(params![known.id, micros(at)], |row| Ok((time(row)?, number(row, known)?)));
        let last = last.optional().map_err(reading)?;
        Ok(last.and_then(|(at, number)| Some((at, number?))))
    }

    /// What there is.
    pub fn status(&mut self) -> Result<Status, ReadError> {
        let bytes = |path| fs::metadata(path).map_or(0, |meta| meta.len());
        let bytes = bytes(self.path.clone()) + bytes(with_suffix(&self.path, "-wal"));
        let (written, failing) = (self.shared.written.load(Ordering::Relaxed), self.shared.failing());
        let reading = failed("reading what there is");
        self.connect()?;
        let (tags, oldest, newest) = self
            .conn()
            .query_row(
                "SELECT count(*),
                        min((SELECT at_us FROM sample WHERE tag = t.id ORDER BY at_us LIMIT 1)),
                        max((SELECT at_us FROM sample WHERE tag = t.id ORDER BY at_us DESC LIMIT 1))
                 FROM tag AS t",
                [],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, Option<i64>>(2)?)),
            )
            .map_err(reading)?;
        let stamp = |at: i64| Timestamp(at.unsigned_abs());
        let tags = tags.unsigned_abs();
        Ok(Status { tags, bytes, oldest: oldest.map(stamp), newest: newest.map(stamp), written, failing })
    }

    fn look(&self) -> Result<(), ReadError> {
        if self.cancel.is_cancelled() {
            return Err(ReadError::Cancelled);
        }
        if self.shared.is_closing() { Err(ReadError::Closed) } else { Ok(()) }
    }

    fn known(&mut self, tag: &TagName) -> Result<Option<Known>, ReadError> {
        let reading = failed("looking a tag up");
        self.connect()?;
        let mut find = self.conn().prepare_cached("SELECT id, kind FROM tag WHERE name = ?1").map_err(reading)?;
        let known =
            find.query_row([tag.as_str()], |row| Ok(Known { id: row.get(0)?, is_int: row.get::<_, i64>(1)? == 1 }));
        known.optional().map_err(reading)
    }

    /// Makes the connection, anew when the database has been replaced.
    fn connect(&mut self) -> Result<(), ReadError> {
        let generation = self.shared.generation.load(Ordering::Acquire);
        if self.conn.as_ref().is_none_or(|(opened, _)| *opened != generation) {
            self.conn = None;
            let conn = file::open_to_read(&self.path).map_err(failed("opening the history to read"))?;
            self.conn = Some((generation, conn));
        }
        Ok(())
    }

    fn conn(&self) -> &Connection {
        &self.conn.as_ref().expect("every reading connects first").1
    }
}

const RECORDS: &str = "SELECT at_us, value FROM sample WHERE tag = ?1 AND at_us >= ?2 AND at_us < ?3 ORDER BY at_us";

type Record = (Timestamp, Option<f64>);

/// A tag's records in order of time, the next one in sight.
struct Stream<'a> {
    rows: Rows<'a>,
    head: Option<Record>,
}

impl<'a> Stream<'a> {
    fn over(statement: &'a mut CachedStatement<'_>, id: i64, from: i64, to: i64) -> rusqlite::Result<Self> {
        let mut stream = Self { rows: statement.query(params![id, from, to])?, head: None };
        stream.advance()?;
        Ok(stream)
    }

    /// Gives the record in sight and looks at the one after it.
    fn advance(&mut self) -> rusqlite::Result<Option<Record>> {
        let next = self.rows.next()?.map(record).transpose()?;
        Ok(std::mem::replace(&mut self.head, next))
    }
}

/// The last record before a time.
fn lead(conn: &Connection, id: i64, before: i64) -> rusqlite::Result<Option<Record>> {
    let mut find = conn
        .prepare_cached("SELECT at_us, value FROM sample WHERE tag = ?1 AND at_us < ?2 ORDER BY at_us DESC LIMIT 1")?;
    find.query_row(params![id, before], record).optional()
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let value = match row.get_ref(1)? {
        ValueRef::Integer(n) => Some(n as f64),
        ValueRef::Real(x) => Some(x),
        _ => None,
    };
    Ok((time(row)?, value))
}

fn time(row: &Row<'_>) -> rusqlite::Result<Timestamp> {
    Ok(Timestamp(row.get::<_, i64>(0)?.unsigned_abs()))
}

/// The number as the tag's present type: whole floats are kept as integers, and the type may have changed.
fn number(row: &Row<'_>, known: Known) -> rusqlite::Result<Option<Number>> {
    let kept = match row.get_ref(1)? {
        ValueRef::Integer(n) => Number::Int(n),
        ValueRef::Real(x) => Number::Float(x),
        _ => return Ok(None),
    };
    Ok(Some(if known.is_int { Number::Int(kept.as_i64()) } else { Number::Float(kept.as_f64()) }))
}

fn micros(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> ReadError + Copy {
    move |source| ReadError::Sqlite { doing, source }
}
