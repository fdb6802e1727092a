//! How long a unit takes to answer: learned, so that a lost answer costs the line no more than it must.

use std::collections::VecDeque;
use std::time::Duration;

/// Nobody is given up sooner: a USB adapter holds bytes back for 16 ms, and a PLC's scan is a few times that.
pub(crate) const PATIENCE_MIN: Duration = Duration::from_millis(100);
/// Answers remembered: about a minute's worth, so that a device that has become slower is known to be.
const RECENT: usize = 64;
/// With fewer answers than this nothing is known of a unit, and it gets the whole time that the site gives it.
const KNOWN: usize = 8;
/// Patience in multiples of the slowest recent answer.
const HEADROOM_MIN: u32 = 2;
/// See [`HEADROOM_MIN`].
const HEADROOM_MAX: u32 = 16;
/// After so many answers in a row that came in time, headroom that was learned is given back by half.
const CALM: u32 = 256;
/// The first silence that is tried with a unit that misses requests: some gateways drop one that comes at once.
const GAP_STEP: Duration = Duration::from_millis(5);
/// Devices that need more than this are told of by the site (`gap_ms`).
const GAP_MAX: Duration = Duration::from_millis(20);
/// Every so many tries a dead unit gets the whole time: it may have come back slower than it was.
const PATIENT_PROBE: u32 = 4;

/// What is known of a unit's answer times, the time of the bytes on the line not counted.
#[derive(Debug, Clone)]
pub(crate) struct Timing {
    recent: VecDeque<Duration>,
    /// Of those.
    slowest: Duration,
    headroom: u32,
    /// Silence it seems to need before a request.
    gap: Duration,
    calm: u32,
    longest: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            recent: VecDeque::with_capacity(RECENT),
            slowest: Duration::ZERO,
            headroom: HEADROOM_MIN,
            gap: Duration::ZERO,
            calm: 0,
            longest: Duration::ZERO,
        }
    }
}

impl Timing {
    /// An answer came.
    pub(crate) fn answered(&mut self, took: Duration) {
        let forgotten = if self.recent.len() == RECENT { self.recent.pop_front() } else { None };
        self.recent.push_back(took);
        self.slowest = match forgotten {
            // Only then another one may be the slowest of them.
            Some(forgotten) if forgotten == self.slowest => self.recent.iter().max().copied().unwrap_or_default(),
            _ => self.slowest.max(took),
        };
        self.longest = self.longest.max(took);
        self.calm += 1;
        if self.calm == CALM {
            self.calm = 0;
            self.headroom = (self.headroom / 2).max(HEADROOM_MIN);
            self.gap = if self.gap > GAP_STEP { self.gap / 2 } else { Duration::ZERO };
        }
    }

    /// A request was given up, but the unit is there: it wanted more time to answer, or more silence before it was asked,
    /// or the answer was lost on the way. Nobody knows which, so it gets more of both.
    pub(crate) fn given_up_too_soon(&mut self) {
        self.calm = 0;
        self.headroom = (self.headroom * 2).min(HEADROOM_MAX);
        self.gap = (self.gap * 2).clamp(GAP_STEP, GAP_MAX);
    }

    /// The silence before a request that this unit seems to need.
    pub(crate) fn gap(&self) -> Duration {
        self.gap
    }

    /// An answer came after it was given up.
    pub(crate) fn late(&mut self, took: Duration) {
        self.longest = self.longest.max(took);
    }

    /// The longest answer time seen, late ones included.
    pub(crate) fn longest(&self) -> Duration {
        self.longest
    }

    /// How long the first try of a request waits. A second one waits for as long as the site says.
    pub(crate) fn patience(&self, most: Duration) -> Duration {
        if self.recent.len() < KNOWN {
            return most;
        }
        (self.slowest * self.headroom).max(PATIENCE_MIN).min(most)
    }

    /// How long a dead unit is waited for when it was asked so often in vain.
    pub(crate) fn probe_patience(&self, probes: u32, most: Duration) -> Duration {
        if probes % PATIENT_PROBE == PATIENT_PROBE - 1 { most } else { self.patience(most) }
    }

    /// The answer time that so many percent of the recent answers kept to.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn patience_follows_the_slowest_recent_answer_between_floor_and_cap() {
        let mut timing = Timing::default();
        assert_eq!(timing.patience(1000 * MS), 1000 * MS, "nothing is known");
        (0..KNOWN).for_each(|_| timing.answered(3 * MS));
        assert_eq!(timing.patience(1000 * MS), PATIENCE_MIN);
        assert_eq!(timing.patience(50 * MS), 50 * MS, "the site's word is the cap, below the floor too");
        timing.answered(170 * MS);
        assert_eq!(timing.patience(1000 * MS), 340 * MS);
        (0..RECENT).for_each(|_| timing.answered(3 * MS));
        assert_eq!(timing.patience(1000 * MS), PATIENCE_MIN, "long ago");
        assert_eq!(timing.longest(), 170 * MS, "but not forgotten");
    }

    #[test]
    fn who_was_given_up_too_soon_gets_more_and_gives_it_back_slowly() {
        let mut timing = Timing::default();
        (0..KNOWN).for_each(|_| timing.answered(100 * MS));
        timing.given_up_too_soon();
        assert_eq!(timing.patience(1000 * MS), 400 * MS);
        (0..9).for_each(|_| timing.given_up_too_soon());
        assert_eq!(timing.patience(10_000 * MS), 1600 * MS);
        (0..CALM * 3).for_each(|_| timing.answered(100 * MS));
        assert_eq!(timing.patience(10_000 * MS), 200 * MS);
    }

    #[test]
    fn silence_that_was_learned_is_capped_and_given_back_too() {
        let mut timing = Timing::default();
        let gaps = (0..5).map(|_| {
            timing.given_up_too_soon();
            timing.gap()
        });
        assert_eq!(gaps.collect::<Vec<_>>(), [5 * MS, 10 * MS, 20 * MS, 20 * MS, 20 * MS]);
        let gaps = (0..4).map(|_| {
            (0..CALM).for_each(|_| timing.answered(3 * MS));
            timing.gap()
        });
        assert_eq!(gaps.collect::<Vec<_>>(), [10 * MS, 5 * MS, Duration::ZERO, Duration::ZERO]);
    }

    #[test]
    fn percentiles_are_of_recent_answers() {
        let mut timing = Timing::default();
        assert_eq!(timing.percentile(50), None);
        (1..=60).for_each(|n| timing.answered(n * MS));
        assert_eq!(timing.percentile(50), Some(31 * MS));
        assert_eq!(timing.percentile(95), Some(58 * MS));
        assert_eq!(timing.percentile(100), Some(60 * MS));
    }

    #[test]
    fn every_fourth_probe_is_a_patient_one() {
        let mut timing = Timing::default();
        (0..KNOWN).for_each(|_| timing.answered(MS));
        let waits: Vec<Duration> = (0..5).map(|n| timing.probe_patience(n, 1000 * MS)).collect();
        assert_eq!(waits, [PATIENCE_MIN, PATIENCE_MIN, PATIENCE_MIN, 1000 * MS, PATIENCE_MIN]);
    }
}
