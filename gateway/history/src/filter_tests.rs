//! Tables for the filter.

use tag::{Fault, TagName, Value};

use super::*;
use crate::text::{TEXT_BYTES_MAX, Text};

const START: u64 = 1_700_000_000_000_000;

fn def(kind: Kind) -> TagDef {
    TagDef::new(TagName::parse("t").unwrap(), kind)
}

/// A filter that has kept `first` just after its start.
fn after(def: &TagDef, first: Value) -> Filter {
    let mut filter = Filter::new(def, Timestamp(START));
    let kept = filter.on_sample(Timestamp(START), &good(START, first)).unwrap();
    assert_eq!(kept.iter().flatten().count(), 1, "the first value is kept");
    filter
}

fn good(at: u64, value: Value) -> Sample {
    Sample { at: Timestamp(at), reading: Reading::Good(value) }
}

fn held(at: u64, value: Value, because: Fault) -> Sample {
    Sample { at: Timestamp(at), reading: Reading::Held { last: value, because } }
}

/// Feeds values a second apart and says which numbers were kept.
fn kept(filter: &mut Filter, values: impl IntoIterator<Item = Value>) -> Vec<f64> {
    let mut numbers = Vec::new();
    for (i, value) in values.into_iter().enumerate() {
        let at = START + (i as u64 + 1) * 1_000_000;
        for (_, point) in filter.on_sample(Timestamp(at), &good(at, value)).unwrap().into_iter().flatten() {
            match point {
                Point::Value(number) => numbers.push(number.as_f64()),
                other => panic!("a good number became {other:?}"),
            }
        }
    }
    numbers
}

fn floats(values: &[f64]) -> Vec<Value> {
    values.iter().map(|x| Value::Float(*x)).collect()
}

#[test]
fn deadband_and_limits() {
    let limits = |deadband, min, max| TagDef { deadband, min, max, ..def(Kind::Float) };
    let none = limits(None, None, None);
    let band = limits(Some(1.0), None, None);
    let both = limits(Some(1.0), Some(0.0), Some(10.0));
    let cases: [(&str, &TagDef, &[f64], &[f64]); 9] = [
        ("without a deadband every change", &none, &[5.0, 5.1, 5.1, 5.0], &[5.1, 5.0]),
        ("a change of exactly the deadband counts", &band, &[5.5, 6.0, 6.9, 5.0], &[6.0, 5.0]),
        ("the deadband is measured from what was kept", &band, &[5.4, 5.8, 6.2], &[6.2]),
        ("the upper limit is reached inside the deadband", &both, &[9.5, 10.0], &[9.5, 10.0]),
        ("past a limit is the limit, once", &both, &[12.0, 11.0, 13.0], &[10.0]),
        ("the lower limit too", &both, &[0.5, 0.0, -3.0], &[0.5, 0.0]),
        ("a limit is left by a whole deadband", &both, &[10.0, 9.5, 9.0], &[10.0, 9.0]),
        ("a negative deadband is none", &limits(Some(-1.0), None, None), &[5.1], &[5.1]),
        ("limits that aren't numbers are none", &limits(None, Some(f64::NAN), None), &[-5.0], &[-5.0]),
    ];
    for (what, def, given, want) in cases {
        let mut filter = after(def, Value::Float(5.0));
        assert_eq!(kept(&mut filter, floats(given)), want, "{what}");
    }
}

#[test]
fn ints_are_exact_and_take_what_a_float_says() {
    let big = (1_i64 << 53) + 1;
    let mut filter = after(&def(Kind::Int), Value::Int(big - 1));
    let given = [Value::Int(big), Value::Int(big), Value::Float(3.9)];
    let mut numbers = Vec::new();
    for (i, value) in given.into_iter().enumerate() {
        let at = START + i as u64 + 1;
        numbers.extend(filter.on_sample(Timestamp(at), &good(at, value)).unwrap().into_iter().flatten());
    }
    let int = |at, n| (Timestamp(START + at), Point::Value(Number::Int(n)));
    assert_eq!(numbers, [int(1, big), int(3, 3)], "2^53 and 2^53 + 1 are the same float, not the same int");

    let states = TagDef { multi: Some(vec!["Off".into(), "On".into()]), ..def(Kind::Int) };
    let mut filter = after(&states, Value::Int(0));
    assert_eq!(kept(&mut filter, [Value::Int(1), Value::Int(7), Value::Int(-1)]), [1.0, 0.0], "states have limits");

    let odd = TagDef { min: Some(0.5), max: Some(2.5), ..def(Kind::Int) };
    let mut filter = after(&odd, Value::Int(2));
    assert_eq!(kept(&mut filter, [Value::Int(0), Value::Int(9)]), [1.0, 2.0], "an int's limit is inside");
}

#[test]
fn a_fault_is_one_gap_and_the_next_good_value_ends_it() {
    let mut filter = after(&TagDef { deadband: Some(10.0), ..def(Kind::Float) }, Value::Float(5.0));
    let at = |seconds: u64| Timestamp(START + seconds * 1_000_000);
    let faults = [Fault::TimedOut, Fault::TimedOut, Fault::Offline];
    let mut records = Vec::new();
    for (i, fault) in faults.into_iter().enumerate() {
        let sample = held(START, Value::Float(5.0), fault);
        records.extend(filter.on_sample(at(i as u64 + 1), &sample).unwrap().into_iter().flatten());
    }
    assert_eq!(records, [(at(1), Point::Gap(Cause::Fault(Fault::TimedOut)))], "at the time we learnt it");
    let back = filter.on_sample(at(9), &good(at(8).0, Value::Float(5.0))).unwrap();
    assert_eq!(back, [Some((at(8), Point::Value(Number::Float(5.0)))), None], "kept although it didn't change");
    assert_eq!(filter.on_sample(at(10), &good(at(10).0, Value::Float(6.0))), Ok(NOTHING), "the deadband holds again");
}

#[test]
fn a_value_from_before_the_gap_is_good_again_from_now_on() {
    let mut filter = after(&def(Kind::Float), Value::Float(5.0));
    let at = |seconds: u64| Timestamp(START + seconds * 1_000_000);
    filter.on_all_lost(at(5));
    let five = Point::Value(Number::Float(5.0));
    let again = filter.on_sample(at(9), &good(START, Value::Float(5.0))).unwrap();
    assert_eq!(again, [None, Some((at(9), five))], "the repeated sample is there already");
    filter.on_all_lost(at(20));
    let other = filter.on_sample(at(30), &good(at(15).0, Value::Float(6.0))).unwrap();
    let six = Point::Value(Number::Float(6.0));
    assert_eq!(
        other,
        [Some((at(15), six.clone())), Some((at(30), six))],
        "a change we had missed is kept at its own time"
    );
}

#[test]
fn a_source_whose_clock_is_behind_ends_with_its_last_value() {
    let mut filter = after(&def(Kind::Float), Value::Float(5.0));
    let at = |seconds: u64| Timestamp(START + seconds * 1_000_000);
    filter.on_all_lost(at(20));
    let mut records = std::collections::BTreeMap::new();
    // Each sample comes ten seconds late; the bus is back at 22.
    for (given, x) in [(12, 6.0), (13, 6.0), (14, 7.0), (15, 7.0), (16, 5.0), (30, 5.0), (31, 8.0)] {
        let sample = good(at(given).0, Value::Float(x));
        for (when, point) in filter.on_sample(at(given + 10), &sample).unwrap().into_iter().flatten() {
            records.insert((when.0 - START) / 1_000_000, point);
        }
    }
    let value = |x| Point::Value(Number::Float(x));
    let present: Vec<_> = records.range(20..).map(|(at, point)| (*at, point.clone())).collect();
    assert_eq!(present, [(22, value(6.0)), (24, value(7.0)), (26, value(5.0)), (31, value(8.0))]);
    assert_eq!(records.range(..20).count(), 5, "and all of them at their own time");
}

#[test]
fn lost_samples_are_a_gap_from_the_last_one_seen() {
    let mut filter = after(&TagDef { deadband: Some(10.0), ..def(Kind::Float) }, Value::Float(5.0));
    let at = |seconds: u64| Timestamp(START + seconds * 1_000_000);
    assert_eq!(filter.on_sample(at(2), &good(at(2).0, Value::Float(5.5))), Ok(NOTHING));
    let gap = filter.on_lost(at(4)).unwrap();
    assert_eq!(gap, (Timestamp(at(2).0 + 1), Point::Gap(Cause::NotRecorded)));
    assert_eq!(filter.on_lost(at(5)), None, "once");
}

#[test]
fn a_source_with_its_own_clock_may_correct_itself() {
    let mut filter = after(&def(Kind::Float), Value::Float(5.0));
    let hour = 3_600_000_000;
    let mut give = |at: u64, x: f64| {
        let kept = filter.on_sample(Timestamp(START + 1), &good(START + at, Value::Float(x))).unwrap();
        kept.into_iter().flatten().map(|(at, _)| at.0 - START).collect::<Vec<_>>()
    };
    assert_eq!(give(hour, 6.0), [hour]);
    assert_eq!(give(2 * hour, 7.0), [2 * hour]);
    assert_eq!(give(hour, 7.0), [hour], "earlier than the latest: kept as it is");
    assert_eq!(give(2 * hour, 6.5), [2 * hour], "the same time, another value: kept, the last one wins");
    assert_eq!(give(2 * hour, 6.5), [0; 0], "the very same again");
    assert_eq!(give(3 * hour, 6.5), [0; 0], "newer and unchanged");
}

#[test]
fn a_gap_follows_the_last_value_unless_that_is_a_forecast() {
    let fault = Fault::Offline;
    for (ahead, want) in [(0, 1), (500, 501), (3_600_000_000, 0)] {
        let mut filter = after(&def(Kind::Float), Value::Float(5.0));
        let now = START + 1_000_000;
        filter.on_sample(Timestamp(now), &good(now + ahead, Value::Float(6.0))).unwrap();
        let kept = filter.on_sample(Timestamp(now), &held(now + ahead, Value::Float(6.0), fault)).unwrap();
        assert_eq!(kept[0], Some((Timestamp(now + want), Point::Gap(Cause::Fault(fault)))), "{ahead} µs ahead");
    }
}

#[test]
fn what_is_no_number_or_no_time_is_refused() {
    let mut filter = after(&def(Kind::Float), Value::Float(5.0));
    let now = Timestamp(START + 1);
    assert_eq!(filter.on_sample(now, &good(u64::MAX, Value::Float(1.0))), Err(Refusal::Time));
    let out = Cause::Fault(Fault::OutOfRange);
    let gap = [Some((now, Point::Gap(out))), None];
    assert_eq!(filter.on_sample(now, &good(now.0, Value::Float(f64::NAN))), Err(Refusal::Value(out, gap)));
    for value in [Value::Float(f64::INFINITY), Value::from("12"), Value::Json("12".into())] {
        assert_eq!(filter.on_sample(now, &good(now.0, value)), Err(Refusal::Value(out, NOTHING)), "one gap is enough");
    }
}

#[test]
fn a_text_is_kept_when_it_changes_and_one_too_long_is_a_gap() {
    let mut filter = after(&def(Kind::Dict), Value::Json("{\"a\": 1}".into()));
    let json = |text: &str| Value::Json(text.into());
    let text = |value: &Value| Point::Text(Text::of(value).unwrap());
    let at = |seconds: u64| Timestamp(START + seconds * 1_000_000);
    let mut say = |s: u64, value: &Value| filter.on_sample(at(s), &good(at(s).0, value.clone()));
    assert_eq!(say(1, &json("{\"a\": 1}")), Ok(NOTHING));
    let other = json("{\"a\":1}");
    assert_eq!(say(2, &other), Ok([Some((at(2), text(&other))), None]), "a space less is another text");
    let word = Value::from("{\"a\":1}");
    assert_eq!(say(3, &word), Ok([Some((at(3), text(&word))), None]), "and so is a text that isn't JSON");
    let long = Value::from(&*"x".repeat(TEXT_BYTES_MAX + 1));
    let gap = [Some((at(4), Point::Gap(Cause::TooLong))), None];
    assert_eq!(say(4, &long), Err(Refusal::Value(Cause::TooLong, gap)));
    assert_eq!(say(5, &long), Err(Refusal::Value(Cause::TooLong, NOTHING)), "one gap is enough");
    assert_eq!(say(6, &word), Ok([Some((at(6), text(&word))), None]), "the same text ends it");
    assert_eq!(say(7, &Value::Int(5)), Ok([Some((at(7), Point::Value(Number::Int(5)))), None]), "as it came");
    let nan = Cause::Fault(Fault::OutOfRange);
    assert!(matches!(say(8, &Value::Float(f64::NAN)), Err(Refusal::Value(cause, _)) if cause == nan));
    assert_eq!(filter.present(at(9)), None);
}
