//! `allow`: who may ask, by address and by network.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::fields::Fields;
use crate::marked::{Node, clipped};
use crate::report::Report;

const EMPTY: &str = "expected addresses and networks; without the key everybody who reaches the port may ask";

/// What masters are allowed; what can't be read is reported where it stands, and left out.
pub(super) fn allow(fields: &Fields<'_>, report: &mut Report<'_>) -> Vec<IpNet> {
    let items = fields.items("allow");
    // Whoever writes the key wants somebody to be shut out; a list whose last entry went must not let everybody in.
    let empty = fields.node("allow").filter(|_| items.is_empty()).map(|node| node.pos);
    if let Some(pos) = empty.or_else(|| fields.blank("allow")) {
        report.error(pos, "allow without an entry", EMPTY);
    }
    let read = |node: &Node| network(node.text()?).map_err(|expected| wrong(node, expected, report)).ok();
    items.iter().filter_map(read).collect()
}

fn wrong(node: &Node, expected: String, report: &mut Report<'_>) {
    let found = format!("allow = \"{}\"", clipped(node.text().unwrap_or_default()));
    report.error(node.pos, found, expected);
}

/// An address is a network of one. The error is what was expected instead.
fn network(text: &str) -> Result<IpNet, String> {
    let neither = || "expected addresses and networks, like 192.168.1.20 and 192.168.1.0/24".to_owned();
    let address = |_| text.parse::<IpAddr>().map(IpNet::from);
    let net = text.parse::<IpNet>().or_else(address).map_err(|_| neither())?;
    match net.addr() {
        // Who asks over IPv4 is known by that address alone: this would let nobody in.
        IpAddr::V6(addr) if addr.to_ipv4_mapped().is_some() => Err(format!("expected {}", addr.to_canonical())),
        // Whether one master is meant or all of its network, only the writer knows.
        addr if net.network() != addr => Err(format!("expected {} for the network, {addr} for the one", net.trunc())),
        _ => Ok(net),
    }
}
