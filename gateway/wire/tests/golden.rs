//! The frames of protocol 2 as bytes that no release may change: `golden.txt` holds each with its name.
//!
//! A module of the last release must still be understood. A new frame adds a line (`FOREBAY_BLESS=1` writes the file);
//! a changed line is a new revision.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fmt::Write;

use forebay_wire::Outcome;
use forebay_wire::p2::{
    self, FromBus, GAP, Listed, Open, Opened, REVISION, Record, Refusal, Role, ToBus, begin_readings,
};
use tag::{Uptime, Value};

const RECORDS: [Record<'static>; 4] = [
    Record {
        id: 5,
        time_us: 1_700_000_000_000_000,
        quality: 0,
        detail: 0,
        payload: b"\x02\x40\x5e\xdc\xcc\xcc\xcc\xcc\xcd",
    },
    Record { id: 6, time_us: 1_700_000_000_000_000, quality: 3, detail: 0, payload: b"\x01\0\0\0\0\0\0\0\x07" },
    Record { id: 7, time_us: 0, quality: 1, detail: 0, payload: b"" },
    Record { id: 8, time_us: 9, quality: GAP, detail: 0, payload: b"" },
];

/// Five seconds after a machine's second hour began.
const DEADLINE: Uptime = Uptime(3_605_000_000);

fn batch(towards_bus: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let batch = begin_readings(&mut out, towards_bus);
    RECORDS.iter().for_each(|record| record.put(&mut out));
    batch.close(&mut out);
    out
}

fn to_bus(frame: &ToBus<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    frame.put(&mut out);
    out
}

fn from_bus(frame: &FromBus<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    frame.put(&mut out);
    out
}

fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let opens = [
        Open { handle: 0, role: Role::Refer, name: b"a" },
        Open { handle: 1, role: Role::WatchLatest(0), name: b"level" },
        Open { handle: 2, role: Role::WatchEvery(2500), name: b"flow" },
        Open { handle: 3, role: Role::Own(4), name: b"IntSet" },
    ];
    let mut open = Vec::new();
    Open::put_all(opens, &mut open);
    let (text, int) = (b"\x03ok", b"\x01\0\0\0\0\0\0\0\x07");
    let refused = Outcome::Refused("over max 10.0".into());
    vec![
        ("hello", to_bus(&ToBus::Hello { revision: REVISION, module: "modbusclient" })),
        ("open", open),
        ("group", to_bus(&ToBus::Group { group: 4, limit_ms: 3000 })),
        ("publish", batch(true)),
        ("confirm", to_bus(&ToBus::Confirm(4))),
        ("unwatch", to_bus(&ToBus::Unwatch(5))),
        ("write", to_bus(&ToBus::Write { seq: 9, id: 5, deadline: DEADLINE, who: "www 192.0.2.7", payload: int })),
        ("settle refused", to_bus(&ToBus::Settle { request: 3, outcome: refused.clone() })),
        ("settle mismatch", to_bus(&ToBus::Settle { request: 3, outcome: Outcome::Mismatch(Value::Int(7)) })),
        ("ask", to_bus(&ToBus::Ask { seq: 2, id: 8, payload: b"\x05{}" })),
        ("answer, a piece", to_bus(&ToBus::Answer { request: 1, more: true, last: false, piece: text })),
        ("answer, the end", to_bus(&ToBus::Answer { request: 1, more: false, last: true, piece: text })),
        ("list", to_bus(&ToBus::List(b"^sys."))),
        ("welcome", from_bus(&FromBus::Welcome { revision: REVISION, epoch: 0x0102_0304_0506_0708 })),
        (
            "opened",
            from_bus(&FromBus::Opened(vec![
                Opened { handle: 1, id: 5, refusal: None },
                Opened { handle: 2, id: 6, refusal: Some(Refusal::Owned) },
                Opened { handle: 3, id: 0, refusal: Some(Refusal::Full) },
                Opened { handle: 4, id: 0, refusal: Some(Refusal::BadName) },
                Opened { handle: 5, id: 7, refusal: Some(Refusal::NotAllowed) },
            ])),
        ),
        ("readings", batch(false)),
        (
            "write request",
            from_bus(&FromBus::WriteRequest { request: 3, id: 5, deadline: DEADLINE, who: "somebody", payload: int }),
        ),
        ("outcome stored", from_bus(&FromBus::Outcome { seq: 9, outcome: Outcome::Stored })),
        ("outcome sent", from_bus(&FromBus::Outcome { seq: 9, outcome: Outcome::Sent })),
        ("outcome confirmed", from_bus(&FromBus::Outcome { seq: 9, outcome: Outcome::Confirmed })),
        ("outcome refused", from_bus(&FromBus::Outcome { seq: 9, outcome: refused })),
        ("outcome expired", from_bus(&FromBus::Outcome { seq: 9, outcome: Outcome::Expired })),
        ("question", from_bus(&FromBus::Question { request: 1, id: 8, protocol: 1, payload: b"\x05{}" })),
        ("answer to the asker", from_bus(&FromBus::Answer { seq: 2, more: false, last: true, piece: text })),
        ("ask failed", from_bus(&FromBus::AskFailed { seq: 2, why: "no answer in time" })),
        ("alive", from_bus(&FromBus::Alive)),
        (
            "listed",
            from_bus(&FromBus::Listed { last: true, lines: vec![Listed { id: 5, owner: "history", name: b"x" }] }),
        ),
    ]
}

#[test]
fn frames_are_the_bytes_they_always_were() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden.txt");
    let mut text = String::new();
    for (name, bytes) in frames() {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "{name}: {hex}").unwrap();
    }
    if std::env::var_os("FOREBAY_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path).unwrap());
}

#[test]
fn every_frame_says_the_same_after_a_round_trip() {
    for (name, bytes) in frames() {
        let frame = p2::split(&bytes).unwrap().unwrap();
        assert_eq!(frame.bytes, bytes.len(), "{name}");
        let again = if frame.kind < 0x80 {
            match ToBus::parse(frame.kind, frame.fields).unwrap() {
                ToBus::Publish(records) => {
                    assert!(records.map(Result::unwrap).eq(RECORDS));
                    continue;
                }
                parsed => to_bus(&parsed),
            }
        } else {
            match FromBus::parse(frame.kind, frame.fields).unwrap() {
                FromBus::Readings(records) => {
                    assert!(records.map(Result::unwrap).eq(RECORDS));
                    continue;
                }
                parsed => from_bus(&parsed),
            }
        };
        assert_eq!(again, bytes, "{name}");
        // Cut anywhere, it is either not there yet or refused; never half understood.
        for end in 0..bytes.len() {
            assert_eq!(p2::split(&bytes[..end]), Ok(None), "{name} cut at {end}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn rubbish_is_refused_and_never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        if let Ok(Some(frame)) = p2::split(&bytes) {
            let _ = ToBus::parse(frame.kind, frame.fields).map(consume);
            let _ = FromBus::parse(frame.kind, frame.fields);
        }
        if let Some((kind, fields)) = bytes.split_first() {
            let _ = ToBus::parse(*kind & 0x0f, fields).map(consume);
            let _ = FromBus::parse(0x80 | (*kind & 0x0f), fields);
        }
    }
}

fn consume(frame: ToBus<'_>) {
    match frame {
        ToBus::Open(opens) => drop(opens.collect::<Result<Vec<_>, _>>()),
        ToBus::Publish(records) => drop(records.collect::<Result<Vec<_>, _>>()),
        _ => {}
    }
}
