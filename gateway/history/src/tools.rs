//! A store by hand: what is in it, whether it is sound, its records out of it and into it.
//!
//! What reads works beside the daemon; what writes wants the store for itself. Each tells how far it is through a
//! function that may also stop it.

mod bring;
mod export;

pub use bring::{Brought, import};
pub use export::{Form, Sheet, export, table};

use std::fs;
use std::path::Path;

use jiff::tz::TimeZone;
use rusqlite::Connection;
use tag::Timestamp;

use crate::decimate::Span;
use crate::error::StoreError;
use crate::format::{chunk, log, rollup};
use crate::levels::Calendar;
use crate::store::engine::{Engine, SharedHead};
use crate::store::{FILE_NAME, Lock, file, thin};

/// Told how much of how much is done.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// What is in a store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Tags that were ever recorded.
    pub tags: u64,
    /// Records in chunks.
    pub records: u64,
    /// Bytes of the chunks.
    pub chunk_bytes: u64,
    /// Bytes of the rollups.
    pub rollup_bytes: u64,
    /// Bytes of the log: what waits for a chunk.
    pub log_bytes: u64,
    /// Bytes of the files.
    pub file_bytes: u64,
    /// The oldest and the newest record in a chunk.
    pub extent: Option<(Timestamp, Timestamp)>,
}

/// What is wrong with a store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Soundness {
    /// What SQLite says of the file; empty if nothing.
    pub file: Vec<String>,
    /// Rows that were looked at.
    pub rows: u64,
    /// Chunks, lines and blocks that don't read, in words.
    pub damaged: Vec<String>,
}

/// What is in the store of this folder. Works beside the daemon.
pub fn stats(folder: &Path) -> Result<Stats, StoreError> {
    let path = folder.join(FILE_NAME);
    let doing = file::sqlite("looking into", &path);
    look_into(&path).map_err(doing)
}

fn look_into(path: &Path) -> rusqlite::Result<Stats> {
    let conn = file::open_to_read(path)?;
    let number =
        |sql: &str| conn.query_row(sql, [], |row| Ok(row.get::<_, Option<i64>>(0)?.unwrap_or(0).unsigned_abs()));
    let size = |path| fs::metadata(path).map_or(0, |meta| meta.len());
    let (oldest, newest) = (
        number("SELECT min(from_us) FROM chunk WHERE tag > 0")?,
        number("SELECT max(to_us) FROM chunk WHERE tag > 0")?,
    );
    Ok(Stats {
        tags: number("SELECT count(*) FROM tag WHERE id > 0")?,
        records: number("SELECT sum(count) FROM chunk")?,
        chunk_bytes: number("SELECT sum(length(body)) FROM chunk")?,
        rollup_bytes: number("SELECT sum(length(body)) FROM rollup")?,
        log_bytes: number("SELECT sum(length(body)) FROM log")?,
        file_bytes: size(path.to_path_buf()) + size(file::with_suffix(path, "-wal")),
        extent: (newest > 0).then_some((Timestamp(oldest), Timestamp(newest))),
    })
}

/// Reads everything there is, and says what doesn't read. Works beside the daemon.
pub fn check(folder: &Path, progress: Progress<'_>) -> Result<Soundness, StoreError> {
    let path = folder.join(FILE_NAME);
    let doing = file::sqlite("checking", &path);
    look_through(&path, progress).map_err(doing)
}

fn look_through(path: &Path, progress: Progress<'_>) -> rusqlite::Result<Soundness> {
    let conn = file::open_to_read(path)?;
    let mut found = Soundness::default();
    let mut said = conn.prepare("PRAGMA integrity_check(20)")?;
    for line in said.query_map([], |row| row.get::<_, String>(0))? {
        found.file.extend(Some(line?).filter(|line| line != "ok"));
    }
    let count = |table| conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
    let all = (count("chunk")? + count("log")? + count("rollup")?).unsigned_abs();
    let mut row = |what: &str, problem: Option<String>| {
        found.rows += 1;
        found.damaged.extend(problem.map(|problem| format!("{what}: {problem}")));
        progress(found.rows, all);
    };
    each(&conn, "SELECT id, tag, from_us, body FROM chunk", |id, tag, from, body| {
        let problem = chunk::decode(tag, from, body).err().map(|error| error.to_string());
        row(&format!("chunk {id} of tag {tag} from {from} on"), problem);
    })?;
    each(&conn, "SELECT seq, 0, 0, body FROM log", |seq, _, _, body| {
        row(&format!("line {seq} of the log"), log::decode(seq, body).err().map(|error| error.to_string()));
    })?;
    each(&conn, "SELECT id, tag, from_us, body FROM rollup", |id, tag, from, body| {
        let problem = rollup::decode(tag, from, body).err().map(|error| error.to_string());
        row(&format!("rollup {id} of tag {tag} from {from} on"), problem);
    })?;
    Ok(found)
}

fn each(conn: &Connection, sql: &str, mut visit: impl FnMut(i64, i64, Timestamp, &[u8])) -> rusqlite::Result<()> {
    let mut find = conn.prepare(sql)?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let from = Timestamp(row.get::<_, i64>(2)?.unsigned_abs());
        visit(row.get(0)?, row.get(1)?, from, row.get_ref(3)?.as_blob()?);
    }
    Ok(())
}

/// Thins the oldest detail until no more than so many bytes are used, and gives the rest back to the file system.
/// Nobody else may have the store open. Gives how many bytes the file has then.
pub fn shrink(folder: &Path, keep_bytes: u64, progress: Progress<'_>) -> Result<u64, StoreError> {
    let path = folder.join(FILE_NAME);
    let (_lock, mut engine) = open_alone(folder)?;
    let doing = || file::sqlite("thinning", &path);
    let used = |engine: &Engine| thin::used_bytes(&engine.conn).map_err(doing());
    let begun = used(&engine)?;
    engine.keep_bytes = keep_bytes;
    loop {
        engine.write(None, &[]).map_err(doing())?;
        engine.move_some().map_err(doing())?;
        let now = used(&engine)?;
        progress(begun.saturating_sub(now), begun.saturating_sub(keep_bytes));
        if now <= keep_bytes || !engine.has_work() {
            break;
        }
    }
    engine.conn.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);").map_err(doing())?;
    Ok(fs::metadata(&path).map_or(0, |meta| meta.len()))
}

/// Takes a span out of the past of every tag: what was recorded under a wrong clock. Nobody else may have the store
/// open. Gives how many records that were.
pub fn erase(folder: &Path, span: Span) -> Result<u64, StoreError> {
    let path = folder.join(FILE_NAME);
    let (_lock, mut engine) = open_alone(folder)?;
    engine.erase(span.from, span.to).map_err(file::sqlite("erasing in", &path))
}

/// A time as people write it: RFC 3339.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_microsecond()).ok().map(Timestamp)
}

/// Opens a store that nobody else has open.
fn open_alone(folder: &Path) -> Result<(Lock, Engine), StoreError> {
    let lock = Lock::take(folder)?;
    let calendar = Calendar::new(TimeZone::system());
    Ok((lock, Engine::open(&folder.join(FILE_NAME), &[], calendar, SharedHead::default())?))
}
