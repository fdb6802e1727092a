//! `tags.yaml`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tag::{Format, Kind, TagDef, TagName, Value};

use super::alarm;
use super::devices::Brought;
use crate::fields::{Fields, fields, int, plain_number, short};
use crate::finding::Pos;
use crate::keys;
use crate::marked::{Entry, Node, Style, Yaml, clipped, overlay};
use crate::report::Report;
use crate::scalar::Plain;

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
    if let Some(desc) = fields.text("desc") {
        def.desc = desc.to_owned();
    }
    def.deadband = fields.number("deadband");
    def.rollover = fields.number("rollover");
    def.units = fields.text("units").map(str::to_owned);
    def.dp = fields.int("dp").or(def.dp);
    def.group = fields.text("group").map(str::to_owned);
    def.stale = fields.number("stale_s").map(Duration::from_secs_f64);
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

fn init(def: &TagDef, node: &Node, report: &mut Report<'_>) -> Option<Value> {
    let value = match def.kind {
        Kind::Int => int(node).map(Value::Int),
        Kind::Float => plain_number(node).map(Value::Float),
        Kind::Str => node.text().map(Value::from),
        Kind::Bytes => bytes(node).map(|bytes| Value::Bytes(bytes.into())),
        Kind::List => node.seq().map(|_| json(node, report)),
        Kind::Dict => node.map().map(|_| json(node, report)),
    };
    let Some(value) = value else {
        if node.is_unfilled() {
            return None;
        }
        let state = def.multi.as_ref().and_then(|states| states.iter().position(|state| Some(&**state) == node.text()));
        let (expected, hint) = match (def.kind, &def.multi) {
            (_, Some(states)) => (
                format!("expected the number of a state, 0 to {}", states.len().saturating_sub(1)),
                state.map(|at| format!("write {at} for {}", states[at])),
            ),
            (Kind::Int, _) => ("expected a whole number: the tag is an int".into(), whole(node)),
            (Kind::Float, _) => ("expected a number: the tag is a float".into(), quoted_number(node)),
            (Kind::Str, _) => ("expected text: the tag is a str".into(), None),
            (Kind::Bytes, _) => ("expected !!binary and base64: the tag is bytes".into(), None),
            (Kind::List, _) => ("expected a list: the tag is a list".into(), None),
            (Kind::Dict, _) => ("expected a mapping: the tag is a dict".into(), None),
        };
        report.error_hint(node.pos, format!("init = {}", node.shown()), expected, hint);
        return None;
    };
    if let Some(number) = value.as_f64() {
        let low = def.min.is_some_and(|min| number < min);
        if low || def.max.is_some_and(|max| number > max) {
            let found = format!("init = {} is {} the tag's limits", short(number), if low { "below" } else { "above" });
            if def.multi.is_some() {
                report.error(node.pos, found, "expected the number of a state");
            } else {
                report.warning(node.pos, found, "expected a value from min to max");
            }
        }
    }
    Some(value)
}

/// A hint for a number with decimals where a whole one belongs.
fn whole(node: &Node) -> Option<String> {
    match node.scalar()?.plain() {
        Plain::Float(x, _) if x.fract() == 0.0 && x.abs() < 1e15 => Some(format!("write {x}")),
        Plain::Float(..) => Some("or give the tag type: float".to_owned()),
        _ => quoted_number(node),
    }
}

fn quoted_number(node: &Node) -> Option<String> {
    let scalar = node.scalar()?;
    let number = matches!(crate::scalar::plain(&scalar.text), Plain::Int(..) | Plain::Float(..));
    (number && scalar.style == Style::Quoted).then(|| "leave out the quotes".to_owned())
}

fn json(node: &Node, report: &mut Report<'_>) -> Value {
    Value::Json(node.to_json(&[], report).to_string().into())
}

/// The bytes of a `!!binary` scalar.
fn bytes(node: &Node) -> Option<Vec<u8>> {
    let scalar = node.scalar().filter(|scalar| scalar.style == Style::Binary)?;
    let (mut out, mut bits, mut have) = (Vec::new(), 0u32, 0);
    for c in scalar.text.bytes().filter(|c| !c.is_ascii_whitespace() && *c != b'=') {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
            bits &= (1 << have) - 1;
        }
    }
    Some(out)
}
