//! `tags.yaml`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tag::{Format, Kind, PastLimits, TagDef, TagName};

use super::alarm;
use super::devices::Brought;
use crate::fields::{Fields, fields, short};
use crate::finding::Pos;
use crate::keys;
use crate::marked::{Entry, Node, Yaml, clipped, overlay};
use crate::report::Report;

mod init;
mod past_limits;

use init::init;
pub(super) use past_limits::moves_nothing;
use past_limits::past_limits;

/// Bus ids are 16 bits, and 0 and the bus's own tag are taken.
const TAGS_MAX: usize = 65_534;

/// The site's tags, and which place each has.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    pub(crate) defs: Vec<TagDef>,
    places: HashMap<TagName, usize>,
    /// There is a `tags.yaml`: a name that isn't in it is a slip.
    pub(crate) known: bool,
    /// Tags that `modbusclient.yaml` reads and doesn't write.
    pub(crate) only_read: HashSet<TagName>,
    /// Tags of which `tags.yaml` has `past_limits: clamp`, and where.
    clamped: Vec<(TagName, Pos)>,
}

impl Tags {
    /// The definition of a tag.
    pub(crate) fn get(&self, name: &str) -> Option<&TagDef> {
        self.places.get(name).map(|place| &self.defs[*place])
    }

    /// Every name, for "did you mean".
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.defs.iter().map(|def| def.name.as_str())
    }
}

/// Loads `tags.yaml`: a mapping of names to what is said of each, over what the site's devices say of theirs.
pub(super) fn load(node: &Node, brought: &Brought, report: &mut Report<'_>) -> Tags {
    let mut tags = Tags { known: true, ..Tags::default() };
    let entries = node.map().unwrap_or_default();
    for entry in entries {
        if tags.defs.len() == TAGS_MAX {
            report.error(entry.key_pos, format!("{} tags", entries.len()), format!("expected at most {TAGS_MAX}"));
            break;
        }
        let name = match TagName::parse(&entry.key) {
            Ok(name) => name,
            Err(error) => {
                report.error(entry.key_pos, format!("\"{}\" is no tag name", clipped(&entry.key)), error.to_string());
                continue;
            }
        };
        let laid_over = over(entry, brought);
        let value = laid_over.as_ref().unwrap_or(&entry.value);
        let Some(fields) = fields(value, &keys::TAG, report) else { continue };
        let def = def(name, &fields, report);
        if def.past_limits == PastLimits::Clamp {
            tags.clamped.push((def.name.clone(), fields.pos("past_limits")));
        }
        tags.add(def);
    }
    tags.complete(brought);
    tags
}

/// What `tags.yaml` says of a device's tag, over what the device says. `None`: it isn't one, or nothing sensible is said.
fn over(entry: &Entry, brought: &Brought) -> Option<Node> {
    let said = brought.of(&entry.key, entry.key_pos)?;
    let own = match &entry.value.yaml {
        Yaml::Map(own) => own.clone(),
        _ if entry.value.is_null() => Vec::new(),
        _ => return None,
    };
    Some(Node { pos: entry.value.pos, yaml: Yaml::Map(overlay(said.into_iter().chain(own))) })
}

impl Tags {
    /// The tags of a site without `tags.yaml`: those of its devices.
    pub(super) fn of_devices(brought: &Brought) -> Self {
        let mut tags = Self::default();
        tags.complete(brought);
        tags
    }

    fn add(&mut self, def: TagDef) {
        self.places.insert(def.name.clone(), self.defs.len());
        self.defs.push(def);
    }

    /// Adds the devices' tags of which `tags.yaml` says nothing. What is wrong with them is said in the device's file.
    fn complete(&mut self, brought: &Brought) {
        let mut silent = Report::new("", "");
        for name in &brought.names {
            let Ok(parsed) = TagName::parse(name) else { continue };
            if self.get(name).is_some() || self.defs.len() == TAGS_MAX {
                continue;
            }
            let node =
                Node { pos: Pos::WHOLE_FILE, yaml: Yaml::Map(brought.of(name, Pos::WHOLE_FILE).unwrap_or_default()) };
            if let Some(fields) = fields(&node, &keys::TAG, &mut silent) {
                let def = def(parsed, &fields, &mut silent);
                self.add(def);
            }
        }
    }
}

/// What a mapping says of a tag.
pub(super) fn def(name: TagName, fields: &Fields<'_>, report: &mut Report<'_>) -> TagDef {
    let written = fields.text("type").and_then(kind_of);
    let multi = fields.texts("multi").filter(|_| fields.node("multi").is_some_and(|node| node.seq().is_some()));
    let kind = if multi.is_some() { Kind::Int } else { written.unwrap_or(Kind::Float) };
    let mut def = TagDef { multi, ..TagDef::new(name, kind) };
    limits(&mut def, written, fields, report);
    def.past_limits = past_limits(&def, fields, report);
    if let Some(desc) = fields.text("desc") {
        def.desc = desc.to_owned();
    }
    def.deadband = fields.number("deadband");
    def.rollover = fields.number("rollover");
    def.units = fields.text("units").map(str::to_owned);
    def.dp = fields.int("dp").or(def.dp);
    def.group = fields.text("group").map(str::to_owned);
    def.stale = fields.number("stale_s").map(Duration::from_secs_f64);
    def.recorded = fields.bool("history").unwrap_or(def.kind.is_numeric());
    not_recorded(&def, fields, report);
    def.heartbeat = fields.number("heartbeat_s").map(Duration::from_secs_f64);
    def.age = Duration::from_micros(fields.int("age_us").unwrap_or(0));
    def.format = format(&def, fields, report);
    def.alarm = alarms(&def, fields, report);
    def.init = fields.node("init").and_then(|node| init(&def, node, report));
    def
}

/// The type with its article: `an int`.
pub(super) fn a(kind: Kind) -> String {
    format!("{} {}", if kind == Kind::Int { "an" } else { "a" }, kind.word())
}

fn kind_of(word: &str) -> Option<Kind> {
    [Kind::Int, Kind::Float, Kind::Str, Kind::Bytes, Kind::List, Kind::Dict]
        .into_iter()
        .find(|kind| kind.word() == word)
}

fn limits(def: &mut TagDef, written: Option<Kind>, fields: &Fields<'_>, report: &mut Report<'_>) {
    let (min, max) = (fields.number("min"), fields.number("max"));
    if let Some(states) = &def.multi {
        if states.is_empty() {
            report.error(fields.pos("multi"), "multi = an empty list", "expected the names of its states");
        }
        if written.is_some_and(|kind| kind != Kind::Int) {
            let found =
                format!("type = {} of a tag with multi", fields.node("type").map_or_else(String::new, Node::shown));
            report.warning(fields.pos("type"), found, "it is an int all the same");
        }
        let last = states.len().saturating_sub(1) as f64;
        for (key, written, is) in [("min", min, 0.0), ("max", max, last)] {
            if written.is_some_and(|written| written != is) {
                let found = format!("{key} of a tag with multi does nothing");
                report.warning(fields.pos(key), found, format!("its states go from 0 to {last}"));
            }
        }
        (def.min, def.max) = (Some(0.0), Some(last));
        return;
    }
    (def.min, def.max) = (min, max);
    if let (Some(min), Some(max)) = (min, max) {
        if min > max {
            report.error(
                fields.pos("min"),
                format!("min = {} is above max = {}", short(min), short(max)),
                "expected min below max",
            );
        }
    }
    if !def.kind.is_numeric() {
        for key in ["min", "max", "deadband", "rollover"] {
            if fields.node(key).is_some() {
                let found = format!("{key} of {} tag does nothing", a(def.kind));
                report.warning(fields.pos(key), found, "only numbers have limits");
            }
        }
    }
}

/// What is said of the keeping of a tag that isn't kept.
fn not_recorded(def: &TagDef, fields: &Fields<'_>, report: &mut Report<'_>) {
    if def.recorded {
        return;
    }
    let keys: &[&str] = if def.kind.is_numeric() { &["deadband", "heartbeat_s", "rollover"] } else { &["heartbeat_s"] };
    for key in keys.iter().filter(|key| fields.node(key).is_some()) {
        let found = format!("{key} of a tag that the history doesn't keep does nothing");
        report.warning(fields.pos(key), found, "expected history: yes beside it");
    }
}

fn format(def: &TagDef, fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Format> {
    let node = fields.node("format")?;
    let text = node.text().unwrap_or("");
    // pymscada looks at the first word only.
    let format = match text.split_whitespace().next() {
        Some("time") => Format::Time,
        Some("date") => Format::Date,
        Some("datetime") => Format::DateTime,
        // The default of pymscada's page is the type: to write it is to say nothing.
        Some("int" | "float" | "str" | "multi") => return None,
        _ => {
            let hint = report.did_you_mean(text, ["time", "date", "datetime"]);
            let found = format!("format = {}", node.shown());
            report.error_hint(node.pos, found, "expected one of time, date, datetime", hint);
            return None;
        }
    };
    if def.kind != Kind::Int || def.multi.is_some() {
        let found = format!("format = {text} of {} tag does nothing", a(def.kind));
        report.warning(node.pos, found, "expected type: int, in µs since 1970");
        return None;
    }
    Some(format)
}

fn alarms(def: &TagDef, fields: &Fields<'_>, report: &mut Report<'_>) -> Vec<String> {
    let Some(conditions) = fields.texts("alarm") else { return Vec::new() };
    if !def.kind.is_numeric() {
        report.error(fields.pos("alarm"), format!("an alarm on {} tag", a(def.kind)), "expected an int or a float");
        return Vec::new();
    }
    let node = fields.node("alarm").expect("it has conditions");
    for (at, condition) in conditions.iter().enumerate() {
        let pos = node.seq().map_or(node.pos, |items| items[at].pos);
        if let Some(fault) = alarm::fault(condition) {
            report.error(pos, format!("alarm = \"{}\"", clipped(condition)), fault);
        }
    }
    conditions
}
