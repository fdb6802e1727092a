//! Units that don't answer: when they are asked, how long they are waited for, and what that may cost the others.

use std::time::{Duration, Instant};

use super::flight::{Ask, Doing};
use super::{Device, PROBE_GAP};
use crate::block::Block;
use crate::budget::Budget;
use crate::silence::gap_of;
use crate::timing::PATIENCE_MIN;

/// Over TCP a return is heard within a poll period and a second. Of the second so much may pass until the unit is asked;
/// the rest is for its answer, and for what is under way before it.
const ASKED_WITHIN: Duration = Duration::from_millis(700);
/// The most of a TCP line's time that this may take, and only time that the polls of the living leave.
const PROMISE_MOST: f64 = 0.6;
/// However many dead share a tenth of a TCP line's time, each is waited for at least so long.
const GLANCE: Duration = Duration::from_millis(20);
/// So often in a row, and it is the gateway's way.
const HABIT: u32 = 3;
/// That a gateway keeps the others waiting is believed for so long: it may have been something else after all.
const HELD_UP_FOR: Duration = Duration::from_secs(1800);

impl Device {
    /// Units that don't answer are asked now and then, one after the other.
    pub(super) fn ask_dead(&self, now: Instant, mut wake: Instant) -> Result<Ask, Instant> {
        // One at a time, however many may be under way, or nobody knows what the next is allowed to cost.
        let mut dead: Vec<usize> = (0..self.units.len()).filter(|n| self.units[*n].is_offline()).collect();
        if self.spares_the_living(now) || dead.iter().any(|n| self.is_unit_asked(*n)) {
            return Err(wake.min(now + self.config.timeout));
        }
        dead.sort_by_key(|n| self.units[*n].probe_at);
        let allowed = if self.any_online() { self.dead.ready_at() } else { now };
        for unit in dead {
            let at = self.units[unit].probe_at.max(allowed);
            if at > now {
                wake = wake.min(at);
                continue;
            }
            match self.probe(now, unit) {
                Ok(ask) if self.is_kept_back(&ask) => {}
                Ok(ask) => return Ok(ask),
                Err(at) => wake = wake.min(at),
            }
        }
        Err(wake)
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
        if self.keeps_waiting.is_some() { self.config.timeout } else { self.glance() }
    }

    /// How long one of the dead of a TCP line is waited for that keeps nobody waiting: so long that all of them can be
    /// asked in time for a tenth of it.
    fn glance(&self) -> Duration {
        let all = (self.config.rate + ASKED_WITHIN) / Budget::SHARE * self.share();
        (all / self.dead_count().max(1)).clamp(GLANCE, PATIENCE_MIN).min(self.config.timeout)
    }

    fn dead_count(&self) -> u32 {
        let dead = self.units.iter().filter(|unit| unit.is_offline()).count();
        u32::try_from(dead).expect("247 at most")
    }

    /// What asking all of the dead once costs.
    fn round_cost(&self) -> Duration {
        let each = match (self.serial || self.keeps_waiting.is_some(), self.gateway_speaks) {
            (true, _) => self.config.timeout,
            (_, Some(took)) => took,
            _ => self.glance(),
        };
        each * self.dead_count() / self.share()
    }

    /// How far apart the dead are asked over TCP, whatever was charged, so that each return is heard in time; `None`
    /// where the living leave too little time for that, or on a serial line, where a tenth is all they get.
    fn promised_gap(&self) -> Option<Duration> {
        let within = self.config.rate + ASKED_WITHIN;
        let needed = self.round_cost().as_secs_f64() / within.as_secs_f64();
        let free = (1.0 - self.polls_need().2).min(PROMISE_MOST);
        (!self.serial && needed <= free).then(|| within / self.dead_count().max(1))
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
            if self.held_up >= HABIT {
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
        if self.held_up >= HABIT {
            if held_up > PATIENCE_MIN {
                self.keeps_waiting = Some(now + HELD_UP_FOR);
            }
            self.charge(now, doing.sent, held_up);
            self.counters.in_vain += held_up;
        } else if answered && held_up <= usual {
            self.let_pass += 1;
        }
        held_up > usual
    }

    /// Over TCP the dead are not asked while it isn't known yet what the last of them cost, or while a living unit has
    /// its second chance: a gateway that keeps everybody waiting must not make the living look dead.
    pub(super) fn spares_the_living(&self, now: Instant) -> bool {
        let unknown = self.keeps_waiting.is_none() && self.let_pass < HABIT;
        let unknown = unknown && self.in_vain.is_some_and(|at| now < at + self.config.timeout);
        let in_trouble = self.units.iter().any(|unit| !unit.is_offline() && unit.failures > 0);
        !self.serial && self.config.pipeline == 1 && self.any_online() && (unknown || in_trouble)
    }

    pub(super) fn postpone_probe(&mut self, now: Instant, unit: usize, cost: Duration) {
        // Whoever has waited longest is asked first; when anybody is, the account says.
        self.units[unit].probe_at = match self.any_online() {
            true => {
                self.charge(now, now.checked_sub(cost).unwrap_or(now), cost / self.share());
                now
            }
            // Nobody is kept waiting.
            false => now + PROBE_GAP.saturating_sub(cost),
        };
    }

    /// Waiting for a dead unit that was asked then has cost so much.
    fn charge(&mut self, now: Instant, asked: Instant, cost: Duration) {
        self.dead.spend(now, cost);
        self.promised = self.promised_gap();
        if let Some(gap) = self.promised {
            self.dead.ready_by(asked + gap);
        }
    }

    /// How long it takes at worst until a dead unit that is back is heard, when that is longer than one would think.
    pub(super) fn worst_case(&self) -> Option<Duration> {
        let capped = self.any_online() && self.promised.is_none();
        let worst = Budget::worst(self.round_cost());
        (capped && worst > self.config.rate + Duration::from_secs(1)).then_some(worst)
    }

    /// How many requests the polls of the living are, how long all of them take, and what part of the line's time that is.
    pub(super) fn polls_need(&self) -> (u32, Duration, f64) {
        let (mut requests, mut time, mut share) = (0_u32, Duration::ZERO, 0.0);
        let living = |block: &&Block| !self.units[block.unit].is_offline() && !block.runs.is_empty();
        for block in self.blocks.iter().filter(living) {
            let answer = self.units[block.unit].timing.percentile(50).unwrap_or_default();
            let gaps = self.char_time.map_or(Duration::ZERO, |time| gap_of(time) * 2);
            for run in &block.runs {
                let cost = self.wire_time(&block.request_for(&run.atoms)) + gaps + answer + self.config.gap;
                requests += 1;
                time += cost;
                share += cost.as_secs_f64() / block.rate.as_secs_f64();
            }
        }
        (requests, time, share)
    }
}
