//! The database and the log in memory in one state, with what is kept by the machine's uptime where it belongs, or may.

use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::super::engine::{ALL, load, lock};
use super::super::eras::{self, ByClock, Era};
use super::super::scan::{Shown, failed};
use super::super::seal::newest_chunk;
use super::Reader;
use crate::decimate::Span;
use crate::entry::TIME_END;
use crate::error::ReadError;
use crate::format::Record;

/// Tries to see the database and the log in memory in one state; a writer is between the two for microseconds.
const SNAPSHOT_TRIES: usize = 1000;

/// Between two of them.
const SNAPSHOT_PAUSE: Duration = Duration::from_micros(200);

/// What of one tag isn't read from chunks of the calendar.
pub(super) struct Laid {
    pub(super) fresh: Vec<Record>,
    pub(super) shown: Option<Shown>,
}

impl Reader {
    /// Begins a transaction, and copies what isn't in chunks in the very same state.
    pub(super) fn snapshot(&self, tag: i64, asked: Span) -> Result<(Laid, Laid), ReadError> {
        let (conn, reading) = (self.conn(), failed("beginning to read"));
        if !conn.is_autocommit() {
            // What read before was left in the middle.
            conn.execute_batch("ROLLBACK").map_err(reading)?;
        }
        for _ in 0..SNAPSHOT_TRIES {
            self.look()?;
            conn.execute_batch("BEGIN").map_err(reading)?;
            if self.is_beside {
                let head = load(conn).map_err(reading)?.head;
                let fresh = [(tag, head.fresh(tag)), (ALL, head.fresh(ALL))];
                return lay(conn, fresh, &head.eras, None);
            }
            let newest = newest_chunk(conn).map_err(reading)?;
            let found = {
                let head = lock(&self.shared.head);
                let fresh = || [(tag, head.fresh(tag)), (ALL, head.fresh(ALL))];
                let by_clock = || ByClock::begin(&head, self.shared.unset_clock()?);
                (head.newest_chunk == newest).then(|| (fresh(), head.eras.clone(), by_clock()))
            };
            if let Some((fresh, eras, by_clock)) = found {
                let by_clock = by_clock.map_or(Ok(None), |waiting| ByClock::find(conn, waiting));
                let by_clock = by_clock.map_err(failed("reading what has no time yet"))?;
                return lay(conn, fresh, &eras, by_clock.filter(|by_clock| by_clock.is_meant(asked)));
            }
            conn.execute_batch("COMMIT").map_err(reading)?;
            thread::sleep(SNAPSHOT_PAUSE);
        }
        Err(ReadError::Busy)
    }
}

/// Lays what is kept by the machine's uptime among the rest, at the times it has or may have; but what is asked for by
/// the clock, over it.
fn lay(
    conn: &Connection,
    fresh: [(i64, Vec<Record>); 2],
    eras: &[Era],
    by_clock: Option<ByClock>,
) -> Result<(Laid, Laid), ReadError> {
    let reading = failed("reading what has no time yet");
    let lay = |(tag, fresh): (i64, Vec<Record>)| {
        let Some(by_clock) = &by_clock else {
            return Ok(Laid { fresh: eras::lay_in(conn, tag, fresh, eras)?, shown: None });
        };
        let others: Vec<Era> = eras.iter().copied().filter(|era| era.id != by_clock.era.id).collect();
        let waiting = fresh.iter().filter(|record| record.at >= TIME_END).cloned().collect();
        let shown = eras::lay_in(conn, tag, waiting, &[by_clock.era])?;
        // A tag of which nothing was recorded since is asked for by the calendar.
        let shown = (tag == ALL || !shown.is_empty()).then(|| Shown::new(by_clock.shown, shown, tag == ALL));
        Ok(Laid { fresh: eras::lay_in(conn, tag, fresh, &others)?, shown })
    };
    let [own, all] = fresh;
    Ok((lay(own).map_err(reading)?, lay(all).map_err(reading)?))
}
