//! Which register holds what: the devices of the demo site.

use serde::Deserialize;

use crate::model::{Button, Demo, FanMode, IntakeMode, Mode, POWER_MAX, Rack, State, Station, Time};
use crate::registers::{Access, At, Registers, Span};
use crate::words::{Kind, Order};

/// What a device is (`is:` in `plant.yaml`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The PLC of pymscada's demo: `4x:1` to `4x:100`, high word first.
    Demo,
    /// The PLC of the hydro station: `4x`, high word first; coils; discrete inputs.
    Station,
    /// Its energy meter: `3x`, low word first, in V, A, W and tenths of a kWh.
    Meter,
    /// The drive of its fan: `4x`, in hundredths of a Hz and tenths of a °C.
    Fan,
    /// Holding registers from `4x:1`, all 0 and all writable.
    Blank,
}

/// What the devices of one plant measure and move.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) demo: Demo,
    pub(crate) station: Station,
}

/// A number of the world and where a device keeps it.
pub(crate) struct Point {
    at: At,
    kind: Kind,
    order: Order,
    /// One step of the register, in the number's unit.
    step: f64,
    get: fn(&World) -> f64,
    set: Option<fn(&mut World, f64)>,
}

impl Point {
    /// The device's registers show what the world is.
    pub(crate) fn show(&self, world: &World, registers: &mut Registers) {
        registers.poke(self.at, &self.kind.encode(self.order, (self.get)(world) / self.step));
    }

    /// A master wrote `span`: if this point is in it, the world is told.
    pub(crate) fn take(&self, span: Span, registers: &Registers, world: &mut World) {
        let (first, last) = (u32::from(self.at.address), u32::from(self.at.address) + u32::from(self.kind.words()));
        let (from, to) = (u32::from(span.at.address), u32::from(span.at.address) + u32::from(span.count));
        let Some(set) = self.set.filter(|_| span.at.table == self.at.table && first < to && from < last) else {
            return;
        };
        let words = registers.read(self.at, self.kind.words()).expect("a point's registers are defined");
        let value = self.kind.decode(self.order, &words) * self.step;
        // A PLC ignores what is no number.
        if value.is_finite() {
            set(world, value);
        }
    }
}

/// A device's points while they are written down.
struct Map {
    points: Vec<Point>,
    order: Order,
}

/// The registers and the points of a device; `words` for a blank one.
pub(crate) fn build(profile: Profile, words: u16) -> (Registers, Vec<Point>) {
    let mut registers = Registers::default();
    let order = if matches!(profile, Profile::Meter | Profile::Fan) { Order::Cdab } else { Order::Abcd };
    let mut map = Map { points: Vec::new(), order };
    match profile {
        Profile::Demo => {
            registers.define(At::holding(1), 100, Access::Writable);
            map.demo();
        }
        Profile::Station => {
            registers.define(At::holding(1), 140, Access::ReadOnly);
            map.station();
            map.turbine::<0>(30);
            map.turbine::<1>(50);
        }
        Profile::Meter => map.meter(),
        Profile::Fan => {
            registers.define(At::holding(1), 20, Access::ReadOnly);
            map.fan();
        }
        Profile::Blank => registers.define(At::holding(1), words, Access::Writable),
    }
    for point in &map.points {
        let access = if point.set.is_some() { Access::Writable } else { Access::ReadOnly };
        registers.define(point.at, point.kind.words(), access);
    }
    (registers, map.points)
}

impl Map {
    fn add(&mut self, at: &str, kind: Kind, step: f64, get: fn(&World) -> f64, set: Option<fn(&mut World, f64)>) {
        let at = at.parse().expect("a place written in this file");
        self.points.push(Point { at, kind, order: self.order, step, get, set });
    }

    fn shows(&mut self, at: &str, kind: Kind, get: fn(&World) -> f64) {
        self.add(at, kind, 1.0, get, None);
    }

    fn shows_in(&mut self, step: f64, at: &str, kind: Kind, get: fn(&World) -> f64) {
        self.add(at, kind, step, get, None);
    }

    fn takes(&mut self, at: &str, kind: Kind, get: fn(&World) -> f64, set: fn(&mut World, f64)) {
        self.add(at, kind, 1.0, get, Some(set));
    }

    /// As pymscada's demo site reads and writes it.
    fn demo(&mut self) {
        use Kind::{Float32, Int16, Uint64};
        self.takes("4x:1", Int16, |w| w.demo.int_set, |w, v| w.demo.int_set = v.clamp(-100.0, 100.0));
        self.shows("4x:2", Int16, |w| w.demo.int_val());
        self.takes("4x:3", Float32, |w| w.demo.float_set, |w, v| w.demo.float_set = v);
        self.shows("4x:5", Float32, |w| w.demo.float_val());
        self.takes("4x:7", Int16, |w| w.demo.multi_set, |w, v| w.demo.multi_set = v.clamp(0.0, 3.0));
        self.shows("4x:8", Int16, |w| w.demo.multi_val());
        self.takes("4x:9", Uint64, |w| w.demo.time(Time::Time).0, |w, v| w.demo.set_time(Time::Time, v));
        self.shows("4x:13", Uint64, |w| w.demo.time(Time::Time).1);
        self.takes("4x:17", Uint64, |w| w.demo.time(Time::Date).0, |w, v| w.demo.set_time(Time::Date, v));
        self.shows("4x:21", Uint64, |w| w.demo.time(Time::Date).1);
        self.takes("4x:25", Uint64, |w| w.demo.clock().0, |w, v| w.demo.set_clock(v));
        self.shows("4x:29", Uint64, |w| w.demo.clock().1);
        self.shows("4x:33", Float32, |w| w.demo.machine().cpu_temp);
        self.shows("4x:35", Float32, |w| w.demo.machine().cpu_load);
        self.shows("4x:37", Float32, |w| w.demo.machine().disk_use);
    }

    fn station(&mut self) {
        use Kind::{Float32, Int16, Uint16};
        self.shows("4x:1", Float32, |w| w.station.sensed().river);
        self.shows("4x:3", Float32, |w| w.station.sensed().intake);
        self.shows("4x:5", Float32, |w| tenth(w.station.water.gate.position()));
        self.shows("4x:7", Float32, |w| w.station.sensed().rack_diff);
        self.shows("4x:9", Int16, |w| match w.station.water.rack() {
            Rack::Idle => 0.0,
            Rack::Cleaning(_) => 1.0,
            Rack::Blocked(_) => 2.0,
        });
        self.shows("4x:11", Float32, |w| w.station.sensed().level);
        self.shows("4x:13", Float32, |w| w.station.water.volume().round());
        self.shows("4x:15", Float32, |w| w.station.sensed().spill);
        self.shows("4x:17", Float32, |w| w.station.sensed().residual);
        self.shows("4x:19", Float32, |w| w.station.sensed().power.iter().sum());
        self.shows("4x:21", Uint16, |w| f64::from(w.station.alarms()));
        self.shows("4x:22", Uint16, |w| w.station.age().floor() % 65_536.0);
        self.takes("4x:101", Float32, |w| w.station.level_set, |w, v| w.station.level_set = v.clamp(2.5, 4.4));
        self.takes(
            "4x:103",
            Int16,
            |w| if w.station.water.intake_mode == IntakeMode::Auto { 1.0 } else { 0.0 },
            |w, v| w.station.water.intake_mode = if v < 0.5 { IntakeMode::Manual } else { IntakeMode::Auto },
        );
        self.takes(
            "4x:105",
            Float32,
            |w| w.station.water.intake_set,
            |w, v| w.station.water.intake_set = v.clamp(0.0, 100.0),
        );
        self.takes("0x:1", Uint16, |w| bit(w.station.pressed(Button::Rake)), |w, v| press(w, v, Button::Rake));
        self.takes("0x:2", Uint16, |w| bit(w.station.lights), |w, v| w.station.lights = v > 0.5);
        self.shows("1x:1", Uint16, |w| bit(w.station.sensed().spill > 0.05));
        // Mains present, door shut.
        self.shows("1x:2", Uint16, |_| 1.0);
        self.shows("1x:3", Uint16, |_| 1.0);
    }

    /// The block of turbine `N` after `4x:base`, and its set-points at `4x:111` and `4x:121`.
    fn turbine<const N: usize>(&mut self, base: u16) {
        use Kind::{Float32, Int16, Uint32};
        let at = |offset: u16| format!("4x:{}", base + offset);
        let set = |offset: usize| format!("4x:{}", 111 + 10 * N + offset);
        self.shows(&at(1), Int16, |w| match w.station.turbines[N].state() {
            State::Stopped => 0.0,
            State::Starting => 1.0,
            State::Running => 2.0,
            State::Stopping => 3.0,
            State::Tripped(_) => 4.0,
        });
        self.shows(&at(2), Int16, |w| f64::from(w.station.turbines[N].cause()));
        self.shows(&at(3), Float32, |w| w.station.sensed().power[N]);
        self.shows(&at(5), Float32, |w| tenth(w.station.turbines[N].gate()));
        self.shows(&at(7), Float32, |w| w.station.sensed().flow[N]);
        self.shows(&at(9), Float32, |w| w.station.sensed().rpm[N]);
        self.shows(&at(11), Float32, |w| w.station.sensed().bearing[N]);
        self.shows_in(0.1, &at(13), Uint32, |w| w.station.turbines[N].hours());
        self.takes(
            &set(0),
            Int16,
            |w| match w.station.turbines[N].mode {
                Mode::Off => 0.0,
                Mode::Manual => 1.0,
                Mode::Level => 2.0,
            },
            |w, v| {
                w.station.turbines[N].mode = match v {
                    v if v < 0.5 => Mode::Off,
                    v if v < 1.5 => Mode::Manual,
                    _ => Mode::Level,
                }
            },
        );
        self.takes(&set(1), Int16, |w| bit(w.station.pressed(reset(N))), |w, v| press(w, v, reset(N)));
        self.takes(
            &set(2),
            Float32,
            |w| w.station.turbines[N].power_set,
            |w, v| w.station.turbines[N].power_set = v.clamp(0.0, POWER_MAX),
        );
    }

    fn meter(&mut self) {
        use Kind::{Float32, Uint32};
        self.shows("3x:1", Float32, |w| w.station.meter.volts());
        self.shows("3x:3", Float32, |w| w.station.meter.amps());
        self.shows("3x:5", Float32, |w| w.station.meter.watts());
        self.shows("3x:7", Float32, |w| w.station.meter.vars());
        self.shows("3x:9", Float32, |w| w.station.meter.power_factor());
        self.shows("3x:11", Float32, |w| w.station.meter.hertz());
        // A counter shows what is full, never what is about to be.
        self.shows_in(100.0, "3x:13", Uint32, |w| (w.station.meter.imported() / 100.0).floor() * 100.0);
        self.shows_in(100.0, "3x:15", Uint32, |w| (w.station.meter.exported() / 100.0).floor() * 100.0);
    }

    fn fan(&mut self) {
        use Kind::{Int16, Uint16, Uint32};
        self.takes(
            "4x:1",
            Int16,
            |w| match w.station.fan.mode {
                FanMode::Off => 0.0,
                FanMode::Manual => 1.0,
                FanMode::Auto => 2.0,
            },
            |w, v| {
                w.station.fan.mode = match v {
                    v if v < 0.5 => FanMode::Off,
                    v if v < 1.5 => FanMode::Manual,
                    _ => FanMode::Auto,
                }
            },
        );
        self.add("4x:2", Int16, 0.01, |w| w.station.fan.hz_set, Some(|w, v| w.station.fan.hz_set = v.clamp(0.0, 50.0)));
        self.shows("4x:11", Uint16, |w| f64::from(w.station.fan.status()));
        self.shows_in(0.01, "4x:12", Int16, |w| w.station.fan.hz());
        self.shows_in(0.01, "4x:13", Int16, |w| w.station.fan.amps());
        self.shows_in(0.1, "4x:14", Int16, |w| w.station.fan.motor());
        self.shows_in(0.1, "4x:15", Int16, |w| w.station.fan.hall());
        self.shows_in(0.1, "4x:16", Int16, |w| w.station.fan.outside());
        self.shows_in(0.1, "4x:17", Uint32, |w| w.station.fan.hours());
    }
}

fn reset(n: usize) -> Button {
    if n == 0 { Button::Reset1 } else { Button::Reset2 }
}

fn press(world: &mut World, value: f64, button: Button) {
    if value > 0.5 {
        world.station.press(button);
    }
}

fn bit(on: bool) -> f64 {
    if on { 1.0 } else { 0.0 }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
