//! The blocks whose time has come, in the order in which they are polled.

use std::collections::VecDeque;

/// A queue that knows at once who is in it: a line may have hundreds of blocks, and this is asked with every answer.
#[derive(Debug)]
pub(super) struct Due {
    /// Each block at most once.
    queue: VecDeque<usize>,
    /// Per block: is it in the queue?
    waits: Vec<bool>,
}

impl Due {
    /// Nothing is due of so many blocks.
    pub(super) fn new(blocks: usize) -> Self {
        Self { queue: VecDeque::with_capacity(blocks), waits: vec![false; blocks] }
    }

    /// To the end of the queue, if it isn't in it.
    pub(super) fn push(&mut self, block: usize) {
        if !std::mem::replace(&mut self.waits[block], true) {
            self.queue.push_back(block);
        }
    }

    /// It was polled, or won't be.
    pub(super) fn remove(&mut self, block: usize) {
        if std::mem::replace(&mut self.waits[block], false) {
            // Who was asked is found near the front.
            let at = self.queue.iter().position(|waiting| *waiting == block);
            self.queue.remove(at.expect("what waits is in the queue"));
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let waits = &mut self.waits;
        self.queue.retain(|block| {
            waits[*block] = keep(*block);
            waits[*block]
        });
    }

    pub(super) fn clear(&mut self) {
        self.retain(|_| false);
    }

    pub(super) fn contains(&self, block: usize) -> bool {
        self.waits[block]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The block at a place of the queue.
    pub(super) fn at(&self, place: usize) -> usize {
        self.queue[place]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.queue.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(due: &Due) -> Vec<usize> {
        due.iter().collect()
    }

    #[test]
    fn each_block_waits_once_in_its_turn() {
        let mut due = Due::new(5);
        [3, 1, 3, 4, 1].into_iter().for_each(|block| due.push(block));
        assert_eq!(all(&due), [3, 1, 4]);
        due.remove(1);
        due.remove(1);
        assert_eq!((all(&due), due.contains(1), due.contains(4)), (vec![3, 4], false, true));
        due.push(1);
        assert_eq!((all(&due), due.len(), due.at(2)), (vec![3, 4, 1], 3, 1));
    }

    #[test]
    fn who_was_sent_away_may_come_again() {
        let mut due = Due::new(4);
        (0..4).for_each(|block| due.push(block));
        due.retain(|block| block % 2 == 1);
        assert_eq!(all(&due), [1, 3]);
        due.push(0);
        assert_eq!(all(&due), [1, 3, 0]);
        due.clear();
        assert!(due.is_empty() && !due.contains(3));
        due.push(3);
        assert_eq!(all(&due), [3]);
    }
}
