//! One request and its answer on one line, in bytes and in time. Pure: bytes and instants come in, a reply comes out.
//!
//! Modbus TCP tells late answers by their transaction number. On a serial line nothing tells them: what arrives while
//! nothing is asked is dropped, and the device state machine does the rest: its next request to that unit is one that
//! the lost answer doesn't fit.

use std::time::{Duration, Instant};

use tokio_modbus::{Request, Response};

use crate::mbap::Mbap;
use crate::pdu::{self, BadReply};
use crate::rtu::Rtu;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Data, of the kind and size that was asked.
    Answer(Response),
    /// The device refused.
    Exception(tag::ExceptionCode),
    /// Nothing came in time.
    TimedOut,
    /// Something came that is no answer.
    Bad(BadReply),
    /// It was to all units of a serial line, of which none answers.
    Broadcast,
}

/// How bytes become frames.
#[derive(Debug)]
enum Framing {
    /// Modbus TCP.
    Tcp(Mbap),
    /// Modbus RTU; how long one character takes on the line.
    Rtu(Rtu, Duration),
}

/// Garbled frames end this long after their last byte: no need to wait out the timeout.
const GARBLED_SETTLE: Duration = Duration::from_millis(50);

/// The silence before a frame, in characters (times two). The standard fixes it at 1.75 ms above 19200 baud.
const GAP_HALF_CHARS: u32 = 7;
/// See [`GAP_HALF_CHARS`].
const GAP_MIN: Duration = Duration::from_micros(1750);

/// Later than this nobody answers any more, unless it was seen to: it bounds the doubt after a lost answer.
pub const LATE_MAX: Duration = Duration::from_secs(4);

/// Who looks at the time later than this didn't run meanwhile, and its own absence must not pass for slow answers.
const OVERSLEPT: Duration = Duration::from_millis(100);

/// A line that never falls silent is talked into after this long: waiting for ever would hide that it is broken.
const BABBLE_MAX: Duration = Duration::from_secs(1);

/// How long the units of a line have before the next request, after one that was to all of them.
const BROADCAST_TURN: Duration = Duration::from_millis(100);

/// The silence before a frame on a line with such characters.
pub(crate) fn gap_of(char_time: Duration) -> Duration {
    // From 19200 baud on, with 11 bits a character, the standard's fixed silence is the longer one.
    (char_time * GAP_HALF_CHARS / 2).max(GAP_MIN)
}

#[derive(Debug)]
struct InFlight {
    unit: u8,
    request: Request<'static>,
    sent: Instant,
    deadline: Instant,
    broadcast: bool,
    /// Bytes after which a whole answer must have been found.
    whole: usize,
}

/// One line's exchange of requests and answers: at most one is in flight.
#[derive(Debug)]
pub struct Exchange {
    framing: Framing,
    in_flight: Option<InFlight>,
    ready_at: Option<Instant>,
    babble_until: Option<Instant>,
    /// Who was asked in vain last, and when: what arrives now may be that answer.
    lost: Option<(u8, Instant)>,
    /// Somebody answered after it was given up, so long after it was asked.
    late: Option<(u8, Duration)>,
}

impl Exchange {
    /// For a TCP connection.
    pub fn tcp() -> Self {
        Self::new(Framing::Tcp(Mbap::default()))
    }

    /// For a serial line where a character (start, data, parity and stop bits) takes so long.
    pub fn rtu(char_time: Duration) -> Self {
        Self::new(Framing::Rtu(Rtu::default(), char_time))
    }

    fn new(framing: Framing) -> Self {
        Self { framing, in_flight: None, ready_at: None, babble_until: None, lost: None, late: None }
    }

    /// A new connection, or an old one lost.
    pub fn reset(&mut self) {
        self.in_flight = None;
        self.lost = None;
        match &mut self.framing {
            Framing::Tcp(mbap) => mbap.reset(),
            Framing::Rtu(rtu, _) => rtu.reset(),
        }
    }

    /// Frames without a number?
    pub(crate) fn is_rtu(&self) -> bool {
        matches!(self.framing, Framing::Rtu(..))
    }

    /// Is an answer awaited?
    pub fn is_waiting(&self) -> bool {
        self.in_flight.is_some()
    }

    /// The earliest instant at which the next request may go out; `None`: at once.
    pub fn ready_at(&self) -> Option<Instant> {
        self.ready_at
    }

    /// When [`Exchange::on_time`] has something to say, if nothing arrives before.
    pub fn wake_at(&self) -> Option<Instant> {
        self.in_flight.as_ref().map(|f| f.deadline)
    }

    /// Takes who answered after it was given up, and how long after it was asked.
    pub fn take_late(&mut self) -> Option<(u8, Duration)> {
        self.late.take()
    }

    /// Puts a request in flight and gives the bytes to send.
    pub fn begin(&mut self, now: Instant, unit: u8, request: Request<'static>, timeout: Duration) -> Vec<u8> {
        assert!(self.in_flight.is_none(), "one request at a time");
        let (bytes, whole, wire_time) = match &mut self.framing {
            Framing::Tcp(mbap) => (mbap.encode(unit, &request), usize::MAX, Duration::ZERO),
            Framing::Rtu(rtu, char_time) => {
                let bytes = rtu.encode(unit, &request);
                let whole = pdu::answer_len(&request) + 3;
                let chars = u32::try_from(bytes.len() + whole).unwrap_or(u32::MAX);
                (bytes, whole, *char_time * chars)
            }
        };
        let broadcast = unit == 0 && matches!(self.framing, Framing::Rtu(..));
        let deadline = now + wire_time + if broadcast { BROADCAST_TURN } else { timeout };
        self.in_flight = Some(InFlight { unit, request, sent: now, deadline, broadcast, whole });
        bytes
    }

    /// Takes what arrived.
    pub fn on_bytes(&mut self, now: Instant, bytes: &[u8]) -> Option<Reply> {
        let Some(flight) = &mut self.in_flight else {
            self.drop_late(now);
            return None;
        };
        if flight.broadcast {
            self.drop_late(now);
            return None;
        }
        if now >= flight.deadline {
            // Nobody looked for so long: what lies here may be as old as the request.
            let reply = self.on_time(now);
            self.drop_late(now);
            return reply;
        }
        let found = match &mut self.framing {
            Framing::Tcp(mbap) => {
                let found = mbap.push(flight.unit, &flight.request, bytes);
                if let (Some(unit), Some((lost, sent))) = (mbap.take_late(), self.lost) {
                    self.late = (unit == lost).then(|| (unit, now.saturating_duration_since(sent)));
                }
                found
            }
            Framing::Rtu(rtu, _) => {
                let found = rtu.push(flight.unit, &flight.request, bytes);
                if found.is_none() && rtu.heard() >= flight.whole {
                    flight.deadline = flight.deadline.min(now + GARBLED_SETTLE);
                }
                found
            }
        };
        match found? {
            Ok(answer) => {
                self.in_flight = None;
                self.lost = None;
                self.keep_gap(now);
                Some(answer.map_or_else(|code| Reply::Exception(tag::ExceptionCode(code.into())), Reply::Answer))
            }
            Err(bad) => {
                self.lose(now);
                Some(Reply::Bad(bad))
            }
        }
    }

    /// Tells what the passing of time has ended.
    pub fn on_time(&mut self, now: Instant) -> Option<Reply> {
        let flight = self.in_flight.as_ref()?;
        if now < flight.deadline {
            return None;
        }
        if flight.broadcast {
            self.in_flight = None;
            if let Framing::Rtu(rtu, _) = &mut self.framing {
                rtu.reset();
            }
            return Some(Reply::Broadcast);
        }
        let heard = match &self.framing {
            Framing::Tcp(_) => 0,
            Framing::Rtu(rtu, _) => rtu.heard(),
        };
        self.lose(now);
        Some(if heard > 0 { Reply::Bad(BadReply::Garbled) } else { Reply::TimedOut })
    }

    /// The answer in flight is given up.
    fn lose(&mut self, now: Instant) {
        let Some(flight) = self.in_flight.take() else { return };
        // Nobody looked for so long: how late an answer was that lies here now, nobody knows.
        self.lost = (now < flight.deadline + OVERSLEPT).then_some((flight.unit, flight.sent));
        if let Framing::Rtu(rtu, _) = &mut self.framing {
            rtu.reset();
            self.keep_gap(now);
            self.babble_until = self.ready_at.map(|at| at + BABBLE_MAX);
        }
    }

    /// What nobody waits for is dropped, but it tells how late a lost answer was, and the line isn't free yet.
    fn drop_late(&mut self, now: Instant) {
        if let Some((unit, sent)) = self.lost.take() {
            self.late = Some((unit, now.saturating_duration_since(sent)));
        }
        if self.babble_until.is_none_or(|until| now < until) {
            let before = self.ready_at;
            self.keep_gap(now);
            self.ready_at = self.ready_at.max(before);
        }
    }

    fn keep_gap(&mut self, now: Instant) {
        if let Framing::Rtu(_, char_time) = &self.framing {
            self.ready_at = Some(now + gap_of(*char_time));
            if self.babble_until.is_none_or(|until| until < now) {
                self.babble_until = Some(now + BABBLE_MAX);
            }
        }
    }
}
