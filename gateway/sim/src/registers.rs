//! The four tables of a device.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use tokio_modbus::ExceptionCode;

/// A table of the Modbus data model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `0x`: bits a master may write.
    Coils,
    /// `1x`: bits it may read.
    DiscreteInputs,
    /// `3x`: words it may read.
    InputRegisters,
    /// `4x`: words it may write.
    HoldingRegisters,
}

/// May a master write it?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A write is refused with exception 2, illegal data address.
    ReadOnly,
    /// A write is taken.
    Writable,
}

/// A place in a device, written as the site's YAML does: `4x:1` is the first holding register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Which table.
    pub table: Table,
    /// As it goes over the wire: `4x:1` is 0.
    pub address: u16,
}

/// Why a text is not a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a place in a device: expected for example 4x:1, with 0x, 1x, 3x or 4x and a number from 1 to 65536"
)]
pub struct AtError(String);

/// What a device holds. Only what was defined is there; the rest is an illegal data address.
#[derive(Debug, Clone, Default)]
pub struct Registers {
    tables: [BTreeMap<u16, Cell>; 4],
    written: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    word: u16,
    access: Access,
}

/// Words or bits that a master wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub at: At,
    /// How many.
    pub count: u16,
}

impl At {
    /// A holding register by its 1-based number.
    pub fn holding(number: u16) -> Self {
        assert!(number > 0, "registers are counted from 1");
        Self { table: Table::HoldingRegisters, address: number - 1 }
    }
}

impl FromStr for At {
    type Err = AtError;

    fn from_str(text: &str) -> Result<Self, AtError> {
        let wrong = || AtError(text.to_owned());
        let (table, number) = text.split_once(':').ok_or_else(wrong)?;
        let table = match table {
            "0x" => Table::Coils,
            "1x" => Table::DiscreteInputs,
            "3x" => Table::InputRegisters,
            "4x" => Table::HoldingRegisters,
            _ => return Err(wrong()),
        };
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let address = number.checked_sub(1).and_then(|address| u16::try_from(address).ok()).ok_or_else(wrong)?;
        Ok(Self { table, address })
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = match self.table {
            Table::Coils => "0x",
            Table::DiscreteInputs => "1x",
            Table::InputRegisters => "3x",
            Table::HoldingRegisters => "4x",
        };
        write!(f, "{table}:{}", u32::from(self.address) + 1)
    }
}

impl Registers {
    /// Makes `count` words or bits from `at` exist, holding 0.
    pub fn define(&mut self, at: At, count: u16, access: Access) {
        let end = u32::from(at.address) + u32::from(count);
        assert!(end <= 0x1_0000, "{count} from {at} is past the end of the table");
        for address in u32::from(at.address)..end {
            let address = u16::try_from(address).expect("checked above");
            self.table_mut(at.table).entry(address).or_insert(Cell { word: 0, access }).access = access;
        }
    }

    /// What a master reads.
    pub fn read(&self, at: At, count: u16) -> Result<Vec<u16>, ExceptionCode> {
        let last = u32::from(at.address) + u32::from(count);
        if count == 0 || last > 0x1_0000 {
            return Err(ExceptionCode::IllegalDataAddress);
        }
        let cells = self.tables[at.table as usize].range(at.address..);
        let words: Vec<u16> =
            cells.take_while(|(address, _)| u32::from(**address) < last).map(|(_, cell)| cell.word).collect();
        if words.len() == usize::from(count) { Ok(words) } else { Err(ExceptionCode::IllegalDataAddress) }
    }

    /// What a master writes: all of it or nothing.
    pub fn write(&mut self, at: At, words: &[u16]) -> Result<(), ExceptionCode> {
        let count = u16::try_from(words.len()).map_err(|_| ExceptionCode::IllegalDataValue)?;
        self.read(at, count)?;
        let last = u32::from(at.address) + u32::from(count);
        let table = self.table_mut(at.table);
        let span = || (at.address..).take_while(|address| u32::from(*address) < last);
        if span().any(|address| table.get(&address).is_none_or(|cell| cell.access == Access::ReadOnly)) {
            return Err(ExceptionCode::IllegalDataAddress);
        }
        for (address, word) in (at.address..=u16::MAX).zip(words) {
            table.entry(address).and_modify(|cell| cell.word = *word);
        }
        self.written.push(Span { at, count });
        Ok(())
    }

    /// What the device itself holds there; `None` where nothing is.
    pub fn peek(&self, at: At) -> Option<u16> {
        self.tables[at.table as usize].get(&at.address).map(|cell| cell.word)
    }

    /// May a master write there? `None` where nothing is.
    pub fn access(&self, at: At) -> Option<Access> {
        self.tables[at.table as usize].get(&at.address).map(|cell| cell.access)
    }

    /// The device itself changes its words; what isn't defined comes into being, writable.
    pub fn poke(&mut self, at: At, words: &[u16]) {
        for (address, word) in (at.address..=u16::MAX).zip(words) {
            let cell = Cell { word: *word, access: Access::Writable };
            self.table_mut(at.table).entry(address).and_modify(|cell| cell.word = *word).or_insert(cell);
        }
    }

    /// What masters wrote since this was last asked.
    pub fn take_written(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.written)
    }

    fn table_mut(&mut self, table: Table) -> &mut BTreeMap<u16, Cell> {
        &mut self.tables[table as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Registers {
        let mut registers = Registers::default();
        registers.define(At::holding(1), 4, Access::Writable);
        registers.define(At::holding(3), 1, Access::ReadOnly);
        registers
    }

    #[test]
    fn places_are_written_as_in_the_yaml() {
        let at: At = "4x:1".parse().unwrap();
        assert_eq!((at, at.to_string().as_str()), (At::holding(1), "4x:1"));
        assert_eq!("3x:65536".parse::<At>().unwrap().address, 65535);
        for wrong in ["4x:0", "4x:65537", "5x:1", "4x", "4x:-1", "", "4x:1.5"] {
            assert!(wrong.parse::<At>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_span_is_read_whole_or_not_at_all() {
        let device = device();
        assert_eq!(device.read(At::holding(1), 4), Ok(vec![0; 4]));
        assert_eq!(device.read(At::holding(1), 5), Err(ExceptionCode::IllegalDataAddress));
        assert_eq!(
            device.read(At { table: Table::HoldingRegisters, address: 65535 }, 2),
            Err(ExceptionCode::IllegalDataAddress)
        );
        assert_eq!(device.read("3x:1".parse().unwrap(), 1), Err(ExceptionCode::IllegalDataAddress));
    }

    #[test]
    fn a_write_that_touches_a_read_only_word_changes_nothing() {
        let mut device = device();
        assert_eq!(device.write(At::holding(1), &[7, 8]), Ok(()));
        assert_eq!(device.write(At::holding(2), &[1, 1, 1]), Err(ExceptionCode::IllegalDataAddress));
        assert_eq!(device.read(At::holding(1), 4), Ok(vec![7, 8, 0, 0]));
        assert_eq!(device.take_written(), [Span { at: At::holding(1), count: 2 }]);
        device.poke(At::holding(3), &[9]);
        assert_eq!(device.peek(At::holding(3)), Some(9));
        assert_eq!(device.write(At::holding(3), &[1]), Err(ExceptionCode::IllegalDataAddress));
    }
}
