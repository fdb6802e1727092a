//! The address of a Modbus tag: `NAME:unit:file:word[.bit]`.

use std::collections::HashMap;

use crate::marked::{Node, clipped};
use crate::report::Report;
use crate::{Address, Rtu, Table, Transport, WordType};

/// How many registers or bits a table has.
pub(super) const TABLE_SIZE: u32 = 65_536;

/// The table that a word names.
pub(super) fn table(file: &str) -> Option<Table> {
    Some(match file {
        "0x" => Table::Coils,
        "1x" => Table::DiscreteInputs,
        "3x" => Table::InputRegisters,
        "4x" => Table::HoldingRegisters,
        _ => return None,
    })
}

/// The word that names a table.
pub(super) fn file(table: Table) -> &'static str {
    match table {
        Table::Coils => "0x",
        Table::DiscreteInputs => "1x",
        Table::InputRegisters => "3x",
        Table::HoldingRegisters => "4x",
    }
}

impl WordType {
    /// The type of that name in `modbusclient.yaml`.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "bool" => Self::Bool,
            "int16" => Self::Int16,
            "uint16" => Self::Uint16,
            "int32" => Self::Int32,
            "uint32" => Self::Uint32,
            "int64" => Self::Int64,
            "uint64" => Self::Uint64,
            "float32" => Self::Float32,
            "float64" => Self::Float64,
            "int8" => Self::Int8,
            "uint8" => Self::Uint8,
            "bcd16" => Self::Bcd16,
            "bcd32" => Self::Bcd32,
            "string" => Self::Text,
            "bytes" => Self::Bytes,
            _ => return None,
        })
    }

    /// Its name in `modbusclient.yaml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int16 => "int16",
            Self::Uint16 => "uint16",
            Self::Int32 => "int32",
            Self::Uint32 => "uint32",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Bcd16 => "bcd16",
            Self::Bcd32 => "bcd32",
            Self::Text => "string",
            Self::Bytes => "bytes",
        }
    }

    /// How many registers a number of this type takes; 1 for a bit, and for what has a length of its own.
    pub fn words(self) -> u16 {
        match self {
            Self::Bool | Self::Int16 | Self::Uint16 | Self::Int8 | Self::Uint8 | Self::Bcd16 => 1,
            Self::Text | Self::Bytes => 1,
            Self::Int32 | Self::Uint32 | Self::Float32 | Self::Bcd32 => 2,
            Self::Int64 | Self::Uint64 | Self::Float64 => 4,
        }
    }
}

impl Address {
    /// As `modbusclient.yaml` writes it: `PLC1:1:4x:101.3`. `rtu` is the name of its connection.
    pub fn written(&self, rtu: &str) -> String {
        let Self { unit, table, start, bit, .. } = self;
        let bit = bit.map(|bit| format!(".{bit}")).unwrap_or_default();
        format!("{rtu}:{unit}:{}:{}{bit}", file(*table), u32::from(*start) + 1)
    }
}

/// Whether it is read or written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
}

/// Where something lies in a unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) table: Table,
    pub(super) start: u16,
    pub(super) bit: Option<u8>,
}

/// What the sentences about a wrong address come from.
struct Wrong {
    expected: String,
    hint: Option<String>,
    /// A bool in a register, without the bit.
    bit_missing: bool,
}

fn wrong<T>(expected: impl Into<String>, hint: Option<String>) -> Result<T, Wrong> {
    Err(Wrong { expected: expected.into(), hint, bit_missing: false })
}

impl Wrong {
    /// The hint for a missing bit is the address with one.
    fn with_bit(self, text: &str) -> Self {
        match self.bit_missing {
            true => Self { hint: Some(format!("write {text}.0 for the lowest")), ..self },
            false => self,
        }
    }
}

/// What lies at an address: its type, and how many registers it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) word_type: WordType,
    pub(super) words: u16,
}

/// Reads the address behind a key; what is wrong with it is reported.
pub(super) fn address(
    node: &Node,
    key: &str,
    item: Item,
    what: Use,
    rtus: &[Rtu],
    places: &HashMap<&str, usize>,
    report: &mut Report<'_>,
) -> Option<Address> {
    if node.is_unfilled() {
        return None;
    }
    let result = match node.text() {
        Some(text) => parse(text, item, what, rtus, places, report),
        None => wrong("expected an address NAME:unit:file:word, like PLC1:1:4x:3", None),
    };
    let address = told(result, node, key, report)?;
    if is_reserved(address.unit, &rtus[address.rtu]) {
        report.warning(node.pos, format!("{key} = {}", node.shown()), RESERVED);
    }
    Some(address)
}

/// What is wrong with such a unit.
pub(super) const RESERVED: &str = "units 248 to 255 are reserved on a serial line: expected 1 to 247";

/// Whether a device can't have this unit by the standard: on a serial line they end at 247.
pub(super) fn is_reserved(unit: u8, rtu: &Rtu) -> bool {
    unit > 247 && matches!(rtu.transport, Transport::Rtu(_))
}

/// Reads an address without connection and unit, `file:word[.bit]`; what is wrong with it is reported.
pub(super) fn place(node: &Node, key: &str, item: Item, what: Use, report: &mut Report<'_>) -> Option<Place> {
    if node.is_unfilled() {
        return None;
    }
    let result = match node.text().and_then(|text| text.split_once(':')) {
        Some((file_word, word)) if !word.contains(':') => {
            place_of(file_word, word, item, what).map_err(|wrong| wrong.with_bit(&format!("{file_word}:{word}")))
        }
        _ => wrong("expected an address file:word, like 4x:3, or 4x:3.0 for a bit", None),
    };
    told(result, node, key, report)
}

fn told<T>(result: Result<T, Wrong>, node: &Node, key: &str, report: &mut Report<'_>) -> Option<T> {
    match result {
        Ok(good) => Some(good),
        Err(Wrong { expected, hint, .. }) => {
            report.error_hint(node.pos, format!("{key} = {}", node.shown()), expected, hint);
            None
        }
    }
}

fn parse(
    text: &str,
    item: Item,
    what: Use,
    rtus: &[Rtu],
    places: &HashMap<&str, usize>,
    report: &mut Report<'_>,
) -> Result<Address, Wrong> {
    let parts: Vec<&str> = text.split(':').collect();
    let [name, unit, file_word, word] = parts[..] else {
        return wrong("expected NAME:unit:file:word, like PLC1:1:4x:3, or PLC1:1:4x:3.0 for a bit", None);
    };
    let Some(rtu) = places.get(name).copied() else {
        let hint = report.did_you_mean(name, rtus.iter().map(|rtu| &*rtu.name));
        return wrong(format!("\"{}\" is not the name of a connection in rtus", clipped(name)), hint);
    };
    let Some(unit) = whole(unit).and_then(|unit| u8::try_from(unit).ok()) else {
        return wrong("expected a unit from 0 to 255 after the name", None);
    };
    let Place { table, start, bit } = place_of(file_word, word, item, what).map_err(|wrong| wrong.with_bit(text))?;
    if unit == 0 && rtus[rtu].transport.is_rtu() && what == Use::Read {
        return wrong("unit 0 of a serial line is broadcast, which nobody answers: expected 1 to 255", None);
    }
    Ok(Address { rtu, unit, table, start, bit })
}

fn place_of(file_word: &str, word: &str, Item { word_type, words }: Item, what: Use) -> Result<Place, Wrong> {
    let Some(table) = table(file_word) else {
        return wrong("expected 0x, 1x, 3x or 4x before the word", None);
    };
    let (word, bit) = match word.split_once('.') {
        Some((word, bit)) => (word, Some(bit)),
        None => (word, None),
    };
    let Some(word) = whole(word).filter(|word| (1..=TABLE_SIZE).contains(word)) else {
        return wrong("expected a word from 1 to 65536: 4x:1 is 40001", five_digits(word, table));
    };
    let bits = matches!(table, Table::Coils | Table::DiscreteInputs);
    let bit = match (bit, word_type == WordType::Bool, bits) {
        (None, true, true) | (None, false, false) => None,
        (Some(bit), true, false) => match whole(bit).filter(|bit| *bit < 16) {
            Some(bit) => Some(bit as u8),
            None => return wrong("expected a bit from .0, the lowest, to .15", None),
        },
        (None, true, false) => {
            let expected = "expected the bit after the word of a bool".to_owned();
            return Err(Wrong { expected, hint: None, bit_missing: true });
        }
        (Some(_), true, true) => return wrong(format!("{file_word} holds single bits: expected no .bit"), None),
        (_, false, true) => return wrong(format!("{file_word} holds single bits: expected type: bool"), None),
        (Some(_), false, false) => return wrong("only type: bool lies in a bit of a word", None),
    };
    let words = u32::from(words);
    if word - 1 + words > TABLE_SIZE {
        return wrong(format!("its {words} words end past 65536"), None);
    }
    if what == Use::Write && !matches!(table, Table::Coils | Table::HoldingRegisters) {
        return wrong(format!("{file_word} can only be read: expected 0x or 4x"), None);
    }
    Ok(Place { table, start: (word - 1) as u16, bit })
}

/// Digits and nothing else.
fn whole(text: &str) -> Option<u32> {
    text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// People who know 40001 by heart write 4x:40001; up to 65536 that means something else, above it can't.
fn five_digits(word: &str, table: Table) -> Option<String> {
    let word = whole(word)?;
    let base = match table {
        Table::Coils => 0,
        Table::DiscreteInputs => 100_000,
        Table::InputRegisters => 300_000,
        Table::HoldingRegisters => 400_000,
    };
    let short = word.checked_sub(base).filter(|short| base > 0 && (1..=TABLE_SIZE).contains(short))?;
    Some(format!("write {short} for {word}"))
}
