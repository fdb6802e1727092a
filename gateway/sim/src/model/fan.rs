//! The fan that airs the machine hall, and its drive.

use super::{ramp, settle};

/// Who says how fast it turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FanMode {
    /// It stands.
    Off,
    /// The operator's Hz.
    Manual,
    /// The hall's temperature.
    Auto,
}

/// A fan on a frequency drive, and the hall it airs.
#[derive(Debug, Clone)]
pub struct Fan {
    /// Who says how fast it turns.
    pub mode: FanMode,
    /// The operator's Hz, 0 to 50.
    pub hz_set: f64,
    hz: f64,
    hall: f64,
    outside: f64,
    motor: f64,
    hours: f64,
}

impl Fan {
    /// A fan that turns.
    pub fn new() -> Self {
        Self { mode: FanMode::Auto, hz_set: 30.0, hz: 25.0, hall: 27.0, outside: 14.0, motor: 40.0, hours: 9_876.0 }
    }

    /// Time passes; the machines make so many MW at this hour of the day.
    pub fn step(&mut self, megawatts: f64, hours: f64, dt: f64) {
        let target = match self.mode {
            FanMode::Off => 0.0,
            FanMode::Manual => self.hz_set,
            FanMode::Auto => (18.0 + 5.0 * (self.hall - 25.0)).clamp(12.0, 50.0),
        };
        self.hz = ramp(self.hz, target, 2.0, dt);
        self.outside = 13.0 + 6.0 * ((hours - 15.0) / 24.0 * std::f64::consts::TAU).cos();
        // Losses warm the hall; walls and fan carry the warmth out.
        let carried = 0.012 + 0.0011 * self.hz;
        self.hall = settle(self.hall, self.outside + 0.09 * megawatts.max(0.0) / carried, 900.0, dt);
        self.motor = settle(self.motor, self.hall + 22.0 * (self.hz / 50.0).powi(2), 600.0, dt);
        if self.hz > 0.5 {
            self.hours += dt / 3600.0;
        }
    }

    /// Hz at the motor.
    pub fn hz(&self) -> f64 {
        self.hz
    }

    /// A at the motor.
    pub fn amps(&self) -> f64 {
        if self.hz < 0.5 { 0.0 } else { 1.3 + 5.4 * (self.hz / 50.0).powi(3) }
    }

    /// The drive's status word: bit 0 ready, 1 running, 2 at the speed it was told.
    pub fn status(&self) -> u16 {
        let running = self.hz > 0.5;
        let at_speed = self.mode != FanMode::Manual || (self.hz - self.hz_set).abs() < 0.05;
        1 | u16::from(running) << 1 | u16::from(running && at_speed) << 2
    }

    /// °C in the hall.
    pub fn hall(&self) -> f64 {
        self.hall
    }

    /// °C outside.
    pub fn outside(&self) -> f64 {
        self.outside
    }

    /// °C in the motor's windings.
    pub fn motor(&self) -> f64 {
        self.motor
    }

    /// Hours it has turned.
    pub fn hours(&self) -> f64 {
        self.hours
    }
}

impl Default for Fan {
    fn default() -> Self {
        Self::new()
    }
}
