//! Scripts of the site: pymscada's protocol, byte by byte, as its Python client speaks it. They never reconnect;
//! whoever started them starts them again.

use std::collections::HashMap;
use std::time::Duration;

use rand::Rng;
use tag::{Reading, Sample, Timestamp, Value};
use wire::{p1, payload};

use super::site::{COUNT, FREE, TAGS};
use super::world::{Event, World};

/// Somebody starts a script again after so long.
const STARTED_AGAIN: Duration = Duration::from_secs(1);
/// The large text that a script sets now and then: 64 kB.
const NOTE_BYTES: usize = 60_000;
/// So many at once are more than one listener's queue holds.
const NOTES_AT_ONCE: usize = 300;

#[derive(Default)]
pub(crate) struct Script {
    peer: Option<bus::PeerId>,
    decoder: p1::Decoder,
    unread: Vec<u8>,
    ids: HashMap<String, u16>,
    /// The last count it heard on this connection.
    heard: Option<i64>,
    /// Doesn't read.
    pub(crate) stalled: bool,
}

impl Script {
    /// A self-test's defect: believes to have heard one more than it has.
    pub(crate) fn skip(&mut self) {
        self.heard = self.heard.map(|count| count + 1);
    }
}

impl World {
    pub(crate) fn script_starts(&mut self, n: usize) {
        let Some(board) = &mut self.board else { return self.at(STARTED_AGAIN, Event::Starts { script: n }) };
        self.scripts[n] = Script { peer: board.script_joins("('127.0.0.1', 5)").ok(), ..Script::default() };
        for name in [FREE[0], "Script_Note", "Plc_Set", "Plc_Level"] {
            self.script_says(n, p1::ID, 0, name.as_bytes());
        }
    }

    pub(crate) fn script_dies(&mut self, n: usize) {
        let script = std::mem::take(&mut self.scripts[n]);
        if let (Some(board), Some(peer)) = (&mut self.board, script.peer) {
            board.leaves(peer);
        }
        self.at(STARTED_AGAIN, Event::Starts { script: n });
    }

    fn script_says(&mut self, n: usize, command: u8, id: u16, body: &[u8]) {
        let (Some(board), Some(peer)) = (&mut self.board, self.scripts[n].peer) else { return };
        let mut bytes = Vec::new();
        p1::encode(&mut bytes, command, id, self.clock_us, body);
        let mut at = 0;
        while at < bytes.len() {
            let n = board.receive(peer, &bytes[at..]).expect("a script speaks its protocol");
            assert!(n > 0, "a whole message is taken");
            at += n;
        }
    }

    /// Script 0 counts, notes and sets; script 1 only listens.
    pub(crate) fn script_acts(&mut self) {
        let next = Duration::from_millis(self.rng.random_range(300..3000));
        self.at(next, Event::ScriptActs);
        let Some(&count) = self.scripts[0].ids.get(FREE[0]) else { return };
        self.clock_us = self.wall_us();
        let value = Value::Int(self.counted + 1);
        self.counted += 1;
        self.truth.ask(COUNT, self.now, self.counted as f64);
        let sample = Sample { at: Timestamp(self.clock_us), reading: Reading::Good(value.clone()) };
        self.ledger.publish(COUNT, &sample, true);
        self.script_says(0, p1::SET, count, &payload::to_bytes(&value));
        if self.rng.random_ratio(1, 6) {
            let tag = TAGS.iter().position(|tag| tag.name == "Plc_Set").expect("a tag of this site");
            let wanted = f64::from(self.rng.random_range(-20..480)) / 4.0;
            self.truth.ask(tag, self.now, wanted);
            let id = self.scripts[0].ids["Plc_Set"];
            self.script_says(0, p1::SET, id, &payload::to_bytes(&Value::Float(wanted)));
        }
    }

    /// More large values at once than a listener's queue holds.
    pub(crate) fn script_storms(&mut self) {
        let Some(&note) = self.scripts[0].ids.get("Script_Note") else { return };
        let text = payload::to_bytes(&Value::Text("x".repeat(NOTE_BYTES).into()));
        for _ in 0..NOTES_AT_ONCE {
            self.script_says(0, p1::SET, note, &text);
            self.scripts_hear();
        }
    }

    /// Scripts read what came. True if there was anything.
    pub(crate) fn scripts_hear(&mut self) -> bool {
        let mut heard = false;
        for n in 0..self.scripts.len() {
            let Some(board) = &mut self.board else { return heard };
            let script = &mut self.scripts[n];
            let Some(peer) = script.peer else { continue };
            let bytes = board.output(peer).to_vec();
            if bytes.is_empty() {
                continue;
            }
            if script.stalled {
                board.taken(peer, 0);
                continue;
            }
            heard = true;
            board.taken(peer, bytes.len());
            script.unread.extend_from_slice(&bytes);
            self.script_reads(n);
        }
        heard
    }

    fn script_reads(&mut self, n: usize) {
        let mut said = Vec::new();
        let script = &mut self.scripts[n];
        let mut at = 0;
        while let p1::Step::Took(taken, message) = script.decoder.next(&script.unread[at..]).expect("the bus speaks p1")
        {
            at += taken;
            if let Some(p1::Message { command, tag_id, body: p1::Body::Whole(body), .. }) = message {
                said.push((command, tag_id, body.to_vec()));
            }
        }
        script.unread.drain(..at);
        for (command, id, body) in said {
            match command {
                p1::ID => {
                    let name = String::from_utf8(body).expect("our own names");
                    if n == 1 && name == FREE[0] {
                        self.script_says(n, p1::SUB, id, b"");
                    }
                    self.scripts[n].ids.insert(name, id);
                }
                p1::SET if self.scripts[n].ids.get(FREE[0]) == Some(&id) => self.script_hears_count(n, &body),
                _ => {}
            }
        }
    }

    /// A subscriber of protocol 1 gets every SET, in order.
    fn script_hears_count(&mut self, n: usize, body: &[u8]) {
        let Ok(Some(Value::Int(count))) = payload::decode(body) else { return };
        let last = self.scripts[n].heard.replace(count);
        if last.is_some_and(|last| count != last + 1) {
            self.complain(format!("a script heard {count} after {last:?}, and every SET in order is its due"));
        }
    }
}
