//! From samples to batches: gaps, heartbeats, what is refused.

use tag::{Kind, Reading, TagName, Value};

use super::*;
use crate::entry::Number;

const NOW: u64 = 1_700_000_000_000_000;

fn recorder(count: usize) -> Recorder {
    let name = |i| TagName::parse(&format!("t{i}")).unwrap();
    let tags: Vec<_> = (0..count).map(|i| TagDef::new(name(i), Kind::Int)).collect();
    Recorder::new(&tags, Timestamp(NOW))
}

fn good(at: u64, n: i64) -> Sample {
    Sample { at: Timestamp(at), reading: Reading::Good(Value::Int(n)) }
}

#[test]
fn a_lost_bus_is_one_record_and_each_tag_comes_back_with_its_value() {
    let mut recorder = recorder(3);
    for tag in 0..3 {
        recorder.on_sample(Timestamp(NOW + 1), TagNo(tag), &good(NOW, 7));
    }
    recorder.next_batch().unwrap();
    assert!(recorder.on_bus_lost(Timestamp(NOW + 10)));
    assert!(!recorder.on_bus_lost(Timestamp(NOW + 15)), "a bus that stays away is lost once");
    for tag in 0..3 {
        recorder.on_sample(Timestamp(NOW + 20), TagNo(tag), &good(NOW, 7));
    }
    let batch = recorder.next_batch().unwrap().entries;
    let cause = Cause::Fault(Fault::OwnerGone);
    assert_eq!(batch[0], Entry { whom: Whom::All, at: Timestamp(NOW + 10), point: Point::Gap(cause) });
    let back =
        |tag| Entry { whom: Whom::Tag(TagNo(tag)), at: Timestamp(NOW + 20), point: Point::Value(Number::Int(7)) };
    assert_eq!(batch[1..], [back(0), back(1), back(2)], "the same old sample, good again from now on");
}

#[test]
fn a_new_database_is_told_what_holds() {
    let mut recorder = recorder(3);
    let day = 86_400_000_000;
    recorder.on_sample(Timestamp(NOW), TagNo(0), &good(NOW, 7));
    recorder.on_sample(Timestamp(NOW), TagNo(1), &good(NOW + day, 8));
    while recorder.next_batch().is_some() {}
    recorder.restate(Timestamp(NOW + 5));
    let seven = Point::Value(Number::Int(7));
    let want = Entry { whom: Whom::Tag(TagNo(0)), at: Timestamp(NOW + 5), point: seven };
    assert_eq!(recorder.next_batch().unwrap().entries, [want], "neither a forecast nor what isn't known");
}

#[test]
fn a_tag_with_a_heartbeat_is_kept_again_as_long_as_it_is_good() {
    let def = |heartbeat| TagDef { heartbeat, ..TagDef::new(TagName::parse("t").unwrap(), Kind::Int) };
    let defs = [def(Some(Duration::from_secs(60))), def(None)];
    let mut recorder = Recorder::new(&defs, Timestamp(NOW));
    let second = |n: u64| Timestamp(NOW + n * 1_000_000);
    for tag in 0..2 {
        recorder.on_sample(second(0), TagNo(tag), &good(second(0).0, 7));
    }
    for n in 0..150 {
        recorder.on_tick(second(n));
    }
    let held = Sample { at: second(0), reading: Reading::Missing(Fault::Offline) };
    recorder.on_sample(second(150), TagNo(0), &held);
    for n in 150..400 {
        recorder.on_tick(second(n));
    }
    let kept: Vec<_> = recorder.next_batch().unwrap().entries.iter().map(|entry| (entry.whom, entry.at)).collect();
    let (beats, quiet) = (Whom::Tag(TagNo(0)), Whom::Tag(TagNo(1)));
    let want = [(beats, 0), (quiet, 0), (beats, 60), (beats, 120), (beats, 150)];
    assert_eq!(kept, want.map(|(whom, n)| (whom, second(n))));
}

#[test]
fn what_is_refused_is_counted() {
    let mut recorder = recorder(1);
    recorder.on_sample(Timestamp(NOW), TagNo(0), &good(TIME_END.0, 1));
    let nan = Sample { at: Timestamp(NOW), reading: Reading::Good(Value::Float(f64::NAN)) };
    recorder.on_sample(Timestamp(NOW), TagNo(0), &nan);
    assert_eq!(recorder.counts(), Counts { seen: 2, refused_times: 1, refused_values: 1, ..Counts::default() });
    assert_eq!(recorder.next_batch(), None, "nothing was known before, so there is no new gap");
}

#[test]
fn texts_that_are_too_long_are_counted_and_one_gap() {
    let def = TagDef::new(TagName::parse("t").unwrap(), Kind::Str);
    let mut recorder = Recorder::new(&[def], Timestamp(NOW));
    let text = |at, length| {
        let value = Value::from(&*"x".repeat(length));
        Sample { at: Timestamp(at), reading: Reading::Good(value) }
    };
    recorder.on_sample(Timestamp(NOW), TagNo(0), &text(NOW, TEXT_BYTES_MAX));
    for n in 1..4 {
        recorder.on_sample(Timestamp(NOW + n), TagNo(0), &text(NOW + n, TEXT_BYTES_MAX + 1));
    }
    assert_eq!(recorder.counts(), Counts { seen: 4, kept: 2, gaps: 1, refused_texts: 3, ..Counts::default() });
    let batch = recorder.next_batch().unwrap().entries;
    assert_eq!(batch[0].point.text_bytes(), TEXT_BYTES_MAX, "the longest is kept");
    assert_eq!(batch[1].point, Point::Gap(Cause::TooLong));
}
