//! The thread that reads: a connection of its own, so that a question never holds up the recording. Every reading
//! streams; none holds more than its answer.

mod about;
mod last;
mod rolled;
mod rows;
mod snapshot;
mod trend;

use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension};
use shell::Stop;
use tag::{Kind, TagName, Timestamp};

use super::Shared;
use super::engine::ALL;
use super::file;
use super::scan::{Past, failed};
use super::thin::Thinned;
use super::walk::{RECORDS_READ_MAX, last_value};
use crate::decimate::Span;
use crate::entry::{Number, Point};
use crate::error::ReadError;
use crate::format::Record;
use crate::levels::Calendar;
use crate::text::{TEXT_KINDS, kind_code};
pub use rolled::ROWS_MAX;
pub use rows::{PAGE_CELLS_MAX, Page, Row};

/// Reads what was kept. Handed to the work given to [`super::Store::read`].
pub struct Reader {
    path: PathBuf,
    calendar: Calendar,
    shared: Arc<Shared>,
    conn: Option<(u64, Connection)>,
    cancel: Stop,
    /// Records that one question for rows may read.
    pub(crate) records_max: usize,
    /// Another process may be writing: what isn't in chunks is read from the file each time.
    is_beside: bool,
}

/// What the database knows of a tag.
#[derive(Debug, Clone, Copy)]
struct Known {
    id: i64,
    /// See [`kind_code`].
    kind: i64,
}

impl Reader {
    pub(super) fn new(path: PathBuf, calendar: Calendar, shared: Arc<Shared>) -> Self {
        Self {
            path,
            calendar,
            shared,
            conn: None,
            cancel: Stop::new(),
            records_max: RECORDS_READ_MAX,
            is_beside: false,
        }
    }

    /// Reads the store in this folder beside whoever writes it: everything durable.
    pub fn beside(folder: &Path) -> Self {
        let path = folder.join(super::FILE_NAME);
        let reader = Self::new(path, Calendar::new(TimeZone::system()), Arc::default());
        Self { is_beside: true, ..reader }
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

    /// Every record of a tag in a span in order of time, gaps of all tags too, until told to stop. False if there is no
    /// such tag. Streams: holds one chunk, and what is in none yet.
    pub fn records(
        &mut self,
        tag: &TagName,
        span: Span,
        visit: &mut dyn FnMut(Timestamp, Point) -> ControlFlow<()>,
    ) -> Result<bool, ReadError> {
        let Some(known) = self.known(tag)? else { return Ok(false) };
        let stopped = Cell::new(false);
        let mut visit = |record: &Record| {
            if !stopped.get() {
                stopped.set(visit(record.at, record.point.clone()).is_break());
            }
        };
        let done = self.over_until(known.id, span, Some(&stopped), |own, all| {
            let mut gaps = Vec::new();
            all.records(span.from, span.to, &mut |record| gaps.push(record))?;
            let mut gaps = gaps.into_iter().peekable();
            own.records(span.from, span.to, &mut |record| {
                while let Some(gap) = gaps.next_if(|gap| gap.at < record.at) {
                    visit(&gap);
                }
                visit(&record);
            })?;
            gaps.for_each(|gap| visit(&gap));
            Ok(())
        });
        match done {
            Err(ReadError::Cancelled) if stopped.get() => Ok(true),
            done => done.map(|()| true),
        }
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
        let mut left = limit;
        self.over(known.id, span, |own, _| {
            own.backwards(span.to, &mut |record| {
                if record.at < span.from || left == 0 {
                    return ControlFlow::Break(());
                }
                if let Some(number) = number(&record) {
                    visit(record.at, known.as_its_kind(number));
                    left -= 1;
                }
                ControlFlow::Continue(())
            })
        })?;
        Ok(true)
    }

    /// A tag's last value before a time, gaps left out; of a thinned past as well as what is left tells.
    pub fn last_before(&mut self, tag: &TagName, at: Timestamp) -> Result<Option<(Timestamp, Number)>, ReadError> {
        let Some(known) = self.known(tag)? else { return Ok(None) };
        let last = self.over(known.id, until(at), |own, _| last_value(own, at))?;
        Ok(last.map(|(at, number)| (at, known.as_its_kind(number))))
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
        let known = find.query_row([tag.as_str()], |row| Ok(Known { id: row.get(0)?, kind: row.get(1)? }));
        known.optional().map_err(reading)
    }

    /// A tag of numbers; `None` if there is no such tag.
    fn known_number(&mut self, tag: &TagName) -> Result<Option<Known>, ReadError> {
        match self.known(tag)? {
            Some(known) if known.is_text() => Err(ReadError::NoNumbers(tag.clone())),
            known => Ok(known),
        }
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

    /// Runs a piece of reading over one tag's past and that of all tags, in one state of the database. `span` is what was
    /// asked for.
    fn over<T>(
        &mut self,
        tag: i64,
        span: Span,
        work: impl FnOnce(&Past<'_>, &Past<'_>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        self.over_until(tag, span, None, work)
    }

    /// The same, until somebody says that it is enough.
    fn over_until<T>(
        &mut self,
        tag: i64,
        span: Span,
        enough: Option<&Cell<bool>>,
        work: impl FnOnce(&Past<'_>, &Past<'_>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        self.connect()?;
        let reading = failed("beginning to read");
        let conn = self.conn();
        let (own, all) = self.snapshot(tag, span)?;
        let damaged = Cell::new(0);
        let look = || if enough.is_some_and(Cell::get) { Err(ReadError::Cancelled) } else { self.look() };
        let thinned = Thinned::read(conn, tag).map_err(reading)?;
        let past = |tag, fresh, shown, thinned| {
            let calendar = &self.calendar;
            Past { conn, calendar, tag, fresh, shown, thinned, look: &look, damaged: &damaged }
        };
        let own = past(tag, &own.fresh, own.shown.as_ref(), thinned);
        let all = past(ALL, &all.fresh, all.shown.as_ref(), Thinned::default());
        let done = work(&own, &all);
        let ended = conn.execute_batch("COMMIT").map_err(reading);
        self.shared.damaged.fetch_add(damaged.get(), Ordering::Relaxed);
        let done = done?;
        ended.map(|()| done)
    }
}

impl Known {
    /// The number as the tag's present type; it may have been another when it was kept.
    fn as_its_kind(self, kept: Number) -> Number {
        if self.kind == i64::from(kind_code(Kind::Int)) {
            Number::Int(kept.as_i64())
        } else {
            Number::Float(kept.as_f64())
        }
    }

    /// Is it a tag of no numbers?
    fn is_text(self) -> bool {
        self.kind >= TEXT_KINDS
    }
}

pub(super) fn number(record: &Record) -> Option<Number> {
    record.point.number()
}

/// What is asked by who wants to know what was last before a time.
fn until(at: Timestamp) -> Span {
    Span { from: Timestamp(at.0.saturating_sub(1)), to: at }
}
