//! The world of one seed: a calendar of events, and time that jumps from one to the next.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::Switchboard;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use shell::{Clock, ManualClock};
use sim::Plant;
use tag::Timestamp;
use www::watch::SocketId;

use super::hands::Hands;
use super::ledger::{Ledger, Memory};
use super::phone::Phone;
use super::port::Port;
use super::script::Script;
use super::site::{self, LINES, TAGS, Written};
use super::trouble::{self, Planned, Quiet};
use super::truth::Truth;
use super::window::Window;
use super::wire::Wire;

/// Bytes at one instant may go back and forth so often; more is a conversation without end.
const ROUNDS_MAX: u32 = 20_000;
/// A restarted bus is another one.
const FIRST_EPOCH: u64 = 1;

/// What happens, and then whatever follows from it at the same instant.
#[derive(Debug)]
pub(crate) enum Event {
    Opened {
        line: usize,
        conn: u32,
    },
    OpenFailed {
        line: usize,
        conn: u32,
        why: &'static str,
    },
    AtDevice {
        line: usize,
        conn: u32,
        bytes: Vec<u8>,
    },
    AtMaster {
        line: usize,
        conn: u32,
        bytes: Vec<u8>,
    },
    Hung {
        line: usize,
        conn: u32,
        why: &'static str,
    },
    LineWake {
        line: usize,
        turn: u64,
    },
    Moves(usize),
    Begins(usize),
    Ends(usize),
    /// A daemon tries to reach the bus.
    Connect,
    /// The bus looks at its clock; which bus.
    Tick(u64),
    Takes {
        phone: usize,
        socket: SocketId,
    },
    Beat {
        phone: usize,
        socket: SocketId,
    },
    Dials {
        phone: usize,
    },
    Acts {
        phone: usize,
    },
    Starts {
        script: usize,
    },
    ScriptActs,
    Sweep,
    /// Nothing of its own: time for those who wait for it.
    Look,
}

struct Entry {
    at: Instant,
    number: u64,
    event: Event,
}

/// See the module.
pub(crate) struct World {
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) rng: StdRng,
    calendar: BinaryHeap<Entry>,
    entries: u64,
    pub(crate) steps: u64,
    pub(crate) plant: Plant,
    pub(crate) truth: Truth,
    pub(crate) wires: Vec<Wire>,
    pub(crate) board: Option<Switchboard>,
    epoch: u64,
    pub(crate) hands: Option<Hands>,
    pub(crate) window: Option<Window>,
    pub(crate) memory: Option<Memory>,
    pub(crate) scripts: [Script; 2],
    pub(crate) phones: [Phone; 2],
    pub(crate) ledger: Ledger,
    pub(crate) planned: Vec<Planned>,
    pub(crate) quiet: Quiet,
    pub(crate) next_socket: u64,
    pub(crate) counted: i64,
    pub(crate) clock_us: u64,
    pub(crate) due_at: Vec<Instant>,
    pub(crate) gaps: u64,
    complaint: Option<String>,
    /// Say what happens.
    pub(crate) aloud: bool,
}

impl World {
    /// A world in which everything has just been switched on and everything may go wrong.
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(seed, trouble::plan(&mut StdRng::seed_from_u64(!seed)))
    }

    /// A world in which this goes wrong.
    pub(crate) fn with(seed: u64, planned: Vec<Planned>) -> Self {
        let clock = ManualClock::at(Timestamp(1_700_000_000_000_000));
        let now = clock.mono();
        let mut world = Self {
            start: now,
            now,
            rng: StdRng::seed_from_u64(seed),
            calendar: BinaryHeap::new(),
            entries: 0,
            steps: 0,
            plant: site::plant(seed),
            truth: Truth::default(),
            wires: LINES.iter().map(|_| Wire::new(now)).collect(),
            board: None,
            epoch: FIRST_EPOCH,
            hands: None,
            window: None,
            memory: None,
            scripts: Default::default(),
            phones: [Phone::new(now), Phone::new(now)],
            ledger: Ledger::new(),
            planned,
            quiet: Quiet::new(now),
            next_socket: 0,
            counted: 0,
            clock_us: clock.wall().0,
            due_at: Vec::new(),
            gaps: 0,
            complaint: None,
            aloud: std::env::var_os("FOREBAY_ALOUD").is_some(),
            clock,
        };
        world.switch_on();
        world
    }

    fn switch_on(&mut self) {
        for (tag, spec) in TAGS.iter().enumerate() {
            let held = self.look(tag);
            self.truth.holds(tag, self.now, held);
            if spec.written != Written::Driven {
                self.at(Duration::ZERO, Event::Moves(tag));
            }
        }
        self.bus_starts();
        self.hands_start();
        self.window_starts();
        self.memory_starts();
        (0..self.scripts.len()).for_each(|script| self.script_starts(script));
        for phone in 0..self.phones.len() {
            self.phone_dials(phone);
            self.at(Duration::from_secs(3), Event::Acts { phone });
        }
        self.at(Duration::from_secs(1), Event::ScriptActs);
        self.at(Duration::from_secs(1), Event::Sweep);
        for n in 0..self.planned.len() {
            self.at(self.planned[n].from, Event::Begins(n));
        }
    }

    /// Puts an event into the calendar, so long from now.
    pub(crate) fn at(&mut self, after: Duration, event: Event) {
        self.on(self.now + after, event);
    }

    /// Puts an event into the calendar.
    pub(crate) fn on(&mut self, at: Instant, event: Event) {
        self.entries += 1;
        self.calendar.push(Entry { at: at.max(self.now), number: self.entries, event });
    }

    /// Something that must hold doesn't.
    pub(crate) fn complain(&mut self, sentence: String) {
        if self.complaint.is_none() {
            let t = self.now.duration_since(self.start).as_secs_f64();
            self.complaint = Some(format!("step {} t={t:.3} s: {sentence}", self.steps));
        }
    }

    /// Says what happens, if anybody wants to hear it.
    pub(crate) fn tell(&self, what: impl Fn() -> String) {
        if self.aloud {
            eprintln!("t={:.3} {}", self.now.duration_since(self.start).as_secs_f64(), what());
        }
    }

    /// Lives until then, or until something doesn't hold.
    pub(crate) fn run(&mut self, until: Duration) -> Result<(), String> {
        let end = self.start + until;
        self.settle();
        while let Some(entry) = self.calendar.pop() {
            if entry.at > end {
                self.calendar.push(entry);
                break;
            }
            self.clock.advance(entry.at.duration_since(self.now));
            self.now = entry.at;
            self.steps += 1;
            self.happen(entry.event);
            self.settle();
            self.check();
            if let Some(sentence) = self.complaint.take() {
                return Err(sentence);
            }
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Opened { line, conn } => self.on_opened(line, conn, Ok(())),
            Event::OpenFailed { line, conn, why } => self.on_opened(line, conn, Err(why)),
            Event::AtDevice { line, conn, bytes } => self.at_device(line, conn, &bytes),
            Event::AtMaster { line, conn, bytes } => self.at_master(line, conn, &bytes),
            Event::Hung { line, conn, why } => self.on_hung(line, conn, why),
            Event::LineWake { line, turn } => self.on_line_wake(line, turn),
            Event::Moves(tag) => self.plant_moves(tag),
            Event::Begins(n) => self.trouble_begins(n),
            Event::Ends(n) => self.trouble_ends(n),
            Event::Connect => self.connect(),
            Event::Tick(epoch) => self.tick(epoch),
            Event::Takes { phone, socket } => self.phone_takes(phone, socket),
            Event::Beat { phone, socket } => self.on_beat(phone, socket),
            Event::Dials { phone } => self.phone_dials(phone),
            Event::Acts { phone } => self.phone_acts(phone),
            Event::Starts { script } => self.script_starts(script),
            Event::ScriptActs => self.script_acts(),
            Event::Sweep => {
                self.window_sweeps();
                self.at(Duration::from_secs(1), Event::Sweep);
            }
            Event::Look => {}
        }
    }

    /// A measured value changes every few polls, or several times within one; a set-point by hand now and then.
    fn plant_moves(&mut self, tag: usize) {
        let ms = match TAGS[tag].written {
            Written::Never => self.rng.random_range(100..6_000),
            _ => self.rng.random_range(10_000..90_000),
        };
        self.at(Duration::from_millis(ms), Event::Moves(tag));
        if self.truth.now(tag).is_some() {
            self.hand_moves(tag);
        }
    }

    pub(crate) fn bus_starts(&mut self) {
        self.epoch += 1;
        self.board = Some(Switchboard::new("__bus__", self.epoch, self.clock.now()));
        self.at(Duration::ZERO, Event::Tick(self.epoch));
    }

    pub(crate) fn bus_dies(&mut self) {
        self.board = None;
        let now = self.now;
        for port in self.ports().into_iter().filter(|port| port.peer().is_some()) {
            port.lose("the bus closed the connection", now);
        }
        (0..self.scripts.len()).for_each(|script| self.script_dies(script));
    }

    fn tick(&mut self, epoch: u64) {
        let Some(board) = self.board.as_mut().filter(|_| self.epoch == epoch) else { return };
        let wait = board.at(self.clock.now()).tick();
        self.at(wait, Event::Tick(epoch));
    }

    fn ports(&mut self) -> Vec<&mut Port> {
        let hands = self.hands.as_mut().map(|hands| &mut hands.port);
        let window = self.window.as_mut().map(|window| &mut window.port);
        let memory = self.memory.as_mut().map(|memory| &mut memory.port);
        [hands, window, memory].into_iter().flatten().collect()
    }

    fn connect(&mut self) {
        let now = self.now;
        let mut board = self.board.take();
        if let Some(board) = &mut board {
            board.at(self.clock.now());
        }
        for port in self.ports() {
            if !port.stalled {
                port.connect(board.as_mut(), now);
            } else if port.retry_at.is_some_and(|at| at <= now) {
                port.retry_at = Some(now + Duration::from_millis(10));
            }
        }
        self.board = board;
    }

    /// Moves bytes and lets everybody act until nothing moves at this instant.
    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let mut moved = self.pump();
            moved |= self.hands_hear();
            moved |= self.window_hears();
            moved |= self.memory_hears();
            moved |= self.scripts_hear();
            moved |= self.window_tells();
            if !moved {
                return self.dial();
            }
        }
        self.complain("bytes go back and forth without end".into());
    }

    fn pump(&mut self) -> bool {
        let (now, clocks) = (self.now, self.clock.now());
        let Self { board: Some(board), hands, window, memory, rng, .. } = self else { return false };
        board.at(clocks);
        let hands = hands.as_mut().map(|hands| &mut hands.port);
        let window = window.as_mut().map(|window| &mut window.port);
        let memory = memory.as_mut().map(|memory| &mut memory.port);
        let mut moved = false;
        for port in [hands, window, memory].into_iter().flatten() {
            moved |= port.pump(board, now, rng);
        }
        if let Some((_, why)) = board.next_closed() {
            self.complain(format!("the bus gave up a peer: {why}"));
        }
        moved
    }

    /// Whoever has no connection has a time to try again.
    fn dial(&mut self) {
        let mut at = Vec::new();
        for port in self.ports() {
            if port.retry_at != port.dialled {
                port.dialled = port.retry_at;
                at.extend(port.retry_at);
            }
        }
        at.into_iter().for_each(|at| self.on(at, Event::Connect));
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest, as a heap wants it; of one instant, the first that was put there.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}
