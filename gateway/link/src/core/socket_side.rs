//! What the socket does, told to the link, and what it shall send.

use wire::p2::{self, FromBus, Open, REVISION, ToBus};
use wire::{Outcome, Violation};

use super::{Core, State, limit_ms};
use crate::event::{AskId, Event, Handle, WriteId};

/// What may wait for the bus: it takes everything at once or it is stuck, and then the connection is given up.
const OUT_BYTES_MAX: usize = 8 << 20;

impl Core {
    /// The socket is open: says hello and declares everything.
    pub fn connected(&mut self) {
        self.connection = self.connection.wrapping_add(1);
        self.state = State::Greeting;
        let mut out = Vec::new();
        ToBus::Hello { revision: REVISION, module: &self.module }.put(&mut out);
        for (group, limit) in (0..).zip(self.groups.limits()) {
            ToBus::Group { group, limit_ms: limit_ms(limit) }.put(&mut out);
        }
        if !self.tags.is_empty() {
            let handles = (0..self.tags.len() as u32).map(Handle);
            Open::put_all(handles.map(|handle| self.open_of(handle)), &mut out);
        }
        (self.out, self.batch) = (out, None);
    }

    /// The socket is gone, or couldn't be opened; `why` in words.
    pub fn lost(&mut self, why: &str) {
        let was_down = self.state == State::Down;
        self.state = State::Down;
        (self.out, self.batch) = (Vec::new(), None);
        self.answers.clear();
        self.by_id.clear();
        for tag in &mut self.tags {
            (tag.id, tag.unconfirmed) = (None, true);
        }
        self.groups.doubt_all();
        for seq in std::mem::take(&mut self.writes) {
            self.events.push_back(Event::Outcome(WriteId(seq), Outcome::Expired));
        }
        for seq in self.asks.close_all() {
            self.events.push_back(Event::AskFailed(AskId(seq), "the gateway's bus was lost".to_owned()));
        }
        if !was_down || self.connection == 0 {
            // Counted, so that a bus that never was there is told once as well.
            self.connection = self.connection.max(1);
            self.events.push_back(Event::Down(why.to_owned()));
        }
    }

    /// What the socket shall send now. Call [`Core::sent`] with what it took.
    pub fn output(&mut self) -> &[u8] {
        self.seal();
        if self.out.is_empty() && self.state == State::Up {
            self.answers.next_piece(&mut self.out);
        }
        &self.out
    }

    /// The socket took `n` bytes.
    pub fn sent(&mut self, n: usize) {
        self.seal();
        self.out.drain(..n);
    }

    /// More waits than a living bus would let.
    pub fn is_overfull(&self) -> bool {
        self.out.len() > OUT_BYTES_MAX
    }

    /// What the socket brought: takes whole frames from the front and returns how many bytes they were.
    pub fn received(&mut self, input: &[u8]) -> Result<usize, Violation> {
        let mut at = 0;
        while let Some(frame) = p2::split(&input[at..])? {
            at += frame.bytes;
            self.take(FromBus::parse(frame.kind, frame.fields)?)?;
        }
        Ok(at)
    }
}
