//! The four lengths of a bucket, and the windows whose buckets lie in one row.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span as Days, Timestamp as Instant};
use tag::Timestamp;

use crate::entry::TIME_END;

/// A length of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    /// One minute.
    Minute,
    /// Fifteen minutes.
    Quarter,
    /// One hour.
    Hour,
    /// One day in the site's time zone: 23, 24 or 25 hours.
    Day,
}

/// µs in a second.
const SECOND: u64 = 1_000_000;

/// Buckets of a window: enough that columns compress, few enough that a window is soon whole (four hours of minutes).
const WINDOW: u64 = 240;

/// A day whose records are all before or after is never longer.
const DAY_MAX: u64 = 25 * 3600 * SECOND;

/// The day from which windows of days are counted.
const FIRST_DAY: Date = jiff::civil::date(1970, 1, 1);

impl Level {
    /// From short to long.
    pub(crate) const ALL: [Self; 4] = [Self::Minute, Self::Quarter, Self::Hour, Self::Day];

    /// Its number on flash.
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Minute => 1,
            Self::Quarter => 2,
            Self::Hour => 3,
            Self::Day => 4,
        }
    }

    /// The next shorter one.
    pub(crate) fn below(self) -> Option<Self> {
        match self {
            Self::Minute => None,
            Self::Quarter => Some(Self::Minute),
            Self::Hour => Some(Self::Quarter),
            Self::Day => Some(Self::Hour),
        }
    }

    /// Where to look for what is left of a thinned past whose shortest buckets are these: there, in longer ones, and in
    /// the shorter ones for which nothing longer stood.
    pub(crate) fn left_order(self) -> Vec<Self> {
        let longer = Self::ALL.into_iter().filter(|level| *level >= self);
        let shorter = Self::ALL.into_iter().rev().filter(|level| *level < self);
        longer.chain(shorter).collect()
    }

    /// How long its buckets are at most, in µs.
    pub(crate) fn longest_us(self) -> u64 {
        self.fixed_us().unwrap_or(DAY_MAX)
    }

    fn fixed_us(self) -> Option<u64> {
        match self {
            Self::Minute => Some(60 * SECOND),
            Self::Quarter => Some(900 * SECOND),
            Self::Hour => Some(3600 * SECOND),
            Self::Day => None,
        }
    }
}

/// Where buckets and windows begin; the zone says when a day does.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// A calendar of this zone.
    pub(crate) fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    /// A number that changes when some day of ours begins at another time.
    pub(crate) fn fingerprint(&self) -> i64 {
        let first = Instant::UNIX_EPOCH;
        let end = i64::try_from(TIME_END.0).unwrap_or(i64::MAX);
        let mut sum = crc32fast::Hasher::new();
        sum.update(&self.zone.to_offset(first).seconds().to_le_bytes());
        let changes = self.zone.following(first).take_while(|change| change.timestamp().as_microsecond() < end);
        for change in changes {
            sum.update(&change.timestamp().as_second().to_le_bytes());
            sum.update(&change.offset().seconds().to_le_bytes());
        }
        i64::from(sum.finalize())
    }

    /// The bucket a time lies in.
    pub(crate) fn bucket(&self, level: Level, at: Timestamp) -> (Timestamp, Timestamp) {
        match level.fixed_us() {
            Some(length) => fixed(length, at),
            None => self.days(at, 1),
        }
    }

    /// The window a time lies in.
    pub(crate) fn window(&self, level: Level, at: Timestamp) -> (Timestamp, Timestamp) {
        match level.fixed_us() {
            Some(length) => fixed(length * WINDOW, at),
            None => self.days(at, WINDOW as i64),
        }
    }

    /// Is this a bucket of ours? A day of another zone isn't.
    pub(crate) fn has(&self, level: Level, span: (Timestamp, Timestamp)) -> bool {
        level != Level::Day || self.bucket(level, span.0) == span
    }

    /// The first bucket that begins at this time or later.
    pub(crate) fn round_up(&self, level: Level, at: Timestamp) -> Timestamp {
        let (start, end) = self.bucket(level, at);
        if start == at { at } else { end }
    }

    /// The last bucket's begin that isn't later than this time.
    pub(crate) fn round_down(&self, level: Level, at: Timestamp) -> Timestamp {
        self.bucket(level, at).0
    }

    /// The day, or the row of so many days, a time lies in.
    fn days(&self, at: Timestamp, count: i64) -> (Timestamp, Timestamp) {
        let micros = i64::try_from(at.0).unwrap_or(i64::MAX);
        let instant = Instant::from_microsecond(micros).unwrap_or(Instant::MAX);
        let date = self.zone.to_datetime(instant).date();
        let day = FIRST_DAY.until(date).map_or(0, |days| i64::from(days.get_days()));
        let first = day.div_euclid(count) * count;
        (self.midnight(first), self.midnight(first + count))
    }

    fn midnight(&self, day: i64) -> Timestamp {
        let date =
            Days::new().try_days(day).ok().and_then(|days| FIRST_DAY.checked_add(days).ok()).unwrap_or(Date::MAX);
        let start = self.zone.to_ambiguous_zoned(date.into()).compatible().map(|zoned| zoned.timestamp());
        let micros = start.unwrap_or(Instant::MAX).as_microsecond();
        Timestamp(u64::try_from(micros).unwrap_or(0))
    }
}

fn fixed(length: u64, at: Timestamp) -> (Timestamp, Timestamp) {
    let start = at.0 / length * length;
    (Timestamp(start), Timestamp(start + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<Instant>().unwrap().as_microsecond() as u64)
    }

    #[test]
    fn days_are_the_sites_and_may_have_23_or_25_hours() {
        let calendar = Calendar::new(TimeZone::posix("NZST-12NZDT,M9.5.0,M4.1.0/3").unwrap());
        let hours = |text| {
            let (start, end) = calendar.bucket(Level::Day, at(text));
            assert!(start <= at(text) && at(text) < end, "{text}");
            (end.0 - start.0) / 3_600_000_000
        };
        assert_eq!(hours("2025-07-01T03:00:00Z"), 24);
        assert_eq!(hours("2025-09-27T20:00:00Z"), 23, "the clocks went forward on the 28th");
        assert_eq!(hours("2025-04-05T20:00:00Z"), 25, "and back on the 6th of April");
        let (start, end) = calendar.window(Level::Day, at("2025-09-27T20:00:00Z"));
        assert_eq!(calendar.round_down(Level::Day, start), start, "a window begins with a day");
        assert_eq!(calendar.window(Level::Day, end).0, end, "windows follow one another");
        assert_eq!(calendar.bucket(Level::Day, Timestamp(0)).0, Timestamp(0), "nothing begins before 1970");
    }

    #[test]
    fn another_zone_has_another_fingerprint() {
        let print = |zone| Calendar::new(zone).fingerprint();
        let posix = |rules| TimeZone::posix(rules).unwrap();
        assert_eq!(print(TimeZone::UTC), print(posix("UTC0")));
        let zones = ["NZST-12NZDT,M9.5.0,M4.1.0/3", "NZST-12", "NZST-12NZDT,M9.5.0,M4.2.0/3", "EST5EDT,M3.2.0,M11.1.0"];
        let mut prints: Vec<_> = zones.map(|zone| print(posix(zone))).into();
        prints.push(print(TimeZone::UTC));
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), 5);
    }

    #[test]
    fn a_longer_window_is_made_of_whole_shorter_ones() {
        let calendar = Calendar::new(TimeZone::UTC);
        for text in ["1970-01-01T00:00:00Z", "2025-09-27T20:00:00Z", "2038-01-19T03:14:08Z", "2099-12-31T23:59:59Z"] {
            for level in [Level::Quarter, Level::Hour] {
                let (start, end) = calendar.window(level, at(text));
                let below = level.below().unwrap();
                assert_eq!(calendar.window(below, start).0, start, "{text}");
                assert_eq!(calendar.window(below, Timestamp(end.0 - 1)).1, end, "{text}");
            }
        }
    }
}
