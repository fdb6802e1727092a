//! Answers on their way out: cut in pieces that go only when nothing fresher waits.

use std::collections::{HashMap, VecDeque};

use tag::Value;
use wire::p2::{PIECE_BYTES_MAX, ToBus};
use wire::{VALUE_BYTES_MAX, payload};

/// Bytes of answers that may wait: two of the longest. A daemon that answers more is asked too much at once.
const WAITING_BYTES_MAX: usize = 2 * VALUE_BYTES_MAX;

/// Answers of an owner that wait.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    queue: VecDeque<Answer>,
    bytes: usize,
}

#[derive(Debug)]
struct Answer {
    request: u32,
    bytes: Vec<u8>,
    at: usize,
    last: bool,
}

impl Outgoing {
    /// Queues a value. One that is too large, or too much at once, becomes an empty end: the asker must not wait.
    pub(crate) fn push(&mut self, request: u32, value: &Value, last: bool) {
        let mut bytes = payload::to_bytes(value);
        let mut last = last;
        if bytes.len() > VALUE_BYTES_MAX || self.bytes + bytes.len() > WAITING_BYTES_MAX {
            log::warn!("an answer of {} bytes was not sent: it, or all of them together, are too large", bytes.len());
            (bytes, last) = (Vec::new(), true);
        }
        self.bytes += bytes.len();
        self.queue.push_back(Answer { request, bytes, at: 0, last });
    }

    /// Appends the next piece.
    pub(crate) fn next_piece(&mut self, out: &mut Vec<u8>) {
        let Some(answer) = self.queue.front_mut() else { return };
        let end = (answer.at + PIECE_BYTES_MAX).min(answer.bytes.len());
        let more = end < answer.bytes.len();
        let piece = &answer.bytes[answer.at..end];
        ToBus::Answer { request: answer.request, more, last: answer.last && !more, piece }.put(out);
        answer.at = end;
        if !more {
            let done = self.queue.pop_front().expect("just seen");
            self.bytes -= done.bytes.len();
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Pieces that arrive, put together.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    asks: HashMap<u32, Vec<u8>>,
    next: u32,
}

impl Incoming {
    pub(crate) fn open(&mut self) -> u32 {
        self.next = self.next.wrapping_add(1);
        self.asks.insert(self.next, Vec::new());
        self.next
    }

    /// Adds a piece. `Some` when a value is whole: its bytes, or `None` in it if it grew too large.
    pub(crate) fn piece(&mut self, seq: u32, more: bool, last: bool, piece: &[u8]) -> Option<Option<Vec<u8>>> {
        let bytes = self.asks.get_mut(&seq)?;
        if bytes.len() + piece.len() > VALUE_BYTES_MAX {
            self.asks.remove(&seq);
            return Some(None);
        }
        bytes.extend_from_slice(piece);
        if more {
            return None;
        }
        let whole = std::mem::take(bytes);
        if last {
            self.asks.remove(&seq);
        }
        Some(Some(whole))
    }

    pub(crate) fn close(&mut self, seq: u32) -> bool {
        self.asks.remove(&seq).is_some()
    }

    pub(crate) fn close_all(&mut self) -> Vec<u32> {
        self.asks.drain().map(|(seq, _)| seq).collect()
    }
}
