//! The switchboard: everything the bus decides, without sockets and without a clock.

mod places;
mod telling;

use std::fmt;
use std::time::{Duration, Instant};

use shell::Now;
use wire::{Violation, p1, p2, payload};

use crate::limits::{STALL_MAX, TURN_WORK};
use crate::outbox::Outbox;
use crate::peer::{Peer, PeerId, Speaks};
use crate::requests::Requests;
use crate::table::Table;
use crate::whose::Shown;

/// The bus without its sockets.
pub struct Switchboard {
    pub(crate) table: Table,
    pub(crate) peers: Vec<Option<Box<Peer>>>,
    pub(crate) requests: Requests,
    /// Tags with a freshness limit of their own, for while nobody owns them.
    pub(crate) limited: Vec<u16>,
    pub(crate) bus_tag: u16,
    pub(crate) epoch: u64,
    pub(crate) now: Now,
    pub(crate) shown: Shown,
    next_serial: u32,
    alive_said: Instant,
    touched: Vec<u16>,
    closed: Vec<(PeerId, Closed)>,
}

/// Why the bus closes a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// It broke its protocol.
    Violation(Violation),
    /// Too much waits for it.
    Overflow(usize),
    /// It took nothing for [`STALL_MAX`].
    Stalled,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) => write!(f, "it broke its protocol: {violation}"),
            Self::Overflow(bytes) => write!(f, "it doesn't read: {bytes} bytes wait for it"),
            Self::Stalled => write!(f, "it took nothing for {} s", STALL_MAX.as_secs()),
        }
    }
}

/// All places are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

impl Switchboard {
    /// An empty bus. `epoch` is a number no other run has had.
    pub fn new(bus_tag: &str, epoch: u64, now: Now) -> Self {
        let mut table = Table::default();
        let bus_tag = table.find_or_make(bus_tag.as_bytes()).expect("an empty table has room");
        table.store(bus_tag, now.wall.0, b"\x03started");
        Self {
            table,
            peers: Vec::new(),
            requests: Requests::default(),
            limited: Vec::new(),
            bus_tag,
            epoch,
            now,
            shown: Shown::new(now),
            next_serial: 1,
            alive_said: now.mono,
            touched: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// Sets the clocks for what follows.
    pub fn at(&mut self, now: Now) -> &mut Self {
        self.now = now;
        self.shown.look(now);
        self
    }

    /// What a peer sent: takes whole frames from the front of `input` and returns how many bytes they were. Stops early
    /// when the peer has had its turn; call again with the rest.
    pub fn receive(&mut self, id: PeerId, input: &[u8]) -> Result<usize, Closed> {
        let taken = match self.peer(id).map(|peer| &peer.speaks) {
            Some(Speaks::Script(_)) => self.receive_script(id, input),
            Some(Speaks::Module(_)) => self.receive_module(id, input),
            None => return Ok(input.len()),
        };
        taken.map_err(Closed::Violation)
    }

    fn receive_script(&mut self, id: PeerId, input: &[u8]) -> Result<usize, Violation> {
        // The decoder lends the bytes of long messages, so it lives outside the board while they are looked at.
        let Some(Speaks::Script(decoder)) = self.peer_mut(id).map(|peer| &mut peer.speaks) else { return Ok(0) };
        let mut decoder = std::mem::take(decoder);
        let (mut at, mut work) = (0, 0);
        let result = loop {
            match decoder.next(&input[at..]) {
                Ok(p1::Step::NeedMore) => break Ok(at),
                Ok(p1::Step::Took(n, message)) => {
                    at += n;
                    work += message.map_or(1, |message| self.script_says(id, &message));
                    if work >= TURN_WORK {
                        break Ok(at);
                    }
                }
                Err(violation) => break Err(violation),
            }
        };
        decoder.forget_done();
        if let Some(Speaks::Script(place)) = self.peer_mut(id).map(|peer| &mut peer.speaks) {
            *place = decoder;
        }
        result
    }

    fn receive_module(&mut self, id: PeerId, input: &[u8]) -> Result<usize, Violation> {
        let (mut at, mut work) = (0, 0);
        while let Some(frame) = p2::split(&input[at..])? {
            at += frame.bytes;
            work += self.module_says(id, p2::ToBus::parse(frame.kind, frame.fields)?)?;
            if work >= TURN_WORK {
                break;
            }
        }
        Ok(at)
    }

    /// The next bytes for a peer's socket; empty: nothing waits.
    pub fn output(&mut self, id: PeerId) -> &[u8] {
        let Some(peer) = self.peers.get_mut(usize::from(id.slot)).and_then(Option::as_deref_mut) else { return &[] };
        if peer.id != id || peer.dead {
            return &[];
        }
        if let Speaks::Module(module) = &mut peer.speaks {
            module.lanes.fill(&mut peer.out, &self.table);
        }
        peer.out.as_slice()
    }

    /// The socket took `n` bytes of [`Switchboard::output`] (0: none just now).
    pub fn taken(&mut self, id: PeerId, n: usize) {
        let now = self.now.mono;
        if let Some(peer) = self.peer_mut(id) {
            peer.out.taken(n, now);
        }
    }

    /// Does anything wait for this peer?
    pub fn waits(&self, id: PeerId) -> bool {
        self.peer(id).is_some_and(|peer| {
            let lanes = match &peer.speaks {
                Speaks::Script(_) => false,
                Speaks::Module(module) => !module.lanes.is_empty(),
            };
            !peer.dead && (lanes || peer.out.waiting() > 0)
        })
    }

    /// A peer for which something was laid out since the last call.
    pub fn next_touched(&mut self) -> Option<PeerId> {
        loop {
            let slot = self.touched.pop()?;
            if let Some(peer) = self.peers.get_mut(usize::from(slot)).and_then(Option::as_deref_mut) {
                peer.out.touched = false;
                return Some(peer.id);
            }
        }
    }

    /// A peer the bus has given up, and why. The session closes its socket and calls [`Switchboard::leaves`].
    pub fn next_closed(&mut self) -> Option<(PeerId, Closed)> {
        self.closed.pop()
    }

    /// What time alone brings about: stale tags, expired requests, stalled peers. Returns when to call it again at the
    /// latest, from now.
    pub fn tick(&mut self) -> Duration {
        self.drop_stalled();
        self.expire_requests();
        self.release_orphans();
        self.say_alive();
        self.tick_freshness()
    }

    /// Modules can tell a bus that has nothing to say from one that doesn't run.
    fn say_alive(&mut self) {
        let now = self.now.mono;
        if now.duration_since(self.alive_said) < p2::ALIVE_EVERY {
            return;
        }
        self.alive_said = now;
        let greeted = |peer: &&Peer| matches!(&peer.speaks, Speaks::Module(module) if module.name.is_some());
        let modules: Vec<PeerId> =
            self.peers.iter().flatten().map(Box::as_ref).filter(greeted).map(|peer| peer.id).collect();
        modules.into_iter().for_each(|id| self.send_module(id, &p2::FromBus::Alive));
    }

    fn drop_stalled(&mut self) {
        let now = self.now.mono;
        let stalled: Vec<PeerId> = self
            .peers
            .iter()
            .flatten()
            .filter(|peer| peer.out.stalled_since.is_some_and(|since| now.duration_since(since) >= STALL_MAX))
            .map(|peer| peer.id)
            .collect();
        for id in stalled {
            self.give_up(id, Closed::Stalled);
        }
    }

    pub(crate) fn give_up(&mut self, id: PeerId, why: Closed) {
        if let Some(peer) = self.peer_mut(id).filter(|peer| !peer.dead) {
            peer.dead = true;
            peer.out = Outbox::default();
            self.closed.push((id, why));
        }
    }

    /// How many tags there are.
    pub fn tag_count(&self) -> usize {
        self.table.len()
    }

    /// Stores a text in the bus's own tag; nobody is told, as in pymscada.
    pub(crate) fn note_in_bus_tag(&mut self, text: &str) {
        let bytes = payload::to_bytes(&tag::Value::from(text));
        self.table.store(self.bus_tag, self.now.wall.0, &bytes);
    }
}
