//! One block of a line: what its registers held last, and which part of it the device refuses to give.

mod search;

use std::ops::Range;
use std::time::{Duration, Instant};

use site::Table;
use tokio_modbus::Request;

use crate::cells::{Cells, read_request, write_request};
use crate::config::{LineBlock, LineConfig};
use search::SEARCH_WAIT_MIN;
pub(crate) use search::Search;

/// Points that share registers: the smallest part of a block that can be read by itself.
#[derive(Debug)]
pub(crate) struct Atom {
    /// From the block's start.
    pub(crate) cells: Range<u16>,
    pub(crate) points: Vec<usize>,
    /// What was reported last is what `Block::cells` holds.
    pub(crate) valid: bool,
}

/// Neighbouring atoms that are read by one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) atoms: Range<usize>,
    pub(crate) refused: bool,
}

#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) unit: usize,
    pub(crate) table: Table,
    pub(crate) start: u16,
    pub(crate) count: u16,
    pub(crate) driven: bool,
    pub(crate) rate: Duration,
    /// When it is to be polled next.
    pub(crate) due_at: Instant,
    pub(crate) atoms: Vec<Atom>,
    /// What was read last (or, of a driven block, what is written).
    pub(crate) cells: Cells,
    pub(crate) runs: Vec<Run>,
    /// The next run of this poll.
    pub(crate) cursor: usize,
    /// When the first run of this poll was read.
    pub(crate) began: Option<Instant>,
    pub(crate) search: Option<Search>,
    search_at: Option<Instant>,
    search_wait: Duration,
    /// When the whole block is tried again that is read in parts.
    whole_at: Option<Instant>,
    /// A driven block: was it read back since the device came?
    pub(crate) primed: bool,
    /// Reads in a row without an answer, while the unit answers others.
    pub(crate) misses: u32,
    /// A block that doesn't answer is not asked before.
    pub(crate) not_before: Option<Instant>,
}

impl Block {
    pub(crate) fn new(block: &LineBlock, unit: usize, line: &LineConfig, now: Instant) -> Self {
        let mut atoms: Vec<Atom> = Vec::new();
        for &n in &block.points {
            let spot = &line.points[n].read;
            let start = spot.start - block.start;
            let cells = start..start + spot.count();
            match atoms.last_mut() {
                Some(last) if cells.start < last.cells.end => {
                    last.cells.end = last.cells.end.max(cells.end);
                    last.points.push(n);
                }
                _ => atoms.push(Atom { cells, points: vec![n], valid: false }),
            }
        }
        Self {
            unit,
            table: block.table,
            start: block.start,
            count: block.count,
            driven: block.driven,
            rate: block.rate,
            due_at: now,
            runs: vec![Run { atoms: 0..atoms.len(), refused: false }],
            atoms,
            cells: Cells::empty(block.table, block.count),
            cursor: 0,
            began: None,
            search: None,
            search_at: None,
            search_wait: SEARCH_WAIT_MIN,
            whole_at: None,
            primed: false,
            misses: 0,
            not_before: None,
        }
    }

    /// First address and count of these atoms.
    pub(crate) fn span(&self, atoms: &Range<usize>) -> (u16, u16) {
        // A driven block is read back and written whole, tags or not.
        if self.driven {
            return (self.start, self.count);
        }
        let (first, last) = (&self.atoms[atoms.start], &self.atoms[atoms.end - 1]);
        (self.start + first.cells.start, last.cells.end - first.cells.start)
    }

    pub(crate) fn request_for(&self, atoms: &Range<usize>) -> Request<'static> {
        let (start, count) = self.span(atoms);
        read_request(self.table, start, count)
    }

    /// The request of the next run of this poll, or of the area.
    pub(crate) fn next_request(&self) -> Request<'static> {
        match self.driven && self.primed {
            true => write_request(self.start, self.cells.clone()),
            false => self.request_for(&self.runs[self.cursor].atoms),
        }
    }

    /// Takes in what was read from the start of these atoms on; gives the atoms that are news.
    pub(crate) fn take(&mut self, atoms: &Range<usize>, read: &Cells) -> Vec<usize> {
        let first = self.span(atoms).0 - self.start;
        let mut news = Vec::with_capacity(atoms.len());
        for n in atoms.clone() {
            let atom = &mut self.atoms[n];
            let (at, count) = (usize::from(atom.cells.start), atom.cells.len());
            let same = self.cells.same(at, read, at - usize::from(first), count);
            if !(atom.valid && same) {
                atom.valid = true;
                news.push(n);
            }
        }
        self.cells.put(first.into(), read);
        news
    }

    /// The unit is gone: nothing that is known of it counts, for it may come back as another one.
    pub(crate) fn drop_all(&mut self) {
        self.runs = vec![Run { atoms: 0..self.atoms.len(), refused: false }];
        self.whole_at = None;
        self.search_at = None;
        self.search_wait = SEARCH_WAIT_MIN;
        self.atoms.iter_mut().for_each(|atom| atom.valid = false);
        self.search = None;
        self.cursor = 0;
        self.primed = false;
        self.misses = 0;
        self.not_before = None;
    }
}
