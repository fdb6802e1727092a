//! The connection comes, goes, and what that means for what was under way on it.

use std::time::{Duration, Instant};

use site::Transport;
use tag::Fault;

use super::proof::Proof;
use super::{Device, RETRY_GAP};

/// How the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineState {
    Down { retry_at: Instant },
    Connecting,
    Up,
}

impl Device {
    /// A unit answered after it was given up: it is there, and that slow.
    pub fn on_late(&mut self, now: Instant, unit: u8, took: Duration) {
        let Some(n) = self.units.iter().position(|known| known.id == unit) else { return };
        self.units[n].timing.late(took);
        // Over TCP it is known to be its answer, and if it is asked with patience it will be in time.
        if !self.serial && self.units[n].is_offline() && took < self.config.timeout {
            self.alive(now, n);
            self.units[n].failures = 1;
        }
    }

    /// The connection is open.
    pub fn on_connected(&mut self, now: Instant) {
        self.line = LineState::Up;
        self.connect_error = None;
        self.hang_up = false;
        self.keeps_waiting = None;
        self.held_up = 0;
        self.let_pass = 0;
        self.suspect = None;
        self.gateway_speaks = None;
        self.proof = Proof::default();
        for unit in &mut self.units {
            // Whoever has waited longest keeps its place.
            unit.probe_at = unit.probe_at.min(now);
            if !self.serial || self.stream && !matches!(self.config.transport, Transport::RtuOverTcp { .. }) {
                unit.forget_lost();
            }
        }
        // Whatever was under way on the old connection starts over.
        self.due.clear();
        self.blocks.iter_mut().for_each(|block| block.due_at = now);
        self.first_due = now;
    }

    /// It can't be opened: why, in words.
    pub fn on_connect_failed(&mut self, now: Instant, why: &str) {
        self.went_down(now);
        self.connect_error = Some(why.to_owned());
        for unit in 0..self.units.len() {
            self.go_offline(now, unit, Fault::Offline);
        }
        self.tell_status(now);
    }

    /// It was lost: why, in words. Requests in flight count as unanswered.
    pub fn on_closed(&mut self, now: Instant, why: &str) {
        self.went_down(now);
        self.connect_error = Some(why.to_owned());
        self.lose_all(now, Fault::Offline);
        self.tell_status(now);
    }

    pub(super) fn went_down(&mut self, now: Instant) {
        self.line = LineState::Down { retry_at: now.max(self.connect_started + RETRY_GAP) };
        self.hang_up = false;
        self.due.clear();
        for block in &mut self.blocks {
            // On return everything that is driven is read back before anything is written.
            block.primed = false;
            block.search = None;
            block.cursor = 0;
        }
    }
}
