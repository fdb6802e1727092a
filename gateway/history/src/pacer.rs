//! Keeps a tag's changes at most so often: the last one of each stretch. What came between is counted, never silent.

use std::time::Duration;

use tag::Timestamp;

use crate::entry::{Point, TagNo};

/// What is kept: none, one, or what was held back and one more.
pub(crate) type Passed = [Option<(Timestamp, Point)>; 2];

/// By tag: what was kept last, and what is held back.
#[derive(Debug)]
pub(crate) struct Pacer {
    every_us: u64,
    tags: Vec<Paced>,
    /// Changes that were not kept.
    pub(crate) thinned: u64,
}

#[derive(Debug, Clone, Default)]
struct Paced {
    /// A state: each change tells something, and there are few.
    is_exempt: bool,
    last: Timestamp,
    held: Option<(Timestamp, Point)>,
}

impl Pacer {
    /// Every change is kept.
    pub(crate) fn new(is_exempt: impl Iterator<Item = bool>) -> Self {
        let tags = is_exempt.map(|is_exempt| Paced { is_exempt, ..Paced::default() }).collect();
        Self { every_us: 0, tags, thinned: 0 }
    }

    /// From now on so often; zero: every change.
    pub(crate) fn set_every(&mut self, every: Duration) {
        self.every_us = u64::try_from(every.as_micros()).unwrap_or(u64::MAX);
    }

    /// A change. What to keep of it and of what was held back.
    pub(crate) fn pass(&mut self, tag: TagNo, at: Timestamp, point: Point) -> Passed {
        let paced = &mut self.tags[tag.0 as usize];
        let is_value = point.is_known();
        let late = at < paced.last || paced.held.as_ref().is_some_and(|(held, _)| at < *held);
        if paced.is_exempt || late {
            return [Some((at, point)), None];
        }
        if is_value && at.micros_since(paced.last) < self.every_us {
            self.thinned += u64::from(paced.held.is_some());
            paced.held = Some((at, point));
            return [None, None];
        }
        paced.last = at;
        let held = paced.held.take();
        if is_value && held.is_some() && self.every_us > 0 {
            // The newer one stands for it.
            self.thinned += 1;
            return [Some((at, point)), None];
        }
        [held, Some((at, point))]
    }

    /// What was held back long enough.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<(TagNo, Timestamp, Point)> {
        let every = self.every_us;
        self.release(|paced| now.micros_since(paced.last) >= every)
    }

    /// Everything that was held back.
    pub(crate) fn all(&mut self) -> Vec<(TagNo, Timestamp, Point)> {
        self.release(|_| true)
    }

    /// Times are kept elsewhere now.
    pub(crate) fn restamp(&mut self, place: &dyn Fn(TagNo, Timestamp) -> Timestamp) {
        for (no, paced) in (0..).map(TagNo).zip(&mut self.tags) {
            paced.last = place(no, paced.last);
            if let Some((at, _)) = &mut paced.held {
                *at = place(no, *at);
            }
        }
    }

    fn release(&mut self, is_due: impl Fn(&Paced) -> bool) -> Vec<(TagNo, Timestamp, Point)> {
        let due = |(no, paced): (TagNo, &mut Paced)| {
            let (at, point) = if is_due(paced) { paced.held.take()? } else { return None };
            paced.last = at;
            Some((no, at, point))
        };
        (0..).map(TagNo).zip(&mut self.tags).filter_map(due).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Cause, Number};

    fn value(n: i64) -> Point {
        Point::Value(Number::Int(n))
    }

    const GAP: Point = Point::Gap(Cause::NotRecorded);

    #[test]
    fn the_last_of_each_stretch_is_kept_and_a_gap_comes_after_what_was_held() {
        let mut pacer = Pacer::new([false, true].into_iter());
        let (tag, state) = (TagNo(0), TagNo(1));
        let at = |second: u64| Timestamp(second * 1_000_000);
        assert_eq!(pacer.pass(tag, at(100), value(1)), [None, Some((at(100), value(1)))]);
        pacer.set_every(Duration::from_secs(10));
        for (second, n) in [(101, 2), (102, 3), (103, 4)] {
            assert_eq!(pacer.pass(tag, at(second), value(n)), [None, None]);
        }
        assert_eq!(pacer.thinned, 2);
        assert_eq!(pacer.due(at(109)), []);
        assert_eq!(pacer.due(at(110)), [(tag, at(103), value(4))], "nothing came since: it is the truth");
        assert_eq!(pacer.pass(tag, at(111), value(5)), [None, None]);
        assert_eq!(pacer.pass(tag, at(112), GAP), [Some((at(111), value(5))), Some((at(112), GAP))]);
        assert_eq!(pacer.pass(tag, at(50), value(9)), [Some((at(50), value(9))), None], "late, as it is");
        assert_eq!(pacer.pass(state, at(112), value(1)), [Some((at(112), value(1))), None], "a state");
        assert_eq!(pacer.pass(tag, at(113), value(6)), [None, None]);
        pacer.set_every(Duration::ZERO);
        assert_eq!(pacer.all(), [(tag, at(113), value(6))]);
        assert_eq!((pacer.thinned, pacer.all()), (2, vec![]));
    }
}
