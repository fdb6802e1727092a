//! Records out of a store: as CSV, or as a plain table.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, params};
use tag::{TagName, Timestamp, Value};

use super::Progress;
use crate::decimate::Span;
use crate::entry::{Number, Point};
use crate::error::{ReadError, StoreError};
use crate::store::Reader;
use crate::store::file::sqlite;
use crate::table::spell::{field_of, words};
use crate::table::text::{iso, quality, quoted};
use crate::table::{TableForm, TableOf, Wanted, fill};

/// What an export is written as.
pub enum Form<'a> {
    /// Lines of `time,tag,value,quality`: an RFC 3339 time in UTC, a value that reads back exactly (a text as a JSON
    /// string, a list or a mapping as JSON), `good`; or nothing and why.
    Csv(&'a mut dyn Write),
    /// A new SQLite file with one table `record (time_us, tag, value, why, type)`; `type` is int, float, str, bytes, or
    /// json for a list or a mapping.
    Table(PathBuf),
}

/// Writes the records of these tags in a span; gives how many. Works beside the daemon, holds a chunk at a time.
pub fn export(
    folder: &Path,
    tags: &[TagName],
    span: Span,
    form: Form<'_>,
    progress: Progress<'_>,
) -> Result<u64, StoreError> {
    let mut reader = Reader::beside(folder);
    match form {
        Form::Csv(out) => {
            let writing = |source| StoreError::Export { source };
            out.write_all(b"time,tag,value,quality\n").map_err(writing)?;
            let mut line = |at, tag: &TagName, point| csv_line(out, at, tag, point).map_err(writing);
            let count = walk(&mut reader, tags, span, &mut line, progress)?;
            out.flush().map_err(writing)?;
            Ok(count)
        }
        Form::Table(path) => {
            let doing = || sqlite("exporting to", &path);
            let mut conn = Connection::open(&path).map_err(doing())?;
            conn.execute_batch(
                "CREATE TABLE record (time_us INTEGER NOT NULL, tag TEXT NOT NULL, value, why TEXT, type TEXT)",
            )
            .map_err(doing())?;
            let tx = conn.transaction().map_err(doing())?;
            let mut row = |at: Timestamp, tag: &TagName, point| {
                let (value, kind, why) = match &point {
                    Point::Value(Number::Int(n)) => (ValueRef::Integer(*n), Some("int"), None),
                    Point::Value(Number::Float(x)) => (ValueRef::Real(*x), Some("float"), None),
                    Point::Text(text) => match text.value() {
                        Value::Bytes(bytes) => (ValueRef::Blob(bytes), Some("bytes"), None),
                        Value::Json(json) => (ValueRef::Text(json.as_bytes()), Some("json"), None),
                        _ => (ValueRef::Text(text.bytes()), Some("str"), None),
                    },
                    Point::Gap(cause) => (ValueRef::Null, None, Some(words(*cause))),
                };
                let mut put = tx.prepare_cached("INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5)").map_err(doing())?;
                let value = ToSqlOutput::Borrowed(value);
                put.execute(params![at.0 as i64, tag.as_str(), value, why, kind]).map_err(doing()).map(|_| ())
            };
            let count = walk(&mut reader, tags, span, &mut row, progress)?;
            tx.commit().map_err(doing())?;
            Ok(count)
        }
    }
}

type Each<'a> = &'a mut dyn FnMut(Timestamp, &TagName, Point) -> Result<(), StoreError>;

fn walk(
    reader: &mut Reader,
    tags: &[TagName],
    span: Span,
    each: Each<'_>,
    progress: Progress<'_>,
) -> Result<u64, StoreError> {
    let mut count = 0;
    for (done, tag) in tags.iter().enumerate() {
        progress(done as u64, tags.len() as u64);
        let mut failed = None;
        let known = reader
            .records(tag, span, &mut |at, point| {
                count += 1;
                failed = each(at, tag, point).err();
                if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .map_err(reading)?;
        if let Some(error) = failed {
            return Err(error);
        }
        if !known {
            return Err(StoreError::NoTag { tag: tag.clone() });
        }
    }
    progress(tags.len() as u64, tags.len() as u64);
    Ok(count)
}

fn reading(source: ReadError) -> StoreError {
    StoreError::Reading { source }
}

fn csv_line(out: &mut dyn Write, at: Timestamp, tag: &TagName, point: Point) -> io::Result<()> {
    let (time, name, quality) = (iso(at), quoted(tag.as_str()), quality(&point));
    match &point {
        Point::Value(Number::Int(n)) => writeln!(out, "{time},{name},{n},{quality}"),
        Point::Value(Number::Float(x)) => writeln!(out, "{time},{name},{x:?},{quality}"),
        Point::Text(text) => writeln!(out, "{time},{name},{},{quality}", quoted(&field_of(text))),
        Point::Gap(_) => writeln!(out, "{time},{name},,{}", quoted(&quality)),
    }
}

/// Writes a table other than that of records, page by page; gives how many rows. `now` ends what still holds; `rollover`
/// tells the modulus of a counter. Works beside the daemon.
pub fn table(
    folder: &Path,
    sheet: &Sheet<'_>,
    now: Timestamp,
    out: &mut dyn Write,
    progress: Progress<'_>,
) -> Result<u64, StoreError> {
    let Sheet { of, form, tags, span, rollover } = *sheet;
    let span =
        if of == TableOf::At { Span { from: span.from, to: Timestamp(span.from.0.saturating_add(1)) } } else { span };
    let (mut reader, mut rows) = (Reader::beside(folder), 0);
    let mut wanted = Wanted { of, tags: tags.to_vec(), span, form, next: None };
    loop {
        let page = fill::page_of(&mut reader, &wanted, now, &|_| rollover).map_err(reading)?;
        out.write_all(page.text.as_bytes()).map_err(|source| StoreError::Export { source })?;
        rows += page.rows as u64;
        let Some(next) = page.next else { break };
        progress(next.at.micros_since(span.from), span.to.micros_since(span.from));
        wanted.next = Some(next);
    }
    out.flush().map_err(|source| StoreError::Export { source })?;
    Ok(rows)
}

/// Which table to write.
pub struct Sheet<'a> {
    /// What it holds.
    pub of: TableOf,
    /// CSV or JSON.
    pub form: TableForm,
    /// Which tags.
    pub tags: &'a [TagName],
    /// From when to when; of [`TableOf::At`] only the beginning.
    pub span: Span,
    /// Where the counters among them go on from 0.
    pub rollover: Option<f64>,
}
