//! `past_limits`: what becomes of a value that is past the tag's limits.

use std::collections::HashSet;

use tag::{PastLimits, TagDef, TagName};

use super::{Tags, a};
use crate::ModbusClient;
use crate::fields::Fields;
use crate::marked::Node;
use crate::report::Report;

/// What is said of it; the tag's type and limits are known by now.
pub(super) fn past_limits(def: &TagDef, fields: &Fields<'_>, report: &mut Report<'_>) -> PastLimits {
    let Some(word) = fields.text("past_limits") else { return PastLimits::Refuse };
    let (pos, clamp) = (fields.pos("past_limits"), word == "clamp");
    let written = format!("past_limits = {}", fields.node("past_limits").map_or_else(String::new, Node::shown));
    if def.multi.is_some() {
        // The next state but one is no substitute for the one that was asked for.
        report.error(pos, format!("{written} of a tag with multi"), "what is none of its states is always refused");
    } else if !def.kind.is_numeric() {
        report.error(pos, format!("{written} of {} tag", a(def.kind)), "only numbers have limits");
    } else if clamp && def.min.is_none() && def.max.is_none() {
        report.error(pos, format!("{written} of a tag without limits"), "expected min, max or both beside it");
    } else if clamp {
        return PastLimits::Clamp;
    }
    PastLimits::Refuse
}

/// What only Modbus does can't happen to a tag that it doesn't write. Where the client's file has mistakes nobody knows
/// what it writes, and this waits until they are mended.
pub(in crate::load) fn moves_nothing(tags: &Tags, client: Option<&ModbusClient>, report: &mut Report<'_>) {
    let written = client.into_iter().flat_map(|client| &client.tags).map(|tag| &tag.name);
    let written: HashSet<&TagName> = written.filter(|name| !tags.only_read.contains(*name)).collect();
    for (_, pos) in tags.clamped.iter().filter(|(name, _)| !written.contains(name)) {
        let expected =
            "only what goes to a device is moved to a limit: expected a write address there, or no past_limits";
        report.warning(*pos, "past_limits = \"clamp\" of a tag that modbusclient.yaml doesn't write", expected);
    }
}
