//! `modbusserver.yaml`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tag::TagName;

use super::address::{Item, Use, address};
use super::modbus::{area_of, length, order, serial};
use super::small::bus_address;
use super::tags::Tags;
use crate::fields::{Fields, fields, int};
use crate::keys;
use crate::marked::{Entry, Node, clipped};
use crate::report::Report;
use crate::{
    Bus, Door, DoorAt, Form, ModbusServer, Order, Rtu, ServedArea, ServedTag, StaleAnswer, Table, Transport, WordType,
};

/// Loads the file. `None` only when it isn't a mapping at all.
pub(super) fn load(
    node: &Node,
    tags: &Tags,
    bus: &Bus,
    whole_site: bool,
    report: &mut Report<'_>,
) -> Option<ModbusServer> {
    let file = fields(node, &keys::MODBUS_SERVER, report)?;
    let bus = bus_address(&file, bus, whole_site, report);
    let mut doors: Vec<Door> = Vec::new();
    for node in file.items("rtus") {
        let Some(fields) = fields(node, &keys::DOOR, report) else { continue };
        let Some(door) = door(&fields, report) else { continue };
        if doors.iter().any(|other| other.name == door.name) {
            let found = format!("two doors are called \"{}\"", clipped(&door.name));
            report.error(fields.pos("name"), found, "expected a name for each");
        }
        if doors.iter().any(|other| same_place(&other.at, &door.at)) {
            report.error(fields.pos, "two doors in one place", "expected another port or serial line");
        }
        doors.push(door);
    }
    // Addresses are read as the client's are, against connections of the same names.
    let rtus: Vec<Rtu> = doors.iter().map(as_rtu).collect();
    let places: HashMap<&str, usize> = rtus.iter().enumerate().map(|(at, rtu)| (&*rtu.name, at)).collect();
    let mut served: Vec<ServedTag> = Vec::new();
    for entry in file.node("tags").and_then(Node::map).unwrap_or_default() {
        let Some(tag) = tag(entry, &doors, &rtus, &places, tags, report) else { continue };
        if let Some(other) = served.iter().find(|other| overlap(other, &tag)) {
            let found = format!("\"{}\" lies where \"{}\" lies", tag.name, other.name);
            report.error(entry.key_pos, found, "expected registers of its own");
        }
        served.push(tag);
    }
    Some(ModbusServer { bus, doors, tags: served })
}

fn same_place(one: &DoorAt, other: &DoorAt) -> bool {
    match (one, other) {
        (DoorAt::Tcp(one), DoorAt::Tcp(other)) => one == other,
        (DoorAt::Rtu(one), DoorAt::Rtu(other)) => one.path == other.path,
        _ => false,
    }
}

fn overlap(one: &ServedTag, other: &ServedTag) -> bool {
    let words =
        |tag: &ServedTag| u32::from(if tag.word_type.has_length() { tag.length } else { tag.word_type.words() });
    let span = |tag: &ServedTag| (u32::from(tag.at.start), u32::from(tag.at.start) + words(tag));
    let ((a, a_end), (b, b_end)) = (span(one), span(other));
    let place = |tag: &ServedTag| (tag.at.rtu, tag.at.unit, tag.at.table);
    let bits = one.at.bit.is_some() && other.at.bit.is_some() && one.at.bit != other.at.bit;
    place(one) == place(other) && a < b_end && b < a_end && !bits
}

fn as_rtu(door: &Door) -> Rtu {
    let transport = match &door.at {
        DoorAt::Tcp(at) => Transport::Tcp { host: at.ip().to_string(), port: at.port() },
        DoorAt::Rtu(serial) => Transport::Rtu(serial.clone()),
    };
    Rtu {
        name: door.name.clone(),
        transport,
        rate: Duration::from_secs(1),
        form: Form::Poll,
        reads: vec![],
        writes: vec![],
        timeout: Duration::from_secs(1),
        gap: Duration::ZERO,
        max_words: 125,
        write_read: false,
        pipeline: 1,
    }
}

fn door(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Door> {
    let name = fields.text("name")?.to_owned();
    let at = match fields.text("serial") {
        Some(path) => {
            for key in ["ip", "port", "allow"].into_iter().filter(|key| fields.has(key)) {
                report.error(fields.pos(key), format!("{key} beside serial"), "expected one of them");
            }
            DoorAt::Rtu(serial(fields, path))
        }
        None => {
            let ip = fields.ip("ip").unwrap_or(Ipv4Addr::LOCALHOST.into());
            DoorAt::Tcp(SocketAddr::new(ip, fields.int("port").unwrap_or(502)))
        }
    };
    let mut allow: Vec<IpAddr> = Vec::new();
    for text in fields.texts("allow").unwrap_or_default() {
        match text.parse() {
            Ok(ip) => allow.push(ip),
            Err(_) => {
                let found = format!("allow = \"{}\"", clipped(&text));
                report.error(fields.pos("allow"), found, "expected addresses, like 192.168.1.20");
            }
        }
    }
    let serve = fields.items("serve").iter().filter_map(|node| served(node, &at, report)).collect();
    Some(Door { name, at, allow, serve })
}

fn served(node: &Node, at: &DoorAt, report: &mut Report<'_>) -> Option<ServedArea> {
    let fields = fields(node, &keys::SERVED, report)?;
    let area = area_of(&fields, report)?;
    if area.unit == 0 && matches!(at, DoorAt::Rtu(_)) {
        report.error(fields.pos("unit"), "unit = 0", "on a serial line that is broadcast, which nobody answers");
    }
    let can_write = matches!(area.table, Table::Coils | Table::HoldingRegisters);
    if fields.bool("write") == Some(true) && !can_write {
        report.error(fields.pos("write"), "write in 1x or 3x", "masters can only read these");
    }
    let status: Option<u32> = fields.int("status");
    let stale = match fields.node("stale") {
        None => StaleAnswer::Exception,
        Some(node) => match (node.text(), int(node)) {
            (_, Some(number @ 0..=65_535)) => StaleAnswer::Sentinel(number as u16),
            (Some("exception"), _) => StaleAnswer::Exception,
            (Some("last"), _) => StaleAnswer::Last,
            _ => {
                let expected = "expected exception, last, or a whole number from 0 to 65535";
                report.error(node.pos, format!("stale = {}", node.shown()), expected);
                StaleAnswer::Exception
            }
        },
    };
    if stale == StaleAnswer::Last && status.is_none() {
        let expected = "expected status too: without a mark an old number looks like a new one";
        report.error(fields.pos("stale"), "stale = \"last\" without status", expected);
    }
    if status.is_some() && !matches!(area.table, Table::HoldingRegisters | Table::InputRegisters) {
        report.error(fields.pos("status"), "status of single bits", "expected it at 3x and 4x only");
    }
    let write = fields.bool("write").unwrap_or(can_write);
    Some(ServedArea { area, write, stale, status: status.map(|word| (word - 1) as u16) })
}

fn tag(
    entry: &Entry,
    doors: &[Door],
    rtus: &[Rtu],
    places: &HashMap<&str, usize>,
    tags: &Tags,
    report: &mut Report<'_>,
) -> Option<ServedTag> {
    let name = match TagName::parse(&entry.key) {
        Ok(name) => name,
        Err(error) => {
            let found = format!("\"{}\" is no tag name", clipped(&entry.key));
            report.error(entry.key_pos, found, error.to_string());
            return None;
        }
    };
    let fields = fields(&entry.value, &keys::SERVED_TAG, report)?;
    let word_type = WordType::of(fields.text("type")?)?;
    let length = length(&fields, word_type, report)?;
    let item = Item { word_type, words: if word_type.has_length() { length } else { word_type.words() } };
    let at = address(fields.node("addr")?, "addr", item, Use::Read, rtus, places, report)?;
    let (first, end) = (u32::from(at.start), u32::from(at.start) + u32::from(item.words));
    let holds = |served: &&ServedArea| {
        let (start, area) = (u32::from(served.area.start), &served.area);
        (area.unit, area.table) == (at.unit, at.table) && start <= first && end <= start + area.count
    };
    if !doors[at.rtu].serve.iter().any(|served| holds(&served)) {
        report.error(
            fields.pos("addr"),
            format!("\"{name}\" lies outside the spans of serve"),
            "expected one that holds it",
        );
    }
    if tags.known && tags.get(&entry.key).is_none() {
        let hint = report.did_you_mean(&entry.key, tags.names());
        let found = format!("\"{}\" is not in tags.yaml", clipped(&entry.key));
        report.warning_hint(entry.key_pos, found, "nobody may ever give it a value", hint);
    }
    let scale = fields.number("scale").unwrap_or(1.0);
    if scale == 0.0 {
        report.error(fields.pos("scale"), "scale = 0", "expected another number: every value would be the same");
    }
    let order = order(&fields).unwrap_or(Order::Abcd);
    Some(ServedTag { name, word_type, at, order, scale, offset: fields.number("offset").unwrap_or(0.0), length })
}
