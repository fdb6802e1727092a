//! What the plant really held, and when: the other side of every claim.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Longer ago than any claim reaches.
const REMEMBERED: Duration = Duration::from_secs(60);

/// One tag's past: what it held since when, newest last.
#[derive(Debug, Default)]
struct Past(VecDeque<(Instant, Option<f64>)>);

/// The past of every tag, and what was asked to be written to it.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    tags: HashMap<usize, Past>,
    /// Per tag: values somebody asked to be written, and when.
    asked: HashMap<usize, VecDeque<(Instant, f64)>>,
}

impl Truth {
    /// From now on the tag holds this; `None`: nothing that means anything.
    pub(crate) fn holds(&mut self, tag: usize, now: Instant, value: Option<f64>) {
        let past = &mut self.tags.entry(tag).or_default().0;
        if past.back().is_some_and(|(_, last)| *last == value) {
            return;
        }
        past.push_back((now, value));
        // The one that held when memory begins is kept.
        while past.get(1).is_some_and(|(since, _)| now.duration_since(*since) > REMEMBERED) {
            past.pop_front();
        }
    }

    /// What it holds.
    pub(crate) fn now(&self, tag: usize) -> Option<f64> {
        self.tags.get(&tag)?.0.back()?.1
    }

    /// Did it hold this value at any instant from `from` to `to`?
    pub(crate) fn held(&self, tag: usize, value: f64, from: Instant, to: Instant) -> bool {
        let Some(Past(past)) = self.tags.get(&tag) else { return false };
        let mut until = None;
        for (since, held) in past.iter().rev() {
            let ended = until.is_some_and(|until| until < from);
            if ended {
                return false;
            }
            if *since <= to && *held == Some(value) {
                return true;
            }
            until = Some(*since);
        }
        false
    }

    /// The last few values of a tag, for a person who wants to know why.
    pub(crate) fn story(&self, tag: usize, start: Instant) -> String {
        let Some(Past(past)) = self.tags.get(&tag) else { return "nothing".into() };
        let last = past.iter().rev().take(6).rev();
        let word = |(since, value): &(Instant, Option<f64>)| {
            format!("{value:?} since {:.3}", since.duration_since(start).as_secs_f64())
        };
        last.map(word).collect::<Vec<_>>().join(", ")
    }

    /// Somebody wants this written.
    pub(crate) fn ask(&mut self, tag: usize, now: Instant, value: f64) {
        let asked = self.asked.entry(tag).or_default();
        asked.push_back((now, value));
        while asked.front().is_some_and(|(at, _)| now.duration_since(*at) > REMEMBERED) {
            asked.pop_front();
        }
    }

    /// Did somebody ask for this value since then?
    pub(crate) fn was_asked(&self, tag: usize, value: f64, since: Instant) -> bool {
        self.asked.get(&tag).is_some_and(|asked| asked.iter().any(|(at, wanted)| *at >= since && *wanted == value))
    }
}
