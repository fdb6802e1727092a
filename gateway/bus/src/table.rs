//! The tags: what they hold, who owns them, who listens.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use tag::Fault;
use wire::p2::Record;

use crate::limits::{STORED_BYTES_MAX, TAGS_MAX};
use crate::peer::PeerId;
use crate::small::Payload;

/// What the bus knows of a tag.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) name: Rc<[u8]>,
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
    pub(crate) listeners: Vec<Listener>,
    /// Somebody who knows the site says that it is a module's: what nobody owns of it is nobody's word.
    pub(crate) needs_owner: bool,
    /// Freshness limit while nobody owns it, ms; 0: none.
    pub(crate) stale_ms: u32,
    pub(crate) set_at: Option<Instant>,
}

/// Who alone may publish a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Last writer wins, as in protocol 1.
    Nobody,
    /// This module.
    Module { peer: PeerId, group: u16, seen_good: bool },
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

/// All tags by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Table {
    tags: Vec<Tag>,
    by_name: HashMap<Rc<[u8]>, u16>,
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
        self.by_name.get(name).copied()
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
        let name: Rc<[u8]> = name.into();
        self.tags.push(Tag {
            name: name.clone(),
            time_us: 0,
            payload: Payload::EMPTY,
            quality: (0, 0),
            overlay: Overlay::None,
            untold: false,
            owner: Owner::Nobody,
            author: None,
            listeners: Vec::new(),
            needs_owner: false,
            stale_ms: 0,
            set_at: None,
        });
        self.by_name.insert(name, id);
        Ok(id)
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
        tag.payload.set(payload);
        Some(tag)
    }
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
        let (quality, detail) = self.effective_quality();
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
