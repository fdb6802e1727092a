//! Tags that a peer is to hear of.

use std::collections::VecDeque;

use crate::limits::FILL_BYTES;
use crate::table::Table;

/// Tags in order of first mention, each at most once: never longer than the list of tags.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    order: VecDeque<u16>,
    bits: Vec<u64>,
}

impl Marks {
    pub(crate) fn has(&self, id: u16) -> bool {
        let (word, bit) = (usize::from(id) / 64, id % 64);
        self.bits.get(word).is_some_and(|bits| bits >> bit & 1 == 1)
    }

    pub(crate) fn mark(&mut self, id: u16) {
        let (word, bit) = (usize::from(id) / 64, id % 64);
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        if self.bits[word] >> bit & 1 == 0 {
            self.bits[word] |= 1 << bit;
            self.order.push_back(id);
        }
    }

    pub(crate) fn unmark(&mut self, id: u16) {
        if self.has(id) {
            self.bits[usize::from(id) / 64] &= !(1 << (id % 64));
            self.order.retain(|other| *other != id);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<u16> {
        let id = self.order.pop_front()?;
        self.bits[usize::from(id) / 64] &= !(1 << (id % 64));
        Some(id)
    }

    /// Whether the next one's reading needs a frame of its own.
    pub(crate) fn next_is_long(&self, table: &Table) -> bool {
        let tag = self.order.front().and_then(|id| table.get(*id));
        tag.is_some_and(|tag| tag.payload.len() > FILL_BYTES)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
