//! The link without its socket.

mod incoming;
mod socket_side;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tag::{Delivery, Sample, TagName, Uptime, Value};
use wire::p2::{self, Open, Record, Role, ToBus};
use wire::{Outcome, payload};

use crate::answers::{Incoming, Outgoing};
use crate::event::{AskId, Event, Group, Handle, RequestId, WriteId};

/// A daemon's end of the bus, sans I/O: [`Core::connected`], [`Core::received`] and [`Core::lost`] tell it what the
/// socket does, [`Core::output`] is what the socket shall send, [`Core::next_event`] what the daemon must know.
#[derive(Debug)]
pub struct Core {
    module: String,
    tags: Vec<Tag>,
    by_name: HashMap<TagName, Handle>,
    by_id: HashMap<u16, Handle>,
    groups: Vec<Option<Duration>>,
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
            groups: Vec::new(),
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
        let group = Group(u16::try_from(self.groups.len()).expect("far fewer groups than tags"));
        self.groups.push(limit);
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
        let handle = match self.by_name.get(name) {
            Some(handle) => *handle,
            None => {
                let handle = Handle(u32::try_from(self.tags.len()).expect("as many as memory holds"));
                self.tags.push(Tag { name: name.clone(), id: None, wish, last: None, unconfirmed: true });
                self.by_name.insert(name.clone(), handle);
                handle
            }
        };
        self.tags[handle.0 as usize].wish = wish;
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
        for tag in self.tags.iter_mut().filter(|tag| tag.unconfirmed && tag.wish == Wish::Own(group)) {
            tag.unconfirmed = false;
            if let (Some(id), Some(last)) = (tag.id, &tag.last) {
                put_record(&mut self.batch, &mut self.out, id, last);
            }
        }
    }

    /// See [`crate::Link::write`].
    pub fn write(&mut self, tag: Handle, value: Value, deadline: Uptime, who: &str) -> WriteId {
        self.next_write = self.next_write.wrapping_add(1);
        let seq = self.next_write;
        match self.tags.get(tag.0 as usize).and_then(|tag| tag.id).filter(|_| self.state == State::Up) {
            Some(id) => {
                self.writes.insert(seq);
                let payload = payload::to_bytes(&value);
                self.send(&ToBus::Write { seq, id, deadline, who, payload: &payload });
            }
            // Never kept for later: a write that can't go now doesn't go.
            None => {
                let refused = Outcome::Refused("the gateway's bus can't be reached".to_owned());
                self.events.push_back(Event::Outcome(WriteId(seq), refused));
            }
        }
        WriteId(seq)
    }

    /// See [`crate::Link::settle`].
    pub fn settle(&mut self, id: RequestId, outcome: Outcome) {
        if let Some(request) = self.current(id) {
            self.send(&ToBus::Settle { request, outcome });
        }
    }

    /// See [`crate::Link::ask`].
    pub fn ask(&mut self, tag: Handle, question: Value) -> AskId {
        let seq = self.asks.open();
        match self.tags.get(tag.0 as usize).and_then(|tag| tag.id).filter(|_| self.state == State::Up) {
            Some(id) => self.send(&ToBus::Ask { seq, id, payload: &payload::to_bytes(&question) }),
            None => {
                self.asks.close(seq);
                self.events.push_back(Event::AskFailed(AskId(seq), "the gateway's bus can't be reached".to_owned()));
            }
        }
        AskId(seq)
    }

    /// See [`crate::Link::answer`].
    pub fn answer(&mut self, id: RequestId, value: &Value, last: bool) {
        if let Some(request) = self.current(id) {
            self.answers.push(request, value, last);
        }
    }

    /// See [`crate::Link::list`].
    pub fn list(&mut self, text: &str) {
        if self.state == State::Up {
            self.send(&ToBus::List(text.as_bytes()));
        } else {
            self.events.push_back(Event::Listed { lines: Vec::new(), last: true });
        }
    }

    /// Is the bus there?
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    fn current(&self, id: RequestId) -> Option<u32> {
        let (connection, request) = ((id.0 >> 32) as u32, id.0 as u32);
        (connection == self.connection && self.state == State::Up).then_some(request)
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
    let mut bytes = Vec::with_capacity(16);
    let (quality, detail) = payload::of_reading(&sample.reading, &mut bytes);
    let record = Record { id, time_us: sample.at.0, quality, detail, payload: &bytes };
    // Batches stay well below a frame's limit, whatever the values weigh.
    if let Some(full) = batch.take_if(|batch| batch.len(out) + bytes.len() > 1 << 20) {
        full.close(out);
    }
    batch.get_or_insert_with(|| p2::begin_readings(out, true));
    record.put(out);
}

/// The limit of a tag that is watched, for while nobody owns it; zero: without an owner it has no value.
fn unowned_ms(limit: Option<Duration>) -> u32 {
    if limit == Some(Duration::ZERO) { p2::NEEDS_OWNER } else { limit_ms(limit).min(p2::NEEDS_OWNER - 1) }
}

fn limit_ms(limit: Option<Duration>) -> u32 {
    // A limit below a millisecond must not become "none".
    limit.map_or(0, |limit| u32::try_from(limit.as_millis()).unwrap_or(u32::MAX).max(1))
}
