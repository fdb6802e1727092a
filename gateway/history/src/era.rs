//! Times that can't be told yet. While the clock isn't known to be right, what the box itself stamps is kept by the
//! machine's uptime, past the end of all times that are kept: there it can't be taken for anything else, and lies over
//! nothing. When the clock becomes known it moves to where it belongs.

use std::collections::{BTreeMap, BTreeSet};

use tag::Timestamp;

use crate::entry::{TIME_END, TagNo, Whom};

/// What an era may last: nine years. 32,000 of them fit before times run out of bits.
pub(crate) const ERA_US: u64 = 1 << 48;

/// The last era.
pub(crate) const ERA_MAX: u64 = (i64::MAX as u64 - TIME_END.0) / ERA_US - 1;

/// A time in an era, given as µs of uptime.
pub(crate) fn in_era(era: u64, uptime_us: u64) -> Timestamp {
    Timestamp(TIME_END.0 + era.min(ERA_MAX) * ERA_US + uptime_us.min(ERA_US - 1))
}

/// Which era a time is in, and at which µs of it; `None` for a time of the calendar.
pub(crate) fn era_of(at: Timestamp) -> Option<(u64, u64)> {
    let past = at.0.checked_sub(TIME_END.0)?;
    Some((past / ERA_US, past % ERA_US))
}

/// What is learned of times that were kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restamp {
    /// The clock is known: what is kept by this boot's uptime happened so many µs later by the calendar.
    Known {
        /// This and every earlier era of the process that says so.
        era: u64,
        /// µs from uptime to calendar.
        offset: i64,
        /// When that was learned: nothing that the box has stamped lies behind it.
        now: Timestamp,
    },
    /// The clock was stepped: what was recorded by it in this span happened earlier or later.
    Moved {
        /// From inclusive.
        from: Timestamp,
        /// To exclusive.
        to: Timestamp,
        /// By how many µs.
        by: i64,
        /// Whether that is known, or only nearer to the truth.
        is_sure: bool,
        /// When that was learned.
        now: Timestamp,
        /// The tags of which the box's clock stamps some or all, in the order of their numbers.
        tags: Vec<TagNo>,
        /// By tag: times that its source has said, which stay.
        given: BTreeMap<TagNo, BTreeSet<Timestamp>>,
    },
}

/// Times of tags that their sources have said.
pub(crate) type Given = BTreeMap<TagNo, BTreeSet<Timestamp>>;

impl Restamp {
    /// Where what is kept under a time is kept now.
    pub(crate) fn place(&self, whom: Whom, at: Timestamp) -> Timestamp {
        match self {
            Self::Known { era, offset, .. } => match era_of(at) {
                Some((of, uptime)) if of <= *era => moved(Timestamp(uptime), *offset),
                _ => at,
            },
            Self::Moved { from, to, by, tags, given, .. } => {
                let is_in = (*from..*to).contains(&at);
                let moves = match whom {
                    Whom::All => is_in,
                    Whom::Tag(tag) => {
                        let stays = |times: &BTreeSet<Timestamp>| times.contains(&at);
                        is_in && tags.binary_search(&tag).is_ok() && !given.get(&tag).is_some_and(stays)
                    }
                };
                if moves { moved(at, *by) } else { at }
            }
        }
    }
}

/// A time so much later or earlier, within the calendar.
pub(crate) fn moved(at: Timestamp, by: i64) -> Timestamp {
    Timestamp(at.0.saturating_add_signed(by).min(TIME_END.0 - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_an_era_is_found_again() {
        for (era, uptime) in [(0, 0), (0, 5), (7, ERA_US - 1), (ERA_MAX, 3)] {
            let at = in_era(era, uptime);
            assert_eq!(era_of(at), Some((era, uptime)));
            assert!(i64::try_from(at.0).is_ok(), "the database has room for it");
        }
        assert_eq!(era_of(Timestamp(TIME_END.0 - 1)), None);
        assert_eq!(moved(Timestamp(5), -9), Timestamp(0));
        assert!(era_of(moved(Timestamp(TIME_END.0 - 1), i64::MAX)).is_none());
    }
}
