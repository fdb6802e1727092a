//! What masters find: registers made of tags, and the answers to what they ask. Pure.

use std::collections::HashMap;

use site::{ServedArea, ServedTag, StaleAnswer, Table};
use tag::{Reading, Value};

use crate::layout::Layout;
use crate::plan::{READ_BITS_MAX, READ_WORDS_MAX, WRITE_BITS_MAX, WRITE_WORDS_MAX};

const ILLEGAL_FUNCTION: u8 = 1;
const ILLEGAL_ADDRESS: u8 = 2;
const ILLEGAL_VALUE: u8 = 3;
/// What is said when a tag isn't good, and when its owner didn't carry a write out.
pub(crate) const DEVICE_FAILURE: u8 = 4;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Served {
    /// This is said at once.
    Answer(Vec<u8>),
    /// First these tags, by index, are to be written; then `echo` is said, or a failure.
    Write {
        /// Tag and value.
        values: Vec<(usize, Value)>,
        /// When all is well.
        echo: Vec<u8>,
    },
}

/// A tag's part of a register.
#[derive(Debug, Clone, Copy)]
struct Part {
    tag: usize,
    /// Which of the tag's words.
    word: usize,
    bit: Option<u8>,
}

/// What a tag holds, in words.
#[derive(Debug, Clone, Default)]
struct Held {
    words: Option<Vec<u16>>,
    good: bool,
}

/// The registers of one door.
#[derive(Debug)]
pub struct Image {
    areas: Vec<ServedArea>,
    /// Per tag of the file; `None`: it lies at another door.
    layouts: Vec<Option<Layout>>,
    parts: HashMap<(u8, Table, u16), Vec<Part>>,
    held: Vec<Held>,
}

impl Image {
    /// The registers of a door; nothing is known of the tags yet.
    pub fn new(door: usize, areas: &[ServedArea], tags: &[ServedTag]) -> Self {
        let mut parts: HashMap<_, Vec<Part>> = HashMap::new();
        let mut layouts = Vec::new();
        for (n, tag) in tags.iter().enumerate() {
            if tag.at.rtu != door {
                layouts.push(None);
                continue;
            }
            let (scale, offset, length) = (tag.scale, tag.offset, tag.length);
            let layout = Layout { scale, offset, length, ..Layout::plain(tag.word_type, tag.order) };
            for word in 0..layout.words() {
                let key = (tag.at.unit, tag.at.table, tag.at.start + word);
                parts.entry(key).or_default().push(Part { tag: n, word: word.into(), bit: tag.at.bit });
            }
            layouts.push(Some(layout));
        }
        Self { areas: areas.to_vec(), layouts, parts, held: vec![Held::default(); tags.len()] }
    }

    /// A tag is so now.
    pub fn set(&mut self, tag: usize, reading: &Reading) {
        let Some(layout) = &self.layouts[tag] else { return };
        let (value, good) = match reading {
            Reading::Good(value) => (Some(value), true),
            Reading::Held { last, .. } => (Some(last), false),
            Reading::Missing(_) => (None, false),
        };
        let words = value.and_then(|value| layout.encode(value).ok());
        // What doesn't fit its registers can't be shown, however good it is.
        self.held[tag] = Held { good: good && words.is_some(), words };
    }

    /// Nobody tells anything any more: what was good is old.
    pub fn lose(&mut self) {
        self.held.iter_mut().for_each(|held| held.good = false);
    }

    /// Is there anything under this unit id?
    pub fn has_unit(&self, unit: u8) -> bool {
        self.areas.iter().any(|served| served.area.unit == unit)
    }

    /// What is said to a request.
    pub fn serve(&self, unit: u8, pdu: &[u8]) -> Served {
        let function = pdu.first().copied().unwrap_or(0);
        let served = match pdu {
            [1..=4, ..] => self.read(unit, pdu).map(Served::Answer),
            [5 | 6 | 15 | 16, ..] => self.write(unit, pdu),
            _ => Err(ILLEGAL_FUNCTION),
        };
        served.unwrap_or_else(|code| Served::Answer(vec![function | 0x80, code]))
    }

    /// What each of our units writes when all units of a line are told to: tags, by index, and their values. A unit that
    /// would refuse it does nothing, and says nothing either; nor does anybody answer a read.
    pub fn serve_all(&self, pdu: &[u8]) -> Vec<(usize, Value)> {
        let mut units: Vec<u8> = self.areas.iter().map(|served| served.area.unit).collect();
        units.sort_unstable();
        units.dedup();
        let written = units.into_iter().filter_map(|unit| match self.serve(unit, pdu) {
            Served::Write { values, .. } => Some(values),
            Served::Answer(_) => None,
        });
        written.flatten().collect()
    }

    fn area(&self, unit: u8, table: Table, address: u32) -> Option<&ServedArea> {
        self.areas.iter().find(|served| {
            let (area, start) = (&served.area, u32::from(served.area.start));
            (area.unit, area.table) == (unit, table) && (start..start + area.count).contains(&address)
        })
    }

    fn read(&self, unit: u8, pdu: &[u8]) -> Result<Vec<u8>, u8> {
        let [function, a, b, c, d] = *pdu else { return Err(ILLEGAL_VALUE) };
        let (start, count) = (u32::from(u16::from_be_bytes([a, b])), u32::from(u16::from_be_bytes([c, d])));
        let table = match function {
            1 => Table::Coils,
            2 => Table::DiscreteInputs,
            3 => Table::HoldingRegisters,
            _ => Table::InputRegisters,
        };
        let bits = function <= 2;
        if !(1..=if bits { READ_BITS_MAX } else { READ_WORDS_MAX }).contains(&count) {
            return Err(ILLEGAL_VALUE);
        }
        let words =
            (start..start + count).map(|address| self.word(unit, table, address)).collect::<Result<Vec<_>, _>>()?;
        let data: Vec<u8> = match bits {
            true => words
                .chunks(8)
                .map(|eight| eight.iter().enumerate().fold(0, |all, (n, bit)| all | u8::from(*bit != 0) << n))
                .collect(),
            false => words.iter().flat_map(|word| word.to_be_bytes()).collect(),
        };
        let len = u8::try_from(data.len()).map_err(|_| ILLEGAL_VALUE)?;
        Ok([vec![function, len], data].concat())
    }

    /// What a register shows.
    fn word(&self, unit: u8, table: Table, address: u32) -> Result<u16, u8> {
        let Some(served) = self.area(unit, table, address) else {
            return self.status(unit, table, address).ok_or(ILLEGAL_ADDRESS);
        };
        let address = u16::try_from(address).map_err(|_| ILLEGAL_ADDRESS)?;
        if served.status == Some(address) {
            return Ok(self.not_good(served));
        }
        let mut shown = 0;
        for part in self.parts.get(&(unit, table, address)).into_iter().flatten() {
            let held = &self.held[part.tag];
            let word = held.words.as_ref().map_or(0, |words| words[part.word]);
            match (held.good, served.stale) {
                (true, _) | (false, StaleAnswer::Last) => {
                    shown |= part.bit.map_or(word, |bit| u16::from(word != 0) << bit);
                }
                (false, StaleAnswer::Sentinel(sentinel)) => return Ok(sentinel),
                (false, StaleAnswer::Exception) => return Err(DEVICE_FAILURE),
            }
        }
        Ok(shown)
    }

    /// A status register that lies beside its span.
    fn status(&self, unit: u8, table: Table, address: u32) -> Option<u16> {
        let of = |served: &&ServedArea| {
            (served.area.unit, served.area.table) == (unit, table) && served.status.map(u32::from) == Some(address)
        };
        self.areas.iter().find(of).map(|served| self.not_good(served))
    }

    /// How many tags of a span are not good.
    fn not_good(&self, served: &ServedArea) -> u16 {
        let first = u32::from(served.area.start);
        let here = |key: &(u8, Table, u16)| {
            (key.0, key.1) == (served.area.unit, served.area.table)
                && (first..first + served.area.count).contains(&u32::from(key.2))
        };
        let mut tags: Vec<usize> =
            self.parts.iter().filter(|(key, _)| here(key)).flat_map(|(_, parts)| parts).map(|part| part.tag).collect();
        tags.sort_unstable();
        tags.dedup();
        u16::try_from(tags.into_iter().filter(|tag| !self.held[*tag].good).count()).unwrap_or(u16::MAX)
    }

    fn write(&self, unit: u8, pdu: &[u8]) -> Result<Served, u8> {
        let (start, words, bits) = written(pdu).ok_or(ILLEGAL_VALUE)?;
        let table = if bits { Table::Coils } else { Table::HoldingRegisters };
        let mut tags: Vec<usize> = Vec::new();
        for n in 0..words.len() {
            let address = u32::from(start) + u32::try_from(n).unwrap_or(u32::MAX);
            let served = self.area(unit, table, address).filter(|served| served.write).ok_or(ILLEGAL_ADDRESS)?;
            let address = u16::try_from(address).map_err(|_| ILLEGAL_ADDRESS)?;
            if served.status == Some(address) {
                return Err(ILLEGAL_ADDRESS);
            }
            // A master that sends a whole block has registers in it that mean nothing here: they are let go.
            tags.extend(self.parts.get(&(unit, table, address)).into_iter().flatten().map(|part| part.tag));
        }
        if tags.is_empty() {
            return Err(ILLEGAL_ADDRESS);
        }
        tags.sort_unstable();
        tags.dedup();
        let mut values = Vec::new();
        for tag in tags {
            let layout = self.layouts[tag].as_ref().ok_or(ILLEGAL_ADDRESS)?;
            let mut own = vec![None; usize::from(layout.words())];
            for (n, word) in words.iter().enumerate() {
                let address = start.wrapping_add(u16::try_from(n).unwrap_or(u16::MAX));
                for part in self.parts.get(&(unit, table, address)).into_iter().flatten().filter(|part| part.tag == tag)
                {
                    own[part.word] = Some(part.bit.map_or(*word, |bit| word >> bit & 1));
                }
            }
            // Half a number is no number.
            let own: Vec<u16> = own.into_iter().collect::<Option<_>>().ok_or(ILLEGAL_VALUE)?;
            values.push((tag, layout.decode(&own).map_err(|_| ILLEGAL_VALUE)?));
        }
        let echo = pdu.get(..5).ok_or(ILLEGAL_VALUE)?.to_vec();
        Ok(Served::Write { values, echo })
    }
}

/// Start, registers (bits as 0 and 1), and whether they are bits. `None` when counts and lengths disagree.
fn written(pdu: &[u8]) -> Option<(u16, Vec<u16>, bool)> {
    let [function, a, b, c, d, rest @ ..] = pdu else { return None };
    let (start, second) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
    let count = usize::from(second);
    match (function, rest) {
        (5, []) if matches!(second, 0 | 0xFF00) => Some((start, vec![u16::from(second != 0)], true)),
        (6, []) => Some((start, vec![second], false)),
        (15, [len, data @ ..]) => {
            let fits = usize::from(*len) == data.len() && data.len() == count.div_ceil(8);
            let bit = |n: usize| u16::from(data[n / 8] >> (n % 8) & 1);
            (fits && (1..=WRITE_BITS_MAX as usize).contains(&count))
                .then(|| (start, (0..count).map(bit).collect(), true))
        }
        (16, [len, data @ ..]) => {
            let fits = usize::from(*len) == data.len() && data.len() == count * 2;
            let word = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
            let all = || data.chunks_exact(2).map(word).collect();
            (fits && (1..=WRITE_WORDS_MAX as usize).contains(&count)).then(|| (start, all(), false))
        }
        _ => None,
    }
}
