//! Freshness: what nobody confirms in time is not good any more, and what its owner left is nobody's word.

use std::rc::Rc;
use std::time::Duration;

use tag::Fault;

use crate::board::Switchboard;
use crate::limits::ORPHAN_PATIENCE;
use crate::peer::{Group, Module, PeerId, Speaks};
use crate::table::{Overlay, Owner};

/// The longest the bus sleeps between two looks at its peers.
const TICK_MAX: Duration = Duration::from_millis(250);
/// The shortest: a limit that has just passed is seen at the next tick, not in a spin.
const TICK_MIN: Duration = Duration::from_millis(5);

impl Switchboard {
    /// The source of a group still says what was last published.
    pub(crate) fn confirm(&mut self, from: PeerId, group: u16) -> usize {
        let now = self.now.mono;
        let Some(group) = self.module_mut(from).and_then(|module| module.groups.get_mut(&group)) else { return 1 };
        group.confirmed_at = now;
        if !std::mem::take(&mut group.stale) {
            return 1;
        }
        let tags: Vec<u16> = group.tags.clone();
        let ours: Vec<u16> = tags.into_iter().filter(|id| self.is_owned_by(*id, from)).collect();
        self.overlay_all(&ours, Overlay::None);
        ours.len()
    }

    /// Makes or changes a group.
    pub(crate) fn set_group(&mut self, from: PeerId, group: u16, limit_ms: u32) {
        let now = self.now.mono;
        let limit = (limit_ms > 0).then(|| Duration::from_millis(u64::from(limit_ms)));
        let Some(module) = self.module_mut(from) else { return };
        let group = module.groups.entry(group).or_insert_with(|| Group {
            limit,
            confirmed_at: now,
            stale: false,
            tags: Vec::new(),
        });
        group.limit = limit;
    }

    pub(crate) fn tick_freshness(&mut self) -> Duration {
        let now = self.now.mono;
        let mut next = TICK_MAX;
        let mut fallen = Vec::new();
        for peer in self.peers.iter_mut().flatten() {
            let Speaks::Module(module) = &mut peer.speaks else { continue };
            for group in module.groups.values_mut().filter(|group| !group.stale) {
                let Some(limit) = group.limit else { continue };
                let age = now.duration_since(group.confirmed_at);
                if age >= limit {
                    group.stale = true;
                    let owned = |id: &&u16| matches!(self.table.get(**id).map(|tag| &tag.owner), Some(Owner::Module { peer: owner, .. }) if *owner == peer.id);
                    fallen.extend(group.tags.iter().filter(owned));
                } else {
                    next = next.min(limit - age);
                }
            }
        }
        for id in &self.limited {
            let Some(tag) = self.table.get(*id) else { continue };
            let Some(set_at) = tag.set_at.filter(|_| !tag.is_owned() && tag.overlay == Overlay::None) else { continue };
            let (age, limit) = (now.duration_since(set_at), Duration::from_millis(u64::from(tag.stale_ms)));
            if age >= limit {
                fallen.push(*id);
            } else {
                next = next.min(limit - age);
            }
        }
        self.overlay_all(&fallen, Overlay::Stale);
        next.max(TICK_MIN)
    }

    fn is_owned_by(&self, id: u16, peer: PeerId) -> bool {
        matches!(self.table.get(id).map(|tag| &tag.owner), Some(Owner::Module { peer: owner, .. }) if *owner == peer)
    }

    fn overlay_all(&mut self, tags: &[u16], overlay: Overlay) {
        for id in tags {
            let Some(tag) = self.table.get_mut(*id) else { continue };
            if tag.overlay != overlay {
                tag.overlay = overlay;
                self.tell(*id, false, None);
            }
        }
    }

    /// A module owns a tag from now on.
    pub(crate) fn own(&mut self, id: u16, peer: PeerId, group: u16) {
        self.set_group_default(peer, group);
        if let Some(group) = self.module_mut(peer).and_then(|module| module.groups.get_mut(&group)) {
            group.tags.push(id);
        }
        if self.table.get(id).is_some_and(|tag| tag.owner == Owner::Nobody) {
            // What was put there before is neither a reading of the owner nor a write to it.
            self.table.store(id, 0, b"");
        }
        let Some(tag) = self.table.get_mut(id) else { return };
        tag.owner = Owner::Module { peer, group, was_read: false };
        tag.author = None;
        tag.quality = Fault::NotYetRead.to_code();
        tag.overlay = Overlay::None;
        self.tell(id, false, None);
    }

    fn set_group_default(&mut self, peer: PeerId, group: u16) {
        if self.module_mut(peer).is_some_and(|module| !module.groups.contains_key(&group)) {
            self.set_group(peer, group, 0);
        }
    }

    /// A module has left: its tags keep their values, marked, and take no writes until it is back.
    pub(crate) fn orphan(&mut self, gone: PeerId, module: &Module) {
        let name: Rc<str> = module.name.clone().unwrap_or_else(|| "".into());
        let mut told = Vec::new();
        for (id, tag) in self.table.iter_mut() {
            if matches!(tag.owner, Owner::Module { peer, .. } if peer == gone) {
                tag.owner = Owner::Gone { module: name.clone() };
                tag.overlay = Overlay::OwnerGone;
                told.push(id);
            }
        }
        for id in told {
            self.tell(id, false, None);
        }
    }

    /// A module that is back and didn't own a tag again doesn't want it: its site has changed.
    pub(crate) fn release_orphans(&mut self) {
        let now = self.now.mono;
        let mut back = Vec::new();
        for peer in self.peers.iter_mut().flatten() {
            let Speaks::Module(module) = &mut peer.speaks else { continue };
            let Some(name) = module.name.clone() else { continue };
            if !module.orphans_released && now.duration_since(module.connected_at) >= ORPHAN_PATIENCE {
                module.orphans_released = true;
                back.push(name);
            }
        }
        if back.is_empty() {
            return;
        }
        let mut released = Vec::new();
        for (id, tag) in self.table.iter_mut() {
            if matches!(&tag.owner, Owner::Gone { module } if back.contains(module)) {
                tag.owner = Owner::Nobody;
                tag.overlay = Overlay::None;
                tag.quality = (0, 0);
                released.push(id);
            }
        }
        for id in released {
            self.table.store(id, 0, b"");
            self.tell(id, false, None);
        }
    }
}
