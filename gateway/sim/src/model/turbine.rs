//! A turbine with its governor: starts, runs, follows its demand, trips.

use super::water::GRAVITY;
use super::{Gate, settle};

/// m³/s through the open wicket gates at [`HEAD`].
pub(super) const FLOW_MAX: f64 = 9.0;
/// Net head at the usual level, m.
pub(super) const HEAD: f64 = 61.0;
/// MW a set-point may ask for.
pub const POWER_MAX: f64 = 5.0;
/// Rated speed, rpm.
pub(super) const RATED_RPM: f64 = 600.0;
/// Wicket gates while it comes up to speed, %.
const GATE_IDLE: f64 = 12.0;
/// Lowest wicket gate opening on the grid, %.
const GATE_MIN: f64 = 15.0;
/// Friction and windage, MW.
const LOSSES: f64 = 0.12;
/// Inertia times rated power, MW·s.
const INERTIA: f64 = 3.2 * 5.0;

/// Who says what it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is stopped and stays so.
    Off,
    /// The operator's MW.
    Manual,
    /// The level controller's flow.
    Level,
}

/// Where it is in its life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum State {
    /// It stands.
    Stopped,
    /// It comes up to speed.
    Starting,
    /// It is on the grid.
    Running,
    /// It unloads and runs out.
    Stopping,
    /// Something threw it off; it may start again after so many seconds, or when reset.
    Tripped(f64),
}

/// Why it tripped, as the list on the page has it: 0 is nothing.
pub(super) const TRIP_CAUSES: u8 = 4;

/// A turbine.
#[derive(Debug, Clone)]
pub struct Turbine {
    /// Who says what it makes.
    pub mode: Mode,
    /// The operator's MW, 0 to [`POWER_MAX`].
    pub power_set: f64,
    state: State,
    cause: u8,
    gate: Gate,
    demand: f64,
    flow: f64,
    power: f64,
    speed: f64,
    bearing: f64,
    hours: f64,
}

impl Turbine {
    /// A turbine on the grid that follows the level.
    pub fn running() -> Self {
        Self {
            mode: Mode::Level,
            power_set: 3.0,
            state: State::Running,
            cause: 0,
            gate: Gate::new(70.0, 2.5, 4.0),
            demand: 70.0,
            flow: 0.0,
            power: 0.0,
            speed: 1.0,
            bearing: 52.0,
            hours: 21_400.0,
        }
    }

    /// What it would take from the forebay now, m³/s.
    pub fn wants(&self, head: f64) -> f64 {
        FLOW_MAX * self.gate.share() * (head.max(0.0) / HEAD).sqrt()
    }

    /// Time passes. `flow` is what it gets of what it wants; `share` what the level controller would like it to take.
    pub fn step(&mut self, flow: f64, share: f64, head: f64, dt: f64) {
        self.flow = flow;
        let x = self.gate.share();
        let efficiency = 0.91 - 0.3 * (x - 0.78).powi(2);
        let shaft = 1000.0 * GRAVITY * flow * head.max(0.0) * efficiency / 1e6 - LOSSES;
        self.state = match self.state {
            State::Stopped if self.mode != Mode::Off => State::Starting,
            State::Starting | State::Running if self.mode == Mode::Off => State::Stopping,
            State::Starting if self.speed >= 1.0 => State::Running,
            State::Stopping if self.speed < 0.01 => State::Stopped,
            State::Tripped(left) if left <= dt => {
                self.cause = 0;
                State::Stopping
            }
            State::Tripped(left) => State::Tripped(left - dt),
            state => state,
        };
        self.power = if self.state == State::Running { shaft } else { 0.0 };
        match self.state {
            State::Stopped => {
                self.gate.slam(dt);
                self.run_out(dt);
            }
            State::Starting => {
                self.gate.step(GATE_IDLE, dt);
                self.demand = GATE_IDLE;
                // The synchroniser closes the breaker at rated speed, not before the gates have moved.
                self.speed = (self.speed + 0.03 * dt).min(if x > 0.1 { 1.0 } else { 0.9 });
            }
            State::Running => {
                self.speed = 1.0;
                self.govern(share, head, dt);
                self.gate.step(self.demand, dt);
                self.hours += dt / 3600.0;
            }
            State::Stopping => {
                self.gate.step(0.0, dt);
                self.run_out(dt);
            }
            State::Tripped(_) => {
                self.gate.slam(dt);
                // Thrown off the grid, the water that still comes speeds it up.
                self.speed = (self.speed.powi(2) + shaft.max(0.0) / INERTIA * dt).sqrt();
                self.run_out(dt);
            }
        }
        let warm = 24.0 + 26.0 * self.speed.powi(2) + 1.8 * self.power.max(0.0);
        self.bearing = settle(self.bearing, warm, 1500.0, dt);
    }

    fn govern(&mut self, share: f64, head: f64, dt: f64) {
        let wanted = match self.mode {
            Mode::Manual => self.demand + 8.0 * (self.power_set - self.power) * dt,
            _ => 100.0 * share / (FLOW_MAX * (head.max(1.0) / HEAD).sqrt()),
        };
        self.demand = wanted.clamp(GATE_MIN, 100.0);
    }

    fn run_out(&mut self, dt: f64) {
        self.speed = settle(self.speed, 0.0, 45.0, dt);
        if self.speed < 0.2 {
            // Brakes.
            self.speed = (self.speed - 0.02 * dt).max(0.0);
        }
    }

    /// Something throws it off the grid, for so long unless it is reset. A turbine that isn't running can't be thrown.
    pub fn trip(&mut self, cause: u8, seconds: f64) {
        if self.state == State::Running {
            self.state = State::Tripped(seconds);
            self.cause = cause.min(TRIP_CAUSES);
        }
    }

    /// The operator acknowledges a trip.
    pub fn reset(&mut self) {
        if let State::Tripped(_) = self.state {
            (self.state, self.cause) = (State::Stopping, 0);
        }
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why it tripped; 0 when it didn't.
    pub fn cause(&self) -> u8 {
        self.cause
    }

    /// Wicket gates, %.
    pub fn gate(&self) -> f64 {
        self.gate.position()
    }

    /// m³/s.
    pub fn flow(&self) -> f64 {
        self.flow
    }

    /// MW to the grid.
    pub fn power(&self) -> f64 {
        self.power
    }

    /// rpm.
    pub fn rpm(&self) -> f64 {
        self.speed * RATED_RPM
    }

    /// °C.
    pub fn bearing(&self) -> f64 {
        self.bearing
    }

    /// Hours on the grid.
    pub fn hours(&self) -> f64 {
        self.hours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(turbine: &mut Turbine, seconds: u32) -> f64 {
        let mut fastest: f64 = 0.0;
        for _ in 0..seconds * 10 {
            let flow = turbine.wants(HEAD);
            turbine.step(flow, 7.0, HEAD, 0.1);
            fastest = fastest.max(turbine.rpm());
        }
        fastest
    }

    #[test]
    fn it_follows_the_operators_megawatts() {
        let mut turbine = Turbine::running();
        (turbine.mode, turbine.power_set) = (Mode::Manual, 2.5);
        run(&mut turbine, 120);
        assert!((turbine.power() - 2.5).abs() < 0.05, "{}", turbine.power());
    }

    #[test]
    fn a_trip_overspeeds_shuts_and_starts_again() {
        let mut turbine = Turbine::running();
        run(&mut turbine, 30);
        turbine.trip(2, 60.0);
        let fastest = run(&mut turbine, 20);
        assert!((620.0..900.0).contains(&fastest), "overspeed to {fastest}");
        assert_eq!((turbine.power(), turbine.gate(), turbine.cause()), (0.0, 0.0, 2));
        run(&mut turbine, 60);
        assert_eq!(turbine.cause(), 0);
        run(&mut turbine, 300);
        assert_eq!(turbine.state(), State::Running);
        assert!(turbine.power() > 2.0);
    }

    #[test]
    fn off_stops_it_and_a_reset_ends_a_trip_early() {
        let mut turbine = Turbine::running();
        turbine.trip(1, 1e9);
        turbine.reset();
        turbine.mode = Mode::Off;
        run(&mut turbine, 200);
        assert_eq!((turbine.state(), turbine.rpm()), (State::Stopped, 0.0));
        turbine.trip(1, 10.0);
        assert_eq!(turbine.state(), State::Stopped, "what stands can't be thrown");
    }
}
