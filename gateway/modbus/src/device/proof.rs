//! Does a device keep apart what it is asked at the same time?
//!
//! Some take only one request at a time whatever their maker says, and some give an answer the number of the newest
//! question. So nothing is believed of a new connection: until a few pairs were answered rightly, only requests go out
//! together whose answers can't be mistaken for one another, and one wrong number is proof of the contrary.

use std::time::{Duration, Instant};

use tokio_modbus::Request;

use super::Device;
use super::flight::{Ask, Doing, Purpose};
use crate::cells::read_request;
use crate::pdu::BadReply;
use crate::reply::Reply;
use crate::unit::{Health, Shape};

/// So many right answers to requests that went out beside another. Devices that can't do it fail with the first.
const RIGHT_ANSWERS: u32 = 4;

/// A lost answer may have had another cause: so long after, it is tried again, which costs a request or two.
const AGAIN: Duration = Duration::from_secs(60);

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// So many right answers are still needed.
    Needs(u32),
    Given,
    /// One request at a time, until then.
    Refuted(Instant),
}

impl Default for Proof {
    fn default() -> Self {
        Self::Needs(RIGHT_ANSWERS)
    }
}

impl Device {
    /// How many requests may be under way.
    pub(super) fn places(&self) -> usize {
        if matches!(self.proof, Proof::Refuted(_)) { 1 } else { self.config.pipeline }
    }

    /// The same, to divide a time by: what one of several waits for costs the line only its part.
    pub(super) fn share(&self) -> u32 {
        u32::try_from(self.places()).expect("a few")
    }

    /// An answer came twice, or under a number that was never asked.
    pub fn on_misnumbered(&mut self, now: Instant) {
        self.proof = Proof::Refuted(now + AGAIN);
    }

    /// Time passes.
    pub(super) fn forgive(&mut self, now: Instant) {
        if matches!(self.proof, Proof::Refuted(until) if now >= until) {
            self.proof = Proof::default();
        }
    }

    /// What a reply says of it.
    pub(super) fn weigh(&mut self, now: Instant, doing: &Doing, reply: &Reply) {
        self.proof = match (self.proof, reply) {
            (Proof::Needs(1), Reply::Answer(_) | Reply::Exception(_)) if doing.beside => Proof::Given,
            (Proof::Needs(more), Reply::Answer(_) | Reply::Exception(_)) if doing.beside => Proof::Needs(more - 1),
            (_, Reply::Bad(BadReply::Function { .. } | BadReply::Length { .. } | BadReply::Unit { .. }))
                if doing.shared =>
            {
                Proof::Refuted(now + AGAIN)
            }
            // Also after the proof: who answers pairs rightly when they come a little apart may still drop one now and then,
            // and each costs a timeout.
            (_, Reply::TimedOut) if doing.shared && self.units[doing.unit].health == Health::Online => {
                Proof::Refuted(now + AGAIN)
            }
            (proof, _) => proof,
        };
    }

    /// Can its answer be told from those of the others by more than its number, or is the number enough?
    pub(super) fn is_told_apart(&self, (_, _, request): &Ask) -> bool {
        let shape = Shape::of(request);
        self.proof == Proof::Given || self.doing.iter().all(|doing| doing.shape != shape)
    }

    /// Where everything that is to be asked looks alike: a read of a block that is a register longer or shorter, for its
    /// shape alone.
    pub(super) fn ask_proof(&self, now: Instant) -> Option<Ask> {
        if self.doing.is_empty() || !matches!(self.proof, Proof::Needs(_)) {
            return None;
        }
        let block =
            self.due.iter().map(|n| &self.blocks[n]).find(|block| block.not_before.is_none_or(|at| at <= now))?;
        let (start, count) = block.span(&block.runs.get(block.cursor)?.atoms);
        let counts = if count > 1 { [count - 1, count - 2] } else { [count + 1, count + 2] };
        let request = |count: u16| -> Request<'static> { read_request(block.table, start, count) };
        let asks =
            counts.into_iter().filter(|count| *count > 0).map(|count| (Purpose::Probe, block.unit, request(count)));
        asks.into_iter().find(|ask| !self.is_kept_back(ask))
    }
}
