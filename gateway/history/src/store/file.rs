//! The database file: its schema, its pragmas, and what is done with a damaged one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use tag::{Kind, TagName, Timestamp};

use super::old;
use crate::error::StoreError;
use crate::text::kind_code;

/// The schema this release writes.
const SCHEMA: i64 = 4;

/// The second one: without times to be made good.
const SCHEMA_OF_CHUNKS: i64 = 2;

/// The first one: a row per record.
const SCHEMA_OF_ROWS: i64 = 1;

/// "FBH1" big-endian: `file(1)` and we know our own.
const APPLICATION: i64 = 0x4642_4831;

/// The log is folded into the database after this many pages (16 MB): a hot page is then written once for thousands
/// of transactions.
const CHECKPOINT_PAGES: i64 = 4000;

/// Up to this size every page is checked at the start; a larger file would keep the start waiting for minutes on an
/// SD card, and damage in it is found when it is met.
const CHECK_BYTES_MAX: u64 = 32 << 20;

/// Only a moment of the other connection's can be in the way, or a person's own look into the file.
const BUSY: Duration = Duration::from_secs(5);

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS tag (
        id     INTEGER PRIMARY KEY,
        name   TEXT NOT NULL UNIQUE,
        kind   INTEGER NOT NULL,
        sealed INTEGER NOT NULL DEFAULT 0,
        rolled INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE log (
        seq  INTEGER PRIMARY KEY,
        body BLOB NOT NULL
    );
    CREATE TABLE chunk (
        id      INTEGER PRIMARY KEY,
        tag     INTEGER NOT NULL,
        from_us INTEGER NOT NULL,
        to_us   INTEGER NOT NULL,
        count   INTEGER NOT NULL,
        body    BLOB NOT NULL
    );
    CREATE UNIQUE INDEX chunk_at ON chunk (tag, from_us);
    CREATE TABLE rollup (
        id      INTEGER PRIMARY KEY,
        tag     INTEGER NOT NULL,
        level   INTEGER NOT NULL,
        from_us INTEGER NOT NULL,
        to_us   INTEGER NOT NULL,
        body    BLOB NOT NULL
    );
    CREATE UNIQUE INDEX rollup_at ON rollup (tag, level, from_us);
    CREATE TABLE note (
        name  TEXT PRIMARY KEY,
        value NOT NULL
    ) WITHOUT ROWID;
    INSERT INTO tag (id, name, kind) VALUES (0, '', 0);";

/// What the third version added.
const TABLES_OF_3: &str = "
    CREATE TABLE IF NOT EXISTS era (
        id     INTEGER PRIMARY KEY,
        boot   TEXT NOT NULL,
        offset INTEGER NOT NULL,
        state  INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS doubt (
        from_us INTEGER PRIMARY KEY,
        to_us   INTEGER NOT NULL
    );";

/// An open database and the ids its tags have in it, in the order of their numbers.
#[derive(Debug)]
pub(super) struct File {
    pub(super) conn: Connection,
    pub(super) ids: Vec<i64>,
}

/// Opens or makes the database. A damaged one, or one that isn't ours, is an error for which [`is_damage`] holds.
pub(super) fn open(path: &Path, tags: &[(TagName, Kind)]) -> Result<File, StoreError> {
    if path.is_dir() {
        // SQLite says no more of it than that it can't be opened, and that never heals.
        return Err(StoreError::NotSound { path: path.into(), why: "it is a folder".into() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(sqlite("opening", path))?;
    let size = fs::metadata(path).map_or(0, |meta| meta.len());
    conn.busy_timeout(BUSY).map_err(sqlite("setting up", path))?;
    match version(&conn).map_err(sqlite("reading the version of", path))? {
        Version::Empty => make(&mut conn).map_err(sqlite("making", path))?,
        Version::Ours(SCHEMA_OF_ROWS..=SCHEMA) if size <= CHECK_BYTES_MAX => check(&conn, path)?,
        Version::Ours(SCHEMA_OF_ROWS..=SCHEMA) => {}
        Version::Ours(found) if found > SCHEMA => {
            return Err(StoreError::Newer { path: path.into(), found, known: SCHEMA });
        }
        Version::Ours(_) | Version::Foreign => {
            return Err(StoreError::NotSound { path: path.into(), why: "it is no history of ours".into() });
        }
    }
    set_pragmas(&conn).map_err(sqlite("setting up", path))?;
    old::move_rows(&mut conn, SCHEMA_OF_CHUNKS, TABLES)
        .map_err(sqlite("moving the rows of an older release in", path))?;
    add_tables(&mut conn).map_err(sqlite("bringing up to date", path))?;
    let ids = learn_tags(&mut conn, tags).map_err(sqlite("entering the tags in", path))?;
    Ok(File { conn, ids })
}

/// Opens the database beside the one who writes.
pub(crate) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.pragma_update(None, "cache_size", -1000)?;
    conn.pragma_update(None, "mmap_size", 0)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.busy_timeout(BUSY)?;
    Ok(conn)
}

/// Renames a damaged database and its log, so that neither is lost nor in the way. Gives the new name.
pub(super) fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let seconds = now.0 / 1_000_000;
    let fresh = |n: u32| with_suffix(path, &format!(".damaged-{}", seconds + u64::from(n)));
    let aside = (0..).map(fresh).find(|name| !name.exists()).expect("some second is free");
    let rename = |from: PathBuf, to: PathBuf| match fs::rename(&from, &to) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StoreError::SetAside { path: from, source }),
        _ => Ok(()),
    };
    rename(with_suffix(path, "-wal"), with_suffix(&aside, "-wal"))?;
    rename(with_suffix(path, "-shm"), with_suffix(&aside, "-shm"))?;
    rename(path.into(), aside.clone())?;
    Ok(aside)
}

/// Is the file itself bad, so that trying again is no use?
pub(super) fn is_damage(error: &StoreError) -> bool {
    match error {
        StoreError::NotSound { .. } => true,
        StoreError::Sqlite { source, .. } => {
            matches!(source.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        }
        _ => false,
    }
}

/// Names the operation a SQLite error came from.
pub(crate) fn sqlite<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(rusqlite::Error) -> StoreError + 'a {
    move |source| StoreError::Sqlite { doing, path: path.into(), source }
}

/// `history.sqlite` and what belongs to it: SQLite appends to the whole name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    name.into()
}

enum Version {
    Empty,
    Ours(i64),
    Foreign,
}

fn version(conn: &Connection) -> rusqlite::Result<Version> {
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(match (tables, application) {
        (0, _) => Version::Empty,
        (_, APPLICATION) => Version::Ours(version),
        _ => Version::Foreign,
    })
}

fn set_pragmas(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode anything less forgets commits at a power cut.
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    conn.pragma_update(None, "journal_size_limit", CHECKPOINT_PAGES * 4096)?;
    conn.pragma_update(None, "cache_size", -2000)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    // A read error of a mapped file is a signal that kills.
    conn.pragma_update(None, "mmap_size", 0)
}

pub(super) fn make(conn: &mut Connection) -> rusqlite::Result<()> {
    // It counts from the first table on. No automatic vacuum: what is freed is written again soon, and its bookkeeping
    // would dirty one page more per flush.
    conn.pragma_update(None, "page_size", 4096)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    let tx = conn.transaction()?;
    tx.execute_batch(TABLES)?;
    tx.execute_batch(TABLES_OF_3)?;
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", SCHEMA)?;
    tx.commit()
}

/// From the second version to the third, and to the fourth, which knows texts: nothing that is there changes.
fn add_tables(conn: &mut Connection) -> rusqlite::Result<()> {
    if conn.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? >= SCHEMA {
        return Ok(());
    }
    let tx = conn.transaction()?;
    tx.execute_batch(TABLES_OF_3)?;
    tx.pragma_update(None, "user_version", SCHEMA)?;
    tx.commit()
}

fn check(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let said: String =
        conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(sqlite("checking", path))?;
    if said == "ok" { Ok(()) } else { Err(StoreError::NotSound { path: path.into(), why: said }) }
}

/// Enters tags that are new, and gives the ids of all.
pub(super) fn learn_tags(conn: &mut Connection, tags: &[(TagName, Kind)]) -> rusqlite::Result<Vec<i64>> {
    let tx = conn.transaction()?;
    let ids = {
        let mut find = tx.prepare("SELECT id, kind FROM tag WHERE name = ?1")?;
        let mut add = tx.prepare("INSERT INTO tag (name, kind) VALUES (?1, ?2)")?;
        let mut change = tx.prepare("UPDATE tag SET kind = ?2 WHERE id = ?1")?;
        let mut enter = |name: &str, code: i64| {
            let known = find.query_row([name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()?;
            match known {
                None => add.insert(params![name, code]),
                Some((id, kind)) if kind == code => Ok(id),
                // What was kept under the other type is read as the new one.
                Some((id, _)) => change.execute(params![id, code]).map(|_| id),
            }
        };
        tags.iter()
            .map(|(name, kind)| enter(name.as_str(), i64::from(kind_code(*kind))))
            .collect::<rusqlite::Result<_>>()?
    };
    tx.commit()?;
    Ok(ids)
}
