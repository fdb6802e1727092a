//! The hydro station as a whole: the controller that holds the level, the sensors that a master reads, and the trouble
//! that comes now and then.

use super::turbine::{FLOW_MAX, HEAD};
use super::{Fan, Meter, Mode, Rack, State, Turbine, Water};
use crate::dice::Dice;

/// The longest single step; a longer one is taken in pieces.
const STEP_MAX: f64 = 0.5;
/// Sensors are read this often, s: a value that jitters at every poll tells nobody more.
const SENSE_EVERY: f64 = 1.0;
/// A command of the operator stays to be read back for so long, s.
const COMMAND_STAYS: f64 = 5.0;
/// What the station itself uses, W.
const OWN_USE: f64 = 65e3;
/// Level controller: m³/s for each metre of error.
const GAIN: f64 = 12.0;
/// Level controller: reset time, s.
const RESET_TIME: f64 = 900.0;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trouble {
    /// A turbine (0 or 1) is thrown off the grid.
    Trip(usize),
    /// Leaves clog the rack and jam its cleaner.
    Leaves,
}

/// The hydro station.
#[derive(Debug, Clone)]
pub struct Station {
    /// River, gate, rack, forebay, spillway.
    pub water: Water,
    /// The two turbines.
    pub turbines: [Turbine; 2],
    /// The meter at the line.
    pub meter: Meter,
    /// The fan of the hall.
    pub fan: Fan,
    /// What the level controller holds, m.
    pub level_set: f64,
    /// The hall's lights.
    pub lights: bool,
    commands: [f64; 3],
    integral: f64,
    sensed: Sensed,
    sense_in: f64,
    wall: f64,
    age: f64,
    dice: Dice,
}

/// An operator's push button; it reads 1 for a moment after it was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// Resets turbine 1.
    Reset1,
    /// Resets turbine 2.
    Reset2,
    /// Rakes the rack.
    Rake,
}

/// What the sensors say: the truth, with their noise and to their resolution.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sensed {
    /// m³/s in the river.
    pub river: f64,
    /// m³/s at the intake.
    pub intake: f64,
    /// m³/s that stay in the river.
    pub residual: f64,
    /// m³/s over the spillway.
    pub spill: f64,
    /// m above the floor.
    pub level: f64,
    /// m over the rack.
    pub rack_diff: f64,
    /// MW of each turbine.
    pub power: [f64; 2],
    /// m³/s of each turbine.
    pub flow: [f64; 2],
    /// rpm of each turbine.
    pub rpm: [f64; 2],
    /// °C of each turbine's bearing.
    pub bearing: [f64; 2],
}

impl Station {
    /// The station at `wall` seconds since 1970, both turbines running.
    pub fn new(wall: f64, seed: u64) -> Self {
        let mut station = Self {
            water: Water::new(),
            turbines: [Turbine::running(), Turbine::running()],
            meter: Meter::new(),
            fan: Fan::new(),
            level_set: 4.0,
            lights: false,
            commands: [0.0; 3],
            integral: 13.0,
            sensed: Sensed::default(),
            sense_in: 0.0,
            wall,
            age: 0.0,
            dice: Dice::new(seed),
        };
        station.step(STEP_MAX);
        station
    }

    /// Time passes.
    pub fn step(&mut self, mut dt: f64) {
        while dt > 0.0 {
            let piece = dt.min(STEP_MAX);
            self.step_once(piece);
            dt -= piece;
        }
    }

    fn step_once(&mut self, dt: f64) {
        self.age += dt;
        let hours = (self.wall + self.age) / 3600.0 % 24.0;
        let head = HEAD + self.water.level() - 4.0;
        let share = self.control(dt);
        let wants = [self.turbines[0].wants(head), self.turbines[1].wants(head)];
        let wanted = wants[0] + wants[1];
        let taken = self.water.step(wanted, hours, &mut self.dice, dt);
        let given = if wanted > 0.0 { taken / wanted } else { 0.0 };
        for (turbine, wants) in self.turbines.iter_mut().zip(wants) {
            turbine.step(wants * given, share, head, dt);
        }
        let megawatts = self.megawatts();
        self.meter.step(megawatts * 1e6 - OWN_USE, &mut self.dice, dt);
        self.fan.step(megawatts, hours, dt);
        for left in &mut self.commands {
            *left = (*left - dt).max(0.0);
        }
        self.sense_in -= dt;
        if self.sense_in <= 0.0 {
            self.sense_in = SENSE_EVERY;
            self.sense();
        }
    }

    /// Holds the level with the turbines that follow it; returns what each of them is to take.
    fn control(&mut self, dt: f64) -> f64 {
        let follow = |turbine: &&Turbine| turbine.mode == Mode::Level && turbine.state() == State::Running;
        let many = self.turbines.iter().filter(follow).count();
        let able = FLOW_MAX * if many == 2 { 2.0 } else { 1.0 };
        let error = self.water.level() - self.level_set;
        let wanted = self.integral + error * GAIN;
        // A controller whose turbines can do no more stops adding up, and remembers what it had before a trip.
        if (0.0..able).contains(&wanted) || (wanted < 0.0) == (error > 0.0) {
            self.integral = (self.integral + error * GAIN / RESET_TIME * dt).clamp(0.0, 2.0 * FLOW_MAX);
        }
        let flow = wanted.clamp(0.0, able);
        if many == 2 { flow / 2.0 } else { flow }
    }

    fn sense(&mut self) {
        let dice = &mut self.dice;
        let mut read =
            |truth: f64, noise: f64, resolution: f64| ((truth + noise * dice.bell()) / resolution).round() * resolution;
        let water = &self.water;
        let flowing = |flow: f64| if flow > 0.01 { 0.004 * flow } else { 0.0 };
        let river = read(water.river(), flowing(water.river()), 0.01);
        let intake = read(water.intake(), flowing(water.intake()), 0.01);
        self.sensed = Sensed {
            river,
            intake,
            residual: read(water.residual(), flowing(water.residual()), 0.01),
            spill: read(water.spill(), 0.0, 0.01),
            level: read(water.level(), 0.001, 0.001),
            rack_diff: read(water.rack_diff(), 0.002, 0.001).max(0.0),
            ..self.sensed
        };
        for (n, turbine) in self.turbines.iter().enumerate() {
            let running = if turbine.state() == State::Running { 1.0 } else { 0.0 };
            self.sensed.power[n] = read(turbine.power(), 0.008 * running, 0.001);
            self.sensed.flow[n] = read(turbine.flow(), flowing(turbine.flow()), 0.01);
            self.sensed.rpm[n] = read(turbine.rpm(), 0.15 * running, 0.1);
            self.sensed.bearing[n] = read(turbine.bearing(), 0.05, 0.1);
        }
    }

    /// Something goes wrong; `dice` say for how long.
    pub fn befall(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Trip(which) => {
                let cause = 1 + u8::try_from(self.dice.pick(4)).expect("below four");
                let seconds = self.dice.between(45.0, 90.0);
                self.turbines[which].trip(cause, seconds);
            }
            Trouble::Leaves => {
                let seconds = self.dice.between(60.0, 110.0);
                self.water.leaves_come(seconds);
            }
        }
    }

    /// The operator presses a button.
    pub fn press(&mut self, button: Button) {
        self.commands[button as usize] = COMMAND_STAYS;
        match button {
            Button::Reset1 => self.turbines[0].reset(),
            Button::Reset2 => self.turbines[1].reset(),
            Button::Rake => self.water.rake_now(),
        }
    }

    /// Does the button read 1?
    pub fn pressed(&self, button: Button) -> bool {
        self.commands[button as usize] > 0.0
    }

    /// What the sensors say.
    pub fn sensed(&self) -> &Sensed {
        &self.sensed
    }

    /// MW of both turbines.
    pub fn megawatts(&self) -> f64 {
        self.turbines.iter().map(Turbine::power).sum()
    }

    /// Seconds since it was made: the PLC's heartbeat.
    pub fn age(&self) -> f64 {
        self.age
    }

    /// The PLC's alarm word: bit 0 rack, 1 spilling, 2 level low, 3 and 4 turbine tripped.
    pub fn alarms(&self) -> u16 {
        let tripped = |n: usize| matches!(self.turbines[n].state(), State::Tripped(_));
        let jammed = matches!(self.water.rack(), Rack::Blocked(_));
        let bits = [
            jammed || self.sensed.rack_diff > 0.4,
            self.sensed.spill > 0.05,
            self.sensed.level < 3.2,
            tripped(0),
            tripped(1),
        ];
        bits.iter().rev().fold(0, |word, bit| word << 1 | u16::from(*bit))
    }
}

#[cfg(test)]
mod tests;
