//! A gate with a motor: it goes where it is told at the speed it has.

use super::ramp;

/// A gate; 0 % is shut, 100 % open.
#[derive(Debug, Clone)]
pub struct Gate {
    position: f64,
    opening: f64,
    closing: f64,
}

impl Gate {
    /// A gate at `position`, which opens and closes at so many percent in a second.
    pub fn new(position: f64, opening: f64, closing: f64) -> Self {
        Self { position, opening, closing }
    }

    /// Where it is, in percent.
    pub fn position(&self) -> f64 {
        self.position
    }

    /// Where it is, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.position / 100.0
    }

    /// It moves towards `target` percent.
    pub fn step(&mut self, target: f64, dt: f64) {
        let rate = if target > self.position { self.opening } else { self.closing };
        self.position = ramp(self.position, target.clamp(0.0, 100.0), rate, dt);
    }

    /// Shuts as fast as a dropped weight shuts it.
    pub fn slam(&mut self, dt: f64) {
        self.position = ramp(self.position, 0.0, 15.0, dt);
    }
}
