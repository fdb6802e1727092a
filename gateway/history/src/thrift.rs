//! How much may be written to the flash in a day, and what gives way when that is not enough: first records wait longer
//! before they are made durable, then a tag's changes are kept less often.
//!
//! The allowance is paid into a bank at an even rate and spent by what the kernel counts as written. The bank holds six
//! hours of it: a storm of an hour changes nothing.

use std::time::{Duration, Instant};

/// The bank holds this part of a day's allowance.
const BANK: u64 = 4;

/// An hour.
const HOUR: Duration = Duration::from_secs(3600);

/// One fold of the log into the database may cost as much: less would make the bound swing with every fold.
const BANK_BYTES_MIN: i64 = 64 << 20;

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
}

impl Governor {
    /// A full bank.
    pub(crate) fn new(now: Instant, day_bytes_max: u64, flush: Duration) -> Self {
        let mut governor = Self { day_bytes_max, flush, bank: 0, level: 0, at: now, hours: [0; 24], hour: now };
        governor.bank = governor.full();
        governor
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
        let passed = now.saturating_duration_since(self.at).as_micros();
        let paid = u128::from(self.day_bytes_max) * passed / 86_400_000_000;
        let signed = |n: u128| i64::try_from(n).unwrap_or(i64::MAX);
        // Never so deep in debt that an hour without a write doesn't heal it.
        let bank = self.bank.saturating_add(signed(paid)).min(self.full());
        self.bank = bank.saturating_sub(signed(bytes.into())).max(-self.full() / 6);
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

    /// What was written in the last day.
    pub(crate) fn day_bytes(&self) -> u64 {
        self.hours.iter().sum()
    }

    fn full(&self) -> i64 {
        i64::try_from(self.day_bytes_max / BANK).unwrap_or(i64::MAX).max(BANK_BYTES_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 1 << 30;

    #[allow(clippy::disallowed_methods, reason = "only a beginning")]
    fn governor() -> (Instant, Governor) {
        let now = Instant::now();
        (now, Governor::new(now, DAY, Duration::from_secs(10)))
    }

    /// A plant that wants `rate` bytes a second at the full pace, less when it is slowed: for some days.
    fn days(rate: f64, days: u64) -> (Governor, u64) {
        let (mut now, mut governor) = governor();
        let (mut all, mut owed) = (0, 0.0);
        let end = now + Duration::from_secs(days * 86_400);
        while now < end {
            let pace = governor.pace();
            now += pace.flush;
            let kept = 1.0 / pace.every.as_secs_f64().max(1.0);
            owed += pace.flush.as_secs_f64() * rate * kept + 8192.0;
            let bytes = owed as u64;
            owed -= bytes as f64;
            all += bytes;
            governor.on_written(now, bytes);
        }
        (governor, all)
    }

    #[test]
    fn what_fits_is_written_as_the_site_says() {
        let (governor, all) = days(5000.0, 3);
        assert_eq!(governor.pace(), Pace { flush: Duration::from_secs(10), every: Duration::ZERO });
        assert!(governor.day_bytes() <= all / 3 + 100_000_000, "{}", governor.day_bytes());
    }

    #[test]
    fn what_does_not_fit_is_thinned_until_it_does() {
        for rate in [15_000.0, 100_000.0, 1_000_000.0] {
            let (governor, all) = days(rate, 10);
            let most = 10 * DAY + DAY / 4 + DAY / 10;
            assert!(all <= most, "{rate}: {all} of {most}");
            assert!(all > 5 * DAY, "{rate}: but not more than needed, {all}");
            assert!(governor.pace().flush >= Duration::from_secs(30), "{rate}");
        }
    }

    #[test]
    fn a_storm_of_an_hour_changes_little_and_is_forgotten() {
        let (mut now, mut governor) = governor();
        for _ in 0..360 {
            now += Duration::from_secs(10);
            governor.on_written(now, 400_000);
        }
        assert_eq!(governor.pace().every, Duration::ZERO, "no detail is lost");
        for _ in 0..8640 {
            now += Duration::from_secs(10);
            governor.on_written(now, 10_000);
        }
        assert_eq!(governor.pace().flush, Duration::from_secs(10));
        assert!(governor.day_bytes() < 8640 * 10_000 + 200_000_000);
    }

    #[test]
    fn without_a_bound_it_only_counts() {
        let (now, _) = governor();
        let mut governor = Governor::new(now, 0, Duration::from_secs(10));
        assert!(!governor.on_written(now, u64::MAX / 2));
        assert_eq!((governor.pace().every, governor.day_bytes()), (Duration::ZERO, u64::MAX / 2));
    }
}
