//! When something was so.

use std::fmt;
use std::time::Duration;

/// A wall-clock instant: µs since 1970-01-01 00:00 UTC, as pymscada's bus carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The instant in whole milliseconds, as browsers count.
    pub fn as_ms(self) -> u64 {
        self.0 / 1000
    }

    /// The instant of so many milliseconds since 1970.
    pub fn from_ms(ms: u64) -> Self {
        Self(ms.saturating_mul(1000))
    }

    /// How much later than `earlier` this is, in µs; 0 if it isn't.
    pub fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// µs since the machine was switched on: what all its processes agree on, and no hand can set.
///
/// For what one process lays down and another judges: how long a write is still wanted. Time in which the machine slept counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uptime(pub u64);

impl Uptime {
    /// So much later.
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How long it is until then, counted from `now`; `None` when that is over.
    pub fn left(self, now: Self) -> Option<Duration> {
        (now < self).then(|| Duration::from_micros(self.0 - now.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / 86_400_000_000, self.0 / 1_000_000 % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:03}Z", self.0 / 1000 % 1000)
    }
}

/// Days since 1970 to a Gregorian date: counts in 400-year eras that begin on 1 March, so that the leap day is last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_over_at_its_own_instant() {
        let deadline = Uptime(1_000_000).after(Duration::from_secs(5));
        assert_eq!(deadline.left(Uptime(1_000_000)), Some(Duration::from_secs(5)));
        assert_eq!(deadline.left(Uptime(5_999_999)), Some(Duration::from_micros(1)));
        assert_eq!(deadline.left(Uptime(6_000_000)), None);
        assert_eq!(Uptime(7).after(Duration::MAX), Uptime(u64::MAX));
    }

    #[test]
    fn prints_as_utc() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01 00:00:00.000Z");
        assert_eq!(Timestamp(1_700_000_000_000_000).to_string(), "2023-11-14 22:13:20.000Z");
        assert_eq!(Timestamp(951_782_400_123_000).to_string(), "2000-02-29 00:00:00.123Z");
        assert_eq!(Timestamp(4_102_444_799_999_999).to_string(), "2099-12-31 23:59:59.999Z");
    }
}
