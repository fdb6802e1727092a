//! What the bus says, as events.

use tag::{Delivery, Fault, Sample, Timestamp, Uptime};
use wire::p2::{self, FromBus, GAP, REVISION_OLDEST, Record, Refusal, ToBus};
use wire::{Outcome, Violation, payload};

use super::{Core, State, Wish, put_record};
use crate::event::{AskId, Asker, Event, Handle, Line, RequestId, WriteId};

impl Core {
    fn request_id(&self, request: u32) -> RequestId {
        RequestId(u64::from(self.connection) << 32 | u64::from(request))
    }

    pub(super) fn take(&mut self, frame: FromBus<'_>) -> Result<(), Violation> {
        match frame {
            FromBus::Welcome { revision, .. } if revision < REVISION_OLDEST => return Err(Violation::NoHello),
            FromBus::Welcome { .. } => {
                self.state = State::Up;
                self.events.push_back(Event::Up);
            }
            // That it came is all it says.
            FromBus::Alive => {}
            FromBus::Opened(all) => all.iter().for_each(|one| self.opened(one)),
            FromBus::Readings(records) => {
                for record in records {
                    self.reading(&record?);
                }
            }
            FromBus::WriteRequest { request, id, deadline, who, payload } => {
                self.write_request(request, id, deadline, who, payload);
            }
            FromBus::Outcome { seq, outcome } => {
                let is_ours = if outcome.is_final() { self.writes.remove(&seq) } else { self.writes.contains(&seq) };
                if is_ours {
                    self.events.push_back(Event::Outcome(WriteId(seq), outcome));
                }
            }
            FromBus::Question { request, id, protocol, payload } => self.question(request, id, protocol, payload),
            FromBus::Answer { seq, more, last, piece } => self.answered(seq, more, last, piece),
            FromBus::AskFailed { seq, why } => {
                if self.asks.close(seq) {
                    self.events.push_back(Event::AskFailed(AskId(seq), why.to_owned()));
                }
            }
            FromBus::Listed { last, lines } => {
                let lines = lines.iter().map(|line| Line {
                    name: String::from_utf8_lossy(line.name).into_owned(),
                    owner: line.owner.to_owned(),
                });
                self.events.push_back(Event::Listed { lines: lines.collect(), last });
            }
        }
        Ok(())
    }

    fn opened(&mut self, opened: &p2::Opened) {
        let handle = Handle(opened.handle);
        let Some(tag) = self.tags.get_mut(opened.handle as usize) else { return };
        if let Some(refusal) = opened.refusal {
            let why = match refusal {
                Refusal::Owned => "another module owns it",
                Refusal::Full => "the bus has no numbers left for more tags",
                Refusal::BadName => "its name can't be used",
                Refusal::NotAllowed => "this user may not own tags",
            };
            self.events.push_back(Event::Refused(format!("tag {}: {why}", tag.name)));
            return;
        }
        tag.id = Some(opened.id);
        self.by_id.insert(opened.id, handle);
        if let (Wish::Own(group), Some(last)) = (tag.wish, &tag.last) {
            // The bus counts freshness from the hello on. How old is what was said before, nobody knows: the next
            // confirmation makes it good again.
            let limited = self.groups.limit(group).is_some();
            tag.unconfirmed &= limited && last.reading.good().is_some();
            if tag.unconfirmed {
                let held = Sample { at: last.at, reading: last.reading.clone().fallen(Fault::NotYetRead) };
                put_record(&mut self.batch, &mut self.out, opened.id, &held);
            } else {
                put_record(&mut self.batch, &mut self.out, opened.id, last);
            }
        }
    }

    fn reading(&mut self, record: &Record<'_>) {
        let Some(&handle) = self.by_id.get(&record.id) else { return };
        // One that came while `unwatch` was under way.
        let Wish::Watch(delivery, _) = self.tags[handle.0 as usize].wish else { return };
        if record.quality == GAP {
            return self.events.push_back(Event::Gap(handle));
        }
        let reading = payload::reading(record.quality, record.detail, record.payload);
        let sample = Sample { at: Timestamp(record.time_us), reading };
        // Who wants the latest only doesn't keep it.
        let is_source_time = (record.quality, record.detail) == (0, p2::SOURCE_TIME) && delivery == Delivery::Every;
        let event = if is_source_time { Event::SourceTimed } else { Event::Sample };
        self.events.push_back(event(handle, sample));
    }

    fn write_request(&mut self, request: u32, id: u16, deadline: Uptime, who: &str, bytes: &[u8]) {
        let request_id = self.request_id(request);
        let refuse = |why: &str| ToBus::Settle { request, outcome: Outcome::Refused(why.to_owned()) };
        let Some(&tag) = self.by_id.get(&id) else { return self.send(&refuse("no such tag here")) };
        match payload::decode(bytes) {
            Ok(Some(value)) => {
                let who = who.to_owned();
                self.events.push_back(Event::Write { id: request_id, tag, value, deadline, who });
            }
            Ok(None) => self.send(&refuse("no value can't be written")),
            Err(bad) => self.send(&refuse(&bad.to_string())),
        }
    }

    fn question(&mut self, request: u32, id: u16, protocol: u8, bytes: &[u8]) {
        let by = if protocol == 1 { Asker::Protocol1 } else { Asker::Protocol2 };
        let request_id = self.request_id(request);
        match (self.by_id.get(&id), payload::decode(bytes)) {
            (Some(&tag), Ok(Some(question))) => {
                self.events.push_back(Event::Ask { id: request_id, tag, question, by });
            }
            // Nobody must wait for an answer to rubbish.
            _ => self.send(&ToBus::Answer { request, more: false, last: true, piece: &[] }),
        }
    }

    fn answered(&mut self, seq: u32, more: bool, last: bool, piece: &[u8]) {
        let id = AskId(seq);
        let Some(whole) = self.asks.piece(seq, more, last, piece) else { return };
        let value = whole.ok_or("the answer is too large").and_then(|bytes| match payload::decode(&bytes) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err("the owner had no answer"),
            Err(_) => Err("the owner's answer can't be read"),
        });
        match value {
            Ok(value) => self.events.push_back(Event::Answer { id, value, last }),
            Err(why) => {
                self.asks.close(seq);
                self.events.push_back(Event::AskFailed(id, why.to_owned()));
            }
        }
    }
}
