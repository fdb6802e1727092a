//! Tags as a register map.

use site::{Address, Device, ModbusClient, ModbusTag, Order, WordType};
use tag::{Format, TagDef};

use super::rows::line;
use super::{KNOWN, NEEDED};
use crate::tool::guess::{order_word, type_word};
use crate::tool::place::Place;

/// The tags of a unit behind a connection as a map; read by [`super::import`] again.
pub fn export(client: &ModbusClient, defs: &[TagDef], line: &str, unit: u8) -> String {
    let here =
        |tag: &&ModbusTag| tag.read.or(tag.write).is_some_and(|at| client.rtus[at.rtu].name == line && at.unit == unit);
    let def = |tag: &ModbusTag| defs.iter().find(|def| def.name == tag.name);
    let order = |tag: &ModbusTag| tag.order.map(|order| order_word(order).to_owned()).unwrap_or_default();
    table(client.tags.iter().filter(here).map(|tag| cells(tag, def(tag), order(tag))).collect())
}

/// A device as a map, what belongs to the device as a whole before it as remarks; read by [`super::import`] again.
pub fn export_device(device: &Device) -> String {
    let mut out = format!("# desc: {}\n", one_line(&device.desc));
    device.source.iter().for_each(|source| out.push_str(&format!("# source: {}\n", one_line(source))));
    if let Some(base) = device.base.filter(|base| *base > 0) {
        out.push_str(&format!("# base: {base}\n"));
    }
    if !device.sunspec.is_empty() {
        out.push_str(&format!("# sunspec: {}\n", joined(&device.sunspec, " ")));
    }
    let order = |tag: &ModbusTag| match tag.order {
        None | Some(Order::Abcd) => String::new(),
        Some(order) => order_word(order).to_owned(),
    };
    let registers = device.registers.iter();
    out + &table(registers.map(|r| cells(&r.value, Some(&r.tag), order(&r.value))).collect())
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// The rows under the columns that any of them uses.
fn table(rows: Vec<[String; KNOWN.len()]>) -> String {
    let used = |n: &usize| NEEDED.contains(&KNOWN[*n]) || rows.iter().any(|row| !row[*n].is_empty());
    let columns: Vec<usize> = (0..KNOWN.len()).filter(used).collect();
    let mut out = line(&columns.iter().map(|n| KNOWN[*n].to_owned()).collect::<Vec<_>>());
    for row in &rows {
        out.push_str(&line(&columns.iter().map(|n| row[*n].clone()).collect::<Vec<_>>()));
    }
    out
}

fn joined<T: ToString>(all: &[T], with: &str) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(with)
}

fn place(at: Address) -> String {
    Place { table: at.table, start: at.start, bit: at.bit }.to_string()
}

/// In the order of [`KNOWN`].
fn cells(tag: &ModbusTag, def: Option<&TagDef>, order: String) -> [String; KNOWN.len()] {
    let some = |number: f64, plain: f64| if number == plain { String::new() } else { number.to_string() };
    let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
    let (access, write) = match (tag.read, tag.write) {
        (Some(read), Some(write)) if place(read) != place(write) => ("r", place(write)),
        (Some(_), Some(_)) => ("rw", String::new()),
        (None, _) => ("w", String::new()),
        (Some(_), None) => ("r", String::new()),
    };
    let plain = def.map(|def| TagDef::new(def.name.clone(), def.kind));
    // What goes without saying is not said.
    let own = def.zip(plain.as_ref());
    let multi = def.and_then(|def| def.multi.as_deref()).unwrap_or_default();
    let limits = own.filter(|_| multi.is_empty());
    let format = |format| match format {
        Format::Time => "time",
        Format::Date => "date",
        Format::DateTime => "datetime",
    };
    [
        tag.name.to_string(),
        type_word(tag.word_type).to_owned(),
        tag.read.or(tag.write).map(place).unwrap_or_default(),
        access.to_owned(),
        write,
        order,
        some(tag.scale, 1.0),
        some(tag.offset, 0.0),
        tag.sunssf.map(place).unwrap_or_default(),
        if matches!(tag.word_type, WordType::Text | WordType::Bytes) { tag.length.to_string() } else { String::new() },
        joined(&tag.no_value, " "),
        joined(&tag.states, " "),
        tag.rate.map(|rate| rate.as_secs_f64().to_string()).unwrap_or_default(),
        own.filter(|(def, plain)| def.desc != plain.desc).map(|(def, _)| one_line(&def.desc)).unwrap_or_default(),
        def.and_then(|def| def.units.clone()).unwrap_or_default(),
        own.filter(|(def, plain)| def.dp != plain.dp)
            .and_then(|(def, _)| def.dp)
            .map(|dp| dp.to_string())
            .unwrap_or_default(),
        joined(&multi.iter().map(|state| one_line(state).replace('|', "/")).collect::<Vec<_>>(), "|"),
        limits.map(|(def, _)| number(def.min)).unwrap_or_default(),
        limits.map(|(def, _)| number(def.max)).unwrap_or_default(),
        number(def.and_then(|def| def.deadband)),
        def.and_then(|def| def.format).map(format).unwrap_or_default().to_owned(),
        def.map(|def| joined(&def.alarm, "|")).unwrap_or_default(),
        def.and_then(|def| def.group.clone()).unwrap_or_default(),
        number(def.and_then(|def| def.stale).map(|stale| stale.as_secs_f64())),
    ]
}
