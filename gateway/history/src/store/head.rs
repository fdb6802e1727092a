//! What isn't in chunks yet: the log's records in memory, tag by tag, and which lines of the log are still needed.
//!
//! Writer and reader share it behind a lock that is held for copies only, never over the disk.

use std::collections::BTreeMap;

use tag::Timestamp;

use super::eras::Era;
use crate::entry::TIME_END;
use crate::format::Record;
use crate::format::chunk::CHUNK_MAX;
use crate::format::log::Line;
use crate::format::texts::CHUNK_TEXT_BYTES_MAX;

/// The most records that wait for a chunk, over all tags: 6 MB of memory. Past it the longest waiting lists become
/// chunks before they are full.
const WAITING_MAX: usize = 262_144;

/// Down to this many, so that the next flush isn't the same again.
const WAITING_LOW: usize = WAITING_MAX * 3 / 4;

/// The same for bytes of texts.
const WAITING_TEXT_BYTES_MAX: usize = 4 << 20;
const WAITING_TEXT_BYTES_LOW: usize = WAITING_TEXT_BYTES_MAX * 3 / 4;

/// A log no larger than this is left as it is; past it, lines that are mostly in chunks by now are folded together.
const FOLD_FROM_BYTES: usize = 256 << 10;

/// What waits.
#[derive(Debug, Default)]
pub(crate) struct Head {
    /// The newest chunk of the state this belongs to; a reader whose snapshot has another looks again.
    pub(super) newest_chunk: i64,
    /// By tag: its records, in the order they came.
    waiting: BTreeMap<i64, Waiting>,
    /// By number: the log's lines.
    lines: BTreeMap<i64, Held>,
    /// How much waits.
    size: Size,
    /// Taken from the recorder, not durable yet.
    pub(super) pending: Vec<(i64, Record)>,
    /// What is kept by the machine's uptime.
    pub(super) eras: Vec<Era>,
}

/// So many records, with so many bytes of texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    count: usize,
    text_bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    records: Vec<Record>,
    size: Size,
    /// Which line each of them is in: so many of that line, in order.
    runs: Vec<(i64, usize)>,
}

/// A line of the log.
#[derive(Debug, Clone, Copy)]
struct Held {
    bytes: usize,
    all: usize,
    needed: usize,
}

/// What a flush does beside writing its line.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// Tags whose records become chunks, with all of them, the flush's own included.
    pub(super) seal: BTreeMap<i64, Vec<Record>>,
    /// Lines nobody needs afterwards.
    pub(super) dead: Vec<i64>,
}

/// Lines to be folded into one, which takes the place of the last of them.
#[derive(Debug, PartialEq)]
pub(super) struct Fold {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) line: Line,
}

impl Head {
    /// What a flush of this line should do.
    pub(super) fn plan(&self, line: &Line) -> Plan {
        let waits = |tag: &i64| self.waiting.get(tag).map_or(Size::default(), |waiting| waiting.size);
        let mut sizes: BTreeMap<i64, Size> =
            line.iter().map(|(tag, new)| (*tag, waits(tag).with(Size::of(new)))).collect();
        let mut total = line.values().fold(self.size, |total, new| total.with(Size::of(new)));
        let is_whole = |size: &Size| size.count >= CHUNK_MAX || size.text_bytes >= CHUNK_TEXT_BYTES_MAX;
        let mut seal: Vec<i64> = sizes.iter().filter(|(_, size)| is_whole(size)).map(|(tag, _)| *tag).collect();
        seal.iter().for_each(|tag| total = total.without(sizes[tag]));
        let bounds: [(Part, usize, usize); 2] = [
            (|size| size.count, WAITING_MAX, WAITING_LOW),
            (|size| size.text_bytes, WAITING_TEXT_BYTES_MAX, WAITING_TEXT_BYTES_LOW),
        ];
        for (part, most, low) in bounds {
            if part(&total) <= most {
                continue;
            }
            for (tag, waiting) in &self.waiting {
                sizes.entry(*tag).or_insert(waiting.size);
            }
            let mut rest: Vec<_> = sizes.iter().filter(|(tag, _)| !seal.contains(tag)).collect();
            rest.sort_unstable_by_key(|(_, size)| std::cmp::Reverse(part(size)));
            for (tag, size) in rest {
                if part(&total) <= low {
                    break;
                }
                total = total.without(*size);
                seal.push(*tag);
            }
        }
        let with_new = |tag: i64| {
            let mut records = self.waiting.get(&tag).map_or_else(Vec::new, |waiting| waiting.records.clone());
            records.extend(line.get(&tag).into_iter().flatten().cloned());
            (tag, records)
        };
        let dead = self.dead_without(&seal);
        Plan { seal: seal.into_iter().map(with_new).collect(), dead }
    }

    /// Everything that waits becomes chunks.
    pub(super) fn plan_all(&self) -> Plan {
        let seal = self.waiting.iter().map(|(tag, waiting)| (*tag, waiting.records.clone())).collect();
        Plan { seal, dead: self.lines.keys().copied().collect() }
    }

    /// A line became durable.
    pub(super) fn add(&mut self, seq: i64, bytes: usize, line: Line) {
        let all = line.values().map(Vec::len).sum();
        self.lines.insert(seq, Held { bytes, all, needed: all });
        for (tag, records) in line {
            let waiting = self.waiting.entry(tag).or_default();
            let size = Size::of(&records);
            (self.size, waiting.size) = (self.size.with(size), waiting.size.with(size));
            waiting.runs.push((seq, records.len()));
            waiting.records.extend(records);
        }
    }

    /// These tags' records are in chunks, and these lines are gone.
    pub(super) fn sealed(&mut self, tags: impl IntoIterator<Item = i64>, dead: &[i64]) {
        for tag in tags {
            let Some(waiting) = self.waiting.remove(&tag) else { continue };
            self.size = self.size.without(waiting.size);
            for (seq, count) in waiting.runs {
                if let Some(held) = self.lines.get_mut(&seq) {
                    held.needed -= count;
                }
            }
        }
        for seq in dead {
            self.lines.remove(seq);
        }
    }

    /// Lines worth folding: the older half, when most of the log is in chunks already.
    pub(super) fn fold(&self) -> Option<Fold> {
        let (bytes, needed) = self.lines.values().fold((0, 0), |(bytes, needed), held| {
            (bytes + held.bytes, needed + held.bytes * held.needed / held.all.max(1))
        });
        if bytes < FOLD_FROM_BYTES || needed * 2 > bytes || self.lines.len() < 4 {
            return None;
        }
        let first = *self.lines.keys().next()?;
        let last = *self.lines.keys().nth(self.lines.len() / 2)?;
        let mut line = Line::new();
        for (tag, waiting) in &self.waiting {
            let count: usize = waiting.runs.iter().take_while(|(seq, _)| *seq <= last).map(|(_, count)| count).sum();
            if count > 0 {
                line.insert(*tag, waiting.records[..count].to_vec());
            }
        }
        Some(Fold { first, last, line })
    }

    /// The fold is durable.
    pub(super) fn folded(&mut self, fold: Fold, bytes: usize) {
        let Fold { first, last, line } = fold;
        self.lines.retain(|seq, _| *seq < first || *seq > last);
        let all = line.values().map(Vec::len).sum();
        if all > 0 {
            self.lines.insert(last, Held { bytes, all, needed: all });
        }
        for (tag, records) in &line {
            let Some(waiting) = self.waiting.get_mut(tag) else { continue };
            waiting.runs.retain(|(seq, _)| *seq > last);
            waiting.runs.insert(0, (last, records.len()));
        }
    }

    /// A tag's records that are in no chunk, durable or not, in order of time, each time once.
    pub(super) fn fresh(&self, tag: i64) -> Vec<Record> {
        let mut records = self.waiting.get(&tag).map_or_else(Vec::new, |waiting| waiting.records.clone());
        records.extend(self.pending.iter().filter(|(of, _)| *of == tag).map(|(_, record)| record.clone()));
        in_order(records)
    }

    /// The newest durable time of any tag that isn't past `now`.
    pub(super) fn newest(&self, now: Timestamp) -> Option<Timestamp> {
        let times = self.waiting.values().flat_map(|waiting| &waiting.records).map(|record| record.at);
        times.filter(|at| *at <= now).max()
    }

    /// The oldest and the newest time of what waits, pending or not.
    pub(super) fn extent(&self) -> Option<(Timestamp, Timestamp)> {
        self.extent_within(Timestamp(0), TIME_END)
    }

    /// The same between two times.
    pub(super) fn extent_within(&self, from: Timestamp, to: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let waiting = self.waiting.iter().filter(|(tag, _)| **tag != 0).flat_map(|(_, waiting)| &waiting.records);
        let pending = self.pending.iter().filter(|(tag, _)| *tag != 0).map(|(_, record)| record);
        let times = waiting.chain(pending).map(|record| record.at).filter(|at| from <= *at && *at < to);
        times.fold(None, |extent, at| match extent {
            None => Some((at, at)),
            Some((oldest, newest)) => Some((at.min(oldest), at.max(newest))),
        })
    }

    fn dead_without(&self, sealed: &[i64]) -> Vec<i64> {
        let mut gone: BTreeMap<i64, usize> = BTreeMap::new();
        for (seq, count) in sealed.iter().filter_map(|tag| self.waiting.get(tag)).flat_map(|waiting| &waiting.runs) {
            *gone.entry(*seq).or_default() += count;
        }
        let is_dead = |seq: &i64, held: &Held| held.needed == gone.get(seq).copied().unwrap_or(0);
        self.lines.iter().filter(|(seq, held)| is_dead(seq, held)).map(|(seq, _)| *seq).collect()
    }
}

/// The count or the bytes.
type Part = fn(&Size) -> usize;

impl Size {
    fn of(records: &[Record]) -> Self {
        Self { count: records.len(), text_bytes: records.iter().map(|record| record.point.text_bytes()).sum() }
    }

    fn with(self, more: Self) -> Self {
        Self { count: self.count + more.count, text_bytes: self.text_bytes + more.text_bytes }
    }

    fn without(self, less: Self) -> Self {
        Self { count: self.count - less.count, text_bytes: self.text_bytes - less.text_bytes }
    }
}

/// Records in order of time; of several with one time the last that came.
pub(crate) fn in_order(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by_key(|record| record.at);
    // `dedup` keeps the first of equals: turned round, that is the last.
    records.reverse();
    records.dedup_by_key(|record| record.at);
    records.reverse();
    records
}

/// Two rows of records in order as one; at the same time the newer word counts.
pub(crate) fn overlay(old: Vec<Record>, new: &[Record]) -> Vec<Record> {
    let mut all = old;
    all.extend_from_slice(new);
    in_order(all)
}
