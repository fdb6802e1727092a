//! Writes: taken or refused, their steps one after the other, and what becomes of them.

use std::time::Instant;

use link::Outcome;
use tag::Timestamp;

use super::flight::{Ask, Purpose};
use super::types::Report;
use super::{Device, IDLE, LineState, WRITES_MAX};
use crate::cells::{Cells, write_request};
use crate::config::Spot;
use crate::write::{Look, Step, Ticket, Transaction, WriteRequest};

impl Device {
    /// Somebody writes. Refused at once unless the device can be reached now; never kept for later.
    pub fn write(&mut self, now: Instant, request: &WriteRequest) {
        let point = &self.config.points[request.point];
        let spot = point.write.as_ref().filter(|spot| spot.unit != 0 || !self.serial).unwrap_or(&point.read);
        let offline = self.units.iter().any(|unit| unit.id == spot.unit && unit.is_offline());
        let offline = offline || self.line != LineState::Up;
        let unknown = !self.known[request.point];
        let driven = self.driven_block(request.point);
        let unprimed = driven.is_some_and(|(block, _)| !self.blocks[block].primed);
        let outcome = match Transaction::new(now, request, point) {
            Err(why) => Outcome::Refused(why),
            Ok(_) if offline => Outcome::Refused("device offline".into()),
            Ok(_) if unknown || unprimed => Outcome::Refused("not read yet".into()),
            Ok(_) if self.writes.len() >= WRITES_MAX => Outcome::Refused("too many writes are waiting".into()),
            Ok(mut transaction) => {
                if driven.is_some() {
                    // The area's image is the fresh word.
                    transaction.step = Step::Send;
                }
                self.writes.push_back(transaction);
                return;
            }
        };
        self.reports.push(Report::Outcome(request.ticket, outcome));
    }

    /// The driven block a point is written with, and its place there.
    pub(super) fn driven_block(&self, point: usize) -> Option<(usize, usize)> {
        let block = self.blocks.iter().position(|b| b.driven && b.atoms.iter().any(|a| a.points.contains(&point)))?;
        Some((block, usize::from(self.config.points[point].read.start - self.blocks[block].start)))
    }

    pub(super) fn unit_of(&self, transaction: &Transaction) -> usize {
        let id = transaction.seen.unit;
        self.units.iter().position(|unit| unit.id == id).expect("every written unit is read too")
    }

    /// Writes whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        // One that was sent may have arrived though nobody saw it: before its area goes out again, the device says what it
        // holds, or the old value would be written over the new one.
        let sent = self.writes.iter().filter(|write| write.sent && now >= write.deadline).map(|write| write.point);
        let in_doubt: Vec<usize> = sent.filter_map(|point| self.driven_block(point)).map(|(block, _)| block).collect();
        in_doubt.into_iter().for_each(|block| self.blocks[block].primed = false);
        let reports = &mut self.reports;
        self.writes.retain(|write| {
            let over = now >= write.deadline;
            if over {
                reports.push(Report::Outcome(write.ticket, Outcome::Expired));
            }
            !over
        });
    }

    /// Is this the write whose turn it is?
    pub(super) fn is_first(&self, ticket: Ticket) -> bool {
        self.writes.front().is_some_and(|first| first.ticket == ticket)
    }

    pub(super) fn settle(&mut self, outcome: Outcome) {
        if let Some(write) = self.writes.pop_front() {
            self.reports.push(Report::Outcome(write.ticket, outcome));
        }
    }

    /// A step of the first write was answered.
    pub(super) fn write_step(
        &mut self,
        now: Instant,
        wall: Timestamp,
        driven: Option<(usize, Cells)>,
        cells: Option<Cells>,
    ) {
        // The area was written: its image is what the device holds.
        if let Some((block, image)) = driven {
            self.blocks[block].cells = image;
            let point = self.writes.front().map(|first| first.point);
            for n in 0..self.blocks[block].atoms.len() {
                let touched = point.is_some_and(|point| self.blocks[block].atoms[n].points.contains(&point));
                self.blocks[block].atoms[n].valid &= !touched;
            }
        }
        let Some(first) = self.writes.front_mut() else { return };
        let Some(cells) = cells else {
            first.step = Step::ReadBack;
            return;
        };
        if first.step == Step::Fetch {
            first.fetched(&cells);
            return;
        }
        let look = first.look(now, &cells);
        let (point, spot) = (first.point, first.seen.clone());
        if look == Look::NotYet {
            // Also after a write that was read back in one request: from now on it is only looked at.
            first.step = Step::ReadBack;
            return;
        }
        if look == Look::Differs && first.is_masked() {
            first.without_mask();
            let unit = self.unit_of(&self.writes[0]);
            self.no_mask[unit] = true;
            self.learned += 1;
            return;
        }
        let value = cells.value(0, &spot);
        self.note(wall, point, &spot, &cells);
        let Some(first) = self.writes.front() else { return };
        self.settle(match (look, value) {
            (Look::Same, read) => first.held(read.ok()),
            (_, Ok(value)) => Outcome::Mismatch(value),
            (_, Err(fault)) => Outcome::Refused(format!("written, but the device holds a value {fault}")),
        });
    }

    /// What was read back is news of the tag before its next poll.
    pub(super) fn note(&mut self, wall: Timestamp, point: usize, spot: &Spot, cells: &Cells) {
        if self.config.points[point].read != *spot {
            return;
        }
        for n in 0..self.blocks.len() {
            let Some(atom) = self.blocks[n].atoms.iter().position(|atom| atom.points.contains(&point)) else {
                continue;
            };
            let at = spot.start - self.blocks[n].start;
            self.blocks[n].cells.put(at.into(), cells);
            // Not all of the atom need be read: it is told again with the next poll, and what is new of it now.
            self.blocks[n].atoms[atom].valid = false;
            match cells.value(0, spot) {
                Ok(value) => self.reports.push(Report::Value { point, at: wall, value }),
                Err(because) => self.reports.push(Report::Fault { point, because }),
            }
        }
    }

    /// The next step of the first write.
    pub(super) fn ask_write(&mut self, now: Instant, unit: usize) -> Result<Ask, Instant> {
        if self.units[unit].in_doubt() {
            return self.probe(now, unit);
        }
        let ask = self.write_ask(unit);
        if self.is_kept_back(&ask) {
            // What is under way ends first, and until then nothing else goes out: a write comes before the next read.
            return Err(now + IDLE);
        }
        let first = &mut self.writes[0];
        if first.step == Step::Send && !first.sent {
            first.sent = true;
            self.reports.push(Report::Outcome(first.ticket, Outcome::Sent));
        }
        Ok(ask)
    }

    fn write_ask(&mut self, unit: usize) -> Ask {
        let point = self.writes[0].point;
        let driven = self.driven_block(point);
        let has_mask = driven.is_none() && !self.no_mask[unit];
        let first = &mut self.writes[0];
        if has_mask {
            first.use_mask();
        }
        let (image, request) = match (first.step, driven) {
            (Step::Fetch | Step::ReadBack, _) => (None, first.read()),
            (Step::Send, Some((block, at))) => {
                let image = first.image_with(&self.blocks[block].cells, at);
                (Some((block, image.clone())), write_request(self.blocks[block].start, image))
            }
            (Step::Send, None) => {
                let combined = if self.write_read[unit] { first.send_and_read() } else { None };
                (None, combined.unwrap_or_else(|| first.send(self.multiple_only[unit])))
            }
        };
        (Purpose::Write { ticket: first.ticket, driven: image }, unit, request)
    }
}
