//! What the page's status pill knows of the plant: is the bus there, and which devices answer.
//!
//! Pure. The Modbus daemon publishes `sys.modbus.<device>.state` and `.why`; this turns them into the `plant` message.

use std::collections::HashMap;

use link::Handle;
use serde::Serialize;
use tag::{Reading, Sample, TagName, Timestamp, Value};

/// The bus and the devices as a page is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plant {
    /// Is the bus there?
    pub bus: bool,
    /// The devices, in the order of `modbusclient.yaml`.
    pub devices: Vec<Device>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Device {
    /// Its name in `modbusclient.yaml`.
    pub name: String,
    /// Does it answer?
    pub state: State,
    /// Why it doesn't, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Since when it doesn't, ms since 1970; none when that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
}

/// Does a device answer?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It does.
    Ok,
    /// It doesn't.
    Offline,
}

/// The two tags that tell of a device, in the order [`Board::new`] wants their handles.
pub fn tags_of(device: &str) -> Option<[TagName; 2]> {
    let name = |what| TagName::parse(&format!("sys.modbus.{device}.{what}")).ok();
    Some([name("state")?, name("why")?])
}

/// Follows the devices' tags.
#[derive(Debug)]
pub struct Board {
    bus: bool,
    devices: Vec<Followed>,
    by_handle: HashMap<Handle, (usize, Part)>,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    State,
    Why,
}

#[derive(Debug)]
struct Followed {
    name: String,
    state: Option<Reading>,
    why: String,
    since: Option<Timestamp>,
}

impl Board {
    /// Nothing is known yet: the bus isn't there, no device answers.
    pub fn new(devices: impl IntoIterator<Item = (String, [Handle; 2])>) -> Self {
        let mut board = Self { bus: false, devices: Vec::new(), by_handle: HashMap::new() };
        for (name, [state, why]) in devices {
            let place = board.devices.len();
            board.by_handle.insert(state, (place, Part::State));
            board.by_handle.insert(why, (place, Part::Why));
            board.devices.push(Followed { name, state: None, why: String::new(), since: None });
        }
        board
    }

    /// The bus came or went. True when the page must hear of it.
    pub fn on_bus(&mut self, up: bool) -> bool {
        let changed = self.bus != up;
        self.bus = up;
        if !up {
            // What they said is no longer known; a device that is delivered again says so itself.
            self.devices.iter_mut().for_each(|device| device.state = None);
        }
        changed
    }

    /// A sample of a device's tag. True when the page must hear of it; also false when the tag isn't a device's.
    pub fn on_sample(&mut self, tag: Handle, sample: &Sample, wall: Timestamp) -> bool {
        let Some(&(place, part)) = self.by_handle.get(&tag) else { return false };
        let device = &mut self.devices[place];
        let before = device.told();
        match part {
            Part::State => {
                let was_known = device.state.is_some();
                let was_ok = device.state.as_ref().is_some_and(says_ok);
                device.state = Some(sample.reading.clone());
                if device.state.as_ref().is_some_and(says_ok) {
                    device.since = None;
                } else if was_ok {
                    device.since = Some(wall);
                } else if !was_known && device.since.is_none() {
                    // Offline before we came: the tag's own time is when the Modbus daemon said so.
                    device.since = Some(sample.at).filter(|at| at.0 > 0);
                }
            }
            Part::Why => {
                device.why = match &sample.reading {
                    Reading::Good(Value::Text(why)) => why.to_string(),
                    _ => String::new(),
                };
            }
        }
        before != device.told()
    }

    /// What the page is told.
    pub fn plant(&self) -> Plant {
        Plant { bus: self.bus, devices: self.devices.iter().map(Followed::told).collect() }
    }
}

impl Followed {
    fn told(&self) -> Device {
        let name = self.name.clone();
        match &self.state {
            Some(reading) if says_ok(reading) => Device { name, state: State::Ok, why: None, since: None },
            state => {
                let unknown = match state {
                    Some(reading) => reading.fault().map(|fault| fault.to_string()),
                    None => Some(tag::Fault::OwnerGone.to_string()),
                };
                let why = unknown.unwrap_or_else(|| self.why.clone());
                let why = if why.is_empty() { "offline".into() } else { why };
                Device { name, state: State::Offline, why: Some(why), since: self.since.map(Timestamp::as_ms) }
            }
        }
    }
}

/// `ok` in words; a number that isn't 0 says the same.
fn says_ok(reading: &Reading) -> bool {
    match reading {
        Reading::Good(Value::Text(word)) => &**word == "ok",
        Reading::Good(Value::Int(number)) => *number != 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(at: u64, word: &str) -> Sample {
        Sample { at: Timestamp(at), reading: Reading::Good(word.into()) }
    }

    #[test]
    fn a_device_goes_and_comes() {
        let (state, why) = (Handle(0), Handle(1));
        let mut board = Board::new([("PLC1".to_owned(), [state, why])]);
        assert_eq!(board.plant().devices[0].why.as_deref(), Some("source not running"));
        assert!(board.on_bus(true));
        assert!(board.on_sample(state, &text(1, "ok"), Timestamp(1)));
        assert!(!board.on_sample(state, &text(2, "ok"), Timestamp(2)), "nothing changed");
        assert_eq!(board.plant().devices[0].state, State::Ok);
        assert!(!board.on_sample(why, &text(3, "timed out"), Timestamp(3)), "a device that answers needs no reason");
        assert!(board.on_sample(state, &text(3, "offline"), Timestamp(3_000)));
        let device = board.plant().devices.remove(0);
        assert_eq!((device.why.as_deref(), device.since), (Some("timed out"), Some(3)));
        assert!(board.on_bus(false));
        assert_eq!(board.plant().devices[0].why.as_deref(), Some("source not running"));
        assert_eq!(board.plant().devices[0].since, Some(3), "still since then");
    }
}
