//! A database whose first page is destroyed: nothing says any more that the rest is one, and where its tables are. But our
//! tables are made in one order, so each has its root in a known page. A first page as a new database has it, laid over
//! the file in a write-ahead log beside it, makes SQLite read the rest again; the file itself stays as it is. What then
//! reads is judged by its checksums, as in any damaged database.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::file::{make, with_suffix};

const PAGE: usize = 4096;

/// A write-ahead log whose checksums are over big-endian words.
const LOG_MAGIC: u32 = 0x377f_0683;
const LOG_VERSION: u32 = 3_007_000;

/// Places in a database's first page.
const CHANGES: usize = 24;
const PAGES: usize = 28;
const FREE_LIST: usize = 32;
const CHANGES_OF_PAGES: usize = 92;

/// Is it the first page that doesn't read?
pub(super) fn wants_first_page(conn: &Connection) -> bool {
    let read = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
    let code = read.err().and_then(|error| error.sqlite_error_code());
    matches!(code, Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// Lays a first page over the file. False where that can't be: a log that lies beside it already has the say.
pub(super) fn lay_first_page(path: &Path) -> io::Result<bool> {
    let log = with_suffix(path, "-wal");
    if fs::metadata(&log).is_ok_and(|meta| meta.len() > 0) {
        return Ok(false);
    }
    let pages = u32::try_from(fs::metadata(path)?.len() / PAGE as u64).unwrap_or(u32::MAX);
    let mut page = new_first_page(path)?;
    put(&mut page, CHANGES, 1);
    put(&mut page, CHANGES_OF_PAGES, 1);
    put(&mut page, PAGES, pages);
    // Which pages are free nobody knows; who only reads needn't.
    page[FREE_LIST..FREE_LIST + 8].fill(0);
    fs::write(log, log_of(&page, pages))?;
    Ok(true)
}

/// Takes it away again.
pub(super) fn forget_first_page(path: &Path) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(with_suffix(path, suffix));
    }
}

/// The first page of a database that was just made.
fn new_first_page(beside: &Path) -> io::Result<Vec<u8>> {
    let path = with_suffix(beside, ".new");
    let made = Connection::open(&path).and_then(|mut conn| make(&mut conn));
    let page = fs::read(&path).map(|bytes| bytes.into_iter().take(PAGE).collect::<Vec<u8>>());
    let _ = fs::remove_file(&path);
    forget_first_page(&path);
    made.map_err(io::Error::other)?;
    page.and_then(|page| if page.len() == PAGE { Ok(page) } else { Err(io::ErrorKind::UnexpectedEof.into()) })
}

/// A log of one transaction that wrote the first page.
fn log_of(page: &[u8], pages: u32) -> Vec<u8> {
    let mut log = Vec::with_capacity(32 + 24 + PAGE);
    let (salt, number_of_log) = ([0x4642_4831_u32, 1], 0);
    for word in [LOG_MAGIC, LOG_VERSION, PAGE as u32, number_of_log, salt[0], salt[1]] {
        log.extend(word.to_be_bytes());
    }
    let sum = checksum([0, 0], &log);
    sum.iter().for_each(|word| log.extend(word.to_be_bytes()));
    let frame = [1_u32, pages].map(u32::to_be_bytes).concat();
    let sum = checksum(checksum(sum, &frame), page);
    log.extend(frame);
    salt.iter().chain(&sum).for_each(|word| log.extend(word.to_be_bytes()));
    log.extend(page);
    log
}

/// SQLite's own, over pairs of words.
fn checksum([mut a, mut b]: [u32; 2], bytes: &[u8]) -> [u32; 2] {
    let mut words = bytes.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
    while let (Some(x), Some(y)) = (words.next(), words.next()) {
        a = a.wrapping_add(x).wrapping_add(b);
        b = b.wrapping_add(y).wrapping_add(a);
    }
    [a, b]
}

fn put(page: &mut [u8], place: usize, number: u32) {
    page[place..place + 4].copy_from_slice(&number.to_be_bytes());
}
