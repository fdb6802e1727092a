//! What a [`World`] has come to.

use std::time::Duration;

use forebay_modbus as modbus;
use modbus::{Say, Status, Ticket};
use tag::{Reading, Value};

use super::World;

impl World {
    pub(crate) fn reading(&self, tag: &str) -> &Reading {
        let n = self.names.iter().position(|known| known.as_str() == tag).unwrap();
        &self.reporter.last(n).reading
    }

    /// Good, and confirmed since then.
    pub(crate) fn is_good_since(&self, tag: &str, since: Duration) -> bool {
        let n = self.names.iter().position(|known| known.as_str() == tag).unwrap();
        let group = self.reporter.groups().iter().position(|group| group.tags.contains(&n)).unwrap();
        let fresh = self.confirmed[group].is_some_and(|at| at - self.start >= since);
        fresh && self.reporter.last(n).reading.good().is_some()
    }

    pub(crate) fn good(&self, tag: &str) -> Option<&Value> {
        self.reading(tag).good()
    }

    pub(crate) fn status(&self) -> Option<&Status> {
        self.said.iter().rev().find_map(|(_, say)| match say {
            Say::Status(_, status) => Some(status),
            _ => None,
        })
    }

    pub(crate) fn statuses(&self) -> usize {
        self.said.iter().filter(|(_, say)| matches!(say, Say::Status(..))).count()
    }

    pub(crate) fn outcomes(&self, ticket: Ticket) -> Vec<modbus::Outcome> {
        self.said
            .iter()
            .filter_map(|(_, say)| match say {
                Say::Settle(of, outcome) if *of == ticket => Some(outcome.clone()),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn learned(&self) -> modbus::Learned {
        self.master.learned()
    }

    pub(crate) fn counters(&self) -> modbus::Counters {
        self.master.counters()
    }
}
