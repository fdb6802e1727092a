//! A reply came, or none: what is counted, what is learned, and whose business it is.

use std::time::Instant;

use tag::{Fault, Timestamp};
use tokio_modbus::Response;

use super::Device;
use super::flight::{Doing, Purpose, Touches};
use crate::cells::Cells;
use crate::pdu::{self, BadReply};
use crate::reply::{Asked, Reply};

/// What a gateway says when the unit behind it can't be reached: no way to it, or no answer from it.
const BEHIND_GATEWAY: [u8; 2] = [10, 11];

impl Device {
    /// What became of a request; `wall` stamps what was read.
    pub fn on_reply(&mut self, now: Instant, wall: Timestamp, asked: Asked, reply: Reply) {
        let Some(at) = self.doing.iter().position(|doing| doing.asked == asked) else { return };
        self.count(now, at, &reply);
        let doing = self.doing.remove(at);
        self.weigh(now, &doing, &reply);
        let answered = matches!(reply, Reply::Answer(_) | Reply::Exception(_));
        let held_up = self.was_held_up(now, &doing, answered);
        self.replied_at = now;
        // Over a network an answer is lost for many reasons and hardly ever for want of silence: there the site says it.
        let living = self.units.iter().filter(|unit| self.serial && !unit.is_offline());
        let learned = living.map(|unit| unit.timing.gap()).max();
        let gap = self.config.gap.max(learned.unwrap_or_default());
        self.gap_until = (!gap.is_zero()).then(|| now + gap);
        match reply {
            Reply::Broadcast => self.answered(now, wall, doing, None),
            Reply::Answer(response) => {
                self.units[doing.unit].echoes |= matches!(response, Response::Custom(pdu::DIAGNOSTICS, _));
                self.units[doing.unit].heard(doing.shape, doing.sent);
                if !held_up {
                    self.learn_time(now, &doing);
                }
                self.alive(now, doing.unit);
                self.answered(now, wall, doing, Cells::of(response));
            }
            // Somebody answers, but it isn't the unit.
            Reply::Exception(code) if BEHIND_GATEWAY.contains(&code.0) => {
                self.counters.exceptions += 1;
                let took = now.saturating_duration_since(doing.sent);
                self.gateway_speaks = self.gateway_speaks.max(Some(took));
                self.no_answer(now, doing, Fault::Refused(code));
            }
            Reply::Exception(code) => {
                self.counters.exceptions += 1;
                self.units[doing.unit].heard_refusal(doing.shape, doing.sent);
                if !held_up {
                    self.learn_time(now, &doing);
                }
                self.alive(now, doing.unit);
                self.refused(now, wall, doing, code);
            }
            Reply::TimedOut => {
                self.counters.timeouts += 1;
                if self.units[doing.unit].is_offline() {
                    self.gateway_speaks = None;
                }
                self.no_answer(now, doing, Fault::TimedOut);
            }
            Reply::Bad(bad) => {
                self.counters.timeouts += 1;
                // The stream can't be followed any further.
                self.hang_up |= self.stream && !self.serial && matches!(bad, BadReply::NotModbus | BadReply::Flood(_));
                self.no_answer(now, doing, Fault::BadReply);
            }
        }
        self.tell_status(now);
    }

    fn count(&mut self, now: Instant, at: usize, reply: &Reply) {
        let oldest = self.doing.iter().map(|doing| doing.sent).min().unwrap_or(now);
        let doing = &self.doing[at];
        // A daemon that didn't run for a while didn't keep the line busy.
        let most = self.config.timeout * 2 + doing.wire;
        let took = now.saturating_duration_since(doing.sent).min(most);
        // While several are under way the line is busy once.
        let busy = now.saturating_duration_since(oldest.max(self.busy_until)).min(most);
        self.counters.busy += busy;
        self.busy_until = now;
        // Of a line that takes several at a time it kept one place.
        let cost = took / self.share();
        let unit = &mut self.units[doing.unit];
        let counts = &mut unit.counts;
        counts.busy += busy;
        match reply {
            Reply::TimedOut => counts.timeouts += 1,
            Reply::Exception(_) => counts.exceptions += 1,
            Reply::Bad(bad) => {
                let crc = u64::from(*bad == BadReply::Garbled);
                counts.bad += 1;
                counts.crc += crc;
                self.counters.bad += 1;
                self.counters.crc += crc;
            }
            Reply::Answer(_) | Reply::Broadcast => {}
        }
        let in_vain = match reply {
            Reply::TimedOut | Reply::Bad(_) => true,
            Reply::Exception(code) => BEHIND_GATEWAY.contains(&code.0),
            Reply::Answer(_) | Reply::Broadcast => false,
        };
        if unit.is_offline() && in_vain {
            unit.counts.in_vain += cost;
            self.counters.in_vain += cost;
        }
    }

    fn learn_time(&mut self, now: Instant, doing: &Doing) {
        let unit = &mut self.units[doing.unit];
        if unit.stirring || matches!(doing.purpose, Purpose::Write { .. }) {
            return;
        }
        let took = now.saturating_duration_since(doing.sent).saturating_sub(doing.wire);
        unit.timing.answered(took);
        self.timing.answered(took);
        // Where a line's characters are known, so is what a register costs; and who waits for others tells nothing.
        let words =
            doing.touches.as_ref().and_then(Touches::words).filter(|_| self.char_time.is_none() && !doing.beside);
        if words.is_some_and(|words| unit.pace.answered(words, took)) {
            self.learned += 1;
        }
        if unit.failures > 0 && !unit.is_offline() {
            unit.timing.given_up_too_soon();
        }
    }
}
