//! The store as its callers see it: two threads of its own, one that writes and one that reads, each with a bounded
//! queue. Only the files in `store/` speak SQL.
//!
//! What lies on flash is described in `FORMAT.md`: a flush is one line of a log (one transaction, one fsync), a tag's
//! records move into a compressed chunk when there are a thousand of them, and minutes, quarters, hours and days are
//! rolled up behind them.

mod alive;
#[cfg(test)]
mod budget_tests;
pub(crate) mod engine;
mod eras;
pub(crate) mod file;
mod head;
mod held;
#[cfg(test)]
mod limits_tests;
mod mend;
mod old;
mod reader;
mod restamp;
mod rezone;
mod roll;
mod salvage;
mod scan;
mod seal;
mod shared;
mod spending;
mod status;
#[cfg(test)]
mod tests;
pub(crate) mod thin;
mod walk;
mod writer;

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use shell::{SharedClock, Stop};
use tag::{Kind, TagName, Timestamp};
use tokio::sync::oneshot;

use crate::entry::{Batch, TagNo};
use crate::era::Restamp;
use crate::error::{ReadError, StoreError};
use crate::levels::Calendar;
pub(crate) use held::Lock;
pub use reader::{PAGE_CELLS_MAX, Page, ROWS_MAX, Reader, Row};
use shared::Shared;
pub use status::{Salvage, Status, Thrift, Wear};
use writer::Writer;

/// Batches on their way to the disk: with one a second, a stall this long costs nothing. What comes then waits in the
/// collector, which counts records and not batches.
const BATCHES_MAX: usize = 8;

/// Questions that wait: each phone asks one trend at a time, and more than this many phones are not in a valley.
const QUESTIONS_MAX: usize = 32;

/// The database's name in its folder.
pub(crate) const FILE_NAME: &str = "history.sqlite";

/// What the store keeps, and where.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The folder of the database; made if it isn't there.
    pub folder: PathBuf,
    /// The tags, in the order of their [`crate::TagNo`].
    pub tags: Vec<(TagName, Kind)>,
    /// How long a record may wait before it is made durable: what a power cut may cost.
    pub flush: Duration,
    /// How large the database may grow, in bytes; then the oldest detail goes.
    pub keep_bytes: u64,
    /// How much may be written to the device in a day, in bytes; 0: no bound.
    pub day_bytes_max: u64,
    /// The zone whose days are rolled up.
    pub zone: TimeZone,
    /// The tags that nobody but the box's own clock stamps.
    pub own: Vec<TagNo>,
}

impl StoreConfig {
    /// A store that flushes each batch, and whose days are UTC's.
    pub fn new(folder: PathBuf, tags: Vec<(TagName, Kind)>) -> Self {
        Self {
            folder,
            tags,
            flush: Duration::ZERO,
            keep_bytes: u64::MAX,
            day_bytes_max: 0,
            zone: TimeZone::UTC,
            own: Vec::new(),
        }
    }
}

/// The store. See the interface in the crate's description.
#[derive(Debug)]
pub struct Store {
    work: SyncSender<Work>,
    jobs: SyncSender<Job>,
    writer: JoinHandle<()>,
    reader: JoinHandle<()>,
    shared: Arc<Shared>,
}

/// What the writing thread is given.
#[derive(Debug)]
enum Work {
    Batch(Batch),
    Restamp(Restamp),
}

/// A piece of reading.
type Job = Box<dyn FnOnce(&mut Reader) + Send>;

impl Store {
    /// Opens the database, or makes it, or sets a damaged one aside and makes a new one. A disk that is full or busy, or
    /// that can only be read at present, is no error here: it is tried again with each batch. Blocks.
    pub fn open(config: StoreConfig, clock: SharedClock) -> Result<Self, StoreError> {
        let path = config.folder.join(FILE_NAME);
        let shared = Arc::new(Shared::default());
        shared.keep_bytes.store(config.keep_bytes, Ordering::Relaxed);
        let mut reader = Reader::new(path.clone(), Calendar::new(config.zone.clone()), shared.clone());
        let mut writer = Writer::new(path, config, clock, shared.clone());
        writer.open_first()?;
        let (work, incoming) = sync_channel(BATCHES_MAX);
        let (jobs, questions) = sync_channel::<Job>(QUESTIONS_MAX);
        let writer = spawn("history-write", move || writer.run(&incoming))?;
        let reader = spawn("history-read", move || {
            for job in questions {
                job(&mut reader);
            }
        })?;
        Ok(Self { work, jobs, writer, reader, shared })
    }

    /// Hands a batch over: visible at once, durable as a whole after [`StoreConfig::flush`]. Never waits; gives it back when the disk is behind.
    pub fn record(&self, batch: Batch) -> Result<(), Batch> {
        let sent = self.work.try_send(Work::Batch(batch)).map_err(|error| match error {
            TrySendError::Full(Work::Batch(batch)) | TrySendError::Disconnected(Work::Batch(batch)) => batch,
            TrySendError::Full(Work::Restamp(_)) | TrySendError::Disconnected(Work::Restamp(_)) => Batch::default(),
        });
        self.shared.handed.fetch_add(u64::from(sent.is_ok()), Ordering::Relaxed);
        sent
    }

    /// Tells what was learned of times of what was handed over; false when the disk is behind and it is to be told again.
    pub fn restamp(&self, learned: &Restamp) -> bool {
        self.work.try_send(Work::Restamp(learned.clone())).is_ok()
    }

    /// The newest time that the box's own clock had surely stamped before the store was opened.
    pub fn newest_own(&self) -> Option<Timestamp> {
        Some(Timestamp(self.shared.newest_own.load(Ordering::Relaxed))).filter(|at| at.0 > 0)
    }

    /// A tag's changes are to be kept at most this often, or too much would be written; zero: every one.
    pub fn every(&self) -> Duration {
        Duration::from_millis(self.shared.thrift().every_ms)
    }

    /// How many changes were not kept for that, for those who ask.
    pub fn set_thinned(&self, thinned: u64) {
        self.shared.thrift().thinned = thinned;
    }

    /// Has the drives asked for their wear, if that wasn't done in the last day: with `smartctl`, where that is installed.
    /// Doesn't wait for it.
    pub fn look_at_drives(&self, now: Instant) {
        self.shared.drives.look(now, "/".into(), "smartctl".into());
    }

    /// Whether the clock is known to be right, for those who ask.
    pub fn set_clock_known(&self, is_known: bool) {
        self.shared.clock_uncertain.store(!is_known, Ordering::Relaxed);
    }

    /// What leads from the uptime to what the clock shows, and what it shows now, while it isn't known to be right: who asks
    /// by it finds what is recorded by it.
    pub fn set_unset_clock(&self, shows: Option<(i64, Timestamp)>) {
        *self.shared.unset_clock.lock().unwrap_or_else(PoisonError::into_inner) = shows;
    }

    /// Runs one piece of reading on the reading thread; it sees everything handed over before, unless the disk stands
    /// still. Cancelling makes it end soon with [`ReadError::Cancelled`].
    pub fn read<T, F>(&self, cancel: Stop, work: F) -> impl Future<Output = Result<T, ReadError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&mut Reader) -> Result<T, ReadError> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let (shared, handed) = (self.shared.clone(), self.shared.handed.load(Ordering::Relaxed));
        let job: Job = Box::new(move |reader| {
            shared.until_shown(handed);
            // Nobody waiting any more is no fault.
            let _ = tell.send(reader.work(cancel, work));
        });
        let sent = self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => ReadError::Busy,
            TrySendError::Disconnected(_) => ReadError::Closed,
        });
        async move {
            sent?;
            told.await.unwrap_or(Err(ReadError::Closed))
        }
    }

    /// How many records are durable of those handed over.
    pub fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    /// Goes up when a new database has taken a damaged one's place, so that what is known must be said again.
    pub fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// Which thread ended although nobody told it to: it has panicked.
    pub fn dead_thread(&self) -> Option<&'static str> {
        if self.writer.is_finished() {
            return Some("writes the history");
        }
        self.reader.is_finished().then_some("reads the history")
    }

    /// Writes what was handed over and these last batches, and closes the database. What the disk doesn't take at the
    /// first try is given up, so that a full disk holds up no stop. Blocks.
    pub fn close(self, rest: Vec<Batch>) {
        let Self { work, jobs, writer, reader, shared } = self;
        shared.closing.store(true, Ordering::Release);
        writer.thread().unpark();
        // The reader goes first: the last connection to close folds the log into the database, if it may write.
        drop(jobs);
        let reader = reader.join();
        for batch in rest {
            if work.send(Work::Batch(batch)).is_err() {
                break;
            }
        }
        drop(work);
        if reader.is_err() || writer.join().is_err() {
            log::error!("a thread of the history had panicked");
        }
    }
}

fn spawn(name: &'static str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let thread = thread::Builder::new().name(name.into());
    thread.spawn(work).map_err(|source| StoreError::Thread { name, source })
}
