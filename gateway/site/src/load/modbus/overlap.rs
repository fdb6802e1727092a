//! Tags that write the same registers, and areas that do.

use tag::TagName;

use crate::finding::Pos;
use crate::report::Report;
use crate::{Address, Area, Form, ModbusTag, Order, Rtu, WordType};

/// A tag's way out: which registers, which bits of them, and where the site says so.
#[derive(Debug)]
pub(super) struct Written {
    name: TagName,
    at: Address,
    words: u32,
    /// Of a single register: the bits that are its own.
    mask: u16,
    pos: Pos,
}

impl Written {
    /// What a tag writes. In the form with areas a tag that is read writes nothing.
    pub(super) fn of(tag: &ModbusTag, rtus: &[Rtu], pos: Pos) -> Option<Self> {
        let at = tag.write?;
        let only_read = |read: Address| rtus[read.rtu].form == Form::Areas;
        if tag.read.is_some_and(only_read) {
            return None;
        }
        let swapped = matches!(tag.order, Some(Order::Badc | Order::Dcba));
        let mask = match (at.bit, tag.word_type) {
            (Some(bit), _) => 1 << bit,
            (None, WordType::Int8 | WordType::Uint8) => 0xFF << if swapped { 8 } else { 0 },
            _ => 0xFFFF,
        };
        Some(Self { name: tag.name.clone(), at, words: tag.words().into(), mask, pos })
    }

    fn start(&self) -> u32 {
        self.at.start.into()
    }

    fn clashes(&self, other: &Self) -> bool {
        let parts = self.words == 1 && other.words == 1 && self.mask & other.mask == 0;
        let (end, other_end) = (self.start() + self.words, other.start() + other.words);
        self.start() < other_end && other.start() < end && !parts
    }
}

/// Reports each tag that writes where one before it in the site writes, once.
pub(super) fn look(mut written: Vec<Written>, rtus: &[Rtu], report: &mut Report<'_>) {
    written.sort_by_key(|one| (one.at.rtu, one.at.unit, one.at.table, one.at.start, one.pos));
    let mut last = 0;
    for n in 1..written.len() {
        let (before, one) = (&written[last..n], &written[n]);
        let same =
            |other: &&Written| (other.at.rtu, other.at.unit, other.at.table) == (one.at.rtu, one.at.unit, one.at.table);
        // Behind the longest value of registers nothing begins that could reach here.
        let near = |other: &&Written| other.start() + LONGEST > one.start();
        last += before.iter().take_while(|other| !(same(other) && near(other))).count();
        let Some(other) = written[last..n].iter().filter(same).find(|other| other.clashes(one)) else { continue };
        let (first, second) = if other.pos <= one.pos { (other, one) } else { (one, other) };
        let found = format!("\"{}\" writes registers that \"{}\" writes too", second.name, first.name);
        let expected = format!("the first is at {}; only different bits of a register can be two tags'", first.pos);
        // In pymscada the last writer wins; a site that lives with that goes on doing so.
        let rtu = &rtus[one.at.rtu];
        match rtu.reads.is_empty() && rtu.writes.is_empty() {
            true => report.error(second.pos, found, expected),
            false => report.warning(second.pos, found, expected),
        }
    }
}

/// Reports areas that are written every period where another is. Whatever a tag of the one sets, the other writes what it
/// holds over it. Only a warning, as of tags there: a site of pymscada that lives with it goes on doing so.
pub(super) fn look_at_areas(areas: &[(Area, Pos)], report: &mut Report<'_>) {
    let mut sorted: Vec<&(Area, Pos)> = areas.iter().collect();
    sorted.sort_by_key(|(area, pos)| (area.unit, area.table, area.start, *pos));
    let end = |(area, _): &(Area, Pos)| u32::from(area.start) + area.count;
    // Of those before it in the table, the one that reaches furthest.
    let mut last: Option<&(Area, Pos)> = None;
    for one in sorted {
        let same = last.filter(|last| (last.0.unit, last.0.table) == (one.0.unit, one.0.table));
        if let Some(other) = same.filter(|last| u32::from(one.0.start) < end(last)) {
            let (first, second) = (one.1.min(other.1), one.1.max(other.1));
            let expected = format!("the first is at {first}; each writes its words over the other's, every period");
            report.warning(second, "an area of writes that writes registers of another", expected);
        }
        last = Some(same.filter(|last| end(last) > end(one)).unwrap_or(one));
    }
}

/// The longest value, in registers: a string of the longest length that may be said.
const LONGEST: u32 = 125;
