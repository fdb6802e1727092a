//! What goes wrong, planned from the seed before the first step: what, when, for how long.

use std::ops::Range;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use sim::{Behaviour, Lie};
use tag::Timestamp;
use tokio_modbus::ExceptionCode;

use super::site::{LINES, TAGS, What, Written};
use super::world::{Event, World};

/// Simulated time of a run.
pub(crate) const RUN: Duration = Duration::from_secs(600);
/// The end of every run is without faults.
pub(crate) const PEACE: Duration = Duration::from_secs(30);
/// Between the beginnings of two faults, ms: often enough to overlap, seldom enough for everything to recover.
const PAUSE_MS: Range<u64> = 50..9_000;

/// So long a daemon may not run, ms: a stall of the flash, another process that eats the processor.
const FREEZE_MS: Range<u64> = 50..9_000;

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trouble {
    /// A device behaves so.
    Behaves(usize, &'static str, Behaviour),
    /// A device is switched off, and on again.
    Vanishes(usize),
    /// Connections to a device are refused.
    Refuses(usize),
    /// Packets are lost and sent again.
    Lossy(usize),
    /// Bytes are garbled.
    Noisy(usize),
    /// A register holds something that is no number.
    Meaningless(usize),
    BusDown,
    ModbusDown,
    WindowDown,
    ListenerDown,
    /// The Modbus daemon doesn't run for a while.
    ModbusFrozen,
    /// The listener doesn't read; `true`: and more comes than its queue holds.
    ListenerStalls(bool),
    /// The wall clock jumps to so many seconds from where it is.
    ClockJumps(i64),
    ScriptDies(usize),
    ScriptStalls,
    /// A phone is where no Wi-Fi is.
    PhoneLost(usize),
}

/// When.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) from: Duration,
    pub(crate) lasts: Duration,
    pub(crate) what: Trouble,
}

/// All of a run's.
pub(crate) fn plan(rng: &mut StdRng) -> Vec<Planned> {
    let mut all: Vec<Planned> = Vec::new();
    let mut at = Duration::from_secs(8);
    loop {
        at += Duration::from_millis(rng.random_range(PAUSE_MS));
        let what = pick(rng);
        let lasts = lasting(rng, &what);
        if at + lasts + PEACE >= RUN {
            return all;
        }
        // One thing at a time with each place: what ends one would end the other.
        let same = |other: &Planned| other.from + other.lasts >= at && place(&other.what) == place(&what);
        if !all.iter().any(same) {
            all.push(Planned { from: at, lasts, what });
        }
    }
}

/// Two troubles at the same place exclude each other.
fn place(what: &Trouble) -> (u8, usize) {
    match what {
        Trouble::Behaves(line, _, _)
        | Trouble::Vanishes(line)
        | Trouble::Refuses(line)
        | Trouble::Lossy(line)
        | Trouble::Noisy(line) => (0, *line),
        Trouble::Meaningless(tag) => (1, *tag),
        Trouble::BusDown => (2, 0),
        Trouble::ModbusDown | Trouble::ModbusFrozen => (3, 0),
        Trouble::WindowDown => (4, 0),
        Trouble::ListenerDown | Trouble::ListenerStalls(_) => (5, 0),
        Trouble::ClockJumps(_) => (6, 0),
        Trouble::ScriptDies(_) | Trouble::ScriptStalls => (7, 0),
        Trouble::PhoneLost(n) => (8, *n),
    }
}

fn pick(rng: &mut StdRng) -> Trouble {
    let line = rng.random_range(0..LINES.len());
    let serial = LINES[line].serial;
    let (_, device) = *LINES[line].units.choose(rng).expect("a line has units");
    let floats: Vec<usize> =
        (0..TAGS.len()).filter(|n| TAGS[*n].is_float() && TAGS[*n].written == Written::Never).collect();
    match rng.random_range(0..100) {
        0..45 => Trouble::Behaves(line, device, behaviour(rng)),
        45..52 => Trouble::Vanishes(line),
        52..56 if !serial => Trouble::Refuses(line),
        52..62 if serial => Trouble::Noisy(line),
        52..62 => Trouble::Lossy(line),
        62..66 => Trouble::Meaningless(*floats.choose(rng).expect("the site has floats")),
        66..71 => Trouble::BusDown,
        71..75 => Trouble::ModbusDown,
        75..78 => Trouble::WindowDown,
        78..80 => Trouble::ListenerDown,
        80..84 => Trouble::ModbusFrozen,
        84..88 => Trouble::ListenerStalls(rng.random_ratio(1, 8)),
        88..92 => Trouble::ClockJumps(rng.random_range(-100_000_000..100_000_000)),
        92..94 => Trouble::ScriptDies(rng.random_range(0..2)),
        94..95 => Trouble::ScriptStalls,
        _ => Trouble::PhoneLost(rng.random_range(0..2)),
    }
}

/// On a serial line nothing tells an answer from an older one of its kind. Where some answers were lost and others were
/// not, a master that takes no wrong value keeps silent until nothing can be under way any more. A device that said
/// nothing at all is asked at once.
fn leaves_doubt(what: &Trouble, line: usize) -> bool {
    LINES[line].serial
        && match what {
            Trouble::Behaves(at, _, behaviour) => *at == line && *behaviour != Behaviour::Silent,
            Trouble::Noisy(at) => *at == line,
            Trouble::ModbusFrozen => true,
            _ => false,
        }
}

fn behaviour(rng: &mut StdRng) -> Behaviour {
    let late = Duration::from_millis(rng.random_range(100..3000));
    let lies = [
        Lie::Length,
        Lie::ByteCount,
        Lie::Unit,
        Lie::Transaction,
        Lie::Function,
        Lie::Crc,
        Lie::Garbage,
        Lie::Half,
        Lie::Twice,
        Lie::OneBehind,
        Lie::Echo,
        Lie::Forget,
    ];
    let code = [1, 2, 3, 4, 5, 6, 10, 11].choose(rng).copied().expect("some");
    let what = match rng.random_range(0..12) {
        0..3 => Behaviour::Silent,
        3..6 => Behaviour::Slow(late),
        6 => Behaviour::Refuse(ExceptionCode::new(code)),
        7 => Behaviour::HangUp,
        8 => Behaviour::Reset,
        _ => Behaviour::Lie(*lies.choose(rng).expect("some")),
    };
    // One that is one behind only sometimes keeps an answer for as long as it likes, and no master on a serial line can
    // know that it isn't new.
    let steady = what == Behaviour::Lie(Lie::OneBehind);
    if !steady && rng.random_ratio(1, 3) {
        Behaviour::Sometimes(rng.random_range(10..90), Box::new(what))
    } else {
        what
    }
}

fn lasting(rng: &mut StdRng, what: &Trouble) -> Duration {
    let ms = match what {
        Trouble::ClockJumps(_) | Trouble::ScriptDies(_) => 0,
        Trouble::BusDown | Trouble::ModbusDown | Trouble::WindowDown | Trouble::ListenerDown => {
            rng.random_range(0..4_000)
        }
        Trouble::ModbusFrozen => rng.random_range(FREEZE_MS),
        Trouble::ListenerStalls(_) | Trouble::ScriptStalls => rng.random_range(500..28_000),
        Trouble::PhoneLost(_) => rng.random_range(500..25_000),
        _ if rng.random_ratio(1, 2) => rng.random_range(20..1_500),
        _ => rng.random_range(1_500..15_000),
    };
    Duration::from_millis(ms)
}

/// Is a place calm, and since when?
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calm {
    troubles: u32,
    since: Instant,
}

impl Calm {
    pub(crate) fn new(now: Instant) -> Self {
        Self { troubles: 0, since: now }
    }

    /// Something happened that takes no time.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.since = self.since.max(now);
    }

    pub(crate) fn since(&self) -> Option<Instant> {
        (self.troubles == 0).then_some(self.since)
    }

    fn count(&mut self, begins: bool, now: Instant) {
        if begins {
            self.troubles += 1;
        } else {
            self.troubles -= 1;
            self.touch(now);
        }
    }
}

/// What is calm.
pub(crate) struct Quiet {
    pub(crate) lines: [Calm; 4],
    pub(crate) tags: Vec<Calm>,
    pub(crate) phones: [Calm; 2],
    /// Bus and daemons.
    pub(crate) house: Calm,
}

impl Quiet {
    pub(crate) fn new(now: Instant) -> Self {
        let calm = Calm::new(now);
        Self { lines: [calm; 4], tags: vec![calm; TAGS.len()], phones: [calm; 2], house: calm }
    }

    fn count(&mut self, what: &Trouble, begins: bool, now: Instant) {
        match what {
            Trouble::Behaves(line, _, _)
            | Trouble::Vanishes(line)
            | Trouble::Refuses(line)
            | Trouble::Lossy(line)
            | Trouble::Noisy(line) => self.lines[*line].count(begins, now),
            Trouble::Meaningless(tag) => self.tags[*tag].count(begins, now),
            Trouble::PhoneLost(n) => self.phones[*n].count(begins, now),
            Trouble::BusDown | Trouble::ModbusDown | Trouble::ModbusFrozen | Trouble::WindowDown => {
                self.house.count(begins, now);
            }
            Trouble::ListenerDown
            | Trouble::ListenerStalls(_)
            | Trouble::ClockJumps(_)
            | Trouble::ScriptDies(_)
            | Trouble::ScriptStalls => {}
        }
    }
}

impl World {
    pub(crate) fn trouble_begins(&mut self, n: usize) {
        let Planned { lasts, what, .. } = self.planned[n].clone();
        self.tell(|| format!("begins for {lasts:?}: {what:?}"));
        self.quiet.count(&what, true, self.now);
        self.at(lasts, Event::Ends(n));
        match what {
            Trouble::Behaves(_, device, behaviour) => self.behave(device, behaviour),
            Trouble::Vanishes(line) => self.wires[line].vanished = true,
            Trouble::Refuses(line) => {
                self.wires[line].refusing = true;
                let conn = self.wires[line].conn;
                self.at(Duration::from_millis(1), Event::Hung { line, conn, why: "closed by the device" });
            }
            Trouble::Lossy(line) => self.wires[line].lossy = true,
            Trouble::Noisy(line) => self.wires[line].noisy = true,
            Trouble::Meaningless(tag) => self.hand_puts(tag, f64::NAN),
            Trouble::BusDown => self.bus_dies(),
            Trouble::ModbusDown => self.hands_die(),
            Trouble::WindowDown => self.window_dies(),
            Trouble::ListenerDown => self.memory_dies(),
            Trouble::ModbusFrozen => {
                if let Some(hands) = &mut self.hands {
                    (hands.frozen, hands.port.stalled) = (true, true);
                }
            }
            Trouble::ListenerStalls(storm) => {
                if let Some(memory) = &mut self.memory {
                    memory.port.stalled = true;
                }
                if storm {
                    self.script_storms();
                }
            }
            Trouble::ClockJumps(by) => {
                let to = self.wall_us().saturating_add_signed(by.saturating_mul(1_000_000));
                self.clock.step_wall(Timestamp(to));
            }
            Trouble::ScriptDies(n) => self.script_dies(n),
            Trouble::ScriptStalls => self.scripts[1].stalled = true,
            Trouble::PhoneLost(n) => self.phone_lost(n),
        }
    }

    pub(crate) fn trouble_ends(&mut self, n: usize) {
        let what = self.planned[n].what.clone();
        self.tell(|| format!("ends: {what:?}"));
        self.quiet.count(&what, false, self.now);
        for line in (0..LINES.len()).filter(|line| leaves_doubt(&what, *line)) {
            self.wires[line].doubt_until = self.now + modbus::LATE_MAX;
        }
        match what {
            Trouble::Behaves(_, device, _) => self.behave(device, Behaviour::Normal),
            Trouble::Vanishes(line) => {
                self.wires[line].vanished = false;
                self.wires[line].forget();
            }
            Trouble::Refuses(line) => self.wires[line].refusing = false,
            Trouble::Lossy(line) => self.wires[line].lossy = false,
            Trouble::Noisy(line) => self.wires[line].noisy = false,
            Trouble::Meaningless(tag) => self.hand_moves(tag),
            Trouble::BusDown => self.bus_starts(),
            Trouble::ModbusDown => self.hands_start(),
            Trouble::WindowDown => self.window_starts(),
            Trouble::ListenerDown => self.memory_starts(),
            Trouble::ModbusFrozen => self.hands_thaw(),
            Trouble::ListenerStalls(_) => {
                if let Some(memory) = &mut self.memory {
                    memory.port.stalled = false;
                }
            }
            Trouble::ScriptStalls => self.scripts[1].stalled = false,
            Trouble::PhoneLost(n) => self.phone_found(n),
            Trouble::ClockJumps(_) | Trouble::ScriptDies(_) => {}
        }
    }

    fn behave(&mut self, device: &str, behaviour: Behaviour) {
        self.plant.device_mut(device).expect("a device of this site").behave(behaviour);
    }

    /// The plant, or a hand at it, puts a value into a register.
    pub(crate) fn hand_puts(&mut self, tag: usize, value: f64) {
        let spec = &TAGS[tag];
        let (at, words) = (spec.place(), {
            let device = self.plant.device(spec.device).expect("a device of this site");
            match spec.what {
                What::Number(kind, order) => kind.encode(order, value),
                What::Bit(bit) => {
                    let old = device.registers.peek(spec.place()).expect("its registers are defined");
                    let mask = 1 << bit.unwrap_or(0);
                    vec![if value == 0.0 { old & !mask } else { old | mask }]
                }
            }
        });
        self.plant.device_mut(spec.device).expect("just seen").registers.poke(at, &words);
        let held = self.look(tag);
        self.truth.holds(tag, self.now, held);
    }

    /// Another value, as time brings it.
    pub(crate) fn hand_moves(&mut self, tag: usize) {
        let spec = &TAGS[tag];
        let value = match spec.what {
            What::Bit(_) => 1.0 - self.truth.now(tag).unwrap_or(0.0),
            What::Number(..) => {
                let (min, max) = (spec.limits.0.max(0.0), spec.limits.1.min(30_000.0));
                let quarters = self.rng.random_range((min as i32) * 4..=(max as i32) * 4);
                let value = f64::from(quarters) / 4.0;
                if spec.is_float() { value } else { value.floor() }
            }
        };
        self.hand_puts(tag, value);
    }
}
