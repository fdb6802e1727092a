//! When the last process that recorded was surely alive.

use rusqlite::{OptionalExtension, params};
use tag::Timestamp;

use super::engine::{ALL, Engine, lock};
use super::eras::{Era, calendar, range};
use super::scan::us;
use crate::entry::TIME_END;
use crate::era::era_of;
use crate::format::chunk;

impl Engine {
    /// When the last process that recorded was surely alive, if it left no mark that it stopped: right after its newest
    /// record, except those a source dated into the future. As the time is kept, which may be by an era's uptime.
    pub(crate) fn unfinished_since(&self, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
        let alive = match self.newest(now)? {
            // The clock isn't set yet: then only what the box stamped can be told from a future record.
            None => match self.newest_own()? {
                None => self.newest(Timestamp(TIME_END.0 - 1))?,
                own => own,
            },
            alive => alive,
        };
        let mut alive = alive.map(|at| (at, at));
        let mut marked = self.last_of_tag(ALL, (Timestamp(0), TIME_END))?;
        for era in self.eras.shown() {
            let on_calendar = |at: Timestamp| calendar(era_of(at).map_or(0, |(_, uptime)| uptime), era.offset);
            let newest = self.newest_of_era(&era)?;
            alive = alive.max(newest.map(|at| (on_calendar(at), at)));
            marked = marked.max(self.last_of_tag(ALL, range(&era))?.map(on_calendar));
        }
        Ok(alive.filter(|(alive, _)| marked.is_none_or(|marked| marked < *alive)).map(|(_, at)| Timestamp(at.0 + 1)))
    }

    /// The newest time on the calendar that the box's own clock has surely stamped, or that was made of such a stamp.
    pub(crate) fn newest_own(&self) -> rusqlite::Result<Option<Timestamp>> {
        let mut newest = None;
        for tag in &self.own {
            newest = newest.max(self.last_of_tag(*tag, (Timestamp(0), TIME_END))?);
        }
        for era in &self.eras.moving {
            let last = super::eras::extent(&self.conn, era, &lock(&self.head))?;
            newest = newest.max(last.map(|(_, uptime)| calendar(uptime, era.offset)));
        }
        Ok(newest)
    }

    fn newest(&self, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
        let mut newest = lock(&self.head).newest(now);
        let mut tags = self.conn.prepare("SELECT id FROM tag")?;
        let mut last = self.conn.prepare(
            "SELECT from_us, to_us, body FROM chunk WHERE tag = ?1 AND from_us <= ?2 ORDER BY from_us DESC LIMIT 1",
        )?;
        for tag in tags.query_map([], |row| row.get::<_, i64>(0))? {
            let tag = tag?;
            let found = last.query_row(params![tag, us(now)], |row| {
                let (from, to) = (row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs());
                if to <= now.0 {
                    return Ok(Timestamp(to));
                }
                let records = chunk::decode(tag, Timestamp(from), row.get_ref(2)?.as_blob()?).unwrap_or_default();
                let before = records.iter().rev().find(|record| record.at <= now);
                Ok(before.map_or(Timestamp(from), |record| record.at))
            });
            newest = newest.max(found.optional()?);
        }
        Ok(newest)
    }

    fn newest_of_era(&self, era: &Era) -> rusqlite::Result<Option<Timestamp>> {
        let last = super::eras::extent(&self.conn, era, &lock(&self.head))?;
        Ok(last.map(|(_, uptime)| Timestamp(range(era).0.0 + uptime)))
    }

    /// A tag's last record from inclusive, to exclusive.
    fn last_of_tag(&self, tag: i64, (from, to): (Timestamp, Timestamp)) -> rusqlite::Result<Option<Timestamp>> {
        let fresh = lock(&self.head).fresh(tag);
        let fresh = fresh.iter().rev().map(|record| record.at).find(|at| from <= *at && *at < to);
        let mut find = self.conn.prepare_cached(
            "SELECT to_us FROM chunk WHERE tag = ?1 AND from_us >= ?2 AND from_us < ?3 ORDER BY from_us DESC LIMIT 1",
        )?;
        let sealed = find.query_row(params![tag, us(from), us(to)], |row| row.get::<_, i64>(0)).optional()?;
        Ok(fresh.max(sealed.map(|at| Timestamp(at.unsigned_abs()))))
    }
}
