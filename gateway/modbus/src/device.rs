//! One connection and the units behind it, as a state machine without a wire and without a clock.
//!
//! [`Device::next`] says what to do; what came of it is told by [`Device::on_connected`], [`Device::on_connect_failed`],
//! [`Device::on_reply`], [`Device::on_closed`]; what there is to tell the bus is taken with [`Device::take_reports`].

mod answer;
mod ask;
mod health;
mod writes;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use link::Outcome;
use site::Transport;
use tag::{Fault, Timestamp, Value};
use tokio_modbus::{Request, Response};

use crate::block::{Block, Cells};
use crate::budget::Budget;
use crate::config::LineConfig;
use crate::exchange::Reply;
use crate::master::char_time;
use crate::memory::{Learned, LearnedBlock, LearnedForms};
use crate::pdu::{self, BadReply};
use crate::unit::{Shape, Unit};
use crate::write::{self, Ticket, Transaction};

/// Connection attempts start this far apart, so that a device which is back is found well within a second.
pub const RETRY_GAP: Duration = Duration::from_millis(400);
/// On a line where everything is silent, requests start at least this far apart.
const PROBE_GAP: Duration = Duration::from_millis(200);
/// A block that doesn't answer, of a unit that does, is first asked a few times as if nothing were …
const EAGER_TRIES: u32 = 6;
/// … and then, on a serial line, costs at most a tenth of the line's time.
const SILENT_COST: u32 = 10;
/// Writes that wait for one line. A person makes one a second; a script that makes more must wait for outcomes.
pub const WRITES_MAX: usize = 64;
/// After so many requests for writes in a row a read goes out: a script must not make the page blind.
const WRITES_IN_A_ROW: u32 = 12;
/// "Nothing to do": any event comes before.
const IDLE: Duration = Duration::from_secs(3600);

/// What the line must do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Open the connection or the port, within [`crate::CONNECT_TIME`].
    Connect,
    /// Close it.
    Close,
    /// Ask this; answer with [`Device::on_reply`].
    Send {
        /// Of whom.
        unit: u8,
        /// What.
        request: Request<'static>,
        /// How long to wait for the answer.
        timeout: Duration,
    },
    /// Nothing until then, unless a write comes.
    Wait(Instant),
}

/// What there is to tell.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// A point was read and its registers are not what they were.
    Value {
        /// Which point of the line.
        point: usize,
        /// When the answer arrived.
        at: Timestamp,
        /// What it says.
        value: Value,
    },
    /// A point can't be read, or what is read has no meaning.
    Fault {
        /// Which point of the line.
        point: usize,
        /// Why.
        because: Fault,
    },
    /// A whole block was polled, and what was reported of its points last is still so.
    Confirmed {
        /// Which block of the line.
        block: usize,
        /// When.
        at: Timestamp,
    },
    /// What became of a write.
    Outcome(Ticket, Outcome),
    /// The connection as a whole changed.
    Status(Status),
}

/// How a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Every unit answers.
    pub ok: bool,
    /// Why not, in words; empty when `ok`.
    pub why: String,
    /// How long ago the last answer came, if one ever did.
    pub last_answer: Option<Duration>,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Requests sent.
    pub requests: u64,
    /// Requests without an answer, or with one that is none.
    pub timeouts: u64,
    /// Exceptions.
    pub exceptions: u64,
    /// Answers that were garbled: wrong checksums, lengths, functions.
    pub bad: u64,
    /// How long the line was busy with requests and answers, and with waiting for them.
    pub busy: Duration,
    /// How much of that was spent on units that were offline.
    pub in_vain: Duration,
    /// Blocks that fell due while they still waited to be read from the time before.
    pub overruns: u64,
}

/// What is known of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitStats {
    /// Which.
    pub unit: u8,
    /// It answers.
    pub online: bool,
    /// Requests without an answer.
    pub timeouts: u64,
    /// Requests it refused.
    pub exceptions: u64,
    /// Answers that were none.
    pub bad: u64,
    /// How long an answer usually takes.
    pub p50: Option<Duration>,
    /// How long one in twenty takes at least.
    pub p95: Option<Duration>,
    /// Time the line waited for it while it was offline.
    pub in_vain: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineState {
    Down { retry_at: Instant },
    Connecting,
    Up,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Purpose {
    Poll { block: usize },
    Search { block: usize },
    Probe,
    Write { driven: Option<(usize, Cells)> },
}

/// A request, of which unit (by index), and what for.
type Ask = (Purpose, usize, Request<'static>);

#[derive(Debug)]
struct Doing {
    purpose: Purpose,
    unit: usize,
    shape: Shape,
    sent: Instant,
    /// What the bytes of the request and of its answer take on a serial line.
    wire: Duration,
    single_write: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Device {
    config: LineConfig,
    /// Of a serial line: how long a character takes.
    char_time: Option<Duration>,
    /// Frames that carry no number.
    serial: bool,
    /// A connection that can be hung up, and made anew.
    stream: bool,
    /// What waiting for the dead may cost while others are alive.
    dead: Budget,
    line: LineState,
    hang_up: bool,
    connect_started: Instant,
    connect_error: Option<String>,
    units: Vec<Unit>,
    /// Per unit: it has no masked write, as far as is known.
    no_mask: Vec<bool>,
    /// Per unit: it has no single-register or single-coil write.
    multiple_only: Vec<bool>,
    blocks: Vec<Block>,
    /// Per point: was it ever read well?
    known: Vec<bool>,
    /// Blocks to poll, in order.
    due: VecDeque<usize>,
    /// When the last answer came, or was given up.
    replied_at: Instant,
    /// No request before: a device needs its silence.
    gap_until: Option<Instant>,
    writes: VecDeque<Transaction>,
    writes_in_a_row: u32,
    /// What was counted of [`Counters::overruns`] when it was last looked at, and when.
    overruns_seen: (u64, Instant),
    /// Why the polls don't fit into the line's time, while they don't.
    crowded: Option<String>,
    /// Grows with everything that is learned of the devices.
    learned: u64,
    /// Polls and searches take turns.
    search_turn: bool,
    doing: Option<Doing>,
    reports: Vec<Report>,
    counters: Counters,
    status: Option<(bool, String)>,
}

impl Device {
    /// A connection that is not open yet; the first [`Device::next`] opens it.
    pub fn new(config: LineConfig, now: Instant) -> Self {
        let mut units: Vec<Unit> = Vec::new();
        let mut blocks = Vec::new();
        for block in &config.blocks {
            let unit = units.iter().position(|unit| unit.id == block.unit).unwrap_or_else(|| {
                units.push(Unit::new(block.unit, now));
                units.len() - 1
            });
            let mut fresh = Block::new(block, unit, &config, now);
            let same = |known: &&LearnedBlock| {
                (known.unit, known.table, known.start, known.count)
                    == (block.unit, block.table, block.start, block.count)
            };
            if let Some(known) = config.learned.blocks.iter().find(same) {
                fresh.remember(now, &known.runs);
            }
            blocks.push(fresh);
        }
        // A unit that is only written is read too, at the place of the write, so every point's unit has a block.
        Self {
            char_time: match &config.transport {
                Transport::Rtu(serial) => Some(char_time(serial)),
                _ => None,
            },
            serial: config.transport.is_rtu(),
            stream: !matches!(config.transport, Transport::Rtu(_) | Transport::Udp { .. }),
            dead: Budget::new(now),
            line: LineState::Down { retry_at: now },
            hang_up: false,
            connect_started: now,
            connect_error: None,
            no_mask: units.iter().map(|unit| forms(&config.learned, unit.id).is_some_and(|f| f.no_mask)).collect(),
            multiple_only: units
                .iter()
                .map(|unit| forms(&config.learned, unit.id).is_some_and(|f| f.multiple_only))
                .collect(),
            units,
            blocks,
            known: vec![false; config.points.len()],
            due: VecDeque::new(),
            replied_at: now,
            gap_until: None,
            writes: VecDeque::new(),
            writes_in_a_row: 0,
            overruns_seen: (0, now),
            crowded: None,
            learned: 0,
            search_turn: false,
            doing: None,
            reports: Vec::new(),
            counters: Counters::default(),
            status: None,
            config,
        }
    }

    /// What it was made of.
    pub fn config(&self) -> &LineConfig {
        &self.config
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What is known of each unit.
    pub fn unit_stats(&self) -> Vec<UnitStats> {
        self.units
            .iter()
            .map(|unit| UnitStats {
                unit: unit.id,
                online: matches!(unit.health, crate::unit::Health::Online),
                timeouts: unit.counts.timeouts,
                exceptions: unit.counts.exceptions,
                bad: unit.counts.bad,
                p50: unit.timing.percentile(50),
                p95: unit.timing.percentile(95),
                in_vain: unit.counts.in_vain,
            })
            .collect()
    }

    /// A number that changes with what [`Device::learned`] says.
    pub fn learned_so_far(&self) -> u64 {
        self.learned
    }

    /// What was learned of the devices, to be remembered.
    pub fn learned(&self) -> Learned {
        let blocks = self.blocks.iter().filter_map(|block| {
            let (unit, table, start, count) = (self.units[block.unit].id, block.table, block.start, block.count);
            Some(LearnedBlock { unit, table, start, count, runs: block.learned()? })
        });
        let forms = self.units.iter().zip(self.no_mask.iter().zip(&self.multiple_only));
        let forms = forms.filter(|(_, (no_mask, multiple_only))| **no_mask || **multiple_only);
        let forms = forms.map(|(unit, (no_mask, multiple_only))| LearnedForms {
            unit: unit.id,
            no_mask: *no_mask,
            multiple_only: *multiple_only,
        });
        Learned { blocks: blocks.collect(), forms: forms.collect() }
    }

    /// How many writes wait, at most [`WRITES_MAX`].
    pub fn writes_waiting(&self) -> usize {
        self.writes.len()
    }

    /// Takes what there is to tell, in order.
    pub fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// What to do now. Not to be called between [`Action::Send`] and its outcome.
    pub fn next(&mut self, now: Instant) -> Action {
        assert!(self.doing.is_none(), "one request at a time");
        self.expire(now);
        match self.line {
            _ if self.blocks.is_empty() => return Action::Wait(now + IDLE),
            LineState::Connecting => return Action::Wait(now + IDLE),
            LineState::Down { retry_at } if now < retry_at => return Action::Wait(retry_at),
            LineState::Down { .. } => {
                self.line = LineState::Connecting;
                self.connect_started = now;
                return Action::Connect;
            }
            LineState::Up if self.hang_up => {
                self.went_down(now);
                return Action::Close;
            }
            LineState::Up => {}
        }
        self.tick(now);
        if let Some(until) = self.gap_until.filter(|until| *until > now) {
            return Action::Wait(until);
        }
        match self.choose(now) {
            Ok((purpose, unit, request)) => {
                self.counters.requests += 1;
                let shape = Shape::of(&request);
                let single_write = write::is_single(&request);
                // A write may take a device longer than any read, and nobody knows whether a lost one was carried out.
                let timeout = match &purpose {
                    Purpose::Write { .. } => self.config.timeout,
                    _ => self.units[unit].patience(self.config.timeout),
                };
                let wire = self.wire_time(&request);
                let to = match (&purpose, self.writes.front()) {
                    (Purpose::Write { .. }, Some(first)) => first.addressee(),
                    _ => self.units[unit].id,
                };
                self.doing = Some(Doing { purpose, unit, shape, sent: now, wire, single_write });
                Action::Send { unit: to, request, timeout }
            }
            Err(wake) => Action::Wait(wake.max(now + Duration::from_micros(1))),
        }
    }

    /// What a request and its answer take on a serial line.
    fn wire_time(&self, request: &Request<'_>) -> Duration {
        let Some(char_time) = self.char_time else { return Duration::ZERO };
        let asked = pdu::encode(request).map_or(0, |pdu| pdu.len() + 3);
        char_time * u32::try_from(asked + pdu::answer_len(request) + 3).unwrap_or(u32::MAX)
    }

    /// A unit answered after it was given up: it is there, and that slow.
    pub fn on_late(&mut self, unit: u8, took: Duration) {
        if let Some(unit) = self.units.iter_mut().find(|known| known.id == unit) {
            unit.timing.late(took);
        }
    }

    /// The connection is open.
    pub fn on_connected(&mut self, now: Instant) {
        self.line = LineState::Up;
        self.connect_error = None;
        self.hang_up = false;
        for unit in &mut self.units {
            // Whoever has waited longest keeps its place.
            unit.probe_at = unit.probe_at.min(now);
            if !self.serial || self.stream && !matches!(self.config.transport, Transport::RtuOverTcp { .. }) {
                unit.forget_lost();
            }
        }
        // Whatever was under way on the old connection starts over.
        self.due.clear();
        self.blocks.iter_mut().for_each(|block| block.due_at = now);
    }

    /// It can't be opened: why, in words.
    pub fn on_connect_failed(&mut self, now: Instant, why: &str) {
        self.went_down(now);
        self.connect_error = Some(why.to_owned());
        for unit in 0..self.units.len() {
            self.go_offline(now, unit, Fault::Offline);
        }
        self.tell_status(now);
    }

    /// It was lost: why, in words. A request in flight counts as unanswered.
    pub fn on_closed(&mut self, now: Instant, why: &str) {
        self.went_down(now);
        self.connect_error = Some(why.to_owned());
        if let Some(doing) = self.doing.take() {
            self.counters.timeouts += 1;
            self.no_answer(now, doing, Fault::Offline);
        }
        self.tell_status(now);
    }

    /// What became of the request in flight; `wall` stamps what was read.
    pub fn on_reply(&mut self, now: Instant, wall: Timestamp, reply: Reply) {
        let Some(doing) = self.doing.take() else { return };
        self.replied_at = now;
        self.count(now, &doing, &reply);
        // Over a network an answer is lost for many reasons and hardly ever for want of silence: there the site says it.
        let living = self.units.iter().filter(|unit| self.serial && !unit.is_offline());
        let learned = living.map(|unit| unit.timing.gap()).max();
        let gap = self.config.gap.max(learned.unwrap_or_default());
        self.gap_until = (!gap.is_zero()).then(|| now + gap);
        match reply {
            Reply::Broadcast => self.write_step(now, wall, None, None),
            Reply::Answer(response) => {
                self.units[doing.unit].echoes |= matches!(response, Response::Custom(pdu::DIAGNOSTICS, _));
                self.units[doing.unit].heard(doing.shape, doing.sent);
                self.learn_time(now, &doing);
                self.alive(now, doing.unit);
                self.answered(now, wall, doing, Cells::of(response));
            }
            Reply::Exception(code) => {
                self.counters.exceptions += 1;
                self.units[doing.unit].heard_refusal(doing.shape, doing.sent);
                self.learn_time(now, &doing);
                self.alive(now, doing.unit);
                self.refused(now, wall, doing, code);
            }
            Reply::TimedOut => {
                self.counters.timeouts += 1;
                self.no_answer(now, doing, Fault::TimedOut);
            }
            Reply::Bad(bad) => {
                self.counters.timeouts += 1;
                // The stream can't be followed any further.
                self.hang_up |= self.stream && !self.serial && matches!(bad, BadReply::NotModbus | BadReply::Flood(_));
                self.no_answer(now, doing, Fault::BadReply);
            }
        }
        self.tell_status(now);
    }

    fn count(&mut self, now: Instant, doing: &Doing, reply: &Reply) {
        // A daemon that didn't run for a while didn't keep the line busy.
        let took = now.saturating_duration_since(doing.sent).min(self.config.timeout * 2 + doing.wire);
        self.counters.busy += took;
        let unit = &mut self.units[doing.unit];
        let counts = &mut unit.counts;
        match reply {
            Reply::TimedOut => counts.timeouts += 1,
            Reply::Exception(_) => counts.exceptions += 1,
            Reply::Bad(_) => {
                counts.bad += 1;
                self.counters.bad += 1;
            }
            Reply::Answer(_) | Reply::Broadcast => {}
        }
        if unit.is_offline() && matches!(reply, Reply::TimedOut | Reply::Bad(_)) {
            unit.counts.in_vain += took;
            self.counters.in_vain += took;
        }
    }

    fn learn_time(&mut self, now: Instant, doing: &Doing) {
        let unit = &mut self.units[doing.unit];
        if unit.stirring || matches!(doing.purpose, Purpose::Write { .. }) {
            return;
        }
        unit.timing.answered(now.saturating_duration_since(doing.sent).saturating_sub(doing.wire));
        if unit.failures > 0 && !unit.is_offline() {
            unit.timing.given_up_too_soon();
        }
    }

    fn went_down(&mut self, now: Instant) {
        self.line = LineState::Down { retry_at: now.max(self.connect_started + RETRY_GAP) };
        self.hang_up = false;
        self.due.clear();
        for block in &mut self.blocks {
            // On return everything that is driven is read back before anything is written.
            block.primed = false;
            block.search = None;
            block.cursor = 0;
        }
    }
}

fn forms(learned: &Learned, unit: u8) -> Option<&LearnedForms> {
    learned.forms.iter().find(|forms| forms.unit == unit)
}
