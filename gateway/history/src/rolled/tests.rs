//! Rows against a plain reckoning over every record: whatever comes in whatever form, both say the same.
#![allow(clippy::unwrap_used)]

use jiff::tz::TimeZone;

use super::counter::{Counts, Step};
use super::means::Means;
use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond() as u64)
}

fn auckland() -> Calendar {
    Calendar::new(TimeZone::posix("NZST-12NZDT,M9.5.0,M4.1.0/3").unwrap())
}

#[test]
fn a_step_of_a_counter() {
    let word = Some(65_536.0);
    let cases = [
        (10.0, 12.0, None, Step::By(2.0)),
        (10.0, 10.0, None, Step::By(0.0)),
        (65_530.0, 4.0, word, Step::Rollover(10.0)),
        (65_530.0, 4.0, None, Step::Reset(4.0)),
        (40_000.0, 4.0, word, Step::Rollover(25_540.0)),
        (30_000.0, 4.0, word, Step::Reset(4.0)),
        (30_000.0, 29_990.0, word, Step::By(-10.0)),
        (1000.2, 1000.1, None, Step::By(1000.1 - 1000.2)),
        (70_000.0, 10.0, word, Step::Reset(10.0)),
        (5.0, -3.0, word, Step::By(-8.0)),
        (-8.0, -3.0, None, Step::By(5.0)),
    ];
    for (from, to, rollover, want) in cases {
        assert_eq!(Step::between(from, to, rollover), want, "{from} to {to}, {rollover:?}");
    }
}

#[test]
fn days_of_23_and_25_hours_are_one_row_each() {
    let calendar = auckland();
    for (text, hours) in [("2025-09-27T20:00:00Z", 23), ("2025-04-05T20:00:00Z", 25), ("2025-07-01T03:00:00Z", 24)] {
        let (from, to) = calendar.bucket(Level::Day, at(text));
        // A day before and one after, so that both edges are seen.
        let span = Span { from: Timestamp(from.0 - 1), to: Timestamp(to.0 + 1) };
        let span = whole_rows(&calendar, Level::Day, span, 10).unwrap();
        let mut course = Course::new(&calendar, Level::Day, span, Means::default(), None);
        course.push(&Mark::Value(Timestamp(from.0 - 3_600_000_000), 4.0));
        course.push(&Mark::Value(to, 6.0));
        let rows = course.finish(span.to);
        assert_eq!(rows.len(), 3, "{text}");
        assert_eq!((rows[1].span, rows[1].good_us), (Span { from, to }, hours * 3_600_000_000), "{text}");
        let values = (rows[1].count, rows[1].min, rows[1].max, rows[1].mean, rows[1].first, rows[1].last);
        let four = Some(4.0);
        assert_eq!(values, (0, four, four, four, four, four), "what held counts and is no sample: {text}");
        assert_eq!((rows[0].good_us, rows[0].count), (3_600_000_000, 1), "{text}");
        assert_eq!((rows[2].first, rows[2].count), (Some(6.0), 1), "a value at midnight is the next day's: {text}");
    }
}

#[test]
fn what_holds_ends_now_and_a_gap_ends_it() {
    let calendar = Calendar::new(TimeZone::UTC);
    let minute = 60_000_000;
    let span = Span { from: Timestamp(0), to: Timestamp(3 * minute) };
    let course = Course::new(&calendar, Level::Minute, span, Means::default(), Some(2.0));
    let rows = course.finish(Timestamp(minute + 1000));
    assert_eq!(
        rows.iter().map(|row| row.good_us).collect::<Vec<_>>(),
        [minute, 1000, 0],
        "nothing is known of tomorrow"
    );
    let mut course = Course::new(&calendar, Level::Minute, span, Means::default(), Some(2.0));
    course.push(&Mark::Gap(Timestamp(minute)));
    course.push(&Mark::Value(Timestamp(2 * minute + 10), 8.0));
    course.push(&Mark::Gap(Timestamp(2 * minute + 10)));
    let rows = course.finish(span.to);
    assert_eq!(
        rows[1],
        Rolled { span: rows[1].span, count: 0, min: None, max: None, mean: None, first: None, last: None, good_us: 0 }
    );
    assert_eq!(
        (rows[2].mean, rows[2].good_us, rows[2].count),
        (Some(8.0), 0, 1),
        "held for no time: the samples' mean"
    );
}

#[test]
fn a_row_is_as_long_as_what_is_left() {
    // Of a thinned past only an hour is left: minutes can't be told from it.
    let calendar = Calendar::new(TimeZone::UTC);
    let hour = 3_600_000_000;
    let bucket = Bucket {
        start: Timestamp(hour),
        end: Timestamp(2 * hour),
        first_at: Timestamp(hour + 5),
        last_at: Timestamp(2 * hour - 5),
        values: Some(crate::bucket::Values { count: 9, min: 1.0, max: 3.0, first: 1.0, last: 2.0, mean: 2.0 }),
        good_us: hour - 5,
        gap_at: None,
        ends_good: true,
    };
    let span = Span { from: Timestamp(hour - 120_000_000), to: Timestamp(2 * hour + 60_000_000) };
    let mut course = Course::new(&calendar, Level::Minute, span, Means::default(), None);
    course.push(&Mark::Bucket(bucket));
    let rows = course.finish(span.to);
    let spans: Vec<_> = rows.iter().map(|row| (row.span.from.0, row.span.to.0 - row.span.from.0)).collect();
    let minute = 60_000_000;
    assert_eq!(spans, [(hour - 2 * minute, minute), (hour - minute, minute), (hour, hour), (2 * hour, minute)]);
    assert_eq!((rows[2].count, rows[2].good_us), (9, hour - 5));
    assert_eq!((rows[3].mean, rows[3].good_us), (Some(2.0), minute), "what held goes on");
}

#[test]
fn a_bucket_stands_for_a_counter_only_where_nothing_can_hide_in_it() {
    let bucket = |min, max, count| Bucket {
        start: Timestamp(0),
        end: Timestamp(60),
        first_at: Timestamp(0),
        last_at: Timestamp(50),
        values: Some(crate::bucket::Values { count, min, max, first: min, last: max, mean: min }),
        good_us: 60,
        gap_at: None,
        ends_good: true,
    };
    let counts = Counts::new(Some(65_536.0), None);
    let cases = [
        (bucket(100.0, 150.0, 9), true),
        (bucket(100.0, 200.0, 9), false),
        (bucket(0.0, 5.0, 9), false),
        (bucket(0.0, 0.0, 9), true),
        (bucket(5.0, 5.0, 1), true),
        (bucket(-9.0, -3.0, 9), true),
        (bucket(40_000.0, 65_000.0, 9), true),
        (bucket(60_000.0, 99_000.0, 9), false),
    ];
    for (bucket, want) in cases {
        assert_eq!(counts.takes(&bucket), want, "{bucket:?}");
    }
}

#[test]
fn a_span_has_no_more_rows_than_an_answer() {
    let calendar = auckland();
    let span = Span { from: Timestamp(0), to: at("2100-01-01T00:00:00Z") };
    assert!(whole_rows(&calendar, Level::Minute, span, 16_384).is_none());
    assert!(whole_rows(&calendar, Level::Day, span, 50_000).is_some());
}
