//! Register maps as tables: a vendor's list as CSV → lines for `modbusclient.yaml` and `tags.yaml`, and back.

use site::{ModbusClient, Order, WordType};
use tag::TagDef;

use super::guess::{order_word, type_word};
use super::place::Place;

/// What the first line must name; the others may be there too, in any order.
const NEEDED: [&str; 3] = ["name", "type", "address"];
/// What the first line may name.
const KNOWN: [&str; 12] =
    ["name", "type", "address", "order", "scale", "offset", "length", "no_value", "access", "desc", "units", "rate"];
/// More lines than a device has registers.
const LINES_MAX: usize = 65_536;

/// A map, as text to put into a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// For `tags:` of `modbusclient.yaml`.
    pub modbus: Vec<String>,
    /// For `tags.yaml`.
    pub tags: Vec<String>,
}

/// Reads a map. Each mistake is one sentence with its line; with a mistake there is no map.
pub fn import(text: &str, line: &str, unit: u8) -> Result<Imported, Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = rows(text).into_iter().filter(|(_, cells)| cells.iter().any(|cell| !cell.trim().is_empty()));
    let Some((at, head)) = rows.next() else { return Err(vec!["an empty file".into()]) };
    let head: Vec<String> = head.iter().map(|cell| cell.trim().to_lowercase()).collect();
    let mut wrong: Vec<String> = Vec::new();
    for needed in NEEDED.iter().filter(|needed| !head.iter().any(|name| name == *needed)) {
        wrong.push(format!("line {at}: no column {needed}; expected some of {}", KNOWN.join(", ")));
    }
    for odd in head.iter().filter(|name| !KNOWN.contains(&name.as_str())) {
        wrong.push(format!("line {at}: a column {odd:?}; expected some of {}", KNOWN.join(", ")));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let (mut map, mut names) = (Imported::default(), std::collections::HashSet::new());
    for (at, cells) in rows.take(LINES_MAX) {
        if cells.len() > head.len() {
            wrong.push(format!(
                "line {at}: {} cells under {} columns; text with a comma needs quotes",
                cells.len(),
                head.len()
            ));
            continue;
        }
        let cell = |name: &str| {
            let column = head.iter().position(|known| known == name)?;
            cells.get(column).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
        };
        match entry(&cell, line, unit) {
            Ok((modbus, tags)) if names.insert(cell("name").unwrap_or_default().to_owned()) => {
                map.modbus.push(modbus);
                map.tags.push(tags);
            }
            Ok(_) => wrong.push(format!("line {at}: a second {:?}", cell("name").unwrap_or_default())),
            Err(why) => wrong.push(format!("line {at}: {why}")),
        }
    }
    if wrong.is_empty() { Ok(map) } else { Err(wrong) }
}

/// One register of the map, as a line of each file.
fn entry<'c>(cell: &impl Fn(&str) -> Option<&'c str>, line: &str, unit: u8) -> Result<(String, String), String> {
    let name = cell("name").ok_or("no name")?;
    tag::TagName::parse(name).map_err(|error| format!("{name:?}: {error}"))?;
    let word = cell("type").ok_or("no type")?.to_lowercase();
    let word_type = WordType::of(&word)
        .ok_or_else(|| format!("type {word:?}: expected int16, uint32, float32 or another of modbusclient.yaml"))?;
    let place = cell("address").ok_or("no address")?;
    let place: Place = place.parse().map_err(|error: super::PlaceError| format!("address {error}"))?;
    let number = |name: &str| match cell(name).map(|text| (text, text.parse::<f64>())) {
        None => Ok(None),
        Some((_, Ok(number))) if number.is_finite() => Ok(Some(number)),
        Some((text, _)) => Err(format!("{name} {text:?}: expected a number with a point")),
    };
    let mut said = format!("type: {}", type_word(word_type));
    let length = number("length")?;
    match (word_type.has_length(), length) {
        (true, Some(length)) if length.fract() == 0.0 && (1.0..=125.0).contains(&length) => {
            said.push_str(&format!(", length: {length}"));
        }
        (true, _) => return Err("a string or bytes needs a length of 1 to 125 words".into()),
        (false, Some(_)) => return Err("a length belongs to string and bytes".into()),
        (false, None) => {}
    }
    let words = if word_type.has_length() { length.unwrap_or(1.0) as u32 } else { word_type.words().into() };
    if u32::from(place.start) + words > 65_536 {
        return Err(format!("address {place}: its {words} words end past 65536"));
    }
    let address = format!("{line}:{unit}:{place}");
    said.push_str(&format!(", read: '{address}'"));
    match cell("access").map(str::to_lowercase).as_deref() {
        None | Some("r" | "ro" | "read") => {}
        Some("rw" | "w" | "r/w" | "write" | "read/write") => said.push_str(&format!(", write: '{address}'")),
        Some(other) => return Err(format!("access {other:?}: expected r or rw")),
    }
    if let Some(order) = cell("order").map(str::to_lowercase) {
        let order = Order::of(&order).ok_or_else(|| format!("order {order:?}: expected abcd, cdab, badc or dcba"))?;
        said.push_str(&format!(", order: {}", order_word(order)));
    }
    let (scale, offset) = (number("scale")?, number("offset")?);
    if scale == Some(0.0) {
        return Err("scale 0: every value would be the same".into());
    }
    for (key, value) in [("scale", scale), ("offset", offset), ("rate", number("rate")?)] {
        if let Some(value) = value {
            said.push_str(&format!(", {key}: {value}"));
        }
    }
    if let Some(none) = cell("no_value") {
        let digits = none.strip_prefix("0x").map_or_else(|| none.parse().ok(), |hex| i64::from_str_radix(hex, 16).ok());
        let none = digits.ok_or_else(|| format!("no_value {none:?}: expected a whole number, like 0x8000"))?;
        said.push_str(&format!(", no_value: {none}"));
    }
    let scaled = scale.is_some_and(|scale| scale != 1.0) || offset.is_some_and(|offset| offset != 0.0);
    let kind = match word_type {
        WordType::Text => "str",
        WordType::Bytes => "bytes",
        _ if word_type.is_float() || scaled => "float",
        _ => "int",
    };
    let mut def = format!("type: {kind}");
    for key in ["desc", "units"] {
        if let Some(text) = cell(key) {
            def.push_str(&format!(", {key}: {}", quoted(text)));
        }
    }
    let name = quoted(name);
    Ok((format!("{name}: {{{said}}}"), format!("{name}: {{{def}}}")))
}

/// Text for YAML that is text whatever it looks like.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''").replace(['\n', '\r'], " "))
}

/// The tags of a unit behind a connection as a map; read by [`import`] again.
pub fn export(client: &ModbusClient, defs: &[TagDef], line: &str, unit: u8) -> String {
    let mut out = format!("{}\n", KNOWN.join(","));
    for tag in &client.tags {
        let Some(at) = tag.read.or(tag.write) else { continue };
        if client.rtus[at.rtu].name != line || at.unit != unit {
            continue;
        }
        let def = defs.iter().find(|def| def.name == tag.name);
        let place = Place { table: at.table, start: at.start, bit: at.bit }.to_string();
        let some = |number: f64, plain: f64| if number == plain { String::new() } else { number.to_string() };
        let cells = [
            tag.name.to_string(),
            type_word(tag.word_type).to_owned(),
            place,
            tag.order.map(|order| order_word(order).to_owned()).unwrap_or_default(),
            some(tag.scale, 1.0),
            some(tag.offset, 0.0),
            if tag.length > 0 { tag.length.to_string() } else { String::new() },
            tag.no_value.first().map(i64::to_string).unwrap_or_default(),
            if tag.write.is_some() { "rw" } else { "r" }.to_owned(),
            def.map(|def| def.desc.clone()).unwrap_or_default(),
            def.and_then(|def| def.units.clone()).unwrap_or_default(),
            tag.rate.map(|rate| rate.as_secs_f64().to_string()).unwrap_or_default(),
        ];
        let cells = cells.map(|cell| match cell.contains([',', '"', '\n', ';']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell,
        });
        out.push_str(&format!("{}\n", cells.join(",")));
    }
    out
}

/// Rows of cells, each with the number of its first line. Commas, or semicolons where the first line has more of them;
/// quotes as in RFC 4180.
fn rows(text: &str) -> Vec<(usize, Vec<String>)> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let comma = if first.matches(';').count() > first.matches(',').count() { ';' } else { ',' };
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quotes, mut at, mut began) = (false, 1, 1);
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        at += usize::from(c == '\n');
        match c {
            '"' if quotes && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quotes = !quotes,
            _ if quotes => cell.push(c),
            _ if c == comma => row.push(std::mem::take(&mut cell)),
            '\n' => {
                row.push(std::mem::take(&mut cell));
                rows.push((began, std::mem::take(&mut row)));
                began = at;
            }
            '\r' => {}
            _ => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push((began, row));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendors_list_becomes_lines_of_a_site() {
        let text = "\u{feff}Name;Type;Address;Scale;Units;Access;Desc\r\nU_L1;int16;4x:1;0.1;V;r;\"Phase 1; to \"\"N\"\"\"\r\n\r\nSet;float32;400003;;;rw;It's\r\n";
        let map = import(text, "M", 5).unwrap();
        assert_eq!(
            map.modbus,
            [
                "'U_L1': {type: int16, read: 'M:5:4x:1', scale: 0.1}",
                "'Set': {type: float32, read: 'M:5:4x:3', write: 'M:5:4x:3'}",
            ]
        );
        assert_eq!(
            map.tags,
            ["'U_L1': {type: float, desc: 'Phase 1; to \"N\"', units: 'V'}", "'Set': {type: float, desc: 'It''s'}",]
        );
    }

    #[test]
    fn every_mistake_has_its_line() {
        let text = "name,type,address,scale,length,order\nA,int15,4x:1\nB,int16,40001\nC,int16,4x:1,x\nD,string,4x:1\n\
                    E,int16,4x:1,0\nF,int16,4x:1,,3\nG,int32,4x:65536\nH,int16,4x:1,,,xyz\nI,int16,4x:1\nI,int16,4x:2\n,int16,4x:2\n\
                    K,int16,4x:2,,,,,,\n";
        let wrong = import(text, "M", 1).unwrap_err();
        let lines: Vec<&str> = wrong.iter().map(|line| line.split(':').next().unwrap()).collect();
        let expected = [
            "line 2", "line 3", "line 4", "line 5", "line 6", "line 7", "line 8", "line 9", "line 11", "line 12",
            "line 13",
        ];
        assert_eq!(lines, expected, "{wrong:#?}");
        assert!(import("name,typ,address\n", "M", 1).unwrap_err().len() == 2, "a missing one and an odd one");
        assert_eq!(import("", "M", 1).unwrap_err(), ["an empty file"]);
    }

    /// Any text: a map or mistakes, never a panic; and what comes out is one line each.
    #[test]
    fn rubbish_is_a_mistake() {
        use std::hash::{BuildHasher, Hasher, RandomState};
        let seed = std::env::var("FOREBAY_SEED")
            .map_or_else(|_| RandomState::new().build_hasher().finish(), |seed| seed.parse().unwrap());
        let mut state = seed | 1;
        let mut next = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).unwrap()
        };
        let parts = [
            "name", "type", "address", ",", ";", "\n", "\"", "4x:1", "int16", "string", "8", "0x8000", "é", "'", "\0",
            "-", ".5",
        ];
        for round in 0..20_000 {
            let mut text = if round % 2 == 0 { "name,type,address,length,scale\n".to_owned() } else { String::new() };
            (0..next(30)).for_each(|_| text.push_str(parts[next(parts.len())]));
            if let Ok(map) = import(&text, "L", 1) {
                assert_eq!(map.modbus.len(), map.tags.len());
                assert!(map.modbus.iter().all(|line| !line.contains('\n')), "seed={seed} {text:?} {map:?}");
            }
        }
    }
}
