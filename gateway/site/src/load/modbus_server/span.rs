//! The spans of a door: what each says, and whether they go together.

use super::registers;
use crate::fields::{fields, int};
use crate::finding::Pos;
use crate::keys;
use crate::load::modbus::area_of;
use crate::marked::Node;
use crate::report::Report;
use crate::{DoorAt, ServedArea, ServedTag, StaleAnswer, Table};

/// A span of `serve`, and where the site says it.
pub(super) struct Span {
    pub(super) served: ServedArea,
    pos: Pos,
    status_pos: Pos,
}

impl Span {
    fn holds(&self, other: &Self, address: u16) -> bool {
        let (area, start) = (&self.served.area, u32::from(self.served.area.start));
        (area.unit, area.table) == (other.served.area.unit, other.served.area.table)
            && (start..start + area.count).contains(&address.into())
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.holds(other, other.served.area.start) || other.holds(self, self.served.area.start)
    }

    /// Do both say the same of their registers? Then it doesn't matter to which of them one belongs.
    fn agrees(&self, other: &Self) -> bool {
        let said = |span: &Self| (span.served.write, span.served.stale, span.served.status);
        said(self) == said(other)
    }
}

/// A span of `serve`.
pub(super) fn span(node: &Node, at: &DoorAt, report: &mut Report<'_>) -> Option<Span> {
    let fields = fields(node, &keys::SERVED, report)?;
    let area = area_of(&fields, report)?;
    if area.unit == 0 && matches!(at, DoorAt::Rtu(_)) {
        report.error(fields.pos("unit"), "unit = 0", "on a serial line that is broadcast, which nobody answers");
    }
    let can_write = matches!(area.table, Table::Coils | Table::HoldingRegisters);
    if fields.bool("write") == Some(true) && !can_write {
        report.error(fields.pos("write"), "write in 1x or 3x", "masters can only read these");
    }
    let status: Option<u32> = fields.int("status");
    let is_bits = !matches!(area.table, Table::HoldingRegisters | Table::InputRegisters);
    let stale = match fields.node("stale") {
        None => StaleAnswer::Exception,
        Some(node) => match (node.text(), int(node)) {
            (_, Some(0..=65_535)) if is_bits => {
                let expected = "a bit has no number that isn't a value: expected exception";
                report.error(node.pos, format!("stale = {} of single bits", node.shown()), expected);
                StaleAnswer::Exception
            }
            (_, Some(number @ 0..=65_535)) => StaleAnswer::Sentinel(number as u16),
            (Some("exception"), _) => StaleAnswer::Exception,
            (Some("last"), _) => StaleAnswer::Last,
            _ => {
                let expected = "expected exception, last, or a whole number from 0 to 65535";
                report.error(node.pos, format!("stale = {}", node.shown()), expected);
                StaleAnswer::Exception
            }
        },
    };
    if stale == StaleAnswer::Last && status.is_none() {
        let expected = "expected status too: without a mark an old number looks like a new one";
        report.error(fields.pos("stale"), "stale = \"last\" without status", expected);
    }
    if status.is_some() && is_bits {
        report.error(fields.pos("status"), "status of single bits", "expected it at 3x and 4x only");
    }
    let write = fields.bool("write").unwrap_or(can_write);
    let served = ServedArea { area, write, stale, status: status.map(|word| (word - 1) as u16) };
    Some(Span { served, pos: fields.pos, status_pos: fields.pos("status") })
}

/// Spans that contradict each other: registers that two speak for, and status registers that can't be seen.
pub(super) fn look(spans: &[Span], report: &mut Report<'_>) {
    for (n, span) in spans.iter().enumerate() {
        if let Some(other) = spans[..n].iter().find(|other| other.overlaps(span) && !other.agrees(span)) {
            let expected = format!("the first is at {}; expected the same write, stale and status in both", other.pos);
            report.error(span.pos, "a span that says something else of registers than another", expected);
        }
        let Some(status) = span.served.status else { continue };
        let word = u32::from(status) + 1;
        let others = || spans.iter().enumerate().filter(|(at, _)| *at != n).map(|(_, other)| other);
        if others().any(|other| other.holds(span, status)) {
            let expected = "expected one in this span, or in none";
            report.error(span.status_pos, format!("status = {word} lies in another span"), expected);
        }
        let place = |span: &Span| (span.served.area.unit, span.served.area.table, span.served.status);
        if spans[..n].iter().any(|other| place(other) == place(span)) {
            let found = format!("status = {word} is another span's status");
            report.error(span.status_pos, found, "expected a register of its own");
        }
    }
}

/// A tag that lies where a status register is: it would never be seen.
pub(super) fn look_at_tag(spans: &[Span], tag: &ServedTag, pos: Pos, report: &mut Report<'_>) {
    let (start, end) = registers(tag);
    let covers = |span: &&Span| {
        (span.served.area.unit, span.served.area.table) == (tag.at.unit, tag.at.table)
            && span.served.status.is_some_and(|status| (start..end).contains(&status.into()))
    };
    if let Some(span) = spans.iter().find(covers) {
        let found = format!("\"{}\" lies on a status register", tag.name);
        report.error(pos, found, format!("that is said at {}; expected one of them elsewhere", span.status_pos));
    }
}
