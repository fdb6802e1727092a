//! What was put on the bus, in order, and what the listener that wants everything must hear of it.

use std::ops::Range;
use std::time::{Duration, Instant};

use link::{Core, Event as Heard, Handle};
use tag::{Delivery, Sample, TagName, Timestamp};

use super::port::Port;
use super::site::{COUNT, FREE, TAGS};
use super::world::World;

/// Good samples on their way, per tag of [`TAGS`] and behind them the script's.
pub(crate) struct Ledger {
    tags: Vec<Page>,
}

#[derive(Default, Clone)]
struct Page {
    good: Vec<(Timestamp, f64)>,
    /// Place behind the last one the listener heard.
    heard: usize,
    /// Something between the last one it heard and the next said that some may be missing.
    broken: bool,
    /// What it heard last was good.
    is_good: bool,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self { tags: vec![Page { broken: true, ..Page::default() }; TAGS.len() + 1] }
    }

    /// The owner publishes.
    pub(crate) fn publish(&mut self, tag: usize, sample: &Sample, on_the_bus: bool) {
        let page = &mut self.tags[tag];
        if let Some(value) = sample.reading.good().and_then(tag::Value::as_f64) {
            page.good.push((sample.at, value));
        }
        page.broken |= !on_the_bus;
    }

    /// Some may be missing from here on, and it will be said.
    pub(crate) fn broken(&mut self, tags: Range<usize>) {
        self.tags[tags].iter_mut().for_each(|page| (page.broken, page.is_good) = (true, false));
    }

    /// The listener heard this. The sentence that is broken, if one is.
    pub(crate) fn hear(&mut self, tag: usize, sample: &Sample) -> Result<(), String> {
        let page = &mut self.tags[tag];
        page.is_good = sample.reading.good().is_some();
        let Some(value) = sample.reading.good().and_then(tag::Value::as_f64) else {
            page.broken = true;
            return Ok(());
        };
        let this = (sample.at, value);
        let last = page.heard.checked_sub(1);
        if last.is_some_and(|last| page.good[last] == this) {
            return Ok(());
        }
        if page.good.get(page.heard) == Some(&this) {
            page.heard += 1;
            page.broken = false;
            return Ok(());
        }
        let later = page.good[page.heard..].iter().position(|good| *good == this);
        match later {
            Some(n) if page.broken => {
                page.heard += n + 1;
                page.broken = false;
                Ok(())
            }
            Some(n) => Err(format!("{n} samples were lost without a gap mark before {value} of {}", sample.at)),
            None => Err(format!("{value} of {} was not published after what it heard before", sample.at)),
        }
    }

    /// Something was left out after what it believes to be the newest good sample.
    fn unheard(&self, tag: usize) -> usize {
        let page = &self.tags[tag];
        if page.is_good { page.good.len() - page.heard } else { 0 }
    }
}

/// The listener: watches everything with [`Delivery::Every`], as the history does.
pub(crate) struct Memory {
    pub(crate) port: Port,
    handles: Vec<Handle>,
}

impl Memory {
    fn new(now: Instant) -> Self {
        let mut core = Core::new("history");
        // A device's tag is nobody's word without its owner, as the history says it too.
        let devices = TAGS.iter().map(|tag| (tag.name, Some(Duration::ZERO)));
        let names = devices.chain([(FREE[0], None), ("Script_Note", None)]);
        let watch = |(name, stale)| core.watch(&TagName::parse(name).expect("a name"), Delivery::Every, stale);
        let handles = names.map(watch).collect();
        Self { port: Port::new(core, now), handles }
    }
}

impl World {
    pub(crate) fn memory_starts(&mut self) {
        self.ledger.broken(0..TAGS.len() + 1);
        self.memory = Some(Memory::new(self.now));
    }

    pub(crate) fn memory_dies(&mut self) {
        if let Some(mut memory) = self.memory.take() {
            memory.port.die(self.board.as_mut());
        }
    }

    pub(crate) fn memory_hears(&mut self) -> bool {
        let mut heard = false;
        loop {
            let Some(memory) = &mut self.memory else { return heard };
            let Some(event) = memory.port.core.next_event() else { return heard };
            heard = true;
            let place = |handle| memory.handles.iter().position(|known| *known == handle);
            match event {
                Heard::Sample(handle, sample) | Heard::SourceTimed(handle, sample) => {
                    let Some(tag) = place(handle).filter(|tag| *tag <= COUNT) else { continue };
                    if let Err(why) = self.ledger.hear(tag, &sample) {
                        let name = TAGS.get(tag).map_or(FREE[0], |tag| tag.name);
                        self.complain(format!("a listener to every sample of {name}: {why}"));
                    }
                }
                Heard::Gap(handle) => {
                    self.gaps += 1;
                    let Some(tag) = place(handle).filter(|tag| *tag <= COUNT) else { continue };
                    self.ledger.broken(tag..tag + 1);
                }
                Heard::Down(_) => self.ledger.broken(0..TAGS.len() + 1),
                _ => {}
            }
        }
    }

    /// Every listener sees every sample, in order: with nothing under way, the newest too.
    pub(crate) fn check_listener(&mut self) {
        let connected = |port: &Port| port.core.is_up() && !port.stalled;
        let awake = self.memory.as_ref().is_some_and(|memory| connected(&memory.port));
        let spoken = self.hands.as_ref().is_some_and(|hands| connected(&hands.port));
        if !awake || !spoken {
            return;
        }
        for tag in 0..=COUNT {
            let unheard = self.ledger.unheard(tag);
            if unheard > 0 {
                let name = TAGS.get(tag).map_or(FREE[0], |tag| tag.name);
                self.complain(format!("a listener to every sample of {name} never heard the last {unheard}"));
            }
        }
    }
}
