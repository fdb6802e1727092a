//! `devices:` of `modbusclient.yaml`: what the devices bring, put in their place.

use std::collections::HashMap;

use tag::TagName;

use super::Look;
use crate::fields::{Fields, fields};
use crate::finding::Pos;
use crate::keys;
use crate::load::address::{RESERVED, is_reserved};
use crate::load::devices::{Shelf, Template, names};
use crate::marked::{Entry, Node, clipped};
use crate::report::Report;
use crate::{Address, Device, Form, ModbusTag, Model, Register};

/// Where a device is: connection, unit, and what is added to its addresses.
#[derive(Debug, Clone, Copy)]
struct Here {
    rtu: usize,
    unit: u8,
    base: u16,
}

impl Look<'_> {
    /// The tags of all entries, each with the place in the file to which it is owed.
    pub(super) fn devices(
        &self,
        entries: &[Node],
        shelf: &Shelf<'_>,
        tags: &[Entry],
        report: &mut Report<'_>,
    ) -> Vec<(ModbusTag, Pos)> {
        let mut taken: HashMap<String, Pos> = tags.iter().map(|tag| (tag.key.to_string(), tag.key_pos)).collect();
        let mut all = Vec::new();
        for node in entries {
            let Some(fields) = fields(node, &keys::DEVICE_USE, report) else { continue };
            all.extend(self.device(node, &fields, shelf, &mut taken, report));
        }
        all
    }

    fn device(
        &self,
        node: &Node,
        fields: &Fields<'_>,
        shelf: &Shelf<'_>,
        taken: &mut HashMap<String, Pos>,
        report: &mut Report<'_>,
    ) -> Vec<(ModbusTag, Pos)> {
        let (template, rtu) = (self.template(fields, shelf, report), self.line(fields, report));
        let (Some(template), Some(rtu), Some(unit)) = (template, rtu, fields.int("unit")) else { return Vec::new() };
        let Some(base) = base(&template.device, fields, report) else { return Vec::new() };
        wanted(&template.device, fields, report);
        let (here, pos) = (Here { rtu, unit, base }, fields.pos("device"));
        let rate = fields.number("rate").map(std::time::Duration::from_secs_f64);
        let mut tags = Vec::new();
        for (name, n) in names(node, template) {
            let register = &template.device.registers[n];
            let tag_name = match TagName::parse(&name) {
                Ok(name) => name,
                Err(error) => {
                    let found = format!("\"{}\" is no tag name", clipped(&name));
                    report.error(fields.pos("prefix"), found, error.to_string());
                    continue;
                }
            };
            if let Some(first) = taken.insert(name.clone(), pos) {
                let expected = format!("the first is at {first}; a prefix keeps them apart");
                report.error(pos, format!("a second tag \"{}\"", clipped(&name)), expected);
                continue;
            }
            let Some(tag) = placed(register, here) else {
                let found =
                    format!("\"{}\" of {} ends past 65536 with base = {base}", register.tag.name, template.device.name);
                report.error(fields.pos("base"), found, "expected a smaller base");
                continue;
            };
            let stale = self.tags.get(&name).and_then(|def| def.stale);
            let tag = ModbusTag { name: tag_name, stale, rate: rate.or(tag.rate), ..tag };
            if let Some((words, most)) = self.too_many(&tag) {
                let found = format!("\"{}\" of {} is read with {words} words", register.tag.name, template.device.name);
                report.error(pos, found, format!("its connection reads at most {most} at once (max_words)"));
            }
            self.defined(&tag, pos, report);
            tags.push((tag, pos));
        }
        tags
    }

    fn template<'s>(&self, fields: &Fields<'_>, shelf: &'s Shelf<'_>, report: &mut Report<'_>) -> Option<&'s Template> {
        let node = fields.node("device")?;
        match shelf.get(node.text().unwrap_or("")) {
            Ok(template) => Some(template),
            Err((expected, hint)) => {
                if !node.is_unfilled() {
                    report.error_hint(node.pos, format!("device = {}", node.shown()), expected, hint);
                }
                None
            }
        }
    }

    /// The connection, and whether the unit can be there.
    fn line(&self, fields: &Fields<'_>, report: &mut Report<'_>) -> Option<usize> {
        let node = fields.node("line")?;
        let name = node.text().unwrap_or("");
        let Some(rtu) = self.places.get(name).copied() else {
            let hint = report.did_you_mean(name, self.rtus.iter().map(|rtu| &*rtu.name));
            let expected = "expected the name of a connection in rtus";
            report.error_hint(node.pos, format!("line = {}", node.shown()), expected, hint);
            return None;
        };
        if self.rtus[rtu].form == Form::Areas {
            let expected = "expected one with poll, or without blocks: there a tag that is read is only read";
            report.error(node.pos, "a device on a connection with reads and writes", expected);
        }
        if fields.int("unit") == Some(0) && self.rtus[rtu].transport.is_rtu() {
            let expected = "on a serial line that is broadcast, which nobody answers: expected 1 to 255";
            report.error(fields.pos("unit"), "unit = 0", expected);
        }
        if fields.int("unit").is_some_and(|unit| is_reserved(unit, &self.rtus[rtu])) {
            report.warning(fields.pos("unit"), format!("unit = {}", fields.int("unit").unwrap_or(0_u8)), RESERVED);
        }
        Some(rtu)
    }
}

fn base(device: &Device, fields: &Fields<'_>, report: &mut Report<'_>) -> Option<u16> {
    let base = fields.int("base").or(device.base);
    if base.is_none() && !fields.has("base") {
        let found = format!("{} without base", device.name);
        let expected =
            "expected base: a SunSpec model lies elsewhere in each device; `forebay modbus identify` says where";
        report.error(fields.pos("device"), found, expected);
    }
    base
}

/// Each name of `only` is one of the device's.
fn wanted(device: &Device, fields: &Fields<'_>, report: &mut Report<'_>) {
    for node in fields.items("only") {
        let name = node.text().unwrap_or("");
        if device.registers.iter().all(|register| register.tag.name.as_str() != name) {
            let hint = report.did_you_mean(name, device.registers.iter().map(|register| register.tag.name.as_str()));
            let expected = format!("expected registers of {}", device.name);
            report.error_hint(node.pos, format!("only = {}", node.shown()), expected, hint);
        }
    }
}

/// A register's value where the site has it; `None` when it ends past the table.
fn placed(register: &Register, Here { rtu, unit, base }: Here) -> Option<ModbusTag> {
    let value = &register.value;
    let words = value.words();
    let at = |address: Address, words: u16| {
        let start = address.start.checked_add(base)?;
        start.checked_add(words - 1)?;
        Some(Address { rtu, unit, start, ..address })
    };
    let moved = |address: Option<Address>, words: u16| match address {
        None => Some(None),
        Some(address) => at(address, words).map(Some),
    };
    let model = match &value.model {
        None => None,
        Some(model) => Some(Model { start: model.start.checked_add(base)?, ..model.clone() }),
    };
    Some(ModbusTag {
        read: moved(value.read, words)?,
        write: moved(value.write, words)?,
        sunssf: moved(value.sunssf, 1)?,
        model,
        ..value.clone()
    })
}
