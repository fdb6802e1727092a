//! What waits to be written: collected, handed over once a tick, bounded.

use std::collections::{BTreeMap, VecDeque};

use tag::Timestamp;

use crate::entry::{Batch, Cause, Entry, Point, Whom};

/// One transaction's worth. More at once would make the store hold its write lock, and a query's fresh pages, too long.
pub(crate) const BATCH_MAX: usize = 4096;

/// What may wait while the disk stalls: each of 10,000 tags six times, which is what an SD card's worst pauses (a few
/// seconds) cost at one change per second. 2 MB.
pub(crate) const PENDING_MAX: usize = 65_536;

/// Entries on their way to the store. Past [`PENDING_MAX`] it keeps, per tag, only that some were lost, since when, and the last
/// one: a slow disk costs detail, never the truth.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    pending: VecDeque<Entry>,
    lost: BTreeMap<Whom, Lost>,
}

#[derive(Debug)]
struct Lost {
    first: Entry,
    last: Entry,
}

impl Collector {
    /// Takes an entry; `false` if there is no room and detail is being lost.
    pub(crate) fn push(&mut self, entry: Entry) -> bool {
        // Once detail of a tag is lost, everything of it goes the same way, so that its order stays right.
        if self.pending.len() < PENDING_MAX && !self.lost.contains_key(&entry.whom) {
            self.pending.push_back(entry);
            return true;
        }
        let lost = self.lost.entry(entry.whom).or_insert(Lost { first: entry, last: entry });
        lost.first.at = lost.first.at.min(entry.at);
        lost.last = entry;
        false
    }

    /// The next batch to hand over.
    pub(crate) fn next(&mut self) -> Option<Batch> {
        while self.pending.len() + 2 <= PENDING_MAX {
            let Some((_, lost)) = self.lost.pop_first() else { break };
            self.pending.push_back(Entry { point: Point::Gap(Cause::NotRecorded), ..lost.first });
            self.pending.push_back(lost.last);
        }
        let count = self.pending.len().min(BATCH_MAX);
        (count > 0).then(|| Batch { entries: self.pending.drain(..count).collect() })
    }

    /// The store couldn't take it: it comes first next time.
    pub(crate) fn give_back(&mut self, batch: Batch) {
        for entry in batch.entries.into_iter().rev() {
            self.pending.push_front(entry);
        }
    }

    /// Times are kept elsewhere now.
    pub(crate) fn restamp(&mut self, place: &dyn Fn(Whom, Timestamp) -> Timestamp) {
        let lost = self.lost.values_mut().flat_map(|lost| [&mut lost.first, &mut lost.last]);
        self.pending.iter_mut().chain(lost).for_each(|entry| entry.at = place(entry.whom, entry.at));
    }

    /// Is there enough for a transaction, so that waiting for the tick gains nothing?
    pub(crate) fn is_full(&self) -> bool {
        self.pending.len() >= BATCH_MAX
    }

    /// How much waits.
    pub(crate) fn len(&self) -> usize {
        self.pending.len() + self.lost.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Number, TagNo};

    fn value(tag: u32, at: u64) -> Entry {
        Entry { whom: Whom::Tag(TagNo(tag)), at: Timestamp(at), point: Point::Value(Number::Int(at as i64)) }
    }

    fn drain(collector: &mut Collector) -> Vec<Entry> {
        std::iter::from_fn(|| collector.next()).flat_map(|batch| batch.entries).collect()
    }

    #[test]
    fn hands_over_in_order_and_in_bounded_batches() {
        let mut collector = Collector::default();
        let all: Vec<_> = (0..10_000).map(|at| value(1, at)).collect();
        assert!(all.iter().all(|entry| collector.push(*entry)));
        assert!(collector.is_full());
        let first = collector.next().unwrap();
        assert_eq!(first.entries.len(), BATCH_MAX);
        collector.give_back(first);
        assert_eq!(drain(&mut collector), all, "what was given back comes first again");
        assert_eq!(collector.len(), 0);
    }

    #[test]
    fn a_store_that_stands_still_costs_detail_and_leaves_a_gap_and_the_last_value() {
        let mut collector = Collector::default();
        for at in 0..PENDING_MAX as u64 {
            assert!(collector.push(value(1, at)));
        }
        let past = PENDING_MAX as u64;
        for at in past..past + 100_000 {
            assert!(!collector.push(value(1, at)));
            assert!(!collector.push(value(2, at)));
        }
        assert_eq!(collector.len(), PENDING_MAX + 2, "bounded however long it lasts");
        let all = drain(&mut collector);
        let gap = Point::Gap(Cause::NotRecorded);
        assert_eq!(
            all[PENDING_MAX..],
            [
                Entry { point: gap, ..value(1, past) },
                value(1, past + 99_999),
                Entry { point: gap, ..value(2, past) },
                value(2, past + 99_999),
            ]
        );
    }
}
