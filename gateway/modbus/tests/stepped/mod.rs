//! A master, a plant and a reporter with time in the test's hands: no sockets, no sleeping.
#![allow(dead_code, clippy::unwrap_used, reason = "a test; each binary uses what it needs")]

use std::time::{Duration, Instant};

use forebay_modbus as modbus;
use modbus::{CONNECT_TIME, Config, Do, Master, Reporter, Say, Ticket, WriteRequest};
use shell::{Clock, SystemClock};
use sim::{Act, Behaviour, Plant, Plc};
use site::ModbusClient;
use tag::{TagDef, TagName, Timestamp, Value};

mod parts;
mod seen;
pub(crate) mod true_time;

pub(crate) use parts::*;

/// A stepped test looks this often.
const STEP: Duration = Duration::from_millis(1);
/// What a simulated network does with a connection attempt or with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Net {
    /// All is well.
    Up,
    /// The host answers, the port is closed.
    Refusing,
    /// The cable is cut: nothing comes back, not even a no.
    Cut,
}

pub(crate) struct World {
    start: Instant,
    pub(crate) now: Instant,
    pub(crate) plant: Plant,
    pub(crate) net: Net,
    master: Master,
    reporter: Reporter,
    names: Vec<TagName>,
    points: Vec<TagName>,
    serial: bool,
    open: bool,
    opening: Option<(Instant, bool)>,
    heard: Vec<u8>,
    replies: Vec<(Instant, Act)>,
    until: Instant,
    tickets: u64,
    /// Everything that was said, and when.
    pub(crate) said: Vec<(Duration, Say)>,
    /// Every read and write that went out, by function.
    pub(crate) requests: Vec<(Duration, Vec<u8>)>,
    confirmed: Vec<Option<Instant>>,
    /// What register 500 held at the moment a write was confirmed.
    pub(crate) held_when_confirmed: Vec<(Ticket, Vec<u16>)>,
}

impl World {
    pub(crate) fn new(plc: Plc, client: &ModbusClient, defs: &[TagDef]) -> Self {
        Self::of(plc, client, Config::new(client, defs).unwrap())
    }

    /// With what an earlier run learned of the first line.
    pub(crate) fn remembering(plc: Plc, client: &ModbusClient, learned: &str) -> Self {
        Self::of(plc, client, Config::new(client, &[]).unwrap().knowing(learned))
    }

    fn of(plc: Plc, client: &ModbusClient, config: Config) -> Self {
        let start = SystemClock.mono();
        let reporter = Reporter::new(&config);
        let points = config.lines[0].points.iter().map(|point| point.name.clone()).collect();
        let confirmed = vec![None; reporter.groups().len()];
        Self {
            start,
            now: start,
            plant: plc.plant(),
            net: Net::Up,
            reporter,
            names: config.tags.iter().map(|tag| tag.name.clone()).collect(),
            master: Master::new(config.lines.into_iter().next().unwrap(), start),
            points,
            serial: client.rtus[0].transport.is_rtu(),
            open: false,
            opening: None,
            heard: vec![],
            replies: vec![],
            until: start,
            tickets: 0,
            said: vec![],
            requests: vec![],
            confirmed,
            held_when_confirmed: vec![],
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub(crate) fn wall(&self) -> Timestamp {
        Timestamp(1_700_000_000_000_000 + u64::try_from(self.elapsed().as_micros()).unwrap())
    }

    pub(crate) fn behave(&mut self, behaviour: Behaviour) {
        self.plant.device_mut(Plc::NAME).unwrap().behave(behaviour);
    }

    /// The network as it is from now on; a cut or refusing one takes the connection with it only when it says no.
    pub(crate) fn set_net(&mut self, net: Net) {
        self.net = net;
        if net == Net::Refusing && self.open {
            self.open = false;
            self.replies.clear();
            self.master.on_closed(self.now, "connection reset");
            self.until = self.now;
        }
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    /// Runs until it holds; panics with what was last seen when it doesn't within `patience`.
    pub(crate) fn run_until(
        &mut self,
        patience: Duration,
        what: &str,
        mut level: impl FnMut(&Self) -> bool,
    ) -> Duration {
        let began = self.now;
        while !level(self) {
            let seen: Vec<_> = (0..self.names.len()).map(|n| self.reporter.last(n)).collect();
            assert!(self.now - began < patience, "not within {patience:?}: {what}; last seen {seen:?}");
            self.step();
        }
        self.now - began
    }

    fn step(&mut self) {
        self.now += STEP;
        self.plant.step(STEP);
        if let Some((when, well)) = self.opening.filter(|(when, _)| *when <= self.now) {
            let _ = when;
            self.opening = None;
            self.open = well;
            match well {
                true => self.master.on_opened(self.now),
                false => self.master.on_open_failed(self.now, "connection refused"),
            }
            self.until = self.now;
        }
        while let Some(n) = self.replies.iter().position(|(when, _)| *when <= self.now) {
            let (_, act) = self.replies.remove(n);
            if !self.open || self.net == Net::Cut {
                continue;
            }
            match act {
                Act::Send(bytes) => self.master.on_bytes(self.now, self.wall(), &bytes),
                Act::HangUp | Act::Reset => {
                    self.open = false;
                    self.replies.clear();
                    self.master.on_closed(self.now, "connection closed");
                }
            }
            self.until = self.now;
        }
        let mut turns = 0;
        while self.until <= self.now && self.opening.is_none() {
            turns += 1;
            assert!(turns < 100, "the master goes round in circles at {:?}", self.elapsed());
            self.act();
        }
        self.listen();
    }

    fn act(&mut self) {
        let what = self.master.step(self.now, self.wall());
        // Told before anything is done, as the daemon does it.
        self.listen();
        match what {
            Do::Open => {
                let (wait, well) = match self.net {
                    Net::Up => (STEP, true),
                    Net::Refusing => (STEP, false),
                    Net::Cut => (CONNECT_TIME, false),
                };
                self.opening = Some((self.now + wait, well));
            }
            Do::Close => {
                self.open = false;
                self.heard.clear();
                self.replies.clear();
            }
            Do::Send(bytes) => {
                assert!(self.open, "nothing is sent on a closed connection");
                self.requests.push((self.elapsed(), bytes.clone()));
                if self.net == Net::Up {
                    self.heard.extend(bytes);
                    // A serial device answers in the order it was asked; a TCP server may do as it likes.
                    let last = self.replies.iter().map(|(when, _)| *when).max().filter(|_| self.serial);
                    let mut when = self.now;
                    for reply in self.plant.hear(0, &mut self.heard).unwrap() {
                        when += reply.after;
                        self.replies.push(((when + STEP).max(last.unwrap_or(when)), reply.act));
                    }
                }
            }
            Do::Listen(until) | Do::Wait(until) => self.until = until,
        }
        self.listen();
    }

    fn listen(&mut self) {
        let reports = self.master.take_reports();
        let says = self.reporter.on_reports(0, self.wall(), reports);
        for say in says {
            match &say {
                Say::Confirm(group) => self.confirmed[*group] = Some(self.now),
                Say::Settle(ticket, forebay_modbus::Outcome::Confirmed) => {
                    let holds = self.plant.peek(Plc::NAME, sim::At::holding(500), 1).unwrap_or_default();
                    self.held_when_confirmed.push((*ticket, holds));
                }
                _ => {}
            }
            self.said.push((self.elapsed(), say));
        }
        assert!(self.master.writes_waiting() <= modbus::WRITES_MAX);
    }

    pub(crate) fn write(&mut self, tag: &str, value: Value, expires_in: Duration) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let point = self.points.iter().position(|known| known.as_str() == tag).unwrap();
        let request = WriteRequest { ticket, point, value, deadline: self.now + expires_in };
        self.master.write(self.now, &request);
        self.until = self.until.min(self.now);
        self.listen();
        ticket
    }
}
