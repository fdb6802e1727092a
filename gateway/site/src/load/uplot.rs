//! A trend of a page.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::item::{known_tag, placeholder};
use super::tags::{Tags, a};
use crate::Item;
use crate::fields::{Fields, fields, int, plain_number};
use crate::finding::Pos;
use crate::keys::{self, Table};
use crate::marked::{Node, Yaml, clipped};
use crate::report::Report;
use crate::scalar::Plain;

/// How many pens one trend may have: more than anyone can tell apart, few enough for a phone to draw.
const SERIES_MAX: usize = 64;

/// Loads a trend. Pens of tags that the site doesn't have are left out, with the bands that need them.
pub(super) fn uplot(item: &Fields<'_>, at: Pos, tags: &Tags, report: &mut Report<'_>) -> Option<Item> {
    let ms = match item.node("ms") {
        None => Json::Object(Map::new()),
        Some(node) => {
            let ms = fields(node, &keys::MS, report)?;
            if let Some(marks) = ms.node("bghighlight").filter(|marks| !marks_ok(marks)) {
                let found = format!("bghighlight = {}", marks.shown());
                report.error(marks.pos, found, "expected a list of {xpos: number or now, color: colour}");
            }
            object(node, &keys::MS, report)
        }
    };
    let mut scales: Vec<&str> = Vec::new();
    let mut axes = Vec::new();
    for node in item.items("axes") {
        let Some(axis) = fields(node, &keys::AXIS, report) else { continue };
        range(&axis, report);
        if let Some(side) = axis.node("side").filter(|side| !matches!(int(side), Some(0..=3))) {
            report.error(side.pos, format!("side = {}", side.shown()), "expected 0 top, 1 right, 2 bottom or 3 left");
        }
        scales.extend(axis.text("scale"));
        axes.push(object(node, &keys::AXIS, report));
    }
    let mut names: HashSet<&str> = HashSet::new();
    let mut missing: HashSet<&str> = HashSet::new();
    let mut pens = Vec::new();
    let items = item.items("series");
    if items.len() > SERIES_MAX {
        report.error(item.pos("series"), format!("{} series", items.len()), format!("expected at most {SERIES_MAX}"));
        return None;
    }
    for node in items {
        let Some(pen) = fields(node, &keys::SERIES, report) else { continue };
        look(&pen, &scales, report);
        let Some(tagname) = pen.node("tagname") else { continue };
        let Some(text) = tagname.text() else { continue };
        match known_tag(tagname, tags, report) {
            Some(Ok(name)) => {
                if let Some(def) = tags.get(name.as_str()).filter(|def| !def.kind.is_numeric()) {
                    let found = format!("\"{name}\" is {}", a(def.kind));
                    report.warning(tagname.pos, found, "only numbers are drawn: the pen is left out");
                    missing.insert(text);
                    continue;
                }
                if tags.get(name.as_str()).is_some_and(|def| !def.recorded) {
                    let found = format!("\"{name}\" isn't kept in the history");
                    report.warning(tagname.pos, found, "its pen begins when the page is opened");
                }
                names.insert(text);
                pens.push(object(node, &keys::SERIES, report));
            }
            Some(Err(_)) => {
                missing.insert(text);
            }
            None => {}
        }
    }
    let bands = bands(item, &names, &missing, report);
    if pens.is_empty() {
        let why = match missing.iter().min() {
            Some(name) => format!("no tag {name}"),
            None => "a trend without series".to_owned(),
        };
        if items.is_empty() && item.has("series") {
            report.warning(item.pos("series"), "a trend without series", "a placeholder stands in its place");
        }
        return Some(placeholder("uplot", why, at, report));
    }
    Some(Item::Uplot { ms, axes: Json::Array(axes), series: Json::Array(pens), bands: Json::Array(bands) })
}

/// A mapping as JSON without the keys that do nothing, which would only travel.
fn object(node: &Node, table: &Table, report: &mut Report<'_>) -> Json {
    let mut json = node.to_json(&[], report);
    if let Json::Object(map) = &mut json {
        map.retain(|key, value| {
            !value.is_null() && table.key(key).is_some_and(|(_, key)| key.status != keys::Status::Unused)
        });
        // A name is text even if it looks like a number.
        for entry in node.map().unwrap_or_default() {
            let name = matches!(&*entry.key, "scale" | "tagname" | "label" | "desc" | "color");
            if let (true, Some(text), true) = (name, entry.value.text(), map.contains_key(&*entry.key)) {
                map.insert(entry.key.to_string(), text.into());
            }
        }
    }
    json
}

fn range(axis: &Fields<'_>, report: &mut Report<'_>) {
    let Some(node) = axis.node("range") else { return };
    let found = |report: &mut Report<'_>, expected: &str| {
        let shown = match node.seq() {
            Some(ends) => format!("[{}]", ends.iter().map(Node::shown).collect::<Vec<_>>().join(", ")),
            None => node.shown(),
        };
        report.error(node.pos, format!("range = {shown}"), expected);
    };
    match (node.seq(), axis.text("scale")) {
        (Some([from, to]), _) if plain_number(from) >= plain_number(to) => {
            found(report, "expected the lower end first")
        }
        (None, Some("x")) if plain_number(node).is_some_and(|x| x >= 0.0) => {
            found(report, "expected seconds before now: a negative number");
        }
        (None, Some(scale)) if scale != "x" => found(report, "expected two numbers: [min, max]"),
        _ => {}
    }
}

/// What the table of keys can't say of a pen.
fn look(pen: &Fields<'_>, scales: &[&str], report: &mut Report<'_>) {
    if let Some(scale) = pen.node("scale").filter(|_| !scales.is_empty()) {
        let name = scale.text().unwrap_or("");
        if name == "x" || !scales.contains(&name) {
            let names = || scales.iter().copied().filter(|scale| *scale != "x");
            let hint = report.did_you_mean(name, names());
            let expected = format!("expected a scale of axes: {}", names().collect::<Vec<_>>().join(", "));
            report.error_hint(scale.pos, format!("scale = {}", scale.shown()), expected, hint);
        }
    }
    fill(pen, report);
    let dash = pen.node("dash");
    if let Some(dash) =
        dash.filter(|dash| !dash.seq().is_some_and(|all| all.iter().all(|x| plain_number(x) >= Some(0.0))))
    {
        report.error(dash.pos, format!("dash = {}", dash.shown()), "expected a list of lengths in px: [4, 2]");
    }
    if let Some(points) = pen.node("points") {
        let yes_no = matches!(points.scalar().map(|word| word.plain()), Some(Plain::Bool(_)));
        if !yes_no && points.map().is_none() {
            report.error(points.pos, format!("points = {}", points.shown()), "expected yes, no, or a mapping");
        }
    }
}

/// A colour, or a colour and how opaque it is.
fn fill(fields: &Fields<'_>, report: &mut Report<'_>) {
    let Some(node) = fields.node("fill") else { return };
    let good = match &node.yaml {
        Yaml::Scalar(_) => node.text().is_some(),
        Yaml::Seq(both) => match &both[..] {
            [color, alpha] => color.text().is_some() && plain_number(alpha).is_some_and(|a| (0.0..=1.0).contains(&a)),
            _ => false,
        },
        Yaml::Map(_) => false,
    };
    if !good {
        report.error(
            node.pos,
            format!("fill = {}", node.shown()),
            "expected a colour, or [colour, how opaque from 0 to 1]",
        );
    }
}

fn marks_ok(marks: &Node) -> bool {
    // pymscada takes any word for now.
    let time = |node: &Node| plain_number(node).is_some() || node.text().is_some_and(|word| !word.is_empty());
    let ok = |mark: &Node| mark.get("xpos").is_some_and(time) && mark.get("color").is_some();
    marks.seq().is_some_and(|marks| marks.iter().all(ok))
}

fn bands(item: &Fields<'_>, names: &HashSet<&str>, missing: &HashSet<&str>, report: &mut Report<'_>) -> Vec<Json> {
    let mut out = Vec::new();
    for node in item.items("bands") {
        let Some(band) = fields(node, &keys::BAND, report) else { continue };
        fill(&band, report);
        if band.node("dir").is_some_and(|dir| int(dir) == Some(0)) {
            report.error(band.pos("dir"), "dir = 0", "expected 1 or -1");
        }
        let Some(series) = band.node("series") else { continue };
        let Some([a, b]) = series.seq() else {
            report.error(series.pos, "the series of a band", "expected two tag names");
            continue;
        };
        let mut whole = true;
        for end in [a, b] {
            let name = end.text().unwrap_or("");
            if names.contains(name) {
                continue;
            }
            whole = false;
            if !missing.contains(name) {
                let hint = report.did_you_mean(name, names.iter().copied());
                let found = format!("\"{}\" is no series of this trend", clipped(name));
                report.error_hint(end.pos, found, "expected the tagname of one", hint);
            }
        }
        if whole {
            out.push(object(node, &keys::BAND, report));
        }
    }
    out
}
