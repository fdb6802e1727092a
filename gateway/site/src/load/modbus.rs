//! `modbusclient.yaml`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tag::{Kind, TagName};

use super::address::{Item, TABLE_SIZE, Use, address, file, table};
use super::coverage::Coverage;
use super::small::bus_address;
use super::tags::{Tags, a};
use crate::fields::{Fields, fields, int};
use crate::keys;
use crate::marked::{Entry, Node, clipped};
use crate::report::Report;
use crate::{
    Address, Area, Bus, Form, ModbusClient, ModbusTag, Order, Parity, Rtu, Serial, Table, Transport, WordType,
};

/// Loads the file. `None` only when it isn't a mapping at all.
pub(super) fn load(
    node: &Node,
    tags: &Tags,
    bus: &Bus,
    whole_site: bool,
    report: &mut Report<'_>,
) -> Option<ModbusClient> {
    let file = fields(node, &keys::MODBUS_CLIENT, report)?;
    let bus = bus_address(&file, bus, whole_site, report);
    let mut rtus: Vec<Rtu> = Vec::new();
    let mut orders: Vec<Option<Order>> = Vec::new();
    let mut seen: HashMap<&str, &Node> = HashMap::new();
    let mut writable = Coverage::default();
    let mut ports: HashMap<PathBuf, &Node> = HashMap::new();
    let mut listens: HashMap<u16, &Node> = HashMap::new();
    for node in file.items("rtus") {
        let Some(fields) = fields(node, &keys::RTU, report) else { continue };
        let Some(rtu) = rtu(&fields, report) else { continue };
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
        writable.add(rtus.len(), &areas(&fields, "writeok", report));
        orders.push(order(&fields));
        rtus.push(rtu);
    }
    let places: HashMap<&str, usize> = rtus.iter().enumerate().map(|(at, rtu)| (&*rtu.name, at)).collect();
    let (mut reads, mut writes) = (Coverage::default(), Coverage::default());
    for (at, rtu) in rtus.iter().enumerate() {
        reads.add(at, &rtu.reads);
        writes.add(at, &rtu.writes);
    }
    let (reads, writes, writable) = (reads.ready(), writes.ready(), writable.ready());
    let look = Look { rtus: &rtus, orders: &orders, places, reads, writes, writable, tags };
    let entries = file.node("tags").and_then(Node::map).unwrap_or_default();
    let tags = entries.iter().filter_map(|entry| look.tag(entry, report)).collect();
    Some(ModbusClient { bus, rtus, tags })
}

/// The tags that can't be set: those without a write address, and those of which the form with areas reads only.
pub(super) fn only_read(client: &ModbusClient) -> impl Iterator<Item = TagName> {
    let by_areas = |address: &Address| client.rtus[address.rtu].form == Form::Areas;
    let is_only_read = move |tag: &&ModbusTag| tag.write.is_none() || tag.read.as_ref().is_some_and(by_areas);
    client.tags.iter().filter(is_only_read).map(|tag| tag.name.clone())
}

fn rtu(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Rtu> {
    let name = fields.text("name")?.to_owned();
    if name.contains(':') {
        report.error(
            fields.pos("name"),
            format!("name = \"{}\"", clipped(&name)),
            "expected no colon: it ends the name in addresses",
        );
    }
    for key in ["name", "ip", "serial", "listen"] {
        if fields.text(key).is_some_and(|text| text.trim().is_empty()) {
            report.error(fields.pos(key), format!("{key} = \"\""), "expected some text");
        }
    }
    let transport = transport(fields, report)?;
    let by_areas = fields.node("reads").is_some() || fields.node("writes").is_some();
    let old = ["poll", "tcp_udp", "read", "writeok"].iter().find_map(|key| fields.node(key));
    if let (true, Some(old)) = (by_areas, old) {
        report.error(old.pos, "one connection in two forms", "expected poll (and tcp_udp), or reads and writes");
    }
    if transport.is_rtu() {
        for node in ["poll", "reads", "read", "writes"].iter().flat_map(|key| fields.items(key)) {
            let unit = node.map().and_then(|entries| entries.iter().find(|entry| &*entry.key == "unit"));
            if let Some(zero) = unit.filter(|unit| int(&unit.value) == Some(0)) {
                let expected = "on a serial line that is broadcast, which nobody answers: expected 1 to 255";
                report.error(zero.value.pos, "unit = 0", expected);
            }
        }
    }
    let reads = ["poll", "reads", "read"].iter().flat_map(|key| areas(fields, key, report)).collect();
    Some(Rtu {
        name,
        transport,
        rate: Duration::from_secs_f64(fields.number("rate").unwrap_or(1.0)),
        form: if by_areas { Form::Areas } else { Form::Poll },
        reads,
        writes: areas(fields, "writes", report),
        timeout: Duration::from_millis(fields.int("timeout_ms").unwrap_or(1000)),
        gap: Duration::from_millis(fields.int("gap_ms").unwrap_or(0)),
        max_words: fields.int("max_words").unwrap_or(125),
    })
}

fn transport(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Transport> {
    if fields.has("listen") {
        for key in ["ip", "serial", "port", "baud", "parity", "stop_bits", "rs485"] {
            if fields.has(key) {
                report.error(fields.pos(key), format!("{key} beside listen"), "expected neither: the device dials in");
            }
        }
        let at = fields.text("listen").map(|text| (text, listen_address(text)));
        let (text, at) = at?;
        let Some(at) = at else {
            let expected = "expected a port, or ADDRESS:PORT, like 0.0.0.0:15502";
            report.error(fields.pos("listen"), format!("listen = \"{}\"", clipped(text)), expected);
            return None;
        };
        return Some(Transport::Listen { at, rtu: fields.text("framing") == Some("rtu") });
    }
    match (fields.text("ip"), fields.text("serial")) {
        (Some(host), None) => {
            for key in ["baud", "parity", "stop_bits", "rs485"] {
                if fields.node(key).is_some() {
                    report.warning(
                        fields.pos(key),
                        format!("{key} of a TCP connection does nothing"),
                        "it belongs to serial",
                    );
                }
            }
            let (host, port) = (host.to_owned(), fields.int("port").unwrap_or(502));
            Some(match (fields.text("framing"), fields.text("tcp_udp")) {
                (Some("rtu"), udp) => {
                    if udp == Some("udp") {
                        report.error(fields.pos("framing"), "framing = \"rtu\" over udp", "expected one of them");
                    }
                    Transport::RtuOverTcp { host, port }
                }
                (_, Some("udp")) => Transport::Udp { host, port },
                _ => Transport::Tcp { host, port },
            })
        }
        (None, Some(path)) => {
            if fields.node("port").is_some() {
                report.warning(fields.pos("port"), "port of a serial line does nothing", "it belongs to ip");
            }
            Some(Transport::Rtu(Serial { rs485: fields.bool("rs485").unwrap_or(false), ..serial(fields, path) }))
        }
        (Some(_), Some(_)) => {
            report.error(fields.pos("serial"), "a connection with ip and serial", "expected one of them");
            None
        }
        (None, None) => {
            // An unfilled placeholder was reported already; the map tells whether the key is there.
            if !fields.has("ip") && !fields.has("serial") {
                report.error(fields.pos, "a connection without a way to the device", "expected ip, serial or listen");
            }
            None
        }
    }
}

/// The serial port of that path, set as the mapping says.
pub(super) fn serial(fields: &Fields<'_>, path: &str) -> Serial {
    let parity = match fields.text("parity") {
        Some("even") => Parity::Even,
        Some("odd") => Parity::Odd,
        _ => Parity::None,
    };
    Serial {
        path: PathBuf::from(path),
        baud: fields.int("baud").unwrap_or(9600),
        parity,
        stop_bits: fields.int("stop_bits").unwrap_or(1),
        rs485: false,
    }
}

/// A port, or an address with a port.
fn listen_address(text: &str) -> Option<SocketAddr> {
    let port = text.parse().ok().filter(|port: &u16| *port > 0).map(|port| SocketAddr::from(([0, 0, 0, 0], port)));
    port.or_else(|| text.parse().ok().filter(|at: &SocketAddr| at.port() > 0))
}

/// The blocks behind a key.
fn areas(fields: &Fields<'_>, key: &str, report: &mut Report<'_>) -> Vec<Area> {
    fields.items(key).iter().filter_map(|node| area(node, key, report)).collect()
}

fn area(node: &Node, key: &str, report: &mut Report<'_>) -> Option<Area> {
    let fields = fields(node, &keys::AREA, report)?;
    let area = area_of(&fields, report)?;
    if matches!(key, "writes" | "writeok") && !matches!(area.table, Table::Coils | Table::HoldingRegisters) {
        let found = format!("file = \"{}\" in {key}", file(area.table));
        report.error(fields.pos("file"), found, "it can only be read: expected 0x or 4x");
        return None;
    }
    Some(area)
}

/// The span that a mapping with unit, file, start and end says.
pub(super) fn area_of(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Area> {
    let (unit, table) = (fields.int("unit")?, table(fields.text("file")?)?);
    let (start, end): (u32, u32) = (fields.int("start")?, fields.int("end")?);
    if end < start {
        report.error(
            fields.pos("end"),
            format!("end = {end} is before start = {start}"),
            "expected the last word, included",
        );
        return None;
    }
    debug_assert!(end <= TABLE_SIZE, "the table of keys says so");
    Some(Area { unit, table, start: (start - 1) as u16, count: end - start + 1 })
}

pub(super) fn order(fields: &Fields<'_>) -> Option<Order> {
    Order::of(fields.text("order")?)
}

impl Order {
    /// The order of that name in `modbusclient.yaml`.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "abcd" => Self::Abcd,
            "cdab" => Self::Cdab,
            "badc" => Self::Badc,
            "dcba" => Self::Dcba,
            "efghabcd" => Self::Efghabcd,
            "cdabghef" => Self::Cdabghef,
            "dcbahgfe" => Self::Dcbahgfe,
            "fehgbadc" => Self::Fehgbadc,
            _ => return None,
        })
    }
}

/// How many words a string or a row of bytes takes; 0 for everything else. `None` when it isn't said.
pub(super) fn length(fields: &Fields<'_>, word_type: WordType, report: &mut Report<'_>) -> Option<u16> {
    match (word_type.has_length(), fields.int("length")) {
        (true, Some(length)) => Some(length),
        (false, None) => Some(0),
        (false, Some(_)) => {
            report.error(fields.pos("length"), "length of a number", "expected none: its type says how long it is");
            Some(0)
        }
        (true, None) => {
            if !fields.has("length") {
                let found = "a string or bytes without length";
                report.error(fields.pos("type"), found, "expected length, how many words it takes");
            }
            None
        }
    }
}

/// A whole number or a list of them.
fn whole_numbers(fields: &Fields<'_>, key: &str, report: &mut Report<'_>) -> Vec<i64> {
    let Some(node) = fields.node(key) else { return Vec::new() };
    let all = match node.seq() {
        Some(items) => items.iter().map(int).collect(),
        None => int(node).map(|n| vec![n]),
    };
    all.unwrap_or_else(|| {
        report.error(node.pos, format!("{key} = {}", node.shown()), "expected whole numbers, like [0x8000, 65535]");
        Vec::new()
    })
}

/// What a type can't have.
fn fits(tag: &ModbusTag, fields: &Fields<'_>, rtus: &[Rtu], report: &mut Report<'_>) {
    let number = !matches!(tag.word_type, WordType::Bool | WordType::Text | WordType::Bytes);
    for key in ["no_value", "states", "deadband"] {
        if fields.has(key) && !number {
            report.error(fields.pos(key), format!("{key} of a bool, string or bytes"), "expected it at numbers only");
        }
    }
    if fields.has("deadband") && tag.write.is_some() {
        report.error(
            fields.pos("deadband"),
            "deadband of a tag that is written",
            "expected it at tags that are only read",
        );
    }
    let is_long = matches!(tag.word_type, WordType::Text | WordType::Bytes);
    if is_long && (tag.scale != 1.0 || tag.offset != 0.0) {
        report.error(fields.pos("scale"), "scale and offset of a string or bytes", "expected neither");
    }
    if !tag.states.is_empty() && (tag.scale != 1.0 || tag.offset != 0.0 || tag.word_type.is_float()) {
        report.error(fields.pos("states"), "states of a scaled or a float number", "expected a plain whole number");
    }
    let is_64 = matches!(tag.word_type, WordType::Int64 | WordType::Uint64 | WordType::Float64);
    if tag.order.is_some_and(Order::is_of_64) && !is_64 && fields.has("order") {
        report.error(fields.pos("order"), "an order of eight bytes", "expected one of abcd, cdab, badc, dcba here");
    }
    let broadcast = |address: &Address| address.unit == 0 && rtus[address.rtu].transport.is_rtu();
    if tag.write.as_ref().is_some_and(broadcast) && tag.read.is_none() {
        let expected = "expected a read address too, of a unit that shows what was written";
        report.error(fields.pos("write"), "a broadcast that nobody confirms", expected);
    }
    let most = tag.read.or(tag.write).map_or(125, |address| rtus[address.rtu].max_words);
    if tag.words() > most {
        let found = format!("\"{}\" takes {} words", tag.name, tag.words());
        report.error(fields.pos, found, format!("its connection reads at most {most} at once (max_words)"));
    }
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
        let scale = fields.number("scale").unwrap_or(1.0);
        if scale == 0.0 {
            report.error(fields.pos("scale"), "scale = 0", "expected another number: every value would be the same");
        }
        let offset = fields.number("offset").unwrap_or(0.0);
        let word_type = WordType::of(fields.text("type")?)?;
        if word_type == WordType::Bool && (scale != 1.0 || offset != 0.0) {
            report.error(fields.pos("scale"), "scale and offset of a bool", "expected neither");
        }
        let length = length(&fields, word_type, report)?;
        let item = Item { word_type, words: if word_type.has_length() { length } else { word_type.words() } };
        let at = |key: &str, what: Use, report: &mut Report<'_>| {
            address(fields.node(key)?, key, item, what, self.rtus, &self.places, report)
        };
        let former = at("addr", Use::Read, report);
        let read = at("read", Use::Read, report).or(former);
        let is_writable = |address: &Address| self.writable.holds(address, item.words);
        let write = at("write", Use::Write, report).or(former.filter(is_writable));
        if !["read", "write", "addr"].iter().any(|key| fields.has(key)) {
            let found = format!("\"{name}\" is neither read nor written");
            report.error(entry.key_pos, found, "expected read, write, or both: NAME:unit:file:word");
        }
        let tag = ModbusTag {
            stale: self.tags.get(&entry.key).and_then(|def| def.stale),
            order: order(&fields).or_else(|| read.or(write).and_then(|address| self.orders[address.rtu])),
            name,
            word_type,
            read,
            write,
            scale,
            offset,
            length,
            no_value: whole_numbers(&fields, "no_value", report),
            states: whole_numbers(&fields, "states", report),
            deadband: fields.number("deadband").filter(|band| *band > 0.0),
            rate: fields.number("rate").map(Duration::from_secs_f64),
        };
        fits(&tag, &fields, self.rtus, report);
        self.covered(&tag, &fields, report);
        self.defined(&tag, entry, report);
        Some(tag)
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
    fn defined(&self, tag: &ModbusTag, entry: &Entry, report: &mut Report<'_>) {
        if !self.tags.known {
            return;
        }
        let Some(def) = self.tags.get(&entry.key) else {
            let hint = report.did_you_mean(&entry.key, self.tags.names());
            let found = format!("\"{}\" is not in tags.yaml", clipped(&entry.key));
            report.warning_hint(entry.key_pos, found, "it is on the bus, but no page or history knows it", hint);
            return;
        };
        if !tag.states.is_empty() && def.multi.as_ref().map(Vec::len) != Some(tag.states.len()) {
            let found = format!("\"{}\" has {} states here", tag.name, tag.states.len());
            let expected = match &def.multi {
                Some(multi) => format!("tags.yaml names {} in its multi", multi.len()),
                None => "tags.yaml names none: expected a multi there".to_owned(),
            };
            report.error(entry.key_pos, found, expected);
        }
        let float = tag.word_type.is_float() || tag.scale != 1.0 || tag.offset != 0.0;
        let (gives, same) = match tag.word_type {
            WordType::Text => ("texts", def.kind == Kind::Str),
            WordType::Bytes => ("bytes", def.kind == Kind::Bytes),
            _ if float => ("floats", def.kind.is_numeric() && def.kind != Kind::Int),
            _ => ("ints", def.kind.is_numeric()),
        };
        if !same {
            let found = format!("\"{}\" gives {gives}, and is {} in tags.yaml", tag.name, a(def.kind));
            report.warning(entry.key_pos, found, "expected the same kind of value in both files");
        }
    }
}
