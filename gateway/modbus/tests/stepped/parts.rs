//! What the sites and plants of the tests are made of.

use std::time::Duration;

use sim::Plc;
use site::{Address, Area, BusAddress, Form, ModbusClient, ModbusTag, Rtu, Serial, Table, Transport, WordType};
use tag::{Kind, PastLimits, Reading, TagDef, TagName, Value};

pub(crate) fn name(text: &str) -> TagName {
    TagName::parse(text).unwrap()
}

pub(crate) fn tcp(form: Form) -> Rtu {
    Rtu {
        name: "RTU".into(),
        transport: Transport::Tcp { host: "127.0.0.1".into(), port: 502 },
        rate: Duration::from_millis(500),
        form,
        reads: vec![],
        writes: vec![],
        timeout: Duration::from_secs(1),
        gap: Duration::ZERO,
        max_words: 125,
        write_read: false,
        pipeline: 1,
    }
}

pub(crate) fn serial(form: Form) -> Rtu {
    let port =
        Serial { path: "/dev/ttyS9".into(), baud: 19200, parity: site::Parity::Even, stop_bits: 1, rs485: false };
    Rtu { transport: Transport::Rtu(port), timeout: Duration::from_millis(300), ..tcp(form) }
}

pub(crate) fn at(register: u16) -> Address {
    Address { rtu: 0, unit: 1, table: Table::HoldingRegisters, start: register - 1, bit: None }
}

pub(crate) fn tag_of(text: &str, word_type: WordType, read: Option<Address>, write: Option<Address>) -> ModbusTag {
    ModbusTag { read, write, ..ModbusTag::new(name(text), word_type) }
}

pub(crate) fn client(rtus: Vec<Rtu>, tags: Vec<ModbusTag>) -> ModbusClient {
    ModbusClient { bus: BusAddress { ip: [127, 0, 0, 1].into(), port: 1324 }, rtus, tags }
}

pub(crate) fn limits(text: &str, min: f64, max: f64) -> TagDef {
    TagDef { min: Some(min), max: Some(max), ..TagDef::new(name(text), Kind::Float) }
}

/// The same, but what is past them is moved to them.
pub(crate) fn clamped(text: &str, kind: Kind, min: f64, max: f64) -> TagDef {
    let past_limits = PastLimits::Clamp;
    TagDef { min: Some(min), max: Some(max), past_limits, ..TagDef::new(name(text), kind) }
}

/// Two tags that are read together, and one that isn't.
pub(crate) fn two_blocks(rtu: Rtu) -> ModbusClient {
    client(
        vec![rtu],
        vec![
            tag_of("a", WordType::Int16, Some(at(1)), Some(at(1))),
            tag_of("b", WordType::Float32, Some(at(3)), None),
            tag_of("far", WordType::Uint16, Some(at(500)), None),
        ],
    )
}

/// A device for them.
pub(crate) fn plc() -> Plc {
    Plc::new().blank(600).register(1, 7).registers(3, &[0x41A4, 0]).register(500, 9)
}

pub(crate) fn good(n: i64) -> Reading {
    Reading::Good(Value::Int(n))
}

/// So many registers from here on.
pub(crate) fn area(start: u16, count: u32) -> Area {
    Area { unit: 1, table: Table::HoldingRegisters, start: start - 1, count }
}

/// A device for that line.
pub(crate) fn serial_if(rtu: fn(Form) -> Rtu, plc: Plc) -> Plc {
    if matches!(rtu(Form::Poll).transport, Transport::Rtu(_)) { plc.serial() } else { plc }
}
