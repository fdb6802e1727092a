//! One connection and the units behind it, as a state machine without a wire and without a clock.
//!
//! [`Device::next`] says what to do; what came of it is told by [`Device::on_connected`], [`Device::on_connect_failed`],
//! [`Device::on_reply`], [`Device::on_closed`]; what there is to tell the bus is taken with [`Device::take_reports`].

mod answer;
mod ask;
mod connection;
mod dead;
mod due;
mod flight;
mod health;
mod proof;
mod reply;
mod told;
mod types;
mod writes;

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use site::Transport;
use tag::Fault;
use tokio_modbus::Request;

use crate::block::Block;
use crate::budget::Budget;
use crate::config::LineConfig;
use crate::master::char_time;
use crate::memory::LearnedBlock;
use crate::pdu;
use crate::reply::Asked;
use crate::timing::Timing;
use crate::unit::{Shape, Unit};
use crate::write::{self, Transaction};

use connection::LineState;
use due::Due;
use flight::{Ask, Doing, Purpose, Touches};
use proof::Proof;
pub use types::{Action, Counters, Report, Stats, Status, UnitStats};

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
    /// Of all of them.
    timing: Timing,
    /// Per unit: it has no masked write, as far as is known.
    no_mask: Vec<bool>,
    /// Per unit: it has no single-register or single-coil write.
    multiple_only: Vec<bool>,
    /// Per unit: it may have function 23, and the site wants it.
    write_read: Vec<bool>,
    blocks: Vec<Block>,
    /// Per point: was it ever read well?
    known: Vec<bool>,
    /// Blocks to poll.
    due: Due,
    /// When the next period of a block begins.
    first_due: Instant,
    /// All blocks of which a part is searched, and perhaps some that were.
    searching: BTreeSet<usize>,
    /// When the last answer came, or was given up.
    replied_at: Instant,
    /// No request before: a device needs its silence.
    gap_until: Option<Instant>,
    writes: VecDeque<Transaction>,
    writes_in_a_row: u32,
    /// What was counted of [`Counters::overruns`] and of [`Counters::timeouts`] when they were last looked at, and when.
    overruns_seen: (u64, u64, Instant),
    /// Why the polls don't fit into the line's time, while they don't.
    crowded: Option<String>,
    /// Grows with everything that is learned of the devices.
    learned: u64,
    /// Polls and searches take turns.
    search_turn: bool,
    /// In the order they were sent.
    doing: Vec<Doing>,
    /// Does the device keep several requests apart?
    proof: Proof,
    /// Up to here it was counted how busy the line is.
    busy_until: Instant,
    /// So many requests went out since one to a unit of which nothing was ever heard.
    since_unheard: usize,
    /// How far apart the dead are asked over TCP for their return to be heard in time, where that can be afforded; looked
    /// at each time one was asked, since all polls are added up for it.
    promised: Option<Duration>,
    /// The last request went to a dead unit.
    asked_dead: bool,
    /// When a dead unit was last asked in vain.
    in_vain: Option<Instant>,
    /// While a dead unit is waited for, the gateway keeps the living ones waiting too; believed until then.
    keeps_waiting: Option<Instant>,
    /// So often in a row a living unit was held up after a dead one.
    held_up: u32,
    /// So often one was not.
    let_pass: u32,
    /// A living unit that gave no answer just after a dead one was asked.
    suspect: Option<usize>,
    /// A gateway says itself when a unit can't be reached, after so long: the connection is well, whoever else isn't.
    gateway_speaks: Option<Duration>,
    reports: Vec<Report>,
    counters: Counters,
    status: Option<(bool, String)>,
}

impl Device {
    /// A connection that is not open yet; the first [`Device::next`] opens it.
    pub fn new(config: LineConfig, now: Instant) -> Self {
        let learned = &config.learned;
        let mut units: Vec<Unit> = Vec::new();
        let mut blocks = Vec::new();
        for block in &config.blocks {
            let unit = units.iter().position(|unit| unit.id == block.unit).unwrap_or_else(|| {
                let mut unit = Unit::new(block.unit, now);
                let bridge = learned.bridges.iter().find(|known| known.unit == block.unit);
                bridge.into_iter().for_each(|known| unit.pace.remember(known.words));
                units.push(unit);
                units.len() - 1
            });
            let mut fresh = Block::new(block, unit, &config, now);
            let same = |known: &&LearnedBlock| {
                (known.unit, known.table, known.start, known.count)
                    == (block.unit, block.table, block.start, block.count)
            };
            if let Some(known) = learned.blocks.iter().find(same) {
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
            no_mask: units.iter().map(|unit| learned.forms_of(unit.id).is_some_and(|f| f.no_mask)).collect(),
            write_read: vec![config.write_read; units.len()],
            multiple_only: units
                .iter()
                .map(|unit| learned.forms_of(unit.id).is_some_and(|f| f.multiple_only))
                .collect(),
            units,
            blocks,
            timing: Timing::default(),
            known: vec![false; config.points.len()],
            due: Due::new(config.blocks.len()),
            first_due: now,
            searching: BTreeSet::new(),
            replied_at: now,
            gap_until: None,
            writes: VecDeque::new(),
            writes_in_a_row: 0,
            overruns_seen: (0, 0, now),
            crowded: None,
            learned: 0,
            search_turn: false,
            doing: Vec::new(),
            proof: Proof::default(),
            busy_until: now,
            since_unheard: 0,
            promised: None,
            asked_dead: false,
            in_vain: None,
            keeps_waiting: None,
            held_up: 0,
            let_pass: 0,
            suspect: None,
            gateway_speaks: None,
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

    /// How many writes wait, at most [`WRITES_MAX`].
    pub fn writes_waiting(&self) -> usize {
        self.writes.len()
    }

    /// Takes what there is to tell, in order.
    pub fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// What to do now. Not to be called while as many answers are awaited as the line takes at a time.
    pub fn next(&mut self, now: Instant) -> Action {
        assert!(self.doing.len() < self.config.pipeline, "not more requests than the line takes");
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
                self.lose_all(now, Fault::Offline);
                self.tell_status(now);
                return Action::Close;
            }
            LineState::Up => {}
        }
        self.tick(now);
        if let Some(until) = self.gap_until.filter(|until| *until > now) {
            return Action::Wait(until);
        }
        if self.doing.len() >= self.places() {
            return Action::Wait(now + IDLE);
        }
        match self.choose(now) {
            Ok(ask) => self.send(now, ask),
            Err(wake) => Action::Wait(wake.max(now + Duration::from_micros(1))),
        }
    }

    fn send(&mut self, now: Instant, (purpose, unit, request): Ask) -> Action {
        self.counters.requests += 1;
        self.asked_dead = self.units[unit].is_offline();
        self.since_unheard = if self.is_unheard(unit) { 0 } else { self.since_unheard + 1 };
        // A write may take a device longer than any read, and nobody knows whether a lost one was carried out.
        let timeout = match &purpose {
            Purpose::Write { .. } => self.config.timeout,
            _ => self.patience(unit),
        };
        let to = match (&purpose, self.writes.front()) {
            (Purpose::Write { .. }, Some(first)) => first.addressee(),
            _ => self.units[unit].id,
        };
        let asked = Asked(self.counters.requests);
        self.doing.iter_mut().for_each(|other| other.shared = true);
        let beside = !self.doing.is_empty();
        self.doing.push(Doing {
            asked,
            unit,
            shape: Shape::of(&request),
            touches: Touches::of(&purpose, &request),
            sent: now,
            wire: self.wire_time(&request),
            single_write: write::is_single(&request),
            beside,
            shared: beside,
            purpose,
        });
        Action::Send { asked, unit: to, request, timeout }
    }

    /// What a request and its answer take on a serial line.
    fn wire_time(&self, request: &Request<'_>) -> Duration {
        let Some(char_time) = self.char_time else { return Duration::ZERO };
        let asked = pdu::encode(request).map_or(0, |pdu| pdu.len() + 3);
        char_time * u32::try_from(asked + pdu::answer_len(request) + 3).unwrap_or(u32::MAX)
    }
}
