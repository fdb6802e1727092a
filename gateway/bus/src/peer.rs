//! Who is connected.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use wire::p1;

use crate::limits::LOG_LINES_PER_S;
use crate::outbox::{Lanes, Outbox};

/// A connection: its place, and a number that no other connection of this run ever has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerId {
    pub(crate) slot: u16,
    pub(crate) serial: u32,
}

/// What a module may do, by its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Owns tags, and everything below.
    Own,
    /// Watches, writes, asks.
    Use,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    /// Address or module, for the log and for those whose tags it writes.
    pub(crate) label: Rc<str>,
    pub(crate) out: Outbox,
    /// Tags it listens to, so that its end costs no search.
    pub(crate) listens: Vec<u16>,
    pub(crate) open_questions: usize,
    pub(crate) log_budget: LogBudget,
    /// Closed already; the session hasn't heard of it yet.
    pub(crate) dead: bool,
    pub(crate) speaks: Speaks,
}

/// Which protocol, and what belongs to it.
#[derive(Debug)]
pub(crate) enum Speaks {
    /// Protocol 1.
    Script(Box<p1::Decoder>),
    /// Protocol 2.
    Module(Box<Module>),
}

/// A peer of protocol 2.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) rights: Rights,
    /// `None` until its hello.
    pub(crate) name: Option<Rc<str>>,
    pub(crate) groups: HashMap<u16, Group>,
    pub(crate) lanes: Lanes,
    pub(crate) open_writes: usize,
    pub(crate) connected_at: Instant,
    /// Tags of an earlier run of it that it didn't own again have been let go.
    pub(crate) orphans_released: bool,
}

/// Tags that are confirmed together.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) limit: Option<Duration>,
    pub(crate) confirmed_at: Instant,
    pub(crate) stale: bool,
    pub(crate) tags: Vec<u16>,
}

/// So many log lines a second.
#[derive(Debug)]
pub(crate) struct LogBudget {
    second: Instant,
    left: u32,
    dropped: u32,
}

impl LogBudget {
    pub(crate) fn new(now: Instant) -> Self {
        Self { second: now, left: LOG_LINES_PER_S, dropped: 0 }
    }

    /// May a line be written now? The first of a new second also says how many were not.
    pub(crate) fn spend(&mut self, now: Instant) -> Option<u32> {
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.left = LOG_LINES_PER_S;
        }
        if self.left == 0 {
            self.dropped += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.dropped))
    }
}
