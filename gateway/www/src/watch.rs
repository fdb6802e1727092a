//! Who shows what, and what each of them hasn't been told yet.
//!
//! Pure: no socket, no clock. A screen that is slower than the plant is told the latest reading of each tag and nothing
//! in between, so what waits for it is never more than one reading per tag it shows ([`tag::Delivery::Latest`]).
//! The quality is the bus's word; only [`Watch::on_down`] adds one: with the bus gone nothing is good.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use link::{Handle, Outcome};
use tag::{Fault, Reading, Sample, Timestamp, Value};

use crate::plant::Plant;

/// A busy screen gets readings this often: faster than an eye, slow enough that a burst shares a message. The first
/// reading after a quiet time goes at once.
pub const READINGS_EVERY: Duration = Duration::from_millis(20);

/// Readings in one message. More go in the next one, so that a write's outcome never waits for a whole large page.
pub const READINGS_PER_MESSAGE: usize = 1000;

/// Bytes of texts and dicts after which a message is full, whatever number of readings it has.
const VALUE_BYTES_PER_MESSAGE: usize = 1024 * 1024;

/// Outcomes that may wait for one screen: two for each of [`WRITES_MAX`] writes, and as many refused at once.
pub const NEWS_MAX: usize = 4 * WRITES_MAX;

/// Writes of one screen that may be under way: a person has one finger; a script that does more is told to wait.
pub const WRITES_MAX: usize = 16;

/// One open WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// A tag's place in the hello's list.
pub type TagNumber = u32;

/// A reading as a screen is told: with the tag's number, and since when it isn't good (0: good, or never was).
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Which tag.
    pub tag: TagNumber,
    /// Its latest sample.
    pub sample: Sample,
    /// When it stopped being good.
    pub since: Timestamp,
}

/// What became of a write, by the number the page gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct SetNews {
    /// The page's number.
    pub id: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a screen is told next.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Who we are, the pages, the tags: first of all.
    Hello,
    /// The bus and the devices.
    Plant(Plant),
    /// What became of a write.
    Set(SetNews),
    /// Readings.
    Tags(Vec<Shown>),
    /// Something it said wasn't understood, why in words.
    Error(String),
}

/// A `watch` list names a tag that isn't there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("watch: tag {0} is not in the list")]
pub struct NoSuchTag(pub TagNumber);

/// The latest of every tag and, per screen, what it hasn't been told.
#[derive(Debug)]
pub struct Watch {
    tags: Vec<Latest>,
    numbers: HashMap<Handle, TagNumber>,
    plant: Plant,
    screens: BTreeMap<SocketId, Screen>,
}

#[derive(Debug)]
struct Latest {
    sample: Sample,
    since: Timestamp,
    screens: Vec<SocketId>,
}

#[derive(Debug, Default)]
struct Screen {
    hello_told: bool,
    plant_told: bool,
    news: VecDeque<Message>,
    watched: Vec<bool>,
    /// Numbers in the order they became dirty; each at most once, as `is_dirty` says.
    dirty: VecDeque<TagNumber>,
    is_dirty: Vec<bool>,
    readings_due: Option<Instant>,
    /// Something else was told last: readings that wait come next. A page that hears of its writes one by one, over bad
    /// Wi-Fi, believes that the link is well, and would show as good what is a minute old.
    readings_turn: bool,
}

impl Watch {
    /// Nothing is known yet of the tags behind these handles, whose places are their numbers.
    pub fn new(handles: &[Handle], plant: Plant) -> Self {
        let unknown = || Latest {
            sample: Sample { at: Timestamp(0), reading: Reading::Missing(Fault::OwnerGone) },
            since: Timestamp(0),
            screens: Vec::new(),
        };
        let numbers = handles.iter().zip(0..).map(|(handle, number)| (*handle, number)).collect();
        Self { tags: handles.iter().map(|_| unknown()).collect(), numbers, plant, screens: BTreeMap::new() }
    }

    /// A page connected: it is told hello and plant, then what it watches.
    pub fn open(&mut self, socket: SocketId) {
        let count = self.tags.len();
        let screen = Screen { watched: vec![false; count], is_dirty: vec![false; count], ..Screen::default() };
        self.screens.insert(socket, screen);
    }

    /// A page is gone.
    pub fn close(&mut self, socket: SocketId) {
        if self.screens.remove(&socket).is_some() {
            self.tags.iter_mut().for_each(|tag| tag.screens.retain(|screen| *screen != socket));
        }
    }

    /// All the tags this page shows now, in place of those it showed before. The new ones are told as they are.
    pub fn watch(&mut self, socket: SocketId, tags: &[TagNumber]) -> Result<(), NoSuchTag> {
        if let Some(stranger) = tags.iter().find(|number| **number as usize >= self.tags.len()) {
            return Err(NoSuchTag(*stranger));
        }
        let Some(screen) = self.screens.get_mut(&socket) else { return Ok(()) };
        let before = std::mem::replace(&mut screen.watched, vec![false; self.tags.len()]);
        tags.iter().for_each(|number| screen.watched[*number as usize] = true);
        for (place, (was, is)) in before.iter().zip(&screen.watched).enumerate() {
            match (was, is) {
                (false, true) => {
                    self.tags[place].screens.push(socket);
                    if !std::mem::replace(&mut screen.is_dirty[place], true) {
                        screen.dirty.push_back(place as TagNumber);
                    }
                }
                (true, false) => {
                    self.tags[place].screens.retain(|other| *other != socket);
                    screen.is_dirty[place] = false;
                }
                _ => {}
            }
        }
        let is_dirty = &screen.is_dirty;
        screen.dirty.retain(|number| is_dirty[*number as usize]);
        // A page that has just turned to something wants to see it now.
        screen.readings_due = None;
        Ok(())
    }

    /// A watched tag has a new reading. Unknown handles are somebody else's.
    pub fn on_sample(&mut self, handle: Handle, sample: Sample, wall: Timestamp) {
        if let Some(number) = self.numbers.get(&handle) {
            self.tags[*number as usize].take(sample, wall);
            self.dirty(*number);
        }
    }

    /// The bus is gone: whatever was good is held until it is delivered again.
    pub fn on_down(&mut self, wall: Timestamp) {
        for number in 0..self.tags.len() {
            let tag = &mut self.tags[number];
            let reading = tag.sample.reading.clone().fallen(Fault::OwnerGone);
            if reading != tag.sample.reading {
                tag.take(Sample { at: tag.sample.at, reading }, wall);
                self.dirty(number as TagNumber);
            }
        }
    }

    /// The bus or a device came or went.
    pub fn on_plant(&mut self, plant: Plant) {
        self.plant = plant;
        self.screens.values_mut().for_each(|screen| screen.plant_told = false);
    }

    /// What became of a write of this page.
    pub fn on_set(&mut self, socket: SocketId, id: u64, outcome: Outcome) {
        self.tell(socket, Message::Set(SetNews { id, outcome }));
    }

    /// The page said something that isn't understood.
    pub fn on_error(&mut self, socket: SocketId, why: String) {
        self.tell(socket, Message::Error(why));
    }

    /// The next thing to tell this page, now that it can take something. `now` never goes back.
    pub fn take(&mut self, socket: SocketId, now: Instant) -> Option<Message> {
        let screen = self.screens.get_mut(&socket)?;
        if !std::mem::replace(&mut screen.hello_told, true) {
            return Some(Message::Hello);
        }
        let has_readings = !screen.dirty.is_empty() && screen.readings_due.is_none_or(|due| due <= now);
        if !(has_readings && std::mem::take(&mut screen.readings_turn)) {
            if !std::mem::replace(&mut screen.plant_told, true) {
                screen.readings_turn = true;
                return Some(Message::Plant(self.plant.clone()));
            }
            if let Some(news) = screen.news.pop_front() {
                screen.readings_turn = true;
                return Some(news);
            }
        }
        if !has_readings {
            return None;
        }
        let (mut count, mut bytes) = (0, 0);
        while count < screen.dirty.len().min(READINGS_PER_MESSAGE) && bytes < VALUE_BYTES_PER_MESSAGE {
            bytes += self.tags[screen.dirty[count] as usize].text_bytes();
            count += 1;
        }
        let numbers: Vec<TagNumber> = screen.dirty.drain(..count).collect();
        // What doesn't fit goes as soon as the page has taken this.
        screen.readings_due = screen.dirty.is_empty().then(|| now + READINGS_EVERY);
        numbers.iter().for_each(|number| screen.is_dirty[*number as usize] = false);
        let shown = numbers.into_iter().map(|tag| {
            let latest = &self.tags[tag as usize];
            Shown { tag, sample: latest.sample.clone(), since: latest.since }
        });
        Some(Message::Tags(shown.collect()))
    }

    /// When [`Watch::take`] will have readings for this page that it has to wait for now.
    pub fn due(&self, socket: SocketId) -> Option<Instant> {
        let screen = self.screens.get(&socket)?;
        if screen.dirty.is_empty() { None } else { screen.readings_due }
    }

    /// How many things wait to be told to this page: at most one per tag it watches, [`NEWS_MAX`] and two more.
    pub fn waiting(&self, socket: SocketId) -> usize {
        let of = |screen: &Screen| screen.dirty.len() + screen.news.len() + usize::from(!screen.plant_told);
        self.screens.get(&socket).map_or(0, of)
    }

    /// How many outcomes and complaints wait to be told to this page.
    pub fn news(&self, socket: SocketId) -> usize {
        self.screens.get(&socket).map_or(0, |screen| screen.news.len())
    }

    fn dirty(&mut self, number: TagNumber) {
        for socket in &self.tags[number as usize].screens {
            let screen = self.screens.get_mut(socket).expect("a screen that watches is open");
            if !std::mem::replace(&mut screen.is_dirty[number as usize], true) {
                screen.dirty.push_back(number);
            }
        }
    }

    fn tell(&mut self, socket: SocketId, news: Message) {
        let Some(screen) = self.screens.get_mut(&socket) else { return };
        // Writes are bounded before they are made, so only complaints can fill this; the page is told enough of those.
        if screen.news.len() < NEWS_MAX || !matches!(news, Message::Error(_)) {
            screen.news.push_back(news);
        }
    }
}

impl Latest {
    /// How much of a message its value takes, where that may be much.
    fn text_bytes(&self) -> usize {
        match self.sample.reading.any_value() {
            Some(Value::Text(text) | Value::Json(text)) => text.len(),
            Some(Value::Int(_) | Value::Float(_) | Value::Bytes(_)) | None => 0,
        }
    }

    fn take(&mut self, sample: Sample, wall: Timestamp) {
        self.since = match &sample.reading {
            Reading::Good(_) => Timestamp(0),
            Reading::Missing(_) => sample.at,
            Reading::Held { .. } => match self.sample.reading {
                Reading::Good(_) => wall,
                // Held when we first hear of it: since when, nobody has told us. Its value's own time is the oldest it
                // can be, and an old value must not look fresher than it is.
                Reading::Missing(_) if self.since == Timestamp(0) => sample.at,
                Reading::Held { .. } | Reading::Missing(_) => self.since,
            },
        };
        self.sample = sample;
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
