//! What protocol 2 peers say.

use std::rc::Rc;

use tag::Uptime;
use wire::p2::{FromBus, Listed, Open, Opened, REVISION, REVISION_OLDEST, Record, Refusal, Role, ToBus};
use wire::{Outcome, Violation, p2};

use crate::board::{Closed, Switchboard};
use crate::from_scripts::name_matches;
use crate::limits::PIECES_BYTES_MAX;
use crate::peer::{PeerId, Rights};
use crate::requests::Writer;
use crate::table::{Mode, Owner};

impl Switchboard {
    /// Does what a frame says; returns the work it was, in listeners served.
    pub(crate) fn module_says(&mut self, from: PeerId, frame: ToBus<'_>) -> Result<usize, Violation> {
        let greeted = self.module_mut(from).is_some_and(|module| module.name.is_some());
        match frame {
            ToBus::Hello { revision, module } if !greeted => return self.greet(from, revision, module),
            ToBus::Hello { .. } => return Err(Violation::NoHello),
            _ if !greeted => return Err(Violation::NoHello),
            ToBus::Publish(records) => return self.published(from, records),
            ToBus::Confirm(group) => return Ok(self.confirm(from, group)),
            ToBus::Open(opens) => {
                let mut all = Vec::new();
                for open in opens {
                    all.push(self.open(from, &open?));
                }
                self.send_module(from, &FromBus::Opened(all.clone()));
                return Ok(1 + all.len());
            }
            ToBus::Group { group, limit_ms } => self.set_group(from, group, limit_ms),
            ToBus::Unwatch(id) => self.unwatch(from, id),
            ToBus::Write { seq, id, deadline, who, payload } => {
                return Ok(self.module_writes(from, seq, id, deadline, who, payload));
            }
            ToBus::Settle { request, outcome } => self.settle(from, request, &outcome),
            ToBus::Ask { seq, id, payload } => self.request_answer_for_module(from, seq, id, payload),
            ToBus::Answer { request, more, last, piece } => return Ok(self.answer(from, request, more, last, piece)),
            ToBus::List(text) => return Ok(self.module_lists(from, text)),
        }
        Ok(1)
    }

    fn greet(&mut self, from: PeerId, revision: u16, name: &str) -> Result<usize, Violation> {
        if revision < REVISION_OLDEST || name.is_empty() {
            return Err(Violation::NoHello);
        }
        let epoch = self.epoch;
        let label: Rc<str> = name.into();
        if let Some(peer) = self.peer_mut(from) {
            peer.label = label.clone();
        }
        if let Some(module) = self.module_mut(from) {
            module.name = Some(label);
        }
        // The command line comes and goes with every script that polls.
        let level = if name == "tool" { log::Level::Debug } else { log::Level::Info };
        log::log!(level, "{name} connected");
        self.send_module(from, &FromBus::Welcome { revision: revision.min(REVISION), epoch });
        Ok(1)
    }

    fn open(&mut self, from: PeerId, open: &Open<'_>) -> Opened {
        let refused = |refusal| Opened { handle: open.handle, id: 0, refusal: Some(refusal) };
        if open.name.is_empty() {
            return refused(Refusal::BadName);
        }
        let Ok(id) = self.table.find_or_make(open.name) else { return refused(Refusal::Full) };
        match open.role {
            Role::Refer => {}
            Role::WatchLatest(stale_ms) => self.watch(from, id, Mode::Latest, stale_ms),
            Role::WatchEvery(stale_ms) => self.watch(from, id, Mode::Every, stale_ms),
            Role::Own(group) => {
                if let Some(refusal) = self.may_own(from, id) {
                    return Opened { handle: open.handle, id, refusal: Some(refusal) };
                }
                self.own(id, from, group);
            }
        }
        Opened { handle: open.handle, id, refusal: None }
    }

    fn may_own(&mut self, from: PeerId, id: u16) -> Option<Refusal> {
        if self.module_mut(from).is_none_or(|module| module.rights != Rights::Own) {
            return Some(Refusal::NotAllowed);
        }
        match self.table.get(id).map(|tag| &tag.owner) {
            // A module that comes back before its old connection is seen to have ended takes its tags over.
            Some(Owner::Module { peer, .. }) if self.label(*peer) != self.label(from) => Some(Refusal::Owned),
            _ => None,
        }
    }

    fn watch(&mut self, from: PeerId, id: u16, mode: Mode, stale_ms: u32) {
        let Some(tag) = self.table.get_mut(id) else { return };
        if tag.listen(from.slot, mode) {
            if let Some(peer) = self.peer_mut(from) {
                peer.listens.push(id);
            }
        }
        let Some(tag) = self.table.get_mut(id) else { return };
        if stale_ms == p2::NEEDS_OWNER {
            let is_new = !std::mem::replace(&mut tag.needs_owner, true);
            if is_new && tag.owner == Owner::Nobody {
                self.tell(id, false, None);
            }
        } else if stale_ms > 0 {
            if tag.stale_ms == 0 {
                self.limited.push(id);
            }
            tag.stale_ms = stale_ms;
        }
        // Whatever it is now, also if that is nothing.
        let Some(crate::peer::Speaks::Module(module)) =
            self.peers.get_mut(usize::from(from.slot)).and_then(Option::as_deref_mut).map(|peer| &mut peer.speaks)
        else {
            return;
        };
        match (mode, self.table.get(id)) {
            (Mode::Every, Some(tag)) => module.lanes.every(&tag.record(id)),
            _ => module.lanes.latest(id),
        }
        self.touch(from.slot);
    }

    fn unwatch(&mut self, from: PeerId, id: u16) {
        if let Some(tag) = self.table.get_mut(id) {
            tag.unlisten(from.slot);
        }
        if let Some(peer) = self.peer_mut(from) {
            peer.listens.retain(|other| *other != id);
        }
        if let Some(module) = self.module_mut(from) {
            module.lanes.forget(id);
        }
    }

    fn published(&mut self, from: PeerId, records: p2::Records<'_>) -> Result<usize, Violation> {
        let mut work = 1;
        for record in records {
            work += self.publish(from, &record?);
        }
        Ok(work)
    }

    fn publish(&mut self, from: PeerId, record: &Record<'_>) -> usize {
        let Some(tag) = self.table.get_mut(record.id) else { return 1 };
        // Only the owner's word counts; a module that lost a tag to a restart hears of it by `Opened`.
        let Owner::Module { peer, was_read, .. } = &mut tag.owner else { return 1 };
        if *peer != from {
            return 1;
        }
        let good = record.quality == 0 && !record.payload.is_empty();
        // A device that was heard, though what it holds means nothing, can be set: how else would it ever hold a value?
        *was_read |= good || record.quality == tag::Fault::OutOfRange.to_code().0;
        if tag.payload.as_slice() == record.payload {
            tag.time_us = record.time_us;
        } else if self.table.store(record.id, record.time_us, record.payload).is_none() {
            log::warn!("{}: a value of {} bytes was refused: memory", self.label(from), record.payload.len());
            let Some(tag) = self.table.get_mut(record.id) else { return 1 };
            tag.quality = tag::Fault::OutOfRange.to_code();
            return 1 + self.tell(record.id, false, None);
        }
        let Some(tag) = self.table.get_mut(record.id) else { return 1 };
        // A record without a value and without a fault means nothing was read.
        let quality = if good || record.quality != 0 { record.quality } else { tag::Fault::NotYetRead.to_code().0 };
        tag.quality = (quality, record.detail);
        1 + self.tell(record.id, good, None)
    }

    fn module_writes(&mut self, from: PeerId, seq: u32, id: u16, deadline: Uptime, who: &str, value: &[u8]) -> usize {
        let writer = Writer::Module { peer: from, seq };
        let Some(tag) = self.table.get(id) else {
            self.tell_outcome(writer, &Outcome::Refused("no such tag".to_owned()));
            return 1;
        };
        if deadline.left(self.now.uptime).is_none() {
            // It lay in the socket while the bus didn't run: its writer has been told by its own clock.
            self.tell_outcome(writer, &Outcome::Expired);
            return 1;
        }
        if tag.is_owned() {
            self.request_write(writer, id, value, deadline, who);
            return 1;
        }
        let time_us = self.now.wall.0;
        if !self.store_unowned(id, time_us, value, from) {
            self.tell_outcome(writer, &Outcome::Refused("the bus holds no more values".to_owned()));
            return 1;
        }
        let told = self.tell(id, true, None);
        self.tell_outcome(writer, &Outcome::Stored);
        1 + told
    }

    fn module_lists(&mut self, from: PeerId, text: &[u8]) -> usize {
        /// Lines of one frame: well under a piece's length with names of ordinary length.
        const LINES: usize = 256;
        let mut frames: Vec<Vec<u8>> = Vec::new();
        {
            let owner = |owner: &Owner| -> Rc<str> {
                match owner {
                    Owner::Nobody => "".into(),
                    Owner::Module { peer, .. } => self.label(*peer).into(),
                    Owner::Gone { module } => module.clone(),
                }
            };
            let found: Vec<(u16, Rc<str>, &[u8])> = self
                .table
                .iter()
                .filter(|(id, _)| name_matches(self.table.name(*id), text))
                .map(|(id, tag)| (id, owner(&tag.owner), self.table.name(id)))
                .collect();
            let mut parts = found.chunks(LINES).peekable();
            while let Some(part) = parts.next() {
                let lines = part.iter().map(|(id, owner, name)| Listed { id: *id, owner, name }).collect();
                let mut frame = Vec::new();
                FromBus::Listed { last: parts.peek().is_none(), lines }.put(&mut frame);
                frames.push(frame);
            }
            if frames.is_empty() {
                let mut frame = Vec::new();
                FromBus::Listed { last: true, lines: Vec::new() }.put(&mut frame);
                frames.push(frame);
            }
        }
        for frame in frames {
            let fits = self.module_mut(from).is_none_or(|module| module.lanes.piece(frame).is_ok());
            if !fits {
                self.give_up(from, Closed::Overflow(PIECES_BYTES_MAX));
            }
        }
        self.touch(from.slot);
        1 + self.table.len() / 8
    }
}
