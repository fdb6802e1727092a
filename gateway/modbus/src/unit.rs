//! One unit of a line: is it there, and which of its answers may still be under way?

use std::time::{Duration, Instant};

use tag::Fault;
use tokio_modbus::Request;

use crate::exchange::LATE_MAX;
use crate::pace::Pace;
use crate::pdu;
use crate::timing::Timing;

/// What tells an answer from another of the same unit on a serial line: its function and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    function: u8,
    len: usize,
    /// Of an echo: what must come back.
    token: Option<[u8; 2]>,
}

impl Shape {
    pub(crate) fn of(request: &Request<'_>) -> Self {
        let token = match request {
            Request::Custom(pdu::DIAGNOSTICS, data) => data.get(2..4).map(|token| [token[0], token[1]]),
            _ => None,
        };
        Self { function: request.function_code().value(), len: pdu::answer_len(request), token }
    }
}

/// How a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// Not asked yet.
    Fresh,
    /// It answered last time, or may still do so.
    Online,
    /// It didn't answer, not even when asked again.
    Offline(Fault),
}

/// Shapes are forgotten with time; this many answers can't all be under way.
const LOST_MAX: usize = 64;

/// What was counted of a unit.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) timeouts: u64,
    pub(crate) exceptions: u64,
    pub(crate) bad: u64,
    pub(crate) crc: u64,
    pub(crate) busy: Duration,
    pub(crate) in_vain: Duration,
}

#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) id: u8,
    pub(crate) health: Health,
    /// Requests in a row without an answer.
    pub(crate) failures: u32,
    /// When the last of them was given up.
    pub(crate) failed_at: Option<Instant>,
    pub(crate) last_answer: Option<Instant>,
    /// While offline: when it is asked again.
    pub(crate) probe_at: Instant,
    /// While offline: how often it was asked in vain.
    pub(crate) probes: u32,
    /// Serial lines: answers that never came, so that they still may. A device answers in the order it was asked, so a
    /// good answer of a shape that is not among them ends the doubt.
    lost: Vec<(Shape, Instant)>,
    /// It said something that may have been the answer to a lost request: it is there, but its values can't be told
    /// from older ones yet.
    pub(crate) stirring: bool,
    pub(crate) timing: Timing,
    pub(crate) pace: Pace,
    pub(crate) counts: Counts,
    /// It has function 8: something that can be asked as often as one likes, and every answer tells its request.
    pub(crate) echoes: bool,
}

impl Unit {
    pub(crate) fn new(id: u8, now: Instant) -> Self {
        Self {
            id,
            health: Health::Fresh,
            failures: 0,
            failed_at: None,
            last_answer: None,
            probe_at: now,
            probes: 0,
            lost: Vec::new(),
            stirring: false,
            timing: Timing::default(),
            pace: Pace::default(),
            counts: Counts::default(),
            echoes: false,
        }
    }

    pub(crate) fn is_offline(&self) -> bool {
        matches!(self.health, Health::Offline(_))
    }

    /// May an answer of an earlier request still come?
    pub(crate) fn in_doubt(&self) -> bool {
        !self.lost.is_empty()
    }

    pub(crate) fn lose(&mut self, shape: Shape, sent: Instant) {
        self.lost.retain(|(known, _)| *known != shape);
        if self.lost.len() == LOST_MAX {
            self.lost.remove(0);
        }
        self.lost.push((shape, sent));
    }

    /// An answer with data came. One that no lost request could have had ends the doubt; after any other, the answer
    /// to this very request may be the one that still comes.
    pub(crate) fn heard(&mut self, shape: Shape, sent: Instant) {
        self.stirring = !self.is_new(shape);
        if self.stirring {
            self.lose(shape, sent);
        } else {
            self.lost.clear();
        }
    }

    /// A refusal came, which may be a lost request's own, unless that was of another function.
    pub(crate) fn heard_refusal(&mut self, shape: Shape, sent: Instant) {
        self.stirring = !self.is_new_function(shape);
        if self.stirring {
            self.lose(shape, sent);
        } else {
            self.lost.clear();
        }
    }

    /// Was nothing of this function lost?
    pub(crate) fn is_new_function(&self, shape: Shape) -> bool {
        self.lost.iter().all(|(known, _)| known.function != shape.function)
    }

    pub(crate) fn forget_lost(&mut self) {
        self.lost.clear();
    }

    /// Can no lost answer be taken for an answer of this shape?
    pub(crate) fn is_new(&self, shape: Shape) -> bool {
        self.lost.iter().all(|(known, _)| *known != shape)
    }

    /// How late an answer may be: later than any that was seen.
    pub(crate) fn latest(&self) -> Duration {
        LATE_MAX.max(self.timing.longest() * 5 / 4)
    }

    /// When nobody answers any more what was lost.
    pub(crate) fn quiet_at(&self) -> Option<Instant> {
        self.lost.iter().map(|(_, sent)| *sent + self.latest()).max()
    }

    /// Drops what is long past, but for the last: a device whose answers are one behind gives that one with the next
    /// question, however long it was not asked.
    pub(crate) fn forget_old(&mut self, now: Instant) {
        let latest = self.latest();
        let last = self.lost.last().copied();
        self.lost.retain(|lost| now.saturating_duration_since(lost.1) < latest || Some(*lost) == last);
    }

    /// How long a request to it waits, if the site gives it so much.
    pub(crate) fn patience(&self, most: Duration) -> Duration {
        match self.is_offline() {
            true => self.timing.probe_patience(self.probes, most),
            false if self.failures > 0 => most,
            false => self.timing.patience(most),
        }
    }
}

#[cfg(test)]
mod tests {
    use shell::Clock;

    use super::*;

    #[test]
    fn the_last_lost_answer_is_never_forgotten() {
        let start = shell::SystemClock.mono();
        let shape = |count| Shape::of(&Request::ReadHoldingRegisters(0, count));
        let mut unit = Unit::new(4, start);
        unit.lose(shape(1), start);
        unit.lose(shape(2), start + Duration::from_millis(300));
        unit.forget_old(start + Duration::from_secs(3600));
        assert!(unit.is_new(shape(1)), "long past");
        assert!(!unit.is_new(shape(2)) && unit.in_doubt(), "but a device that is one behind still has this one");
        unit.heard(shape(1), start + Duration::from_secs(3601));
        assert!(!unit.in_doubt(), "an answer that can't be that one ends the doubt");
    }
    #[test]
    fn a_refusal_tells_only_its_function() {
        let start = shell::SystemClock.mono();
        let [read, longer] = [1, 2].map(|count| Shape::of(&Request::ReadHoldingRegisters(0, count)));
        let coil = Shape::of(&Request::ReadCoils(0, 1));
        let mut unit = Unit::new(4, start);
        unit.lose(read, start);
        unit.heard_refusal(longer, start + Duration::from_millis(300));
        assert!(unit.stirring && unit.in_doubt(), "the first may have been refused, late");
        assert!(!unit.is_new(longer), "and then the second's answer still comes");
        unit.heard_refusal(coil, start + Duration::from_millis(600));
        assert!(!unit.stirring && !unit.in_doubt(), "nothing else that was asked can be refused so");
    }

    #[test]
    fn who_was_seen_to_be_slow_is_waited_for_longer() {
        let start = shell::SystemClock.mono();
        let (read, second) = (Shape::of(&Request::ReadHoldingRegisters(0, 1)), Duration::from_secs(1));
        let mut unit = Unit::new(4, start);
        unit.lose(read, start);
        assert_eq!(unit.quiet_at(), Some(start + LATE_MAX));
        unit.timing.late(second * 8);
        assert_eq!(unit.quiet_at(), Some(start + second * 10), "later than it was ever seen to be");
        // The last is kept anyhow; one before it as long as it may still come.
        unit.lose(Shape::of(&Request::ReadCoils(0, 1)), start + second);
        unit.forget_old(start + second * 9);
        assert!(!unit.is_new(read));
        unit.forget_old(start + second * 10);
        assert!(unit.is_new(read));
    }
}
