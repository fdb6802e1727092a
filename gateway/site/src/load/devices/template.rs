//! One device's file.

use std::rc::Rc;

use tag::TagName;

use crate::fields::{Fields, fields, int};
use crate::finding::Pos;
use crate::keys::{self, TAG_KEYS};
use crate::load::address::{Item, Place, Use, place};
use crate::load::modbus::words;
use crate::load::tags;
use crate::marked::{Entry, Node, Scalar, Style, Yaml, clipped};
use crate::report::Report;
use crate::{Address, Device, ModbusTag, Model, Order, Register, Table, WordType};

/// A device, and what its file says of its tags, key by key: what `tags.yaml` says comes over it.
#[derive(Debug)]
pub(in crate::load) struct Template {
    pub(in crate::load) device: Device,
    /// One for each register.
    pub(in crate::load) said: Vec<Vec<Entry>>,
}

/// Loads the file. `None` only when it isn't a mapping at all.
pub(in crate::load) fn load(name: &str, node: &Node, report: &mut Report<'_>) -> Option<Template> {
    let file = fields(node, &keys::DEVICE, report)?;
    let sunspec = models(&file, report);
    let order = words::order(&file).unwrap_or(Order::Abcd);
    let base = file.int("base").or(if sunspec.is_empty() { Some(0) } else { None });
    let (mut registers, mut said) = (Vec::new(), Vec::new());
    let entries = file.node("registers").and_then(Node::map).unwrap_or_default();
    for entry in entries {
        let Some((register, of_tag)) = register(entry, order, &sunspec, report) else { continue };
        registers.push(register);
        said.push(of_tag);
    }
    if file.has("registers") && entries.is_empty() {
        report.error(file.pos("registers"), "a device without registers", "expected some");
    }
    let device = Device {
        name: name.to_owned(),
        desc: file.text("desc").unwrap_or(name).to_owned(),
        source: file.node("source").and_then(|_| file.texts("source")).unwrap_or_default(),
        base,
        sunspec,
        registers,
    };
    Some(Template { device, said })
}

fn models(file: &Fields<'_>, report: &mut Report<'_>) -> Vec<u16> {
    let Some(node) = file.node("sunspec") else { return Vec::new() };
    let one = |node: &Node| int(node).and_then(|id| u16::try_from(id).ok()).filter(|id| (1..0xFFFF).contains(id));
    let ids: Option<Vec<u16>> = match node.seq() {
        Some(items) => items.iter().map(one).collect(),
        None => one(node).map(|id| vec![id]),
    };
    ids.filter(|ids| !ids.is_empty()).unwrap_or_else(|| {
        let expected = "expected numbers of models from 1 to 65534, like [101, 102, 103]";
        report.error(node.pos, format!("sunspec = {}", node.shown()), expected);
        Vec::new()
    })
}

fn register(entry: &Entry, order: Order, models: &[u16], report: &mut Report<'_>) -> Option<(Register, Vec<Entry>)> {
    let name = match TagName::parse(&entry.key) {
        Ok(name) => name,
        Err(error) => {
            report.error(entry.key_pos, format!("\"{}\" is no name", clipped(&entry.key)), error.to_string());
            return None;
        }
    };
    let fields = fields(&entry.value, &keys::REGISTER, report)?;
    let (value, item) = words::value(name.clone(), &fields, report)?;
    let at = |key: &str, item: Item, what: Use, report: &mut Report<'_>| {
        place(fields.node(key)?, key, item, what, report).map(address)
    };
    let power = Item { word_type: WordType::Int16, words: 1 };
    let read = at("read", item, Use::Read, report);
    let value = ModbusTag {
        order: value.order.or(Some(order)),
        read,
        write: at("write", item, Use::Write, report),
        sunssf: at("sunssf", power, Use::Read, report),
        model: read.filter(|_| !models.is_empty()).map(|_| Model { start: 0, ids: models.to_vec() }),
        ..value
    };
    if !["read", "write"].iter().any(|key| fields.has(key)) {
        let found = format!("\"{name}\" is neither read nor written");
        report.error(entry.key_pos, found, "expected read, write, or both: file:word");
    }
    words::fits(&value, &fields, report);
    apart(&value, &fields, report);
    let (tag, said) = tag_of(name, entry, &value, report)?;
    if !value.states.is_empty() && tag.multi.as_ref().map(Vec::len) != Some(value.states.len()) {
        let expected = "expected as many names in multi";
        report.error(fields.pos("states"), format!("{} states", value.states.len()), expected);
    }
    Some((Register { value, tag }, said))
}

/// What must be read in one piece must lie together.
fn apart(value: &ModbusTag, fields: &Fields<'_>, report: &mut Report<'_>) {
    let table = value.read.map(|at| at.table);
    if value.sunssf.is_some_and(|at| table != Some(at.table)) {
        report.error(fields.pos("sunssf"), "sunssf apart from its number", "expected it in the file of read");
    }
    if value.model.is_some() && fields.has("write") {
        let expected = "expected it at registers that are only read";
        report.error(fields.pos("write"), "write into a SunSpec model", expected);
    }
    if value.model.is_some() && table.is_some_and(|table| table != Table::HoldingRegisters) {
        report.error(fields.pos("read"), "a SunSpec model outside 4x", "expected 4x: models are holding registers");
    }
    if value.model.is_some() && value.word_type == WordType::Bool {
        report.error(fields.pos("type"), "a bool in a SunSpec model", "expected the whole register, as uint16");
    }
    let span = value.read_span().map_or(0, |(_, words)| words);
    if span > 125 {
        let expected = "expected at most 125, what one request reads";
        report.error(fields.pos("read"), format!("{span} words that must be read in one piece"), expected);
    }
}

/// Addresses of a device's file stand for a place in whichever unit a site names.
fn address(Place { table, start, bit }: Place) -> Address {
    Address { rtu: 0, unit: 0, table, start, bit }
}

/// The tag of a register, and what the file says of it as `tags.yaml` would.
fn tag_of(
    name: TagName,
    entry: &Entry,
    value: &ModbusTag,
    report: &mut Report<'_>,
) -> Option<(tag::TagDef, Vec<Entry>)> {
    let all = entry.value.map().unwrap_or_default();
    let mut said: Vec<Entry> = all.iter().filter(|entry| TAG_KEYS.contains(&&*entry.key)).cloned().collect();
    if !said.iter().any(|entry| &*entry.key == "multi") {
        let kind = match value.word_type {
            WordType::Text => "str",
            WordType::Bytes => "bytes",
            _ if value.gives_floats() => "float",
            _ => "int",
        };
        said.push(Entry { key: "type".into(), key_pos: entry.key_pos, value: word(kind, entry.key_pos) });
    }
    let node = Node { pos: entry.value.pos, yaml: Yaml::Map(said.clone()) };
    // What a key may be was said with the table of registers.
    let mut silent = Report::new("", "");
    let fields = fields(&node, &keys::TAG, &mut silent)?;
    let def = tags::def(name, &fields, report);
    Some((def, said))
}

fn word(text: &str, pos: Pos) -> Node {
    Node { pos, yaml: Yaml::Scalar(Scalar { text: Rc::from(text), style: Style::Plain }) }
}
