//! The energy meter at the line: what goes out to the grid and what comes in, and how the grid is.

use super::settle;
use crate::dice::Dice;

/// A revenue meter on the 11 kV side.
#[derive(Debug, Clone)]
pub struct Meter {
    volts: f64,
    hertz: f64,
    watts: f64,
    power_factor: f64,
    exported: f64,
    imported: f64,
}

impl Meter {
    /// A meter that has counted for some years.
    pub fn new() -> Self {
        Self { volts: 11_000.0, hertz: 50.0, watts: 0.0, power_factor: 0.97, exported: 8.123_456e10, imported: 3.21e8 }
    }

    /// Time passes with so many watts going out; less than nothing comes in.
    pub fn step(&mut self, watts: f64, dice: &mut Dice, dt: f64) {
        self.watts = watts;
        let hours = dt / 3600.0;
        self.exported += watts.max(0.0) * hours;
        self.imported += (-watts).max(0.0) * hours;
        let jolt = dt.sqrt() * dice.bell();
        self.hertz = (settle(self.hertz, 50.0, 60.0, dt) + 0.004 * jolt).clamp(49.8, 50.2);
        self.volts = settle(self.volts, 11_000.0 + 18e-6 * watts, 120.0, dt) + 2.0 * jolt;
        self.power_factor = settle(self.power_factor, 0.9 + 0.07 * (watts.abs() / 8e6).min(1.0), 30.0, dt);
    }

    /// V between phases.
    pub fn volts(&self) -> f64 {
        self.volts
    }

    /// Hz.
    pub fn hertz(&self) -> f64 {
        self.hertz
    }

    /// W out to the grid.
    pub fn watts(&self) -> f64 {
        self.watts
    }

    /// From 0 to 1.
    pub fn power_factor(&self) -> f64 {
        self.power_factor
    }

    /// Reactive power, var.
    pub fn vars(&self) -> f64 {
        self.watts * (1.0 / self.power_factor.powi(2) - 1.0).max(0.0).sqrt()
    }

    /// A in each phase.
    pub fn amps(&self) -> f64 {
        self.watts.abs() / (3.0_f64.sqrt() * self.volts * self.power_factor)
    }

    /// Wh out since the meter was put in.
    pub fn exported(&self) -> f64 {
        self.exported
    }

    /// Wh in since the meter was put in.
    pub fn imported(&self) -> f64 {
        self.imported
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}
