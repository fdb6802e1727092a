//! The water's way: river, intake gate, trash rack, forebay, spillway. The turbines take theirs from the forebay.

use super::Gate;
use crate::dice::Dice;

/// m/s².
pub(super) const GRAVITY: f64 = 9.81;
/// Surface of the forebay, m². Small, so that a technician sees the level move.
pub(super) const FOREBAY_AREA: f64 = 2500.0;
/// Crest of the spillway, m above the forebay's floor.
pub(super) const SPILL_CREST: f64 = 4.5;
/// Crest of the walls: the spillway carries every flood before this.
#[cfg(test)]
pub(super) const WALL_CREST: f64 = 5.2;
/// The river upstream of the intake, held by a weir, m above the forebay's floor.
const WEIR_LEVEL: f64 = 5.3;
/// What must stay in the river, m³/s.
pub(super) const RESIDUAL_FLOW: f64 = 1.5;
/// Discharge coefficient times area of the open intake gate, m².
const INTAKE_CDA: f64 = 3.72;
/// Length of the spillway, m, with its coefficient: Q = 1.85 · 14 · h^1.5.
const SPILL_COEFFICIENT: f64 = 1.85 * 14.0;
/// Rack loss over the square of the flow of a clean rack, m/(m³/s)² × 100.
const RACK_CLEAN: f64 = 0.03;
/// The cleaner starts by itself at this difference, m.
const RACK_CLEAN_AT: f64 = 0.25;
/// One run of the cleaner, s.
const RACK_CLEAN_S: f64 = 90.0;

/// Who moves the intake gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntakeMode {
    /// The operator's set-point.
    Manual,
    /// The controller: open, and closing as the forebay fills to the crest.
    Auto,
}

/// What the rack cleaner does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rack {
    /// It waits.
    Idle,
    /// It rakes, for so many more seconds.
    Cleaning(f64),
    /// A tree trunk lies in it, for so many more seconds.
    Blocked(f64),
}

/// River, gate, rack, forebay and spillway.
#[derive(Debug, Clone)]
pub struct Water {
    river: f64,
    /// The gate between river and forebay.
    pub gate: Gate,
    /// Who moves it.
    pub intake_mode: IntakeMode,
    /// The operator's set-point, %.
    pub intake_set: f64,
    clog: f64,
    leaves: f64,
    rack: Rack,
    volume: f64,
    intake: f64,
    spill: f64,
    rack_diff: f64,
    came: f64,
    went: f64,
}

impl Water {
    /// A quiet morning: the forebay at its usual level, the gate open.
    pub fn new() -> Self {
        Self {
            river: 15.0,
            gate: Gate::new(100.0, 0.6, 0.6),
            intake_mode: IntakeMode::Auto,
            intake_set: 80.0,
            clog: RACK_CLEAN,
            leaves: 0.0,
            rack: Rack::Idle,
            volume: 3.98 * FOREBAY_AREA,
            intake: 0.0,
            spill: 0.0,
            rack_diff: 0.0,
            came: 0.0,
            went: 0.0,
        }
    }

    /// Time passes; the turbines take `turbines` m³/s. Returns what they get: an empty forebay gives no more than comes.
    pub fn step(&mut self, turbines: f64, hours: f64, dice: &mut Dice, dt: f64) -> f64 {
        self.flow_down(hours, dice, dt);
        self.rake(dice, dt);
        let target = match self.intake_mode {
            IntakeMode::Manual => self.intake_set,
            // Open up to 4.42 m, at 15 % from 4.58 m: a trip may spill, a long one must not.
            IntakeMode::Auto => 100.0 - 85.0 * ((self.level() - 4.42) / 0.16).clamp(0.0, 1.0),
        };
        self.gate.step(target, dt);
        let losses = 1.0 / (2.0 * GRAVITY * (INTAKE_CDA * self.gate.share().max(1e-6)).powi(2)) + self.clog / 100.0;
        let head = (WEIR_LEVEL - self.level()).max(0.0);
        self.intake = (head / losses).sqrt().min(self.river - RESIDUAL_FLOW).max(0.0);
        self.rack_diff = self.clog * (self.intake / 10.0).powi(2);
        self.spill = SPILL_COEFFICIENT * (self.level() - SPILL_CREST).max(0.0).powf(1.5);
        let there = self.volume / dt + self.intake - self.spill;
        let taken = turbines.min(there.max(0.0));
        self.came += self.intake * dt;
        self.went += (taken + self.spill) * dt;
        self.volume += (self.intake - taken - self.spill) * dt;
        taken
    }

    /// Leaves come down the river and the cleaner jams.
    pub fn leaves_come(&mut self, blocked_s: f64) {
        self.leaves = 20.0;
        self.rack = Rack::Blocked(blocked_s);
    }

    /// The operator's push button: rakes now, unless it is jammed.
    pub fn rake_now(&mut self) {
        if !matches!(self.rack, Rack::Blocked(_)) {
            self.rack = Rack::Cleaning(RACK_CLEAN_S);
        }
    }

    /// m above the forebay's floor.
    pub fn level(&self) -> f64 {
        self.volume / FOREBAY_AREA
    }

    /// m³ in the forebay.
    pub fn volume(&self) -> f64 {
        self.volume
    }

    /// m³/s in the river above the intake.
    pub fn river(&self) -> f64 {
        self.river
    }

    /// m³/s that come into the forebay.
    pub fn intake(&self) -> f64 {
        self.intake
    }

    /// m³/s that stay in the river.
    pub fn residual(&self) -> f64 {
        self.river - self.intake
    }

    /// m³/s over the spillway.
    pub fn spill(&self) -> f64 {
        self.spill
    }

    /// m between the two sides of the rack.
    pub fn rack_diff(&self) -> f64 {
        self.rack_diff
    }

    /// What the rack cleaner does.
    pub fn rack(&self) -> Rack {
        self.rack
    }

    /// m³ that came into the forebay and went out of it since the start.
    pub fn account(&self) -> (f64, f64) {
        (self.came, self.went)
    }

    /// Snow melts in the afternoon, and the weather wanders.
    fn flow_down(&mut self, hours: f64, dice: &mut Dice, dt: f64) {
        let usual = 14.5 + 2.5 * ((hours - 16.0) / 24.0 * std::f64::consts::TAU).cos();
        // An Ornstein-Uhlenbeck walk of two hours and 1.6 m³/s around the usual.
        let tau = 7200.0;
        let wander = 1.6 * (2.0 * dt / tau).sqrt() * dice.bell();
        self.river = (self.river + (usual - self.river) * (dt / tau) + wander).clamp(4.0, 40.0);
    }

    fn rake(&mut self, dice: &mut Dice, dt: f64) {
        if self.leaves > 0.0 {
            self.leaves -= dt;
            self.clog += 0.06 * dt;
        }
        self.clog += 4e-6 * self.intake * dice.between(0.0, 2.0) * dt;
        self.rack = match self.rack {
            Rack::Idle if self.rack_diff > RACK_CLEAN_AT => Rack::Cleaning(RACK_CLEAN_S),
            Rack::Idle => Rack::Idle,
            Rack::Cleaning(left) => {
                self.clog = super::settle(self.clog, RACK_CLEAN, 25.0, dt);
                if left > dt { Rack::Cleaning(left - dt) } else { Rack::Idle }
            }
            Rack::Blocked(left) if left > dt => Rack::Blocked(left - dt),
            Rack::Blocked(_) => Rack::Cleaning(RACK_CLEAN_S),
        };
    }
}

impl Default for Water {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_clog_the_rack_and_the_cleaner_clears_it() {
        // A blocked rack takes most of the flow; half a minute after the trunk is gone it is clean again.
        let (mut water, mut dice) = (Water::new(), Dice::new(3));
        let mut run = |water: &mut Water, seconds: u32| {
            (0..seconds * 4).for_each(|_| _ = water.step(13.0, 10.0, &mut dice, 0.25))
        };
        run(&mut water, 60);
        let before = water.intake();
        water.leaves_come(60.0);
        run(&mut water, 59);
        assert!(water.rack_diff() > 0.5 && water.intake() < before - 2.0, "{} {}", water.rack_diff(), water.intake());
        water.rake_now();
        assert!(matches!(water.rack(), Rack::Blocked(_)), "a jammed cleaner doesn't rake");
        run(&mut water, 120);
        assert!(water.rack_diff() < 0.15 && water.rack() == Rack::Idle, "{} {:?}", water.rack_diff(), water.rack());
    }

    #[test]
    fn an_empty_forebay_gives_no_more_than_comes() {
        let (mut water, mut dice) = (Water::new(), Dice::new(3));
        (water.intake_mode, water.intake_set) = (IntakeMode::Manual, 0.0);
        let got: Vec<f64> = (0..40_000).map(|_| water.step(18.0, 10.0, &mut dice, 0.25)).collect();
        assert_eq!(got[0], 18.0);
        assert!(got[39_999] < 0.01 && water.volume() >= 0.0, "{} {}", got[39_999], water.volume());
    }
}
