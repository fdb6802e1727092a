//! What the store says of itself.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use tag::{TagName, Timestamp};

use super::super::engine::lock;
use super::super::eras::{self, ByClock};
use super::super::file::with_suffix;
use super::super::salvage::Progress;
use super::super::scan::{failed, us};
use super::super::{Salvage, Status};
use super::Reader;
use crate::decimate::Span;
use crate::entry::TIME_END;
use crate::error::ReadError;
use crate::wear::wear;

impl Reader {
    /// The names of the tags the store knows, whatever became of them in the site.
    pub fn tags(&mut self) -> Result<Vec<TagName>, ReadError> {
        let reading = failed("reading the names of the tags");
        self.connect()?;
        let mut find =
            self.conn().prepare_cached("SELECT name FROM tag WHERE id > 0 ORDER BY name").map_err(reading)?;
        let names = find.query_map([], |row| row.get::<_, String>(0)).map_err(reading)?;
        let names: Vec<String> = names.collect::<Result<_, _>>().map_err(reading)?;
        Ok(names.iter().filter_map(|name| TagName::parse(name).ok()).collect())
    }

    /// Where in a span the box's own clock wasn't known to be right, in order: what was recorded then may have happened
    /// at another time. Times that sources supplied are not meant.
    pub fn uncertain(&mut self, span: Span) -> Result<Vec<Span>, ReadError> {
        let reading = failed("reading where the time is uncertain");
        self.connect()?;
        let head = lock(&self.shared.head);
        let waiting = self.shared.unset_clock().and_then(|shows| ByClock::begin(&head, shows));
        let by_clock = waiting.map_or(Ok(None), |waiting| ByClock::find(self.conn(), waiting)).map_err(reading)?;
        eras::doubts(self.conn(), &head, by_clock.as_ref(), span).map_err(reading)
    }

    /// What there is.
    pub fn status(&mut self) -> Result<Status, ReadError> {
        let bytes = |path| fs::metadata(path).map_or(0, |meta| meta.len());
        let bytes = bytes(self.path.clone()) + bytes(with_suffix(&self.path, "-wal"));
        let (written, failing) = (self.shared.written.load(Ordering::Relaxed), self.shared.failing());
        let reading = failed("reading what there is");
        self.connect()?;
        let (tags, oldest, newest) = self
            .conn()
            .query_row(
                "SELECT count(*) - 1,
                        min((SELECT from_us FROM chunk WHERE tag = t.id AND tag <> 0 AND from_us < ?1
                             ORDER BY from_us LIMIT 1)),
                        max((SELECT to_us FROM chunk WHERE tag = t.id AND tag <> 0 AND from_us < ?1
                             ORDER BY from_us DESC LIMIT 1))
                 FROM tag AS t",
                [us(TIME_END)],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, Option<i64>>(2)?)),
            )
            .map_err(reading)?;
        let stamp = |at: Option<i64>| at.map(|at| Timestamp(at.unsigned_abs()));
        let fresh = lock(&self.shared.head).extent();
        let oldest = stamp(oldest).into_iter().chain(fresh.map(|(oldest, _)| oldest)).min();
        let newest = stamp(newest).into_iter().chain(fresh.map(|(_, newest)| newest)).max();
        let (device_bytes, device_us) =
            (self.shared.device_bytes.load(Ordering::Relaxed), self.shared.device_us.load(Ordering::Relaxed));
        Ok(Status {
            tags: tags.unsigned_abs(),
            bytes,
            oldest,
            newest,
            written,
            failing,
            damaged: self.shared.damaged.load(Ordering::Relaxed),
            keep_bytes: self.shared.keep_bytes.load(Ordering::Relaxed),
            device: (device_us > 0).then_some((device_bytes, device_us)),
            clock_uncertain: self.shared.clock_uncertain.load(Ordering::Relaxed),
            salvage: self.salvage().map_err(reading)?,
            thrift: *self.shared.thrift(),
            wear: wear(Path::new("/")).into_iter().chain(self.shared.drives.told()).collect(),
        })
    }

    /// What is got back out of the database that was set aside last, as long as that is there.
    fn salvage(&self) -> rusqlite::Result<Option<Salvage>> {
        let folder = self.path.parent();
        let is_there = |file: &str| folder.is_some_and(|folder| folder.join(file).exists());
        let last = Progress::all(self.conn())?.pop().filter(|progress| is_there(&progress.file));
        Ok(last.map(|progress| Salvage {
            is_done: progress.is_done(),
            at: Timestamp(progress.at_us),
            got: progress.got,
            lost: progress.lost,
            file: progress.file,
        }))
    }
}
