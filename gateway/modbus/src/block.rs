//! One block of a line: what its registers held last, and which part of it the device refuses to give.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use site::Table;
use tag::{Fault, Value};
use tokio_modbus::{Request, Response};

use crate::config::{LineBlock, LineConfig, Spot};

/// A search for the refused part of a block that found nothing readable is not repeated before this, doubling.
const SEARCH_WAIT_MIN: Duration = Duration::from_secs(30);
/// See [`SEARCH_WAIT_MIN`].
const SEARCH_WAIT_MAX: Duration = Duration::from_secs(600);

/// So often a block that is read in parts is tried as a whole again.
const WHOLE_AGAIN: Duration = Duration::from_secs(3600);

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

    fn same(&self, at: usize, other: &Self, other_at: usize, count: usize) -> bool {
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

/// The search for the refused part: halves that are still to be tried, and what came of the others.
#[derive(Debug)]
pub(crate) struct Search {
    todo: Vec<Range<usize>>,
    found: Vec<Run>,
    because: Fault,
    /// Then: readable neighbours that were only cut where the search happened to cut, and may be read as one.
    join: Option<Join>,
}

/// Readable neighbours are tried as one.
#[derive(Debug)]
struct Join {
    done: Vec<Run>,
    /// The next first.
    left: VecDeque<Run>,
}

impl Join {
    /// Takes over what has no neighbour to be tried with.
    fn advance(&mut self) {
        while let Some(next) = self.left.front() {
            let fits = |last: &Run| !last.refused && !next.refused && last.atoms.end == next.atoms.start;
            if self.done.last().is_some_and(fits) {
                return;
            }
            self.done.extend(self.left.pop_front());
        }
    }

    fn part(&self) -> Option<Range<usize>> {
        Some(self.done.last()?.atoms.start..self.left.front()?.atoms.end)
    }
}

impl Search {
    /// What is to be tried next.
    pub(crate) fn part(&self) -> Option<Range<usize>> {
        match &self.join {
            Some(join) => join.part(),
            None => self.todo.last().cloned(),
        }
    }
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
        let mut news = Vec::new();
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

    /// May a refusal be looked into now? If so, the search begins.
    pub(crate) fn begin_search(&mut self, now: Instant, atoms: Range<usize>, because: Fault) -> bool {
        // A part that was readable until now is looked into at once; what was refused before, now and then.
        let known = self.runs.iter().any(|run| run.atoms == atoms && run.refused);
        let early = known && self.search_at.is_some_and(|at| now < at);
        if atoms.len() < 2 || self.search.is_some() || early {
            return false;
        }
        let others = self.runs.iter().filter(|run| run.atoms != atoms).cloned().collect();
        let middle = atoms.start + atoms.len() / 2;
        let todo = vec![middle..atoms.end, atoms.start..middle];
        self.search = Some(Search { todo, found: others, because, join: None });
        true
    }

    /// One half was tried. Gives the atoms that are refused for good, and whether the search is over.
    pub(crate) fn search_step(&mut self, now: Instant, refused: Option<Fault>) -> (Vec<usize>, bool) {
        let Some(search) = &mut self.search else { return (Vec::new(), true) };
        if let Some(join) = &mut search.join {
            let Some(next) = join.left.pop_front() else { return (Vec::new(), true) };
            match (refused, join.done.last_mut()) {
                (None, Some(last)) => last.atoms.end = next.atoms.end,
                _ => join.done.push(next),
            }
            return (Vec::new(), self.joined(now));
        }
        let Some(part) = search.todo.pop() else { return (Vec::new(), true) };
        let mut gone = Vec::new();
        match refused {
            Some(_) if part.len() > 1 => {
                let middle = part.start + part.len() / 2;
                search.todo.push(middle..part.end);
                search.todo.push(part.start..middle);
            }
            Some(because) => {
                search.because = because;
                gone.push(part.start);
                search.found.push(Run { atoms: part, refused: true });
            }
            None => search.found.push(Run { atoms: part, refused: false }),
        }
        let over = search.todo.is_empty() && {
            let mut left: Vec<Run> = std::mem::take(&mut search.found);
            left.sort_by_key(|run| run.atoms.start);
            search.join = Some(Join { done: Vec::new(), left: left.into() });
            self.joined(now)
        };
        (gone, over)
    }

    /// On with the joining; true when there is nothing left to join, and the search is over.
    fn joined(&mut self, now: Instant) -> bool {
        let Some(join) = self.search.as_mut().and_then(|search| search.join.as_mut()) else { return true };
        join.advance();
        let over = join.part().is_none();
        if over {
            self.end_search(now);
        }
        over
    }

    /// Takes up what an earlier run of the daemon learned of this block.
    pub(crate) fn remember(&mut self, now: Instant, runs: &[(usize, usize, bool)]) {
        let mut at = 0;
        let fits = runs.iter().all(|(first, end, _)| *first == std::mem::replace(&mut at, *end) && first < end);
        if fits && at == self.atoms.len() && !self.driven {
            self.runs =
                runs.iter().map(|(first, end, refused)| Run { atoms: *first..*end, refused: *refused }).collect();
            self.search_at = Some(now + self.search_wait);
            self.whole_at = Some(now + WHOLE_AGAIN);
        }
    }

    /// What was learned, if it isn't read whole.
    pub(crate) fn learned(&self) -> Option<Vec<(usize, usize, bool)>> {
        let whole = matches!(&self.runs[..], [run] if !run.refused) || self.driven;
        let runs = || self.runs.iter().map(|run| (run.atoms.start, run.atoms.end, run.refused)).collect();
        (!whole).then(runs)
    }

    /// Now and then the whole block is tried again: a device may have learned too.
    pub(crate) fn try_whole(&mut self, now: Instant) {
        if self.search.is_none() && self.cursor == 0 && self.whole_at.is_some_and(|at| now >= at) {
            self.runs = vec![Run { atoms: 0..self.atoms.len(), refused: false }];
            self.search_at = None;
            self.whole_at = None;
        }
    }

    fn end_search(&mut self, now: Instant) {
        let Some(search) = self.search.take() else { return };
        let mut runs = search.join.map_or(search.found, |join| join.done);
        runs.sort_by_key(|run| run.atoms.start);
        // Refused neighbours are asked as one from now on: when they come back, they come back together.
        runs.dedup_by(|next, last| {
            let join = last.refused && next.refused && last.atoms.end == next.atoms.start;
            if join {
                last.atoms.end = next.atoms.end;
            }
            join
        });
        let any_refused = runs.iter().any(|run| run.refused);
        if any_refused {
            self.search_at = Some(now + self.search_wait);
            self.search_wait = (self.search_wait * 2).min(SEARCH_WAIT_MAX);
        }
        self.whole_at = (runs.len() > 1).then(|| now + WHOLE_AGAIN);
        self.runs = runs;
        self.cursor = 0;
    }

    /// Every part is readable and was so before: the next refusal is news again.
    pub(crate) fn settled(&mut self) {
        if self.runs.iter().all(|run| !run.refused) {
            self.search_at = None;
            self.search_wait = SEARCH_WAIT_MIN;
        }
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
