//! A line that comes and goes must not fill the log: flash wears, and what matters is pushed out.

use std::time::{Duration, Instant};

/// As many changes in a row are said as a person makes who looks for a loose plug.
const SAID_MAX: u32 = 6;
/// Whoever has stayed as it is for so long has ended the row.
const CALM: Duration = Duration::from_secs(60);

/// What becomes of a change in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flap {
    /// It is said.
    Said,
    /// In its place it is said that the next ones won't be.
    Last,
    /// It is not said.
    Counted,
}

/// The changes of one line.
#[derive(Debug, Default)]
pub(crate) struct Flaps {
    in_a_row: u32,
    last: Option<Instant>,
}

impl Flaps {
    /// It has changed.
    pub(crate) fn change(&mut self, now: Instant) -> Flap {
        if self.last.is_none_or(|last| now.saturating_duration_since(last) >= CALM) {
            self.in_a_row = 0;
        }
        self.last = Some(now);
        self.in_a_row = self.in_a_row.saturating_add(1);
        match self.in_a_row {
            ..=SAID_MAX => Flap::Said,
            n if n == SAID_MAX + 1 => Flap::Last,
            _ => Flap::Counted,
        }
    }
}

#[cfg(test)]
mod tests {
    use shell::Clock;

    use super::*;

    #[test]
    fn a_day_of_flapping_is_seven_lines_and_a_calm_minute_ends_it() {
        let (mut flaps, start) = (Flaps::default(), shell::SystemClock.mono());
        let second = Duration::from_secs(1);
        let day: Vec<Flap> = (0..86_400).map(|n| flaps.change(start + second * n)).collect();
        assert_eq!(day[..7], [[Flap::Said; 6].as_slice(), &[Flap::Last]].concat());
        assert!(day[7..].iter().all(|flap| *flap == Flap::Counted));
        assert_eq!(flaps.change(start + second * 86_460), Flap::Said);
    }
}
