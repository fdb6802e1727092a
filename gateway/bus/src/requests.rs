//! Writes and questions on their way to an owner and back.

use std::collections::HashMap;
use std::time::Instant;

use tag::Uptime;
use wire::p2::FromBus;
use wire::{Outcome, VALUE_BYTES_MAX, p1};

use crate::board::Switchboard;
use crate::limits::{
    ANSWER_PATIENCE, OPEN_QUESTIONS_MAX, OPEN_WRITES_MAX, PIECES_BYTES_MAX, SETTLE_GRACE, WRITE_LIFE_MAX,
};
use crate::peer::{Peer, PeerId};
use crate::table::Owner;

/// All that is under way.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    writes: HashMap<u32, Write>,
    questions: HashMap<u32, Question>,
    next: u32,
}

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    /// A protocol 1 client; the time of its SET goes back with an ERR.
    Script { peer: PeerId, tag_id: u16, time_us: u64 },
    /// A module, by its own number.
    Module { peer: PeerId, seq: u32 },
}

#[derive(Debug)]
struct Write {
    writer: Writer,
    owner: PeerId,
    /// Its owner says nothing of it any more.
    give_up: Instant,
    sent: bool,
}

#[derive(Debug)]
struct Question {
    asker: PeerId,
    ask: Ask,
    owner: PeerId,
    deadline: Instant,
}

#[derive(Debug)]
enum Ask {
    /// A protocol 1 RTA: its answer is put together and sent as a SET of the tag.
    Script { tag_id: u16, assembled: Vec<u8> },
    /// A module's, by its own number; pieces are passed on.
    Module { seq: u32 },
}

impl Requests {
    fn number(&mut self) -> u32 {
        self.next = self.next.wrapping_add(1);
        self.next
    }
}

impl Switchboard {
    /// Asks the owner of a tag to write it; the writer hears what becomes of it.
    pub(crate) fn request_write(&mut self, writer: Writer, id: u16, value: &[u8], deadline: Uptime, who: &str) {
        let Some(tag) = self.table.get(id) else { return };
        let owner = match &tag.owner {
            Owner::Module { peer, was_read: true, .. } => *peer,
            Owner::Module { .. } => return self.refuse_write(writer, "the tag has not been read yet"),
            Owner::Gone { .. } | Owner::Nobody => {
                return self.refuse_write(writer, &tag::Fault::OwnerGone.to_string());
            }
        };
        if value.is_empty() {
            return self.refuse_write(writer, "no value can't be written");
        }
        let deadline = deadline.min(self.now.uptime.after(WRITE_LIFE_MAX));
        let give_up = self.now.mono + deadline.left(self.now.uptime).unwrap_or_default() + SETTLE_GRACE;
        match self.module_mut(owner) {
            Some(module) if module.open_writes < OPEN_WRITES_MAX => module.open_writes += 1,
            Some(_) => return self.refuse_write(writer, "too many writes are under way"),
            None => return self.refuse_write(writer, &tag::Fault::OwnerGone.to_string()),
        }
        let request = self.requests.number();
        self.requests.writes.insert(request, Write { writer, owner, give_up, sent: false });
        self.send_module(owner, &FromBus::WriteRequest { request, id, deadline, who, payload: value });
    }

    fn refuse_write(&mut self, writer: Writer, why: &str) {
        self.tell_outcome(writer, &Outcome::Refused(why.to_owned()));
    }

    /// The owner says what became of a write.
    pub(crate) fn settle(&mut self, from: PeerId, request: u32, outcome: &Outcome) {
        let Some(write) = self.requests.writes.get_mut(&request).filter(|write| write.owner == from) else { return };
        let writer = write.writer;
        if outcome.is_final() {
            self.requests.writes.remove(&request);
            if let Some(module) = self.module_mut(from) {
                module.open_writes = module.open_writes.saturating_sub(1);
            }
        } else if std::mem::replace(&mut write.sent, true) {
            return;
        }
        self.tell_outcome(writer, outcome);
    }

    pub(crate) fn tell_outcome(&mut self, writer: Writer, outcome: &Outcome) {
        match writer {
            Writer::Module { peer, seq } => self.send_module(peer, &FromBus::Outcome { seq, outcome: outcome.clone() }),
            Writer::Script { peer, tag_id, time_us } => {
                let why = match outcome {
                    Outcome::Stored | Outcome::Sent | Outcome::Confirmed => return,
                    Outcome::Refused(why) => format!("refused: {why}"),
                    Outcome::Mismatch(_) => "mismatch: the device holds another value".to_owned(),
                    Outcome::Expired => "expired".to_owned(),
                };
                // The script believes its own value; the owner's, sent back, is the truth it must see.
                if let Some(tag) = self.table.get(tag_id).filter(|tag| !tag.payload.is_empty()) {
                    let (time, value) = (tag.time_us, tag.payload.clone());
                    self.send_script(peer, p1::SET, tag_id, time, value.as_slice());
                }
                self.send_script(peer, p1::ERR, tag_id, time_us, format!("SET {tag_id} {why}").as_bytes());
            }
        }
    }

    /// A protocol 1 client asks the owner of a tag.
    pub(crate) fn request_answer_for_script(&mut self, from: PeerId, id: u16, question: &[u8]) {
        let ask = Ask::Script { tag_id: id, assembled: Vec::new() };
        if let Err(why) = self.request_answer(from, ask, id, question) {
            // pymscada sends nothing here; its clients only log an ERR.
            self.send_script(from, p1::ERR, id, 0, format!("RTA {id} {why}").as_bytes());
        }
    }

    /// A module asks the owner of a tag.
    pub(crate) fn request_answer_for_module(&mut self, from: PeerId, seq: u32, id: u16, question: &[u8]) {
        if let Err(why) = self.request_answer(from, Ask::Module { seq }, id, question) {
            self.send_module(from, &FromBus::AskFailed { seq, why });
        }
    }

    fn request_answer(&mut self, from: PeerId, ask: Ask, id: u16, question: &[u8]) -> Result<(), &'static str> {
        let owner = match self.table.get(id).map(|tag| &tag.owner) {
            Some(Owner::Module { peer, .. }) => *peer,
            Some(Owner::Gone { .. }) => return Err("the module that answers is not running"),
            Some(Owner::Nobody) | None => return Err("no module answers for this tag"),
        };
        let protocol = if matches!(ask, Ask::Script { .. }) { 1 } else { 2 };
        let peer = self.peer_mut(from).ok_or("gone")?;
        if peer.open_questions >= OPEN_QUESTIONS_MAX {
            return Err("too many questions at once");
        }
        peer.open_questions += 1;
        let deadline = self.now.mono + ANSWER_PATIENCE;
        let request = self.requests.number();
        self.requests.questions.insert(request, Question { asker: from, ask, owner, deadline });
        self.send_module(owner, &FromBus::Question { request, id, protocol, payload: question });
        Ok(())
    }

    /// A piece of an answer. Returns the work it was.
    pub(crate) fn answer(&mut self, from: PeerId, request: u32, more: bool, last: bool, piece: &[u8]) -> usize {
        let deadline = self.now.mono + ANSWER_PATIENCE;
        let Some(mut question) = self.requests.questions.remove(&request) else { return 1 };
        if question.owner != from {
            self.requests.questions.insert(request, question);
            return 1;
        }
        question.deadline = deadline;
        let fits = match &mut question.ask {
            Ask::Script { assembled, .. } if assembled.len() + piece.len() > VALUE_BYTES_MAX => false,
            Ask::Script { tag_id, assembled } => {
                assembled.extend_from_slice(piece);
                if !more {
                    let (value, time_us) = (std::mem::take(assembled), self.now.wall.0);
                    let tag_id = *tag_id;
                    self.send_script(question.asker, p1::SET, tag_id, time_us, &value);
                }
                true
            }
            Ask::Module { seq } => {
                let mut frame = Vec::with_capacity(piece.len() + 16);
                FromBus::Answer { seq: *seq, more, last, piece }.put(&mut frame);
                self.touch(question.asker.slot);
                let module = self.module_mut(question.asker);
                module.is_none_or(|module| module.lanes.piece(frame).is_ok())
            }
        };
        if !fits {
            self.fail_question(question, "the answer is too large");
        } else if last {
            self.close_question(question.asker);
        } else {
            self.requests.questions.insert(request, question);
        }
        1 + piece.len() / 1024
    }

    fn fail_question(&mut self, question: Question, why: &str) {
        log::warn!(
            "{}: a question got no answer: {why} (at most {PIECES_BYTES_MAX} bytes)",
            self.label(question.asker)
        );
        self.close_question(question.asker);
        if let Ask::Module { seq } = question.ask {
            self.send_module(question.asker, &FromBus::AskFailed { seq, why });
        }
    }

    fn close_question(&mut self, asker: PeerId) {
        if let Some(peer) = self.peer_mut(asker) {
            peer.open_questions = peer.open_questions.saturating_sub(1);
        }
    }

    /// What became too late.
    pub(crate) fn expire_requests(&mut self) {
        let now = self.now.mono;
        let late: Vec<u32> = self.requests.writes.iter().filter(|(_, w)| now >= w.give_up).map(|(n, _)| *n).collect();
        for number in late {
            let Some(write) = self.requests.writes.remove(&number) else { continue };
            if let Some(module) = self.module_mut(write.owner) {
                module.open_writes = module.open_writes.saturating_sub(1);
            }
            self.tell_outcome(write.writer, &Outcome::Expired);
        }
        let late: Vec<u32> =
            self.requests.questions.iter().filter(|(_, q)| now >= q.deadline).map(|(n, _)| *n).collect();
        for number in late {
            if let Some(question) = self.requests.questions.remove(&number) {
                self.fail_question(question, "no answer in time");
            }
        }
    }

    /// A peer has left: what it asked is forgotten, what it owed is told.
    pub(crate) fn drop_requests_of(&mut self, gone: &Peer) {
        let id = gone.id;
        let is_writers = |writer: &Writer| match writer {
            Writer::Script { peer, .. } | Writer::Module { peer, .. } => *peer == id,
        };
        let mut owed = Vec::new();
        let mut forgotten = Vec::new();
        self.requests.writes.retain(|_, write| {
            if write.owner == id {
                owed.push((write.writer, write.sent));
            } else if is_writers(&write.writer) {
                // The owner still works on it and will settle it; nobody listens any more.
                forgotten.push(write.owner);
            } else {
                return true;
            }
            false
        });
        for owner in forgotten {
            if let Some(module) = self.module_mut(owner) {
                module.open_writes = module.open_writes.saturating_sub(1);
            }
        }
        for (writer, sent) in owed {
            // Sent or not is unknown when the owner fell over in between.
            let outcome = if sent { Outcome::Expired } else { Outcome::Refused(tag::Fault::OwnerGone.to_string()) };
            self.tell_outcome(writer, &outcome);
        }
        let numbers: Vec<u32> = self
            .requests
            .questions
            .iter()
            .filter(|(_, question)| question.owner == id || question.asker == id)
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            let Some(question) = self.requests.questions.remove(&number) else { continue };
            if question.asker != id {
                self.fail_question(question, "the module that answers has left");
            }
        }
    }
}
