//! `modbusserver.yaml`.

mod allow;
mod span;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tag::TagName;

use super::address::{Item, Use, address};
use super::modbus::{length, order, serial};
use super::small::bus_address;
use super::tags::Tags;
use crate::fields::{Fields, fields};
use crate::finding::Pos;
use crate::keys;
use crate::marked::{Entry, Node, clipped};
use crate::report::Report;
use crate::{Bus, Door, DoorAt, Form, ModbusServer, Order, Rtu, Serial, ServedArea, ServedTag, Transport, WordType};
use span::Span;

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
    let (mut doors, mut spans): (Vec<Door>, Vec<Vec<Span>>) = (Vec::new(), Vec::new());
    for node in file.items("rtus") {
        let Some(fields) = fields(node, &keys::DOOR, report) else { continue };
        let Some((door, of_door)) = door(&fields, report) else { continue };
        if doors.iter().any(|other| other.name == door.name) {
            let found = format!("two doors are called \"{}\"", clipped(&door.name));
            report.error(fields.pos("name"), found, "expected a name for each");
        }
        if doors.iter().any(|other| same_place(&other.at, &door.at)) {
            report.error(fields.pos, "two doors in one place", "expected another port or serial line");
        }
        span::look(&of_door, report);
        doors.push(door);
        spans.push(of_door);
    }
    // Addresses are read as the client's are, against connections of the same names.
    let rtus: Vec<Rtu> = doors.iter().map(as_rtu).collect();
    let places: HashMap<&str, usize> = rtus.iter().enumerate().map(|(at, rtu)| (&*rtu.name, at)).collect();
    let mut served: Vec<ServedTag> = Vec::new();
    for entry in file.node("tags").and_then(Node::map).unwrap_or_default() {
        let Some((tag, pos)) = tag(entry, &doors, &rtus, &places, tags, report) else { continue };
        span::look_at_tag(&spans[tag.at.rtu], &tag, pos, report);
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
        (DoorAt::Udp(one), DoorAt::Udp(other)) => one == other,
        (DoorAt::Rtu(one), DoorAt::Rtu(other)) => one.path == other.path,
        _ => false,
    }
}

/// First register of a tag, and the one behind its last.
fn registers(tag: &ServedTag) -> (u32, u32) {
    let words = if tag.word_type.has_length() { tag.length } else { tag.word_type.words() };
    (tag.at.start.into(), u32::from(tag.at.start) + u32::from(words))
}

fn overlap(one: &ServedTag, other: &ServedTag) -> bool {
    let ((a, a_end), (b, b_end)) = (registers(one), registers(other));
    let place = |tag: &ServedTag| (tag.at.rtu, tag.at.unit, tag.at.table);
    let bits = one.at.bit.is_some() && other.at.bit.is_some() && one.at.bit != other.at.bit;
    place(one) == place(other) && a < b_end && b < a_end && !bits
}

fn as_rtu(door: &Door) -> Rtu {
    let transport = match &door.at {
        DoorAt::Tcp(at) => Transport::Tcp { host: at.ip().to_string(), port: at.port() },
        DoorAt::Udp(at) => Transport::Udp { host: at.ip().to_string(), port: at.port() },
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

fn door(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<(Door, Vec<Span>)> {
    let name = fields.text("name")?.to_owned();
    let at = match fields.text("serial") {
        Some(path) => {
            for key in ["ip", "port", "tcp_udp", "allow"].into_iter().filter(|key| fields.has(key)) {
                report.error(fields.pos(key), format!("{key} beside serial"), "expected one of them");
            }
            DoorAt::Rtu(Serial { rs485: fields.bool("rs485").unwrap_or(false), ..serial(fields, path) })
        }
        None => {
            for key in ["baud", "parity", "stop_bits", "rs485"].into_iter().filter(|key| fields.has(key)) {
                report.warning(fields.pos(key), format!("{key} of a port does nothing"), "it belongs to serial");
            }
            let ip = fields.ip("ip").unwrap_or(Ipv4Addr::LOCALHOST.into());
            let at = SocketAddr::new(ip, fields.int("port").unwrap_or(502));
            if fields.text("tcp_udp") == Some("udp") { DoorAt::Udp(at) } else { DoorAt::Tcp(at) }
        }
    };
    let allow = allow::allow(fields, report);
    let spans: Vec<Span> = fields.items("serve").iter().filter_map(|node| span::span(node, &at, report)).collect();
    let serve = spans.iter().map(|span| span.served.clone()).collect();
    Some((Door { name, at, allow, serve }, spans))
}

fn tag(
    entry: &Entry,
    doors: &[Door],
    rtus: &[Rtu],
    places: &HashMap<&str, usize>,
    tags: &Tags,
    report: &mut Report<'_>,
) -> Option<(ServedTag, Pos)> {
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
    let offset = fields.number("offset").unwrap_or(0.0);
    Some((ServedTag { name, word_type, at, order, scale, offset, length }, fields.pos("addr")))
}
