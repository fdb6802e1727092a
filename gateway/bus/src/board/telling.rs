//! What is said to peers: laid out for their sockets, within what may wait there.

use wire::{p1, p2};

use super::{Closed, Switchboard};
use crate::limits::WAITING_BYTES_MAX;
use crate::outbox::Outbox;
use crate::peer::{PeerId, Speaks};
use crate::table::Mode;

impl Switchboard {
    /// The session must look at this peer.
    pub(crate) fn touch(&mut self, slot: u16) {
        if let Some(peer) = self.peers.get_mut(usize::from(slot)).and_then(Option::as_deref_mut) {
            if !peer.out.touched {
                peer.out.touched = true;
                self.touched.push(slot);
            }
        }
    }

    /// Sends a script one message.
    pub(crate) fn send_script(&mut self, id: PeerId, command: u8, tag_id: u16, time_us: u64, body: &[u8]) {
        let Some(peer) = self.peer_mut(id).filter(|peer| !peer.dead) else { return };
        let waiting = peer.out.waiting();
        if waiting > WAITING_BYTES_MAX {
            return self.give_up(id, Closed::Overflow(waiting));
        }
        p1::encode(peer.out.tail(), command, tag_id, time_us, body);
        self.touch(id.slot);
    }

    /// Sends a module one frame that may not be lost.
    pub(crate) fn send_module(&mut self, id: PeerId, frame: &p2::FromBus<'_>) {
        let Some(module) = self.module_mut(id) else { return };
        // Who answers knows by then what was said before the question.
        let is_behind = matches!(frame, p2::FromBus::Outcome { .. } | p2::FromBus::Question { .. });
        let lane = if is_behind { module.lanes.outcomes() } else { module.lanes.control() };
        match lane {
            Ok(out) => {
                frame.put(out);
                self.touch(id.slot);
            }
            Err(_) => self.give_up(id, Closed::Overflow(crate::limits::CONTROL_BYTES_MAX)),
        }
    }

    /// Tells everybody who listens what a tag is now. `value` says that it was set, not only that its quality changed;
    /// `from` hears nothing if it is a script. Returns how many were told.
    pub(crate) fn tell(&mut self, id: u16, value: bool, from: Option<PeerId>) -> usize {
        let Self { table, peers, touched, closed, .. } = self;
        let Some(tag) = table.get_mut(id) else { return 0 };
        let good = tag.effective_quality().0 == 0;
        // An owned tag is never sent empty to a script: pymscada's web server would publish `init` at it.
        let news = value || tag.untold;
        tag.untold = news && !good;
        let for_scripts = news && good && !(tag.is_owned() && tag.payload.is_empty());
        let mut once = false;
        for listener in &tag.listeners {
            let Some(peer) = peers.get_mut(usize::from(listener.slot)).and_then(Option::as_deref_mut) else { continue };
            if peer.dead {
                continue;
            }
            match listener.mode {
                Mode::Script | Mode::ScriptOnce => {
                    if !for_scripts || from == Some(peer.id) {
                        continue;
                    }
                    once |= listener.mode == Mode::ScriptOnce;
                    let waiting = peer.out.waiting();
                    if waiting > WAITING_BYTES_MAX {
                        peer.dead = true;
                        peer.out = Outbox::default();
                        closed.push((peer.id, Closed::Overflow(waiting)));
                        continue;
                    }
                    p1::encode(peer.out.tail(), p1::SET, id, tag.time_us, tag.payload.as_slice());
                }
                Mode::Latest | Mode::Every => {
                    let Speaks::Module(module) = &mut peer.speaks else { continue };
                    if listener.mode == Mode::Latest {
                        module.lanes.latest(id);
                    } else {
                        module.lanes.every(&tag.record(id));
                    }
                }
            }
            if !peer.out.touched {
                peer.out.touched = true;
                touched.push(listener.slot);
            }
        }
        let told = tag.listeners.len();
        if once {
            tag.listeners.retain(|listener| listener.mode != Mode::ScriptOnce);
        }
        told
    }
}
