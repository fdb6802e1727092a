//! The small files: the bus, the history, the start values; and which bus a module speaks to.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use tag::TagName;

use crate::fields::{Fields, fields};
use crate::keys;
use crate::marked::Node;
use crate::report::Report;
use crate::{Bus, BusAddress, History};

/// What a power cut may cost where the site says nothing, in seconds.
const FLUSH_S: f64 = 10.0;

/// A quarter of a 16 GB card.
const KEEP_MB: u64 = 4096;

/// 16 GB of cells that bear 1000 writes, each byte of ours costing four of theirs, for ten years.
const WRITE_MB_DAY: u64 = 1000;

/// pymscada's port.
const BUS_PORT: u16 = 1324;

impl Default for Bus {
    fn default() -> Self {
        let bus_tag = TagName::parse("__bus__").expect("a plain word is a name");
        Self { ip: Ipv4Addr::LOCALHOST.into(), port: BUS_PORT, bus_tag }
    }
}

/// A key that names a tag.
pub(super) fn tag_name(fields: &Fields<'_>, key: &str, default: &str, report: &mut Report<'_>) -> TagName {
    let raw = fields.text(key).unwrap_or(default);
    TagName::parse(raw).unwrap_or_else(|error| {
        report.error(fields.pos(key), format!("{key} is no tag name"), error.to_string());
        TagName::parse(default).expect("the defaults are names")
    })
}

/// `bus.yaml`.
pub(super) fn bus(node: &Node, report: &mut Report<'_>) -> Option<Bus> {
    let fields = fields(node, &keys::BUS, report)?;
    let default = Bus::default();
    Some(Bus {
        ip: fields.ip("ip").unwrap_or(default.ip),
        port: fields.int("port").unwrap_or(default.port),
        bus_tag: tag_name(&fields, "bus_tag", "__bus__", report),
    })
}

/// `bus_ip` and `bus_port` of a module's file. Our modules speak to the bus of their own machine.
pub(super) fn bus_address(fields: &Fields<'_>, bus: &Bus, whole_site: bool, report: &mut Report<'_>) -> BusAddress {
    let default = BusAddress { ip: Ipv4Addr::LOCALHOST.into(), port: if whole_site { bus.port } else { BUS_PORT } };
    let ip = fields.ip("bus_ip").unwrap_or(default.ip);
    if !(ip == bus.ip || is_here(ip)) {
        report.error_hint(
            fields.pos("bus_ip"),
            format!("bus_ip = {ip} is not an address of this machine"),
            "the gateway's modules speak to the bus on their own machine",
            Some("leave bus_ip out, or write 127.0.0.1".to_owned()),
        );
    }
    let port = fields.int("bus_port").unwrap_or(default.port);
    if whole_site && port != bus.port {
        let expected = format!("the bus of this site listens on {}: see bus.yaml", bus.port);
        report.error(fields.pos("bus_port"), format!("bus_port = {port}"), expected);
    }
    BusAddress { ip, port }
}

/// Whether an address is one of this machine's: only those can be bound.
fn is_here(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok()
}

/// `history.yaml`.
pub(super) fn history(node: &Node, bus: &Bus, whole_site: bool, report: &mut Report<'_>) -> Option<History> {
    let fields = fields(node, &keys::HISTORY, report)?;
    Some(History {
        bus: bus_address(&fields, bus, whole_site, report),
        path: PathBuf::from(fields.text("path").unwrap_or("history")),
        rta_tag: tag_name(&fields, "rta_tag", "__history__", report),
        flush: Duration::from_secs_f64(fields.number("flush_s").unwrap_or(FLUSH_S)),
        keep_bytes: fields.int("keep_mb").unwrap_or(KEEP_MB) << 20,
        day_bytes_max: fields.int("write_mb_day").unwrap_or(WRITE_MB_DAY) << 20,
    })
}

/// `initvalues.yaml`.
pub(super) fn init_values(node: &Node, bus: &Bus, whole_site: bool, report: &mut Report<'_>) -> Option<BusAddress> {
    let fields = fields(node, &keys::INIT_VALUES, report)?;
    Some(bus_address(&fields, bus, whole_site, report))
}
