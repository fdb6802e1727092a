//! The lines between the Modbus daemon and the devices: latency, pieces, noise, connections that end or can't be made.

use std::time::{Duration, Instant};

use rand::Rng;
use sim::Act;

use super::site::{CHAR, LINES, TAGS, Written};
use super::world::{Event, World};

/// A packet takes this long, ms.
const LATENCY_MS: std::ops::Range<u64> = 1..20;
/// A lost packet is sent again after so long, ms.
pub(crate) const RESEND_MS: std::ops::Range<u64> = 200..900;
/// The silence of 3.5 characters after which a device on the serial line answers.
const TURNAROUND: Duration = Duration::from_micros(1_850);

/// One line.
pub(crate) struct Wire {
    /// Counts connections; what belongs to an earlier one goes nowhere.
    pub(crate) conn: u32,
    open: bool,
    /// The device was switched off since: it answers anything on this connection with a reset.
    forgotten: bool,
    heard: Vec<u8>,
    busy_until: Instant,
    last_there: Instant,
    last_here: Instant,
    /// Nothing gets through, in either direction.
    pub(crate) vanished: bool,
    /// Connections are refused.
    pub(crate) refusing: bool,
    /// Packets are lost and sent again.
    pub(crate) lossy: bool,
    /// Bytes are garbled.
    pub(crate) noisy: bool,
    /// When the last answer that was late has arrived.
    pub(crate) late_until: Instant,
    /// On a serial line: until when an answer may still be under way that nothing tells from a newer one.
    pub(crate) doubt_until: Instant,
}

impl Wire {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            conn: 0,
            open: false,
            forgotten: false,
            heard: Vec::new(),
            busy_until: now,
            last_there: now,
            last_here: now,
            vanished: false,
            refusing: false,
            lossy: false,
            noisy: false,
            late_until: now,
            doubt_until: now,
        }
    }

    /// Whatever was under way belongs to nobody any more.
    pub(crate) fn close(&mut self, now: Instant) {
        self.conn += 1;
        self.open = false;
        self.forgotten = false;
        self.heard.clear();
        (self.busy_until, self.last_there, self.last_here) = (now, now, now);
    }

    /// The device's end lost its memory.
    pub(crate) fn forget(&mut self) {
        self.forgotten = true;
        self.heard.clear();
    }
}

impl World {
    fn latency(&mut self, line: usize) -> Duration {
        let lossy = self.wires[line].lossy && self.rng.random_ratio(1, 4);
        let resend = if lossy { self.rng.random_range(RESEND_MS) } else { 0 };
        let latency = Duration::from_millis(self.rng.random_range(LATENCY_MS) + resend);
        if lossy {
            let wire = &mut self.wires[line];
            wire.late_until = wire.late_until.max(self.now + latency);
        }
        latency
    }

    /// The daemon opens the connection or the port.
    pub(crate) fn wire_opens(&mut self, line: usize) {
        self.wires[line].close(self.now);
        let conn = self.wires[line].conn;
        if LINES[line].serial {
            return self.at(Duration::from_millis(1), Event::Opened { line, conn });
        }
        let latency = self.latency(line);
        // The kernel asks again after a second, which is later than the daemon waits.
        let unheard = self.wires[line].vanished || latency >= Duration::from_millis(RESEND_MS.start);
        match (unheard, self.wires[line].refusing) {
            (true, _) => self.at(modbus::CONNECT_TIME, Event::OpenFailed { line, conn, why: "timed out" }),
            (_, true) => self.at(latency, Event::OpenFailed { line, conn, why: "connection refused" }),
            _ => self.at(latency * 2, Event::Opened { line, conn }),
        }
    }

    pub(crate) fn wire_opened(&mut self, line: usize, conn: u32) -> bool {
        let wire = &mut self.wires[line];
        wire.open = wire.conn == conn;
        wire.open
    }

    /// The daemon's bytes set out.
    pub(crate) fn wire_sends(&mut self, line: usize, bytes: &[u8]) {
        let conn = self.wires[line].conn;
        self.tell(|| format!("{}: {bytes:02x?}", LINES[line].name));
        if self.wires[line].vanished || !self.wires[line].open {
            return;
        }
        for (at, piece) in self.pieces(line, self.now, self.wires[line].last_there, bytes) {
            self.wires[line].last_there = at;
            self.on(at, Event::AtDevice { line, conn, bytes: piece });
        }
    }

    /// Cuts bytes in pieces and says when each arrives.
    fn pieces(&mut self, line: usize, sent: Instant, last: Instant, bytes: &[u8]) -> Vec<(Instant, Vec<u8>)> {
        let serial = LINES[line].serial;
        let mut bytes = bytes.to_vec();
        if serial && self.wires[line].noisy && self.rng.random_ratio(1, 2) && !bytes.is_empty() {
            let at = self.rng.random_range(0..bytes.len());
            match self.rng.random_ratio(1, 2) {
                true => bytes[at] ^= 1 << self.rng.random_range(0..8),
                false => drop(bytes.remove(at)),
            }
        }
        let (mut at, mut out) = (last.max(sent), Vec::new());
        while !bytes.is_empty() {
            let whole = self.rng.random_ratio(3, 4);
            let n = if whole { bytes.len() } else { self.rng.random_range(1..=bytes.len()) };
            let rest = bytes.split_off(n);
            at = match serial {
                true => at + CHAR * u32::try_from(n).expect("a frame is short"),
                // Pieces of one stream don't overtake each other.
                false => at.max(sent + self.latency(line)),
            };
            out.push((at, std::mem::replace(&mut bytes, rest)));
        }
        out
    }

    /// Bytes reach the devices.
    pub(crate) fn at_device(&mut self, line: usize, conn: u32, bytes: &[u8]) {
        let wire = &mut self.wires[line];
        if wire.conn != conn || wire.vanished {
            return;
        }
        if wire.forgotten && !LINES[line].serial {
            let latency = self.latency(line);
            return self.at(latency, Event::Hung { line, conn, why: "connection reset" });
        }
        if LINES[line].serial && self.now < wire.busy_until {
            // A device with one thing in its head hears nothing else.
            return;
        }
        wire.heard.extend_from_slice(bytes);
        let mut heard = std::mem::take(&mut wire.heard);
        let replies = self.plant.hear(line, &mut heard);
        self.wires[line].heard = heard;
        self.plant_was_written(line);
        let Ok(replies) = replies else {
            let latency = self.latency(line);
            return self.at(latency, Event::Hung { line, conn, why: "closed by the device" });
        };
        let mut at = self.wires[line].busy_until.max(self.now);
        for reply in replies {
            at += reply.after + if LINES[line].serial { TURNAROUND } else { Duration::ZERO };
            match reply.act {
                Act::Send(bytes) => {
                    let late = reply.after;
                    self.device_sends(line, conn, at, late, &bytes);
                }
                Act::HangUp => self.on(at + Duration::from_millis(5), Event::Hung { line, conn, why: "closed" }),
                Act::Reset => self.on(at + Duration::from_millis(5), Event::Hung { line, conn, why: "reset" }),
            }
        }
        self.wires[line].busy_until = at;
    }

    fn device_sends(&mut self, line: usize, conn: u32, at: Instant, late: Duration, bytes: &[u8]) {
        self.tell(|| format!("{}: {:?} later {bytes:02x?}", LINES[line].name, at.duration_since(self.now)));
        for (arrives, piece) in self.pieces(line, at, self.wires[line].last_here, bytes) {
            self.wires[line].last_here = arrives;
            self.on(arrives, Event::AtMaster { line, conn, bytes: piece });
        }
        let wire = &mut self.wires[line];
        if late > Duration::ZERO {
            wire.late_until = wire.late_until.max(wire.last_here);
        }
    }

    /// Do bytes of this connection get through to the daemon?
    pub(crate) fn reaches_master(&self, line: usize, conn: u32) -> bool {
        let wire = &self.wires[line];
        wire.conn == conn && wire.open && !wire.vanished
    }

    pub(crate) fn wire_hung(&mut self, line: usize, conn: u32) -> bool {
        let wire = &mut self.wires[line];
        let ours = wire.conn == conn && wire.open;
        wire.open &= !ours;
        ours
    }

    /// A master has been at the devices of this line: whatever changed, somebody asked for, and not long ago.
    fn plant_was_written(&mut self, line: usize) {
        for n in (0..TAGS.len()).filter(|n| TAGS[*n].line == line) {
            let held = self.look(n);
            if held == self.truth.now(n) {
                continue;
            }
            self.truth.holds(n, self.now, held);
            let value = held.unwrap_or(f64::NAN);
            self.check_written(n, value, TAGS[n].written != Written::Never);
        }
    }

    /// What the device itself holds.
    pub(crate) fn look(&self, tag: usize) -> Option<f64> {
        let spec = &TAGS[tag];
        let device = self.plant.device(spec.device).expect("a device of this site");
        let words = device.registers.read(spec.place(), spec.count()).expect("its registers are defined");
        spec.decode(&words)
    }
}
