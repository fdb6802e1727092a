//! What is counted of each door, as tags: `sys.modbusserver.PANEL.requests`.

use link::{Group, Handle, Link};
use site::Door;
use tag::{Reading, Sample, TagName, Timestamp, Value};

/// What masters asked at a door, and what became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// All that was for us, broadcasts too.
    pub(super) requests: u64,
    /// Answered with one.
    pub(super) exceptions: u64,
    /// Writes to every unit of a serial line in which something of ours lay.
    pub(super) broadcasts: u64,
    /// Those of which not everything was carried out. Nobody hears of it in any other way.
    pub(super) broadcasts_failed: u64,
}

const NAMES: [&str; 4] = ["requests", "exceptions", "broadcasts", "broadcasts_failed"];

/// The figures of one door.
pub(super) struct Figures {
    pub(super) counts: Counts,
    told: Option<Counts>,
    /// None for a door whose name makes no tag's name.
    tags: Vec<Handle>,
}

impl Figures {
    pub(super) fn new(link: &mut Link, group: Group, door: &Door) -> Self {
        let names =
            NAMES.iter().filter_map(|what| TagName::parse(&format!("sys.modbusserver.{}.{what}", door.name)).ok());
        let tags = names.map(|name| link.own(&name, group)).collect();
        Self { counts: Counts::default(), told: None, tags }
    }

    /// Says what has changed.
    pub(super) fn tell(&mut self, link: &mut Link, at: Timestamp) {
        let told = self.told.replace(self.counts);
        for (n, tag) in self.tags.iter().enumerate() {
            let value = self.counts.all()[n];
            if told.is_none_or(|told| told.all()[n] != value) {
                let value = Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
                link.publish(*tag, Sample { at, reading: Reading::Good(value) });
            }
        }
    }
}

impl Counts {
    fn all(&self) -> [u64; NAMES.len()] {
        [self.requests, self.exceptions, self.broadcasts, self.broadcasts_failed]
    }
}
