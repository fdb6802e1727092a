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
mod tests {
    use tag::{Kind, Reading, TagName, Value};

    use super::*;
    use crate::entry::Number;

    const NOW: u64 = 1_700_000_000_000_000;

    fn recorder(count: usize) -> Recorder {
        let name = |i| TagName::parse(&format!("t{i}")).unwrap();
        let tags: Vec<_> = (0..count).map(|i| TagDef::new(name(i), Kind::Int)).collect();
        Recorder::new(&tags, Timestamp(NOW))
    }

    fn good(at: u64, n: i64) -> Sample {
        Sample { at: Timestamp(at), reading: Reading::Good(Value::Int(n)) }
    }

    #[test]
    fn a_lost_bus_is_one_record_and_each_tag_comes_back_with_its_value() {
        let mut recorder = recorder(3);
        for tag in 0..3 {
            recorder.on_sample(Timestamp(NOW + 1), TagNo(tag), &good(NOW, 7));
        }
        recorder.next_batch().unwrap();
        assert!(recorder.on_bus_lost(Timestamp(NOW + 10)));
        assert!(!recorder.on_bus_lost(Timestamp(NOW + 15)), "a bus that stays away is lost once");
        for tag in 0..3 {
            recorder.on_sample(Timestamp(NOW + 20), TagNo(tag), &good(NOW, 7));
        }
        let batch = recorder.next_batch().unwrap().entries;
        let cause = Cause::Fault(Fault::OwnerGone);
        assert_eq!(batch[0], Entry { whom: Whom::All, at: Timestamp(NOW + 10), point: Point::Gap(cause) });
        let back =
            |tag| Entry { whom: Whom::Tag(TagNo(tag)), at: Timestamp(NOW + 20), point: Point::Value(Number::Int(7)) };
        assert_eq!(batch[1..], [back(0), back(1), back(2)], "the same old sample, good again from now on");
    }

    #[test]
    fn a_new_database_is_told_what_holds() {
        let mut recorder = recorder(3);
        let day = 86_400_000_000;
        recorder.on_sample(Timestamp(NOW), TagNo(0), &good(NOW, 7));
        recorder.on_sample(Timestamp(NOW), TagNo(1), &good(NOW + day, 8));
        while recorder.next_batch().is_some() {}
        recorder.restate(Timestamp(NOW + 5));
        let seven = Point::Value(Number::Int(7));
        let want = Entry { whom: Whom::Tag(TagNo(0)), at: Timestamp(NOW + 5), point: seven };
        assert_eq!(recorder.next_batch().unwrap().entries, [want], "neither a forecast nor what isn't known");
    }

    #[test]
    fn a_tag_with_a_heartbeat_is_kept_again_as_long_as_it_is_good() {
        let def = |heartbeat| TagDef { heartbeat, ..TagDef::new(TagName::parse("t").unwrap(), Kind::Int) };
        let defs = [def(Some(Duration::from_secs(60))), def(None)];
        let mut recorder = Recorder::new(&defs, Timestamp(NOW));
        let second = |n: u64| Timestamp(NOW + n * 1_000_000);
        for tag in 0..2 {
            recorder.on_sample(second(0), TagNo(tag), &good(second(0).0, 7));
        }
        for n in 0..150 {
            recorder.on_tick(second(n));
        }
        let held = Sample { at: second(0), reading: Reading::Missing(Fault::Offline) };
        recorder.on_sample(second(150), TagNo(0), &held);
        for n in 150..400 {
            recorder.on_tick(second(n));
        }
        let kept: Vec<_> = recorder.next_batch().unwrap().entries.iter().map(|entry| (entry.whom, entry.at)).collect();
        let (beats, quiet) = (Whom::Tag(TagNo(0)), Whom::Tag(TagNo(1)));
        let want = [(beats, 0), (quiet, 0), (beats, 60), (beats, 120), (beats, 150)];
        assert_eq!(kept, want.map(|(whom, n)| (whom, second(n))));
    }

    #[test]
    fn what_is_refused_is_counted() {
        let mut recorder = recorder(1);
        recorder.on_sample(Timestamp(NOW), TagNo(0), &good(TIME_END.0, 1));
        let nan = Sample { at: Timestamp(NOW), reading: Reading::Good(Value::Float(f64::NAN)) };
        recorder.on_sample(Timestamp(NOW), TagNo(0), &nan);
        assert_eq!(recorder.counts(), Counts { seen: 2, refused_times: 1, refused_values: 1, ..Counts::default() });
        assert_eq!(recorder.next_batch(), None, "nothing was known before, so there is no new gap");
    }

    #[test]
    fn texts_that_are_too_long_are_counted_and_one_gap() {
        let def = TagDef::new(TagName::parse("t").unwrap(), Kind::Str);
        let mut recorder = Recorder::new(&[def], Timestamp(NOW));
        let text = |at, length| {
            let value = Value::from(&*"x".repeat(length));
            Sample { at: Timestamp(at), reading: Reading::Good(value) }
        };
        recorder.on_sample(Timestamp(NOW), TagNo(0), &text(NOW, TEXT_BYTES_MAX));
        for n in 1..4 {
            recorder.on_sample(Timestamp(NOW + n), TagNo(0), &text(NOW + n, TEXT_BYTES_MAX + 1));
        }
        assert_eq!(recorder.counts(), Counts { seen: 4, kept: 2, gaps: 1, refused_texts: 3, ..Counts::default() });
        let batch = recorder.next_batch().unwrap().entries;
        assert_eq!(batch[0].point.text_bytes(), TEXT_BYTES_MAX, "the longest is kept");
        assert_eq!(batch[1].point, Point::Gap(Cause::TooLong));
    }
}
