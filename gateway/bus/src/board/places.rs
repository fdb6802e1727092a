//! Who is connected: peers come, have a place each, and go.

use std::rc::Rc;

use super::{NoRoom, Switchboard};
use crate::limits::{PEERS_MAX, SCRIPTS_MAX};
use crate::outbox::{Lanes, Outbox};
use crate::peer::{LogBudget, Module, Peer, PeerId, Rights, Speaks};

impl Switchboard {
    /// A script has connected; `label` is its address as pymscada prints it.
    pub fn script_joins(&mut self, label: &str) -> Result<PeerId, NoRoom> {
        self.join(label, Speaks::Script(Box::default()))
    }

    /// A module has connected; it says its name in its hello.
    pub fn module_joins(&mut self, label: &str, rights: Rights) -> Result<PeerId, NoRoom> {
        let module = Module {
            rights,
            name: None,
            groups: std::collections::HashMap::new(),
            lanes: Lanes::default(),
            open_writes: 0,
            connected_at: self.now.mono,
            orphans_released: false,
        };
        self.join(label, Speaks::Module(Box::new(module)))
    }

    fn join(&mut self, label: &str, speaks: Speaks) -> Result<PeerId, NoRoom> {
        let is_script = |peer: &&Peer| matches!(peer.speaks, Speaks::Script(_));
        let scripts = self.peers.iter().flatten().map(Box::as_ref).filter(is_script).count();
        if matches!(speaks, Speaks::Script(_)) && scripts >= SCRIPTS_MAX {
            return Err(NoRoom);
        }
        let free = self.peers.iter().position(Option::is_none);
        let slot = match free {
            Some(slot) => slot,
            None if self.peers.len() < PEERS_MAX => {
                self.peers.push(None);
                self.peers.len() - 1
            }
            None => return Err(NoRoom),
        };
        let id = PeerId { slot: u16::try_from(slot).expect("at most PEERS_MAX slots"), serial: self.next_serial };
        self.next_serial += 1;
        self.peers[slot] = Some(Box::new(Peer {
            id,
            label: Rc::from(label),
            out: Outbox::default(),
            listens: Vec::new(),
            open_questions: 0,
            log_budget: LogBudget::new(self.now.mono),
            dead: false,
            speaks,
        }));
        Ok(id)
    }

    /// A connection has ended: nobody hears of it any more, its tags fall to their last word.
    pub fn leaves(&mut self, id: PeerId) {
        let Some(place) = self.peers.get_mut(usize::from(id.slot)) else { return };
        if place.as_ref().is_none_or(|peer| peer.id != id) {
            return;
        }
        let peer = place.take().expect("just seen");
        for tag in &peer.listens {
            if let Some(tag) = self.table.get_mut(*tag) {
                tag.unlisten(id.slot);
            }
        }
        self.drop_requests_of(&peer);
        if let Speaks::Module(module) = peer.speaks {
            self.orphan(id, &module);
        }
    }

    pub(crate) fn peer(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(usize::from(id.slot))?.as_deref().filter(|peer| peer.id == id)
    }

    pub(crate) fn peer_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(usize::from(id.slot))?.as_deref_mut().filter(|peer| peer.id == id)
    }

    pub(crate) fn module_mut(&mut self, id: PeerId) -> Option<&mut Module> {
        match &mut self.peer_mut(id)?.speaks {
            Speaks::Module(module) => Some(module),
            Speaks::Script(_) => None,
        }
    }
}
