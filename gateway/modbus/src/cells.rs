//! What lies in registers and bits, and the requests that fetch and change it.

use site::Table;
use tag::{Fault, Value};
use tokio_modbus::{Request, Response};

use crate::config::Spot;

/// Raw content of registers or bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cells {
    Words(Vec<u16>),
    Bits(Vec<bool>),
}

impl Cells {
    pub(crate) fn empty(table: Table, count: u16) -> Self {
        match crate::plan::is_bits(table) {
            true => Self::Bits(vec![false; count.into()]),
            false => Self::Words(vec![0; count.into()]),
        }
    }

    /// The data of an answer; `None` if it carries none.
    pub(crate) fn of(response: Response) -> Option<Self> {
        match response {
            Response::ReadHoldingRegisters(words)
            | Response::ReadInputRegisters(words)
            | Response::ReadWriteMultipleRegisters(words) => Some(Self::Words(words)),
            Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits) => Some(Self::Bits(bits)),
            _ => None,
        }
    }

    pub(crate) fn same(&self, at: usize, other: &Self, other_at: usize, count: usize) -> bool {
        match (self, other) {
            (Self::Words(a), Self::Words(b)) => a[at..at + count] == b[other_at..other_at + count],
            (Self::Bits(a), Self::Bits(b)) => a[at..at + count] == b[other_at..other_at + count],
            _ => false,
        }
    }

    /// Puts `from` at this place.
    pub(crate) fn put(&mut self, at: usize, from: &Self) {
        match (self, from) {
            (Self::Words(to), Self::Words(from)) => to[at..at + from.len()].copy_from_slice(from),
            (Self::Bits(to), Self::Bits(from)) => to[at..at + from.len()].copy_from_slice(from),
            _ => unreachable!("a block is of words or of bits, and so is all that is read into it"),
        }
    }

    /// The value of a spot whose first cell is at this place.
    pub(crate) fn value(&self, at: usize, spot: &Spot) -> Result<Value, Fault> {
        match self {
            Self::Bits(bits) => Ok(Value::Int(i64::from(bits[at]))),
            Self::Words(words) => match spot.bit {
                Some(bit) => Ok(Value::Int(i64::from(words[at] >> bit & 1))),
                None => spot.layout.decode(&words[at..at + usize::from(spot.layout.words())]),
            },
        }
    }
}

/// The request that reads a span.
pub(crate) fn read_request(table: Table, start: u16, count: u16) -> Request<'static> {
    match table {
        Table::Coils => Request::ReadCoils(start, count),
        Table::DiscreteInputs => Request::ReadDiscreteInputs(start, count),
        Table::InputRegisters => Request::ReadInputRegisters(start, count),
        Table::HoldingRegisters => Request::ReadHoldingRegisters(start, count),
    }
}

/// The request that writes a span.
pub(crate) fn write_request(start: u16, cells: Cells) -> Request<'static> {
    match cells {
        Cells::Words(words) => Request::WriteMultipleRegisters(start, words.into()),
        Cells::Bits(bits) => Request::WriteMultipleCoils(start, bits.into()),
    }
}
