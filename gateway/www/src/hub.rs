//! The middle: bus events in, messages for the sockets out; writes and questions the other way.
//!
//! Nothing here waits. Each socket's task takes one message at a time and says when it is free again, so the channel to
//! it holds one message and never overflows; what it can't take yet waits in [`Watch`], one reading per tag.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use link::{Event, Handle, Outcome, WriteId};
use serde_json::Value as Json;
use shell::SharedClock;
use tokio::sync::mpsc;

use crate::asks::{Asks, NoAnswer};
use crate::command::{Command, Opened, Whom};
use crate::modbus::frames_of;
use crate::plant::{Board, tags_of};
use crate::sessions::SessionId;
use crate::setpoint::{self, WRITE_EXPIRES};
use crate::speak::Said;
use crate::watch::{Message, NEWS_MAX, SocketId, Watch};
use crate::writes::Writes;
use crate::{BusEnd, Config};

/// Open pages: a control room and a crew of phones. Each costs a few flags per tag and two socket buffers.
pub(crate) const SOCKETS_MAX: usize = 64;

/// Messages on the way to one socket: it is given the next one only when it has sent the last one.
const OUT_MAX: usize = 1;

/// The middle.
pub(crate) struct Hub<B> {
    pub(crate) bus: B,
    config: Arc<Config>,
    clock: SharedClock,
    watch: Watch,
    board: Board,
    /// By the tag's number.
    handles: Vec<Handle>,
    history: Handle,
    /// Of each connection: the tag that tells all of it, and the one that tells its frames.
    lines: Vec<Option<[Handle; 2]>>,
    sockets: BTreeMap<SocketId, Socket>,
    writes: Writes,
    asks: Asks,
    next_socket: u64,
}

struct Socket {
    session: SessionId,
    peer: IpAddr,
    out: mpsc::Sender<Message>,
    free: bool,
}

impl<B: BusEnd> Hub<B> {
    /// Watches every tag a page mentions, so that a page that connects is told all of them at once.
    pub(crate) fn new(config: Arc<Config>, mut bus: B, clock: SharedClock) -> Self {
        let handles: Vec<Handle> = config.tags.iter().map(|tag| bus.watch(&tag.def.name, tag.def.stale)).collect();
        let history = bus.refer(&config.history);
        let (mut devices, mut lines) = (Vec::new(), Vec::new());
        for device in &config.devices {
            let (Some(tags), Some(frames)) = (tags_of(&device.name), frames_of(&device.name)) else {
                lines.push(None);
                continue;
            };
            let tags = tags.map(|name| bus.watch(&name, None));
            lines.push(Some([tags[0], bus.refer(&frames)]));
            devices.push((device.name.clone(), tags));
        }
        let board = Board::new(devices);
        let watch = Watch::new(&handles, board.plant());
        Self {
            bus,
            config,
            clock,
            watch,
            board,
            handles,
            history,
            lines,
            sockets: BTreeMap::new(),
            writes: Writes::default(),
            asks: Asks::default(),
            next_socket: 0,
        }
    }

    /// Something happened on the bus.
    pub(crate) fn on_event(&mut self, event: Event) {
        match event {
            Event::Up => self.on_bus(true),
            Event::Down(why) => {
                self.watch.on_down(self.clock.wall());
                self.on_bus(false);
                for (socket, number) in self.writes.take_all() {
                    self.watch.on_set(socket, number, Outcome::Expired);
                }
                self.asks.on_down(&why.to_string());
            }
            Event::Sample(tag, sample) => {
                let wall = self.clock.wall();
                if self.board.on_sample(tag, &sample, wall) {
                    self.watch.on_plant(self.board.plant());
                }
                self.watch.on_sample(tag, sample, wall);
            }
            Event::Outcome(id, outcome) => self.on_outcome(id, outcome),
            Event::Answer { id, value, last } => self.asks.on_answer(id, &value, last),
            Event::AskFailed(id, why) => self.asks.on_failed(id, &why),
            Event::Refused(why) => log::warn!("the bus refused something: {why}"),
            // We own nothing, watch with `Latest`, and list nothing.
            Event::Gap(_) | Event::SourceTimed(..) | Event::Write { .. } | Event::Ask { .. } | Event::Listed { .. } => {
            }
        }
    }

    fn on_bus(&mut self, up: bool) {
        if self.board.on_bus(up) {
            self.watch.on_plant(self.board.plant());
        }
    }

    fn on_outcome(&mut self, id: WriteId, outcome: Outcome) {
        if let Some((socket, number)) = self.writes.on_outcome(id, &outcome) {
            self.watch.on_set(socket, number, outcome);
        }
    }

    /// A socket or a request wants something.
    pub(crate) fn on_command(&mut self, command: Command) {
        match command {
            Command::Open { session, peer, reply } => {
                // A browser that went away meanwhile drops the channel; the next sweep sees it.
                let _ = reply.send(self.open(session, peer));
            }
            Command::Free(id) => {
                if let Some(socket) = self.sockets.get_mut(&id) {
                    socket.free = true;
                }
            }
            Command::Said(id, Said::Watch(tags)) => {
                if let Err(stranger) = self.watch.watch(id, &tags) {
                    self.watch.on_error(id, stranger.to_string());
                }
            }
            // It talks and doesn't listen: every write needs an outcome, so there is nothing to leave out.
            Command::Said(id, Said::Set { .. }) if !self.has_room_for_outcomes(id) => self.close(id),
            Command::Said(id, Said::Set { id: number, tag, value }) => {
                if let Err(why) = self.write(id, number, tag, &value) {
                    self.watch.on_set(id, number, Outcome::Refused(why));
                }
            }
            // The socket's own task answers it.
            Command::Said(_, Said::Ping) => {}
            Command::Misunderstood(id, why) => self.watch.on_error(id, why),
            Command::Gone(id) => self.close(id),
            Command::Leave(session) => {
                let left = self.sockets.iter().filter(|(_, socket)| socket.session == session);
                let left: Vec<SocketId> = left.map(|(id, _)| *id).collect();
                left.into_iter().for_each(|id| self.close(id));
            }
            Command::Ask { whom, question, reply } => {
                let line = |n: usize, which: usize| Some(self.lines.get(n)?.as_ref()?[which]);
                let tag = match whom {
                    Whom::History => Some(self.history),
                    Whom::Line(n) => line(n, 0),
                    Whom::Frames(n) => line(n, 1),
                };
                match tag {
                    Some(tag) => self.asks.begin(self.bus.ask(tag, question), reply),
                    // The one who asked may have given up meanwhile.
                    None => drop(reply.send(Err(NoAnswer::from("no such connection")))),
                }
            }
            Command::Status(reply) => {
                let _ = reply.send((self.board.plant(), self.sockets.len()));
            }
        }
    }

    fn open(&mut self, session: SessionId, peer: IpAddr) -> Result<Opened, &'static str> {
        if self.sockets.len() >= SOCKETS_MAX {
            return Err("too many pages are open");
        }
        let id = SocketId(self.next_socket);
        self.next_socket += 1;
        let (out, messages) = mpsc::channel(OUT_MAX);
        self.sockets.insert(id, Socket { session, peer, out, free: true });
        self.watch.open(id);
        Ok(Opened { id, messages })
    }

    fn close(&mut self, id: SocketId) {
        // Dropping the sender ends the socket's task. Its writes go on; nobody is left to be told of them.
        self.sockets.remove(&id);
        self.watch.close(id);
    }

    /// May one more write be made? Each may yet have two outcomes.
    fn has_room_for_outcomes(&self, id: SocketId) -> bool {
        self.watch.news(id) + 2 * self.writes.of(id) + 2 <= NEWS_MAX
    }

    fn write(&mut self, id: SocketId, number: u64, tag: u32, value: &Json) -> Result<(), String> {
        let Some(socket) = self.sockets.get(&id) else { return Ok(()) };
        let place = tag as usize;
        let def = self.config.tags.get(place).ok_or_else(|| format!("tag {tag} is not in the list"))?;
        let value = setpoint::check(def, value)?;
        self.writes.has_room(id)?;
        let who = format!("www {}", socket.peer);
        log::info!("{who} writes {}", def.def.name);
        let deadline = self.clock.uptime().after(WRITE_EXPIRES);
        let write = self.bus.write(self.handles[place], value, deadline, &who);
        self.writes.begin(self.clock.mono(), write, (id, number));
        Ok(())
    }

    /// Gives each socket that is free what it hasn't been told.
    pub(crate) fn tell(&mut self) {
        let now = self.clock.mono();
        for (id, socket) in self.sockets.iter_mut().filter(|(_, socket)| socket.free) {
            let Some(message) = self.watch.take(*id, now) else { continue };
            // Full can't be, it said it is free; closed is seen by the next sweep.
            if let Err(error) = socket.out.try_send(message) {
                debug_assert!(matches!(error, mpsc::error::TrySendError::Closed(_)), "a free socket takes a message");
            }
            socket.free = false;
        }
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self, id: SocketId) -> usize {
        self.watch.waiting(id)
    }

    /// How long until a free socket that was told something just now may be told more.
    pub(crate) fn until_due(&self) -> Option<Duration> {
        let free = self.sockets.iter().filter(|(_, socket)| socket.free);
        let due = free.filter_map(|(id, _)| self.watch.due(*id)).min()?;
        // A timer counts in ms: less than one would be a busy loop.
        Some(due.saturating_duration_since(self.clock.mono()).max(Duration::from_millis(1)))
    }

    /// Once a second: forgets what nobody waits for any more.
    pub(crate) fn sweep(&mut self) {
        let now = self.clock.mono();
        let gone: Vec<SocketId> =
            self.sockets.iter().filter(|(_, socket)| socket.out.is_closed()).map(|(id, _)| *id).collect();
        gone.into_iter().for_each(|id| self.close(id));
        self.asks.sweep();
        for (socket, number) in self.writes.take_late(now) {
            self.watch.on_set(socket, number, Outcome::Expired);
        }
    }
}
