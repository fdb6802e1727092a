//! A phone: what it shows is made of messages alone, as the page makes it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

use rand::Rng;
use serde_json::{Value as Json, json};
use shell::Clock;
use www::watch::{READINGS_EVERY, SocketId};

use super::site::{FREE_SET, TAGS, WWW, Written};
use super::world::{Event, World};

/// A page that hears nothing for so long says that the link is gone, and shows nothing as good.
pub(crate) const LINK_GONE: Duration = Duration::from_secs(5);
/// A page tries to connect again after so long.
const REDIAL: Duration = Duration::from_millis(300);
/// A write is useless after 5 s; bus and window wait a little longer for the owner's last word.
pub(crate) const OUTCOME_WITHIN: Duration = Duration::from_millis(5_000 + 2_000 + 1_250);
/// A person acts so often, ms.
const ACTS_MS: Range<u64> = 800..12_000;

/// How long a message takes to a phone, ms: to a fast one, and to one on bad Wi-Fi …
const DELAYS_MS: [Range<u64>; 2] = [3..60, 40..400];
/// … which now and then takes nothing for a while.
const RARELY_MS: Range<u64> = 1_000..2_900;
/// The longest that a message takes.
pub(crate) const TAKES_WITHIN: Duration = Duration::from_millis(RARELY_MS.end);

#[derive(Default, Clone)]
pub(crate) struct Cell {
    /// 0 good, 1 held, 2 missing, as told.
    pub(crate) quality: u8,
    pub(crate) value: Option<f64>,
    told: bool,
    /// Why it isn't good.
    pub(crate) why: Option<String>,
}

/// A set that the phone waits for.
pub(crate) struct Set {
    tag: usize,
    value: f64,
    at: Instant,
    is_final: bool,
}

pub(crate) struct Phone {
    pub(crate) socket: Option<SocketId>,
    /// On its way: composed when, and what.
    pipe: VecDeque<(Instant, String)>,
    pub(crate) screen: Vec<Cell>,
    heard_at: Instant,
    /// When the readings were composed that it heard last.
    composed_at: Instant,
    /// When nothing was on its way to it, or waiting to be, last.
    clean_at: Instant,
    /// Since when it can't be reached, if it can't.
    pub(crate) lost_since: Option<Instant>,
    /// It was told of its tags on this connection.
    greeted: bool,
    next_set: u64,
    sets: BTreeMap<u64, Set>,
    /// A self-test's defect: shows held readings as good.
    pub(crate) lies: bool,
}

impl Phone {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            socket: None,
            pipe: VecDeque::new(),
            screen: vec![Cell::default(); WWW.tags.len()],
            heard_at: now,
            composed_at: now,
            clean_at: now,
            lost_since: None,
            greeted: false,
            next_set: 0,
            sets: BTreeMap::new(),
            lies: false,
        }
    }

    /// Does it say that the link is there?
    pub(crate) fn link(&self, now: Instant) -> bool {
        self.socket.is_some() && self.greeted && now.duration_since(self.heard_at) <= LINK_GONE
    }

    /// The screen is what the gateway knew then.
    pub(crate) fn as_of(&self, now: Instant) -> Instant {
        let waits = if self.clean_at == now { now } else { self.composed_at.max(self.clean_at) };
        waits.min(now - READINGS_EVERY)
    }

    /// Shows it this tag as good, now?
    pub(crate) fn shows_good(&self, tag: usize, now: Instant) -> Option<f64> {
        let cell = &self.screen[tag];
        let good = cell.told && cell.quality == 0 && self.link(now);
        cell.value.filter(|_| good)
    }
}

impl World {
    /// It connects, or tries again soon.
    pub(crate) fn phone_dials(&mut self, n: usize) {
        if self.phones[n].lost_since.is_some() || self.phones[n].socket.is_some() {
            return;
        }
        let Some(id) = self.window_opens(n) else { return self.at(REDIAL, Event::Dials { phone: n }) };
        let now = self.now;
        let phone = &mut self.phones[n];
        (phone.socket, phone.heard_at, phone.greeted) = (Some(id), now, false);
        phone.screen.iter_mut().for_each(|cell| *cell = Cell::default());
        let tags: Vec<usize> = (0..WWW.tags.len()).collect();
        self.window_is_told(id, &json!({"t": "watch", "tags": tags}).to_string());
        self.quiet.phones[n].touch(self.now);
    }

    /// Its socket closed.
    pub(crate) fn phone_cut_off(&mut self, n: usize) {
        let phone = &mut self.phones[n];
        if phone.socket.take().is_some() {
            phone.pipe.clear();
            // The page says "unknown: connection lost" to each.
            phone.sets.clear();
            if phone.lost_since.is_none() {
                self.at(REDIAL, Event::Dials { phone: n });
            }
        }
    }

    /// It goes where no Wi-Fi is, and neither side is told.
    pub(crate) fn phone_lost(&mut self, n: usize) {
        self.phones[n].lost_since = Some(self.now);
    }

    /// It is back: its old socket is dead, and it makes a new one.
    pub(crate) fn phone_found(&mut self, n: usize) {
        let phone = &mut self.phones[n];
        phone.lost_since = None;
        phone.pipe.clear();
        phone.sets.clear();
        if let Some(id) = phone.socket.take() {
            self.window_closes(id);
        }
        self.phone_dials(n);
    }

    /// A message sets out for it.
    pub(crate) fn message_leaves(&mut self, n: usize, socket: SocketId, text: String) {
        self.phones[n].pipe.push_back((self.now, text));
        if self.phones[n].pipe.len() > 1 {
            self.complain("two messages are on their way to a phone that has taken none".into());
        }
        let rarely = n == 1 && self.rng.random_ratio(1, 12);
        let delay = self.rng.random_range(if rarely { RARELY_MS } else { DELAYS_MS[n].clone() });
        self.at(Duration::from_millis(delay), Event::Takes { phone: n, socket });
    }

    /// It takes the message that was on its way.
    pub(crate) fn phone_takes(&mut self, n: usize, socket: SocketId) {
        let phone = &mut self.phones[n];
        if phone.socket != Some(socket) || phone.lost_since.is_some() {
            return;
        }
        let Some((composed_at, text)) = phone.pipe.pop_front() else { return };
        phone.heard_at = self.now;
        let said: Json = serde_json::from_str(&text).expect("the gateway speaks JSON");
        match said["t"].as_str() {
            Some("hello") => phone.greeted = true,
            Some("tags") => {
                phone.composed_at = composed_at;
                for reading in said["v"].as_array().expect("a list of readings") {
                    phone.show(reading);
                }
            }
            Some("set") => self.phone_hears_of_set(n, &said),
            Some("error") => {
                let why = said["why"].to_string();
                self.complain(format!("the gateway didn't understand a phone: {why}"));
            }
            _ => {}
        }
        self.window_is_free(socket);
    }

    fn phone_hears_of_set(&mut self, n: usize, said: &Json) {
        let (now, phone) = (self.now, &mut self.phones[n]);
        let id = said["id"].as_u64().expect("a set has its number");
        let state = said["state"].as_str().expect("a set has a state").to_owned();
        let Some(set) = phone.sets.get_mut(&id) else {
            return self.complain(format!("phone {n} heard {state} of a write it didn't make"));
        };
        if set.is_final {
            return self.complain(format!("phone {n} heard {state} of write {id} after its end"));
        }
        set.is_final = state != "sent";
        let (tag, value, at) = (set.tag, set.value, set.at);
        let limits = TAGS.get(tag).map_or((0.0, 9.0), |tag| tag.limits);
        let outside = value < limits.0 || value > limits.1;
        if outside && state != "refused" {
            self.complain(format!("phone {n}: {value}, outside {limits:?}, became {state}"));
        }
        if state == "confirmed" && !self.truth.held(tag, value, at, now) {
            let story = self.truth.story(tag, self.start);
            self.complain(format!(
                "phone {n}: write {id} of {value} to {} is confirmed, and the plant never held it: {story}",
                TAGS[tag].name
            ));
        }
    }

    /// A person touches it.
    pub(crate) fn phone_acts(&mut self, n: usize) {
        let next = Duration::from_millis(self.rng.random_range(ACTS_MS));
        self.at(next, Event::Acts { phone: n });
        let phone = &self.phones[n];
        let Some(socket) = phone.socket.filter(|_| phone.lost_since.is_none() && phone.link(self.now)) else { return };
        // Now and then a child gets hold of it.
        let times = if self.rng.random_ratio(1, 40) { 24 } else { 1 };
        for _ in 0..times {
            if self.phones[n].socket != Some(socket) {
                return; // The daemon hung up in the middle of it.
            }
            let (tag, value) = self.wish();
            let (now, phone) = (self.now, &mut self.phones[n]);
            phone.next_set += 1;
            let id = phone.next_set;
            phone.sets.retain(|_, set| !set.is_final || now.duration_since(set.at) < Duration::from_secs(20));
            phone.sets.insert(id, Set { tag, value, at: now, is_final: false });
            let whole = TAGS.get(tag).is_none_or(|tag| !tag.is_float());
            let number = if whole { json!(value as i64) } else { json!(value) };
            self.window_is_told(socket, &json!({"t": "set", "id": id, "tag": tag, "value": number}).to_string());
        }
    }

    /// Something to set, sometimes outside its limits. Halves and quarters are exact in every type of float.
    pub(crate) fn wish(&mut self) -> (usize, f64) {
        let writable: Vec<usize> = (0..TAGS.len()).filter(|n| TAGS[*n].written != Written::Never).collect();
        let pick = self.rng.random_range(0..=writable.len());
        let (tag, (min, max)) = match writable.get(pick) {
            Some(tag) => (*tag, TAGS[*tag].limits),
            None => (FREE_SET, (0.0, 9.0)),
        };
        let value = match self.rng.random_range(0..8) {
            0 => max + f64::from(self.rng.random_range(1..5)),
            1 => min - 1.0,
            _ => f64::from(self.rng.random_range((min as i32) * 4..=(max as i32) * 4)) / 4.0,
        };
        let whole = TAGS.get(tag).is_none_or(|tag| !tag.is_float());
        (tag, if whole { value.round() } else { value })
    }

    /// Every write has its final outcome while the phone that made it is connected.
    pub(crate) fn check_outcomes(&mut self) {
        let mut late = Vec::new();
        for (n, phone) in self.phones.iter().enumerate() {
            // Nothing waits for it any more, so it has been told whatever there is.
            let clean = phone.clean_at == self.now && phone.lost_since.is_none();
            for (id, set) in phone.sets.iter().filter(|(_, set)| clean && !set.is_final) {
                if self.now.duration_since(set.at) > OUTCOME_WITHIN {
                    let name = TAGS.get(set.tag).map_or("a free tag", |tag| tag.name);
                    late.push(format!("phone {n}: write {id} to {name} has no outcome yet"));
                }
            }
        }
        late.into_iter().for_each(|sentence| self.complain(sentence));
    }

    /// Whose screens are what the gateway knows?
    pub(crate) fn look_at_pipes(&mut self) {
        for phone in &mut self.phones {
            let (Some(id), Some(window)) = (phone.socket, &self.window) else { continue };
            let reached = phone.lost_since.is_none() && phone.greeted;
            if reached && phone.pipe.is_empty() && window.watch.waiting(id) == 0 {
                phone.clean_at = self.now;
            }
        }
    }

    /// The wall clock as the gateway has it.
    pub(crate) fn wall_us(&self) -> u64 {
        self.clock.wall().0
    }
}

impl Phone {
    /// A self-test's defect: a write that goes nowhere.
    pub(crate) fn forget_outcome(&mut self, tag: usize, now: Instant) {
        self.sets.insert(u64::MAX, Set { tag, value: 0.0, at: now, is_final: false });
    }

    /// `[tag, at, quality, value, why, since]`
    fn show(&mut self, reading: &Json) {
        let number = reading[0].as_u64().expect("a tag's number");
        let quality = reading[2].as_u64().expect("a quality");
        let digits = |value: &Json| value.as_str().and_then(|digits| digits.parse().ok());
        let value = reading[3].as_f64().or_else(|| digits(&reading[3]));
        let quality = if self.lies && quality == 1 { 0 } else { quality as u8 };
        self.screen[number as usize] = Cell { quality, value, told: true, why: reading[4].as_str().map(str::to_owned) };
    }
}
