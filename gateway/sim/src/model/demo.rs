//! The PLC behind pymscada's demo page: values that follow their set-points, and how this machine feels.

use super::ramp;

/// µs in a second.
const SECOND: f64 = 1e6;
/// s in a day.
const DAY: f64 = 86_400.0;

/// How the machine under the simulation feels; measured outside.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Machine {
    /// °C; 0 where nothing measures it.
    pub cpu_temp: f64,
    /// % of all cores.
    pub cpu_load: f64,
    /// % of the file system that holds `/`.
    pub disk_use: f64,
}

/// The demo PLC. Set-points are public: a master writes them, through the clamps of the register map.
#[derive(Debug, Clone)]
pub struct Demo {
    /// −100 to 100.
    pub int_set: f64,
    int_val: f64,
    /// In metres.
    pub float_set: f64,
    float_val: f64,
    /// 0 to 3.
    pub multi_set: f64,
    multi_val: f64,
    multi_for: f64,
    times: [Follow; 2],
    clock: Follow,
    machine: Machine,
}

/// A time in µs that is taken over a moment after it was set.
#[derive(Debug, Clone)]
struct Follow {
    set: f64,
    val: f64,
    due: f64,
}

/// Which of the PLC's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Time of day.
    Time,
    /// A day.
    Date,
}

impl Demo {
    /// The PLC as it is when switched on at `wall` seconds since 1970.
    pub fn new(wall: f64) -> Self {
        let midnight = (wall / DAY).floor() * DAY;
        let follow = |at: f64| Follow { set: at * SECOND, val: at * SECOND, due: 0.0 };
        Self {
            int_set: 1.0,
            int_val: 1.0,
            float_set: 2.0,
            float_val: 2.0,
            multi_set: 0.0,
            multi_val: 0.0,
            multi_for: 0.0,
            times: [follow(midnight + 6.5 * 3600.0), follow(midnight)],
            clock: follow(wall.floor()),
            machine: Machine::default(),
        }
    }

    /// Time passes: integers go 10 a second, metres 1 a second and faster when they have far to go, states one a
    /// second, times after a second.
    pub fn step(&mut self, dt: f64) {
        self.int_val = ramp(self.int_val, self.int_set, 10.0, dt);
        let far = (self.float_set - self.float_val).abs();
        self.float_val = ramp(self.float_val, self.float_set, far.max(2.0) / 2.0, dt);
        self.multi_for += dt;
        if self.multi_for >= 1.0 {
            self.multi_for = 0.0;
            self.multi_val = ramp(self.multi_val, self.multi_set, 1.0, 1.0);
        }
        for time in &mut self.times {
            time.step(dt);
        }
        self.clock.val += dt * SECOND;
        self.clock.step(dt);
    }

    /// The machine's figures, measured outside.
    pub fn feel(&mut self, machine: Machine) {
        self.machine = machine;
    }

    /// What the machine's figures were last.
    pub fn machine(&self) -> Machine {
        self.machine
    }

    /// The integer that follows its set-point.
    pub fn int_val(&self) -> f64 {
        self.int_val.round()
    }

    /// The metres that follow their set-point.
    pub fn float_val(&self) -> f64 {
        self.float_val
    }

    /// The state that follows its set-point.
    pub fn multi_val(&self) -> f64 {
        self.multi_val
    }

    /// A time's set-point and value, in µs since 1970.
    pub fn time(&self, which: Time) -> (f64, f64) {
        let time = &self.times[which as usize];
        (time.set, time.val)
    }

    /// Sets a time.
    pub fn set_time(&mut self, which: Time, micros: f64) {
        self.times[which as usize].put(micros);
    }

    /// The PLC's clock: what it was last set to, and what it shows, in µs and whole seconds.
    pub fn clock(&self) -> (f64, f64) {
        (self.clock.set, (self.clock.val / SECOND).floor() * SECOND)
    }

    /// Sets the PLC's clock.
    pub fn set_clock(&mut self, micros: f64) {
        self.clock.put(micros);
    }
}

impl Follow {
    fn put(&mut self, micros: f64) {
        (self.set, self.due) = (micros.max(0.0), 1.0);
    }

    fn step(&mut self, dt: f64) {
        if self.due > 0.0 {
            self.due -= dt;
            if self.due <= 0.0 {
                self.val = self.set;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_their_set_points_and_arrive() {
        let mut demo = Demo::new(1_764_000_000.7);
        (demo.int_set, demo.float_set, demo.multi_set) = (-50.0, 1000.0, 3.0);
        demo.set_time(Time::Time, 5e6);
        demo.step(0.5);
        assert_eq!(demo.int_val(), -4.0, "ten a second, from 1");
        assert!(demo.float_val() > 2.0 && demo.float_val() < 1000.0);
        assert_ne!(demo.time(Time::Time).1, 5e6, "not at once");
        (0..300).for_each(|_| demo.step(0.1));
        assert_eq!((demo.int_val(), demo.float_val(), demo.multi_val()), (-50.0, 1000.0, 3.0));
        assert_eq!(demo.time(Time::Time), (5e6, 5e6));
    }

    #[test]
    fn the_clock_runs_on_and_can_be_set() {
        let mut demo = Demo::new(1_764_000_000.7);
        (0..25).for_each(|_| demo.step(0.1));
        assert_eq!(demo.clock(), (1_764_000_000e6, 1_764_000_002e6));
        demo.set_clock(1000e6);
        (0..35).for_each(|_| demo.step(0.1));
        let (_, shown) = demo.clock();
        assert!((1001e6..=1003e6).contains(&shown), "{shown}");
    }
}
