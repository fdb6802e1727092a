//! Records out of a store: as CSV, or as a plain table.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use tag::{TagName, Timestamp};

use super::Progress;
use crate::decimate::Span;
use crate::entry::{Cause, Number, Point};
use crate::error::{ReadError, StoreError};
use crate::store::Reader;
use crate::store::file::sqlite;

/// What an export is written as.
pub enum Form<'a> {
    /// Lines of `time,tag,value,why`: an RFC 3339 time in UTC, a number that reads back exactly, or nothing and why.
    Csv(&'a mut dyn Write),
    /// A new SQLite file with one table `record (time_us, tag, value, why)`.
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
            out.write_all(b"time,tag,value,why\n").map_err(writing)?;
            let mut line = |at, tag: &TagName, point| csv_line(out, at, tag, point).map_err(writing);
            let count = walk(&mut reader, tags, span, &mut line, progress)?;
            out.flush().map_err(writing)?;
            Ok(count)
        }
        Form::Table(path) => {
            let doing = || sqlite("exporting to", &path);
            let mut conn = Connection::open(&path).map_err(doing())?;
            conn.execute_batch("CREATE TABLE record (time_us INTEGER NOT NULL, tag TEXT NOT NULL, value, why TEXT)")
                .map_err(doing())?;
            let tx = conn.transaction().map_err(doing())?;
            let mut row = |at: Timestamp, tag: &TagName, point| {
                let (int, float, why) = match point {
                    Point::Value(Number::Int(n)) => (Some(n), None, None),
                    Point::Value(Number::Float(x)) => (None, Some(x), None),
                    Point::Gap(cause) => (None, None, Some(words(cause))),
                };
                let mut put =
                    tx.prepare_cached("INSERT INTO record VALUES (?1, ?2, coalesce(?3, ?4), ?5)").map_err(doing())?;
                put.execute(params![at.0 as i64, tag.as_str(), int, float, why]).map_err(doing()).map(|_| ())
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
    let time = jiff::Timestamp::from_microsecond(at.0 as i64).unwrap_or(jiff::Timestamp::MAX);
    let name = quoted(tag.as_str());
    match point {
        Point::Value(Number::Int(n)) => writeln!(out, "{time},{name},{n},"),
        Point::Value(Number::Float(x)) => writeln!(out, "{time},{name},{x:?},"),
        Point::Gap(cause) => writeln!(out, "{time},{name},,{}", quoted(&words(cause))),
    }
}

fn words(cause: Cause) -> String {
    match cause {
        Cause::NotRecorded => "not recorded".into(),
        Cause::Fault(fault) => fault.to_string(),
    }
}

/// A field that holds a comma or a quote is in quotes.
fn quoted(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}
