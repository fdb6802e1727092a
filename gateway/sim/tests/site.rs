//! The shipped site and the shipped plant speak of the same registers.
#![allow(missing_docs, clippy::unwrap_used)]

use forebay_sim::{Access, At, Kind, Order, Plant, Spec, Table, Wire};
use serde_yaml::Value;

const SITE: &str = include_str!("../../../config/modbusclient.yaml");
const PLANT: &str = include_str!("../../../config/plant.yaml");

/// A tag's address in the plant: device and place, and the bit of a word.
struct Place {
    device: String,
    at: At,
    bit: Option<u32>,
    order: Order,
}

/// Finds the device an address like `RTU:1:4x:21.3` means, through the connection's port or serial line.
fn place(site: &Value, spec: &Spec, address: &str) -> Place {
    let parts: Vec<&str> = address.split(':').collect();
    let [name, unit, table, word] = parts[..] else { panic!("{address}") };
    let rtus = site["rtus"].as_sequence().unwrap();
    let rtu = rtus.iter().find(|rtu| rtu["name"] == *name).unwrap_or_else(|| panic!("{address}: no rtu {name}"));
    let line = spec.lines.iter().find(|line| match &line.wire {
        Wire::Tcp(addr) => rtu["port"].as_u64() == Some(addr.port().into()),
        Wire::Pty(_) | Wire::Serial(..) => rtu["serial"].is_string(),
    });
    let line = line.unwrap_or_else(|| panic!("{address}: the plant has no such line"));
    let unit: u8 = unit.parse().unwrap();
    let device = line.devices.iter().find(|device| device.unit == unit);
    let device = device.unwrap_or_else(|| panic!("{address}: line {:?} has no such unit", line.name)).name.clone();
    let (word, bit) = word.split_once('.').map_or((word, None), |(word, bit)| (word, Some(bit.parse().unwrap())));
    let order = if rtu["order"] == *"cdab" { Order::Cdab } else { Order::Abcd };
    Place { device, at: format!("{table}:{word}").parse().unwrap(), bit, order }
}

fn kind(text: &str) -> Kind {
    match text {
        "int16" => Kind::Int16,
        "bool" | "uint16" => Kind::Uint16,
        "uint32" => Kind::Uint32,
        "uint64" => Kind::Uint64,
        "float32" => Kind::Float32,
        other => panic!("the demo has no {other}"),
    }
}

#[test]
fn every_tag_of_the_site_is_a_register_of_the_plant_and_reads_as_something_sensible() {
    // Ten simulated minutes; a word order that is wrong would read as 1e-39 or 1e38, a wrong scale as thousands of MW.
    let site: Value = serde_yaml::from_str(SITE).unwrap();
    let spec = Spec::parse(PLANT, |_| None).unwrap();
    let mut plant = Plant::new(&spec, 1_764_000_000_000_000);
    plant.step(std::time::Duration::from_secs(600));
    for (tag, says) in site["tags"].as_mapping().unwrap() {
        let tag = tag.as_str().unwrap();
        let (kind, read) = (kind(says["type"].as_str().unwrap()), place(&site, &spec, says["read"].as_str().unwrap()));
        let raw = plant.peek_value(&read.device, read.at, kind, read.order);
        let raw = raw.unwrap_or_else(|| panic!("{tag}: {} has nothing at {}", read.device, read.at));
        let value = match read.bit {
            Some(bit) => f64::from(raw as u32 >> bit & 1),
            None => raw * says["scale"].as_f64().unwrap_or(1.0),
        };
        let sensible = if kind == Kind::Uint64 { 1e15..2e15 } else { -1000.0..100_000.0 };
        assert!(sensible.contains(&value) && (value == 0.0 || value.abs() > 1e-4), "{tag}: {value}");
        let bits = matches!(read.at.table, Table::Coils | Table::DiscreteInputs) || read.bit.is_some();
        assert_eq!(says["type"] == *"bool", bits, "{tag}: bool and bits go together");
    }
}

#[test]
fn every_set_point_of_the_site_can_be_written_and_nothing_else_can() {
    let site: Value = serde_yaml::from_str(SITE).unwrap();
    let spec = Spec::parse(PLANT, |_| None).unwrap();
    let plant = Plant::new(&spec, 0);
    for (tag, says) in site["tags"].as_mapping().unwrap() {
        let tag = tag.as_str().unwrap();
        let read = place(&site, &spec, says["read"].as_str().unwrap());
        let access = plant.device(&read.device).unwrap().registers.access(read.at);
        let expected = if let Some(write) = says["write"].as_str() {
            assert_eq!(place(&site, &spec, write).at, read.at, "{tag}: read back where it is written");
            Access::Writable
        } else {
            Access::ReadOnly
        };
        assert_eq!(access, Some(expected), "{tag} at {}", read.at);
    }
}
