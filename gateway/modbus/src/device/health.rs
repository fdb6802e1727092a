//! Who is there: signs of life, lost answers, units that go and come back, and how the connection is told to be.

use std::time::{Duration, Instant};

use tag::Fault;

use super::flight::{Doing, Purpose};
use super::types::{Report, Status};
use super::{Device, EAGER_TRIES, LineState, PROBE_GAP, SILENT_COST};
use crate::budget::Budget;
use crate::silence::gap_of;
use crate::timing::PATIENCE_MIN;
use crate::unit::Health;
use crate::write::Step;

/// Whether the polls fit is looked at so often.
const CROWD_EVERY: Duration = Duration::from_secs(10);
/// A unit that was just given up over TCP is asked again so long after: soon enough for the promise of its return.
const FIRST_PROBE: Duration = Duration::from_millis(700);
/// So often in a row, and it is the gateway.
const HELD_UP_MIN: u32 = 3;
/// And believed for so long: what looked like it may have been something else after all.
const HELD_UP_FOR: Duration = Duration::from_secs(1800);

impl Device {
    pub(super) fn any_online(&self) -> bool {
        self.units.iter().any(|unit| !unit.is_offline())
    }

    /// The unit said something.
    pub(super) fn alive(&mut self, now: Instant, unit: usize) {
        let whole_line_was_dead = !self.any_online();
        let this = &mut self.units[unit];
        let was_offline = this.is_offline();
        let was_in_trouble = this.failures > 0;
        this.failures = 0;
        this.probes = 0;
        this.last_answer = Some(now);
        this.health = Health::Online;
        self.connect_error = None;
        if was_in_trouble && !was_offline {
            // What was given up just now, before it was known that the unit is there, isn't left to the next period.
            let given_up = |n: &usize| self.blocks[*n].unit == unit && self.blocks[*n].misses == 2;
            (0..self.blocks.len()).filter(given_up).collect::<Vec<_>>().into_iter().for_each(|n| self.make_due(n));
        }
        if was_offline {
            for block in 0..self.blocks.len() {
                if self.blocks[block].unit == unit {
                    self.make_due(block);
                }
            }
            if whole_line_was_dead {
                self.units.iter_mut().for_each(|unit| unit.probe_at = unit.probe_at.min(now));
            }
        }
    }

    /// A request came to nothing.
    pub(super) fn no_answer(&mut self, now: Instant, doing: Doing, because: Fault) {
        let Doing { purpose, unit: n, shape, sent, .. } = doing;
        let several = self.blocks.iter().filter(|block| block.unit == n && block.misses < 2).count() > 1;
        let unit = &mut self.units[n];
        // What was under way together and was lost together is one loss.
        if unit.failed_at.is_none_or(|at| sent >= at) {
            unit.failures += 1;
            unit.failed_at = Some(now);
        }
        if self.serial {
            unit.lose(shape, sent);
        }
        unit.stirring = false;
        // A daemon that didn't run for a while didn't keep the line busy.
        let cost = now.saturating_duration_since(sent).min(self.config.timeout * 2);
        if unit.is_offline() {
            unit.probes += 1;
            self.go_offline(now, n, because);
            self.postpone_probe(now, n, cost);
            self.in_vain = (because == Fault::TimedOut).then_some(now);
            self.last_vain = Some(now);
            return;
        }
        // One silent block may be a fault of its own, so a unit with more of them is asked for another one first.
        if unit.failures >= if several { 3 } else { 2 } {
            self.go_offline(now, n, because);
            // Over TCP what it cost while it was believed alive isn't what the dead cost: its return is soon asked for.
            let dear = self.serial || self.keeps_waiting.is_some();
            self.postpone_probe(now, n, if dear { cost } else { cost.min(PATIENCE_MIN) });
            if !self.serial && self.any_online() {
                // A gateway may have its questions lying before it still.
                self.units[n].probe_at = now + self.config.timeout.min(FIRST_PROBE);
            }
            return;
        }
        match purpose {
            Purpose::Poll { block } => {
                self.blocks[block].misses += 1;
                if self.blocks[block].misses >= 2 {
                    self.blocks[block].drop_values(because, &mut self.reports);
                    self.due.retain(|due| *due != block);
                    self.blocks[block].not_before = Some(now + self.pause_after(self.blocks[block].misses - 2, cost));
                }
            }
            // The search goes on where it was.
            Purpose::Search { .. } | Purpose::Probe => {}
            Purpose::Write { ticket, .. } => {
                // Did it arrive? The device will say.
                if let Some(first) = self.writes.front_mut().filter(|first| first.ticket == ticket) {
                    if first.step == Step::Send {
                        first.step = Step::ReadBack;
                    }
                }
            }
        }
    }

    /// How long a request to this unit waits.
    pub(super) fn patience(&self, n: usize) -> Duration {
        let unit = &self.units[n];
        if let (false, true, Some(took)) = (self.serial, unit.is_offline(), self.gateway_speaks) {
            return (took * 2).max(PATIENCE_MIN).min(self.config.timeout);
        }
        if self.serial || !unit.is_offline() || !self.any_online() {
            return unit.patience(self.config.timeout);
        }
        // Over TCP an answer is known by its number however late it comes, so nobody is kept waiting for it. But where a
        // gateway keeps them waiting all the same, what that costs is waited out and counted.
        if self.keeps_waiting.is_some() { self.config.timeout } else { PATIENCE_MIN.min(self.config.timeout) }
    }

    /// A request to a living unit has ended. If it is the first after a dead one was asked in vain: did that hold it up?
    pub(super) fn was_held_up(&mut self, now: Instant, doing: &Doing, answered: bool) -> bool {
        let known = self.keeps_waiting.is_some();
        if self.serial || known || self.config.pipeline > 1 || self.units[doing.unit].is_offline() {
            return false;
        }
        if self.suspect.take_if(|unit| *unit == doing.unit).is_some() && answered {
            // Asked again it answers: it was held up. (One that doesn't has died itself.)
            self.held_up += 1;
            if self.held_up >= HELD_UP_MIN {
                self.keeps_waiting = Some(now + HELD_UP_FOR);
            }
            return true;
        }
        let Some(vain) = self.in_vain.take() else { return false };
        if doing.sent.saturating_duration_since(vain) >= PATIENCE_MIN {
            return false;
        }
        let usual = self.units[doing.unit].timing.percentile(50).unwrap_or_default();
        let held_up = now.saturating_duration_since(doing.sent).saturating_sub(usual);
        // Answers are lost and late for other reasons too; not again and again, and just after a dead unit was asked.
        if !answered {
            self.suspect = Some(doing.unit);
        } else {
            self.held_up = if held_up > usual { self.held_up + 1 } else { 0 };
        }
        if self.held_up >= HELD_UP_MIN {
            if held_up > PATIENCE_MIN {
                self.keeps_waiting = Some(now + HELD_UP_FOR);
            }
            self.dead.spend(now, held_up);
            self.counters.in_vain += held_up;
        }
        held_up > usual
    }

    /// Over TCP the dead are not asked while it isn't known yet what the last of them cost, or while a living unit has
    /// its second chance: a gateway that keeps everybody waiting must not make the living look dead.
    pub(super) fn spares_the_living(&self, now: Instant) -> bool {
        let unknown = self.in_vain.is_some_and(|at| now < at + self.config.timeout);
        let in_trouble = self.units.iter().any(|unit| !unit.is_offline() && unit.failures > 0);
        !self.serial && self.config.pipeline == 1 && self.any_online() && (unknown || in_trouble)
    }

    pub(super) fn postpone_probe(&mut self, now: Instant, unit: usize, cost: Duration) {
        // Whoever has waited longest is asked first; when anybody is, the account says.
        self.units[unit].probe_at = match self.any_online() {
            true => {
                self.dead.spend(now, cost / self.share());
                now
            }
            // Nobody is kept waiting.
            false => now + PROBE_GAP.saturating_sub(cost),
        };
    }

    /// How long a block of a living unit that was asked so often in vain, at such a cost, is left alone for the others'
    /// sake.
    fn pause_after(&self, vain: u32, cost: Duration) -> Duration {
        match self.serial {
            _ if vain < EAGER_TRIES => Duration::ZERO,
            true => cost * (SILENT_COST - 1),
            // One timeout and one period: within what is promised of a device's return.
            false => cost.min(self.config.rate),
        }
    }

    /// How long it takes at worst until a dead unit that is back is heard, when that is longer than one would think.
    fn worst_case(&self) -> Option<Duration> {
        let dead = self.units.iter().filter(|unit| unit.is_offline());
        let mut worst = Duration::ZERO;
        if self.any_online() {
            let each = match (self.serial || self.keeps_waiting.is_some(), self.gateway_speaks) {
                (true, _) => self.config.timeout,
                (_, took) => (took.unwrap_or_default() * 2).max(PATIENCE_MIN).min(self.config.timeout),
            };
            let all = each * u32::try_from(dead.clone().count()).unwrap_or(u32::MAX);
            worst = Budget::worst(all / self.share());
        }
        // It answers, but late: perhaps everything that could be asked of it has to be waited out.
        if let Some(latest) = dead.filter(|unit| self.serial && unit.stirring).map(|unit| unit.latest()).max() {
            worst = worst.max(latest + self.config.timeout);
        }
        (worst > self.config.rate + Duration::from_secs(1)).then_some(worst)
    }

    /// The unit doesn't answer, not even when asked again.
    pub(super) fn go_offline(&mut self, now: Instant, unit: usize, because: Fault) {
        if self.units[unit].health == Health::Offline(because) {
            self.hang_up_if_dead();
            return;
        }
        self.units[unit].health = Health::Offline(because);
        self.units[unit].probe_at = now;
        self.disown(unit);
        for n in 0..self.blocks.len() {
            if self.blocks[n].unit == unit {
                self.blocks[n].drop_values(because, &mut self.reports);
                self.blocks[n].drop_all();
            }
        }
        let blocks = &self.blocks;
        self.due.retain(|block| blocks[*block].unit != unit);
        let id = self.units[unit].id;
        let reports = &mut self.reports;
        self.writes.retain(|write| {
            let here = write.seen.unit == id;
            if here {
                reports.push(Report::Outcome(write.ticket, write.lost()));
            }
            !here
        });
        self.hang_up_if_dead();
    }

    /// A connection behind which nobody answers may be a dead one: the kernel's own retries grow far too slow.
    pub(super) fn hang_up_if_dead(&mut self) {
        self.hang_up |=
            self.stream && self.line == LineState::Up && !self.any_online() && self.gateway_speaks.is_none();
    }

    /// Do the polls fit into the line's time? If not, the arithmetic, in words.
    pub(super) fn look_at_crowd(&mut self, now: Instant) {
        let (seen, at) = self.overruns_seen;
        if now.saturating_duration_since(at) < CROWD_EVERY {
            return;
        }
        let more = self.counters.overruns - seen;
        self.overruns_seen = (self.counters.overruns, now);
        // What a write or a lost answer pushes aside once is no crowd.
        let crowd = more > 2 && self.units.iter().all(|unit| !unit.is_offline());
        self.crowded = crowd.then(|| self.arithmetic());
    }

    /// How much of the line's time the polls need.
    fn arithmetic(&self) -> String {
        let (mut requests, mut time, mut share) = (0_u32, Duration::ZERO, 0.0);
        for block in self.blocks.iter().filter(|block| !block.runs.is_empty()) {
            let answer = self.units[block.unit].timing.percentile(50).unwrap_or_default();
            let gaps = self.char_time.map_or(Duration::ZERO, |time| gap_of(time) * 2);
            for run in &block.runs {
                let cost = self.wire_time(&block.request_for(&run.atoms)) + gaps + answer + self.config.gap;
                requests += 1;
                time += cost;
                share += cost.as_secs_f64() / block.rate.as_secs_f64();
            }
        }
        let each = time.as_secs_f64() * 1000.0 / f64::from(requests.max(1));
        let percent = share * 100.0;
        format!(
            "the polls don't fit: {requests} requests of {each:.1} ms on average need {percent:.0} % of the line's time"
        )
    }

    /// Says how the connection is, if that has changed.
    pub(super) fn tell_status(&mut self, now: Instant) {
        let dead: Vec<String> = self
            .units
            .iter()
            .filter_map(|unit| match unit.health {
                Health::Offline(because) if self.units.len() > 1 => Some(format!("unit {}: {because}", unit.id)),
                Health::Offline(because) => Some(because.to_string()),
                _ => None,
            })
            .collect();
        let all_dead = dead.len() == self.units.len();
        let why = match (&self.connect_error, self.worst_case()) {
            (Some(error), _) if all_dead => error.clone(),
            (_, Some(worst)) => format!("{}; a return is seen within {} s", dead.join(", "), worst.as_secs() + 1),
            _ => match &self.crowded {
                Some(crowded) if dead.is_empty() => crowded.clone(),
                _ => dead.join(", "),
            },
        };
        // "All well" is said when all have been heard.
        let fresh = self.units.iter().any(|unit| unit.health == Health::Fresh);
        let status = (dead.is_empty(), why);
        if (fresh && dead.is_empty()) || self.status.as_ref() == Some(&status) {
            return;
        }
        let last_answer = self.units.iter().filter_map(|unit| unit.last_answer).max();
        let last_answer = last_answer.map(|at| now.saturating_duration_since(at));
        self.reports.push(Report::Status(Status { ok: status.0, why: status.1.clone(), last_answer }));
        self.status = Some(status);
    }
}
