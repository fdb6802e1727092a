//! The Modbus daemon: the real [`Master`]s, [`Reporter`] and link core, held together as its own loop holds them, with
//! the simulated lines in place of sockets.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use link::{Core, Event as Heard, Group, Handle, Outcome, RequestId};
use modbus::{Do, Master, Reporter, Say, Ticket, WriteRequest};
use shell::Clock;
use tag::{Reading, Sample, TagName, Value};

use super::port::Port;
use super::site::{LINES, MODBUS, TAGS};
use super::world::{Event, World};

/// As the daemon's loop bounds what is under way to a busy line.
const WRITES_DEPTH: usize = 16;
/// As much as the daemon reads from a line at once.
const READ_BYTES: usize = 1024;
/// A daemon that is frozen sees what happened meanwhile when it goes on, to this accuracy.
const FROZEN_LOOK: Duration = Duration::from_millis(10);
/// A line that does so much at one instant never waits.
const STEPS_AT_ONCE_MAX: u32 = 200;

pub(crate) struct Hands {
    pub(crate) port: Port,
    reporter: Reporter,
    pub(crate) lines: Vec<LineEnd>,
    handles: Vec<Handle>,
    groups: Vec<Group>,
    /// Where a tag is written: line and point.
    written: HashMap<Handle, (usize, usize)>,
    /// Doesn't run: its machine has better things to do.
    pub(crate) frozen: bool,
}

pub(crate) struct LineEnd {
    pub(crate) master: Master,
    writes: VecDeque<WriteRequest>,
    doing: Doing,
    turn: u64,
    inbox: Vec<u8>,
    closed: Option<&'static str>,
    state: Handle,
    why: Handle,
}

#[derive(Clone, Copy, PartialEq)]
enum Doing {
    Opening,
    Listening,
    Waiting,
}

impl Hands {
    fn new(now: Instant) -> Self {
        let config = &*MODBUS;
        let reporter = Reporter::new(config);
        let mut core = Core::new("modbusclient");
        let mut handles = vec![Handle(0); config.tags.len()];
        let mut groups = Vec::new();
        for plan in reporter.groups() {
            let group = core.group(Some(plan.stale));
            groups.push(group);
            for tag in &plan.tags {
                handles[*tag] = core.own(&config.tags[*tag].name, group);
            }
        }
        let mut written = HashMap::new();
        for (n, line) in config.lines.iter().enumerate() {
            for (p, point) in line.points.iter().enumerate().filter(|(_, point)| point.write.is_some()) {
                written.insert(handles[point.tag.expect("every tag is read where it is written")], (n, p));
            }
        }
        let always = core.group(None);
        let mut end = |line: &modbus::LineConfig| {
            let mut own = |what: &str| {
                let name = TagName::parse(&format!("sys.modbus.{}.{what}", line.name)).expect("a name");
                core.own(&name, always)
            };
            LineEnd {
                state: own("state"),
                why: own("why"),
                master: Master::new(line.clone(), now),
                writes: VecDeque::new(),
                doing: Doing::Waiting,
                turn: 0,
                inbox: Vec::new(),
                closed: None,
            }
        };
        let lines = config.lines.iter().map(&mut end).collect();
        let port = Port::new(core, now);
        Self { port, reporter, lines, handles, groups, written, frozen: false }
    }
}

impl World {
    /// The daemon starts.
    pub(crate) fn hands_start(&mut self) {
        self.hands = Some(Hands::new(self.now));
        (0..LINES.len()).for_each(|line| self.run_line(line));
    }

    /// The daemon dies at any instant.
    pub(crate) fn hands_die(&mut self) {
        if let Some(mut hands) = self.hands.take() {
            hands.port.die(self.board.as_mut());
        }
        self.wires.iter_mut().for_each(|wire| wire.close(self.now));
    }

    /// The daemon goes on where it was.
    pub(crate) fn hands_thaw(&mut self) {
        let Some(hands) = &mut self.hands else { return };
        (hands.frozen, hands.port.stalled) = (false, false);
        for line in 0..LINES.len() {
            self.hear_line(line);
            if self.is_free(line) {
                self.run_line(line);
            }
        }
    }

    fn is_free(&self, line: usize) -> bool {
        self.hands.as_ref().is_some_and(|hands| !hands.frozen && hands.lines[line].doing != Doing::Opening)
    }

    pub(crate) fn on_opened(&mut self, line: usize, conn: u32, result: Result<(), &'static str>) {
        if self.wires[line].conn != conn {
            return;
        }
        if self.hands.as_ref().is_some_and(|hands| hands.frozen) {
            let again = match result {
                Ok(()) => Event::Opened { line, conn },
                Err(why) => Event::OpenFailed { line, conn, why },
            };
            return self.at(FROZEN_LOOK, again);
        }
        let opened = result.and_then(|()| self.wire_opened(line, conn).then_some(()).ok_or("gone"));
        let Some(hands) = &mut self.hands else { return };
        let end = &mut hands.lines[line];
        end.inbox.clear();
        end.closed = None;
        end.doing = Doing::Waiting;
        match opened {
            Ok(()) => end.master.on_opened(self.now),
            Err(why) => end.master.on_open_failed(self.now, why),
        }
        self.run_line(line);
    }

    pub(crate) fn at_master(&mut self, line: usize, conn: u32, bytes: &[u8]) {
        if !self.reaches_master(line, conn) {
            return;
        }
        if let Some(hands) = &mut self.hands {
            hands.lines[line].inbox.extend_from_slice(bytes);
        }
        self.hear_line(line);
    }

    pub(crate) fn on_hung(&mut self, line: usize, conn: u32, why: &'static str) {
        if !self.wire_hung(line, conn) {
            return;
        }
        if let Some(hands) = &mut self.hands {
            hands.lines[line].closed = Some(why);
        }
        self.hear_line(line);
    }

    /// The line's task reads if it listens.
    fn hear_line(&mut self, line: usize) {
        let listens = |hands: &Hands| !hands.frozen && hands.lines[line].doing == Doing::Listening;
        if self.hands.as_ref().is_some_and(listens) && self.read_line(line) {
            self.run_line(line);
        }
    }

    /// One read: bytes first, then the end of the connection.
    fn read_line(&mut self, line: usize) -> bool {
        let (now, wall) = (self.now, self.clock.wall());
        let Some(hands) = &mut self.hands else { return false };
        let end = &mut hands.lines[line];
        if !end.inbox.is_empty() {
            let rest = end.inbox.split_off(end.inbox.len().min(READ_BYTES));
            let bytes = std::mem::replace(&mut end.inbox, rest);
            end.master.on_bytes(now, wall, &bytes);
            return true;
        }
        if let Some(why) = end.closed.take() {
            end.master.on_closed(now, why);
            return true;
        }
        false
    }

    pub(crate) fn on_line_wake(&mut self, line: usize, turn: u64) {
        if self.is_free(line) && self.hands.as_ref().is_some_and(|hands| hands.lines[line].turn == turn) {
            self.run_line(line);
        }
    }

    /// The line's task, until it has to wait.
    fn run_line(&mut self, line: usize) {
        for _ in 0..STEPS_AT_ONCE_MAX {
            let (now, wall) = (self.now, self.clock.wall());
            let Some(hands) = &mut self.hands else { return };
            let end = &mut hands.lines[line];
            while let Some(write) = end.writes.pop_front() {
                end.master.write(now, &write);
            }
            let what = end.master.step(now, wall);
            self.tell_bus(line);
            let Some(hands) = &mut self.hands else { return };
            let end = &mut hands.lines[line];
            end.turn += 1;
            let turn = end.turn;
            match what {
                Do::Open => {
                    end.doing = Doing::Opening;
                    return self.wire_opens(line);
                }
                Do::Close => {
                    end.inbox.clear();
                    end.closed = None;
                    self.wires[line].close(now);
                }
                Do::Send(_) if end.closed.is_some() => {
                    let why = end.closed.take().expect("just seen");
                    end.master.on_closed(now, why);
                }
                Do::Send(bytes) => {
                    if LINES[line].serial {
                        end.inbox.clear();
                    }
                    self.wire_sends(line, &bytes);
                }
                Do::Listen(until) => {
                    if !self.read_line(line) && until > now {
                        self.doing(line, Doing::Listening);
                        return self.on(until, Event::LineWake { line, turn });
                    }
                }
                Do::Wait(until) => {
                    end.doing = Doing::Waiting;
                    return self.on(until.max(now), Event::LineWake { line, turn });
                }
            }
        }
        self.complain(format!("{}: the line never waits", LINES[line].name));
    }

    fn doing(&mut self, line: usize, doing: Doing) {
        if let Some(hands) = &mut self.hands {
            hands.lines[line].doing = doing;
        }
    }

    /// What the line has to tell goes to the bus.
    fn tell_bus(&mut self, line: usize) {
        let wall = self.clock.wall();
        let Some(hands) = &mut self.hands else { return };
        let reports = hands.lines[line].master.take_reports();
        for say in hands.reporter.on_reports(line, wall, reports) {
            match say {
                Say::Publish(tag, sample) => {
                    let on_the_bus = hands.port.core.is_up();
                    self.ledger.publish(tag, &sample, on_the_bus);
                    hands.port.core.publish(hands.handles[tag], sample);
                }
                Say::Confirm(group) => hands.port.core.confirm(hands.groups[group]),
                Say::Settle(ticket, outcome) => hands.port.core.settle(RequestId(ticket.0), outcome),
                Say::Status(line, status) => {
                    let end = &hands.lines[line];
                    let good = |value| Sample { at: wall, reading: Reading::Good(value) };
                    hands.port.core.publish(end.state, good(Value::Int(status.ok.into())));
                    hands.port.core.publish(end.why, good(Value::Text(status.why.as_str().into())));
                }
            }
        }
    }

    /// The daemon's loop takes what the bus brought. True if there was anything.
    pub(crate) fn hands_hear(&mut self) -> bool {
        let mut heard = false;
        loop {
            let Some(hands) = self.hands.as_mut().filter(|hands| !hands.frozen) else { return heard };
            let Some(event) = hands.port.core.next_event() else { return heard };
            heard = true;
            match event {
                Heard::Write { id, tag, value, deadline, .. } => {
                    let Some(&(line, point)) = hands.written.get(&tag) else {
                        hands.port.core.settle(id, Outcome::Refused("read only".into()));
                        continue;
                    };
                    let Some(left) = deadline.left(self.clock.uptime()) else {
                        hands.port.core.settle(id, Outcome::Expired);
                        continue;
                    };
                    let deadline = self.now + left;
                    let end = &mut hands.lines[line];
                    if end.writes.len() >= WRITES_DEPTH {
                        hands.port.core.settle(id, Outcome::Refused("too many writes are waiting".into()));
                        continue;
                    }
                    end.writes.push_back(WriteRequest { ticket: Ticket(id.0), point, value, deadline });
                    if end.doing == Doing::Waiting {
                        self.run_line(line);
                    }
                }
                Heard::Refused(why) => self.complain(format!("the bus refused the Modbus daemon: {why}")),
                Heard::Up | Heard::Down(_) => self.ledger.broken(0..TAGS.len()),
                _ => {}
            }
        }
    }
}
