//! What one of this boot's clocks has shown, and where that belongs.

use std::time::Duration;

use shell::{Now, Trust};
use tag::{Timestamp, Uptime};

/// What moves with a step at most. An error that grew for longer grew slowly: all of it would be moved too far.
const MOVES_MAX: Duration = Duration::from_secs(86_400);

/// A stamp of an unset clock may be this much ahead of ours, in µs: clients read it a moment before or after us.
const AHEAD_US: u64 = 2_000_000;

/// One way in which the clock ran, between two steps.
#[derive(Debug, Clone)]
pub(super) struct Showing {
    pub(super) since: Uptime,
    pub(super) until: Uptime,
    /// µs from the uptime to what it showed.
    pub(super) offset: i64,
    pub(super) is_known: bool,
    pub(super) is_confirmed: bool,
    /// From here on its stamps, and older ones moved to it, move with the next step.
    pub(super) moves_from: Timestamp,
    /// µs from the uptime to where its stamps belong, if that turned out to be elsewhere.
    pub(super) truth: Option<i64>,
    /// The era it belongs to where it isn't known.
    pub(super) era: u64,
}

impl Showing {
    pub(super) fn new(now: Now, is_known: bool, trust: Trust, era: u64) -> Self {
        let is_confirmed = trust == Trust::Synchronised;
        Self {
            since: now.uptime,
            until: now.uptime,
            offset: offset(now),
            is_known,
            is_confirmed,
            moves_from: now.wall,
            truth: None,
            era,
        }
    }

    /// What it showed at this uptime.
    pub(super) fn shows(&self, uptime: Uptime) -> Timestamp {
        Timestamp(uptime.0.saturating_add_signed(self.offset))
    }

    /// The first time that it hasn't shown yet.
    pub(super) fn end(&self) -> Timestamp {
        Timestamp(self.shows(self.until).0.saturating_add(1))
    }

    /// Whether what it stamped moves with a step.
    pub(super) fn moves(&self) -> bool {
        !self.is_confirmed && u128::from(self.end().micros_since(self.moves_from)) < MOVES_MAX.as_micros()
    }

    /// Whether it can have shown this time up to an uptime. One that wasn't known had shown nothing else since the
    /// machine was switched on.
    pub(super) fn shown(&self, at: Timestamp, until: Uptime) -> bool {
        let since = if self.is_known { self.since } else { Uptime(0) };
        self.shows(since) <= at && at.0 <= self.shows(until).0.saturating_add(AHEAD_US)
    }

    /// The uptime at which it showed this.
    pub(super) fn uptime_of(&self, at: Timestamp) -> u64 {
        at.0.checked_add_signed(self.offset.saturating_neg()).unwrap_or(0)
    }
}

/// µs from the uptime to what the clock shows.
pub(super) fn offset(now: Now) -> i64 {
    let signed = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    signed(now.wall.0) - signed(now.uptime.0)
}
