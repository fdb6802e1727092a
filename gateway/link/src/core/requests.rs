//! Writes and questions: ours to other owners, and what is said to those of others.

use tag::{Uptime, Value};
use wire::p2::ToBus;
use wire::{Outcome, payload};

use super::{Core, State};
use crate::event::{AskId, Event, Handle, RequestId, WriteId};

impl Core {
    /// See [`crate::Link::write`].
    pub fn write(&mut self, tag: Handle, value: Value, deadline: Uptime, who: &str) -> WriteId {
        self.next_write = self.next_write.wrapping_add(1);
        let seq = self.next_write;
        match self.tags.get(tag.0 as usize).and_then(|tag| tag.id).filter(|_| self.state == State::Up) {
            Some(id) => {
                self.writes.insert(seq);
                let payload = payload::to_bytes(&value);
                self.send(&ToBus::Write { seq, id, deadline, who, payload: &payload });
            }
            // Never kept for later: a write that can't go now doesn't go.
            None => {
                let refused = Outcome::Refused("the gateway's bus can't be reached".to_owned());
                self.events.push_back(Event::Outcome(WriteId(seq), refused));
            }
        }
        WriteId(seq)
    }

    /// See [`crate::Link::settle`].
    pub fn settle(&mut self, id: RequestId, outcome: Outcome) {
        if let Some(request) = self.current(id) {
            self.send(&ToBus::Settle { request, outcome });
        }
    }

    /// See [`crate::Link::ask`].
    pub fn ask(&mut self, tag: Handle, question: Value) -> AskId {
        let seq = self.asks.open();
        match self.tags.get(tag.0 as usize).and_then(|tag| tag.id).filter(|_| self.state == State::Up) {
            Some(id) => self.send(&ToBus::Ask { seq, id, payload: &payload::to_bytes(&question) }),
            None => {
                self.asks.close(seq);
                self.events.push_back(Event::AskFailed(AskId(seq), "the gateway's bus can't be reached".to_owned()));
            }
        }
        AskId(seq)
    }

    /// See [`crate::Link::answer`].
    pub fn answer(&mut self, id: RequestId, value: &Value, last: bool) {
        if let Some(request) = self.current(id) {
            self.answers.push(request, value, last);
        }
    }

    /// See [`crate::Link::list`].
    pub fn list(&mut self, text: &str) {
        if self.state == State::Up {
            self.send(&ToBus::List(text.as_bytes()));
        } else {
            self.events.push_back(Event::Listed { lines: Vec::new(), last: true });
        }
    }

    fn current(&self, id: RequestId) -> Option<u32> {
        let (connection, request) = ((id.0 >> 32) as u32, id.0 as u32);
        (connection == self.connection && self.state == State::Up).then_some(request)
    }
}
