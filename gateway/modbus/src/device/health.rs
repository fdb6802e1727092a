//! Who is there: signs of life, lost answers, units that go and come back, and how the connection is told to be.

use std::time::{Duration, Instant};

use tag::Fault;

use super::connection::LineState;
use super::flight::{Doing, Purpose};
use super::types::{Report, Status};
use super::{Device, EAGER_TRIES, SILENT_COST};
use crate::timing::PATIENCE_MIN;
use crate::unit::Health;
use crate::write::Step;

/// Whether the polls fit is looked at so often.
const CROWD_EVERY: Duration = Duration::from_secs(10);
/// Where answers are lost, less than this part of the line's time isn't what keeps polls waiting.
const CROWDED: f64 = 0.5;
/// A unit that was just given up over TCP is asked again so long after: soon enough for the promise of its return.
const FIRST_PROBE: Duration = Duration::from_millis(700);

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
                    self.due.remove(block);
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
        self.due.retain(|block| blocks[block].unit != unit);
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
        let (seen, lost, at) = self.overruns_seen;
        if now.saturating_duration_since(at) < CROWD_EVERY {
            return;
        }
        let more = self.counters.overruns - seen;
        let lost = self.counters.timeouts - lost;
        self.overruns_seen = (self.counters.overruns, self.counters.timeouts, now);
        // What a write pushes aside once is no crowd, nor is what is waited out for lost answers on a line with room enough.
        let crowd = more > 2 && self.units.iter().all(|unit| !unit.is_offline());
        let crowd = crowd && (lost == 0 || self.polls_need().2 >= CROWDED);
        self.crowded = crowd.then(|| self.arithmetic());
    }

    /// How much of the line's time the polls need, in words.
    fn arithmetic(&self) -> String {
        let (requests, time, share) = self.polls_need();
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
