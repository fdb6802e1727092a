//! What may be said of a value in registers: order, length, sentinels, states; and what a type can't have.

use std::time::Duration;

use tag::TagName;

use crate::fields::{Fields, int};
use crate::load::address::Item;
use crate::report::Report;
use crate::{ModbusTag, Order, WordType};

/// The order that a mapping says.
pub(in crate::load) fn order(fields: &Fields<'_>) -> Option<Order> {
    Order::of(fields.text("order")?)
}

impl Order {
    /// The order of that name in `modbusclient.yaml`.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "abcd" => Self::Abcd,
            "cdab" => Self::Cdab,
            "badc" => Self::Badc,
            "dcba" => Self::Dcba,
            "efghabcd" => Self::Efghabcd,
            "cdabghef" => Self::Cdabghef,
            "dcbahgfe" => Self::Dcbahgfe,
            "fehgbadc" => Self::Fehgbadc,
            _ => return None,
        })
    }
}

/// How many words a string or a row of bytes takes; 0 for everything else. `None` when it isn't said.
pub(in crate::load) fn length(fields: &Fields<'_>, word_type: WordType, report: &mut Report<'_>) -> Option<u16> {
    match (word_type.has_length(), fields.int("length")) {
        (true, Some(length)) => Some(length),
        (false, None) => Some(0),
        (false, Some(_)) => {
            report.error(fields.pos("length"), "length of a number", "expected none: its type says how long it is");
            Some(0)
        }
        (true, None) => {
            if !fields.has("length") {
                let found = "a string or bytes without length";
                report.error(fields.pos("type"), found, "expected length, how many words it takes");
            }
            None
        }
    }
}

/// A whole number or a list of them.
fn whole_numbers(fields: &Fields<'_>, key: &str, report: &mut Report<'_>) -> Vec<i64> {
    let Some(node) = fields.node(key) else { return Vec::new() };
    let all = match node.seq() {
        Some(items) => items.iter().map(int).collect(),
        None => int(node).map(|n| vec![n]),
    };
    all.unwrap_or_else(|| {
        report.error(node.pos, format!("{key} = {}", node.shown()), "expected whole numbers, like [0x8000, 65535]");
        Vec::new()
    })
}

/// What a mapping says of a value in registers, but for where it lies; and what is to lie there. `None` when nobody can
/// tell what type it is, or how long.
pub(in crate::load) fn value(name: TagName, fields: &Fields<'_>, report: &mut Report<'_>) -> Option<(ModbusTag, Item)> {
    let scale = fields.number("scale").unwrap_or(1.0);
    if scale == 0.0 {
        report.error(fields.pos("scale"), "scale = 0", "expected another number: every value would be the same");
    }
    let offset = fields.number("offset").unwrap_or(0.0);
    let word_type = WordType::of(fields.text("type")?)?;
    if word_type == WordType::Bool && (scale != 1.0 || offset != 0.0) {
        report.error(fields.pos("scale"), "scale and offset of a bool", "expected neither");
    }
    let length = length(fields, word_type, report)?;
    let tag = ModbusTag {
        order: order(fields),
        scale,
        offset,
        length,
        no_value: whole_numbers(fields, "no_value", report),
        states: whole_numbers(fields, "states", report),
        rate: fields.number("rate").map(Duration::from_secs_f64),
        ..ModbusTag::new(name, word_type)
    };
    let item = Item { word_type, words: tag.words() };
    Some((tag, item))
}

/// What a type can't have.
pub(in crate::load) fn fits(tag: &ModbusTag, fields: &Fields<'_>, report: &mut Report<'_>) {
    let number = !matches!(tag.word_type, WordType::Bool | WordType::Text | WordType::Bytes);
    for key in ["no_value", "states", "deadband", "sunssf"] {
        if fields.has(key) && !number {
            report.error(fields.pos(key), format!("{key} of a bool, string or bytes"), "expected it at numbers only");
        }
    }
    let is_long = matches!(tag.word_type, WordType::Text | WordType::Bytes);
    if is_long && (tag.scale != 1.0 || tag.offset != 0.0) {
        report.error(fields.pos("scale"), "scale and offset of a string or bytes", "expected neither");
    }
    let scaled = tag.scale != 1.0 || tag.offset != 0.0 || fields.has("sunssf");
    if !tag.states.is_empty() && (scaled || tag.word_type.is_float()) {
        report.error(fields.pos("states"), "states of a scaled or a float number", "expected a plain whole number");
    }
    let bits = (16 * u32::from(tag.word_type.words())) >> u32::from(is_byte(tag.word_type));
    if let Some(none) = tag.no_value.iter().find(|none| number && !fits_bits(**none, bits)) {
        let expected = format!("it has {bits} bits; a number that doesn't fit would stand for another one");
        report.error(fields.pos("no_value"), format!("no_value = {none} in this type"), expected);
    }
    if let Some(state) = tag.states.iter().find(|state| number && !holds(tag.word_type, **state)) {
        report.error(fields.pos("states"), format!("states = {state} in this type"), "it never holds such a number");
    }
    let is_64 = matches!(tag.word_type, WordType::Int64 | WordType::Uint64 | WordType::Float64);
    if tag.order.is_some_and(Order::is_of_64) && !is_64 && fields.has("order") {
        report.error(fields.pos("order"), "an order of eight bytes", "expected one of abcd, cdab, badc, dcba here");
    }
    if fields.has("sunssf") && fields.has("write") {
        report.error(fields.pos("write"), "write of a tag with sunssf", "expected it at tags that are only read");
    }
}

fn is_byte(word_type: WordType) -> bool {
    matches!(word_type, WordType::Int8 | WordType::Uint8)
}

/// With a sign or without: a sentinel is looked for by its bits.
fn fits_bits(number: i64, bits: u32) -> bool {
    bits >= 64 || (-(1 << (bits - 1))..1 << bits).contains(&number)
}

/// May a whole number of this type be that?
fn holds(word_type: WordType, number: i64) -> bool {
    let (min, max) = match word_type {
        WordType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        WordType::Uint8 => (0, u8::MAX.into()),
        WordType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        WordType::Uint16 => (0, u16::MAX.into()),
        WordType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        WordType::Uint32 => (0, u32::MAX.into()),
        WordType::Uint64 => (0, i64::MAX),
        WordType::Bcd16 => (0, 9999),
        WordType::Bcd32 => (0, 99_999_999),
        _ => (i64::MIN, i64::MAX),
    };
    (min..=max).contains(&number)
}
