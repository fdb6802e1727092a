//! The clock's part of the daemon: what time it is, which time a sample is kept under, and telling the store what is
//! learned of times.

use std::collections::VecDeque;
use std::time::Duration;

use shell::{Now, SharedClock, Trust};
use tag::{Sample, Timestamp, Uptime};

use crate::entry::TagNo;
use crate::era::{Given, Restamp};
use crate::recorder::Recorder;
use crate::store::Store;
use crate::timekeeper::{Timekeeper, Turn, Whose};

/// Times of one tag that its source has said are remembered, so that they stay when stamps of the same tag move. A tag
/// with more is its source's as a whole: a forecast by the hour for ten days has 240.
const GIVEN_MAX: usize = 256;

/// Steps of the clock that wait to be told while the disk is behind. One that jumps about more than this is told as far
/// as there is room: what isn't stays where it is.
const LEARNED_MAX: usize = 64;

/// How often it is asked whether the clock is right, in µs: that reads files.
const ASK_US: u64 = 500_000;

/// At the end the disk is waited for: half of a daemon's grace.
const LAST_TRIES: usize = 100;

/// Between two of them.
const LAST_PAUSE: Duration = Duration::from_millis(25);

/// See the module.
#[derive(Debug)]
pub(crate) struct Stamps {
    keeper: Timekeeper,
    /// By tag: nobody but the box stamps it.
    is_ours: Vec<bool>,
    /// By tag: whose its samples' times have been.
    sources: Vec<Source>,
    given: Given,
    learned: VecDeque<Restamp>,
    /// What was last said of the clock, and when it was asked.
    trust: Trust,
    asked_at: Uptime,
}

/// Whose the times of a tag's samples have been.
#[derive(Debug, Clone, Copy, Default)]
struct Source {
    /// Some were the box's.
    stamps: bool,
    /// So many were its source's that they aren't told apart any more.
    is_sources: bool,
}

impl Stamps {
    /// At the start of a process that goes on with this store.
    pub(crate) fn new(clock: &SharedClock, store: &Store, is_ours: Vec<bool>) -> Self {
        let (now, trust) = (clock.now(), clock.trust());
        let keeper = Timekeeper::new(now, trust, store.newest_own());
        store.set_clock_known(keeper.is_known());
        // An earlier process of this boot may have recorded while it didn't know.
        let learned = keeper.offset().map(|offset| Restamp::Known { era: 0, offset, now: now.wall });
        let sources = vec![Source::default(); is_ours.len()];
        let (given, learned) = (Given::new(), learned.into_iter().collect());
        Self { keeper, is_ours, sources, given, learned, trust, asked_at: now.uptime }
    }

    /// Looks at the clock; what that brings to light is applied to the recorder, and told the store as soon as it takes
    /// it. Gives this moment, as it is kept.
    pub(crate) fn look(&mut self, clock: &SharedClock, recorder: &mut Recorder, store: &Store) -> (Now, Timestamp) {
        let now = clock.now();
        if self.keeper.has_stepped(now) || now.uptime.0.saturating_sub(self.asked_at.0) >= ASK_US {
            (self.trust, self.asked_at) = (clock.trust(), now.uptime);
        }
        for turn in self.keeper.on_clock(now, self.trust).into_iter().flatten() {
            self.on_turn(turn, now.wall, recorder);
            store.set_clock_known(self.keeper.is_known());
        }
        (now, self.keeper.present(now))
    }

    /// What leads from the uptime to what the clock shows, and what that is, as long as it isn't known to be right: for
    /// those who ask by it.
    pub(crate) fn unset(&self, now: Now) -> Option<(i64, Timestamp)> {
        Some((self.keeper.unset_offset()?, now.wall))
    }

    /// The time a tag's sample is kept under; `None`: it has none that can be.
    pub(crate) fn place(&mut self, now: Now, tag: TagNo, sample: &Sample, whose: Whose) -> Option<Timestamp> {
        let whose = if self.is_ours[tag.0 as usize] { Whose::Box } else { whose };
        let at = self.keeper.place(sample.at, now, whose)?;
        let source = &mut self.sources[tag.0 as usize];
        match whose {
            Whose::Box => {
                source.stamps = true;
                // What is stamped at a given time takes its place.
                if let Some(given) = self.given.get_mut(&tag) {
                    given.remove(&at);
                }
            }
            Whose::Source if source.is_sources => {}
            Whose::Source => {
                let given = self.given.entry(tag).or_default();
                given.insert(at);
                if given.len() > GIVEN_MAX {
                    source.is_sources = true;
                    self.given.remove(&tag);
                }
            }
        }
        Some(at)
    }

    /// Tells the store what it hasn't been told yet; false when the disk is behind. What was recorded since must not be
    /// handed over before that: it would be taken for what is to be corrected.
    pub(crate) fn tell(&mut self, store: &Store) -> bool {
        while self.learned.front().is_some_and(|learned| store.restamp(learned)) {
            self.learned.pop_front();
        }
        self.learned.is_empty()
    }

    /// The same before the store is closed: waits for a disk that is behind, for a moment. Blocks.
    pub(crate) fn tell_all(&mut self, store: &Store) {
        for _ in 0..LAST_TRIES {
            if self.tell(store) {
                return;
            }
            std::thread::sleep(LAST_PAUSE);
        }
        log::error!("a step of the clock isn't told: the disk is behind");
    }

    fn on_turn(&mut self, turn: Turn, now: Timestamp, recorder: &mut Recorder) {
        let learned = match turn {
            Turn::Known { era, offset } => {
                log::info!("the clock is set: what was recorded before gets its time");
                Restamp::Known { era, offset, now }
            }
            Turn::Moved { from, to, by, is_sure } => {
                log::warn!("the clock was stepped by {:.3} s", by as f64 / 1e6);
                let moves =
                    |no: &usize| self.is_ours[*no] || (self.sources[*no].stamps && !self.sources[*no].is_sources);
                let tags = (0..self.sources.len()).filter(moves).map(|no| TagNo(no as u32)).collect();
                Restamp::Moved { from, to, by, is_sure, now, tags, given: self.given.clone() }
            }
            Turn::Lost => {
                log::warn!("the clock isn't known to be right any more: what is recorded now gets its time later");
                return;
            }
        };
        recorder.restamp(&learned);
        if self.learned.len() < LEARNED_MAX {
            self.learned.push_back(learned);
        } else {
            log::error!("a step of the clock isn't told: the disk is behind");
        }
    }
}

#[cfg(test)]
#[path = "stamps_tests.rs"]
mod tests;
