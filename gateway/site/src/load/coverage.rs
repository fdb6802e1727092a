//! Which registers the blocks of a connection cover.

use std::collections::HashMap;

use crate::{Address, Area, Table};

/// The blocks of one kind (`reads` or `writes`) of all connections, joined where they touch.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// First and one past the last, by connection, unit and table; sorted, apart from each other.
    spans: HashMap<(usize, u8, Table), Vec<(u32, u32)>>,
}

impl Coverage {
    /// Adds the blocks of a connection.
    pub(super) fn add(&mut self, rtu: usize, areas: &[Area]) {
        for area in areas {
            let span = (u32::from(area.start), u32::from(area.start) + area.count);
            self.spans.entry((rtu, area.unit, area.table)).or_default().push(span);
        }
    }

    /// Sorts and joins; before the first question.
    pub(super) fn ready(mut self) -> Self {
        for spans in self.spans.values_mut() {
            spans.sort_unstable();
            let mut joined: Vec<(u32, u32)> = Vec::new();
            for span in spans.drain(..) {
                match joined.last_mut() {
                    Some(last) if span.0 <= last.1 => last.1 = last.1.max(span.1),
                    _ => joined.push(span),
                }
            }
            *spans = joined;
        }
        self
    }

    /// Whether all words of an address lie in blocks.
    pub(super) fn holds(&self, address: &Address, words: u16) -> bool {
        let (start, end) = (u32::from(address.start), u32::from(address.start) + u32::from(words));
        let Some(spans) = self.spans.get(&(address.rtu, address.unit, address.table)) else { return false };
        let after = spans.partition_point(|span| span.0 <= start);
        after > 0 && end <= spans[after - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_touch_are_one() {
        let area = |start, count| Area { unit: 1, table: Table::HoldingRegisters, start, count };
        let mut coverage = Coverage::default();
        coverage.add(0, &[area(50, 50), area(0, 50), area(200, 1), area(210, 5), area(205, 20)]);
        let coverage = coverage.ready();
        let at = |start| Address { rtu: 0, unit: 1, table: Table::HoldingRegisters, start, bit: None };
        for (start, words, held) in [
            (0, 1, true),
            (49, 2, true),
            (99, 1, true),
            (99, 2, false),
            (200, 1, true),
            (201, 1, false),
            (221, 4, true),
            (224, 2, false),
        ] {
            assert_eq!(coverage.holds(&at(start), words), held, "{start}+{words}");
        }
        assert!(!coverage.holds(&Address { unit: 2, ..at(0) }, 1));
    }
}
