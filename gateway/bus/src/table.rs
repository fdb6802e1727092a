//! The tags: what they hold, who owns them, who listens.

use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::Instant;

use hashbrown::HashTable;
use smallvec::SmallVec;
use tag::Fault;
use wire::p2::{Record, SOURCE_TIME};

use crate::limits::{STORED_BYTES_MAX, TAGS_MAX};
use crate::peer::PeerId;
use crate::small::Payload;

/// Listeners of a tag that need no allocation: history, page, alarms, and a script. Ten thousand tags cost none.
const LISTENERS_IN_PLACE: usize = 4;

/// What the bus knows of a tag.
#[derive(Debug)]
pub(crate) struct Tag {
    name: Name,
    pub(crate) time_us: u64,
    pub(crate) payload: Payload,
    /// The owner's word: 0 good, else a fault's code. Of a tag nobody owns always 0.
    pub(crate) quality: (u8, u8),
    /// What the bus itself has to say on top of that.
    pub(crate) overlay: Overlay,
    /// A value came while it was taken for less than good: scripts have not heard it yet.
    pub(crate) untold: bool,
    pub(crate) owner: Owner,
    /// Whose SET was the last: protocol 1's RTA goes there, and no echo comes back.
    pub(crate) author: Option<PeerId>,
    pub(crate) listeners: SmallVec<[Listener; LISTENERS_IN_PLACE]>,
    /// Somebody who knows the site says that it is a module's: what nobody owns of it is nobody's word.
    pub(crate) needs_owner: bool,
    /// Freshness limit while nobody owns it, ms; 0: none.
    pub(crate) stale_ms: u32,
    pub(crate) set_at: Option<Instant>,
    /// Its time is the source's, not read from this machine's clock.
    pub(crate) is_source_time: bool,
    /// It was given a time to come: a forecast.
    pub(crate) foretells: bool,
}

/// Who alone may publish a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Last writer wins, as in protocol 1.
    Nobody,
    /// This module. Read: it has published a good value, or that what the device holds means nothing.
    Module { peer: PeerId, group: u16, was_read: bool },
    /// A module of this name that has left; writes are refused, not stored.
    Gone { module: Rc<str> },
}

/// Why the bus takes a reading for less than its owner says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlay {
    None,
    Stale,
    OwnerGone,
}

/// Somebody who hears of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) slot: u16,
    pub(crate) mode: Mode,
}

/// What a listener hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Protocol 1's SUB: every value, no quality.
    Script,
    /// Protocol 1's GET of an owned tag without a value: the first value, then no more.
    ScriptOnce,
    /// Protocol 2.
    Latest,
    /// Protocol 2.
    Every,
}

/// Where a name lies among all names.
#[derive(Debug, Clone, Copy)]
struct Name {
    start: u32,
    length: u8,
}

/// All tags by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Table {
    tags: Vec<Tag>,
    /// All names, one behind the other: tags are never taken away.
    names: Vec<u8>,
    /// The numbers, by their names' hashes. Hashes of our own key, since a peer chooses the names.
    by_name: HashTable<u16>,
    hasher: RandomState,
    stored_bytes: usize,
}

/// No number is left for another tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.tags.len()
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<u16> {
        let is_it = |id: &u16| self.name(*id) == name;
        self.by_name.find(self.hasher.hash_one(name), is_it).copied()
    }

    /// The number of a name, made if it has none. Numbers begin at 1 and are never used twice.
    pub(crate) fn find_or_make(&mut self, name: &[u8]) -> Result<u16, Full> {
        if let Some(id) = self.find(name) {
            return Ok(id);
        }
        // One more than the site's: the bus's own tag.
        if self.tags.len() > TAGS_MAX {
            return Err(Full);
        }
        let id = u16::try_from(self.tags.len() + 1).expect("at most TAGS_MAX + 1 numbers are given");
        let start = u32::try_from(self.names.len()).expect("65,535 names of 255 bytes are 17 MB");
        let length = u8::try_from(name.len()).expect("a name has at most 255 bytes");
        self.names.extend_from_slice(name);
        self.tags.push(Tag {
            name: Name { start, length },
            time_us: 0,
            payload: Payload::EMPTY,
            quality: (0, 0),
            overlay: Overlay::None,
            untold: false,
            owner: Owner::Nobody,
            author: None,
            listeners: SmallVec::new(),
            needs_owner: false,
            stale_ms: 0,
            set_at: None,
            is_source_time: false,
            foretells: false,
        });
        let Self { tags, names, by_name, hasher, .. } = self;
        let hash = |id: &u16| hasher.hash_one(name_in(names, tags[usize::from(*id) - 1].name));
        by_name.insert_unique(hash(&id), id, hash);
        Ok(id)
    }

    /// What a tag is called; nothing if there is no such tag.
    pub(crate) fn name(&self, id: u16) -> &[u8] {
        self.get(id).map_or(&[], |tag| name_in(&self.names, tag.name))
    }

    pub(crate) fn get(&self, id: u16) -> Option<&Tag> {
        self.tags.get(usize::from(id).checked_sub(1)?)
    }

    pub(crate) fn get_mut(&mut self, id: u16) -> Option<&mut Tag> {
        self.tags.get_mut(usize::from(id).checked_sub(1)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &Tag)> {
        (1..).zip(&self.tags)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u16, &mut Tag)> {
        (1..).zip(&mut self.tags)
    }

    /// Stores a value; `None` if the tag isn't there or all stored values would be too much.
    pub(crate) fn store(&mut self, id: u16, time_us: u64, payload: &[u8]) -> Option<&mut Tag> {
        let tag = self.tags.get_mut(usize::from(id).checked_sub(1)?)?;
        let stored = self.stored_bytes - tag.payload.len() + payload.len();
        if stored > STORED_BYTES_MAX && payload.len() > tag.payload.len() {
            return None;
        }
        self.stored_bytes = stored;
        tag.time_us = time_us;
        tag.is_source_time = false;
        tag.payload.set(payload);
        Some(tag)
    }
}

fn name_in(names: &[u8], name: Name) -> &[u8] {
    let start = name.start as usize;
    &names[start..start + usize::from(name.length)]
}

impl Tag {
    /// What readers are told: the bus's word where it is worse than the owner's.
    pub(crate) fn effective_quality(&self) -> (u8, u8) {
        if self.needs_owner && self.owner == Owner::Nobody {
            return Fault::OwnerGone.to_code();
        }
        match self.overlay {
            Overlay::OwnerGone => Fault::OwnerGone.to_code(),
            Overlay::Stale if self.quality.0 == 0 => Fault::Stale.to_code(),
            Overlay::Stale | Overlay::None => self.quality,
        }
    }

    pub(crate) fn record(&self, id: u16) -> Record<'_> {
        let (quality, mut detail) = self.effective_quality();
        if quality == 0 && self.is_source_time {
            detail = SOURCE_TIME;
        }
        Record { id, time_us: self.time_us, quality, detail, payload: self.payload.as_slice() }
    }

    /// Is it a module's, present or not?
    pub(crate) fn is_owned(&self) -> bool {
        self.owner != Owner::Nobody || self.needs_owner
    }

    /// Adds or changes how a peer listens; says whether it is new.
    pub(crate) fn listen(&mut self, slot: u16, mode: Mode) -> bool {
        if let Some(listener) = self.listeners.iter_mut().find(|listener| listener.slot == slot) {
            listener.mode = mode;
            return false;
        }
        self.listeners.push(Listener { slot, mode });
        true
    }

    pub(crate) fn unlisten(&mut self, slot: u16) {
        self.listeners.retain(|listener| listener.slot != slot);
    }
}
