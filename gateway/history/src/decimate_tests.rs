//! Properties and examples of the thinning.

use proptest::prelude::*;

use super::*;

fn span(from: u64, to: u64) -> Span {
    Span { from: Timestamp(from), to: Timestamp(to) }
}

fn thin(span: Span, columns: usize, records: &[(u64, Option<f64>)]) -> Series {
    let mut thinner = Thinner::new(span, columns);
    for (at, value) in records {
        thinner.push(Timestamp(*at), *value);
    }
    thinner.finish()
}

fn value(at: u64, min: f64, max: f64, last: f64) -> Column {
    Column { at: Timestamp(at), extent: Some(Extent { min, max, last }) }
}

fn gap(at: u64) -> Column {
    Column { at: Timestamp(at), extent: None }
}

#[test]
fn few_records_stay_as_they_are() {
    let records = [(5, Some(1.0)), (10, None), (20, Some(2.0))];
    let want = records.iter().map(|(at, value)| (Timestamp(*at), *value)).collect();
    assert_eq!(thin(span(10, 100), 3, &records), Series::Raw(want));
    assert_eq!(thin(span(10, 100), 3, &[]), Series::Raw(Vec::new()));
}

#[test]
fn gaps_without_news_are_left_out_and_times_rise() {
    let records = [(1, None), (5, Some(1.0)), (5, None), (9, None), (12, Some(2.0))];
    let want = vec![(Timestamp(5), Some(1.0)), (Timestamp(6), None), (Timestamp(12), Some(2.0))];
    assert_eq!(thin(span(0, 100), 9, &records), Series::Raw(want));
}

#[test]
fn a_column_tells_what_was_before_and_after_its_gaps() {
    let records = [
        (90, Some(4.0)),
        (100, Some(3.0)),
        (101, Some(9.0)),
        (102, Some(5.0)),
        (110, None),
        (111, Some(-1.0)),
        (112, None),
        (113, Some(2.0)),
        (115, None),
        (125, Some(6.0)),
        (129, None),
    ];
    let want = vec![
        value(90, 4.0, 4.0, 4.0),
        value(100, 3.0, 9.0, 5.0),
        gap(110),
        value(111, -1.0, 2.0, 2.0),
        gap(115),
        value(125, 6.0, 6.0, 6.0),
        gap(129),
    ];
    assert_eq!(thin(span(100, 130), 3, &records), Series::Decimated(want));
}

proptest! {
    /// Any records, any columns: bounded, times rise, and each column's minimum, maximum, last value and gap are there.
    #[test]
    fn keeps_every_extreme_and_gap(
        steps in prop::collection::vec((1_u64..50, prop::option::weighted(0.8, -100_i32..100)), 0..400),
        columns in 1_usize..40,
        from in 0_u64..500,
        length in 1_u64..6000,
    ) {
        let mut at = 0;
        let records: Vec<_> = steps.iter().map(|(step, value)| { at += step; (at, value.map(f64::from)) }).collect();
        let span = span(from, from + length);
        // What the store gives: the one record before the span, then those in it.
        let lead = records.iter().rfind(|(at, _)| *at < from);
        let inside = records.iter().filter(|(at, _)| (from..from + length).contains(at));
        let given: Vec<_> = lead.into_iter().chain(inside).copied().collect();
        let mut news = given.clone();
        news.dedup_by(|b, a| a.1.is_none() && b.1.is_none());
        if news.first().is_some_and(|(_, value)| value.is_none()) { news.remove(0); }

        match thin(span, columns, &given) {
            Series::Unknown => prop_assert!(false, "thinning knows no tags"),
            Series::Raw(raw) => {
                prop_assert!(raw.len() <= columns);
                let raw: Vec<_> = raw.into_iter().map(|(at, value)| (at.0, value)).collect();
                prop_assert_eq!(raw, news);
            }
            Series::Decimated(thinned) => {
                prop_assert!(news.len() > columns, "thinned without need");
                prop_assert!(thinned.len() <= 4 * columns + 1);
                prop_assert!(thinned.windows(2).all(|pair| pair[0].at < pair[1].at), "times rise");
                let column_of = |at: u64| slot(span, columns, Timestamp(at));
                let slots: std::collections::BTreeSet<_> = news.iter().map(|(at, _)| column_of(*at)).collect();
                for slot in slots {
                    let of_slot = |at: u64| column_of(at) == slot;
                    let values: Vec<_> = news.iter().filter(|(at, _)| of_slot(*at)).collect();
                    let got: Vec<_> = thinned.iter().filter(|column| of_slot(column.at.0)).collect();
                    let numbers = || values.iter().filter_map(|(_, value)| *value);
                    let extents = || got.iter().filter_map(|column| column.extent);
                    prop_assert_eq!(
                        numbers().fold(f64::INFINITY, f64::min),
                        extents().map(|e| e.min).fold(f64::INFINITY, f64::min)
                    );
                    prop_assert_eq!(
                        numbers().fold(f64::NEG_INFINITY, f64::max),
                        extents().map(|e| e.max).fold(f64::NEG_INFINITY, f64::max)
                    );
                    let has_gap = values.iter().any(|(_, value)| value.is_none());
                    prop_assert_eq!(has_gap, got.iter().any(|column| column.extent.is_none()), "gap of {:?}", slot);
                    let ends = got.last().and_then(|column| column.extent).map(|extent| extent.last);
                    prop_assert_eq!(values.last().and_then(|(_, value)| *value), ends, "the column's end");
                }
            }
        }
    }
}
