//! SunSpec: numbers whose power of ten lies in another register, behind the number of their model; and the shipped maps
//! from a site's YAML to values.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forebay_modbus::{Beside, Config, ConfigError, Layout};
use sim::Plc;
use site::{Address, Form, ModbusTag, Model, Order, Site, WordType};
use stepped::{World, at, client, tag_of, tcp};
use tag::{Fault, Reading, Value};

fn site(modbus: &str, tags: &str) -> Site {
    let files = [("tags.yaml", tags), ("modbusclient.yaml", modbus)];
    let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    let devices = |name: &str| {
        (name == site::DEVICES_VARIABLE)
            .then(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/devices").to_owned())
    };
    let loaded = site::load_files(Path::new("site"), &files, &devices);
    assert!(loaded.findings.is_empty(), "{:#?}", loaded.findings);
    loaded.site.unwrap()
}

#[test]
fn the_power_of_ten_and_the_model_are_read_in_one_piece_with_the_number() {
    let none = Some(Arc::new(forebay_modbus::Meaning { no_value: vec![0xFFFF], states: vec![] }));
    let beside = Beside { words: 5, value: 2, power: Some(4), model: Some((0, vec![101, 103])) };
    let layout =
        Layout { beside: Some(Arc::new(beside)), meaning: none, ..Layout::plain(WordType::Uint16, Order::Abcd) };
    assert_eq!(layout.words(), 5);
    let power = |power: i16| power as u16;
    let table = [
        ([103, 50, 2304, 9, power(-1)], Ok(Value::Float(230.4))),
        ([101, 50, 2304, 9, 0], Ok(Value::Float(2304.0))),
        ([103, 50, 23, 9, 2], Ok(Value::Float(2300.0))),
        ([103, 50, 3, 9, power(-10)], Ok(Value::Float(3e-10))),
        ([103, 50, 3, 9, power(-11)], Err(Fault::OutOfRange)),
        ([103, 50, 3, 9, 11], Err(Fault::OutOfRange)),
        // Not implemented: the power, the number.
        ([103, 50, 2304, 9, 0x8000], Err(Fault::OutOfRange)),
        ([103, 50, 0xFFFF, 9, power(-1)], Err(Fault::OutOfRange)),
        // Another model lies there, or none.
        ([102, 50, 2304, 9, power(-1)], Err(Fault::OutOfRange)),
        ([0xFFFF, 0, 2304, 9, power(-1)], Err(Fault::OutOfRange)),
    ];
    for (words, value) in table {
        assert_eq!(layout.decode(&words), value, "{words:x?}");
    }
    let before = Beside { words: 4, value: 2, power: Some(0), model: None };
    let wide = Layout { beside: Some(Arc::new(before)), ..Layout::plain(WordType::Int32, Order::Abcd) };
    assert_eq!(wide.decode(&[power(-3), 7, 0xFFFF, 0xFC18]), Ok(Value::Float(-1.0)), "the power may lie before it");
}

#[test]
fn what_no_request_reads_in_one_piece_is_refused() {
    let tag = |sunssf: Option<Address>, model: Option<Model>| ModbusTag {
        sunssf,
        model,
        ..tag_of("t", WordType::Int16, Some(at(1)), None)
    };
    let refused = |tag| Config::new(&client(vec![tcp(Form::Poll)], vec![tag]), &[]).map(|_| ()).unwrap_err();
    let apart = || ConfigError::Apart { tag: stepped::name("t") };
    assert_eq!(refused(tag(Some(Address { unit: 2, ..at(2) }), None)), apart());
    assert_eq!(refused(tag(Some(at(126)), None)), apart());
    assert_eq!(refused(tag(None, Some(Model { start: 200, ids: vec![1] }))), apart());
    assert!(Config::new(&client(vec![tcp(Form::Poll)], vec![tag(Some(at(125)), None)]), &[]).is_ok());
}

const INVERTER: &str = "rtus: [{name: INV, ip: 10.0.0.9, rate: 0.5}]\n\
                        devices: [{device: sunspec-inverter, line: INV, unit: 1, prefix: Inv_, base: 40069}]\n";

/// Model 103 as an inverter with three phases and no cabinet sensor gives it, from 40070 on.
fn model_103() -> Vec<u16> {
    let neg = |n: i16| n as u16;
    let mut words = vec![103, 50, 174, 58, 58, 58, neg(-1), 4001, 4002, 4003, 2310, 2311, 2312, neg(-1)];
    words.extend([1200, 1, 4998, neg(-2), 1210, 1, neg(-15), 1, 999, neg(-1), 0x0012, 0xD687, 0]);
    words.extend([0xFFFF, 0x8000, 6400, neg(-1), 0x8000, 0x8000]);
    words.extend([0x8000, 412, 0x8000, 0x8000, neg(-1), 4, 0, 0, 0, 0, 0]);
    words.resize(52, 0xFFFF);
    words
}

/// A whole inverter by the shipped map: few requests, right values; a changed power of ten counts at once, and another
/// model in its place takes every value away.
#[test]
fn an_inverter_by_the_shipped_map() {
    let site = site(INVERTER, "Inv_power: {alarm: '> 20000'}\n");
    let modbus = site.modbus_client.as_ref().unwrap();
    let config = Config::new(modbus, &site.tags).unwrap();
    assert_eq!(config.lines[0].blocks.len(), 1, "one request reads the model");
    let plc = Plc::new().registers(40070, &model_103());
    let mut world = World::new(plc, modbus, &site.tags);
    world.run(Duration::from_secs(2));
    for (tag, value) in [
        ("Inv_current", 17.4),
        ("Inv_L1_L2_voltage", 400.1),
        ("Inv_L3_voltage", 231.2),
        ("Inv_power", 12_000.0),
        ("Inv_frequency", 49.98),
        ("Inv_reactive_power", -150.0),
        ("Inv_power_factor", 99.9),
        ("Inv_energy", f64::from(0x0012_D687)),
        ("Inv_dc_voltage", 640.0),
        ("Inv_heatsink_temperature", 41.2),
    ] {
        assert_eq!(world.good(tag), Some(&Value::Float(value)), "{tag}");
    }
    assert_eq!(world.good("Inv_state"), Some(&Value::Int(3)), "4 is the fourth state, MPPT");
    for tag in ["Inv_dc_current", "Inv_dc_power", "Inv_cabinet_temperature"] {
        assert_eq!(*world.reading(tag), Reading::Missing(Fault::OutOfRange), "{tag} is not implemented");
    }
    world.plant.poke(Plc::NAME, sim::At::holding(40085), &[0]).unwrap();
    world.run(Duration::from_secs(2));
    assert_eq!(world.good("Inv_power"), Some(&Value::Float(1200.0)));
    world.plant.poke(Plc::NAME, sim::At::holding(40070), &[120]).unwrap();
    world.run(Duration::from_secs(2));
    for tag in ["Inv_power", "Inv_state", "Inv_L1_voltage"] {
        assert!(matches!(world.reading(tag), Reading::Held { because: Fault::OutOfRange, .. }), "{tag}");
    }
}

/// Each shipped map makes a configuration that fits the standard's requests, all of its tags in blocks.
#[test]
fn every_shipped_map_can_be_polled() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/devices");
    let all = site::Devices::of(None, &|_| Some(folder.display().to_string())).files();
    assert!(all.len() >= 5);
    for name in all.keys() {
        let modbus = format!(
            "rtus: [{{name: L, serial: /dev/ttyS1}}]\ndevices: [{{device: {name}, line: L, unit: 7, base: 10, prefix: X_}}]\n"
        );
        let site = site(&modbus, "");
        let client = site.modbus_client.as_ref().unwrap();
        let config = Config::new(client, &site.tags).unwrap();
        let mut served: Vec<usize> = config.lines[0].blocks.iter().flat_map(|block| block.points.clone()).collect();
        served.sort_unstable();
        assert_eq!(served, (0..client.tags.len()).collect::<Vec<_>>(), "{name}");
        assert!(config.lines[0].blocks.iter().all(|block| block.count <= 125), "{name}");
        assert_eq!(site.tags.len(), client.tags.len(), "{name}: every register is a tag of the site");
    }
}
