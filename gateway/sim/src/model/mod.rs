//! What the devices measure and move: pure models, stepped with the time that passes.

mod demo;
mod fan;
mod gate;
mod grid;
mod station;
mod turbine;
mod water;

pub use demo::{Demo, Machine, Time};
pub use fan::{Fan, FanMode};
pub use gate::Gate;
pub use grid::Meter;
pub use station::{Button, Sensed, Station, Trouble};
pub use turbine::{Mode, POWER_MAX, State, Turbine};
pub use water::{IntakeMode, Rack, Water};

/// Moves `value` towards `target`, at most `rate` per second.
fn ramp(value: f64, target: f64, rate: f64, dt: f64) -> f64 {
    value + (target - value).clamp(-rate * dt, rate * dt)
}

/// Moves `value` towards `target` as something with this time constant does, however long the step.
fn settle(value: f64, target: f64, tau: f64, dt: f64) -> f64 {
    target + (value - target) * (-dt / tau).exp()
}
