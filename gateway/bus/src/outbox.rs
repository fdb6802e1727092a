//! What waits for a peer.

use std::collections::VecDeque;
use std::time::Instant;

use wire::p2::{self, Record};

use crate::limits::{CONTROL_BYTES_MAX, EVERY_BYTES_MAX, EVERY_DEPTH, FILL_BYTES, PIECES_BYTES_MAX};
use crate::marks::Marks;
use crate::small::Payload;
use crate::table::Table;

/// Bytes laid out for a peer's socket, in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    head: usize,
    /// Since when something waits and nothing was taken.
    pub(crate) stalled_since: Option<Instant>,
    /// In the list of peers the session must look at.
    pub(crate) touched: bool,
}

/// A box this size is given back when it has been emptied.
const KEEP_BYTES: usize = 4 * FILL_BYTES;

/// What an emptied queue keeps: a quiet moment's worth. A module that opens ten thousand tags does so once.
const CONTROL_KEPT_BYTES: usize = 4 << 10;
/// The same for readings, which come by the poll.
const EVERY_KEPT: usize = 256;

impl Outbox {
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.len() - self.head
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    /// Where more may be appended.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        // What was taken is cut off only when it is the larger part: each byte is moved at most once.
        if self.head > FILL_BYTES && self.head > self.bytes.len() / 2 {
            self.bytes.drain(..self.head);
            self.head = 0;
        }
        &mut self.bytes
    }

    /// The socket took `n` bytes.
    pub(crate) fn taken(&mut self, n: usize, now: Instant) {
        self.head += n;
        if self.head == self.bytes.len() {
            self.head = 0;
            if self.bytes.capacity() > KEEP_BYTES {
                self.bytes = Vec::new();
            } else {
                self.bytes.clear();
            }
            self.stalled_since = None;
        } else if n > 0 || self.stalled_since.is_none() {
            self.stalled_since = Some(now);
        }
    }
}

/// What waits for a module before it is laid out: control frames first, then every reading, the latest readings, the
/// outcomes of writes and questions (behind the readings they come after), and pieces of answers only when nothing else waits.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    control: Vec<u8>,
    outcomes: Vec<u8>,
    every: VecDeque<Kept>,
    every_bytes: usize,
    lost: Marks,
    latest: Marks,
    pieces: VecDeque<Vec<u8>>,
    pieces_bytes: usize,
}

/// A reading as it was when it was published.
#[derive(Debug)]
struct Kept {
    id: u16,
    time_us: u64,
    quality: (u8, u8),
    payload: Payload,
}

/// The module doesn't take what it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overflow;

impl Lanes {
    /// Frames that may not be lost: a module past the bound is closed.
    pub(crate) fn control(&mut self) -> Result<&mut Vec<u8>, Overflow> {
        if self.control.len() > CONTROL_BYTES_MAX { Err(Overflow) } else { Ok(&mut self.control) }
    }

    /// Frames that come behind all readings published before them; they may not be lost either.
    pub(crate) fn outcomes(&mut self) -> Result<&mut Vec<u8>, Overflow> {
        if self.outcomes.len() > CONTROL_BYTES_MAX { Err(Overflow) } else { Ok(&mut self.outcomes) }
    }

    pub(crate) fn latest(&mut self, id: u16) {
        self.latest.mark(id);
    }

    /// Keeps a reading; past the bound the tag is marked as having lost some.
    pub(crate) fn every(&mut self, record: &Record<'_>) {
        let cost = size_of::<Kept>() + record.payload.len();
        if self.every.len() >= EVERY_DEPTH || self.every_bytes + cost > EVERY_BYTES_MAX || self.lost.has(record.id) {
            self.lost.mark(record.id);
            return;
        }
        self.every_bytes += cost;
        let (quality, payload) = ((record.quality, record.detail), Payload::from(record.payload));
        self.every.push_back(Kept { id: record.id, time_us: record.time_us, quality, payload });
    }

    pub(crate) fn forget(&mut self, id: u16) {
        self.latest.unmark(id);
        self.lost.unmark(id);
        self.every.retain(|kept| kept.id != id);
        self.every_bytes = self.every.iter().map(|kept| size_of::<Kept>() + kept.payload.len()).sum();
    }

    /// A whole frame with a piece of an answer.
    pub(crate) fn piece(&mut self, frame: Vec<u8>) -> Result<(), Overflow> {
        if self.pieces_bytes + frame.len() > PIECES_BYTES_MAX {
            return Err(Overflow);
        }
        self.pieces_bytes += frame.len();
        self.pieces.push_back(frame);
        Ok(())
    }

    /// Lays out what comes next, until about [`FILL_BYTES`] wait in `out`.
    pub(crate) fn fill(&mut self, out: &mut Outbox, table: &Table) {
        if out.waiting() >= FILL_BYTES {
            return;
        }
        if !self.control.is_empty() {
            out.tail().append(&mut self.control);
            self.control.shrink_to(CONTROL_KEPT_BYTES);
        }
        let room = FILL_BYTES.saturating_sub(out.waiting());
        if room > 0 && self.has_readings() {
            self.fill_readings(out.tail(), room, table);
        }
        if !self.has_readings() && !self.outcomes.is_empty() {
            out.tail().append(&mut self.outcomes);
        }
        if out.waiting() == 0 {
            if let Some(frame) = self.pieces.pop_front() {
                self.pieces_bytes -= frame.len();
                out.tail().extend_from_slice(&frame);
            }
        }
    }

    fn fill_readings(&mut self, out: &mut Vec<u8>, room: usize, table: &Table) {
        let batch = p2::begin_readings(out, false);
        while batch.len(out) < room {
            // A long value gets a frame of its own, or the frame would be longer than any may be.
            let long = |kept: &Kept| kept.payload.len() > FILL_BYTES;
            if batch.len(out) > 0 && self.every.front().is_some_and(long) {
                return batch.close(out);
            }
            let Some(kept) = self.every.pop_front() else { break };
            self.every_bytes -= size_of::<Kept>() + kept.payload.len();
            let (quality, detail) = kept.quality;
            Record { id: kept.id, time_us: kept.time_us, quality, detail, payload: kept.payload.as_slice() }.put(out);
        }
        if self.every.is_empty() {
            self.every.shrink_to(EVERY_KEPT);
        }
        // Only behind what was kept: the gap lies after it, and the present reading after the gap.
        while self.every.is_empty() && batch.len(out) < room {
            if batch.len(out) > 0 && self.lost.next_is_long(table) {
                return batch.close(out);
            }
            let Some(id) = self.lost.pop() else { break };
            let Some(tag) = table.get(id) else { continue };
            Record { id, time_us: tag.time_us, quality: p2::GAP, detail: 0, payload: &[] }.put(out);
            tag.record(id).put(out);
        }
        while batch.len(out) < room {
            if batch.len(out) > 0 && self.latest.next_is_long(table) {
                return batch.close(out);
            }
            let Some(id) = self.latest.pop() else { break };
            let Some(tag) = table.get(id) else { continue };
            tag.record(id).put(out);
        }
        batch.close(out);
    }

    fn has_readings(&self) -> bool {
        !(self.every.is_empty() && self.lost.is_empty() && self.latest.is_empty())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.outcomes.is_empty() && !self.has_readings() && self.pieces.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(out: &Outbox) -> Vec<(u16, u8, u64)> {
        let (mut input, mut all) = (out.as_slice(), Vec::new());
        while let Some(frame) = p2::split(input).unwrap() {
            if let p2::FromBus::Readings(batch) = p2::FromBus::parse(frame.kind, frame.fields).unwrap() {
                all.extend(batch.map(|r| r.map(|r| (r.id, r.quality, r.time_us)).unwrap()));
            }
            input = &input[frame.bytes..];
        }
        all
    }

    #[test]
    fn a_slow_every_listener_gets_a_gap_and_then_the_present_reading() {
        let mut table = Table::default();
        let id = table.find_or_make(b"level").unwrap();
        let mut lanes = Lanes::default();
        for time in 0..EVERY_DEPTH as u64 + 5 {
            let tag = table.store(id, time, b"\x01\0\0\0\0\0\0\0\x07").unwrap();
            lanes.every(&tag.record(id));
        }
        let (mut seen, mut out) = (Vec::new(), Outbox::default());
        while !lanes.is_empty() {
            lanes.fill(&mut out, &table);
            seen.extend(records(&out));
            let n = out.waiting();
            out.taken(n, shell::Clock::mono(&shell::SystemClock));
        }
        assert_eq!(seen.len(), EVERY_DEPTH + 2);
        assert_eq!(seen[EVERY_DEPTH].1, p2::GAP);
        assert_eq!(seen[EVERY_DEPTH + 1].2, EVERY_DEPTH as u64 + 4, "the present reading, not an old one");
    }

    #[test]
    fn latest_conflates_to_one_reading_a_tag() {
        let mut table = Table::default();
        let ids: Vec<u16> = (0..3).map(|i| table.find_or_make(&[b'a' + i]).unwrap()).collect();
        let (mut lanes, mut out) = (Lanes::default(), Outbox::default());
        for time in 1..1000 {
            for id in &ids {
                table.store(*id, time, b"\x03x").unwrap();
                lanes.latest(*id);
            }
        }
        lanes.fill(&mut out, &table);
        assert_eq!(records(&out), ids.iter().map(|id| (*id, 0, 999)).collect::<Vec<_>>());
    }
}
