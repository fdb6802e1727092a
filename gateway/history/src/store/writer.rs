//! The thread that writes: shows what came at once, makes it durable once per flush, tries until the disk takes it.

mod opening;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;
use shell::{Backoff, SharedClock};
use tag::Timestamp;

use super::engine::Engine;
use super::file::{self, sqlite};
use super::held::{Lock, Named};
use super::salvage::Progress;
use super::spending::Spending;
use super::{Shared, StoreConfig, Work};
use crate::entry::{Batch, Entry};
use crate::era::Restamp;
use crate::error::StoreError;

/// How soon and how seldom a failed write is tried again. A full disk stays full until a person comes.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// So much is flushed before its time: a line of the log of half a megabyte.
const PENDING_MAX: usize = 65_536;

/// Or so many bytes of texts.
const PENDING_TEXT_BYTES_MAX: usize = 1 << 20;

/// How long the thread sleeps when nothing is pending; it is woken by the next batch.
const IDLE: Duration = Duration::from_secs(3600);

/// Between two pieces of work that nobody waits for.
const BREATH: Duration = Duration::from_millis(200);

/// After a flush so many steps of moving and of getting back are made: on a site that is never quiet a damaged gigabyte is
/// got back in half a day. …
const STEPS: usize = 16;

/// … But on a slow card what comes meanwhile doesn't wait longer than this.
const STEPS_TIME: Duration = Duration::from_millis(500);

/// Owns the connection that writes.
pub(super) struct Writer {
    path: PathBuf,
    config: StoreConfig,
    clock: SharedClock,
    shared: Arc<Shared>,
    pub(super) engine: Option<Engine>,
    /// Nobody else writes.
    lock: Option<Lock>,
    /// The file that is open, and its name.
    opened: Option<Named>,
    /// Shown, not durable yet.
    pending: Vec<Entry>,
    /// Bytes of texts among it.
    pending_text_bytes: usize,
    /// Since when there is something pending.
    since: Option<Instant>,
    /// When the last process ended if it left no mark, until that is written; as the store keeps it.
    owed: Option<Timestamp>,
    /// What was told of this process's eras.
    told: BTreeMap<u64, i64>,
    /// What was learned of times, until it is durable.
    learned: VecDeque<Restamp>,
    /// A database that was set aside just now.
    aside: Option<Progress>,
    /// The first opening has looked for that mark.
    looked_back: bool,
    pub(super) spending: Spending,
}

impl Writer {
    /// Opens nothing yet.
    pub(super) fn new(path: PathBuf, config: StoreConfig, clock: SharedClock, shared: Arc<Shared>) -> Self {
        let spending = Spending::new(&config, clock.mono());
        Self {
            path,
            config,
            clock,
            shared,
            engine: None,
            lock: None,
            opened: None,
            pending: Vec::new(),
            pending_text_bytes: 0,
            since: None,
            owed: None,
            told: BTreeMap::new(),
            learned: VecDeque::new(),
            aside: None,
            looked_back: false,
            spending,
        }
    }

    /// Writes batches until there are no more.
    pub(super) fn run(&mut self, work: &Receiver<Work>) {
        self.spending.begin(self.clock.mono());
        loop {
            if self.takes_no_more() && !self.shared.is_closing() {
                self.rest(self.hold());
                continue;
            }
            let mut is_quiet = false;
            match work.recv_timeout(self.until_flush()) {
                Ok(Work::Batch(batch)) => self.take(batch),
                Ok(Work::Restamp(learned)) => {
                    self.learned.push_back(learned);
                    self.persist();
                }
                Err(RecvTimeoutError::Timeout) => is_quiet = self.pending.is_empty() && self.has_work(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if is_quiet || self.until_flush().is_zero() {
                self.persist();
            }
        }
        if !self.pending.is_empty() {
            self.persist();
        }
    }

    pub(super) fn take(&mut self, batch: Batch) {
        let now = (self.clock.wall(), self.clock.uptime());
        if let Some(engine) = &mut self.engine {
            // What fails here fails again at the flush, and is said there.
            let _ = batch.entries.iter().try_for_each(|entry| engine.make_place(entry.at, now));
            engine.show(&batch.entries);
        }
        self.pending_text_bytes += batch.entries.iter().map(|entry| entry.point.text_bytes()).sum::<usize>();
        self.pending.extend(batch.entries);
        self.since.get_or_insert(self.clock.mono());
        self.shared.show();
    }

    /// Takes nothing for so long, or until it is told to stop.
    fn rest(&self, wait: Duration) {
        self.shared.is_held.store(true, Ordering::Relaxed);
        thread::park_timeout(wait);
        self.shared.is_held.store(false, Ordering::Relaxed);
    }

    pub(super) fn until_flush(&self) -> Duration {
        if self.is_full() {
            return self.hold();
        }
        let waited = |since| self.clock.mono().duration_since(since);
        let due = self.since.map(|since| self.spending.pace().flush.saturating_sub(waited(since)));
        let due = due.or(self.has_work().then_some(BREATH)).map(|due| due.max(self.hold()));
        due.unwrap_or(IDLE)
    }

    /// Whether what comes is to wait with its sender: memory is full, and nothing may be written.
    pub(super) fn takes_no_more(&self) -> bool {
        self.is_full() && !self.hold().is_zero()
    }

    /// How long nothing may be written: the day's bytes are spent.
    fn hold(&self) -> Duration {
        self.spending.hold(self.clock.mono())
    }

    /// Is there enough that it is flushed before its time?
    fn is_full(&self) -> bool {
        self.pending.len() >= PENDING_MAX || self.pending_text_bytes >= PENDING_TEXT_BYTES_MAX
    }

    /// Whether there is something to do that nobody waits for.
    fn has_work(&self) -> bool {
        self.engine.as_ref().is_some_and(Engine::has_work)
    }

    pub(super) fn persist(&mut self) {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        while let Err(error) = self.write() {
            self.fail(&error);
            if self.shared.is_closing() {
                if !self.pending.is_empty() {
                    log::error!("lost the last {} records: told to stop while the disk took none", self.pending.len());
                }
                return;
            }
            self.rest(backoff.after_failure());
        }
        if self.shared.failing().is_some() {
            self.shared.set_failing(None);
            log::info!("recording again");
        }
    }

    /// Writes what is pending, in a new database if the old one turns out to be damaged.
    pub(super) fn write(&mut self) -> Result<(), StoreError> {
        let written = self.try_write();
        match &written {
            Err(error) if file::is_damage(error) => {
                self.start_anew(error)?;
                self.try_write()?;
            }
            Err(StoreError::Sqlite { source, .. }) => {
                if source.sqlite_error_code() != Some(ErrorCode::DiskFull) {
                    // An I/O error may have left the connection in any state.
                    self.engine = None;
                }
                return written;
            }
            Err(_) => return written,
            Ok(()) => {}
        }
        self.spending.count(&self.clock, &self.shared);
        Ok(())
    }

    fn try_write(&mut self) -> Result<(), StoreError> {
        if self.engine.is_none() {
            self.open()?;
        }
        self.still_ours()?;
        let now = (self.clock.wall(), self.clock.uptime());
        let engine = self.engine.as_mut().expect("just opened");
        engine.account = self.spending.account(&self.clock);
        let notes = engine.account.is_some();
        let mut write = || {
            self.pending.iter().try_for_each(|entry| engine.make_place(entry.at, now))?;
            engine.write(self.owed, &self.pending)
        };
        write().map_err(sqlite("writing to", &self.path))?;
        if notes {
            self.spending.noted();
        }
        self.owed = None;
        self.shared.written.fetch_add(self.pending.len() as u64, Ordering::Relaxed);
        self.pending.clear();
        self.pending_text_bytes = 0;
        self.since = None;
        while let Some(learned) = self.learned.front() {
            engine.restamp(learned).map_err(sqlite("correcting times in", &self.path))?;
            self.told.clone_from(&engine.eras.told);
            self.learned.pop_front();
        }
        let waits = self.told.keys().next_back().map_or(1, |era| era + 1);
        engine.give_up_waiting(waits, now.1).map_err(sqlite("settling times in", &self.path))?;
        let began = self.clock.mono();
        for _ in 0..STEPS {
            let moved = engine.move_some().map_err(sqlite("moving records in", &self.path))?;
            let got = engine.get_back(&self.config.folder).map_err(sqlite("getting records back into", &self.path))?;
            if !moved && !got || self.clock.mono().duration_since(began) >= STEPS_TIME {
                break;
            }
        }
        Ok(())
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

/// An error with its causes, for one log line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
