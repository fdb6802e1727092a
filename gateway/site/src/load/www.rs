//! `wwwserver.yaml`: the file and its pages.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use serde_json::{Map, Value as Json};

use super::item::item;
use super::small::bus_address;
use super::tags::Tags;
use crate::fields::fields;
use crate::keys;
use crate::marked::Node;
use crate::report::Report;
use crate::{Bus, Page, WwwServer};

/// pymscada's port.
const WWW_PORT: u16 = 8324;

/// Loads the file. `None` only when it isn't a mapping at all.
pub(super) fn load(
    node: &Node,
    tags: &Tags,
    bus: &Bus,
    whole_site: bool,
    report: &mut Report<'_>,
) -> Option<WwwServer> {
    let file = fields(node, &keys::WWW_SERVER, report)?;
    let config = match file.node("config") {
        None => Json::Object(Map::new()),
        Some(node) => {
            if node.map().is_none() {
                report.error(node.pos, format!("config = {}", node.shown()), "expected a mapping");
            }
            node.to_json(&[], report)
        }
    };
    let mut ids = HashSet::new();
    let pages = file.items("pages").iter().filter_map(|node| page(node, tags, &mut ids, report)).collect();
    Some(WwwServer {
        bus: bus_address(&file, bus, whole_site, report),
        ip: file.ip("ip").unwrap_or(Ipv4Addr::LOCALHOST.into()),
        port: file.int("port").unwrap_or(WWW_PORT),
        title: file.text("title").map(str::to_owned),
        hosts: file.texts("hosts").unwrap_or_default().iter().map(|host| host.to_ascii_lowercase()).collect(),
        config,
        pages,
    })
}

fn page(node: &Node, tags: &Tags, ids: &mut HashSet<String>, report: &mut Report<'_>) -> Option<Page> {
    let fields = fields(node, &keys::PAGE, report)?;
    let name = fields.text("name")?.to_owned();
    let items = match fields.node("items") {
        None => &[],
        Some(node) => match node.seq() {
            Some(items) => items,
            None => {
                report.error(node.pos, format!("items = {}", node.shown()), "expected a list of items");
                &[]
            }
        },
    };
    Some(Page {
        id: id(&name, ids),
        parent: fields.text("parent").filter(|parent| !parent.is_empty()).map(str::to_owned),
        items: items.iter().filter_map(|node| item(node, tags, report)).collect(),
        name,
    })
}

/// The address of a page: its name in lower case, everything but letters and digits as one `-`; numbered from the
/// second page on that would have the same.
fn id(name: &str, ids: &mut HashSet<String>) -> String {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let base = if words.is_empty() { "page".to_owned() } else { words.join("-") };
    let mut id = base.clone();
    let mut number = 2;
    while !ids.insert(id.clone()) {
        id = format!("{base}-{number}");
        number += 1;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_an_address_of_its_own() {
        let mut ids = HashSet::new();
        for (name, is) in [
            ("Default Main", "default-main"),
            ("Pump station #1", "pump-station-1"),
            ("pump station (1)", "pump-station-1-2"),
            ("Übersicht", "übersicht"),
            ("–", "page"),
            ("?", "page-2"),
        ] {
            assert_eq!(id(name, &mut ids), is);
        }
    }
}
