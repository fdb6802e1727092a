//! `modbusclient.yaml`.

use std::collections::HashMap;
use std::path::PathBuf;

use tag::{Kind, TagName};

use super::address::{Item, Use, address};
use super::coverage::Coverage;
use super::devices::Shelf;
use super::small::bus_address;
use super::tags::{Tags, a};
use crate::fields::{Fields, fields};
use crate::finding::Pos;
use crate::keys;
use crate::marked::{Entry, Node, clipped};
use crate::report::Report;
use crate::{Address, Bus, Form, ModbusClient, ModbusTag, Order, Rtu, Transport, WordType};

mod line;
mod overlap;
mod uses;
pub(super) mod words;

pub(super) use line::{area_of, serial};
use overlap::Written;
pub(super) use words::{length, order};

/// Loads the file. `None` only when it isn't a mapping at all.
pub(super) fn load(
    node: &Node,
    tags: &Tags,
    shelf: &Shelf<'_>,
    bus: &Bus,
    whole_site: bool,
    report: &mut Report<'_>,
) -> Option<ModbusClient> {
    let file = fields(node, &keys::MODBUS_CLIENT, report)?;
    let bus = bus_address(&file, bus, whole_site, report);
    let (rtus, orders, writable) = connections(&file, report);
    let places: HashMap<&str, usize> = rtus.iter().enumerate().map(|(at, rtu)| (&*rtu.name, at)).collect();
    let (mut reads, mut writes) = (Coverage::default(), Coverage::default());
    for (at, rtu) in rtus.iter().enumerate() {
        reads.add(at, &rtu.reads);
        writes.add(at, &rtu.writes);
    }
    let (reads, writes, writable) = (reads.ready(), writes.ready(), writable.ready());
    let look = Look { rtus: &rtus, orders: &orders, places, reads, writes, writable, tags };
    let entries = file.node("tags").and_then(Node::map).unwrap_or_default();
    let mut all: Vec<(ModbusTag, Pos)> = Vec::new();
    for entry in entries {
        let at = |tag: &ModbusTag| if tag.write.is_some() { "write" } else { "read" };
        all.extend(look.tag(entry, report).map(|tag| {
            let pos = entry.value.get(at(&tag)).or(entry.value.get("addr")).map_or(entry.key_pos, |node| node.pos);
            (tag, pos)
        }));
    }
    all.extend(look.devices(file.items("devices"), shelf, entries, report));
    let written = all.iter().filter_map(|(tag, pos)| Written::of(tag, &rtus, *pos)).collect();
    overlap::look(written, &rtus, report);
    let tags = all.into_iter().map(|(tag, _)| tag).collect();
    Some(ModbusClient { bus, rtus, tags })
}

/// The tags that can't be set: those without a write address, and those of which the form with areas reads only.
pub(super) fn only_read(client: &ModbusClient) -> impl Iterator<Item = TagName> {
    let by_areas = |address: &Address| client.rtus[address.rtu].form == Form::Areas;
    let is_only_read = move |tag: &&ModbusTag| tag.write.is_none() || tag.read.as_ref().is_some_and(by_areas);
    client.tags.iter().filter(is_only_read).map(|tag| tag.name.clone())
}

/// The connections, the order each says for its tags, and what `writeok` covers.
fn connections(file: &Fields<'_>, report: &mut Report<'_>) -> (Vec<Rtu>, Vec<Option<Order>>, Coverage) {
    let (mut rtus, mut orders, mut writable) = (Vec::new(), Vec::new(), Coverage::default());
    let mut seen: HashMap<&str, &Node> = HashMap::new();
    let mut ports: HashMap<PathBuf, &Node> = HashMap::new();
    let mut listens: HashMap<u16, &Node> = HashMap::new();
    for node in file.items("rtus") {
        let Some(fields) = fields(node, &keys::RTU, report) else { continue };
        let Some(rtu) = line::rtu(&fields, report) else { continue };
        if let Some(first) = seen.insert(fields.text("name").unwrap_or(""), node) {
            let expected = format!("the first is at {}", first.pos);
            report.error(
                fields.pos("name"),
                format!("two connections are called \"{}\"", clipped(&rtu.name)),
                expected,
            );
        }
        if let Transport::Listen { at, .. } = &rtu.transport {
            if let Some(first) = listens.insert(at.port(), node) {
                let found = format!("listen = {} is another connection's already", at.port());
                report.error(fields.pos("listen"), found, format!("the first is at {}", first.pos));
            }
        }
        if let Transport::Rtu(serial) = &rtu.transport {
            if let Some(first) = ports.insert(serial.path.clone(), node) {
                report.error_hint(
                    fields.pos("serial"),
                    format!("serial = \"{}\" is another connection's already", serial.path.display()),
                    format!("the first is at {}", first.pos),
                    Some("one connection serves all units of its line".to_owned()),
                );
            }
        }
        writable.add(rtus.len(), &line::areas(&fields, "writeok", report));
        orders.push(order(&fields));
        rtus.push(rtu);
    }
    (rtus, orders, writable)
}

/// What a tag of the file is held against.
struct Look<'l> {
    rtus: &'l [Rtu],
    orders: &'l [Option<Order>],
    places: HashMap<&'l str, usize>,
    reads: Coverage,
    writes: Coverage,
    /// Blocks of `writeok`.
    writable: Coverage,
    tags: &'l Tags,
}

impl Look<'_> {
    fn tag(&self, entry: &Entry, report: &mut Report<'_>) -> Option<ModbusTag> {
        let name = match TagName::parse(&entry.key) {
            Ok(name) => name,
            Err(error) => {
                report.error(entry.key_pos, format!("\"{}\" is no tag name", clipped(&entry.key)), error.to_string());
                return None;
            }
        };
        let fields = fields(&entry.value, &keys::MODBUS_TAG, report)?;
        let at = |key: &str, item: Item, what: Use, report: &mut Report<'_>| {
            address(fields.node(key)?, key, item, what, self.rtus, &self.places, report)
        };
        let Some((tag, item)) = words::value(name, &fields, report) else {
            // Where it lies is looked at all the same, so that this is told at once as well.
            for (key, what) in [("addr", Use::Read), ("read", Use::Read), ("write", Use::Write)] {
                let is_bit = fields.text(key).is_some_and(|text| text.contains(":0x:") || text.contains(":1x:"));
                let word_type = if is_bit { WordType::Bool } else { WordType::Int16 };
                let _ = at(key, Item { word_type, words: 1 }, what, report);
            }
            return None;
        };
        let former = at("addr", item, Use::Read, report);
        let read = at("read", item, Use::Read, report).or(former);
        let is_writable = |address: &Address| self.writable.holds(address, item.words);
        let write = at("write", item, Use::Write, report).or(former.filter(is_writable));
        if !["read", "write", "addr"].iter().any(|key| fields.has(key)) {
            let found = format!("\"{}\" is neither read nor written", tag.name);
            report.error(entry.key_pos, found, "expected read, write, or both: NAME:unit:file:word");
        }
        let power = Item { word_type: WordType::Int16, words: 1 };
        let tag = ModbusTag {
            stale: self.tags.get(&entry.key).and_then(|def| def.stale),
            order: tag.order.or_else(|| read.or(write).and_then(|address| self.orders[address.rtu])),
            read,
            write,
            deadband: fields.number("deadband").filter(|band| *band > 0.0),
            sunssf: at("sunssf", power, Use::Read, report),
            ..tag
        };
        words::fits(&tag, &fields, report);
        self.reachable(&tag, &fields, report);
        self.covered(&tag, &fields, report);
        self.defined(&tag, entry.key_pos, report);
        Some(tag)
    }

    /// What its connection can't do for it.
    fn reachable(&self, tag: &ModbusTag, fields: &Fields<'_>, report: &mut Report<'_>) {
        if fields.has("deadband") && tag.write.is_some() {
            let expected = "expected it at tags that are only read";
            report.error(fields.pos("deadband"), "deadband of a tag that is written", expected);
        }
        let broadcast = |address: &Address| address.unit == 0 && self.rtus[address.rtu].transport.is_rtu();
        if tag.write.as_ref().is_some_and(broadcast) && tag.read.is_none() {
            let expected = "expected a read address too, of a unit that shows what was written";
            report.error(fields.pos("write"), "a broadcast that nobody confirms", expected);
        }
        let place = |address: Address| (address.rtu, address.unit, address.table);
        if tag.sunssf.is_some_and(|at| tag.read.map(place) != Some(place(at))) {
            let expected = "expected it in the unit and file of read";
            report.error(fields.pos("sunssf"), "sunssf apart from its number", expected);
            return;
        }
        if let Some((words, most)) = self.too_many(tag) {
            let found = format!("\"{}\" takes {words} words", tag.name);
            report.error(fields.pos, found, format!("its connection reads at most {most} at once (max_words)"));
        }
    }

    /// More words than its connection reads at once: how many, and how many it reads.
    fn too_many(&self, tag: &ModbusTag) -> Option<(u32, u16)> {
        let most = tag.read.or(tag.write).map_or(125, |address| self.rtus[address.rtu].max_words);
        let words = tag.read_span().map_or(u32::from(tag.words()), |(_, words)| words);
        (words > most.into()).then_some((words, most))
    }

    /// pymscada reads and writes blocks only; a tag beside them is never seen.
    fn covered(&self, tag: &ModbusTag, fields: &Fields<'_>, report: &mut Report<'_>) {
        if let (Some(read), Some(_)) = (&tag.read, &tag.write) {
            if self.rtus[read.rtu].form == Form::Areas {
                let found = format!("write of \"{}\" does nothing", tag.name);
                report.warning(
                    fields.pos("write"),
                    found,
                    "in the form with reads and writes a tag that is read is only read",
                );
            }
        }
        let words = tag.words();
        if let Some(read) = &tag.read {
            let rtu = &self.rtus[read.rtu];
            if !rtu.reads.is_empty() && !self.reads.holds(read, words) {
                let key = if rtu.form == Form::Areas { "reads" } else { "poll" };
                let found = format!("\"{}\" lies outside the blocks of {key}", tag.name);
                report.warning(fields.pos("read"), found, "it is read all the same; pymscada would never show a value");
            }
        }
        if let (Some(write), None) = (&tag.write, &tag.read) {
            if self.rtus[write.rtu].form == Form::Areas && !self.writes.holds(write, words) {
                let found = format!("\"{}\" lies outside the blocks of writes", tag.name);
                report.warning(
                    fields.pos("write"),
                    found,
                    "expected a block in writes that holds it, or the form with poll",
                );
            }
        }
    }

    /// What `tags.yaml` says of it.
    fn defined(&self, tag: &ModbusTag, pos: Pos, report: &mut Report<'_>) {
        if !self.tags.known {
            return;
        }
        let Some(def) = self.tags.get(tag.name.as_str()) else {
            let hint = report.did_you_mean(tag.name.as_str(), self.tags.names());
            let found = format!("\"{}\" is not in tags.yaml", clipped(tag.name.as_str()));
            report.warning_hint(pos, found, "it is on the bus, but no page or history knows it", hint);
            return;
        };
        if !tag.states.is_empty() && def.multi.as_ref().map(Vec::len) != Some(tag.states.len()) {
            let found = format!("\"{}\" has {} states here", tag.name, tag.states.len());
            let expected = match &def.multi {
                Some(multi) => format!("tags.yaml names {} in its multi", multi.len()),
                None => "tags.yaml names none: expected a multi there".to_owned(),
            };
            report.error(pos, found, expected);
        }
        let float = tag.gives_floats();
        let (gives, same) = match tag.word_type {
            WordType::Text => ("texts", def.kind == Kind::Str),
            WordType::Bytes => ("bytes", def.kind == Kind::Bytes),
            _ if float => ("floats", def.kind.is_numeric() && def.kind != Kind::Int),
            _ => ("ints", def.kind.is_numeric()),
        };
        if !same {
            let found = format!("\"{}\" gives {gives}, and is {} in tags.yaml", tag.name, a(def.kind));
            report.warning(pos, found, "expected the same kind of value in both files");
        }
    }
}
