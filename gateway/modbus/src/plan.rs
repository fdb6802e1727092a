//! Which reads fetch all tags of a line: the fewest that respect the protocol's limits and the site's own blocks.

use std::time::Duration;

use site::{Area, Table};

/// Registers one request may read (Modbus Application Protocol, 6.3).
pub const READ_WORDS_MAX: u32 = 125;
/// Bits one request may read.
pub const READ_BITS_MAX: u32 = 2000;
/// Registers one request may write.
pub const WRITE_WORDS_MAX: u32 = 123;
/// Bits one request may write.
pub const WRITE_BITS_MAX: u32 = 1968;

/// Until it is measured (see `pace`): a hole of this many registers costs less over a network than a second request, or
/// little more. With a PLC on the same switch any hole would; behind a gateway at 9600 baud a dozen registers cost as much
/// as a request.
pub const TCP_BRIDGE_WORDS: u32 = 32;
/// What a quick device needs before it answers; slower ones make a second request dearer still.
const TURNAROUND: Duration = Duration::from_millis(2);

/// The longest hole that is read over on a serial line with such characters: a second request costs 8 characters out,
/// 5 around its answer, two silences and the device's turn; a register of a hole costs two characters.
pub fn rtu_bridge_words(char_time: Duration) -> u32 {
    let second = char_time * 13 + crate::silence::gap_of(char_time) * 2 + TURNAROUND;
    u32::try_from(second.as_nanos() / (char_time * 2).as_nanos().max(1)).unwrap_or(u32::MAX).min(READ_WORDS_MAX)
}

/// Registers or bits a tag needs, which are never split over two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// Unit id.
    pub unit: u8,
    /// Which table.
    pub table: Table,
    /// First address.
    pub start: u16,
    /// How many; at least 1, and they end within the table.
    pub count: u16,
}

/// A run of addresses that one request reads or writes, and which wants (by index) it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Unit id.
    pub unit: u8,
    /// Which table.
    pub table: Table,
    /// First address.
    pub start: u16,
    /// How many.
    pub count: u16,
    /// Ascending by address.
    pub wants: Vec<usize>,
}

impl Want {
    fn end(&self) -> u32 {
        u32::from(self.start) + u32::from(self.count)
    }
}

/// Is it a table of bits?
pub(crate) fn is_bits(table: Table) -> bool {
    matches!(table, Table::Coils | Table::DiscreteInputs)
}

/// Does the span lie within the area?
pub(crate) fn holds(area: &Area, want: &Want) -> bool {
    let end = u32::from(area.start) + area.count;
    area.unit == want.unit && area.table == want.table && area.start <= want.start && want.end() <= end
}

/// The reads for these wants. A declared area is a bound: what lies in one is never read together with what doesn't,
/// nor are two areas read as one, for the site may have its reasons. What lies in none is read on its own terms.
/// `bridge_words` says how long a hole is worth reading over, for each unit; `max_words` is what the device takes.
pub fn plan_reads(wants: &[Want], areas: &[Area], bridge_words: impl Fn(u8) -> u32, max_words: u32) -> Vec<Block> {
    let mut order: Vec<(u8, Table, Option<usize>, u16, u16, usize)> = wants
        .iter()
        .enumerate()
        .map(|(n, want)| {
            assert!(want.count > 0 && want.end() <= 0x1_0000, "config checked the addresses");
            (want.unit, want.table, areas.iter().position(|area| holds(area, want)), want.start, want.count, n)
        })
        .collect();
    order.sort_unstable();
    let mut blocks: Vec<(Option<usize>, Block)> = Vec::new();
    for (unit, table, area, start, count, n) in order {
        let (max, bridge) = match is_bits(table) {
            true => (READ_BITS_MAX, bridge_words(unit) * 16),
            false => (READ_WORDS_MAX.min(max_words), bridge_words(unit)),
        };
        let end = u32::from(start) + u32::from(count);
        if let Some((last_area, block)) = blocks.last_mut() {
            let first = u32::from(block.start);
            let block_end = first + u32::from(block.count);
            let same = block.unit == unit && block.table == table && *last_area == area;
            let near = u32::from(start) <= block_end + bridge;
            if same && near && end.max(block_end) - first <= max {
                block.count = u16::try_from(end.max(block_end) - first).expect("within the limits of a read");
                block.wants.push(n);
                continue;
            }
        }
        blocks.push((area, Block { unit, table, start, count, wants: vec![n] }));
    }
    blocks.into_iter().map(|(_, block)| block).collect()
}

/// The writes that cover whole areas, cut to what one request may write, never through a tag. Wants outside every area
/// are `None`'s business: the second part of the answer.
pub fn plan_areas(wants: &[Want], areas: &[Area]) -> (Vec<Block>, Vec<usize>) {
    let mut blocks = Vec::new();
    let mut outside: Vec<usize> = (0..wants.len()).collect();
    for area in areas {
        let mut inside: Vec<usize> = outside.iter().copied().filter(|n| holds(area, &wants[*n])).collect();
        outside.retain(|n| !inside.contains(n));
        inside.sort_by_key(|n| (wants[*n].start, wants[*n].count));
        let max = if is_bits(area.table) { WRITE_BITS_MAX } else { WRITE_WORDS_MAX };
        let area_end = u32::from(area.start) + area.count;
        let mut start = u32::from(area.start);
        while start < area_end {
            let mut end = (start + max).min(area_end);
            // A want that would be cut goes to the next piece, whole.
            while let Some(cut) = inside.iter().map(|n| &wants[*n]).find(|w| u32::from(w.start) < end && w.end() > end)
            {
                end = u32::from(cut.start);
            }
            // Overlapping wants longer than a request can't be told apart; no type is that long, but chains may be.
            let end = if end <= start { (start + max).min(area_end) } else { end };
            let here = |n: &usize| u32::from(wants[*n].start) >= start && wants[*n].end() <= end;
            blocks.push(Block {
                unit: area.unit,
                table: area.table,
                start: u16::try_from(start).expect("areas end within the table"),
                count: u16::try_from(end - start).expect("within the limits of a write"),
                wants: inside.iter().copied().filter(here).collect(),
            });
            start = end;
        }
    }
    // A chain cut after all would leave a want in no block: it gets one of its own.
    let served: Vec<usize> = blocks.iter().flat_map(|block: &Block| block.wants.iter().copied()).collect();
    outside = (0..wants.len()).filter(|n| !served.contains(n)).collect();
    (blocks, outside)
}
