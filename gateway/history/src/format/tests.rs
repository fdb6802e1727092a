//! Every form there and back, exactly; and bytes that were changed are an error, never a panic.

use std::hash::{BuildHasher, Hasher};

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tag::{ExceptionCode, Fault, Timestamp, Value};

use super::chunk;
use super::log::{self, Line};
use super::rollup;
use super::texts::fitting;
use super::{Record, unseal};
use crate::bucket::{Bucket, Filler};
use crate::entry::{Cause, Number, Point, TIME_END};
use crate::text::{TEXT_BYTES_MAX, Text};

fn a_float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |x| x.is_finite()),
        (-100_000_i64..100_000, 0..7_i32).prop_map(|(n, places)| n as f64 / 10_f64.powi(places)),
        any::<f32>().prop_filter("finite", |x| x.is_finite()).prop_map(f64::from),
        Just(-0.0),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE / 2.0),
    ]
}

fn a_cause() -> impl Strategy<Value = Cause> {
    prop_oneof![
        Just(Cause::NotRecorded),
        Just(Cause::TooLong),
        Just(Cause::Fault(Fault::OwnerGone)),
        any::<u8>().prop_map(|code| Cause::Fault(Fault::Refused(ExceptionCode(code)))),
    ]
}

fn a_point() -> impl Strategy<Value = Point> {
    prop_oneof![
        4 => a_float().prop_map(|x| Point::Value(Number::Float(x))),
        4 => prop_oneof![any::<i64>(), -5..5_i64].prop_map(|n| Point::Value(Number::Int(n))),
        1 => a_cause().prop_map(Point::Gap),
    ]
}

/// Few of them, so that some come again, and some that share much; and any at all.
fn a_text() -> impl Strategy<Value = Text> {
    let value = prop_oneof![
        4 => "(on|off)?".prop_map(|text| Value::Text(text.into())),
        4 => (0..100_u8).prop_map(|n| Value::Json(format!(r#"{{"state": "läuft", "n": {n}}}"#).into())),
        1 => any::<String>().prop_map(|text| Value::Text(text.into())),
        1 => any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
        1 => any::<String>().prop_map(|text| Value::Json(text.into())),
    ];
    value.prop_map(|value| Text::of(&value).unwrap())
}

/// What a tag had that was of texts, and a while of numbers.
fn texts_and_others(most: usize) -> impl Strategy<Value = Vec<Record>> {
    let point = prop_oneof![6 => a_text().prop_map(Point::Text), 1 => a_point()];
    let record = (a_time(), point).prop_map(|(at, point)| Record { at, point });
    prop::collection::vec(record, 1..most)
}

fn a_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        (0..TIME_END.0).prop_map(Timestamp),
        (0..100_000_u64).prop_map(|second| Timestamp((1_700_000_000 + second) * 1_000_000)),
        Just(Timestamp(2_147_483_648_000_000)),
    ]
}

fn records(most: usize) -> impl Strategy<Value = Vec<Record>> {
    let record = (a_time(), a_point()).prop_map(|(at, point)| Record { at, point });
    prop::collection::vec(record, 1..most)
}

/// Bit for bit: -0.0 is not 0.0.
fn same(a: &[Record], b: &[Record]) -> bool {
    let bits = |record: &Record| match &record.point {
        Point::Value(Number::Float(x)) => (record.at, Some(x.to_bits()), None),
        point => (record.at, None, Some(format!("{point:?}"))),
    };
    a.iter().map(bits).eq(b.iter().map(bits))
}

proptest! {
    #[test]
    fn a_chunk_reads_as_it_was(mut records in records(200), tag in 0..5_i64) {
        records.sort_by_key(|record| record.at);
        records.dedup_by_key(|record| record.at);
        let bytes = chunk::encode(tag, &records);
        let back = chunk::decode(tag, records[0].at, &bytes).unwrap();
        prop_assert!(same(&back, &records), "{back:?}");
        prop_assert!(chunk::decode(tag + 1, records[0].at, &bytes).is_err(), "it is that tag's alone");
    }

    #[test]
    fn a_line_of_the_log_reads_as_it_was(tags in prop::collection::btree_map(0..9_i64, records(30), 0..5)) {
        let line: Line = tags;
        let back = log::decode(7, &log::encode(7, &line)).unwrap();
        prop_assert!(back.keys().eq(line.keys()));
        for (tag, records) in &line {
            prop_assert!(same(&back[tag], records));
        }
    }

    #[test]
    fn a_chunk_of_texts_reads_as_it_was(mut records in texts_and_others(200)) {
        records.sort_by_key(|record| record.at);
        records.dedup_by_key(|record| record.at);
        let back = chunk::decode(1, records[0].at, &chunk::encode(1, &records)).unwrap();
        prop_assert!(same(&back, &records), "{back:?}");
    }

    #[test]
    fn a_line_of_texts_reads_as_it_was(
        tags in prop::collection::btree_map(0..9_i64, prop_oneof![texts_and_others(30), records(30)], 0..5),
    ) {
        let back = log::decode(7, &log::encode(7, &tags)).unwrap();
        prop_assert!(back.keys().eq(tags.keys()));
        for (tag, records) in &tags {
            prop_assert!(same(&back[tag], records));
        }
    }

    #[test]
    fn a_block_of_buckets_reads_as_it_was(mut records in records(200)) {
        let minute = 60_000_000;
        for record in &mut records {
            // Minutes that are next to each other, and some records in each.
            record.at = Timestamp(record.at.0 % (100 * minute));
        }
        records.sort_by_key(|record| record.at);
        records.dedup_by_key(|record| record.at);
        let buckets = minutes(&records);
        let back = rollup::decode(3, Timestamp(0), &rollup::encode(3, Timestamp(0), &buckets)).unwrap();
        prop_assert_eq!(back, buckets);
    }

    /// A quarter out of minutes is the quarter out of the records, up to what a mean loses.
    #[test]
    fn smaller_buckets_add_up(mut records in records(100)) {
        let minute = 60_000_000;
        for record in &mut records {
            record.at = Timestamp(record.at.0 % (15 * minute));
            if let Point::Value(number) = record.point {
                record.point = Point::Value(Number::Int(number.as_i64() % 1000));
            }
        }
        records.sort_by_key(|record| record.at);
        records.dedup_by_key(|record| record.at);
        let (start, end) = (Timestamp(0), Timestamp(15 * minute));
        let mut of_records = Filler::new(start, end);
        records.iter().for_each(|record| of_records.push(record));
        let mut of_minutes = Filler::new(start, end);
        minutes(&records).iter().for_each(|bucket| of_minutes.push_bucket(bucket));
        let (of_records, of_minutes) = (of_records.finish().unwrap(), of_minutes.finish().unwrap());
        let without_mean = |bucket: Bucket| {
            let values = bucket.values.map(|values| (values.count, values.min, values.max, values.first, values.last));
            (bucket.first_at, bucket.last_at, bucket.good_us, bucket.gap_at, bucket.ends_good, values)
        };
        prop_assert_eq!(without_mean(of_records), without_mean(of_minutes));
        if let (Some(a), Some(b)) = (of_records.values, of_minutes.values) {
            prop_assert!((a.mean - b.mean).abs() <= 1e-3, "{} {}", a.mean, b.mean);
        }
    }
}

fn minutes(records: &[Record]) -> Vec<Bucket> {
    let minute = 60_000_000;
    let mut buckets = Vec::new();
    for group in records.chunk_by(|a, b| a.at.0 / minute == b.at.0 / minute) {
        let start = group[0].at.0 / minute * minute;
        let mut filler = Filler::new(Timestamp(start), Timestamp(start + minute));
        group.iter().for_each(|record| filler.push(record));
        buckets.extend(filler.finish());
    }
    buckets
}

#[test]
fn a_bucket_knows_how_long_it_was_good_and_what_the_mean_was() {
    let second = |n: u64| Timestamp(n * 1_000_000);
    let value = |at, n| Record { at: second(at), point: Point::Value(Number::Int(n)) };
    let gap = |at| Record { at: second(at), point: Point::Gap(Cause::NotRecorded) };
    let mut filler = Filler::new(second(0), second(60));
    for record in [value(10, 1), value(20, 4), gap(30), value(50, 1)] {
        filler.push(&record);
    }
    let bucket = filler.finish().unwrap();
    assert_eq!((bucket.good_us, bucket.gap_at, bucket.ends_good), (30_000_000, Some(second(30)), true));
    let values = bucket.values.unwrap();
    assert_eq!((values.count, values.min, values.max, values.first, values.last), (3, 1.0, 4.0, 1.0, 1.0));
    assert_eq!(values.mean, 2.0, "10 s of 1, 10 s of 4, 10 s of 1");
}

#[test]
fn the_mean_of_the_largest_numbers_is_one() {
    let value = |at, x| Record { at: Timestamp(at), point: Point::Value(Number::Float(x)) };
    let mut filler = Filler::new(Timestamp(0), Timestamp(90_000_000_000));
    for record in [value(0, f64::MAX), value(1, f64::MIN), value(2, f64::MAX)] {
        filler.push(&record);
    }
    let values = filler.finish().unwrap().values.unwrap();
    assert!(values.mean > 1e308 && values.mean <= f64::MAX, "{values:?}");
}

/// A state that changes each second takes a byte or two, a status of which a part changes little more than that part.
#[test]
fn texts_that_come_again_are_cheap() {
    let at = |i: u64| Timestamp(1_700_000_000_000_000 + i * 1_000_000);
    let text = |text: String| Point::Text(Text::of(&Value::Json(text.into())).unwrap());
    let size = |point: &dyn Fn(u64) -> Point| {
        let records: Vec<_> = (0..900).map(|i| Record { at: at(i), point: point(i) }).collect();
        let bytes = chunk::encode(1, &records);
        assert!(same(&chunk::decode(1, at(0), &bytes).unwrap(), &records));
        bytes.len()
    };
    let states = size(&|i| text(format!("\"a rather long name of the state {}\"", i % 7 * i % 3)));
    assert!(states < 900, "{states} bytes");
    let status =
        size(&|i| text(format!(r#"{{"station": "Forebay", "hours": {}, "alarms": [], "mode": "auto"}}"#, 71_000 + i)));
    assert!(status < 900 * 3, "{status} bytes");
}

/// As many records as have texts of two of the longest; a single one of the longest is a chunk as well.
#[test]
fn a_chunk_has_no_more_text_than_it_may() {
    let text = |i: u64, length| {
        let text = format!("{i}{}", "x".repeat(length - 1));
        Record { at: Timestamp(i), point: Point::Text(Text::of(&Value::Text(text.into())).unwrap()) }
    };
    let long: Vec<_> = (0..9).map(|i| text(i, TEXT_BYTES_MAX)).collect();
    assert_eq!(fitting(&long), 2);
    let again: Vec<_> = (0..900).map(|i| Record { at: Timestamp(i), ..text(i % 2, TEXT_BYTES_MAX) }).collect();
    assert_eq!(fitting(&again), 900, "what comes again takes no room");
    let bytes = chunk::encode(1, &again);
    assert!(same(&chunk::decode(1, again[0].at, &bytes).unwrap(), &again) && bytes.len() < 70 << 10);
    assert!(Text::of(&Value::Text("x".repeat(TEXT_BYTES_MAX + 1).into())).is_none());
}

/// Sound chunks, lines and blocks with bits changed, the checksum made right again: an error or other records, never a
/// panic, and never more memory than the bytes can stand for.
#[test]
fn rubbish_is_an_error() {
    let given = std::env::var("FOREBAY_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
    eprintln!("FOREBAY_SEED={seed}");
    let rounds = if std::env::var("FOREBAY_SOAK").is_ok_and(|long| long == "1") { 2_000_000 } else { 20_000 };
    let mut rng = StdRng::seed_from_u64(seed);
    let at = |i: usize| Timestamp(super::ANY_FROM.0 + i as u64 * 1_000_003);
    let point = |i: usize| match i % 17 {
        0 => Point::Gap(Cause::NotRecorded),
        3 => Point::Value(Number::Int(i as i64 * 7)),
        _ => Point::Value(Number::Float((i as f64 / 10.0).sin())),
    };
    let records: Vec<_> = (0..200).map(|i| Record { at: at(i), point: point(i) }).collect();
    let text = |i: usize| match i % 5 {
        0 => point(i),
        1 => Point::Text(Text::of(&Value::Bytes(vec![i as u8; i % 50].into())).unwrap()),
        _ => Point::Text(Text::of(&Value::Json(format!(r#"{{"state": "läuft", "n": {}}}"#, i / 3).into())).unwrap()),
    };
    let texts: Vec<_> = (0..200).map(|i| Record { at: at(i), point: text(i) }).collect();
    let whole = [
        chunk::encode(1, &records),
        log::encode(1, &Line::from([(1, records[..40].to_vec()), (9, records[40..].to_vec())])),
        rollup::encode(1, at(0), &minutes(&records)),
        chunk::encode(1, &texts),
        log::encode(1, &Line::from([(1, texts[..40].to_vec()), (9, texts[40..].to_vec())])),
    ];
    let timed = [1, at(0).0 as i64];
    let about = [timed, [1, 0], timed, timed, [1, 0]];
    let mut read = 0;
    for _ in 0..rounds {
        let which = rng.random_range(0..whole.len());
        let mut bytes = unseal(&whole[which], about[which]).unwrap().to_vec();
        for _ in 0..rng.random_range(1..4) {
            let place = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[place] = rng.random(),
                1 => bytes[place] ^= 1 << rng.random_range(0..8),
                2 => bytes.truncate(place.max(1)),
                _ => bytes.insert(place, rng.random()),
            }
        }
        read += u32::from(super::take_any(which as u8 % 3, &bytes));
    }
    eprintln!("{read} of {rounds} read");
    assert!(read > rounds / 100 && read < rounds, "{read} of {rounds}");
    for (whole, about) in whole.iter().zip(about) {
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x10;
            assert!(unseal(&bytes, about).is_err(), "a changed byte at {place} is seen");
        }
    }
}
