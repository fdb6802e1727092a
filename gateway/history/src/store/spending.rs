//! What the writing thread costs the flash, as the kernel counts it: told to the governor, to those who ask for the
//! status, and to the next process.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};
use shell::SharedClock;

use super::{Shared, StoreConfig};
use crate::thrift::{Account, Governor, Pace};

/// The note that tells the next process.
const NOTE: &str = "thrift";

/// See the module.
#[derive(Debug)]
pub(super) struct Spending {
    day_bytes_max: u64,
    /// What the kernel had written for this thread when it began, and when that was.
    from: Option<(u64, Instant)>,
    /// Of that, what the governor knows.
    counted: u64,
    governor: Governor,
}

impl Spending {
    pub(super) fn new(config: &StoreConfig, now: Instant) -> Self {
        let governor = Governor::new(now, config.day_bytes_max, config.flush);
        Self { day_bytes_max: config.day_bytes_max, from: None, counted: 0, governor }
    }

    /// What this thread writes counts from now on.
    pub(super) fn begin(&mut self, now: Instant) {
        self.from = device_bytes().map(|bytes| (bytes, now));
    }

    /// Goes on with what an earlier process has left.
    pub(super) fn go_on(&mut self, conn: &Connection, clock: &SharedClock) -> rusqlite::Result<()> {
        let mut find = conn.prepare("SELECT value FROM note WHERE name = ?1")?;
        let text: Option<String> = find.query_row([NOTE], |row| row.get(0)).optional()?;
        if let Some(account) = text.and_then(|text| serde_json::from_str::<Account>(&text).ok()) {
            self.governor.go_on(&account, clock.wall());
        }
        Ok(())
    }

    /// What the next process must know, if that is to be noted with the next flush.
    pub(super) fn account(&self, clock: &SharedClock) -> Option<String> {
        serde_json::to_string(&self.governor.account(clock.wall())?).ok()
    }

    /// It is durable.
    pub(super) fn noted(&mut self) {
        self.governor.noted();
    }

    /// Counts what was written, and tells those who ask.
    pub(super) fn count(&mut self, clock: &SharedClock, shared: &Shared) {
        let mono = clock.mono();
        if let Some(((from, since), now)) = self.from.zip(device_bytes()) {
            let micros = mono.duration_since(since).as_micros();
            shared.device_bytes.store(now.saturating_sub(from), Ordering::Relaxed);
            shared.device_us.store(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Relaxed);
            let more = now.saturating_sub(from).saturating_sub(self.counted);
            self.counted += more;
            if self.governor.on_written(mono, more) {
                let pace = self.governor.pace();
                log::warn!(
                    "{} MB were written in a day: records wait {:?}, a tag's changes are kept every {:?}",
                    self.governor.day_bytes() >> 20,
                    pace.flush,
                    pace.every
                );
            }
        }
        let pace = self.governor.pace();
        let ms = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let mut thrift = shared.thrift();
        thrift.day_bytes_max = self.day_bytes_max;
        thrift.day_bytes = self.governor.day_bytes();
        (thrift.flush_ms, thrift.every_ms) = (ms(pace.flush.max(self.hold(mono))), ms(pace.every));
    }

    pub(super) fn pace(&self) -> Pace {
        self.governor.pace()
    }

    /// How long nothing may be written.
    pub(super) fn hold(&self, now: Instant) -> Duration {
        self.governor.hold(now)
    }
}

/// Notes it.
pub(super) fn note(tx: &Connection, account: &str) -> rusqlite::Result<()> {
    let mut note = tx
        .prepare_cached("INSERT INTO note (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2")?;
    note.execute([NOTE, account]).map(drop)
}

/// Bytes the kernel had to write to devices for this thread; nothing where it doesn't count.
pub(super) fn device_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok())
}
