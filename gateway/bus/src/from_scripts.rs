//! What protocol 1 peers ask: pymscada's commands, with its defects mended where its clients can't tell.

use std::fmt::Write;

use wire::p1::{self, Body, Message};

use crate::board::Switchboard;
use crate::peer::PeerId;
use crate::requests::Writer;
use crate::table::{Mode, Owner};
use crate::whose::Whose;

/// The longest name either protocol carries.
const NAME_BYTES_MAX: usize = tag::NAME_BYTES_MAX;

impl Switchboard {
    /// Does what a message asks; returns the work it was, in listeners served.
    pub(crate) fn script_says(&mut self, from: PeerId, message: &Message<'_>) -> usize {
        let Body::Whole(body) = message.body else {
            self.refuse(from, message, &format!("a message of more than {} bytes", wire::VALUE_BYTES_MAX));
            return 1;
        };
        match message.command {
            p1::SET => return self.script_sets(from, message, body),
            p1::ID => self.script_asks_id(from, message, body),
            p1::SUB => self.script_subscribes(from, message),
            p1::GET => self.script_gets(from, message),
            p1::RTA => self.script_asks_author(from, message, body),
            p1::UNSUB => self.script_unsubscribes(from, message),
            p1::LIST => return self.script_lists(from, message, body),
            p1::LOG => self.script_logs(from, body),
            p1::ERR => {}
            // pymscada's server goes deaf on these; a client can only gain by being told.
            other => self.refuse(from, message, &format!("unknown command {other}")),
        }
        1
    }

    fn refuse(&mut self, to: PeerId, message: &Message<'_>, text: &str) {
        self.send_script(to, p1::ERR, message.tag_id, message.time_us, text.as_bytes());
    }

    fn script_asks_id(&mut self, from: PeerId, message: &Message<'_>, name: &[u8]) {
        if name.len() > NAME_BYTES_MAX {
            self.refuse(from, message, &format!("ID of {} bytes, at most {NAME_BYTES_MAX}", name.len()));
            return log::warn!("{}: a name of {} bytes was refused", self.label(from), name.len());
        }
        if self.table.find(name).is_none() {
            // First the notice, then the new tag, in pymscada's words: its clients log it.
            self.refuse(from, message, &format!("ID {} undefined", python_bytes(name)));
            if name.is_empty() {
                return log::warn!("{}: a tag without a name was refused", self.label(from));
            }
        }
        match self.table.find_or_make(name) {
            Ok(id) => {
                let time_us = self.table.get(id).map_or(0, |tag| tag.time_us);
                self.send_script(from, p1::ID, id, time_us, name);
            }
            Err(_) => {
                self.refuse(from, message, "ID: the bus has no numbers left for more tags");
                log::warn!("{}: no number left for the tag {}", self.label(from), python_bytes(name));
            }
        }
    }

    fn script_sets(&mut self, from: PeerId, message: &Message<'_>, value: &[u8]) -> usize {
        let id = message.tag_id;
        let Some(tag) = self.table.get(id) else {
            self.refuse(from, message, &format!("SET KeyError {id}"));
            return 1;
        };
        if tag.is_owned() {
            let who = format!("protocol 1 {}", self.label(from));
            let writer = Writer::Script { peer: from, tag_id: id, time_us: message.time_us };
            let deadline = self.now.uptime.after(crate::limits::WRITE_EXPIRES);
            self.request_write(writer, id, value, deadline, &who);
            return 1;
        }
        // A client that connects anew says again what it said.
        let is_again = (tag.time_us, tag.payload.as_slice()) == (message.time_us, value);
        let was_source_time = tag.is_source_time;
        if !self.store_unowned(id, message.time_us, value, from) {
            self.refuse(from, message, &format!("SET {id}: the bus holds no more values"));
            log::warn!("{}: a value of {} bytes for tag {id} was refused: memory", self.label(from), value.len());
            return 1;
        }
        let whose = self.shown.whose(self.now, message.time_us);
        if let Some(tag) = self.table.get_mut(id) {
            tag.foretells |= whose == Whose::SourceToCome;
            tag.is_source_time = if is_again { was_source_time } else { tag.foretells || whose != Whose::Machine };
        }
        1 + self.tell(id, true, Some(from))
    }

    /// The value of a tag nobody owns; says whether there was room for it.
    pub(crate) fn store_unowned(&mut self, id: u16, time_us: u64, value: &[u8], author: PeerId) -> bool {
        let now = self.now.mono;
        let Some(tag) = self.table.store(id, time_us, value) else { return false };
        tag.author = Some(author);
        tag.set_at = Some(now);
        tag.overlay = crate::table::Overlay::None;
        true
    }

    fn script_subscribes(&mut self, from: PeerId, message: &Message<'_>) {
        let id = message.tag_id;
        let Some(tag) = self.table.get_mut(id) else {
            return self.refuse(from, message, &format!("SUBscribe KeyError {id}"));
        };
        let is_new = tag.listen(from.slot, Mode::Script);
        let (time_us, value) = (tag.time_us, tag.payload.clone());
        // Owned and without a value: answered when it has one.
        let answer = !(tag.is_owned() && value.is_empty());
        if is_new {
            if let Some(peer) = self.peer_mut(from) {
                peer.listens.push(id);
            }
        }
        if answer {
            self.send_script(from, p1::SET, id, time_us, value.as_slice());
        }
    }

    fn script_gets(&mut self, from: PeerId, message: &Message<'_>) {
        let id = message.tag_id;
        let Some(tag) = self.table.get_mut(id) else {
            return self.refuse(from, message, &format!("GET KeyError for {id}"));
        };
        if tag.is_owned() && tag.payload.is_empty() {
            let already = tag.listeners.iter().any(|listener| listener.slot == from.slot);
            if !already {
                tag.listen(from.slot, Mode::ScriptOnce);
                if let Some(peer) = self.peer_mut(from) {
                    peer.listens.push(id);
                }
            }
            return;
        }
        let (time_us, value) = (tag.time_us, tag.payload.clone());
        self.send_script(from, p1::SET, id, time_us, value.as_slice());
    }

    fn script_unsubscribes(&mut self, from: PeerId, message: &Message<'_>) {
        let id = message.tag_id;
        let Some(tag) = self.table.get_mut(id) else {
            return self.refuse(from, message, &format!("UNSubscribe KeyError for {id}"));
        };
        tag.unlisten(from.slot);
        if let Some(peer) = self.peer_mut(from) {
            peer.listens.retain(|other| *other != id);
        }
    }

    fn script_asks_author(&mut self, from: PeerId, message: &Message<'_>, question: &[u8]) {
        let id = message.tag_id;
        let Some(tag) = self.table.get(id) else {
            return self.refuse(from, message, &format!("RTA KeyError {id}"));
        };
        match &tag.owner {
            Owner::Module { .. } | Owner::Gone { .. } => self.request_answer_for_script(from, id, question),
            Owner::Nobody => {
                // As in pymscada: to whoever set it last, and nowhere if that peer has left.
                let (author, time_us) = (tag.author, tag.time_us);
                if let Some(author) = author {
                    self.send_script(author, p1::RTA, id, time_us, question);
                }
            }
        }
    }

    fn script_lists(&mut self, from: PeerId, message: &Message<'_>, text: &[u8]) -> usize {
        let mut names: Vec<u8> = Vec::new();
        for (id, tag) in self.table.iter() {
            let name = self.table.name(id);
            let wanted = if text.is_empty() { tag.time_us > message.time_us } else { name_matches(name, text) };
            if wanted {
                if !names.is_empty() {
                    names.push(b' ');
                }
                names.extend_from_slice(name);
            }
        }
        self.send_script(from, p1::LIST, 0, message.time_us, &names);
        1 + self.table.len() / 8
    }

    fn script_logs(&mut self, from: PeerId, text: &[u8]) {
        let now = self.now.mono;
        let label = self.label(from).to_string();
        let allowed = self.peer_mut(from).and_then(|peer| peer.log_budget.spend(now));
        if let Some(dropped) = allowed.filter(|dropped| *dropped > 0) {
            log::warn!("{label}: {dropped} lines of LOG left out");
        }
        if text.is_empty() {
            return;
        }
        if text.len() > p1::LOG_BYTES_MAX {
            if allowed.is_some() {
                log::warn!("{label}: a LOG of {} bytes was dropped, {} may be sent", text.len(), p1::LOG_BYTES_MAX);
            }
            return;
        }
        let text = format!("{label}: {}", String::from_utf8_lossy(text));
        if allowed.is_some() {
            log::info!("{}", text.replace(char::is_control, "?"));
        }
        self.note_in_bus_tag(&text);
    }

    pub(crate) fn label(&self, id: PeerId) -> &str {
        self.peer(id).map_or("a peer that left", |peer| &peer.label)
    }
}

/// Does a name match LIST's text: `^start`, `end$`, or a part?
pub(crate) fn name_matches(name: &[u8], text: &[u8]) -> bool {
    match text {
        [b'^', start @ ..] => name.starts_with(start),
        [end @ .., b'$'] => name.ends_with(end),
        part => part.is_empty() || name.windows(part.len()).any(|window| window == part),
    }
}

/// Bytes as Python prints them: `b'IntSet'`. pymscada's clients show this text to people who know it.
fn python_bytes(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut text = format!("b{quote}");
    for byte in bytes {
        match byte {
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\\' => text.push_str("\\\\"),
            b if char::from(*b) == quote => {
                text.push('\\');
                text.push(quote);
            }
            0x20..=0x7e => text.push(char::from(*byte)),
            other => write!(text, "\\x{other:02x}").expect("writing to a string"),
        }
    }
    text.push(quote);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_print_as_python_prints_them() {
        assert_eq!(python_bytes(b"IntSet"), "b'IntSet'");
        assert_eq!(python_bytes(b"it's"), "b\"it's\"");
        assert_eq!(python_bytes("Süd\\\n'\"".as_bytes()), "b'S\\xc3\\xbcd\\\\\\n\\'\"'");
    }

    #[test]
    fn list_texts() {
        assert!(name_matches(b"pump1.flow", b"^pump"));
        assert!(!name_matches(b"a pump", b"^pump"));
        assert!(name_matches(b"pump1.flow", b"flow$"));
        assert!(name_matches(b"pump1.flow", b"1."));
        assert!(!name_matches(b"pump1.flow", b"2."));
    }
}
