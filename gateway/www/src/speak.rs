//! The sentences: messages to the page as JSON text, and what the page says, checked at the door.
//!
//! Pure. `PAGE.md` is the contract; `tests/golden/page/` holds one example of each, which the page's own tests read too.

use std::borrow::Cow;

use link::Outcome;
use serde::ser::{Serialize, SerializeTuple, Serializer};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use shell::Trust;
use tag::{Format, Reading, TagDef, Timestamp, Value};

use crate::watch::{Message, NoSuchTag, Shown, TagNumber};
use crate::{Config, Mistakes, PageTag};

/// The longest message a page may send. A `watch` of every tag of a large site fits; so does a selectdict of a year.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// The longest text or JSON value that is sent to a page: more would keep a slow phone from everything else.
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;

/// The revision of this conversation.
const VERSION: u8 = 1;

/// The largest integer up to which JavaScript counts without gaps: beyond it integers travel as strings of digits.
const COUNTS_TO: u64 = 1 << 53;

/// A wall clock that shows less than 2023-01-01 was never set.
const CLOCK_SET_MS: u64 = 1_672_531_200_000;

/// What a page says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// All the tags it shows now.
    Watch(Vec<TagNumber>),
    /// A write.
    Set {
        /// The page's own number for it.
        id: u64,
        /// Which tag.
        tag: TagNumber,
        /// What to write.
        value: Json,
    },
    /// It wants a beat at once.
    Ping,
}

/// Is the gateway's clock to be believed?
pub fn clock_word(now: Timestamp, trust: Trust) -> &'static str {
    if now.as_ms() < CLOCK_SET_MS || trust == Trust::Unset { "unset" } else { "set" }
}

/// The part of `hello` that stays the same while the daemon runs.
#[derive(Debug)]
pub struct Hello {
    /// What `boot` says: the same as long as pages, tags and the page's files are the same.
    pub boot: String,
    /// Everything after `clock`, as JSON text without the opening brace.
    tail: String,
}

impl Hello {
    /// Puts the pages and tags into words once. `build` names the page's files.
    pub fn new(config: &Config, build: &str) -> Self {
        let tags: Vec<Json> = config.tags.iter().map(told).collect();
        let mut rest = json!({"site": config.title, "config": config.client, "pages": config.pages, "tags": tags});
        if let Some(Mistakes { runs, findings }) = &config.mistakes {
            rest["runs"] = json!(runs);
            rest["findings"] = json!(findings);
        }
        let tail = rest.to_string().split_off(1);
        let boot = Sha256::new().chain_update(env!("CARGO_PKG_VERSION")).chain_update(build).chain_update(&tail);
        Self { boot: crate::auth::hex(&boot.finalize()[..6]), tail }
    }

    /// The whole message.
    pub fn text(&self, now: Timestamp, trust: Trust) -> String {
        let (boot, now, clock, tail) = (&self.boot, now.as_ms(), clock_word(now, trust), &self.tail);
        let version = env!("CARGO_PKG_VERSION");
        format!(
            r#"{{"t":"hello","v":{VERSION},"version":"{version}","boot":"{boot}","now":{now},"clock":"{clock}",{tail}"#
        )
    }
}

fn told(PageTag { def, set, .. }: &PageTag) -> Json {
    let TagDef { name, desc, kind, multi, min, max, deadband, units, dp, format, .. } = def;
    let format = format.map(|format| match format {
        Format::Time => "time",
        Format::Date => "date",
        Format::DateTime => "datetime",
    });
    json!({
        "name": name.as_str(), "desc": desc, "kind": kind.word(), "units": units, "dp": dp,
        "min": min.map(number), "max": max.map(number), "multi": multi, "deadband": deadband.map(number),
        "format": format, "set": set,
    })
}

/// A float as the shortest JSON number: `10`, not `10.0`. Null if it isn't finite.
fn number(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < COUNTS_TO as f64 && (number != 0.0 || number.is_sign_positive()) {
        return Json::from(number as i64);
    }
    Json::from(number)
}

/// A message as JSON text. `now` is the gateway's wall clock; `trust`, whether it is to be believed, only hello asks.
pub fn text(message: &Message, hello: &Hello, now: Timestamp, trust: impl FnOnce() -> Trust) -> String {
    match message {
        Message::Hello => hello.text(now, trust()),
        Message::Plant(plant) => {
            let mut said = json!({"t": "plant"});
            said["bus"] = plant.bus.into();
            said["devices"] = json!(plant.devices);
            said.to_string()
        }
        Message::Set(news) => set_text(news.id, &news.outcome),
        Message::Tags(shown) => {
            let list = serde_json::to_string(shown).expect("readings are plain JSON");
            format!(r#"{{"t":"tags","now":{},"v":{list}}}"#, now.as_ms())
        }
        Message::Error(why) => json!({"t": "error", "why": why}).to_string(),
    }
}

/// The beat as JSON text.
pub fn beat(now: Timestamp) -> String {
    format!(r#"{{"t":"beat","now":{}}}"#, now.as_ms())
}

fn set_text(id: u64, outcome: &Outcome) -> String {
    let said = match outcome {
        Outcome::Stored => json!({"t": "set", "id": id, "state": "stored"}),
        Outcome::Sent => json!({"t": "set", "id": id, "state": "sent"}),
        Outcome::Confirmed => json!({"t": "set", "id": id, "state": "confirmed"}),
        Outcome::Refused(why) => json!({"t": "set", "id": id, "state": "refused", "why": why}),
        Outcome::Mismatch(value) => {
            json!({"t": "set", "id": id, "state": "mismatch", "value": value_json(value).unwrap_or(Json::Null)})
        }
        Outcome::Expired => json!({"t": "set", "id": id, "state": "expired"}),
    };
    said.to_string()
}

/// A value as JSON, or why it can't be shown.
fn value_json(value: &Value) -> Result<Json, &'static str> {
    match value {
        Value::Int(int) if int.unsigned_abs() > COUNTS_TO => Ok(int.to_string().into()),
        Value::Int(int) => Ok((*int).into()),
        // A client of protocol 1 may have put it on the bus; on a page it would be a number that isn't one.
        Value::Float(float) if !float.is_finite() => Err("out of range"),
        Value::Float(float) => Ok(number(*float)),
        Value::Text(text) if text.len() > VALUE_BYTES_MAX => Err("too large to show"),
        Value::Text(text) => Ok((**text).into()),
        Value::Json(text) if text.len() > VALUE_BYTES_MAX => Err("too large to show"),
        Value::Json(text) => serde_json::from_str(text).map_err(|_| "not JSON"),
        Value::Bytes(_) => Ok(Json::Null),
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = self.sample.at.as_ms();
        let (quality, value, why): (u8, Json, Option<Cow<'_, str>>) = match &self.sample.reading {
            Reading::Missing(fault) => (2, Json::Null, Some(fault.to_string().into())),
            Reading::Good(value) | Reading::Held { last: value, .. } => {
                match (value_json(value), self.sample.reading.fault()) {
                    (Ok(value), None) => (0, value, None),
                    (Ok(value), Some(fault)) => (1, value, Some(fault.to_string().into())),
                    (Err(why), _) => (2, Json::Null, Some(why.into())),
                }
            }
        };
        let mut list = serializer.serialize_tuple(if why.is_some() { 6 } else { 4 })?;
        list.serialize_element(&self.tag)?;
        list.serialize_element(&at)?;
        list.serialize_element(&quality)?;
        list.serialize_element(&value)?;
        if let Some(why) = why {
            // A good reading that can't be shown isn't good since it was taken.
            let since = if self.sample.reading.good().is_some() { at } else { self.since.as_ms() };
            list.serialize_element(&why)?;
            list.serialize_element(&since)?;
        }
        list.end()
    }
}

/// What a page says to a gateway of so many tags, or why it isn't understood.
pub fn parse(text: &str, tag_count: usize) -> Result<Said, String> {
    if text.len() > MESSAGE_BYTES_MAX {
        return Err(format!("a message of {} bytes, at most {MESSAGE_BYTES_MAX}", text.len()));
    }
    let mut said: Json = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    match said["t"].as_str() {
        Some("ping") => Ok(Said::Ping),
        Some("watch") => {
            let tags = said["tags"].as_array().ok_or("watch: without a list of tags")?;
            let number = |tag: &Json| {
                let number = tag_number(tag).ok_or("watch: a tag is named by its number")?;
                let there = (number as usize) < tag_count;
                if there { Ok(number) } else { Err(NoSuchTag(number).to_string()) }
            };
            Ok(Said::Watch(tags.iter().map(number).collect::<Result<_, String>>()?))
        }
        Some("set") => {
            let id = said["id"].as_u64().filter(|id| *id <= COUNTS_TO).ok_or("set: without a number as id")?;
            let tag = tag_number(&said["tag"]).ok_or("set: a tag is named by its number")?;
            let value = said.get_mut("value").map(Json::take).ok_or("set: without a value")?;
            Ok(Said::Set { id, tag, value })
        }
        Some(other) => Err(format!("a message called {:?}", other.chars().take(32).collect::<String>())),
        None => Err("a message without t".into()),
    }
}

fn tag_number(tag: &Json) -> Option<TagNumber> {
    tag.as_u64()?.try_into().ok()
}

#[cfg(test)]
#[path = "speak_tests.rs"]
mod tests;
