//! Register maps as tables: a vendor's list as CSV → lines for `modbusclient.yaml` and `tags.yaml`, or a device's file; and
//! back.
//!
//! `rows` is CSV itself, `row` what the cells of one register say, `export` the way back.

mod export;
mod row;
mod rows;
#[cfg(test)]
mod tests;

pub use export::{export, export_device};
use row::{Row, quoted};
use rows::Line;

/// What the first line must name; the others may be there too, in any order.
const NEEDED: [&str; 3] = ["name", "type", "address"];
/// What the first line may name.
const KNOWN: [&str; 24] = [
    "name", "type", "address", "access", "write", "order", "scale", "offset", "sunssf", "length", "no_value", "states",
    "rate", "desc", "units", "dp", "multi", "min", "max", "deadband", "format", "alarm", "group", "stale_s",
];
/// What remarks before the first line may say of a device as a whole.
const REMARKS: [&str; 4] = ["desc", "source", "base", "sunspec"];
/// More lines than a device has registers.
const LINES_MAX: usize = 65_536;

/// A map, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// `desc: Pump drive`, in the map's order.
    remarks: Vec<(&'static str, String)>,
    rows: Vec<Row>,
}

/// Reads a map. Each mistake is one sentence with its line; with a mistake there is no map.
pub fn import(text: &str) -> Result<Map, Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut remarks = Vec::new();
    let rows = rows::rows(text).into_iter().filter_map(|(at, line)| match line {
        Line::Cells(cells) => Some((at, cells)),
        Line::Remark(text) => {
            remarks.extend(remark(&text));
            None
        }
    });
    let rows: Vec<_> = rows.take(LINES_MAX).collect();
    let [(at, head), rows @ ..] = &rows[..] else { return Err(vec!["an empty file".into()]) };
    let head: Vec<String> = head.iter().map(|cell| cell.to_lowercase()).collect();
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
    let (mut map, mut names) = (Map { remarks, rows: Vec::new() }, std::collections::HashSet::new());
    for (at, cells) in rows {
        if cells.len() > head.len() {
            let (cells, columns) = (cells.len(), head.len());
            wrong.push(format!("line {at}: {cells} cells under {columns} columns; text with a comma needs quotes"));
            continue;
        }
        let cell = |name: &str| {
            let column = head.iter().position(|known| known == name)?;
            cells.get(column).map(String::as_str).filter(|cell| !cell.is_empty())
        };
        match Row::of(*at, &cell) {
            Ok(row) if names.insert(row.name.clone()) => map.rows.push(row),
            Ok(row) => wrong.push(format!("line {at}: a second {:?}", row.name)),
            Err(why) => wrong.push(format!("line {at}: {why}")),
        }
    }
    // Also of a map with mistakes: what its other lines say together is looked at all the same.
    if !map.rows.is_empty() {
        wrong.extend(map.check());
        wrong.sort_by_key(|said| line_of(said));
    } else if wrong.is_empty() {
        wrong.push(format!("line {at}: no registers below it"));
    }
    if wrong.is_empty() { Ok(map) } else { Err(wrong) }
}

/// The line a mistake speaks of; the remarks come before all lines.
fn line_of(said: &str) -> usize {
    let rest = said.strip_prefix("line ").and_then(|rest| rest.split_once(':'));
    rest.and_then(|(line, _)| line.parse().ok()).unwrap_or(0)
}

/// `desc: Pump drive` behind a `#`; any other remark says nothing to us.
fn remark(text: &str) -> Option<(&'static str, String)> {
    let (key, value) = text.split_once(':')?;
    let key = REMARKS.into_iter().find(|known| *known == key.trim())?;
    Some((key, value.trim().to_owned())).filter(|(_, value)| !value.is_empty())
}

impl Map {
    /// The lines for `tags:` of `modbusclient.yaml`, and those for `tags.yaml`; or why they would be wrong.
    pub fn lines(&self, line: &str, unit: u8) -> Result<(Vec<String>, Vec<String>), String> {
        // There is no place in those files for what is added to all addresses, or for the model that guards them.
        let has = |key: &&str| self.remarks.iter().any(|(known, text)| known == key && text != "0");
        if let Some(key) = ["base", "sunspec"].into_iter().find(has) {
            return Err(format!("its addresses stand for other ones ({key}): it can only be a device's file"));
        }
        let at = |place: super::Place| format!("{}:{unit}:{place}", line.replace('\'', "''"));
        let of = |make: &dyn Fn(&Row) -> String| self.rows.iter().map(make).collect();
        Ok((of(&|row| row.of_client(&at)), of(&Row::of_tags)))
    }

    /// A device's file.
    pub fn device(&self) -> String {
        let (head, registers) = self.device_lines();
        head.into_iter().chain(registers).map(|line| line + "\n").collect()
    }

    /// The lines before the registers, and one for each of them.
    fn device_lines(&self) -> (Vec<String>, Vec<String>) {
        let all = |key: &'static str| {
            self.remarks.iter().filter(move |(known, _)| *known == key).map(|(_, text)| text.as_str())
        };
        let mut head: Vec<String> = all("desc").take(1).map(|text| format!("desc: {}", quoted(text))).collect();
        let sources: Vec<String> = all("source").map(quoted).collect();
        if !sources.is_empty() {
            head.push(format!("source: [{}]", sources.join(", ")));
        }
        // A number or nothing: anything else is quoted, which the check doesn't take for a number.
        let number = |text: &str| if text.parse::<u16>().is_ok() { text.to_owned() } else { quoted(text) };
        head.extend(all("base").take(1).map(|text| format!("base: {}", number(text))));
        let models = |text: &str| text.split_whitespace().map(number).collect::<Vec<_>>().join(", ");
        head.extend(all("sunspec").take(1).map(|text| format!("sunspec: [{}]", models(text))));
        head.push("registers:".to_owned());
        (head, self.rows.iter().map(|row| format!("  {}", row.of_device())).collect())
    }

    /// What the site's own check says of the map, by the lines of the map.
    fn check(&self) -> Vec<String> {
        let head = self.device_lines().0.len();
        let (_, findings) = site::read_device("map", self.device().as_bytes(), &|_| None);
        let at = |finding: &site::Finding| {
            let line = usize::try_from(finding.pos.line).unwrap_or(0);
            line.checked_sub(head + 1).and_then(|n| self.rows.get(n)).map(|row| row.line)
        };
        let errors = findings.iter().filter(|finding| finding.severity == site::Severity::Error);
        errors
            .map(|finding| {
                let hint = finding.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
                let place = at(finding).map_or_else(|| "the remarks".to_owned(), |line| format!("line {line}"));
                format!("{place}: {}: {}{hint}", finding.found, finding.expected)
            })
            .collect()
    }
}
