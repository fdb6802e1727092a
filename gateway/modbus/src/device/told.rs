//! What is known of a connection and its units: counters, answer times, and what is worth remembering.

use super::Device;
use super::types::{Counters, Stats, UnitStats};
use crate::memory::{Learned, LearnedBlock, LearnedBridge, LearnedForms};

impl Device {
    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How the connection and each unit are.
    pub fn stats(&self) -> Stats {
        Stats { p50: self.timing.percentile(50), p95: self.timing.percentile(95), units: self.unit_stats() }
    }

    fn unit_stats(&self) -> Vec<UnitStats> {
        self.units
            .iter()
            .map(|unit| UnitStats {
                unit: unit.id,
                online: matches!(unit.health, crate::unit::Health::Online),
                timeouts: unit.counts.timeouts,
                exceptions: unit.counts.exceptions,
                bad: unit.counts.bad,
                crc: unit.counts.crc,
                busy: unit.counts.busy,
                p50: unit.timing.percentile(50),
                p95: unit.timing.percentile(95),
                in_vain: unit.counts.in_vain,
            })
            .collect()
    }

    /// A number that changes with what [`Device::learned`] says.
    pub fn learned_so_far(&self) -> u64 {
        self.learned
    }

    /// What was learned of the devices, to be remembered.
    pub fn learned(&self) -> Learned {
        let blocks = self.blocks.iter().filter_map(|block| {
            let (unit, table, start, count) = (self.units[block.unit].id, block.table, block.start, block.count);
            Some(LearnedBlock { unit, table, start, count, runs: block.learned()? })
        });
        let forms = self.units.iter().zip(self.no_mask.iter().zip(&self.multiple_only));
        let forms = forms.filter(|(_, (no_mask, multiple_only))| **no_mask || **multiple_only);
        let forms = forms.map(|(unit, (no_mask, multiple_only))| LearnedForms {
            unit: unit.id,
            no_mask: *no_mask,
            multiple_only: *multiple_only,
        });
        let bridges = self.units.iter();
        let bridges = bridges.filter_map(|unit| Some(LearnedBridge { unit: unit.id, words: unit.pace.bridge()? }));
        Learned { blocks: blocks.collect(), forms: forms.collect(), bridges: bridges.collect() }
    }
}
