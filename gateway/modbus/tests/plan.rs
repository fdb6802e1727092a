//! Tags → the fewest reads.

#![allow(clippy::unwrap_used, reason = "a test")]

use forebay_modbus::{
    Block, READ_BITS_MAX, READ_WORDS_MAX, WRITE_BITS_MAX, WRITE_WORDS_MAX, Want, plan_areas, plan_reads,
};
use proptest::prelude::*;
use site::{Area, Table};

const TABLES: [Table; 4] = [Table::Coils, Table::DiscreteInputs, Table::InputRegisters, Table::HoldingRegisters];

fn want(start: u16, count: u16) -> Want {
    Want { unit: 1, table: Table::HoldingRegisters, start, count }
}

fn area(start: u16, count: u32) -> Area {
    Area { unit: 1, table: Table::HoldingRegisters, start, count }
}

fn spans(blocks: &[Block]) -> Vec<(u16, u16)> {
    blocks.iter().map(|block| (block.start, block.count)).collect()
}

#[test]
fn holes_are_bridged_when_that_is_cheaper() {
    let wants = [want(0, 2), want(12, 2), want(30, 1)];
    assert_eq!(spans(&plan_reads(&wants, &[], |_| 10, READ_WORDS_MAX)), [(0, 14), (30, 1)]);
    assert_eq!(spans(&plan_reads(&wants, &[], |_| 32, READ_WORDS_MAX)), [(0, 31)]);
    assert_eq!(spans(&plan_reads(&wants, &[], |_| 0, READ_WORDS_MAX)), [(0, 2), (12, 2), (30, 1)]);
}

#[test]
fn no_read_is_longer_than_the_protocol_allows_nor_cuts_a_value() {
    let wants: Vec<Want> = (0..100).map(|n| want(n * 4, 4)).collect();
    assert_eq!(spans(&plan_reads(&wants, &[], |_| 10, READ_WORDS_MAX)), [(0, 124), (124, 124), (248, 124), (372, 28)]);
    let last = [want(65532, 4)];
    assert_eq!(spans(&plan_reads(&last, &[area(65500, 36)], |_| 10, READ_WORDS_MAX)), [(65532, 4)]);
}

#[test]
fn declared_areas_are_bounds() {
    let areas = [area(0, 50), area(50, 50)];
    let wants = [want(1, 2), want(40, 2), want(49, 2), want(50, 1), want(98, 2)];
    // 49..51 lies in neither: it is read on its own.
    assert_eq!(spans(&plan_reads(&wants, &areas, |_| 64, READ_WORDS_MAX)), [(49, 2), (1, 41), (50, 50)]);
}

#[test]
fn an_area_is_written_whole_in_pieces_that_cut_no_value() {
    let wants = [want(121, 4), want(300, 2)];
    let (blocks, outside) = plan_areas(&wants, &[area(0, 200)]);
    assert_eq!(spans(&blocks), [(0, 121), (121, 79)]);
    assert_eq!(blocks[1].wants, [0]);
    assert_eq!(outside, [1]);
}

fn any_want() -> impl Strategy<Value = Want> {
    let start = prop_oneof![0..400u16, 0..=65532u16];
    (0..2u8, 0..4usize, start, prop_oneof![Just(1u16), Just(2), Just(4)]).prop_map(|(unit, table, start, count)| {
        let count = if TABLES[table] == Table::Coils || TABLES[table] == Table::DiscreteInputs { 1 } else { count };
        Want { unit, table: TABLES[table], start, count }
    })
}

fn any_area() -> impl Strategy<Value = Area> {
    (0..2u8, 0..4usize, 0..400u16, 1..300u32).prop_map(|(unit, table, start, count)| Area {
        unit,
        table: TABLES[table],
        start,
        count,
    })
}

fn end(block: &Block) -> u32 {
    u32::from(block.start) + u32::from(block.count)
}

fn serves(block: &Block, want: &Want) -> bool {
    let want_end = u32::from(want.start) + u32::from(want.count);
    block.unit == want.unit && block.table == want.table && block.start <= want.start && want_end <= end(block)
}

fn lies_in(area: &Area, start: u16, end: u32, unit: u8, table: Table) -> bool {
    area.unit == unit && area.table == table && area.start <= start && end <= u32::from(area.start) + area.count
}

proptest! {
    #[test]
    fn every_tag_is_read_once_within_the_limits(
        wants in proptest::collection::vec(any_want(), 0..80),
        areas in proptest::collection::vec(any_area(), 0..6),
        bridge in 0..64u32,
    ) {
        let blocks = plan_reads(&wants, &areas, |_| bridge, READ_WORDS_MAX);
        let mut served = vec![0; wants.len()];
        for block in &blocks {
            let bits = matches!(block.table, Table::Coils | Table::DiscreteInputs);
            let max = if bits { READ_BITS_MAX } else { READ_WORDS_MAX };
            prop_assert!(u32::from(block.count) <= max);
            prop_assert!(block.count > 0 && end(block) <= 0x1_0000);
            prop_assert!(!block.wants.is_empty());
            for &n in &block.wants {
                served[n] += 1;
                prop_assert!(serves(block, &wants[n]));
                // A tag that lies in a declared area is read within one.
                let want_end = u32::from(wants[n].start) + u32::from(wants[n].count);
                let declared = |start, end| areas.iter().any(|a| lies_in(a, start, end, block.unit, block.table));
                if declared(wants[n].start, want_end) {
                    prop_assert!(declared(block.start, end(block)), "{:?} leaves the areas", block);
                }
            }
            // Neither end is wasted.
            prop_assert!(block.wants.iter().any(|n| wants[*n].start == block.start));
            prop_assert!(block.wants.iter().any(|n| u32::from(wants[*n].start) + u32::from(wants[*n].count) == end(block)));
        }
        prop_assert!(served.iter().all(|n| *n == 1), "{:?}", served);
    }

    /// Tags that don't overlap are never read twice.
    #[test]
    fn blocks_overlap_only_where_tags_do(starts in proptest::collection::btree_set(0..500u16, 1..100), bridge in 0..40u32) {
        let wants: Vec<Want> = starts.iter().map(|n| want(n * 4, 4)).collect();
        let mut blocks = plan_reads(&wants, &[], |_| bridge, READ_WORDS_MAX);
        blocks.sort_by_key(|block| block.start);
        for pair in blocks.windows(2) {
            prop_assert!(end(&pair[0]) <= u32::from(pair[1].start), "{:?}", pair);
            // Two blocks that could have been one request are one.
            let near = u32::from(pair[1].start) <= end(&pair[0]) + bridge;
            let first_want = u32::from(pair[1].start) + 4 - u32::from(pair[0].start);
            prop_assert!(!near || first_want > READ_WORDS_MAX, "{:?}", pair);
        }
    }

    #[test]
    fn areas_are_covered_exactly(
        wants in proptest::collection::vec(any_want(), 0..60),
        spans in proptest::collection::vec((0..2u8, 0..400u16, 1..300u32), 0..4),
    ) {
        let areas: Vec<Area> =
            spans.iter().map(|(unit, start, count)| Area { unit: *unit, table: Table::HoldingRegisters, start: *start, count: *count }).collect();
        let (blocks, outside) = plan_areas(&wants, &areas);
        let total: u32 = blocks.iter().map(|block| u32::from(block.count)).sum();
        prop_assert_eq!(total, areas.iter().map(|area| area.count).sum::<u32>());
        let mut served = vec![0; wants.len()];
        for block in &blocks {
            prop_assert!(u32::from(block.count) <= WRITE_WORDS_MAX.min(WRITE_BITS_MAX));
            for &n in &block.wants {
                served[n] += 1;
                prop_assert!(serves(block, &wants[n]));
            }
        }
        outside.iter().for_each(|n| served[*n] += 1);
        prop_assert!(served.iter().all(|n| *n == 1), "{:?}", served);
    }
}
