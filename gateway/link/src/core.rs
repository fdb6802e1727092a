//! The link without its socket.

mod groups;
mod incoming;
mod requests;
mod socket_side;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tag::{Delivery, Sample, TagName};
use wire::p2::{self, Open, Role, ToBus};
use wire::payload;

use groups::Groups;

use crate::answers::{Incoming, Outgoing};
use crate::event::{Event, Group, Handle};

/// A daemon's end of the bus, sans I/O: [`Core::connected`], [`Core::received`] and [`Core::lost`] tell it what the
/// socket does, [`Core::output`] is what the socket shall send, [`Core::next_event`] what the daemon must know.
#[derive(Debug)]
pub struct Core {
    module: String,
    tags: Vec<Tag>,
    by_name: HashMap<TagName, Handle>,
    by_id: HashMap<u16, Handle>,
    groups: Groups,
    out: Vec<u8>,
    batch: Option<p2::OpenBatch>,
    answers: Outgoing,
    asks: Incoming,
    writes: HashSet<u32>,
    next_write: u32,
    events: VecDeque<Event>,
    state: State,
    /// Counts connections, so that a request of an earlier one is known as such.
    connection: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Down,
    /// The hello is sent.
    Greeting,
    Up,
}

#[derive(Debug)]
struct Tag {
    name: TagName,
    id: Option<u16>,
    wish: Wish,
    /// Of an owned tag: what was published last.
    last: Option<Sample>,
    /// Since the bus was connected nobody has said that it is, or still is, what was published last.
    unconfirmed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Refer,
    Watch(Delivery, Option<Duration>),
    Own(Group),
}

impl Core {
    /// An unconnected end for the module of this name.
    pub fn new(module: &str) -> Self {
        Self {
            module: module.to_owned(),
            tags: Vec::new(),
            by_name: HashMap::new(),
            by_id: HashMap::new(),
            groups: Groups::default(),
            out: Vec::new(),
            batch: None,
            answers: Outgoing::default(),
            asks: Incoming::default(),
            writes: HashSet::new(),
            next_write: 0,
            events: VecDeque::new(),
            state: State::Down,
            connection: 0,
        }
    }

    /// See [`crate::Link::group`].
    pub fn group(&mut self, limit: Option<Duration>) -> Group {
        let group = self.groups.open(limit);
        if self.state != State::Down {
            self.send(&ToBus::Group { group: group.0, limit_ms: limit_ms(limit) });
        }
        group
    }

    /// See [`crate::Link::own`].
    pub fn own(&mut self, name: &TagName, group: Group) -> Handle {
        self.wish(name, Wish::Own(group))
    }

    /// See [`crate::Link::refer`].
    pub fn refer(&mut self, name: &TagName) -> Handle {
        match self.by_name.get(name) {
            Some(handle) => *handle,
            None => self.wish(name, Wish::Refer),
        }
    }

    /// See [`crate::Link::watch`].
    pub fn watch(&mut self, name: &TagName, delivery: Delivery, stale: Option<Duration>) -> Handle {
        self.wish(name, Wish::Watch(delivery, stale))
    }

    /// See [`crate::Link::unwatch`].
    pub fn unwatch(&mut self, tag: Handle) {
        let Some(entry) = self.tags.get_mut(tag.0 as usize) else { return };
        if matches!(entry.wish, Wish::Watch(..)) {
            entry.wish = Wish::Refer;
            if let Some(id) = entry.id.filter(|_| self.state != State::Down) {
                self.send(&ToBus::Unwatch(id));
            }
        }
    }

    /// See [`crate::Link::name`].
    pub fn name(&self, tag: Handle) -> &TagName {
        &self.tags[tag.0 as usize].name
    }

    /// See [`crate::Link::bus_id`].
    pub fn bus_id(&self, tag: Handle) -> Option<u16> {
        self.tags.get(tag.0 as usize)?.id
    }

    fn wish(&mut self, name: &TagName, wish: Wish) -> Handle {
        let known = self.by_name.contains_key(name);
        let handle = match self.by_name.get(name) {
            Some(handle) => *handle,
            None => {
                let handle = Handle(u32::try_from(self.tags.len()).expect("as many as memory holds"));
                self.tags.push(Tag { name: name.clone(), id: None, wish, last: None, unconfirmed: true });
                self.by_name.insert(name.clone(), handle);
                handle
            }
        };
        let is_member = known && self.tags[handle.0 as usize].wish == wish;
        self.tags[handle.0 as usize].wish = wish;
        if let (Wish::Own(group), false) = (wish, is_member) {
            self.groups.join(group, handle);
        }
        if self.state != State::Down {
            self.seal();
            let mut out = std::mem::take(&mut self.out);
            Open::put_all([self.open_of(handle)], &mut out);
            self.out = out;
        }
        handle
    }

    fn open_of(&self, handle: Handle) -> Open<'_> {
        let tag = &self.tags[handle.0 as usize];
        let role = match tag.wish {
            Wish::Refer => Role::Refer,
            Wish::Watch(Delivery::Latest, stale) => Role::WatchLatest(unowned_ms(stale)),
            Wish::Watch(Delivery::Every, stale) => Role::WatchEvery(unowned_ms(stale)),
            Wish::Own(group) => Role::Own(group.0),
        };
        Open { handle: handle.0, role, name: tag.name.as_str().as_bytes() }
    }

    /// See [`crate::Link::publish`].
    pub fn publish(&mut self, tag: Handle, sample: Sample) {
        let Some(entry) = self.tags.get_mut(tag.0 as usize) else { return };
        debug_assert!(matches!(entry.wish, Wish::Own(_)), "{} is published but not owned", entry.name);
        if let Some(id) = entry.id.filter(|_| self.state == State::Up) {
            put_record(&mut self.batch, &mut self.out, id, &sample);
        }
        // Said while the bus is yet to answer our hello, it is as fresh as the connection, and counts once the tag is open.
        let is_down = self.state == State::Down;
        let entry = &mut self.tags[tag.0 as usize];
        (entry.last, entry.unconfirmed) = (Some(sample), is_down);
        if let (Wish::Own(group), true) = (entry.wish, is_down) {
            self.groups.doubt(group);
        }
    }

    /// See [`crate::Link::confirm`].
    pub fn confirm(&mut self, group: Group) {
        if self.state != State::Down {
            self.publish_unconfirmed(group);
        }
        if self.state == State::Up {
            self.send(&ToBus::Confirm(group.0));
        }
    }

    /// What was good before the bus was lost, and has just been confirmed. What isn't open yet is published when it is.
    fn publish_unconfirmed(&mut self, group: Group) {
        for handle in self.groups.take_doubted(group) {
            let tag = &mut self.tags[handle.0 as usize];
            if tag.wish != Wish::Own(group) || !std::mem::take(&mut tag.unconfirmed) {
                continue;
            }
            if let (Some(id), Some(last)) = (tag.id, &tag.last) {
                put_record(&mut self.batch, &mut self.out, id, last);
            }
        }
    }

    /// Is the bus there?
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    fn send(&mut self, frame: &ToBus<'_>) {
        self.seal();
        frame.put(&mut self.out);
    }

    /// Ends the batch being written, so that what follows comes behind it.
    fn seal(&mut self) {
        if let Some(batch) = self.batch.take() {
            batch.close(&mut self.out);
        }
    }

    /// What the daemon must know next.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

fn put_record(batch: &mut Option<p2::OpenBatch>, out: &mut Vec<u8>, id: u16, sample: &Sample) {
    let bytes = sample.reading.any_value().map_or(0, payload::length);
    // Batches stay well below a frame's limit, whatever the values weigh.
    if let Some(full) = batch.take_if(|batch| batch.len(out) + bytes > 1 << 20) {
        full.close(out);
    }
    batch.get_or_insert_with(|| p2::begin_readings(out, true));
    p2::put_reading(id, sample.at.0, &sample.reading, out);
}

/// The limit of a tag that is watched, for while nobody owns it; zero: without an owner it has no value.
fn unowned_ms(limit: Option<Duration>) -> u32 {
    if limit == Some(Duration::ZERO) { p2::NEEDS_OWNER } else { limit_ms(limit).min(p2::NEEDS_OWNER - 1) }
}

fn limit_ms(limit: Option<Duration>) -> u32 {
    // A limit below a millisecond must not become "none".
    limit.map_or(0, |limit| u32::try_from(limit.as_millis()).unwrap_or(u32::MAX).max(1))
}
