//! From the bus's events to batches: one filter per tag, one collector, and the counts.

use std::time::{Duration, Instant};

use tag::{Fault, Sample, TagDef, Timestamp};

use crate::batch::Collector;
use crate::entry::{Batch, Cause, Entry, Point, TIME_END, TagNo, Whom};
use crate::era::Restamp;
use crate::filter::{Filter, Kept, Refusal};
use crate::pacer::Pacer;
use crate::text::TEXT_BYTES_MAX;

/// A source that sends rubbish is said once, then at most this often.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// What became of the samples since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples seen.
    pub seen: u64,
    /// Records kept, gaps included.
    pub kept: u64,
    /// Gaps among them.
    pub gaps: u64,
    /// Samples with a time past 2100.
    pub refused_times: u64,
    /// Samples of tags of numbers whose value is no finite number, and infinities and the like of others.
    pub refused_values: u64,
    /// Texts longer than [`crate::TEXT_BYTES_MAX`].
    pub refused_texts: u64,
    /// Records not kept because the store was behind.
    pub lost: u64,
}

/// Judges and collects.
#[derive(Debug)]
pub struct Recorder {
    filters: Vec<Filter>,
    collector: Collector,
    pacer: Pacer,
    /// Tags that are kept again when nothing changed for so long.
    beats: Vec<(TagNo, Duration)>,
    /// Every tag has a gap, and one record says so.
    all_lost: bool,
    counts: Counts,
    said: Counts,
    said_at: Option<Instant>,
}

impl Recorder {
    /// Nothing is known of any tag since `started`.
    pub fn new(tags: &[TagDef], started: Timestamp) -> Self {
        Self {
            filters: tags.iter().map(|def| Filter::new(def, started)).collect(),
            collector: Collector::default(),
            pacer: Pacer::new(tags.iter().map(|def| def.multi.is_some())),
            beats: (0..).map(TagNo).zip(tags).filter_map(|(no, def)| Some((no, def.heartbeat?))).collect(),
            all_lost: false,
            counts: Counts::default(),
            said: Counts::default(),
            said_at: None,
        }
    }

    /// A watched tag.
    pub fn on_sample(&mut self, now: Timestamp, tag: TagNo, sample: &Sample) {
        if sample.at >= TIME_END && sample.reading.good().is_some() {
            self.refuse_time();
        } else {
            self.on_placed(now, tag, sample);
        }
    }

    /// A watched tag's sample has a time that can't be kept.
    pub(crate) fn refuse_time(&mut self) {
        self.counts.seen += 1;
        self.counts.refused_times += 1;
    }

    /// A watched tag's sample, with the time it is kept under.
    pub(crate) fn on_placed(&mut self, now: Timestamp, tag: TagNo, sample: &Sample) {
        self.counts.seen += 1;
        self.all_lost &= sample.reading.good().is_none();
        match self.filters[tag.0 as usize].on_sample(now, sample) {
            Ok(kept) => self.keep(tag, kept),
            Err(Refusal::Value(cause, kept)) => {
                let is_long = cause == Cause::TooLong;
                let count = if is_long { &mut self.counts.refused_texts } else { &mut self.counts.refused_values };
                *count += 1;
                self.keep(tag, kept);
            }
            Err(Refusal::Time) => self.counts.refused_times += 1,
        }
    }

    /// The bus dropped samples of a tag before they reached us.
    pub fn on_gap(&mut self, now: Timestamp, tag: TagNo) {
        let gap = self.filters[tag.0 as usize].on_lost(now);
        self.keep(tag, [gap, None]);
    }

    /// The bus is lost, so every tag is: one record for all. False if that was known already.
    pub fn on_bus_lost(&mut self, now: Timestamp) -> bool {
        let news = !self.all_lost;
        self.gap_for_all(now, Cause::Fault(Fault::OwnerGone));
        news
    }

    /// We stop listening.
    pub fn on_stop(&mut self, now: Timestamp) {
        self.gap_for_all(now, Cause::NotRecorded);
    }

    /// The store begins anew: says again what is known of every tag.
    pub fn restate(&mut self, now: Timestamp) {
        for no in 0..self.filters.len() {
            if let Some((at, point)) = self.filters[no].present(now) {
                self.push(Entry { whom: Whom::Tag(TagNo(no as u32)), at, point });
            }
        }
    }

    /// Once a second or so: what is to be kept although nothing came.
    pub fn on_tick(&mut self, now: Timestamp) {
        for no in 0..self.beats.len() {
            let (tag, beat) = self.beats[no];
            let kept = self.filters[tag.0 as usize].beat(now, beat);
            self.keep(tag, [kept, None]);
        }
        for (tag, at, point) in self.pacer.due(now) {
            self.push(Entry { whom: Whom::Tag(tag), at, point });
        }
    }

    /// A tag's changes are kept at most this often from now on; zero: every one.
    pub fn set_every(&mut self, every: Duration) {
        self.pacer.set_every(every);
    }

    /// Changes not kept for that.
    pub fn thinned(&self) -> u64 {
        self.pacer.thinned
    }

    /// What was kept under these times is kept under others now.
    pub(crate) fn restamp(&mut self, learned: &Restamp) {
        for (no, filter) in (0..).map(TagNo).zip(&mut self.filters) {
            filter.restamp(&|at| learned.place(Whom::Tag(no), at));
        }
        self.collector.restamp(&|whom, at| learned.place(whom, at));
        self.pacer.restamp(&|tag, at| learned.place(Whom::Tag(tag), at));
    }

    /// What to hand to the store now; see [`Recorder::give_back`].
    pub fn next_batch(&mut self) -> Option<Batch> {
        self.collector.next()
    }

    /// The store is behind.
    pub fn give_back(&mut self, batch: Batch) {
        self.collector.give_back(batch);
    }

    /// Is there a whole batch, so that waiting for the tick gains nothing?
    pub fn is_full(&self) -> bool {
        self.collector.is_full()
    }

    /// How many records wait for the store.
    pub fn waiting(&self) -> usize {
        self.collector.len()
    }

    /// What became of the samples.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Says in the log what was refused or lost since it was last said.
    pub fn complain(&mut self, now: Instant) {
        let (counts, said) = (self.counts, self.said);
        let silent = self.said_at.is_none_or(|at| now.saturating_duration_since(at) >= SAY_AGAIN);
        let times = counts.refused_times - said.refused_times;
        let values = counts.refused_values - said.refused_values;
        let texts = counts.refused_texts - said.refused_texts;
        let lost = counts.lost - said.lost;
        if !silent || times + values + texts + lost == 0 {
            return;
        }
        if times > 0 {
            log::warn!("refused {times} samples with a time past 2100");
        }
        if values > 0 {
            log::warn!("{values} samples were no finite numbers; their tags have a gap");
        }
        if texts > 0 {
            log::warn!("{texts} values were longer than {TEXT_BYTES_MAX} bytes; their tags have a gap");
        }
        if lost > 0 {
            log::error!(
                "lost {lost} records: the disk is too slow or full, or the day's bytes are written; their tags have a gap"
            );
        }
        (self.said, self.said_at) = (counts, Some(now));
    }

    fn gap_for_all(&mut self, now: Timestamp, cause: Cause) {
        for (tag, at, point) in self.pacer.all() {
            self.push(Entry { whom: Whom::Tag(tag), at, point });
        }
        if !std::mem::replace(&mut self.all_lost, true) {
            self.push(Entry { whom: Whom::All, at: now, point: Point::Gap(cause) });
        }
        for filter in &mut self.filters {
            filter.on_all_lost(now);
        }
    }

    fn keep(&mut self, tag: TagNo, kept: Kept) {
        for (at, point) in kept.into_iter().flatten() {
            for (at, point) in self.pacer.pass(tag, at, point).into_iter().flatten() {
                self.push(Entry { whom: Whom::Tag(tag), at, point });
            }
        }
    }

    fn push(&mut self, entry: Entry) {
        self.counts.kept += 1;
        self.counts.gaps += u64::from(matches!(entry.point, Point::Gap(_)));
        if !self.collector.push(entry) {
            self.counts.lost += 1;
        }
    }
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
