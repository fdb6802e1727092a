//! The database of the first release, a row per record: its rows are moved into chunks when it is opened.
//!
//! A step is a transaction, so a box that is switched off meanwhile goes on where it was.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use tag::Timestamp;

use super::seal::{ChunkIds, seal};
use crate::entry::{Cause, Number, Point};
use crate::format::Record;

/// Rows moved in one transaction: under a second of work on a small box.
const STEP: i64 = 16_384;

/// Brings a database of rows up to this schema; does nothing with any other.
pub(super) fn move_rows(conn: &mut Connection, schema: i64, tables: &str) -> rusqlite::Result<()> {
    if !has_rows(conn)? {
        return Ok(());
    }
    let tx = conn.transaction()?;
    if tx.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? < schema {
        tx.execute_batch(
            "ALTER TABLE tag ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
             ALTER TABLE tag ADD COLUMN rolled INTEGER NOT NULL DEFAULT 0;",
        )?;
        tx.execute_batch(tables)?;
        tx.pragma_update(None, "user_version", schema)?;
    }
    tx.commit()?;
    let count: i64 = conn.query_row("SELECT count(*) FROM sample", [], |row| row.get(0))?;
    log::info!("moving {count} records of an older release into chunks");
    while step(conn)? {}
    conn.execute_batch("DROP TABLE sample")?;
    log::info!("moved {count} records");
    Ok(())
}

fn has_rows(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'sample'", [], |row| Ok(row.get::<_, i64>(0)? > 0))
}

/// Moves one tag's next rows; false when there are no more.
fn step(conn: &mut Connection) -> rusqlite::Result<bool> {
    let tx = conn.transaction()?;
    let mut records = Vec::new();
    let mut tag = None;
    {
        let mut find = tx.prepare_cached(
            "SELECT s.tag, at_us, value, fault, kind FROM sample AS s LEFT JOIN tag ON id = s.tag
             WHERE s.tag = (SELECT min(tag) FROM sample) ORDER BY at_us LIMIT ?1",
        )?;
        let mut rows = find.query([STEP])?;
        while let Some(row) = rows.next()? {
            tag = Some(row.get(0)?);
            records.push(record(row)?);
        }
    }
    let (Some(tag), Some(last)) = (tag, records.last().map(|record| record.at)) else { return Ok(false) };
    seal(&tx, tag, &records, &mut ChunkIds::of(&tx)?)?;
    tx.execute("DELETE FROM sample WHERE tag = ?1 AND at_us <= ?2", params![tag, last.0 as i64])?;
    tx.commit()?;
    Ok(true)
}

/// A float that is whole was kept as an integer: the tag's type tells.
fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let is_int = row.get::<_, Option<i64>>(4)? == Some(1);
    let point = match row.get_ref(2)? {
        ValueRef::Integer(n) if is_int => Point::Value(Number::Int(n)),
        ValueRef::Integer(n) => Point::Value(Number::Float(n as f64)),
        ValueRef::Real(x) => Point::Value(Number::Float(x)),
        _ => Point::Gap(Cause::from_code(row.get::<_, Option<i64>>(3)?.unwrap_or(0).unsigned_abs())),
    };
    Ok(Record { at: Timestamp(row.get::<_, i64>(1)?.unsigned_abs()), point })
}
