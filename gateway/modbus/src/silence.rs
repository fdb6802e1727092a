//! The silence that frames of a serial line need between them.

use std::time::{Duration, Instant};

/// The silence before a frame, in characters (times two). The standard fixes it at 1.75 ms above 19200 baud.
const GAP_HALF_CHARS: u32 = 7;
/// See [`GAP_HALF_CHARS`].
const GAP_MIN: Duration = Duration::from_micros(1750);

/// A line that never falls silent is talked into after this long: waiting for ever would hide that it is broken.
const BABBLE_MAX: Duration = Duration::from_secs(1);

/// The silence before a frame on a line with such characters.
pub(crate) fn gap_of(char_time: Duration) -> Duration {
    // From 19200 baud on, with 11 bits a character, the standard's fixed silence is the longer one.
    (char_time * GAP_HALF_CHARS / 2).max(GAP_MIN)
}

/// When a line was last heard, and when it is free.
#[derive(Debug)]
pub(crate) struct Silence {
    char_time: Duration,
    ready_at: Option<Instant>,
    babble_until: Option<Instant>,
}

impl Silence {
    /// Of a line where a character takes so long.
    pub(crate) fn new(char_time: Duration) -> Self {
        Self { char_time, ready_at: None, babble_until: None }
    }

    /// The earliest instant at which the next request may go out; `None`: at once.
    pub(crate) fn ready_at(&self) -> Option<Instant> {
        self.ready_at
    }

    /// A frame ended now.
    pub(crate) fn begins(&mut self, now: Instant) {
        self.ready_at = Some(now + gap_of(self.char_time));
        if self.babble_until.is_none_or(|until| until < now) {
            self.babble_until = Some(now + BABBLE_MAX);
        }
    }

    /// An answer was given up.
    pub(crate) fn begins_anew(&mut self, now: Instant) {
        self.begins(now);
        self.babble_until = self.ready_at.map(|at| at + BABBLE_MAX);
    }

    /// Somebody talks whom nobody asked: the line isn't free yet, unless this has gone on for too long.
    pub(crate) fn is_broken(&mut self, now: Instant) {
        if self.babble_until.is_none_or(|until| now < until) {
            self.begins(now);
        }
    }
}
