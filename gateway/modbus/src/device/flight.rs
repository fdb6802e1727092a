//! What is under way: the requests whose answers are awaited, and which of them keep others back.
//!
//! Over Modbus TCP there may be several, and a device may answer them in any order. Reads may pass one another; a write,
//! and the read that tells what came of it, never passes or is passed by anything that touches its registers.

use std::ops::Range;
use std::time::{Duration, Instant};

use site::Table;
use tag::Fault;
use tokio_modbus::Request;

use super::Device;
use crate::cells::Cells;
use crate::reply::Asked;
use crate::unit::Shape;
use crate::write::Ticket;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    Poll {
        block: usize,
    },
    Search {
        block: usize,
    },
    /// Only to hear whether the unit is there.
    Probe,
    /// A step of this write.
    Write {
        ticket: Ticket,
        driven: Option<(usize, Cells)>,
    },
}

/// A request, of which unit (by index), and what for.
pub(super) type Ask = (Purpose, usize, Request<'static>);

#[derive(Debug)]
pub(super) struct Doing {
    pub(super) asked: Asked,
    pub(super) purpose: Purpose,
    pub(super) unit: usize,
    pub(super) shape: Shape,
    pub(super) touches: Option<Touches>,
    pub(super) sent: Instant,
    /// What the bytes of the request and of its answer take on a serial line.
    pub(super) wire: Duration,
    pub(super) single_write: bool,
    /// Something else was under way when it went out.
    pub(super) beside: bool,
    /// Something else was under way with it, before or since.
    pub(super) shared: bool,
}

/// The registers that a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Touches {
    table: Table,
    span: Range<u32>,
    /// It changes them, or tells whether they were changed.
    firm: bool,
}

impl Touches {
    /// `None`: it is about no registers.
    pub(super) fn of(purpose: &Purpose, request: &Request<'_>) -> Option<Self> {
        let (table, start, count) = match request {
            Request::ReadCoils(start, count) => (Table::Coils, start, usize::from(*count)),
            Request::ReadDiscreteInputs(start, count) => (Table::DiscreteInputs, start, usize::from(*count)),
            Request::ReadInputRegisters(start, count) => (Table::InputRegisters, start, usize::from(*count)),
            Request::ReadHoldingRegisters(start, count) => (Table::HoldingRegisters, start, usize::from(*count)),
            Request::WriteSingleCoil(start, _) => (Table::Coils, start, 1),
            Request::WriteMultipleCoils(start, bits) => (Table::Coils, start, bits.len()),
            Request::WriteSingleRegister(start, _) | Request::MaskWriteRegister(start, ..) => {
                (Table::HoldingRegisters, start, 1)
            }
            Request::WriteMultipleRegisters(start, words) => (Table::HoldingRegisters, start, words.len()),
            // From the first register of both spans to the last.
            Request::ReadWriteMultipleRegisters(from, count, to, words) => {
                let end = (usize::from(*from) + usize::from(*count)).max(usize::from(*to) + words.len());
                (Table::HoldingRegisters, from.min(to), end - usize::from(*from.min(to)))
            }
            _ => return None,
        };
        let is_read = matches!(request.function_code().value(), 1..=4);
        let firm = !is_read || matches!(purpose, Purpose::Write { .. });
        let (start, count) = (u32::from(*start), u32::try_from(count).expect("within a table"));
        Some(Self { table, span: start..start + count, firm })
    }

    /// How many registers, if it is about registers.
    pub(super) fn words(&self) -> Option<u32> {
        (!crate::plan::is_bits(self.table)).then(|| self.span.end - self.span.start)
    }

    fn keeps_back(&self, other: &Self) -> bool {
        let overlap = self.span.start < other.span.end && other.span.start < self.span.end;
        (self.firm || other.firm) && self.table == other.table && overlap
    }
}

impl Device {
    /// Must it wait until something that is under way has ended?
    pub(super) fn is_kept_back(&self, ask @ (purpose, unit, request): &Ask) -> bool {
        if !self.is_told_apart(ask) {
            return true;
        }
        let Some(touches) = Touches::of(purpose, request) else { return false };
        let same = self.doing.iter().filter(|doing| doing.unit == *unit);
        same.filter_map(|doing| doing.touches.as_ref()).any(|other| other.keeps_back(&touches))
    }

    /// Is a read or a write of this block under way, for its poll or its search?
    pub(super) fn is_asked(&self, n: usize) -> bool {
        let of_block =
            |doing: &Doing| matches!(doing.purpose, Purpose::Poll { block } | Purpose::Search { block } if block == n);
        self.doing.iter().any(of_block)
    }

    /// Is anything at all asked of this unit?
    pub(super) fn is_unit_asked(&self, unit: usize) -> bool {
        self.doing.iter().any(|doing| doing.unit == unit)
    }

    /// Is a step of a write under way?
    pub(super) fn is_writing(&self) -> bool {
        self.doing.iter().any(|doing| matches!(doing.purpose, Purpose::Write { .. }))
    }

    /// What is still said to what this unit was asked tells only that it is there.
    pub(super) fn disown(&mut self, unit: usize) {
        self.doing.iter_mut().filter(|doing| doing.unit == unit).for_each(|doing| doing.purpose = Purpose::Probe);
    }

    /// The connection is gone, and with it everything that was under way on it.
    pub(super) fn lose_all(&mut self, now: Instant, because: Fault) {
        while !self.doing.is_empty() {
            // One by one: a unit that is given up for the first takes the others along.
            let doing = self.doing.remove(0);
            self.counters.timeouts += 1;
            self.no_answer(now, doing, because);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pass_one_another_and_nothing_passes_a_write_on_its_registers() {
        let touches = |request: Request<'static>| Touches::of(&Purpose::Probe, &request).unwrap();
        let read = |start, count| touches(Request::ReadHoldingRegisters(start, count));
        let looked =
            Touches::of(&Purpose::Write { ticket: Ticket(1), driven: None }, &Request::ReadHoldingRegisters(10, 2))
                .unwrap();
        let writes = [
            touches(Request::WriteMultipleRegisters(10, vec![1, 2].into())),
            touches(Request::ReadWriteMultipleRegisters(10, 1, 11, vec![1].into())),
            looked,
        ];
        for write in writes {
            for (start, count, kept) in [(0, 10, false), (0, 11, true), (11, 1, true), (12, 5, false)] {
                let read = read(start, count);
                assert_eq!((write.keeps_back(&read), read.keeps_back(&write)), (kept, kept), "{write:?} {read:?}");
            }
            assert!(!write.keeps_back(&touches(Request::ReadInputRegisters(10, 2))), "another table");
        }
        assert!(!read(0, 5).keeps_back(&read(0, 5)));
        let coil = touches(Request::WriteSingleCoil(3, true));
        assert!(coil.keeps_back(&touches(Request::ReadCoils(0, 4))) && !coil.keeps_back(&read(3, 1)));
        assert!(touches(Request::MaskWriteRegister(4, 0, 1)).keeps_back(&read(4, 1)));
    }
}
