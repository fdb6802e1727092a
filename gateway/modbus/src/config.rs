//! What the site says of its Modbus lines → what the lines work with: blocks, points, limits. Checked here, once.

mod lines;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use site::{Address, Form, ModbusClient, ModbusTag, Rtu, Table, Transport, WordType};
use tag::{TagDef, TagName};

use crate::beside::{Apart, Beside};
use crate::error::ConfigError;
use crate::layout::{self, Layout, Meaning, Way};
use crate::limits::Limits;
use crate::memory::Learned;
use crate::plan::{self, Want};

/// What the daemon runs on.
#[derive(Debug, Clone)]
pub struct Config {
    /// One per connection of the file, in its order.
    pub lines: Vec<LineConfig>,
    /// The tags this daemon owns; a point says which is its.
    pub tags: Vec<OwnedTag>,
    /// Where what is learned of devices is kept over restarts.
    pub memory: Option<PathBuf>,
    /// What the lines were made of.
    rtus: Vec<Rtu>,
}

/// A tag of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedTag {
    /// What it is called.
    pub name: TagName,
    /// How long its value stays good unconfirmed.
    pub stale: Duration,
    /// Smaller changes are not told.
    pub deadband: Option<f64>,
}

/// One connection and everything read and written over it.
#[derive(Debug, Clone)]
pub struct LineConfig {
    /// The prefix used in addresses, and in `sys.modbus.<name>.state`.
    pub name: String,
    /// How it is reached.
    pub transport: Transport,
    /// Poll period.
    pub rate: Duration,
    /// How long an answer may take at most.
    pub timeout: Duration,
    /// The least silence before a request.
    pub gap: Duration,
    /// How many requests may be under way at once.
    pub pipeline: usize,
    /// Registers are written and read back in one request, by units that have function 23.
    pub write_read: bool,
    /// What an earlier run learned of its devices.
    pub learned: Learned,
    /// What is read, or read back once and then written, every period.
    pub blocks: Vec<LineBlock>,
    /// Where the tags lie.
    pub points: Vec<Point>,
}

/// One request of every period.
#[derive(Debug, Clone, PartialEq)]
pub struct LineBlock {
    /// Unit id.
    pub unit: u8,
    /// Which table.
    pub table: Table,
    /// First address.
    pub start: u16,
    /// How many registers or bits.
    pub count: u16,
    /// Which points it serves, ascending by address.
    pub points: Vec<usize>,
    /// A `writes:` area: read back once, then written whole every period.
    pub driven: bool,
    /// Its period.
    pub rate: Duration,
}

/// Where a tag lies on a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Index into [`Config::tags`]; `None`: read here only to know what a write did, published by another line.
    pub tag: Option<usize>,
    /// For the log and the person who writes.
    pub name: TagName,
    /// Where and how it is read.
    pub read: Spot,
    /// Where and how it is written.
    pub write: Option<Spot>,
    /// What a write must keep to.
    pub limits: Limits,
    /// How often it is read.
    pub rate: Duration,
}

/// Registers of a unit and how they are understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    /// Unit id.
    pub unit: u8,
    /// Which table.
    pub table: Table,
    /// First address.
    pub start: u16,
    /// Bit of the register, if it is one.
    pub bit: Option<u8>,
    /// Words ↔ value.
    pub layout: Layout,
}

impl Spot {
    /// How many registers or bits it takes.
    pub fn count(&self) -> u16 {
        if plan::is_bits(self.table) || self.bit.is_some() { 1 } else { self.layout.words() }
    }

    /// The bits of its register that are its own, when it has not all of them.
    pub(crate) fn part(&self) -> Option<u16> {
        self.bit.map(|bit| 1 << bit).or_else(|| self.layout.part())
    }

    fn want(&self) -> Want {
        Want { unit: self.unit, table: self.table, start: self.start, count: self.count() }
    }
}

impl Config {
    /// Checks what the site says. `defs` are the tags of `tags.yaml`, for their limits.
    pub fn new(client: &ModbusClient, defs: &[TagDef]) -> Result<Self, ConfigError> {
        lines::check_lines(client)?;
        let mut tags = Vec::new();
        let mut points: Vec<Vec<Point>> = vec![Vec::new(); client.rtus.len()];
        for entry in &client.tags {
            let def = defs.iter().find(|def| def.name == entry.name);
            let home = home_of(client, entry)?;
            let rtu = &client.rtus[home];
            let stale = entry
                .stale
                .or(def.and_then(|def| def.stale))
                .unwrap_or(entry.rate.unwrap_or(rtu.rate) * 3 + rtu.timeout);
            let tag = Some(tags.len());
            let deadband = entry.deadband.filter(|_| entry.write.is_none());
            tags.push(OwnedTag { name: entry.name.clone(), stale, deadband });
            add_points(client, entry, tag, Limits::of(def), &mut points)?;
        }
        let lines = client
            .rtus
            .iter()
            .zip(points)
            .map(|(rtu, points)| lines::line_of(rtu, points, Learned::default()))
            .collect();
        Ok(Self { lines, tags, memory: None, rtus: client.rtus.clone() })
    }

    /// What earlier runs learned of the devices is in this file, and what this run learns goes there.
    pub fn remember(mut self, file: PathBuf) -> Self {
        // A file that can't be read is a memory that is lost; it is learned anew.
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        self = self.knowing(&text);
        self.memory = Some(file);
        self
    }

    /// Plans with what an earlier run learned.
    pub fn knowing(mut self, learned: &str) -> Self {
        for (line, rtu) in self.lines.iter_mut().zip(&self.rtus) {
            let points = std::mem::take(&mut line.points);
            *line = lines::line_of(rtu, points, Learned::from_text(learned, &rtu.name));
        }
        self
    }
}

/// Where the tag's value comes from: the line it is read on, else the one it is written on.
fn home_of(client: &ModbusClient, entry: &ModbusTag) -> Result<usize, ConfigError> {
    let address = entry.read.or(entry.write).ok_or_else(|| ConfigError::NoAddress { tag: entry.name.clone() })?;
    match address.rtu < client.rtus.len() {
        true => Ok(address.rtu),
        false => Err(ConfigError::NoLine { tag: entry.name.clone() }),
    }
}

fn add_points(
    client: &ModbusClient,
    entry: &ModbusTag,
    tag: Option<usize>,
    limits: Limits,
    points: &mut [Vec<Point>],
) -> Result<(), ConfigError> {
    let name = entry.name.clone();
    let home = home_of(client, entry)?;
    // In the area form a tag with both is read only, as pymscada has it.
    let write = entry.write.filter(|_| !(client.rtus[home].form == Form::Areas && entry.read.is_some()));
    let write = match write {
        Some(address) => Some((address.rtu, spot_of(client, entry, address, Way::Write)?)),
        None => None,
    };
    if let Some((_, spot)) = &write {
        if !matches!(spot.table, Table::Coils | Table::HoldingRegisters) {
            return Err(ConfigError::ReadOnlyTable { tag: name });
        }
    }
    let rate_on = |line: usize| entry.rate.unwrap_or(client.rtus[line].rate);
    match (entry.read, write) {
        (Some(address), Some((line, spot))) if line != address.rtu => {
            let read = spot_of(client, entry, address, Way::Read)?;
            let rate = rate_on(address.rtu);
            points[address.rtu].push(Point { tag, name: name.clone(), read, write: None, limits, rate });
            // The other line reads back what it wrote, for the outcome alone; the value comes from where it is read.
            if spot.unit == 0 && client.rtus[line].transport.is_rtu() {
                return Err(ConfigError::Broadcast { tag: name });
            }
            let rate = rate_on(line);
            points[line].push(Point { tag, name, read: spot.clone(), write: Some(spot), limits, rate });
            points[line].last_mut().expect("just pushed").tag = None;
        }
        (Some(address), write) => {
            let read = spot_of(client, entry, address, Way::Read)?;
            let (write, rate) = (write.map(|(_, spot)| spot), rate_on(home));
            points[home].push(Point { tag, name, read, write, limits, rate });
        }
        (None, Some((line, spot))) => {
            let rate = rate_on(line);
            points[line].push(Point { tag, name, read: spot.clone(), write: Some(spot), limits, rate });
        }
        (None, None) => return Err(ConfigError::NoAddress { tag: name }),
    }
    Ok(())
}

fn spot_of(client: &ModbusClient, entry: &ModbusTag, address: Address, way: Way) -> Result<Spot, ConfigError> {
    let tag = || entry.name.clone();
    let rtu = client.rtus.get(address.rtu).ok_or_else(|| ConfigError::NoLine { tag: tag() })?;
    let order = entry.order.unwrap_or_else(|| layout::default_order(rtu.form, entry.word_type, way));
    if !(entry.scale.is_finite() && entry.scale != 0.0 && entry.offset.is_finite()) {
        return Err(ConfigError::Scale { tag: tag() });
    }
    let is_bool = entry.word_type == WordType::Bool;
    let (scale, offset) = if is_bool { (1.0, 0.0) } else { (entry.scale, entry.offset) };
    let meaning = Meaning { no_value: entry.no_value.clone(), states: entry.states.clone() };
    let meaning = Some(meaning).filter(|meaning| *meaning != Meaning::default()).map(Arc::new);
    let beside = if way == Way::Read { Beside::of(entry) } else { Ok(None) };
    let (first, beside) = beside.map_err(|Apart| ConfigError::Apart { tag: tag() })?.unzip();
    let beside = beside.map(Arc::new);
    let layout = Layout { word_type: entry.word_type, order, scale, offset, length: entry.length, meaning, beside };
    if entry.word_type.has_length() && entry.length == 0 {
        return Err(ConfigError::NoLength { tag: tag() });
    }
    let Address { unit, table, bit, .. } = address;
    let start = first.unwrap_or(address.start);
    let spot = Spot { unit, table, start, bit, layout };
    let bits = plan::is_bits(table);
    if is_bool != (bits || bit.is_some()) || (bits && bit.is_some()) || bit.is_some_and(|bit| bit > 15) {
        return Err(ConfigError::BitAndType { tag: tag() });
    }
    if u32::from(start) + u32::from(spot.count()) > 0x1_0000 {
        return Err(ConfigError::PastEnd { tag: tag() });
    }
    // To all units of a line: what came of it must be readable from one of them, and a part of a word can't be told.
    let told = way == Way::Write && entry.read.is_some() && spot.part().is_none();
    if unit == 0 && rtu.transport.is_rtu() && !told {
        return Err(ConfigError::Broadcast { tag: tag() });
    }
    Ok(spot)
}
