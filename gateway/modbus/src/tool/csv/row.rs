//! One register of a map: its cells → what is said of it in YAML.

use site::{Order, WordType};

use crate::tool::guess::{order_word, type_word};
use crate::tool::place::{Place, PlaceError};

/// A register of a map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// The line of the map it began in.
    pub(super) line: usize,
    pub(super) name: String,
    read: Option<Place>,
    write: Option<Place>,
    sunssf: Option<Place>,
    /// Keys and values for `modbusclient.yaml`, but for the addresses.
    value: Vec<(&'static str, String)>,
    /// The type of its tag, which is none where it has states.
    kind: Option<&'static str>,
    /// Keys and values for `tags.yaml`.
    tag: Vec<(&'static str, String)>,
}

impl Row {
    /// Understands the cells; a mistake is one sentence.
    pub(super) fn of<'c>(line: usize, cell: &impl Fn(&str) -> Option<&'c str>) -> Result<Self, String> {
        let name = cell("name").ok_or("no name")?;
        tag::TagName::parse(name).map_err(|error| format!("{name:?}: {error}"))?;
        let word = cell("type").ok_or("no type")?.to_lowercase();
        let word_type = WordType::of(&word)
            .ok_or_else(|| format!("type {word:?}: expected int16, uint32, float32 or another of modbusclient.yaml"))?;
        let place = |column: &str| -> Result<Option<Place>, String> {
            let read = |text: &str| text.parse().map_err(|error: PlaceError| format!("{column} {error}"));
            cell(column).map(read).transpose()
        };
        let address = place("address")?.ok_or("no address")?;
        let other = place("write")?;
        let (read, write) = match cell("access").map(str::to_lowercase).as_deref() {
            None | Some("r" | "ro" | "read") => (Some(address), other),
            Some("rw" | "r/w" | "read/write") => (Some(address), other.or(Some(address))),
            Some("w" | "wo" | "write") => (None, other.or(Some(address))),
            Some(other) => return Err(format!("access {other:?}: expected r, rw or w")),
        };
        let sunssf = place("sunssf")?;
        let value = value(word_type, cell)?;
        let floats = ["scale", "offset"].iter().any(|key| value.iter().any(|(known, _)| known == key));
        let kind = match word_type {
            WordType::Text => "str",
            WordType::Bytes => "bytes",
            _ if word_type.is_float() || floats || sunssf.is_some() => "float",
            _ => "int",
        };
        let kind = cell("multi").is_none().then_some(kind);
        Ok(Self { line, name: name.to_owned(), read, write, sunssf, value, kind, tag: tag_keys(cell)? })
    }

    /// The line below `tags:` of `modbusclient.yaml`; `at` makes an address of a place.
    pub(super) fn of_client(&self, at: &dyn Fn(Place) -> String) -> String {
        format!("{}: {{{}}}", quoted(&self.name), said(self.places(at)))
    }

    /// The line of `tags.yaml`.
    pub(super) fn of_tags(&self) -> String {
        let kind = self.kind.map(|kind| ("type", kind.to_owned()));
        format!("{}: {{{}}}", quoted(&self.name), said(kind.into_iter().chain(self.tag.iter().cloned())))
    }

    /// The line below `registers:` of a device's file.
    pub(super) fn of_device(&self) -> String {
        let all = self.places(&|place| place.to_string()).chain(self.tag.iter().cloned());
        format!("{}: {{{}}}", quoted(&self.name), said(all))
    }

    fn places<'r>(&'r self, at: &dyn Fn(Place) -> String) -> impl Iterator<Item = (&'static str, String)> + use<'r> {
        let places = [("read", self.read), ("write", self.write), ("sunssf", self.sunssf)];
        let places: Vec<_> =
            places.into_iter().filter_map(|(key, place)| Some((key, format!("'{}'", at(place?))))).collect();
        // The type first, as people write it.
        self.value.iter().take(1).cloned().chain(places).chain(self.value.iter().skip(1).cloned())
    }
}

fn said(all: impl Iterator<Item = (&'static str, String)>) -> String {
    all.map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join(", ")
}

fn value<'c>(
    word_type: WordType,
    cell: &impl Fn(&str) -> Option<&'c str>,
) -> Result<Vec<(&'static str, String)>, String> {
    let mut said = vec![("type", type_word(word_type).to_owned())];
    match (word_type.has_length(), number(cell, "length")?) {
        (true, Some(length)) if length.fract() == 0.0 && (1.0..=125.0).contains(&length) => {
            said.push(("length", length.to_string()));
        }
        (true, _) => return Err("a string or bytes needs a length of 1 to 125 words".into()),
        (false, Some(_)) => return Err("a length belongs to string and bytes".into()),
        (false, None) => {}
    }
    if let Some(order) = cell("order").map(str::to_lowercase) {
        let order = Order::of(&order).ok_or_else(|| format!("order {order:?}: expected abcd, cdab, badc or dcba"))?;
        said.push(("order", order_word(order).to_owned()));
    }
    for (key, plain) in [("scale", 1.0), ("offset", 0.0)] {
        match number(cell, key)? {
            Some(0.0) if key == "scale" => return Err("scale 0: every value would be the same".into()),
            Some(number) if number != plain => said.push((key, decimal(number))),
            _ => {}
        }
    }
    for key in ["no_value", "states"] {
        if let Some(text) = cell(key) {
            let numbers: Result<Vec<String>, String> = text.split_whitespace().map(|text| whole(key, text)).collect();
            said.push((key, format!("[{}]", numbers?.join(", "))));
        }
    }
    said.extend(number(cell, "rate")?.map(|rate| ("rate", decimal(rate))));
    Ok(said)
}

fn tag_keys<'c>(cell: &impl Fn(&str) -> Option<&'c str>) -> Result<Vec<(&'static str, String)>, String> {
    let mut said = Vec::new();
    for key in ["desc", "units", "format", "group"] {
        said.extend(cell(key).map(|text| (key, quoted(text))));
    }
    for key in ["multi", "alarm"] {
        if let Some(text) = cell(key) {
            let all: Vec<String> = text.split('|').map(|text| quoted(text.trim())).collect();
            said.push((key, format!("[{}]", all.join(", "))));
        }
    }
    for key in ["dp", "min", "max", "deadband", "stale_s"] {
        said.extend(number(cell, key)?.map(|number| (key, decimal(number))));
    }
    Ok(said)
}

fn number<'c>(cell: &impl Fn(&str) -> Option<&'c str>, key: &str) -> Result<Option<f64>, String> {
    match cell(key).map(|text| (text, text.parse::<f64>())) {
        None => Ok(None),
        Some((_, Ok(number))) if number.is_finite() => Ok(Some(number)),
        Some((text, _)) => Err(format!("{key} {text:?}: expected a number with a point")),
    }
}

/// A number as every reader of YAML takes it.
fn decimal(number: f64) -> String {
    if number == 0.0 || (1e-15..1e15).contains(&number.abs()) { number.to_string() } else { format!("{number:?}") }
}

fn whole(key: &str, text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("0x").map_or_else(|| text.parse().ok(), |hex| i64::from_str_radix(hex, 16).ok());
    digits
        .map(|n| n.to_string())
        .ok_or_else(|| format!("{key} {text:?}: expected whole numbers with blanks between, like 0x8000 65535"))
}

/// Text for YAML that is text whatever it looks like. It has no line breaks.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
