//! What to ask next: writes before reads, reads in turn, searches between them, the dead now and then.

use std::time::Instant;

use site::Table;
use tokio_modbus::Request;

use super::flight::{Ask, Purpose};
use super::{Device, IDLE, WRITES_IN_A_ROW};
use crate::block::{Block, Search};
use crate::cells::read_request;
use crate::pdu::{DIAGNOSTICS, EXCEPTION_STATUS, SERVER_ID};
use crate::unit::{Health, Shape};

/// Questions that are not asked of a dead unit: each may be lost too, and then the next is needed.
const KEPT_QUESTIONS: usize = 4;

impl Device {
    /// The blocks of living units whose period begins are due.
    pub(super) fn tick(&mut self, now: Instant) {
        self.look_at_crowd(now);
        self.forgive(now);
        self.keeps_waiting = self.keeps_waiting.filter(|until| now < *until);
        // With each answer this is looked at, and hardly ever a period begins.
        if now < self.first_due {
            return;
        }
        for n in 0..self.blocks.len() {
            let Block { due_at, rate, .. } = self.blocks[n];
            if now < due_at {
                continue;
            }
            let missed = now.duration_since(due_at).as_nanos() / rate.as_nanos();
            let missed = u32::try_from(missed).unwrap_or(u32::MAX - 1);
            self.blocks[n].due_at = rate.checked_mul(missed + 1).map_or(now + rate, |on| due_at + on);
            if !self.units[self.blocks[n].unit].is_offline() {
                self.counters.overruns += u64::from(missed) + u64::from(self.due.contains(n));
            }
            if !self.is_asked(n) {
                self.blocks[n].try_whole(now);
            }
            self.make_due(n);
        }
        self.first_due = self.blocks.iter().map(|block| block.due_at).min().unwrap_or(now + IDLE);
    }

    pub(super) fn make_due(&mut self, block: usize) {
        let free = self.blocks[block].search.is_none() && !self.units[self.blocks[block].unit].is_offline();
        if free {
            self.due.push(block);
        }
    }

    /// The next request, or when there will be one.
    pub(super) fn choose(&mut self, now: Instant) -> Result<Ask, Instant> {
        let mut wake = self.first_due;
        self.units.iter_mut().for_each(|unit| unit.forget_old(now));
        // A write goes out before the next read.
        if let Some(first) = self.writes.front() {
            let fair = self.writes_in_a_row < WRITES_IN_A_ROW || self.due.is_empty();
            let (unit, ready) = (self.unit_of(first), first.not_before);
            if self.is_writing() {
                // One step after the other.
            } else if ready > now {
                wake = wake.min(ready);
            } else if fair {
                let in_doubt = self.units[unit].in_doubt();
                match self.ask_write(now, unit) {
                    Ok(ask) => {
                        self.writes_in_a_row += 1;
                        return Ok(ask);
                    }
                    Err(at) if in_doubt => wake = wake.min(at),
                    Err(_) => return Err(wake),
                }
            }
        }
        self.writes_in_a_row = 0;
        // The dead before the living, or a line whose polls fill it would never hear of a return; what that may cost is
        // bounded. But one at a time: what is saved up for them isn't spent while somebody waits.
        if self.any_online() && !self.asked_dead {
            match self.ask_dead(now, wake) {
                Ok(ask) => return Ok(ask),
                Err(at) => wake = at,
            }
        }
        self.search_turn = !self.search_turn;
        if self.search_turn {
            if let Ok(ask) = self.ask_search(now) {
                return Ok(ask);
            }
        }
        // At a start many may turn out to be dead, each after waiting for it twice. Between two of them whoever has been
        // heard is polled as often as is due.
        let heard = |block: &&Block| !self.is_unheard(block.unit) && !self.units[block.unit].is_offline();
        let some_unheard = (0..self.units.len()).any(|unit| self.is_unheard(unit));
        let known_first = some_unheard
            && self.since_unheard < self.blocks.iter().filter(heard).count()
            && self.due.iter().any(|block| heard(&&self.blocks[block]) && self.blocks[block].not_before.is_none());
        for n in 0..self.due.len() {
            let block = self.due.at(n);
            if self.is_asked(block) {
                continue;
            }
            if let Some(at) = self.blocks[block].not_before.filter(|at| *at > now) {
                wake = wake.min(at);
                continue;
            }
            let unit = self.blocks[block].unit;
            if known_first && self.is_unheard(unit) {
                continue;
            }
            match self.ask(now, unit, self.blocks[block].next_request(), Purpose::Poll { block }) {
                // What keeps it back ends sooner or later, and then it is looked at again.
                Ok(ask) if self.is_kept_back(&ask) => {}
                Ok(ask) => return Ok(ask),
                Err(at) => wake = wake.min(at),
            }
        }
        match self.ask_search(now) {
            Ok(ask) => return Ok(ask),
            Err(at) => wake = wake.min(at),
        }
        if let Some(ask) = self.ask_proof(now) {
            return Ok(ask);
        }
        self.ask_dead(now, wake)
    }

    /// Nothing was ever heard of it, and it isn't given up yet.
    pub(super) fn is_unheard(&self, unit: usize) -> bool {
        self.units[unit].health == Health::Fresh
    }

    /// The next step of a search for a refused part.
    pub(super) fn ask_search(&mut self, now: Instant) -> Result<Ask, Instant> {
        let mut wake = now + IDLE;
        let blocks = &self.blocks;
        self.searching.retain(|block| blocks[*block].search.is_some());
        for &n in &self.searching {
            let block = &self.blocks[n];
            let Some(part) = block.search.as_ref().and_then(Search::part).filter(|_| !self.is_asked(n)) else {
                continue;
            };
            match self.ask(now, block.unit, block.request_for(&part), Purpose::Search { block: n }) {
                Ok(ask) if self.is_kept_back(&ask) => {}
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

    /// A question to the unit that nothing it was asked before can answer: a read of another length, else another
    /// function. What it says is not used.
    pub(super) fn probe(&self, now: Instant, n: usize) -> Result<Ask, Instant> {
        let unit = &self.units[n];
        let mut fresh = self.questions(n).filter(|request| match request {
            Request::Custom(DIAGNOSTICS, _) if unit.echoes => true,
            Request::ReadHoldingRegisters(..)
            | Request::ReadInputRegisters(..)
            | Request::ReadCoils(..)
            | Request::ReadDiscreteInputs(..)
                if self.is_own(n, request) =>
            {
                unit.is_new(Shape::of(request))
            }
            // The answer to a question that is not of the site may be a refusal, and refusals tell only their function.
            request => unit.is_new_function(Shape::of(request)),
        });
        if unit.is_offline() && !unit.stirring {
            // It is believed dead and may be asked anything, just to hear whether it is there. Some questions are kept
            // for when it stirs: what it says then must be told from what it was asked all the while.
            // The quick ones first; of a unit of few registers they are soon spent.
            let first = fresh.next();
            let request =
                first.filter(|_| fresh.nth(KEPT_QUESTIONS - 1).is_some()).or_else(|| self.questions(n).next());
            if let Some(request) = request {
                return Ok((Purpose::Probe, n, request));
            }
        }
        fresh.next().map(|request| (Purpose::Probe, n, request)).ok_or(unit.quiet_at().unwrap_or(now))
    }

    /// Is it a read within what the site reads?
    fn is_own(&self, n: usize, request: &Request<'_>) -> bool {
        self.starts(n).any(|(table, start, count)| {
            (1..=count).any(|count| Shape::of(&read_request(table, start, count)) == Shape::of(request))
        })
    }

    /// Table, first address and count of the first readable part of each block of a unit.
    fn starts(&self, n: usize) -> impl Iterator<Item = (Table, u16, u16)> {
        self.blocks.iter().filter(move |block| block.unit == n).map(|block| {
            let run = block.runs.iter().find(|run| !run.refused).unwrap_or(&block.runs[0]);
            let (first, count) = block.span(&run.atoms);
            (block.table, first, count)
        })
    }

    /// What a unit can be asked that changes nothing in it, no two answers of one shape within a block: what the site
    /// reads, shorter and shorter; other tables; and what every device may know.
    fn questions(&self, n: usize) -> impl Iterator<Item = Request<'static>> {
        let own = self
            .starts(n)
            .flat_map(|(table, first, count)| (1..=count).rev().map(move |count| read_request(table, first, count)));
        let start = self.starts(n).next().map_or(0, |(_, first, _)| first);
        let tables = [Table::InputRegisters, Table::HoldingRegisters, Table::Coils, Table::DiscreteInputs];
        let other = tables.into_iter().map(move |table| read_request(table, start, 1));
        let [_, _, .., high, low] = self.counters.requests.to_be_bytes();
        let any = [
            Request::Custom(SERVER_ID, vec![].into()),
            Request::Custom(EXCEPTION_STATUS, vec![].into()),
            Request::Custom(DIAGNOSTICS, vec![0, 0, high, low].into()),
        ];
        own.chain(other).chain(any)
    }
}
