//! What a site gets of the devices it uses: tags in their places, and what is said of them, for every module.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use forebay_site::{
    Address, DEVICES_VARIABLE, Loaded, ModbusClient, Model, Order, Site, Table, load_dir, load_files, load_module,
};
use tag::Kind;

const PUMP: &str = "\
desc: Pump drive
order: cdab
base: 100
registers:
  speed: {type: uint16, read: '4x:12', scale: 0.1, units: rpm, dp: 1, alarm: ['> 1500 for 10', '< 5'], rate: 2}
  energy: {type: uint32, read: '3x:1', no_value: 0xFFFFFFFF, desc: Energy, group: Counters, deadband: 5}
  set: {type: float32, order: abcd, read: '4x:20', write: '4x:30', min: 0, max: 1500, stale_s: 9}
  state: {type: uint16, read: '4x:3', states: [1, 4], multi: [Stopped, Running]}
  run: {type: bool, read: '4x:4.3'}
  name: {type: string, length: 4, read: '4x:40'}
";
const CLIENT: &str = "\
rtus:
- {name: LINE, serial: /dev/ttyUSB0, rate: 5, order: dcba}
tags:
  Own: {type: int16, read: 'LINE:9:4x:1'}
devices:
- {device: pump, line: LINE, unit: 3, prefix: Mill_, desc: Mill}
- {device: pump, line: LINE, unit: 4, prefix: Weir_, base: 0, only: [speed, set], rate: 60}
- {device: sunspec-inverter, line: LINE, unit: 5, prefix: Inv_, base: 40069, only: [power, state]}
";
const TAGS: &str = "Own: {type: int}\nMill_speed: {alarm: '> 1400', desc: Mill pump}\nWeir_set:\n";

fn shipped(name: &str) -> Option<String> {
    (name == DEVICES_VARIABLE).then(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/devices").to_owned())
}

fn load(files: &[(&str, &str)]) -> Loaded {
    let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    load_files(Path::new("site"), &files, &shipped)
}

#[track_caller]
fn good(loaded: Loaded) -> Site {
    assert!(loaded.findings.is_empty(), "{:#?}", loaded.findings);
    loaded.site.unwrap()
}

fn names(site: &Site) -> Vec<&str> {
    site.tags.iter().map(|def| def.name.as_str()).collect()
}

fn tag<'s>(client: &'s ModbusClient, name: &str) -> &'s forebay_site::ModbusTag {
    client.tags.iter().find(|tag| tag.name.as_str() == name).unwrap_or_else(|| panic!("{name}"))
}

/// Every tag in its place: connection, unit, base, and the device's own order instead of the connection's.
#[test]
fn a_device_is_put_on_its_line() {
    let site = good(load(&[("devices/pump.yaml", PUMP), ("modbusclient.yaml", CLIENT), ("tags.yaml", TAGS)]));
    let client = site.modbus_client.as_ref().unwrap();
    assert_eq!(client.tags.len(), 1 + 6 + 2 + 2);
    let at = |unit, table, start, bit| Some(Address { rtu: 0, unit, table, start, bit });
    let holding = Table::HoldingRegisters;
    let speed = tag(client, "Mill_speed");
    assert_eq!((speed.read, speed.write, speed.scale), (at(3, holding, 111, None), None, 0.1));
    assert_eq!((speed.order, speed.rate), (Some(Order::Cdab), Some(Duration::from_secs(2))));
    let energy = tag(client, "Mill_energy");
    assert_eq!((energy.read, &energy.no_value[..]), (at(3, Table::InputRegisters, 100, None), &[0xFFFF_FFFF][..]));
    let set = tag(client, "Mill_set");
    assert_eq!(
        (set.read, set.write, set.order),
        (at(3, holding, 119, None), at(3, holding, 129, None), Some(Order::Abcd))
    );
    assert_eq!(set.stale, Some(Duration::from_secs(9)), "what the device's file says of its freshness");
    assert_eq!(tag(client, "Mill_run").read, at(3, holding, 103, Some(3)));
    assert_eq!((&tag(client, "Mill_state").states[..], tag(client, "Mill_name").length), (&[1, 4][..], 4));
    let far = tag(client, "Weir_set");
    assert_eq!(
        (far.read, far.rate),
        (at(4, holding, 19, None), Some(Duration::from_secs(60))),
        "another base and rate"
    );
    let power = tag(client, "Inv_power");
    assert_eq!((power.read, power.sunssf), (at(5, holding, 40083, None), at(5, holding, 40084, None)));
    assert_eq!(power.model, Some(Model { start: 40069, ids: vec![101, 102, 103] }));
    assert_eq!(power.read_span(), Some((40069, 16)));
    assert_eq!(tag(client, "Own").order, Some(Order::Dcba), "the connection's order is for the site's own tags");
}

/// What the device says of its tags is there for pages, history and alarms; what tags.yaml says comes over it, key by key.
#[test]
fn tags_yaml_comes_over_what_the_device_says() {
    let site = good(load(&[("devices/pump.yaml", PUMP), ("modbusclient.yaml", CLIENT), ("tags.yaml", TAGS)]));
    assert_eq!(
        names(&site),
        [
            "Own",
            "Mill_speed",
            "Weir_set",
            "Mill_energy",
            "Mill_set",
            "Mill_state",
            "Mill_run",
            "Mill_name",
            "Weir_speed",
            "Inv_power",
            "Inv_state"
        ],
        "tags.yaml's in its order, then the others in the order of the devices"
    );
    let def = |name: &str| site.tags.iter().find(|def| def.name.as_str() == name).unwrap();
    let speed = def("Mill_speed");
    assert_eq!(
        (&*speed.desc, speed.kind, speed.units.as_deref(), speed.dp),
        ("Mill pump", Kind::Float, Some("rpm"), Some(1))
    );
    assert_eq!(speed.alarm, ["> 1400"], "one key over the other, not both");
    assert_eq!(def("Weir_speed").alarm, ["> 1500 for 10", "< 5"]);
    let set = def("Weir_set");
    assert_eq!((set.min, set.max, &*set.desc), (Some(0.0), Some(1500.0), "Weir_set"));
    assert_eq!(def("Mill_state").multi.as_deref(), Some(&["Stopped".to_owned(), "Running".to_owned()][..]));
    let energy = def("Mill_energy");
    assert_eq!((energy.kind, energy.group.as_deref(), energy.deadband), (Kind::Int, Some("Counters"), Some(5.0)));
    assert_eq!(
        (&*energy.desc, &*def("Mill_run").desc),
        ("Mill Energy", "Mill_run"),
        "the site's word before the device's"
    );
    assert_eq!((def("Mill_name").kind, def("Mill_run").kind), (Kind::Str, Kind::Int));
    let state = def("Inv_state");
    assert_eq!((state.multi.as_ref().unwrap().len(), &state.alarm[..]), (8, &["== 6".to_owned()][..]));
    assert_eq!(state.multi.as_ref().unwrap()[6], "Fault", "the alarm is on the fault");
}

/// A site's own device stands before the shipped one of its name, and a page may show what a device brings.
#[test]
fn the_sites_own_come_first() {
    let own = "registers: {power: {type: int16, read: '4x:1'}}\n";
    let client = "rtus: [{name: L, ip: x}]\ndevices: [{device: sunspec-inverter, line: L, unit: 1}]\n";
    let www = "pages: [{name: P, items: [{type: value, tagname: power}]}]\n";
    let files = [
        ("devices/sunspec-inverter.yaml", own),
        ("modbusclient.yaml", client),
        ("tags.yaml", ""),
        ("wwwserver.yaml", www),
    ];
    let site = good(load(&files));
    assert_eq!(site.modbus_client.unwrap().tags.len(), 1);
    let none = load(&[("modbusclient.yaml", client)]);
    assert!(none.findings[0].found.contains("without base"), "the shipped one: {:?}", none.findings);
}

/// Each daemon alone, as its unit starts it, knows the devices' tags: their home is the file beside the tags.
#[test]
fn one_daemon_knows_the_devices_tags() {
    let dir = tempdir();
    std::fs::create_dir(dir.join("devices")).unwrap();
    for (file, text) in [
        ("devices/pump.yaml", PUMP),
        ("modbusclient.yaml", CLIENT),
        ("tags.yaml", TAGS),
        ("history.yaml", ""),
        ("wwwserver.yaml", "pages: [{name: P, items: [{type: value, tagname: Mill_energy}]}]"),
        ("initvalues.yaml", ""),
    ] {
        std::fs::write(dir.join(file), text).unwrap();
    }
    let whole = good(load_dir(&dir, &shipped));
    let at = |file: &str| dir.join(file);
    for module in ["history", "wwwserver", "modbusclient", "initvalues"] {
        let config = at(&format!("{module}.yaml"));
        let site = good(load_module(module, Some(&config), Some(&at("tags.yaml")), &shipped));
        assert_eq!(site.tags, whole.tags, "{module}");
        assert_eq!(site.modbus_client.is_some(), module == "modbusclient");
    }
    let client = load_module("modbusclient", Some(&at("modbusclient.yaml")), None, &shipped);
    assert_eq!(good(client).modbus_client.unwrap().tags.len(), 11, "without tags.yaml, as pymscada's sites may be");
    // What is wrong with the devices is the Modbus client's business, and everybody's when the whole site is checked.
    std::fs::write(at("devices/pump.yaml"), PUMP.replace("uint16", "uint61")).unwrap();
    assert!(load_dir(&dir, &shipped).site.is_none());
    let said = |module: &str| {
        let config = at(&format!("{module}.yaml"));
        load_module(module, Some(&config), Some(&at("tags.yaml")), &shipped).site.is_some()
    };
    assert!(!said("modbusclient"));
    assert!(said("history"));
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Devices nobody uses, or a folder that isn't one, change nothing.
#[test]
fn a_site_without_devices_is_as_it_was() {
    let loaded = load_files(
        Path::new("site"),
        &[(
            "modbusclient.yaml".into(),
            b"rtus: [{name: L, ip: x}]\ntags: {devices: {type: int16, read: 'L:1:4x:1'}}".to_vec(),
        )],
        &|name| (name == DEVICES_VARIABLE).then(|| "/nowhere".to_owned()),
    );
    assert_eq!(good(loaded).modbus_client.unwrap().tags.len(), 1);
}

/// A fresh folder of this test process.
fn tempdir() -> PathBuf {
    let dir = std::env::temp_dir().join(format!("forebay-site-devices-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}
