//! `past_limits`: what becomes of a value that is past the tag's limits.

use tag::{PastLimits, TagDef};

use super::a;
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
