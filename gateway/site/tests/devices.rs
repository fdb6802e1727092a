//! The devices that come with the gateway, held against tables made from public sources: a wrong map does harm, so each
//! value of a map is in the table of its name in `devices/`, with where it was found, and the other way round.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use forebay_site::{Address, Device, Devices, Order, Register, Table, WordType, load_device};

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/devices")
}

fn tables() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/devices")
}

fn device(name: &str) -> Device {
    let (device, findings) = load_device(&shipped().join(format!("{name}.yaml")), &|_| None);
    assert!(findings.is_empty(), "{name}: {findings:#?}");
    device.unwrap()
}

/// One line of a table, by the names of its columns.
type Row = BTreeMap<String, String>;

fn rows(name: &str) -> Vec<Row> {
    let text = std::fs::read_to_string(tables().join(format!("{name}.csv"))).unwrap();
    assert!(text.starts_with("# github.com/"), "{name}.csv names its source first");
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.splitn(head.len(), ',').collect();
        assert_eq!(cells.len(), head.len(), "{name}.csv: {line}");
        head.iter().zip(cells).map(|(name, cell)| ((*name).to_owned(), cell.trim_matches('"').to_owned())).collect()
    };
    lines.map(row).collect()
}

fn number(text: &str) -> Option<i128> {
    match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn type_word(register: &Register) -> String {
    match register.value.word_type {
        WordType::Text => format!("string {}", register.value.length),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Whatever of a register differs from its row, in words.
fn differences(register: &Register, row: &Row, table: Table) -> Vec<String> {
    let value = &register.value;
    let mut wrong = Vec::new();
    let mut same = |what: &str, map: String, table: String| {
        if map != table {
            wrong.push(format!("{}: {what} is {map}, in the table {table}", register.tag.name));
        }
    };
    let cell = |name: &str| row[name].clone();
    let start = u16::try_from(number(&row["address"]).unwrap()).unwrap();
    let bit = None;
    same("read", format!("{:?}", value.read), format!("{:?}", Some(Address { rtu: 0, unit: 0, table, start, bit })));
    same("write", format!("{:?}", value.write), "None".into());
    same("type", type_word(register), cell("type"));
    same("order", format!("{:?}", value.order), format!("{:?}", Some(Order::Abcd)));
    same("scale", value.scale.to_string(), cell("scale"));
    same("offset", value.offset.to_string(), "0".into());
    same("sunssf", value.sunssf.map(|at| at.start.to_string()).unwrap_or_default(), cell("sunssf"));
    same("unit", register.tag.units.clone().unwrap_or_default(), cell("unit"));
    let bits = (1_i128 << (16 * u32::from(value.words()).min(4))) - 1;
    let nothing = |n: i128| format!("{:x}", n & bits);
    let stated: Vec<String> = value.no_value.iter().map(|n| nothing((*n).into())).collect();
    same("no_value", stated.join(" "), number(&row["no_value"]).map(nothing).unwrap_or_default());
    let states: Vec<String> = value.states.iter().map(ToString::to_string).collect();
    same("states", states.join(" "), cell("states"));
    // The words as people write them: the sources shout, and join them with strokes.
    let plain = |names: &str| names.replace('_', " ").to_lowercase();
    let names = register.tag.multi.as_deref().unwrap_or_default().join("|");
    same("names", plain(&names), plain(&row["names"]));
    wrong
}

#[test]
fn every_value_of_every_map_is_that_of_its_source() {
    let all = Devices::of(None, &|name| (name == "FOREBAY_DEVICES").then(|| shipped().display().to_string())).files();
    let names: Vec<&String> = all.keys().collect();
    let mut known: Vec<String> = std::fs::read_dir(tables())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    known.sort();
    assert_eq!(names, known.iter().collect::<Vec<_>>(), "a map without a table, or a table without a map");
    assert!(names.len() >= 5);
    let mut wrong = Vec::new();
    for name in names {
        let (device, rows) = (device(name), rows(name));
        assert!(!device.source.is_empty(), "{name} says where its numbers are from");
        let table = if name.starts_with("eastron") { Table::InputRegisters } else { Table::HoldingRegisters };
        for register in &device.registers {
            match rows.iter().find(|row| row["register"] == register.tag.name.as_str()) {
                None => wrong.push(format!("{name}: {} is in no table", register.tag.name)),
                Some(row) => {
                    assert!(!row["source"].is_empty(), "{name}: {row:?}");
                    wrong.extend(differences(register, row, table).into_iter().map(|why| format!("{name}: {why}")));
                }
            }
        }
        for row in &rows {
            if device.registers.iter().all(|register| register.tag.name.as_str() != row["register"]) {
                wrong.push(format!("{name}: {} is only in the table", row["register"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The table test sees each kind of slip.
#[test]
fn a_slip_of_any_kind_is_seen() {
    let (device, rows) = (device("sunspec-inverter"), rows("sunspec-inverter"));
    let state = device.registers.iter().position(|register| register.tag.name.as_str() == "state").unwrap();
    let good = |n: usize| (device.registers[n].clone(), rows[n].clone());
    let (register, row) = good(0);
    assert_eq!(differences(&register, &row, Table::HoldingRegisters), [""; 0]);
    type Slip = fn(&mut Register);
    let slips: [Slip; 7] = [
        |register| register.value.read.as_mut().unwrap().start += 1,
        |register| register.value.word_type = WordType::Int16,
        |register| register.value.scale = 0.1,
        |register| register.value.sunssf.as_mut().unwrap().start += 1,
        |register| register.value.no_value = vec![0x8000],
        |register| register.tag.units = Some("V".into()),
        |register| register.value.order = Some(Order::Cdab),
    ];
    for (n, slip) in slips.into_iter().enumerate() {
        let (mut register, row) = good(0);
        slip(&mut register);
        assert_eq!(differences(&register, &row, Table::HoldingRegisters).len(), 1, "slip {n}");
    }
    let (mut register, row) = good(state);
    register.value.states.swap(0, 1);
    assert_eq!(differences(&register, &row, Table::HoldingRegisters).len(), 1);
    register.tag.multi.as_mut().unwrap().swap(0, 1);
    assert_eq!(differences(&register, &row, Table::HoldingRegisters).len(), 2);
}

/// What SunSpec's models need beside the registers: which models they are, and that a site says where they begin.
#[test]
fn sunspec_maps_know_their_models() {
    for (name, models) in [
        ("sunspec-common", &[1][..]),
        ("sunspec-inverter", &[101, 102, 103]),
        ("sunspec-inverter-float", &[111, 112, 113]),
        ("sunspec-meter", &[201, 202, 203, 204]),
    ] {
        let device = device(name);
        assert_eq!((&device.sunspec[..], device.base), (models, None), "{name}");
        for register in &device.registers {
            let model = register.value.model.as_ref().unwrap();
            assert_eq!((model.start, &model.ids[..]), (0, models), "{name}: {}", register.tag.name);
        }
    }
}
