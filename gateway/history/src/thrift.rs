//! How much may be written to the flash in a day, and what gives way when that is not enough: first records wait longer
//! before they are made durable, then a tag's changes are kept less often, and in the end nothing is written until there
//! is something to spend again: what then is too much for memory is lost, and is a gap.
//!
//! The allowance is paid into a bank at an even rate and spent by what the kernel counts as written. The bank holds some
//! hours of it: a storm of an hour changes nothing. What it holds and what is paid in a day together are the bound, so
//! that no 24 hours cost more, whenever they begin.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tag::Timestamp;

/// The bank holds this part of a day's allowance.
const BANK: u64 = 4;

/// One fold of the log into the database may cost as much: less would make the bound swing with every fold.
const BANK_BYTES_MIN: u64 = 64 << 20;

/// This part of the bank is paid to nobody: what the last write before a hold costs too much.
const SLACK: u64 = 8;

/// But so that half of a small allowance is left to be paid.
const BANK_MOST: u64 = 2;

/// This part of the bank may be spent before that is noted, and is taken for spent at a start.
const NOTED: i64 = 64;

/// But no more than this for each second since the last note: what is killed again and again has no time to spend.
const SPENT_IN_A_SECOND: i64 = 128 << 10;

const HOUR: Duration = Duration::from_secs(3600);

/// What a day has.
const DAY_US: u128 = 86_400_000_000;

/// How it goes down: below so many sixteenths of the bank, the flush at least so long, a tag at most so often.
const STEPS: [(i64, Duration, Duration); 4] = [
    (8, Duration::from_secs(30), Duration::ZERO),
    (5, Duration::from_secs(60), Duration::from_secs(10)),
    (3, Duration::from_secs(60), Duration::from_secs(60)),
    (1, Duration::from_secs(60), Duration::from_secs(600)),
];

/// How it is written at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// How long records wait before they are made durable.
    pub(crate) flush: Duration,
    /// A tag's changes are kept at most this often; zero: every one.
    pub(crate) every: Duration,
}

/// What is left, for the next process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    at_us: u64,
    bank: i64,
    hours: [u64; 24],
}

/// Counts what is written against what may be.
#[derive(Debug)]
pub(crate) struct Governor {
    /// A day's bytes; 0: no bound.
    day_bytes_max: u64,
    flush: Duration,
    bank: i64,
    /// How many of the steps are taken.
    level: usize,
    at: Instant,
    /// What was written in this hour and in each of those before, as long as a day.
    hours: [u64; 24],
    hour: Instant,
    /// Spent since the next process was last told.
    unnoted: Option<i64>,
}

impl Governor {
    /// A full bank.
    pub(crate) fn new(now: Instant, day_bytes_max: u64, flush: Duration) -> Self {
        let hours = [0; 24];
        let mut governor = Self { day_bytes_max, flush, bank: 0, level: 0, at: now, hours, hour: now, unnoted: None };
        governor.bank = governor.full();
        governor
    }

    /// Goes on where an earlier process ended: `off`, the time since, is only counted where the clock is believed.
    pub(crate) fn go_on(&mut self, account: &Account, now: Timestamp) {
        let off_us = now.micros_since(Timestamp(account.at_us));
        let paid = self.paid(u128::from(off_us));
        // A clock that shows less than it did tells nothing.
        let seconds = if off_us == 0 { i64::MAX } else { i64::try_from(off_us / 1_000_000 + 1).unwrap_or(i64::MAX) };
        let unnoted = (self.full() / NOTED).min(seconds.saturating_mul(SPENT_IN_A_SECOND));
        self.bank = account.bank.saturating_sub(unnoted).saturating_add(paid).min(self.full());
        let passed = usize::try_from(off_us / 3_600_000_000).unwrap_or(24).min(24);
        self.hours = [0; 24];
        self.hours[passed..].copy_from_slice(&account.hours[..24 - passed]);
    }

    /// What the next process must know by now; `None`: it knows enough.
    pub(crate) fn account(&self, now: Timestamp) -> Option<Account> {
        let is_due = self.unnoted.is_none_or(|spent| spent >= self.full() / NOTED);
        let account = Account { at_us: now.0, bank: self.bank, hours: self.hours };
        (self.day_bytes_max > 0 && is_due).then_some(account)
    }

    /// That is durable.
    pub(crate) fn noted(&mut self) {
        self.unnoted = Some(0);
    }

    /// So much more was written by now. True if the pace is another one.
    pub(crate) fn on_written(&mut self, now: Instant, bytes: u64) -> bool {
        while now.saturating_duration_since(self.hour) >= HOUR {
            self.hours.rotate_right(1);
            self.hours[0] = 0;
            self.hour += HOUR;
        }
        self.hours[0] += bytes;
        if self.day_bytes_max == 0 {
            return false;
        }
        let paid = self.paid(now.saturating_duration_since(self.at).as_micros());
        let spent = i64::try_from(bytes).unwrap_or(i64::MAX);
        // What costs more than a day has is an accident; a day later it is over.
        let floor = -i64::try_from(self.day_bytes_max).unwrap_or(i64::MAX);
        self.bank = self.bank.saturating_add(paid).min(self.full()).saturating_sub(spent).max(floor);
        self.unnoted = self.unnoted.map(|before| before.saturating_add(spent));
        if paid > 0 {
            self.at = now;
        }
        let before = self.level;
        let below = |level: usize, slack: i64| self.bank < self.full() / 16 * (STEPS[level].0 + slack);
        // One step at a time, and back only when there is a sixteenth to spare.
        if self.level < STEPS.len() && below(self.level, 0) {
            self.level += 1;
        } else if self.level > 0 && !below(self.level - 1, 1) {
            self.level -= 1;
        }
        self.level != before
    }

    /// How to write now.
    pub(crate) fn pace(&self) -> Pace {
        match self.level.checked_sub(1) {
            None => Pace { flush: self.flush, every: Duration::ZERO },
            Some(step) => Pace { flush: self.flush.max(STEPS[step].1), every: STEPS[step].2 },
        }
    }

    /// How long nothing may be written at all: until what is owed is paid.
    pub(crate) fn hold(&self, now: Instant) -> Duration {
        if self.day_bytes_max == 0 || self.bank >= 0 {
            return Duration::ZERO;
        }
        let us = u128::from(self.bank.unsigned_abs()) * DAY_US / self.rate().max(1) + 1;
        let wait = Duration::from_micros(u64::try_from(us).unwrap_or(u64::MAX));
        wait.saturating_sub(now.saturating_duration_since(self.at))
    }

    /// What was written in the last day.
    pub(crate) fn day_bytes(&self) -> u64 {
        self.hours.iter().sum()
    }

    fn full(&self) -> i64 {
        let full = (self.day_bytes_max / BANK).max(BANK_BYTES_MIN).min(self.day_bytes_max / BANK_MOST);
        i64::try_from(full).unwrap_or(i64::MAX)
    }

    /// What is paid in a day.
    fn rate(&self) -> u128 {
        let full = self.full().unsigned_abs();
        u128::from(self.day_bytes_max - full - full / SLACK)
    }

    /// What is paid in so many µs.
    fn paid(&self, us: u128) -> i64 {
        i64::try_from(self.rate() * us / DAY_US).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
#[path = "thrift_tests.rs"]
mod tests;
