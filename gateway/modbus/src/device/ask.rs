//! What to ask next: writes before reads, reads in turn, searches between them, the dead now and then.

use std::time::Instant;

use site::Table;
use tokio_modbus::Request;

use super::{Ask, Device, IDLE, Purpose, WRITES_IN_A_ROW};
use crate::block::read_request;
use crate::unit::Shape;

impl Device {
    /// A new period: everything of the living units is due.
    pub(super) fn tick(&mut self, now: Instant) {
        if now < self.poll_at {
            return;
        }
        let missed = now.duration_since(self.poll_at).as_nanos() / self.config.rate.as_nanos();
        let missed = u32::try_from(missed).unwrap_or(u32::MAX - 1);
        self.poll_at = match self.config.rate.checked_mul(missed + 1) {
            Some(on) => self.poll_at + on,
            None => now + self.config.rate,
        };
        for block in 0..self.blocks.len() {
            self.make_due(block);
        }
    }

    pub(super) fn make_due(&mut self, block: usize) {
        let free = self.blocks[block].search.is_none() && !self.units[self.blocks[block].unit].is_offline();
        if free && !self.due.contains(&block) {
            self.due.push_back(block);
        }
    }

    /// The next request, or when there will be one.
    pub(super) fn choose(&mut self, now: Instant) -> Result<Ask, Instant> {
        let mut wake = self.poll_at;
        self.units.iter_mut().for_each(|unit| unit.forget_old(now));
        // A write goes out before the next read.
        if let Some(first) = self.writes.front() {
            let fair = self.writes_in_a_row < WRITES_IN_A_ROW || self.due.is_empty();
            let (unit, ready) = (self.unit_of(first), first.not_before);
            if ready > now {
                wake = wake.min(ready);
            } else if fair {
                match self.ask_write(now, unit) {
                    Ok(ask) => {
                        self.writes_in_a_row += 1;
                        return Ok(ask);
                    }
                    Err(at) => wake = wake.min(at),
                }
            }
        }
        self.writes_in_a_row = 0;
        self.search_turn = !self.search_turn;
        if self.search_turn {
            if let Ok(ask) = self.ask_search(now) {
                return Ok(ask);
            }
        }
        for n in 0..self.due.len() {
            let block = self.due[n];
            if let Some(at) = self.blocks[block].not_before.filter(|at| *at > now) {
                wake = wake.min(at);
                continue;
            }
            let unit = self.blocks[block].unit;
            match self.ask(now, unit, self.blocks[block].next_request(), Purpose::Poll { block }) {
                Ok(ask) => return Ok(ask),
                Err(at) => wake = wake.min(at),
            }
        }
        match self.ask_search(now) {
            Ok(ask) => return Ok(ask),
            Err(at) => wake = wake.min(at),
        }
        self.ask_dead(now, wake)
    }

    /// The next step of a search for a refused part.
    pub(super) fn ask_search(&self, now: Instant) -> Result<Ask, Instant> {
        let mut wake = now + IDLE;
        for (n, block) in self.blocks.iter().enumerate() {
            let Some(part) = block.search.as_ref().and_then(|search| search.todo.last()) else { continue };
            match self.ask(now, block.unit, block.request_for(part), Purpose::Search { block: n }) {
                Ok(ask) => return Ok(ask),
                Err(at) => wake = wake.min(at),
            }
        }
        Err(wake)
    }

    /// A request, or in its place one that no lost answer fits, or when either can be asked.
    pub(super) fn ask(
        &self,
        now: Instant,
        unit: usize,
        request: Request<'static>,
        purpose: Purpose,
    ) -> Result<Ask, Instant> {
        if !self.units[unit].in_doubt() {
            return Ok((purpose, unit, request));
        }
        self.probe(now, unit)
    }

    /// A read of the unit that nothing it was asked before can answer: of another length, else of another table. What
    /// it says is not used; a unit that is believed dead may be asked anything, just to hear whether it is there.
    pub(super) fn probe(&self, now: Instant, n: usize) -> Result<Ask, Instant> {
        let unit = &self.units[n];
        let mut start = 0;
        for block in self.blocks.iter().filter(|block| block.unit == n) {
            // Shorter and shorter from the start of the block's first readable part.
            let run = block.runs.iter().find(|run| !run.refused).unwrap_or(&block.runs[0]);
            let (first, count) = block.span(&run.atoms);
            start = first;
            let reads = (1..=count).rev().map(|count| read_request(block.table, first, count));
            let mut fresh = reads.filter(|request| unit.is_new(Shape::of(request)));
            if let Some(request) = fresh.next() {
                return Ok((Purpose::Probe, n, request));
            }
            if unit.is_offline() && !unit.stirring {
                return Ok((Purpose::Probe, n, read_request(block.table, first, count)));
            }
        }
        // Every own read is spent, as with a unit of one register. An exception to this tells as much as data.
        let tables = [Table::InputRegisters, Table::HoldingRegisters, Table::Coils, Table::DiscreteInputs];
        let other = tables.map(|table| read_request(table, start, 1));
        let free = other.into_iter().find(|request| unit.is_new_function(Shape::of(request)));
        free.map(|request| (Purpose::Probe, n, request)).ok_or(unit.quiet_at().unwrap_or(now))
    }

    /// Units that don't answer are asked now and then, one after the other.
    pub(super) fn ask_dead(&self, now: Instant, mut wake: Instant) -> Result<Ask, Instant> {
        let mut dead: Vec<usize> = (0..self.units.len()).filter(|n| self.units[*n].is_offline()).collect();
        dead.sort_by_key(|n| self.units[*n].probe_at);
        for unit in dead {
            let at = self.units[unit].probe_at;
            if at > now {
                wake = wake.min(at);
                continue;
            }
            match self.probe(now, unit) {
                Ok(ask) => return Ok(ask),
                Err(at) => wake = wake.min(at),
            }
        }
        Err(wake)
    }
}
