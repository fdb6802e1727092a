//! Days that are days no more: a site whose zone has changed (or whose zone's rules have) gets its blocks of days anew.
//!
//! Until that is done, and wherever the hours are already thinned away, [`super::scan`] leaves out what isn't a day of
//! the present zone and reads what is below it.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use tag::Timestamp;

use super::roll;
use super::scan::us;
use super::thin::Thinned;
use crate::levels::{Calendar, Level};

/// Blocks made in one flush, so that no flush takes long: each reads 240 days of hours, some ms on a small box.
const STEP: usize = 8;

/// The note that says which days the blocks on flash have.
const NOTE: &str = "zone";

/// What is still to be made.
#[derive(Debug, Default)]
pub(super) struct Rezone {
    windows: Vec<(i64, (Timestamp, Timestamp))>,
    is_noted: bool,
}

impl Rezone {
    /// Looks whether the days on flash are those of this calendar; those that aren't go, if their hours are still there.
    pub(super) fn begin(conn: &mut Connection, calendar: &Calendar) -> rusqlite::Result<Self> {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let noted: Option<i64> =
            tx.query_row("SELECT value FROM note WHERE name = ?1", [NOTE], |row| row.get(0)).optional()?;
        if noted == Some(calendar.fingerprint()) {
            return Ok(Self { windows: Vec::new(), is_noted: true });
        }
        let mut windows = Vec::new();
        let tags: Vec<i64> =
            tx.prepare("SELECT id FROM tag")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for tag in tags {
            let hours = Thinned::read(&tx, tag)?.hours_until();
            let found = tx
                .prepare_cached(
                    "SELECT min(from_us), max(to_us) FROM rollup WHERE tag = ?1 AND level = ?2 AND from_us >= ?3",
                )?
                .query_row(params![tag, Level::Day.code(), us(hours)], |row| {
                    Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?))
                })?;
            let Some((from, to)) = found else { continue };
            tx.prepare_cached("DELETE FROM rollup WHERE tag = ?1 AND level = ?2 AND from_us >= ?3")?
                .execute(params![tag, Level::Day.code(), us(hours)])?;
            let mut at = Timestamp(from.unsigned_abs());
            while us(at) < to {
                let window = calendar.window(Level::Day, at);
                // A window that isn't over yet is made when it is; one without its first hours can't be.
                if us(window.1) <= to && window.0 >= hours {
                    windows.push((tag, window));
                }
                at = window.1;
            }
        }
        tx.commit()?;
        if !windows.is_empty() {
            log::info!("the site's days are others now: {} blocks of days are made anew", windows.len());
        }
        Ok(Self { windows, is_noted: false })
    }

    /// Whether something is left to do.
    pub(super) fn has_work(&self) -> bool {
        !self.windows.is_empty()
    }

    /// Makes some of what is missing; [`Rezone::done`] once that is durable.
    pub(super) fn step(&self, tx: &Connection, calendar: &Calendar) -> rusqlite::Result<()> {
        let left = self.left();
        for (tag, window) in &self.windows[left..] {
            roll::build(tx, calendar, *tag, Level::Day, *window)?;
        }
        if left == 0 && !self.is_noted {
            tx.execute(
                "INSERT INTO note (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
                params![NOTE, calendar.fingerprint()],
            )?;
        }
        Ok(())
    }

    /// The step is durable.
    pub(super) fn done(&mut self) {
        let left = self.left();
        self.is_noted |= left == 0;
        self.windows.truncate(left);
    }

    fn left(&self) -> usize {
        self.windows.len().saturating_sub(STEP)
    }
}
