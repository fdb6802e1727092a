//! One line, whole, without the wire: the device state machine and its exchange of bytes. What a simulation drives.

use std::time::{Duration, Instant};

use site::{Parity, Serial, Transport};
use tag::Timestamp;

use crate::config::LineConfig;
use crate::device::{Action, Counters, Device, Report, Stats};
use crate::exchange::Exchange;
use crate::memory::Learned;
use crate::write::WriteRequest;

/// What the wire must do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Do {
    /// Open the connection within [`crate::CONNECT_TIME`]; then [`Master::on_opened`] or [`Master::on_open_failed`].
    Open,
    /// Close it.
    Close,
    /// Send this; if that fails, [`Master::on_closed`].
    Send(Vec<u8>),
    /// Read until then, or until a write comes: an answer is awaited, or a serial line has to fall silent.
    /// [`Master::on_bytes`] takes what comes, [`Master::on_closed`] the end of the connection.
    Listen(Instant),
    /// Nothing until then, unless a write comes ([`Master::write`]). What arrives may be given to
    /// [`Master::on_bytes`], which drops it, or left lying.
    Wait(Instant),
}

/// See the module.
#[derive(Debug)]
pub struct Master {
    device: Device,
    exchange: Exchange,
}

impl Master {
    /// A line that is not open yet.
    pub fn new(config: LineConfig, now: Instant) -> Self {
        let exchange = match &config.transport {
            Transport::Rtu(serial) => Exchange::rtu(char_time(serial)),
            // How long a character takes on the line at the far end is the serial server's business.
            transport if transport.is_rtu() => Exchange::rtu(Duration::ZERO),
            _ => Exchange::tcp(config.pipeline),
        };
        Self { device: Device::new(config, now), exchange }
    }

    /// What it was made of.
    pub fn config(&self) -> &LineConfig {
        self.device.config()
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.device.counters()
    }

    /// How many writes wait, at most [`crate::WRITES_MAX`].
    pub fn writes_waiting(&self) -> usize {
        self.device.writes_waiting()
    }

    /// How the line and each unit are.
    pub fn stats(&self) -> Stats {
        self.device.stats()
    }

    /// A number that changes with what [`Master::learned`] says.
    pub fn learned_so_far(&self) -> u64 {
        self.device.learned_so_far()
    }

    /// What was learned of the devices, to be remembered.
    pub fn learned(&self) -> Learned {
        self.device.learned()
    }

    /// Takes what there is to tell, in order.
    pub fn take_reports(&mut self) -> Vec<Report> {
        self.device.take_reports()
    }

    /// Is an answer awaited? If not, what arrives is dropped.
    pub fn is_waiting(&self) -> bool {
        self.exchange.is_waiting()
    }

    /// What to do now. To be called again after whatever it said was done, or happened.
    pub fn step(&mut self, now: Instant, wall: Timestamp) -> Do {
        while let Some((asked, reply)) = self.exchange.on_time(now) {
            self.device.on_reply(now, wall, asked, reply);
        }
        let wake = self.exchange.wake_at();
        if let Some(wake) = wake.filter(|_| self.exchange.is_full()) {
            return Do::Listen(wake);
        }
        if let Some(ready) = self.exchange.ready_at().filter(|at| *at > now) {
            return Do::Listen(ready);
        }
        match self.device.next(now) {
            Action::Connect => {
                self.exchange.reset();
                Do::Open
            }
            Action::Close => {
                self.exchange.reset();
                Do::Close
            }
            Action::Send { asked, unit, request, timeout } => {
                Do::Send(self.exchange.begin(now, asked, unit, request, timeout))
            }
            Action::Wait(until) => wake.map_or(Do::Wait(until), |wake| Do::Listen(wake.min(until))),
        }
    }

    /// The connection is open.
    pub fn on_opened(&mut self, now: Instant) {
        self.device.on_connected(now);
    }

    /// It can't be opened: why, in words.
    pub fn on_open_failed(&mut self, now: Instant, why: &str) {
        self.device.on_connect_failed(now, why);
    }

    /// It was lost: why, in words.
    pub fn on_closed(&mut self, now: Instant, why: &str) {
        self.exchange.reset();
        self.device.on_closed(now, why);
    }

    /// Bytes arrived.
    pub fn on_bytes(&mut self, now: Instant, wall: Timestamp, bytes: &[u8]) {
        let mut next = self.exchange.on_bytes(now, bytes);
        while let Some((asked, reply)) = next {
            self.device.on_reply(now, wall, asked, reply);
            next = self.exchange.on_bytes(now, &[]);
        }
        if self.exchange.take_misnumbered() {
            self.device.on_misnumbered(now);
        }
        if let Some((unit, took)) = self.exchange.take_late() {
            self.device.on_late(now, unit, took);
        }
    }

    /// Somebody writes; what becomes of it is among the reports.
    pub fn write(&mut self, now: Instant, request: &WriteRequest) {
        self.device.write(now, request);
    }
}

/// How long a character takes: a start bit, eight data bits, parity if any, stop bits.
pub fn char_time(serial: &Serial) -> Duration {
    let parity = u32::from(serial.parity != Parity::None);
    let bits = 9 + parity + u32::from(serial.stop_bits);
    Duration::from_secs(1) * bits / serial.baud.max(1)
}
