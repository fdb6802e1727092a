//! What waits to be written: collected, handed over once a tick, bounded.

use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, VecDeque};

use tag::Timestamp;

use crate::entry::{Batch, Cause, Entry, Point, Whom};
use crate::text::TEXT_BYTES_MAX;

/// One transaction's worth. More at once would make the store hold its write lock, and a query's fresh pages, too long.
pub(crate) const BATCH_MAX: usize = 4096;

/// What may wait while the disk stalls: each of 10,000 tags six times, which is what an SD card's worst pauses (a few
/// seconds) cost at one change per second. 2 MB.
pub(crate) const PENDING_MAX: usize = 65_536;

/// The same for texts: one transaction's worth of bytes.
pub(crate) const BATCH_TEXT_BYTES_MAX: usize = 512 << 10;

/// And how many bytes of them may wait: as much memory as the numbers, twice.
pub(crate) const PENDING_TEXT_BYTES_MAX: usize = 4 << 20;

/// Entries on their way to the store. Past [`PENDING_MAX`] (or [`PENDING_TEXT_BYTES_MAX`]) it keeps, per tag, only that some were lost, since when, and the last
/// one: a slow disk costs detail, never the truth.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    pending: VecDeque<Entry>,
    /// Bytes of texts among them.
    text_bytes: usize,
    lost: BTreeMap<Whom, Lost>,
}

#[derive(Debug)]
struct Lost {
    /// A gap.
    first: Entry,
    last: Entry,
}

impl Collector {
    /// Takes an entry; `false` if there is no room and detail is being lost.
    pub(crate) fn push(&mut self, entry: Entry) -> bool {
        // Once detail of a tag is lost, everything of it goes the same way, so that its order stays right.
        if self.has_room(1, entry.point.text_bytes()) && !self.lost.contains_key(&entry.whom) {
            self.append(entry);
            return true;
        }
        match self.lost.entry(entry.whom) {
            Place::Vacant(place) => {
                let first = Entry { point: Point::Gap(Cause::NotRecorded), ..entry };
                place.insert(Lost { first, last: entry });
            }
            Place::Occupied(mut lost) => {
                let lost = lost.get_mut();
                lost.first.at = lost.first.at.min(entry.at);
                lost.last = entry;
            }
        }
        false
    }

    fn has_room(&self, count: usize, text_bytes: usize) -> bool {
        self.pending.len() + count <= PENDING_MAX && self.text_bytes + text_bytes <= PENDING_TEXT_BYTES_MAX
    }

    fn append(&mut self, entry: Entry) {
        self.text_bytes += entry.point.text_bytes();
        self.pending.push_back(entry);
    }

    /// The next batch to hand over.
    pub(crate) fn next(&mut self) -> Option<Batch> {
        while self.has_room(2, TEXT_BYTES_MAX) {
            let Some((_, lost)) = self.lost.pop_first() else { break };
            self.append(lost.first);
            self.append(lost.last);
        }
        let (mut count, mut text_bytes) = (0, 0);
        while let Some(entry) = self.pending.get(count).filter(|_| count < BATCH_MAX) {
            let more = entry.point.text_bytes();
            if count > 0 && text_bytes + more > BATCH_TEXT_BYTES_MAX {
                break;
            }
            (count, text_bytes) = (count + 1, text_bytes + more);
        }
        self.text_bytes -= text_bytes;
        (count > 0).then(|| Batch { entries: self.pending.drain(..count).collect() })
    }

    /// The store couldn't take it: it comes first next time.
    pub(crate) fn give_back(&mut self, batch: Batch) {
        for entry in batch.entries.into_iter().rev() {
            self.text_bytes += entry.point.text_bytes();
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
        self.pending.len() >= BATCH_MAX || self.text_bytes >= BATCH_TEXT_BYTES_MAX
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
    use crate::text::Text;

    fn value(tag: u32, at: u64) -> Entry {
        Entry { whom: Whom::Tag(TagNo(tag)), at: Timestamp(at), point: Point::Value(Number::Int(at as i64)) }
    }

    fn drain(collector: &mut Collector) -> Vec<Entry> {
        std::iter::from_fn(|| collector.next()).flat_map(|batch| batch.entries).collect()
    }

    fn text(tag: u32, at: u64, length: usize) -> Entry {
        let text = Text::of(&tag::Value::from("x".repeat(length).as_str())).unwrap();
        Entry { point: Point::Text(text), ..value(tag, at) }
    }

    #[test]
    fn texts_are_handed_over_in_batches_of_bounded_bytes_and_no_more_than_some_wait() {
        let mut collector = Collector::default();
        let fit = PENDING_TEXT_BYTES_MAX / TEXT_BYTES_MAX;
        for at in 0..fit as u64 {
            assert!(collector.push(text(1, at, TEXT_BYTES_MAX)));
        }
        assert!(collector.is_full());
        assert!(collector.push(value(2, 5)), "a number has room");
        assert!(!collector.push(text(3, 7, 1)) && !collector.push(text(3, 8, TEXT_BYTES_MAX)));
        let first = collector.next().unwrap();
        assert_eq!(first.entries.len(), BATCH_TEXT_BYTES_MAX / TEXT_BYTES_MAX);
        collector.give_back(first);
        let all = drain(&mut collector);
        let gap = Entry { point: Point::Gap(Cause::NotRecorded), ..value(3, 7) };
        let last = [value(2, 5), gap, text(3, 8, TEXT_BYTES_MAX)];
        assert_eq!((all.len(), collector.text_bytes), (fit + 3, 0));
        assert_eq!(all[fit..], last, "the first that was lost, and the last one");
    }

    #[test]
    fn hands_over_in_order_and_in_bounded_batches() {
        let mut collector = Collector::default();
        let all: Vec<_> = (0..10_000).map(|at| value(1, at)).collect();
        assert!(all.iter().all(|entry| collector.push(entry.clone())));
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
                Entry { point: gap.clone(), ..value(1, past) },
                value(1, past + 99_999),
                Entry { point: gap, ..value(2, past) },
                value(2, past + 99_999),
            ]
        );
    }
}
