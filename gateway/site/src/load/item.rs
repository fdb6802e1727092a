//! One item of a page.

use serde_json::{Map, Value as Json};
use tag::{Kind, TagName};

use super::tags::{Tags, a};
use super::uplot::uplot;
use crate::fields::{Fields, fields, short};
use crate::finding::Pos;
use crate::keys;
use crate::marked::{Node, clipped};
use crate::report::Report;
use crate::{Item, ItemTag};

/// What to say in the place of an item that this release doesn't draw.
const NOT_BUILT: &str = "not built yet";

/// Loads an item; `None` when it is so wrong that the site can't run anyhow.
pub(super) fn item(node: &Node, tags: &Tags, report: &mut Report<'_>) -> Option<Item> {
    let Some(kind) = node.get("type").filter(|node| !node.is_null()) else {
        let what = if node.map().is_some() { "an item without type".to_owned() } else { node.shown() };
        report.error(node.pos, what, "expected an item: {type: value, tagname: NAME}");
        return None;
    };
    let word = kind.text().unwrap_or("");
    let Some(known) = keys::item(word) else {
        if !kind.is_unfilled() {
            let names = || keys::ITEMS.iter().map(|kind| kind.name);
            let hint = report.did_you_mean(word, names());
            let expected = format!("expected one of {}", names().collect::<Vec<_>>().join(", "));
            report.error_hint(kind.pos, format!("type = {}", kind.shown()), expected, hint);
        }
        return None;
    };
    let fields = fields(node, known.table, report)?;
    if !known.built {
        if report.first_time(&format!("unbuilt item {word}")) {
            report.notice(
                kind.pos,
                format!("items of type {word} aren't drawn yet"),
                "a placeholder stands in their place",
            );
        }
        return Some(placeholder(word, NOT_BUILT, node.pos, report));
    }
    let desc = || fields.text("desc").unwrap_or("").to_owned();
    Some(match word {
        "h1" => Item::H1 { desc: desc() },
        "h2" => Item::H2 { desc: desc() },
        "h3" => Item::H3 { desc: desc() },
        "p" => Item::P { desc: desc() },
        "br" => Item::Br,
        "hr" => Item::Hr,
        "linebreak" => Item::Linebreak,
        "uplot" => uplot(&fields, node.pos, tags, report)?,
        "selectdict" => selectdict(&fields, node.pos, tags, report)?,
        "setpoint" => match tag(&fields, tags, report)? {
            Ok(name) => {
                let dict =
                    tags.get(name.as_str()).filter(|def| matches!(def.kind, Kind::Dict | Kind::List | Kind::Bytes));
                if let Some(def) = dict {
                    let why = format!("{} can't be set in a field", a(def.kind));
                    report.warning(
                        fields.pos("tagname"),
                        format!("setpoint of \"{name}\": {why}"),
                        "expected an int, a float or a str",
                    );
                    return Some(placeholder(word, why, node.pos, report));
                }
                if tags.only_read.contains(name.as_str()) {
                    let found = format!("setpoint of \"{name}\", which modbusclient.yaml only reads");
                    report.warning(fields.pos("tagname"), found, "expected a write address there, or type: value here");
                }
                Item::Setpoint { tagname: ItemTag(name) }
            }
            Err(why) => placeholder(word, why, node.pos, report),
        },
        _ => match tag(&fields, tags, report)? {
            Ok(name) => Item::Value { tagname: ItemTag(name) },
            Err(why) => placeholder(word, why, node.pos, report),
        },
    })
}

/// What stands in the place of an item that can't be drawn.
pub(super) fn placeholder(kind: &str, why: impl Into<String>, at: Pos, report: &Report<'_>) -> Item {
    Item::Placeholder { kind: kind.to_owned(), why: why.into(), at: format!("{}:{}", report.file(), at.line) }
}

/// The tag of an item, or what to say in its place when the site has no such tag.
fn tag(fields: &Fields<'_>, tags: &Tags, report: &mut Report<'_>) -> Option<Result<TagName, String>> {
    known_tag(fields.node("tagname")?, tags, report)
}

/// The tag that a node names, or what to say in its place. `None` when the text can't be a name, which is reported.
pub(super) fn known_tag(node: &Node, tags: &Tags, report: &mut Report<'_>) -> Option<Result<TagName, String>> {
    let text = node.text()?;
    let name = match TagName::parse(text) {
        Ok(name) => name,
        Err(error) => {
            report.error(node.pos, format!("tagname = \"{}\"", clipped(text)), error.to_string());
            return None;
        }
    };
    if tags.known && tags.get(text).is_none() {
        let hint = report.did_you_mean(text, tags.names());
        let found = format!("\"{}\" is not in tags.yaml", clipped(text));
        report.warning_hint(node.pos, found, "a placeholder stands in its place", hint);
        return Some(Err(format!("no tag {text}")));
    }
    Some(Ok(name))
}

fn selectdict(fields: &Fields<'_>, at: Pos, tags: &Tags, report: &mut Report<'_>) -> Option<Item> {
    let opts = match fields.node("opts") {
        None => Json::Object(Map::new()),
        Some(node) => {
            let opts = self::fields(node, &keys::OPTS, report)?;
            if opts.text("type") == Some("multi") && !opts.has("multi") {
                report.error(node.pos, "opts of type multi without multi", "expected the names of the states");
            }
            if let (Some(min), Some(max)) = (opts.number("min"), opts.number("max")) {
                if min > max {
                    let found = format!("min = {} is above max = {}", short(min), short(max));
                    report.error(opts.pos("min"), found, "expected min below max");
                }
            }
            node.to_json(&["multi"], report)
        }
    };
    let name = match tag(fields, tags, report)? {
        Ok(name) => name,
        Err(why) => return Some(placeholder("selectdict", why, at, report)),
    };
    if let Some(def) = tags.get(name.as_str()).filter(|def| def.kind != Kind::Dict) {
        let why = format!("{name} is {}, not a dict", a(def.kind));
        report.warning(fields.pos("tagname"), format!("selectdict: {why}"), "expected a tag with type: dict");
        return Some(placeholder("selectdict", why, at, report));
    }
    Some(Item::Selectdict { tagname: ItemTag(name), opts })
}
