//! The daemon: events of the bus in, batches to the store, answers back.

mod asked;

use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use link::{Event, Handle, Link, Outcome};
use shell::{Notify, SharedClock, Stop};
use tag::{Delivery, Kind, Sample, TagDef, Timestamp};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::config::{Config, TICK};
use crate::entry::TagNo;
use crate::error::RunError;
use crate::recorder::Recorder;
use crate::stamps::Stamps;
use crate::store::{Store, StoreConfig};
use crate::timekeeper::Whose;
use asked::{Asked, answer};

/// Records and answers until told to stop.
pub async fn run(
    config: Config,
    mut link: Link,
    clock: SharedClock,
    stop: Stop,
    notify: Notify,
) -> Result<(), RunError> {
    let store = open(&config, &clock).await?;
    let mut daemon = Daemon::new(config, store, clock, &mut link, &stop);
    let mut flush = ticks(TICK.min(daemon.config.flush));
    let mut pat = ticks(notify.pat_interval());
    notify.ready();
    log::info!("recording {} tags in {}", daemon.config.tags.len(), daemon.config.folder.display());
    let ended = loop {
        tokio::select! {
            () = stop.cancelled() => break Ok(()),
            event = link.next() => daemon.on_event(event, &mut link),
            Some((id, values)) = daemon.asked.next() => answer(&mut link, id, values),
            _ = flush.tick() => if let Err(error) = daemon.on_tick() { break Err(error) },
            _ = pat.tick() => notify.pat(),
        }
    };
    notify.stopping();
    daemon.close().await;
    ended
}

struct Daemon {
    config: Config,
    clock: SharedClock,
    store: Store,
    /// The store's generation that knows what we recorded.
    generation: u64,
    recorder: Recorder,
    stamps: Stamps,
    /// By handle: which recorded tag it is.
    tags: Vec<Option<TagNo>>,
    /// By recorded tag: its handle.
    handles: Vec<Handle>,
    asked: FuturesUnordered<Asked>,
    stop: Stop,
    /// Cancelled when the bus is lost, and the questions with it.
    asking: Stop,
}

impl Daemon {
    fn new(config: Config, store: Store, clock: SharedClock, link: &mut Link, stop: &Stop) -> Self {
        let group = link.group(None);
        // Nothing is ever published on it: whoever asks is answered alone.
        link.own(&config.rta_tag, group);
        let handles: Vec<_> = config.tags.iter().map(|def| link.watch(&def.name, Delivery::Every, def.stale)).collect();
        let mut tags = Vec::new();
        for (no, handle) in (0..).map(TagNo).zip(&handles) {
            let place = handle.0 as usize;
            if tags.len() <= place {
                tags.resize(place + 1, None);
            }
            tags[place] = Some(no);
        }
        let mut stamps = Stamps::new(&clock, &store, config.own.clone());
        let mut recorder = Recorder::new(&[], Timestamp(0));
        let (_, now) = stamps.look(&clock, &mut recorder, &store);
        recorder = Recorder::new(&config.tags, now);
        let generation = store.generation();
        let (asked, asking) = (FuturesUnordered::new(), stop.child_token());
        Self { config, clock, store, generation, recorder, stamps, tags, handles, asked, stop: stop.clone(), asking }
    }

    fn on_event(&mut self, event: Event, link: &mut Link) {
        match event {
            Event::Sample(handle, sample) => self.on_sample(handle, sample, Whose::Box),
            Event::SourceTimed(handle, sample) => self.on_sample(handle, sample, Whose::Source),
            Event::Gap(handle) => {
                if let Some(tag) = self.tag(handle) {
                    let now = self.now();
                    self.recorder.on_gap(now, tag);
                }
            }
            Event::Ask { id, question, by, .. } => self.on_ask(id, &question, by, link),
            Event::Down(why) => {
                let now = self.now();
                if self.recorder.on_bus_lost(now) {
                    log::warn!("bus lost ({why}): every tag has a gap until it is back");
                }
                // Whoever asked is gone with the bus.
                self.asking.cancel();
                self.asking = self.stop.child_token();
                self.asked.clear();
            }
            Event::Up => log::info!("bus there"),
            Event::Write { id, .. } => link.settle(id, Outcome::Refused("the history is asked, not set".into())),
            Event::Refused(why) => log::error!("the bus refused: {why}"),
            Event::Outcome(..) | Event::Answer { .. } | Event::AskFailed(..) | Event::Listed { .. } => {}
        }
    }

    fn on_tick(&mut self) -> Result<(), RunError> {
        if let Some(name) = self.store.dead_thread() {
            return Err(RunError::Thread(name));
        }
        let generation = self.store.generation();
        if generation != self.generation {
            self.generation = generation;
            let now = self.now();
            self.recorder.restate(now);
        }
        // A step is noticed also when nothing comes.
        let now = self.now();
        self.recorder.set_every(self.store.every());
        self.recorder.on_tick(now);
        self.store.set_thinned(self.recorder.thinned());
        self.flush();
        self.recorder.complain(self.clock.mono());
        Ok(())
    }

    fn on_sample(&mut self, handle: Handle, mut sample: Sample, whose: Whose) {
        let Some(tag) = self.tag(handle) else { return };
        let (now, kept) = self.stamps.look(&self.clock, &mut self.recorder, &self.store);
        match self.stamps.place(now, tag, &sample, whose) {
            Some(at) => {
                sample.at = at;
                self.recorder.on_placed(kept, tag, &sample);
            }
            None if sample.reading.good().is_none() => self.recorder.on_placed(kept, tag, &sample),
            None => self.recorder.refuse_time(),
        }
        if self.recorder.is_full() {
            self.flush();
        }
    }

    /// This moment, as it is kept.
    fn now(&mut self) -> Timestamp {
        self.stamps.look(&self.clock, &mut self.recorder, &self.store).1
    }

    fn flush(&mut self) {
        if !self.stamps.tell(&self.store) {
            return;
        }
        while let Some(batch) = self.recorder.next_batch() {
            if let Err(batch) = self.store.record(batch) {
                self.recorder.give_back(batch);
                break;
            }
        }
    }

    /// Everything collected goes to disk, as far as the disk takes it.
    async fn close(mut self) {
        let now = self.now();
        self.recorder.on_stop(now);
        let rest: Vec<_> = std::iter::from_fn(|| self.recorder.next_batch()).collect();
        let (store, mut stamps) = (self.store, self.stamps);
        let close = move || {
            stamps.tell_all(&store);
            store.close(rest);
        };
        if tokio::task::spawn_blocking(close).await.is_err() {
            log::error!("closing the history panicked");
        }
    }

    fn tag(&self, handle: Handle) -> Option<TagNo> {
        self.tags.get(handle.0 as usize).copied().flatten()
    }
}

async fn open(config: &Config, clock: &SharedClock) -> Result<Store, RunError> {
    let tags = config.tags.iter().map(|def| (def.name.clone(), kind_of(def))).collect();
    let flush = config.flush;
    let config = StoreConfig {
        folder: config.folder.clone(),
        tags,
        flush,
        keep_bytes: config.keep_bytes,
        day_bytes_max: config.day_bytes_max,
        zone: config.zone.clone(),
        own: (0..).map(TagNo).zip(&config.own).filter(|(_, is_own)| **is_own).map(|(tag, _)| tag).collect(),
    };
    let clock = clock.clone();
    let opening = tokio::task::spawn_blocking(move || Store::open(config, clock));
    opening.await.map_err(|_| RunError::Thread("opens the history"))?.map_err(RunError::Open)
}

/// The type a tag is kept as.
fn kind_of(def: &TagDef) -> Kind {
    if def.multi.is_some() { Kind::Int } else { def.kind }
}

/// Ticks at the daemon's own pace: a late tick isn't made up for.
fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod tests;
