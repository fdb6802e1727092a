//! A daemon's connection to the bus: the real [`Core`] at one end, the real [`Switchboard`] at the other, and between
//! them a socket whose bytes come in portions, which ends when either side dies, and which is opened anew as the real
//! link does it.

use std::time::Instant;

use bus::{Rights, Switchboard};
use link::{Core, RECONNECT_FIRST, RECONNECT_LONGEST};
use rand::Rng;
use rand::rngs::StdRng;
use shell::Backoff;

pub(crate) struct Port {
    pub(crate) core: Core,
    peer: Option<bus::PeerId>,
    backoff: Backoff,
    /// When it connects; `None` while it is connected.
    pub(crate) retry_at: Option<Instant>,
    /// For which instant that was put in the calendar.
    pub(crate) dialled: Option<Instant>,
    to_bus: Vec<u8>,
    from_bus: Vec<u8>,
    /// Doesn't read.
    pub(crate) stalled: bool,
    /// Bytes taken in since it last had nothing to take.
    pub(crate) burst: usize,
}

impl Port {
    pub(crate) fn new(core: Core, now: Instant) -> Self {
        Self {
            core,
            peer: None,
            backoff: Backoff::new(RECONNECT_FIRST, RECONNECT_LONGEST),
            retry_at: Some(now),
            dialled: None,
            to_bus: Vec::new(),
            from_bus: Vec::new(),
            stalled: false,
            burst: 0,
        }
    }

    pub(crate) fn peer(&self) -> Option<bus::PeerId> {
        self.peer
    }

    /// Tries to connect if it is time.
    pub(crate) fn connect(&mut self, board: Option<&mut Switchboard>, now: Instant) -> bool {
        if self.retry_at.is_none_or(|at| now < at) {
            return false;
        }
        match board.and_then(|board| board.module_joins("module", Rights::Own).ok()) {
            Some(peer) => {
                self.peer = Some(peer);
                self.retry_at = None;
                self.core.connected();
            }
            None => self.lose("connection refused", now),
        }
        true
    }

    /// The connection is gone, or couldn't be made.
    pub(crate) fn lose(&mut self, why: &str, now: Instant) {
        self.core.lost(why);
        self.peer = None;
        (self.to_bus, self.from_bus) = (Vec::new(), Vec::new());
        self.retry_at = Some(now + self.backoff.after_failure());
    }

    /// The process behind it ends: the bus sees the connection close.
    pub(crate) fn die(&mut self, board: Option<&mut Switchboard>) {
        if let (Some(board), Some(peer)) = (board, self.peer.take()) {
            board.leaves(peer);
        }
    }

    /// Moves a portion of what waits, both ways. True if anything moved.
    pub(crate) fn pump(&mut self, board: &mut Switchboard, now: Instant, rng: &mut StdRng) -> bool {
        let Some(peer) = self.peer else { return false };
        if self.core.is_overfull() {
            board.leaves(peer);
            self.lose("the bus takes nothing", now);
            return true;
        }
        let mut moved = false;
        let out = self.core.output();
        if !out.is_empty() {
            let n = portion(rng, out.len());
            self.to_bus.extend_from_slice(&out[..n]);
            self.core.sent(n);
            moved = true;
        }
        if !self.to_bus.is_empty() {
            match board.receive(peer, &self.to_bus) {
                Ok(n) => {
                    self.to_bus.drain(..n);
                    moved |= n > 0;
                }
                Err(closed) => panic!("the bus closed one of our own modules: {closed}"),
            }
        }
        let incoming = board.output(peer);
        if incoming.is_empty() {
            self.burst = 0;
            return moved;
        }
        if self.stalled {
            board.taken(peer, 0);
            return moved;
        }
        let n = portion(rng, incoming.len());
        self.from_bus.extend_from_slice(&incoming[..n]);
        self.burst += n;
        board.taken(peer, n);
        let was_up = self.core.is_up();
        let taken = self.core.received(&self.from_bus).expect("the bus speaks its own protocol");
        self.from_bus.drain(..taken);
        if !was_up && self.core.is_up() {
            self.backoff.after_success();
        }
        true
    }
}

/// Usually everything; sometimes a socket takes less.
fn portion(rng: &mut StdRng, len: usize) -> usize {
    if rng.random_ratio(1, 8) { rng.random_range(1..=len) } else { len }
}
