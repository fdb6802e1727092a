//! Requests and their answers on one line, in bytes and in time. Pure: bytes and instants come in, replies come out.
//!
//! Modbus TCP tells answers by their transaction number, so several requests may be in flight, and what is late is
//! dropped. On a serial line nothing tells them: one request at a time, what arrives while nothing is asked is dropped,
//! and the device state machine does the rest: its next request to that unit is one that the lost answer doesn't fit.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio_modbus::Request;

use crate::mbap::{Found, Mbap};
use crate::pdu::{self, BadReply};
use crate::reply::{Asked, Lost, Reply};
use crate::rtu::Rtu;
use crate::silence::Silence;

/// How bytes become frames.
#[derive(Debug)]
enum Framing {
    /// Modbus TCP.
    Tcp(Mbap),
    /// Modbus RTU; how long one character takes on the line, and when it is free.
    Rtu(Rtu, Duration, Silence),
}

/// Garbled frames end this long after their last byte: no need to wait out the timeout.
const GARBLED_SETTLE: Duration = Duration::from_millis(50);

/// Later than this nobody answers any more, unless it was seen to: it bounds the doubt after a lost answer.
pub const LATE_MAX: Duration = Duration::from_secs(4);

/// Who looks at the time later than this didn't run meanwhile, and its own absence must not pass for slow answers.
const OVERSLEPT: Duration = Duration::from_millis(100);

/// How long the units of a line have before the next request, after one that was to all of them.
const BROADCAST_TURN: Duration = Duration::from_millis(100);

/// Answers that were given up and may still come over TCP: four full pipelines. What is forgotten here is dropped all the
/// same, but how late it was isn't known, and its transaction number may be used anew, some 65,000 requests later.
const LOST_MAX: usize = 64;

#[derive(Debug)]
struct InFlight {
    asked: Asked,
    /// Modbus TCP's number of it.
    number: u16,
    unit: u8,
    request: Request<'static>,
    sent: Instant,
    deadline: Instant,
    broadcast: bool,
    /// Bytes after which a whole answer must have been found.
    whole: usize,
}

/// One line's exchange of requests and answers. Of a serial line at most one is in flight.
#[derive(Debug)]
pub struct Exchange {
    framing: Framing,
    /// In the order they were sent.
    in_flight: Vec<InFlight>,
    /// How many may be.
    window: usize,
    lost: VecDeque<Lost>,
    /// Somebody answered after it was given up, so long after it was asked.
    late: Option<(u8, Duration)>,
    /// An answer came over TCP under a number that nobody waits for and nobody was given up under.
    misnumbered: bool,
}

impl Exchange {
    /// For a TCP connection, over which so many requests may be in flight.
    pub fn tcp(window: usize) -> Self {
        Self::new(Framing::Tcp(Mbap::default()), window.max(1))
    }

    /// For a serial line where a character (start, data, parity and stop bits) takes so long.
    pub fn rtu(char_time: Duration) -> Self {
        Self::new(Framing::Rtu(Rtu::default(), char_time, Silence::new(char_time)), 1)
    }

    fn new(framing: Framing, window: usize) -> Self {
        let (in_flight, lost) = (Vec::with_capacity(window), VecDeque::new());
        Self { framing, in_flight, window, lost, late: None, misnumbered: false }
    }

    /// A new connection, or an old one lost.
    pub fn reset(&mut self) {
        self.in_flight.clear();
        self.lost.clear();
        match &mut self.framing {
            Framing::Tcp(mbap) => mbap.reset(),
            Framing::Rtu(rtu, ..) => rtu.reset(),
        }
    }

    /// Frames without a number?
    pub(crate) fn is_rtu(&self) -> bool {
        matches!(self.framing, Framing::Rtu(..))
    }

    /// Is an answer awaited?
    pub fn is_waiting(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Are so many in flight that no other may go out?
    pub fn is_full(&self) -> bool {
        self.in_flight.len() >= self.window
    }

    /// The earliest instant at which the next request may go out; `None`: at once.
    pub fn ready_at(&self) -> Option<Instant> {
        match &self.framing {
            Framing::Tcp(_) => None,
            Framing::Rtu(_, _, silence) => silence.ready_at(),
        }
    }

    /// When [`Exchange::on_time`] has something to say, if nothing arrives before.
    pub fn wake_at(&self) -> Option<Instant> {
        self.in_flight.iter().map(|flight| flight.deadline).min()
    }

    /// Takes who answered after it was given up, and how long after it was asked.
    pub fn take_late(&mut self) -> Option<(u8, Duration)> {
        self.late.take()
    }

    /// Takes whether the peer gave an answer twice, or one that nobody ever asked for.
    pub(crate) fn take_misnumbered(&mut self) -> bool {
        std::mem::take(&mut self.misnumbered)
    }

    /// Puts a request in flight and gives the bytes to send.
    pub fn begin(
        &mut self,
        now: Instant,
        asked: Asked,
        unit: u8,
        request: Request<'static>,
        timeout: Duration,
    ) -> Vec<u8> {
        assert!(!self.is_full(), "not more at a time than the line takes");
        let (lost, in_flight) = (&self.lost, &self.in_flight);
        let (number, bytes, whole, wire_time) = match &mut self.framing {
            Framing::Tcp(mbap) => {
                let is_taken =
                    |n| lost.iter().any(|lost| lost.number == n) || in_flight.iter().any(|flight| flight.number == n);
                let (number, bytes) = mbap.encode(unit, &request, is_taken);
                (number, bytes, usize::MAX, Duration::ZERO)
            }
            Framing::Rtu(rtu, char_time, _) => {
                let bytes = rtu.encode(unit, &request);
                let whole = pdu::answer_len(&request) + 3;
                let chars = u32::try_from(bytes.len() + whole).unwrap_or(u32::MAX);
                (0, bytes, whole, *char_time * chars)
            }
        };
        let broadcast = unit == 0 && self.is_rtu();
        let deadline = now + wire_time + if broadcast { BROADCAST_TURN } else { timeout };
        self.in_flight.push(InFlight { asked, number, unit, request, sent: now, deadline, broadcast, whole });
        bytes
    }

    /// Takes what arrived. There may be more than one reply in it: with no more bytes, it gives the next.
    pub fn on_bytes(&mut self, now: Instant, bytes: &[u8]) -> Option<(Asked, Reply)> {
        if self.is_rtu() { self.on_characters(now, bytes) } else { self.on_packet(now, bytes) }
    }

    fn on_packet(&mut self, now: Instant, bytes: &[u8]) -> Option<(Asked, Reply)> {
        if let Framing::Tcp(mbap) = &mut self.framing {
            mbap.keep(bytes);
        }
        // Nobody looked for so long: what lies here may be as old as the request, and is judged after its end.
        if let Some(overdue) = self.on_time(now) {
            return Some(overdue);
        }
        loop {
            let Framing::Tcp(mbap) = &mut self.framing else { return None };
            let flights = &self.in_flight;
            let asked = |n: u16| flights.iter().find(|flight| flight.number == n).map(|f| (f.unit, &f.request));
            match mbap.next(asked)? {
                Found::Stale(number, with_data) => {
                    let at = self.lost.iter().position(|lost| lost.number == number);
                    match at.and_then(|at| self.lost.remove(at)) {
                        Some(lost) => self.late = lost.late(now).filter(|_| with_data).or(self.late),
                        None => self.misnumbered = true,
                    }
                }
                Found::Ends(number, answer) => {
                    let at = self.in_flight.iter().position(|flight| flight.number == number)?;
                    return Some(self.end(now, at, answer));
                }
                // Whoever is told of it ends the connection, and with it what else is in flight.
                Found::Lost(bad) => return (!self.in_flight.is_empty()).then(|| self.end(now, 0, Err(bad))),
            }
        }
    }

    fn on_characters(&mut self, now: Instant, bytes: &[u8]) -> Option<(Asked, Reply)> {
        if bytes.is_empty() {
            return None;
        }
        let Some(flight) = self.in_flight.first_mut() else {
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
        let Framing::Rtu(rtu, ..) = &mut self.framing else { return None };
        let found = rtu.push(flight.unit, &flight.request, bytes);
        if found.is_none() && rtu.heard() >= flight.whole {
            flight.deadline = flight.deadline.min(now + GARBLED_SETTLE);
        }
        let answer = found?;
        Some(self.end(now, 0, answer))
    }

    /// An answer came, or what is none.
    fn end(&mut self, now: Instant, at: usize, answer: Result<pdu::Answer, BadReply>) -> (Asked, Reply) {
        let asked = self.in_flight[at].asked;
        match answer {
            Ok(answer) => {
                self.in_flight.remove(at);
                if let Framing::Rtu(_, _, silence) = &mut self.framing {
                    self.lost.clear();
                    silence.begins(now);
                }
                (asked, answer.map_or_else(|code| Reply::Exception(tag::ExceptionCode(code.into())), Reply::Answer))
            }
            Err(bad) => {
                self.lose(now, at);
                (asked, Reply::Bad(bad))
            }
        }
    }

    /// Tells what the passing of time has ended: one at a time, the first sent first.
    pub fn on_time(&mut self, now: Instant) -> Option<(Asked, Reply)> {
        let at = self.in_flight.iter().position(|flight| now >= flight.deadline)?;
        let (asked, broadcast) = (self.in_flight[at].asked, self.in_flight[at].broadcast);
        if broadcast {
            self.in_flight.remove(at);
            if let Framing::Rtu(rtu, ..) = &mut self.framing {
                rtu.reset();
            }
            return Some((asked, Reply::Broadcast));
        }
        let heard = match &self.framing {
            Framing::Tcp(_) => 0,
            Framing::Rtu(rtu, ..) => rtu.heard(),
        };
        self.lose(now, at);
        Some((asked, if heard > 0 { Reply::Bad(BadReply::Garbled) } else { Reply::TimedOut }))
    }

    /// An answer in flight is given up.
    fn lose(&mut self, now: Instant, at: usize) {
        let InFlight { number, unit, sent, deadline, .. } = self.in_flight.remove(at);
        if self.is_rtu() || self.lost.len() == LOST_MAX {
            self.lost.pop_front();
        }
        let sent = (now < deadline + OVERSLEPT).then_some(sent);
        self.lost.push_back(Lost { number, unit, sent });
        if let Framing::Rtu(rtu, _, silence) = &mut self.framing {
            rtu.reset();
            silence.begins_anew(now);
        }
    }

    /// What nobody waits for is dropped, but it tells how late a lost answer was, and the line isn't free yet.
    fn drop_late(&mut self, now: Instant) {
        if let Some(lost) = self.lost.pop_front() {
            self.late = lost.late(now).or(self.late);
        }
        if let Framing::Rtu(_, _, silence) = &mut self.framing {
            silence.is_broken(now);
        }
    }
}
