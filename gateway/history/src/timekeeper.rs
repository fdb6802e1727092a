//! Which time a sample is kept under: the box's own clock may be unset, late or wrong, and is corrected while it runs.
//!
//! The rules:
//! - The clock is *known* when a time server was asked since the machine was switched on; or when nobody says that it
//!   is wrong, it shows no time before this program was written, and none before the newest one it stamped earlier.
//! - While it isn't known, what it stamps is kept by the machine's uptime (see [`crate::era`]) and gets its time when it
//!   becomes known.
//! - A step forward of a known clock is believed. One backward makes it unknown: what it stamps now would mix with what
//!   it stamped before. It is known again when a time server is heard, when the step is undone, or after an hour.
//! - What the clock stamped since it was set moves with a step, if that was less than a day ago and no time server has
//!   confirmed it since; else that stands, but for what would lie in the future.
//! - A time that its source has said (the bus tells which, see `wire/PROTOCOL.md`) is kept as given, whatever the clock
//!   does. But one before this program was written that an unset clock of this boot has shown is such a clock's: a
//!   script that started before the bus was there says late what it stamped.

mod showing;

use std::collections::VecDeque;

use shell::{Now, Trust};
use tag::{Timestamp, Uptime};

use crate::entry::TIME_END;
use crate::era::{in_era, moved};
use showing::{Showing, offset};

/// No clock that is right shows less: 2020-01-01. Kernels begin in 1970, empty batteries in 2000 to 2016.
const EARLIEST: Timestamp = Timestamp(1_577_836_800_000_000);

/// Less is drift and its correction, not a step.
const STEP_US: u64 = 1_000_000;

/// A step that nobody undoes for so long was right: time servers are asked more often.
const UNDONE_US: u64 = 3_600_000_000;

/// Clocks of this boot that are remembered: the bus may repeat a value that was stamped by an earlier one.
const SHOWN_MAX: usize = 16;

/// Whose a sample's time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The box's clock was read for it.
    Box,
    /// Its source has said it.
    Source,
}

/// What the present clock is, and what the earlier ones of this boot were.
#[derive(Debug)]
pub(crate) struct Timekeeper {
    /// A clock that is only trusted shows no less.
    floor: Timestamp,
    present: Showing,
    /// How often the clock wasn't known: the number of the era.
    era: u64,
    /// The latest first.
    past: VecDeque<Showing>,
    /// What the clock showed last while it was known, if it isn't any more.
    lost: Option<Showing>,
    trust: Trust,
    /// µs from the uptime to the calendar, as a time server last confirmed it.
    confirmed: Option<i64>,
    /// Since when the clock shows what it shows, known or not.
    shown_since: Uptime,
}

/// What a look at the clock brought to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It became known.
    Known {
        /// The era that ended.
        era: u64,
        /// µs from the uptime to the calendar.
        offset: i64,
    },
    /// What was stamped in a span belongs elsewhere; see [`crate::era::Restamp::Moved`].
    Moved {
        /// From inclusive.
        from: Timestamp,
        /// To exclusive.
        to: Timestamp,
        /// By how many µs.
        by: i64,
        /// Whether that is known.
        is_sure: bool,
    },
    /// It isn't known any more.
    Lost,
}

/// One look brings to light two at most, to be applied in their order.
pub(crate) type Turns = [Option<Turn>; 2];

impl Timekeeper {
    /// What the clock shows at the start. `floor`: the newest time it has stamped before, as far as known.
    pub(crate) fn new(now: Now, trust: Trust, floor: Option<Timestamp>) -> Self {
        let floor = floor.unwrap_or_default().max(EARLIEST);
        let present = Showing::new(now, is_known(now.wall, trust, floor), trust, 0);
        let era = u64::from(!present.is_known);
        let confirmed = (present.is_known && present.is_confirmed).then_some(present.offset);
        let present = Showing { era, ..present };
        Self { floor, present, era, past: VecDeque::new(), lost: None, trust, confirmed, shown_since: now.uptime }
    }

    /// Looks at the clock. To be done before anything is stamped or placed.
    pub(crate) fn on_clock(&mut self, now: Now, trust: Trust) -> Turns {
        let offset = offset(now);
        let step = offset - self.present.offset;
        let stepped = step.unsigned_abs() >= STEP_US;
        self.present.until = now.uptime;
        let was = std::mem::replace(&mut self.trust, trust);
        let is_news = was != Trust::Synchronised && trust == Trust::Synchronised;
        let right = self.confirmed.into_iter().chain(self.lost.as_ref().map(|lost| lost.offset));
        let is_undone = { right }.any(|right| (offset - right).unsigned_abs() < STEP_US);
        let is_known = if self.present.is_known {
            // Once known it stays so, unless what it shows is nonsense: only at the start the floor tells.
            let back = step < 0 && stepped;
            is_known(now.wall, Trust::Kept, EARLIEST) && (!back || is_news || is_undone)
        } else if self.lost.is_some() {
            let lasted = !stepped && now.uptime.0.saturating_sub(self.shown_since.0) >= UNDONE_US;
            is_known(now.wall, Trust::Kept, EARLIEST) && (is_news || is_undone || lasted)
        } else {
            is_known(now.wall, trust, self.floor)
        };
        if stepped {
            self.shown_since = now.uptime;
        }
        if !stepped && is_known == self.present.is_known {
            let lasted = now.uptime.0.saturating_sub(self.present.since.0) >= UNDONE_US;
            self.present.is_confirmed |= is_news || (lasted && trust == Trust::Synchronised);
            if is_known {
                // Slewed: what it showed meanwhile was as right as it gets.
                self.present.offset = offset;
            }
            self.note_confirmed();
            return [None, None];
        }
        self.era += u64::from(self.present.is_known && !is_known);
        let mut before = std::mem::replace(&mut self.present, Showing::new(now, is_known, trust, self.era));
        self.present.is_confirmed =
            is_news || self.confirmed.is_some_and(|confirmed| (offset - confirmed).unsigned_abs() < STEP_US);
        let turns = match (before.is_known, is_known) {
            (true, true) => [self.step(&mut before, now), None],
            (true, false) => {
                self.lost = Some(before.clone());
                [Some(Turn::Lost), None]
            }
            (false, true) => self.become_known(&mut before, now),
            (false, false) => {
                // The same era goes on.
                self.present.since = before.since;
                [None, None]
            }
        };
        self.past.truncate(SHOWN_MAX - 1);
        self.past.push_front(before);
        self.note_confirmed();
        turns
    }

    fn note_confirmed(&mut self) {
        if self.present.is_known && self.present.is_confirmed {
            self.confirmed = Some(self.present.offset);
        }
    }

    /// From one known clock to another.
    fn step(&mut self, before: &mut Showing, now: Now) -> Option<Turn> {
        let by = self.present.offset - before.offset;
        let to = before.end();
        let (from, is_sure) = match before.moves() {
            true => (before.moves_from, true),
            false if by < 0 => (moved(now.wall, 1), false),
            false => return None,
        };
        before.truth = Some(self.present.offset);
        self.present.moves_from = moved(from, by);
        // What isn't where it was must not fall on what is.
        Some(Turn::Moved { from, to, by: by - i64::from(!is_sure), is_sure })
    }

    /// From a clock that wasn't known to one that is. What it showed before it was lost is corrected as well.
    fn become_known(&mut self, before: &mut Showing, now: Now) -> Turns {
        let offset = self.present.offset;
        before.truth = Some(offset);
        for showing in self.past.iter_mut().filter(|showing| !showing.is_known && showing.era == before.era) {
            showing.truth = Some(offset);
        }
        self.present.moves_from = Timestamp(before.since.0.saturating_add_signed(offset)).min(now.wall);
        let known = Some(Turn::Known { era: before.era, offset });
        let Some(mut lost) = self.lost.take() else { return [known, None] };
        let own = self.present.moves_from;
        let is_off = (offset - lost.offset).unsigned_abs() >= STEP_US;
        let turns = [if is_off { self.step(&mut lost, now) } else { None }, known];
        if turns[0].is_none() {
            self.present.moves_from = if lost.moves() { lost.moves_from } else { own };
        }
        for showing in self.past.iter_mut().filter(|showing| showing.is_known && showing.since == lost.since) {
            showing.truth = lost.truth;
        }
        turns
    }

    /// Whether the clock has jumped since it was last looked at.
    pub(crate) fn has_stepped(&self, now: Now) -> bool {
        (offset(now) - self.present.offset).unsigned_abs() >= STEP_US
    }

    /// Whether the clock is known to be right at present.
    pub(crate) fn is_known(&self) -> bool {
        self.present.is_known
    }

    /// µs from the uptime to the calendar, if known.
    pub(crate) fn offset(&self) -> Option<i64> {
        self.present.is_known.then_some(self.present.offset)
    }

    /// µs from the uptime to what the clock shows, if it isn't known to be right: to the µs what its stamps were kept by.
    pub(crate) fn unset_offset(&self) -> Option<i64> {
        (!self.present.is_known).then_some(self.present.offset)
    }

    /// This moment, as it is kept.
    pub(crate) fn present(&self, now: Now) -> Timestamp {
        if self.present.is_known { now.wall } else { in_era(self.era, now.uptime.0) }
    }

    /// A sample's time, as it is kept; `None`: it can't be.
    pub(crate) fn place(&self, at: Timestamp, now: Now, whose: Whose) -> Option<Timestamp> {
        let is_box = whose == Whose::Box;
        let placed = if is_box || at < EARLIEST { self.belongs(at, now) } else { None };
        match placed {
            None if at >= TIME_END => None,
            None if is_box && self.present.is_known => Some(at.min(now.wall)),
            placed => Some(placed.unwrap_or(at)),
        }
    }

    /// Where a stamp of one of this boot's clocks belongs; `None`: it is none, or belongs where it says.
    fn belongs(&self, at: Timestamp, now: Now) -> Option<Timestamp> {
        let present = &self.present;
        if present.is_known && present.shows(present.since) <= at && at <= now.wall {
            return None;
        }
        if !present.is_known && present.shown(at, now.uptime) {
            return Some(in_era(self.era, present.uptime_of(at)));
        }
        let shown = self.past.iter().find(|past| past.shown(at, past.until))?;
        match shown.truth {
            Some(truth) => {
                let at = moved(Timestamp(0), truth.saturating_add_unsigned(shown.uptime_of(at)));
                // Nothing that moves with the clock moves past the present.
                Some(if present.is_known { at.min(now.wall) } else { at })
            }
            None if !shown.is_known => Some(in_era(shown.era, shown.uptime_of(at))),
            None => None,
        }
    }
}

fn is_known(wall: Timestamp, trust: Trust, floor: Timestamp) -> bool {
    let in_calendar = (EARLIEST..TIME_END).contains(&wall);
    in_calendar && (trust == Trust::Synchronised || (trust == Trust::Kept && wall >= floor))
}

#[cfg(test)]
#[path = "timekeeper_tests.rs"]
mod tests;
