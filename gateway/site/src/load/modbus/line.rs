//! A connection of `modbusclient.yaml`: how it is reached, and its blocks.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::overlap;
use crate::fields::{Fields, fields, int};
use crate::finding::Pos;
use crate::keys;
use crate::load::address::{TABLE_SIZE, file, table};
use crate::marked::{Node, clipped};
use crate::report::Report;
use crate::{Area, Form, Parity, Rtu, Serial, Table, Transport};

pub(super) fn rtu(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Rtu> {
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
    if transport.is_rtu() && fields.int("pipeline").is_some_and(|most: u8| most > 1) {
        let expected = "RTU frames have no number that would tell two answers apart: expected 1, or Modbus TCP";
        report.error(fields.pos("pipeline"), "pipeline of a connection with RTU frames", expected);
    }
    if by_areas && fields.has("write_read") {
        let found = "write_read of a connection with reads and writes does nothing";
        report.warning(fields.pos("write_read"), found, "its areas are written every period as they are");
    }
    let reads = ["poll", "reads", "read"].iter().flat_map(|key| areas(fields, key, report)).collect();
    Some(Rtu {
        name,
        transport,
        rate: Duration::from_secs_f64(fields.number("rate").unwrap_or(1.0)),
        form: if by_areas { Form::Areas } else { Form::Poll },
        reads,
        writes: written(fields, report),
        timeout: Duration::from_millis(fields.int("timeout_ms").unwrap_or(1000)),
        gap: Duration::from_millis(fields.int("gap_ms").unwrap_or(0)),
        max_words: fields.int("max_words").unwrap_or(125),
        write_read: fields.bool("write_read").unwrap_or(false),
        pipeline: fields.int("pipeline").unwrap_or(1),
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
pub(in crate::load) fn serial(fields: &Fields<'_>, path: &str) -> Serial {
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
pub(super) fn areas(fields: &Fields<'_>, key: &str, report: &mut Report<'_>) -> Vec<Area> {
    fields.items(key).iter().filter_map(|node| area(node, key, report)).collect()
}

/// The areas that are written every period.
fn written(fields: &Fields<'_>, report: &mut Report<'_>) -> Vec<Area> {
    let nodes = fields.items("writes").iter();
    let areas: Vec<(Area, Pos)> =
        nodes.filter_map(|node| area(node, "writes", report).map(|area| (area, node.pos))).collect();
    overlap::look_at_areas(&areas, report);
    areas.into_iter().map(|(area, _)| area).collect()
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
pub(in crate::load) fn area_of(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Area> {
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
