//! One connection and the units behind it, as a state machine without a wire and without a clock.
//!
//! [`Device::next`] says what to do; what came of it is told by [`Device::on_connected`], [`Device::on_connect_failed`],
//! [`Device::on_reply`], [`Device::on_closed`]; what there is to tell the bus is taken with [`Device::take_reports`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use link::Outcome;
use site::{Table, Transport};
use tag::{ExceptionCode, Fault, Timestamp, Value};
use tokio_modbus::Request;

use crate::block::{Block, Cells, Run, read_request, write_request};
use crate::config::LineConfig;
use crate::exchange::Reply;
use crate::pdu::BadReply;
use crate::unit::{Health, Shape, Unit};
use crate::write::{self, Look, Step, Ticket, Transaction, WriteRequest};

/// Connection attempts start this far apart, so that a device which is back is found well within a second.
pub const RETRY_GAP: Duration = Duration::from_millis(400);
/// On a line where everything is silent, requests start at least this far apart.
const PROBE_GAP: Duration = Duration::from_millis(200);
/// What doesn't answer while others on the line do is first asked a few times as if nothing were …
const EAGER_TRIES: u32 = 6;
/// … and then, on a serial line, costs at most a tenth of the line's time.
const DEAD_COST: u32 = 10;
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
    single_write: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Device {
    config: LineConfig,
    serial: bool,
    line: LineState,
    hang_up: bool,
    connect_started: Instant,
    connect_error: Option<String>,
    units: Vec<Unit>,
    /// Per unit: it has no single-register or single-coil write.
    multiple_only: Vec<bool>,
    blocks: Vec<Block>,
    /// Per point: was it ever read well?
    known: Vec<bool>,
    /// Blocks to poll, in order.
    due: VecDeque<usize>,
    poll_at: Instant,
    writes: VecDeque<Transaction>,
    writes_in_a_row: u32,
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
            blocks.push(Block::new(block, unit, &config));
        }
        // A unit that is only written is read too, at the place of the write, so every point's unit has a block.
        Self {
            serial: matches!(config.transport, Transport::Rtu(_)),
            line: LineState::Down { retry_at: now },
            hang_up: false,
            connect_started: now,
            connect_error: None,
            multiple_only: vec![false; units.len()],
            units,
            blocks,
            known: vec![false; config.points.len()],
            due: VecDeque::new(),
            poll_at: now,
            writes: VecDeque::new(),
            writes_in_a_row: 0,
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
        match self.choose(now) {
            Ok((purpose, unit, request)) => {
                self.counters.requests += 1;
                let shape = Shape::of(&request);
                let single_write = write::is_single(&request);
                self.doing = Some(Doing { purpose, unit, shape, sent: now, single_write });
                Action::Send { unit: self.units[unit].id, request, timeout: self.config.timeout }
            }
            Err(wake) => Action::Wait(wake.max(now + Duration::from_micros(1))),
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
            if !self.serial {
                unit.forget_lost();
            }
        }
        // Whatever was under way on the old connection starts over.
        self.due.clear();
        self.poll_at = now;
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
        match reply {
            Reply::Answer(response) => {
                self.units[doing.unit].heard(doing.shape);
                self.alive(now, doing.unit);
                self.answered(now, wall, doing, Cells::of(response));
            }
            Reply::Exception(code) => {
                self.counters.exceptions += 1;
                self.units[doing.unit].heard_refusal(doing.shape, doing.sent);
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
                self.hang_up |= !self.serial && matches!(bad, BadReply::NotModbus | BadReply::Flood(_));
                self.no_answer(now, doing, Fault::BadReply);
            }
        }
        self.tell_status(now);
    }

    /// Somebody writes. Refused at once unless the device can be reached now; never kept for later.
    pub fn write(&mut self, now: Instant, request: &WriteRequest) {
        let point = &self.config.points[request.point];
        let spot = point.write.as_ref().unwrap_or(&point.read);
        let offline = self.units.iter().any(|unit| unit.id == spot.unit && unit.is_offline());
        let offline = offline || self.line != LineState::Up;
        let unknown = !self.known[request.point];
        let driven = self.driven_block(request.point);
        let unprimed = driven.is_some_and(|(block, _)| !self.blocks[block].primed);
        let outcome = match Transaction::new(now, request, point) {
            Err(why) => Outcome::Refused(why),
            Ok(_) if offline => Outcome::Refused("device offline".into()),
            Ok(_) if unknown || unprimed => Outcome::Refused("not read yet".into()),
            Ok(_) if self.writes.len() >= WRITES_MAX => Outcome::Refused("too many writes are waiting".into()),
            Ok(mut transaction) => {
                if driven.is_some() {
                    // The area's image is the fresh word.
                    transaction.step = Step::Send;
                }
                self.writes.push_back(transaction);
                return;
            }
        };
        self.reports.push(Report::Outcome(request.ticket, outcome));
    }

    /// The driven block a point is written with, and its place there.
    fn driven_block(&self, point: usize) -> Option<(usize, usize)> {
        let block = self.blocks.iter().position(|b| b.driven && b.atoms.iter().any(|a| a.points.contains(&point)))?;
        Some((block, usize::from(self.config.points[point].read.start - self.blocks[block].start)))
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

    fn any_online(&self) -> bool {
        self.units.iter().any(|unit| !unit.is_offline())
    }

    /// A new period: everything of the living units is due.
    fn tick(&mut self, now: Instant) {
        if now < self.poll_at {
            return;
        }
        let missed = now.duration_since(self.poll_at).as_nanos() / self.config.rate.as_nanos();
        let missed = u32::try_from(missed).unwrap_or(u32::MAX - 1);
        self.poll_at = match self.config.rate.checked_mul(missed + 1) {
            Some(on) => self.poll_at + on,
            None => now + self.config.rate,
        };
        for block in 0..self.blocks.len() {
            self.make_due(block);
        }
    }

    fn make_due(&mut self, block: usize) {
        let free = self.blocks[block].search.is_none() && !self.units[self.blocks[block].unit].is_offline();
        if free && !self.due.contains(&block) {
            self.due.push_back(block);
        }
    }

    /// The next request, or when there will be one.
    fn choose(&mut self, now: Instant) -> Result<Ask, Instant> {
        let mut wake = self.poll_at;
        self.units.iter_mut().for_each(|unit| unit.forget_old(now));
        // A write goes out before the next read.
        if let Some(first) = self.writes.front() {
            let fair = self.writes_in_a_row < WRITES_IN_A_ROW || self.due.is_empty();
            let (unit, ready) = (self.unit_of(first), first.not_before);
            if ready > now {
                wake = wake.min(ready);
            } else if fair {
                match self.ask_write(now, unit) {
                    Ok(ask) => {
                        self.writes_in_a_row += 1;
                        return Ok(ask);
                    }
                    Err(at) => wake = wake.min(at),
                }
            }
        }
        self.writes_in_a_row = 0;
        self.search_turn = !self.search_turn;
        if self.search_turn {
            if let Ok(ask) = self.ask_search(now) {
                return Ok(ask);
            }
        }
        for n in 0..self.due.len() {
            let block = self.due[n];
            if let Some(at) = self.blocks[block].not_before.filter(|at| *at > now) {
                wake = wake.min(at);
                continue;
            }
            let unit = self.blocks[block].unit;
            match self.ask(now, unit, self.blocks[block].next_request(), Purpose::Poll { block }) {
                Ok(ask) => return Ok(ask),
                Err(at) => wake = wake.min(at),
            }
        }
        match self.ask_search(now) {
            Ok(ask) => return Ok(ask),
            Err(at) => wake = wake.min(at),
        }
        self.ask_dead(now, wake)
    }

    /// The next step of a search for a refused part.
    fn ask_search(&self, now: Instant) -> Result<Ask, Instant> {
        let mut wake = now + IDLE;
        for (n, block) in self.blocks.iter().enumerate() {
            let Some(part) = block.search.as_ref().and_then(|search| search.todo.last()) else { continue };
            match self.ask(now, block.unit, block.request_for(part), Purpose::Search { block: n }) {
                Ok(ask) => return Ok(ask),
                Err(at) => wake = wake.min(at),
            }
        }
        Err(wake)
    }

    /// A request, or in its place one that no lost answer fits, or when either can be asked.
    fn ask(&self, now: Instant, unit: usize, request: Request<'static>, purpose: Purpose) -> Result<Ask, Instant> {
        if !self.units[unit].in_doubt() {
            return Ok((purpose, unit, request));
        }
        self.probe(now, unit)
    }

    /// A read of the unit that nothing it was asked before can answer: of another length, else of another table. What
    /// it says is not used; a unit that is believed dead may be asked anything, just to hear whether it is there.
    fn probe(&self, now: Instant, n: usize) -> Result<Ask, Instant> {
        let unit = &self.units[n];
        let mut start = 0;
        for block in self.blocks.iter().filter(|block| block.unit == n) {
            // Shorter and shorter from the start of the block's first readable part.
            let run = block.runs.iter().find(|run| !run.refused).unwrap_or(&block.runs[0]);
            let (first, count) = block.span(&run.atoms);
            start = first;
            let reads = (1..=count).rev().map(|count| read_request(block.table, first, count));
            let mut fresh = reads.filter(|request| unit.is_new(Shape::of(request)));
            if let Some(request) = fresh.next() {
                return Ok((Purpose::Probe, n, request));
            }
            if unit.is_offline() && !unit.stirring {
                return Ok((Purpose::Probe, n, read_request(block.table, first, count)));
            }
        }
        // Every own read is spent, as with a unit of one register. An exception to this tells as much as data.
        let tables = [Table::InputRegisters, Table::HoldingRegisters, Table::Coils, Table::DiscreteInputs];
        let other = tables.map(|table| read_request(table, start, 1));
        let free = other.into_iter().find(|request| unit.is_new_function(Shape::of(request)));
        free.map(|request| (Purpose::Probe, n, request)).ok_or(unit.quiet_at().unwrap_or(now))
    }

    /// Units that don't answer are asked now and then, one after the other.
    fn ask_dead(&self, now: Instant, mut wake: Instant) -> Result<Ask, Instant> {
        let mut dead: Vec<usize> = (0..self.units.len()).filter(|n| self.units[*n].is_offline()).collect();
        dead.sort_by_key(|n| self.units[*n].probe_at);
        for unit in dead {
            let at = self.units[unit].probe_at;
            if at > now {
                wake = wake.min(at);
                continue;
            }
            match self.probe(now, unit) {
                Ok(ask) => return Ok(ask),
                Err(at) => wake = wake.min(at),
            }
        }
        Err(wake)
    }

    fn unit_of(&self, transaction: &Transaction) -> usize {
        let id = transaction.spot.unit;
        self.units.iter().position(|unit| unit.id == id).expect("every written unit is read too")
    }

    /// The next step of the first write.
    fn ask_write(&mut self, now: Instant, unit: usize) -> Result<Ask, Instant> {
        if self.units[unit].in_doubt() {
            return self.probe(now, unit);
        }
        let point = self.writes[0].point;
        let driven = self.driven_block(point);
        let first = &mut self.writes[0];
        let (image, request) = match (first.step, driven) {
            (Step::Fetch | Step::ReadBack, _) => (None, first.read()),
            (Step::Send, Some((block, at))) => {
                let image = first.image_with(&self.blocks[block].cells, at);
                (Some((block, image.clone())), write_request(self.blocks[block].start, image))
            }
            (Step::Send, None) => (None, first.send(self.multiple_only[unit])),
        };
        if first.step == Step::Send && !first.sent {
            first.sent = true;
            self.reports.push(Report::Outcome(first.ticket, Outcome::Sent));
        }
        Ok((Purpose::Write { driven: image }, unit, request))
    }

    /// Writes whose time is over.
    fn expire(&mut self, now: Instant) {
        let reports = &mut self.reports;
        self.writes.retain(|write| {
            let over = now >= write.deadline;
            if over {
                reports.push(Report::Outcome(write.ticket, Outcome::Expired));
            }
            !over
        });
    }

    fn settle(&mut self, outcome: Outcome) {
        if let Some(write) = self.writes.pop_front() {
            self.reports.push(Report::Outcome(write.ticket, outcome));
        }
    }

    /// The unit said something.
    fn alive(&mut self, now: Instant, unit: usize) {
        let whole_line_was_dead = !self.any_online();
        let this = &mut self.units[unit];
        let was_offline = this.is_offline();
        this.failures = 0;
        this.probes = 0;
        this.last_answer = Some(now);
        this.health = Health::Online;
        self.connect_error = None;
        if was_offline {
            for block in 0..self.blocks.len() {
                if self.blocks[block].unit == unit {
                    self.make_due(block);
                }
            }
            if whole_line_was_dead {
                self.units.iter_mut().for_each(|unit| unit.probe_at = unit.probe_at.min(now));
            }
        }
    }

    /// A request came to nothing.
    fn no_answer(&mut self, now: Instant, doing: Doing, because: Fault) {
        let Doing { purpose, unit: n, shape, sent, .. } = doing;
        let several = self.blocks.iter().filter(|block| block.unit == n && block.misses < 2).count() > 1;
        let unit = &mut self.units[n];
        unit.failures += 1;
        if self.serial {
            unit.lose(shape, sent);
        }
        unit.stirring = false;
        let cost = now.saturating_duration_since(sent);
        if unit.is_offline() {
            unit.probes += 1;
            self.go_offline(now, n, because);
            self.postpone_probe(now, n, cost);
            return;
        }
        // One silent block may be a fault of its own, so a unit with more of them is asked for another one first.
        if unit.failures >= if several { 3 } else { 2 } {
            self.go_offline(now, n, because);
            self.postpone_probe(now, n, cost);
            return;
        }
        match purpose {
            Purpose::Poll { block } => {
                self.blocks[block].misses += 1;
                if self.blocks[block].misses >= 2 {
                    self.blocks[block].drop_values(because, &mut self.reports);
                    self.due.retain(|due| *due != block);
                    self.blocks[block].not_before = Some(now + self.pause_after(self.blocks[block].misses - 2, cost));
                }
            }
            // The search goes on where it was.
            Purpose::Search { .. } | Purpose::Probe => {}
            Purpose::Write { .. } => {
                // Did it arrive? The device will say.
                if let Some(first) = self.writes.front_mut() {
                    if first.step == Step::Send {
                        first.step = Step::ReadBack;
                    }
                }
            }
        }
    }

    fn postpone_probe(&mut self, now: Instant, unit: usize, cost: Duration) {
        let pause = match self.any_online() {
            true => self.pause_after(self.units[unit].probes, cost),
            // Nobody is kept waiting.
            false => PROBE_GAP.saturating_sub(cost),
        };
        self.units[unit].probe_at = now + pause;
    }

    /// How long a unit or block that was asked so often in vain, at such a cost, is left alone for the others' sake.
    fn pause_after(&self, vain: u32, cost: Duration) -> Duration {
        match self.serial {
            _ if vain < EAGER_TRIES => Duration::ZERO,
            true => cost * (DEAD_COST - 1),
            // One timeout and one period: within what is promised of a device's return.
            false => cost.min(self.config.rate),
        }
    }

    /// The unit doesn't answer, not even when asked again.
    fn go_offline(&mut self, now: Instant, unit: usize, because: Fault) {
        if self.units[unit].health == Health::Offline(because) {
            self.hang_up_if_dead();
            return;
        }
        self.units[unit].health = Health::Offline(because);
        self.units[unit].probe_at = now;
        for n in 0..self.blocks.len() {
            if self.blocks[n].unit == unit {
                self.blocks[n].drop_values(because, &mut self.reports);
                self.blocks[n].drop_all();
            }
        }
        let blocks = &self.blocks;
        self.due.retain(|block| blocks[*block].unit != unit);
        let id = self.units[unit].id;
        let reports = &mut self.reports;
        self.writes.retain(|write| {
            let here = write.spot.unit == id;
            if here {
                reports.push(Report::Outcome(write.ticket, write.lost()));
            }
            !here
        });
        self.hang_up_if_dead();
    }

    /// A connection behind which nobody answers may be a dead one: the kernel's own retries grow far too slow.
    fn hang_up_if_dead(&mut self) {
        self.hang_up |= !self.serial && self.line == LineState::Up && !self.any_online();
    }

    fn answered(&mut self, now: Instant, wall: Timestamp, doing: Doing, cells: Option<Cells>) {
        match (doing.purpose, cells) {
            (Purpose::Poll { block }, Some(cells)) => self.polled(wall, block, &cells),
            // A driven block was written, and holds now what is in its image.
            (Purpose::Poll { block }, None) => self.driven(wall, block),
            (Purpose::Search { block }, Some(cells)) => self.found(now, wall, block, &cells),
            (Purpose::Write { driven }, cells) => self.write_step(now, wall, driven, cells),
            // It was only asked to hear whether it is there.
            (Purpose::Probe | Purpose::Search { .. }, _) => {}
        }
    }

    /// A run of a block was read.
    fn polled(&mut self, wall: Timestamp, block: usize, cells: &Cells) {
        let this = &mut self.blocks[block];
        this.misses = 0;
        this.not_before = None;
        this.runs[this.cursor].refused = false;
        let atoms = this.runs[this.cursor].atoms.clone();
        let news = this.take(&atoms, cells);
        if this.driven {
            this.primed = true;
        }
        self.tell_atoms(wall, block, &news);
        self.next_run(wall, block);
    }

    fn driven(&mut self, wall: Timestamp, block: usize) {
        let this = &mut self.blocks[block];
        this.misses = 0;
        this.not_before = None;
        let news: Vec<usize> = (0..this.atoms.len()).filter(|n| !this.atoms[*n].valid).collect();
        news.iter().for_each(|n| this.atoms[*n].valid = true);
        self.tell_atoms(wall, block, &news);
        self.next_run(wall, block);
    }

    /// On to the block's next run; after the last the poll is complete.
    fn next_run(&mut self, wall: Timestamp, block: usize) {
        let this = &mut self.blocks[block];
        this.cursor += 1;
        if this.cursor >= this.runs.len() || this.driven {
            this.cursor = 0;
            this.settled();
            self.due.retain(|due| *due != block);
            self.reports.push(Report::Confirmed { block, at: wall });
        }
    }

    fn found(&mut self, now: Instant, wall: Timestamp, block: usize, cells: &Cells) {
        let this = &mut self.blocks[block];
        let Some(part) = this.search.as_ref().and_then(|search| search.todo.last().cloned()) else { return };
        let news = this.take(&part, cells);
        let (_, over) = this.search_step(now, None);
        self.tell_atoms(wall, block, &news);
        if over {
            // The other runs of this poll are still to be read, so it starts over.
            self.make_due(block);
        }
    }

    /// The device answered with an exception.
    fn refused(&mut self, now: Instant, wall: Timestamp, doing: Doing, code: ExceptionCode) {
        let because = Fault::Refused(code);
        // Illegal address or value: perhaps only a part of what was asked.
        let partial = matches!(code.0, 2 | 3);
        match doing.purpose {
            Purpose::Probe => {}
            Purpose::Poll { block } if self.blocks[block].driven => {
                self.blocks[block].drop_values(because, &mut self.reports);
                self.next_run(wall, block);
            }
            Purpose::Poll { block } => {
                let this = &mut self.blocks[block];
                this.misses = 0;
                let Run { atoms, .. } = this.runs[this.cursor].clone();
                if partial && this.begin_search(now, atoms.clone(), because) {
                    self.due.retain(|due| *due != block);
                    return;
                }
                this.runs[this.cursor].refused = true;
                this.drop_atoms(atoms, because, &mut self.reports);
                self.next_run(wall, block);
            }
            Purpose::Search { block } => {
                let this = &mut self.blocks[block];
                let (gone, over) = this.search_step(now, Some(because));
                for atom in gone {
                    this.drop_atoms(atom..atom + 1, because, &mut self.reports);
                }
                if over {
                    self.make_due(block);
                }
            }
            Purpose::Write { .. } => {
                let Some(first) = self.writes.front() else { return };
                if first.step == Step::Send && doing.single_write && code.0 == 1 {
                    // It has no single write; the next attempt uses the multiple one, for good.
                    self.multiple_only[doing.unit] = true;
                    return;
                }
                let why = match first.step {
                    Step::ReadBack => format!("written, but can't be read back: {code}"),
                    Step::Fetch | Step::Send => because.to_string(),
                };
                self.settle(Outcome::Refused(why));
            }
        }
    }

    /// A step of the first write was answered.
    fn write_step(&mut self, now: Instant, wall: Timestamp, driven: Option<(usize, Cells)>, cells: Option<Cells>) {
        // The area was written: its image is what the device holds.
        if let Some((block, image)) = driven {
            self.blocks[block].cells = image;
            let point = self.writes.front().map(|first| first.point);
            for n in 0..self.blocks[block].atoms.len() {
                let touched = point.is_some_and(|point| self.blocks[block].atoms[n].points.contains(&point));
                self.blocks[block].atoms[n].valid &= !touched;
            }
        }
        let Some(first) = self.writes.front_mut() else { return };
        let Some(cells) = cells else {
            first.step = Step::ReadBack;
            return;
        };
        if first.step == Step::Fetch {
            first.fetched(&cells);
            return;
        }
        let look = first.look(now, &cells);
        let (point, spot) = (first.point, first.spot);
        if look == Look::NotYet {
            return;
        }
        let value = cells.value(0, &spot);
        self.note(wall, point, &spot, &cells);
        self.settle(match (look, value) {
            (Look::Same, _) => Outcome::Confirmed,
            (_, Ok(value)) => Outcome::Mismatch(value),
            (_, Err(fault)) => Outcome::Refused(format!("written, but the device holds a value {fault}")),
        });
    }

    /// What was read back is news of the tag before its next poll.
    fn note(&mut self, wall: Timestamp, point: usize, spot: &crate::config::Spot, cells: &Cells) {
        if self.config.points[point].read != *spot {
            return;
        }
        for n in 0..self.blocks.len() {
            let Some(atom) = self.blocks[n].atoms.iter().position(|atom| atom.points.contains(&point)) else {
                continue;
            };
            let at = spot.start - self.blocks[n].start;
            self.blocks[n].cells.put(at.into(), cells);
            // Not all of the atom need be read: it is told again with the next poll, and what is new of it now.
            self.blocks[n].atoms[atom].valid = false;
            match cells.value(0, spot) {
                Ok(value) => self.reports.push(Report::Value { point, at: wall, value }),
                Err(because) => self.reports.push(Report::Fault { point, because }),
            }
        }
    }

    fn tell_atoms(&mut self, wall: Timestamp, block: usize, atoms: &[usize]) {
        let this = &self.blocks[block];
        for point in atoms.iter().flat_map(|n| &this.atoms[*n].points).copied() {
            let spot = &self.config.points[point].read;
            self.reports.push(match this.cells.value(usize::from(spot.start - this.start), spot) {
                Ok(value) => {
                    self.known[point] = true;
                    Report::Value { point, at: wall, value }
                }
                Err(because) => Report::Fault { point, because },
            });
        }
    }

    /// Says how the connection is, if that has changed.
    fn tell_status(&mut self, now: Instant) {
        if self.units.iter().any(|unit| unit.health == Health::Fresh && unit.failures == 0) && self.any_answered() {
            // The first round isn't over.
            return;
        }
        let dead: Vec<String> = self
            .units
            .iter()
            .filter_map(|unit| match unit.health {
                Health::Offline(because) if self.units.len() > 1 => Some(format!("unit {}: {because}", unit.id)),
                Health::Offline(because) => Some(because.to_string()),
                _ => None,
            })
            .collect();
        let all_dead = dead.len() == self.units.len();
        let why = match &self.connect_error {
            Some(error) if all_dead => error.clone(),
            _ => dead.join(", "),
        };
        let fresh = self.units.iter().any(|unit| unit.health == Health::Fresh);
        let status = (dead.is_empty(), why);
        if (fresh && dead.is_empty()) || self.status.as_ref() == Some(&status) {
            return;
        }
        let last_answer = self.units.iter().filter_map(|unit| unit.last_answer).max();
        let last_answer = last_answer.map(|at| now.saturating_duration_since(at));
        self.reports.push(Report::Status(Status { ok: status.0, why: status.1.clone(), last_answer }));
        self.status = Some(status);
    }

    fn any_answered(&self) -> bool {
        self.units.iter().any(|unit| unit.last_answer.is_some())
    }
}

impl Block {
    fn drop_values(&mut self, because: Fault, reports: &mut Vec<Report>) {
        self.drop_atoms(0..self.atoms.len(), because, reports);
    }

    fn drop_atoms(&mut self, atoms: std::ops::Range<usize>, because: Fault, reports: &mut Vec<Report>) {
        for atom in &mut self.atoms[atoms] {
            atom.valid = false;
            reports.extend(atom.points.iter().map(|&point| Report::Fault { point, because }));
        }
    }
}
