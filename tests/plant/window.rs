//! The window: the real [`Watch`], [`speak`] and [`setpoint`], held together as the daemon's own hub holds them, with
//! simulated phones in place of web sockets.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use link::{Core, Event as Heard, Handle, Outcome, WriteId};
use shell::{Clock, Trust};
use tag::{Delivery, TagName};
use www::plant::{Board, tags_of};
use www::setpoint::{self, WRITE_EXPIRES};
use www::speak::{self, Hello, Said};
use www::watch::{Message, NEWS_MAX, SocketId, WRITES_MAX, Watch};

use super::port::Port;
use super::site::{TAGS, WWW};
use super::world::{Event, World};

/// A page is told at least this often.
pub(crate) const BEAT_EVERY: Duration = Duration::from_secs(2);
/// Past its own limit a write is given up here.
const OUTCOME_SLACK: Duration = Duration::from_secs(2);

pub(crate) struct Window {
    pub(crate) port: Port,
    pub(crate) watch: Watch,
    board: Board,
    handles: Vec<Handle>,
    hello: Hello,
    pub(crate) sockets: BTreeMap<SocketId, Socket>,
    pub(crate) writes: HashMap<WriteId, Write>,
    /// Final outcomes, so that a second one is seen.
    ended: Vec<WriteId>,
    /// Given up here before the bus did, whose word then comes too late.
    given_up: Vec<WriteId>,
}

/// The daemon's end of a phone.
pub(crate) struct Socket {
    pub(crate) phone: usize,
    free: bool,
    told: Instant,
    due: Option<Instant>,
}

impl Window {
    /// As the daemon's hub decides it: each write under way may yet have two outcomes.
    fn has_room_for_outcomes(&self, id: SocketId) -> bool {
        let under_way = self.writes.values().filter(|write| write.socket == id).count();
        self.watch.news(id) + 2 * under_way + 2 <= NEWS_MAX
    }
}

pub(crate) struct Write {
    socket: SocketId,
    id: u64,
    tag: usize,
    value: f64,
    give_up: Instant,
}

impl Window {
    fn new(now: Instant) -> Self {
        let mut core = Core::new("wwwserver");
        let handles: Vec<Handle> =
            WWW.tags.iter().map(|tag| core.watch(&tag.def.name, Delivery::Latest, tag.def.stale)).collect();
        let mut watch = |name: &TagName| core.watch(name, Delivery::Latest, None);
        let devices = WWW.devices.iter().filter_map(|device| {
            let tags = tags_of(&device.name)?;
            Some((device.name.clone(), tags.each_ref().map(&mut watch)))
        });
        let board = Board::new(devices.collect::<Vec<_>>());
        let watch = Watch::new(&handles, board.plant());
        Self {
            port: Port::new(core, now),
            watch,
            board,
            handles,
            hello: Hello::new(&WWW, "simulated"),
            sockets: BTreeMap::new(),
            writes: HashMap::new(),
            ended: Vec::new(),
            given_up: Vec::new(),
        }
    }
}

impl World {
    pub(crate) fn window_starts(&mut self) {
        self.window = Some(Window::new(self.now));
    }

    /// The daemon dies: every phone sees its socket close.
    pub(crate) fn window_dies(&mut self) {
        let Some(mut window) = self.window.take() else { return };
        window.port.die(self.board.as_mut());
        for socket in window.sockets.into_values() {
            self.phone_cut_off(socket.phone);
        }
    }

    /// A phone connects.
    pub(crate) fn window_opens(&mut self, phone: usize) -> Option<SocketId> {
        self.next_socket += 1;
        let id = SocketId(self.next_socket);
        let window = self.window.as_mut()?;
        window.watch.open(id);
        window.sockets.insert(id, Socket { phone, free: true, told: self.now, due: None });
        Some(id)
    }

    /// The daemon sees that a socket is gone.
    pub(crate) fn window_closes(&mut self, id: SocketId) {
        if let Some(window) = &mut self.window {
            window.sockets.remove(&id);
            window.watch.close(id);
        }
    }

    /// The daemon closes the socket of a phone that talks and doesn't listen.
    fn window_hangs_up(&mut self, id: SocketId) {
        let phone = self.window.as_ref().and_then(|window| window.sockets.get(&id)).map(|socket| socket.phone);
        self.window_closes(id);
        if let Some(phone) = phone {
            self.phone_cut_off(phone);
            // A phone that brings this on itself is like one whose Wi-Fi drops: its time to be current begins anew.
            self.quiet.phones[phone].touch(self.now);
        }
    }

    /// The phone took what was on its way to it.
    pub(crate) fn window_is_free(&mut self, id: SocketId) {
        if let Some(socket) = self.window.as_mut().and_then(|window| window.sockets.get_mut(&id)) {
            socket.free = true;
            let (phone, quiet) = (socket.phone, (socket.told + BEAT_EVERY).max(self.now));
            self.on(quiet, Event::Beat { phone, socket: id });
        }
    }

    /// The phone says something.
    pub(crate) fn window_is_told(&mut self, id: SocketId, text: &str) {
        let said = speak::parse(text, WWW.tags.len());
        let Some(window) = &mut self.window else { return };
        match said {
            Ok(Said::Watch(tags)) => {
                if let Err(stranger) = window.watch.watch(id, &tags) {
                    window.watch.on_error(id, stranger.to_string());
                }
            }
            Ok(Said::Set { .. }) if !window.has_room_for_outcomes(id) => self.window_hangs_up(id),
            Ok(Said::Set { id: number, tag, value }) => {
                if let Err(why) = self.window_writes(id, number, tag as usize, &value) {
                    let Some(window) = &mut self.window else { return };
                    window.watch.on_set(id, number, Outcome::Refused(why));
                }
            }
            Ok(Said::Ping) => {}
            Err(why) => window.watch.on_error(id, why),
        }
    }

    fn window_writes(
        &mut self,
        id: SocketId,
        number: u64,
        tag: usize,
        value: &serde_json::Value,
    ) -> Result<(), String> {
        let Some(window) = &mut self.window else { return Ok(()) };
        let def = WWW.tags.get(tag).ok_or_else(|| format!("tag {tag} is not in the list"))?;
        let value = setpoint::check(def, value)?;
        if window.writes.values().filter(|write| write.socket == id).count() >= WRITES_MAX {
            return Err(format!("{WRITES_MAX} writes are under way, wait for one of them"));
        }
        let number_written = value.as_f64().unwrap_or(f64::NAN);
        let deadline = self.clock.uptime().after(WRITE_EXPIRES);
        let write = window.port.core.write(window.handles[tag], value, deadline, "www phone");
        let give_up = self.now + WRITE_EXPIRES + OUTCOME_SLACK;
        window.writes.insert(write, Write { socket: id, id: number, tag, value: number_written, give_up });
        self.truth.ask(tag, self.now, number_written);
        self.tell(|| format!("write {}: {number_written} to {}", write.0, WWW.tags[tag].def.name));
        Ok(())
    }

    /// The daemon's loop takes what the bus brought. True if there was anything.
    pub(crate) fn window_hears(&mut self) -> bool {
        let mut heard = false;
        loop {
            let wall = self.clock.wall();
            let Some(window) = &mut self.window else { return heard };
            let Some(event) = window.port.core.next_event() else { return heard };
            heard = true;
            match event {
                Heard::Up => self.window_sees_bus(true),
                Heard::Down(_) => {
                    window.watch.on_down(wall);
                    if let Some(id) = window.writes.keys().next() {
                        let sentence = format!("write {} had no outcome when the bus was lost", id.0);
                        self.complain(sentence);
                    }
                    self.window_sees_bus(false);
                }
                Heard::Sample(handle, sample) => {
                    if window.board.on_sample(handle, &sample, wall) {
                        window.watch.on_plant(window.board.plant());
                    }
                    window.watch.on_sample(handle, sample, wall);
                }
                Heard::Outcome(id, outcome) => self.window_outcome(id, outcome),
                Heard::Refused(why) => self.complain(format!("the bus refused the window: {why}")),
                _ => {}
            }
        }
    }

    fn window_sees_bus(&mut self, up: bool) {
        let Some(window) = &mut self.window else { return };
        if window.board.on_bus(up) {
            window.watch.on_plant(window.board.plant());
        }
    }

    pub(crate) fn window_outcome(&mut self, id: WriteId, outcome: Outcome) {
        self.tell(|| format!("write {}: {outcome:?}", id.0));
        let Some(window) = &mut self.window else { return };
        let Some(write) = window.writes.get(&id) else {
            if let Some(place) = window.given_up.iter().position(|known| *known == id) {
                window.given_up.swap_remove(place);
                return;
            }
            let sentence = if window.ended.contains(&id) { "has another outcome after its end" } else { "isn't ours" };
            return self.complain(format!("write {}: {sentence}: {outcome:?}", id.0));
        };
        let (socket, number, tag, value) = (write.socket, write.id, write.tag, write.value);
        if outcome.is_final() {
            window.writes.remove(&id);
            window.ended.push(id);
        }
        window.watch.on_set(socket, number, outcome.clone());
        if outcome == Outcome::Stored && tag < TAGS.len() {
            let sentence = "was kept by the bus as if nobody owned it, and not written to its device";
            self.complain(format!("{value} to {} {sentence}", TAGS[tag].name));
        }
        if outcome == Outcome::Confirmed {
            self.check_confirmed(tag, value);
        }
        if let Outcome::Mismatch(held) = outcome {
            self.check_mismatch(tag, held.as_f64());
        }
    }

    /// Each socket that is free gets what it hasn't been told. True if there was anything.
    pub(crate) fn window_tells(&mut self) -> bool {
        let Some(window) = &mut self.window else { return false };
        let mut told = Vec::new();
        for (id, socket) in window.sockets.iter_mut().filter(|(_, socket)| socket.free) {
            match window.watch.take(*id, self.now) {
                Some(message) => {
                    (socket.free, socket.told) = (false, self.now);
                    told.push((socket.phone, *id, message));
                }
                None => {
                    let due = window.watch.due(*id);
                    if due != socket.due {
                        socket.due = due;
                        self.due_at.extend(due);
                    }
                }
            }
        }
        for due in std::mem::take(&mut self.due_at) {
            self.on(due.max(self.now), Event::Look);
        }
        let any = !told.is_empty();
        for (phone, id, message) in told {
            self.send_to_phone(phone, id, &message);
        }
        any
    }

    fn send_to_phone(&mut self, phone: usize, id: SocketId, message: &Message) {
        let wall = self.clock.wall();
        let Some(window) = &self.window else { return };
        let text = speak::text(message, &window.hello, wall, || Trust::Kept);
        self.message_leaves(phone, id, text);
    }

    pub(crate) fn on_beat(&mut self, phone: usize, id: SocketId) {
        let (now, wall) = (self.now, self.clock.wall());
        let Some(socket) = self.window.as_mut().and_then(|window| window.sockets.get_mut(&id)) else { return };
        if socket.free && now >= socket.told + BEAT_EVERY {
            (socket.free, socket.told) = (false, now);
            self.message_leaves(phone, id, speak::beat(wall));
        }
    }

    /// Writes whose outcome doesn't come are given up, as the hub does once a second.
    pub(crate) fn window_sweeps(&mut self) {
        let Some(window) = &mut self.window else { return };
        let mut late: Vec<WriteId> =
            window.writes.iter().filter(|(_, write)| write.give_up <= self.now).map(|(id, _)| *id).collect();
        late.sort_by_key(|id| id.0);
        for id in late {
            self.window_outcome(id, Outcome::Expired);
            self.window.as_mut().expect("still there").given_up.push(id);
        }
    }

    /// No queue is over its bound.
    pub(crate) fn check_queues(&mut self) {
        let mut over = Vec::new();
        if let Some(window) = &self.window {
            if window.writes.values().any(|write| self.now > write.give_up + Duration::from_millis(1_250)) {
                over.push("a write has no outcome yet".into());
            }
            let bound = WWW.tags.len() + www::watch::NEWS_MAX + 2;
            for id in window.sockets.keys() {
                let waiting = window.watch.waiting(*id);
                if waiting > bound {
                    over.push(format!("{waiting} things wait for a phone, {bound} may"));
                }
            }
        }
        if let Some(hands) = &self.hands {
            for (n, line) in hands.lines.iter().enumerate() {
                let waiting = line.master.writes_waiting();
                if waiting > modbus::WRITES_MAX {
                    over.push(format!("{waiting} writes wait for line {n} of {}", TAGS.len()));
                }
            }
        }
        if let Some(memory) = &self.memory {
            let bound = bus::EVERY_BYTES_MAX + bus::FILL_BYTES + bus::CONTROL_BYTES_MAX;
            if memory.port.burst > bound {
                over.push(format!("{} bytes waited for one listener, {bound} may", memory.port.burst));
            }
        }
        over.into_iter().for_each(|sentence| self.complain(sentence));
    }
}
