//! The database as it is found.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::super::eras;
use super::super::head::Head;
use super::super::scan::Past;
use super::super::seal::newest_chunk;
use super::super::thin::Thinned;
use crate::format::log;
use crate::levels::Calendar;

/// The log in memory.
pub(in crate::store) struct Loaded {
    pub(in crate::store) head: Head,
    pub(super) next_seq: i64,
    pub(super) tags: BTreeSet<i64>,
}

/// Reads the log of a database.
pub(in crate::store) fn load(conn: &Connection) -> rusqlite::Result<Loaded> {
    let (mut head, mut next_seq, mut sealed) = (Head::default(), 1, BTreeMap::new());
    let mut tags = conn.prepare("SELECT id, sealed FROM tag")?;
    for tag in tags.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))? {
        let (id, seq) = tag?;
        sealed.insert(id, seq);
        next_seq = next_seq.max(seq + 1);
    }
    let mut find = conn.prepare("SELECT seq, body FROM log ORDER BY seq")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let (seq, body) = (row.get::<_, i64>(0)?, row.get_ref(1)?.as_blob()?);
        next_seq = next_seq.max(seq + 1);
        match log::decode(seq, body) {
            Ok(mut line) => {
                line.retain(|tag, _| sealed.get(tag).is_some_and(|sealed| *sealed < seq));
                head.add(seq, body.len(), line);
            }
            Err(error) => ::log::error!("line {seq} of the history's log is damaged and lost: {error}"),
        }
    }
    head.newest_chunk = newest_chunk(conn)?;
    head.eras = eras::all(conn)?;
    Ok(Loaded { head, next_seq, tags: sealed.into_keys().collect() })
}

/// Rollups see only what is in chunks.
pub(in crate::store) fn past_of_chunks<'a>(
    conn: &'a Connection,
    calendar: &'a Calendar,
    tag: i64,
    damaged: &'a Cell<u64>,
) -> Past<'a> {
    Past { conn, calendar, tag, fresh: &[], shown: None, thinned: Thinned::default(), look: &|| Ok(()), damaged }
}
