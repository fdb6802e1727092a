//! The thread that writes: one transaction per batch, tried until the disk takes it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use rusqlite::types::Value as Sql;
use rusqlite::{ErrorCode, TransactionBehavior, params};
use shell::{Backoff, SharedClock};
use tag::{Kind, TagName, Timestamp};

use super::Shared;
use super::file::{self, ALL, File, sqlite};
use crate::entry::{Batch, Cause, Entry, Number, Point, Whom};
use crate::error::StoreError;

/// How soon and how seldom a failed write is tried again. A full disk stays full until a person comes.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

const INSERT: &str = "
    INSERT INTO sample (tag, at_us, value, fault) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (tag, at_us) DO UPDATE SET value = excluded.value, fault = excluded.fault
    WHERE value IS NOT excluded.value OR fault IS NOT excluded.fault";

/// Owns the connection that writes.
pub(super) struct Writer {
    path: PathBuf,
    tags: Vec<(TagName, Kind)>,
    clock: SharedClock,
    shared: Arc<Shared>,
    pub(super) file: Option<File>,
    /// The mark that nobody recorded since the last process ended, until it is written.
    owed: Option<Entry>,
    /// The first opening has looked for that mark.
    looked_back: bool,
}

impl Writer {
    /// Opens nothing yet.
    pub(super) fn new(path: PathBuf, tags: Vec<(TagName, Kind)>, clock: SharedClock, shared: Arc<Shared>) -> Self {
        Self { path, tags, clock, shared, file: None, owed: None, looked_back: false }
    }

    /// Opens the database; an error is one that trying again can't heal.
    pub(super) fn open_first(&mut self) -> Result<(), StoreError> {
        let opened = match self.open() {
            Err(error) if file::is_damage(&error) => self.start_anew(&error),
            opened => opened,
        };
        match opened {
            Err(error @ StoreError::Sqlite { .. }) => {
                self.fail(&error);
                Ok(())
            }
            opened => opened,
        }
    }

    /// Writes batches until there are no more.
    pub(super) fn run(&mut self, batches: &Receiver<Batch>) {
        while let Ok(batch) = batches.recv() {
            self.persist(&batch);
        }
    }

    fn persist(&mut self, batch: &Batch) {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        while let Err(error) = self.write(batch) {
            self.fail(&error);
            if self.shared.is_closing() {
                log::error!("lost the last {} records: told to stop while the disk took none", batch.entries.len());
                return;
            }
            thread::park_timeout(backoff.after_failure());
        }
        if self.shared.failing().is_some() {
            self.shared.set_failing(None);
            log::info!("recording again");
        }
    }

    /// Writes one batch, in a new database if the old one turns out to be damaged.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let written = self.try_write(batch);
        match &written {
            Err(error) if file::is_damage(error) => {
                self.start_anew(error)?;
                self.try_write(batch)?;
            }
            Err(StoreError::Sqlite { source, .. }) if source.sqlite_error_code() != Some(ErrorCode::DiskFull) => {
                // An I/O error may have left the connection in any state.
                self.file = None;
                return written;
            }
            Err(_) => return written,
            Ok(()) => {}
        }
        self.shared.written.fetch_add(batch.entries.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn try_write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.file.is_none() {
            self.open()?;
        }
        let file = self.file.as_mut().expect("just opened");
        // Neighbours on flash are written together; the sort is stable, so the last entry of a time still wins.
        let mut entries: Vec<&Entry> = self.owed.iter().chain(&batch.entries).collect();
        entries.sort_by_key(|entry| (entry.whom, entry.at));
        insert(file, &entries).map_err(sqlite("writing to", &self.path))?;
        self.owed = None;
        Ok(())
    }

    fn open(&mut self) -> Result<(), StoreError> {
        let file = file::open(&self.path, &self.tags)?;
        if !self.looked_back {
            let now = self.clock.wall();
            let unfinished = file::unfinished_since(&file.conn, now).map_err(sqlite("reading", &self.path))?;
            self.owed = unfinished.map(|alive| Entry {
                whom: Whom::All,
                at: Timestamp(alive.0 + 1),
                point: Point::Gap(Cause::NotRecorded),
            });
            self.looked_back = true;
        }
        self.file = Some(file);
        Ok(())
    }

    fn start_anew(&mut self, why: &StoreError) -> Result<(), StoreError> {
        self.file = None;
        let aside = file::set_aside(&self.path, self.clock.wall())?;
        log::error!("the history is damaged ({}); set aside as {}, starting a new one", chain(why), aside.display());
        self.owed = None;
        self.looked_back = true;
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
        self.open()
    }

    /// Says once that nothing can be written, and why.
    fn fail(&self, error: &StoreError) {
        let why = chain(error);
        if self.shared.failing().is_none() {
            log::error!("nothing is recorded: {why}; trying again");
        }
        self.shared.set_failing(Some(why));
    }
}

fn insert(file: &mut File, entries: &[&Entry]) -> rusqlite::Result<()> {
    let ids = &file.ids;
    let tx = file.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert = tx.prepare_cached(INSERT)?;
        for entry in entries {
            let id = match entry.whom {
                Whom::All => ALL,
                Whom::Tag(tag) => ids[tag.0 as usize],
            };
            let (value, fault) = match entry.point {
                Point::Value(Number::Int(n)) => (Sql::Integer(n), None),
                Point::Value(Number::Float(x)) => (Sql::Real(x), None),
                Point::Gap(cause) => (Sql::Null, Some(cause.to_code())),
            };
            let at = i64::try_from(entry.at.0).expect("the filter lets no time past 2100 by");
            insert.execute(params![id, at, value, fault])?;
        }
    }
    tx.commit()
}

/// An error with its causes, for one log line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
