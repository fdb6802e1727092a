//! The search for the part of a block that a device refuses to give, and what is remembered of it.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use tag::Fault;

use super::{Block, Run};

/// A search for the refused part of a block that found nothing readable is not repeated before this, doubling.
pub(super) const SEARCH_WAIT_MIN: Duration = Duration::from_secs(30);
/// See [`SEARCH_WAIT_MIN`].
const SEARCH_WAIT_MAX: Duration = Duration::from_secs(600);

/// So often a block that is read in parts is tried as a whole again.
const WHOLE_AGAIN: Duration = Duration::from_secs(3600);

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

impl Block {
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
}
