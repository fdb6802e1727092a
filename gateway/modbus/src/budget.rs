//! What those that don't answer may cost a line: a share of its time, all of them together.

use std::time::{Duration, Instant};

/// What may be saved up: an outage that has just begun is looked at more closely, for a few timeouts' time. It takes
/// [`Budget::SHARE`] times as long to save it up again.
const SAVED: Duration = Duration::from_secs(1);

/// An account in time: grows by a tenth of what passes, is spent on waiting in vain.
#[derive(Debug)]
pub(crate) struct Budget {
    /// When the account was, or will be, empty: before now is money in the bank.
    empty_at: Instant,
}

impl Budget {
    /// One part in ten of the line's time.
    pub(crate) const SHARE: u32 = 10;

    /// Full.
    pub(crate) fn new(now: Instant) -> Self {
        Self { empty_at: now.checked_sub(SAVED * Self::SHARE).unwrap_or(now) }
    }

    /// Waited so long in vain.
    pub(crate) fn spend(&mut self, now: Instant, cost: Duration) {
        self.empty_at = self.empty_at.max(now.checked_sub(SAVED * Self::SHARE).unwrap_or(now)) + cost * Self::SHARE;
    }

    /// What is owed beyond this is let off.
    pub(crate) fn ready_by(&mut self, at: Instant) {
        self.empty_at = self.empty_at.min(at);
    }

    /// When the next may be asked that probably won't answer.
    pub(crate) fn ready_at(&self) -> Instant {
        self.empty_at
    }

    /// How long it takes at worst until each of the dead has been asked, if one question to each costs this much.
    pub(crate) fn worst(all_costs: Duration) -> Duration {
        all_costs * Self::SHARE
    }
}

#[cfg(test)]
mod tests {
    use shell::Clock;

    use super::*;

    #[test]
    fn whatever_is_asked_when_it_may_be_costs_a_tenth_at_most() {
        let start = shell::SystemClock.mono();
        let ms = Duration::from_millis(1);
        for cost in [10 * ms, 200 * ms, 1000 * ms] {
            let (mut budget, mut now, mut spent) = (Budget::new(start), start, Duration::ZERO);
            while now - start < Duration::from_secs(600) {
                now = now.max(budget.ready_at()) + cost;
                budget.spend(now, cost);
                spent += cost;
            }
            let share = spent.as_secs_f64() / (now - start).as_secs_f64();
            assert!((0.095..0.105).contains(&share), "{share}");
        }
    }

    #[test]
    fn a_first_outage_is_looked_at_closely() {
        let start = shell::SystemClock.mono();
        let mut budget = Budget::new(start);
        let tries = (0..20).take_while(|_| {
            let free = budget.ready_at() <= start;
            budget.spend(start, Duration::from_millis(200));
            free
        });
        assert_eq!(tries.count(), 6);
    }
}
