//! What an answer or a refusal means for the block, the search or the write it belongs to.

use std::time::{Duration, Instant};

use link::Outcome;
use tag::{ExceptionCode, Fault, Timestamp};

use super::Device;
use super::flight::{Doing, Purpose};
use super::types::Report;
use crate::block::{Block, Run, Search};
use crate::cells::Cells;
use crate::write::Step;

impl Device {
    pub(super) fn answered(&mut self, now: Instant, wall: Timestamp, doing: Doing, cells: Option<Cells>) {
        match (doing.purpose, cells) {
            (Purpose::Poll { block }, Some(cells)) => self.polled(wall, block, &cells),
            // A driven block was written, and holds now what is in its image.
            (Purpose::Poll { block }, None) => self.driven(wall, block),
            (Purpose::Search { block }, Some(cells)) => self.found(now, wall, block, &cells),
            (Purpose::Write { ticket, driven }, cells) if self.is_first(ticket) => {
                self.write_step(now, wall, driven, cells);
            }
            // Its time was over before it was answered.
            (Purpose::Write { .. }, _) => {}
            // It was only asked to hear whether it is there.
            (Purpose::Probe | Purpose::Search { .. }, _) => {}
        }
    }

    /// A run of a block was read.
    pub(super) fn polled(&mut self, wall: Timestamp, block: usize, cells: &Cells) {
        let now = self.replied_at;
        let this = &mut self.blocks[block];
        this.misses = 0;
        this.not_before = None;
        if this.cursor == 0 || this.began.is_none() {
            this.began = Some(now);
        }
        this.runs[this.cursor].refused = false;
        let atoms = this.runs[this.cursor].atoms.clone();
        let news = this.take(&atoms, cells);
        if this.driven {
            this.primed = true;
        }
        self.tell_atoms(wall, block, &news);
        self.next_run(wall, block);
    }

    pub(super) fn driven(&mut self, wall: Timestamp, block: usize) {
        // What was acknowledged and not yet read back isn't known to be there.
        let unseen = self.writes.front().filter(|first| first.step == Step::ReadBack).map(|first| first.point);
        let this = &mut self.blocks[block];
        this.misses = 0;
        this.not_before = None;
        let seen = |n: &usize| unseen.is_none_or(|point| !this.atoms[*n].points.contains(&point));
        let news: Vec<usize> = (0..this.atoms.len()).filter(|n| !this.atoms[*n].valid).filter(seen).collect();
        news.iter().for_each(|n| this.atoms[*n].valid = true);
        self.tell_atoms(wall, block, &news);
        self.next_run(wall, block);
    }

    /// On to the block's next run; after the last the poll is complete.
    pub(super) fn next_run(&mut self, wall: Timestamp, block: usize) {
        let this = &mut self.blocks[block];
        this.cursor += 1;
        if this.cursor >= this.runs.len() || this.driven {
            this.cursor = 0;
            this.settled();
            // What was read first is as old as the poll took. When that is longer than a period and a lost answer, the whole
            // isn't confirmed: it is shown as old, which it is.
            let took =
                this.began.take().map_or(Duration::ZERO, |began| self.replied_at.saturating_duration_since(began));
            let in_time = took <= this.rate + self.config.timeout;
            self.due.remove(block);
            if in_time {
                self.reports.push(Report::Confirmed { block, at: wall });
            }
        }
    }

    pub(super) fn found(&mut self, now: Instant, wall: Timestamp, block: usize, cells: &Cells) {
        let this = &mut self.blocks[block];
        let Some(part) = this.search.as_ref().and_then(Search::part) else { return };
        let news = this.take(&part, cells);
        let (_, over) = this.search_step(now, None);
        self.tell_atoms(wall, block, &news);
        if over {
            self.learned += 1;
            // The other runs of this poll are still to be read, so it starts over.
            self.make_due(block);
        }
    }

    /// The device answered with an exception.
    pub(super) fn refused(&mut self, now: Instant, wall: Timestamp, doing: Doing, code: ExceptionCode) {
        let because = Fault::Refused(code);
        // Illegal address or value: perhaps only a part of what was asked.
        let partial = matches!(code.0, 2 | 3);
        match doing.purpose {
            Purpose::Probe => {}
            Purpose::Poll { block } if self.blocks[block].driven => {
                self.blocks[block].drop_values(because, &mut self.reports);
                self.next_run(wall, block);
            }
            Purpose::Poll { block } => {
                let this = &mut self.blocks[block];
                this.misses = 0;
                let Run { atoms, .. } = this.runs[this.cursor].clone();
                if partial && this.begin_search(now, atoms.clone(), because) {
                    self.searching.insert(block);
                    self.due.remove(block);
                    return;
                }
                this.runs[this.cursor].refused = true;
                this.drop_atoms(atoms, because, &mut self.reports);
                self.next_run(wall, block);
            }
            Purpose::Search { block } => {
                let this = &mut self.blocks[block];
                let (gone, over) = this.search_step(now, Some(because));
                for atom in gone {
                    this.drop_atoms(atom..atom + 1, because, &mut self.reports);
                }
                if over {
                    self.learned += 1;
                    self.make_due(block);
                }
            }
            Purpose::Write { ticket, .. } => {
                let Some(first) = self.writes.front_mut().filter(|first| first.ticket == ticket) else { return };
                if first.step == Step::Send && first.is_masked() {
                    // Whatever it dislikes about the masked write, the old way may please it.
                    first.without_mask();
                    self.no_mask[doing.unit] = true;
                    self.learned += 1;
                    return;
                }
                if first.step == Step::Send && first.is_combined() && code.0 == 1 {
                    first.apart();
                    self.write_read[doing.unit] = false;
                    return;
                }
                if first.step == Step::Send && doing.single_write && code.0 == 1 {
                    // It has no single write; the next attempt uses the multiple one, for good.
                    self.multiple_only[doing.unit] = true;
                    self.learned += 1;
                    return;
                }
                let why = match first.step {
                    Step::ReadBack => format!("written, but can't be read back: {code}"),
                    Step::Fetch | Step::Send => because.to_string(),
                };
                self.settle(Outcome::Refused(why));
            }
        }
    }

    pub(super) fn tell_atoms(&mut self, wall: Timestamp, block: usize, atoms: &[usize]) {
        let this = &self.blocks[block];
        // A point each, mostly, and the block's confirmation.
        self.reports.reserve(atoms.len() + 1);
        for point in atoms.iter().flat_map(|n| &this.atoms[*n].points).copied() {
            let spot = &self.config.points[point].read;
            // Also when it holds nothing that has a meaning: it can be given something then.
            self.known[point] = true;
            self.reports.push(match this.cells.value(usize::from(spot.start - this.start), spot) {
                Ok(value) => Report::Value { point, at: wall, value },
                Err(because) => Report::Fault { point, because },
            });
        }
    }
}

impl Block {
    pub(super) fn drop_values(&mut self, because: Fault, reports: &mut Vec<Report>) {
        self.drop_atoms(0..self.atoms.len(), because, reports);
    }

    pub(super) fn drop_atoms(&mut self, atoms: std::ops::Range<usize>, because: Fault, reports: &mut Vec<Report>) {
        for atom in &mut self.atoms[atoms] {
            atom.valid = false;
            reports.extend(atom.points.iter().map(|&point| Report::Fault { point, because }));
        }
    }
}
