//! Time is handed in: monotonic for waiting, wall for stamping, uptime for what another process judges.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use tag::{Timestamp, Uptime};

use crate::trust::{Trust, boot_given, boot_of, trust_of};

/// The clocks are read one after another; if that took longer, somebody was interrupted between them.
const TOGETHER_US: u64 = 2000;

/// How often they are read again for it.
const TOGETHER_TRIES: usize = 5;

/// A clock. Daemons take one as an argument, so that a test can hold time in its hands.
pub trait Clock: Send + Sync {
    /// For waiting and for ages: never steps.
    fn mono(&self) -> Instant;
    /// For stamping: what the world calls this instant. May step.
    fn wall(&self) -> Timestamp;
    /// For deadlines that travel to another process of this machine: never steps.
    fn uptime(&self) -> Uptime;

    /// How well the wall clock is known to be right, at present.
    fn trust(&self) -> Trust {
        Trust::Kept
    }

    /// This boot's name: the same for every process of the machine until it is switched off. Empty: nobody knows it.
    fn boot(&self) -> String {
        String::new()
    }

    /// All of them, as at one moment: a process may be interrupted between two clocks, and then they don't fit.
    fn now(&self) -> Now {
        let mut uptime = self.uptime();
        let mut now = Now { mono: self.mono(), wall: self.wall(), uptime };
        for _ in 0..TOGETHER_TRIES {
            let after = self.uptime();
            if after.0.saturating_sub(uptime.0) <= TOGETHER_US {
                break;
            }
            uptime = after;
            now = Now { mono: self.mono(), wall: self.wall(), uptime };
        }
        now
    }
}

/// What all clocks show at one moment, for those who take the time as an argument.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// See [`Clock::mono`].
    pub mono: Instant,
    /// See [`Clock::wall`].
    pub wall: Timestamp,
    /// See [`Clock::uptime`].
    pub uptime: Uptime,
}

/// A clock shared by the parts of a daemon.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The machine's clocks as a [`SharedClock`].
    pub fn shared() -> SharedClock {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one door to the machine's clocks")]
    fn mono(&self) -> Instant {
        Instant::now()
    }

    #[allow(clippy::disallowed_methods, reason = "the one door to the machine's clocks")]
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    fn uptime(&self) -> Uptime {
        let since = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("every kernel since 2.6.39 has this clock");
        Uptime::default().after(Duration::from(since))
    }

    fn trust(&self) -> Trust {
        trust_of(Path::new("/"))
    }

    fn boot(&self) -> String {
        boot_of(Path::new("/"), boot_given())
    }
}

/// A machine that wasn't switched on just now, so that nothing depends on that.
const MANUAL_UPTIME: Uptime = Uptime(1_000_000_000);

/// A clock that moves when told: for tests and simulations.
#[derive(Debug)]
pub struct ManualClock {
    origin: Instant,
    state: Mutex<ManualState>,
}

#[derive(Debug)]
struct ManualState {
    elapsed: Duration,
    wall: Timestamp,
    trust: Trust,
    boot: String,
}

impl ManualClock {
    /// A clock that shows `wall` and stands still.
    pub fn at(wall: Timestamp) -> Arc<Self> {
        let state = Mutex::new(ManualState { elapsed: Duration::ZERO, wall, trust: Trust::Kept, boot: String::new() });
        Arc::new(Self { origin: SystemClock.mono(), state })
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.elapsed += by;
        state.wall = Timestamp(state.wall.0.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)));
    }

    /// Steps the wall clock alone, as NTP or a person does.
    pub fn step_wall(&self, to: Timestamp) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).wall = to;
    }

    /// What is said of the wall clock from now on.
    pub fn set_trust(&self, trust: Trust) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).trust = trust;
    }

    /// What this boot is called.
    pub fn set_boot(&self, boot: &str) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).boot = boot.to_owned();
    }
}

impl Clock for ManualClock {
    fn mono(&self) -> Instant {
        self.origin + self.state.lock().unwrap_or_else(PoisonError::into_inner).elapsed
    }

    fn wall(&self) -> Timestamp {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).wall
    }

    fn uptime(&self) -> Uptime {
        MANUAL_UPTIME.after(self.state.lock().unwrap_or_else(PoisonError::into_inner).elapsed)
    }

    fn trust(&self) -> Trust {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).trust
    }

    fn boot(&self) -> String {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).boot.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_the_wall_clock_moves_no_waiting() {
        let clock = ManualClock::at(Timestamp(1_000_000));
        let (before, deadline) = (clock.mono(), clock.uptime().after(Duration::from_secs(3)));
        clock.advance(Duration::from_secs(2));
        clock.step_wall(Timestamp(5));
        assert_eq!(clock.mono() - before, Duration::from_secs(2));
        assert_eq!(clock.wall(), Timestamp(5));
        assert_eq!(deadline.left(clock.uptime()), Some(Duration::from_secs(1)));
    }

    #[test]
    fn two_clocks_of_the_machine_agree_on_its_uptime() {
        let first = SystemClock.uptime();
        let (mono, second) = (SystemClock.mono(), SystemClock.uptime());
        assert!(first <= second && second <= SystemClock.uptime());
        assert!(second.left(first).unwrap_or_default() <= Duration::from_secs(1), "they are of one machine");
        assert!(SystemClock.mono() >= mono);
    }
}
