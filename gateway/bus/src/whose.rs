//! Whose time a script's value has. Protocol 1's SET always carries a time and doesn't say who read which clock for it:
//! pymscada's client puts in this machine's present where the script gives none, else what the script's source said.
//!
//! The rule: the time is the machine's own where its clock has shown it in the [`STAMPED_WITHIN_US`] before the SET was
//! read, by the clock as it is or as it was before it was stepped; else it is the source's. A tag that was given a time
//! to come is a forecast's: from then on all its times are the source's.

use shell::Now;
use tag::Uptime;

/// A client reads the clock right before it sends; so long it may take to get here on a small box that is starting.
const STAMPED_WITHIN_US: u64 = 5_000_000;

/// Less is drift and its correction between two looks, not a step.
const STEP_US: u64 = 10_000;

/// Whose a time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This machine's clock was read for it.
    Machine,
    /// The source said it.
    Source,
    /// The source said it, and no clock here has shown it yet.
    SourceToCome,
}

/// What the machine's clock has shown since the bus runs.
#[derive(Debug)]
pub(crate) struct Shown {
    /// µs from the uptime to what it shows.
    offset: i64,
    /// The same before the last step, and when that was noticed.
    before: Option<(i64, Uptime)>,
    /// The latest time it has shown.
    latest_us: u64,
}

impl Shown {
    pub(crate) fn new(now: Now) -> Self {
        Self { offset: offset(now), before: None, latest_us: now.wall.0 }
    }

    /// Looks at the clock; whatever is asked after this is asked at this moment.
    pub(crate) fn look(&mut self, now: Now) {
        let before = std::mem::replace(&mut self.offset, offset(now));
        if before.abs_diff(self.offset) >= STEP_US {
            self.before = Some((before, now.uptime));
        }
        self.latest_us = self.latest_us.max(now.wall.0);
    }

    /// Whose a time is that has just come.
    pub(crate) fn whose(&self, now: Now, time_us: u64) -> Whose {
        let just_shown = |present: u64| present.checked_sub(time_us).is_some_and(|ago| ago <= STAMPED_WITHIN_US);
        let stepped = self.before.filter(|(_, at)| now.uptime.0.saturating_sub(at.0) <= STAMPED_WITHIN_US);
        if just_shown(now.wall.0) || stepped.is_some_and(|(old, _)| just_shown(now.uptime.0.saturating_add_signed(old)))
        {
            Whose::Machine
        } else if time_us > self.latest_us {
            Whose::SourceToCome
        } else {
            Whose::Source
        }
    }
}

fn offset(now: Now) -> i64 {
    let signed = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    signed(now.wall.0) - signed(now.uptime.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shell::{Clock, ManualClock};
    use tag::Timestamp;

    use super::*;

    const NOON: u64 = 1_790_000_000_000_000;
    const SECOND: u64 = 1_000_000;

    #[test]
    fn what_the_clock_has_just_shown_is_the_machines_and_all_else_its_sources() {
        let clock = ManualClock::at(Timestamp(NOON));
        let shown = Shown::new(clock.now());
        let cases = [
            (NOON, Whose::Machine),
            (NOON - 5 * SECOND, Whose::Machine),
            (NOON - 5 * SECOND - 1, Whose::Source),
            (NOON + 1, Whose::SourceToCome),
            (0, Whose::Source),
            (u64::MAX, Whose::SourceToCome),
        ];
        for (time_us, whose) in cases {
            assert_eq!(shown.whose(clock.now(), time_us), whose, "{time_us}");
        }
    }

    /// A stamp is on its way while the clock is stepped by an hour, either way.
    #[test]
    fn a_stamp_that_was_under_way_during_a_step_is_the_machines() {
        for by in [3600 * SECOND as i64, -3600 * SECOND as i64] {
            let clock = ManualClock::at(Timestamp(NOON));
            let mut shown = Shown::new(clock.now());
            clock.step_wall(Timestamp(NOON.saturating_add_signed(by)));
            clock.advance(Duration::from_millis(300));
            shown.look(clock.now());
            assert_eq!(shown.whose(clock.now(), NOON), Whose::Machine, "{by}");
            clock.advance(Duration::from_secs(10));
            shown.look(clock.now());
            assert_eq!(shown.whose(clock.now(), NOON), Whose::Source, "{by}: that was long ago");
            let was_shown = shown.whose(clock.now(), NOON + 30 * 60 * SECOND) == Whose::Source;
            assert_eq!(was_shown, by > 0, "{by}: no time to come where a clock was ahead of it");
        }
    }
}
