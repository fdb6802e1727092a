//! One run of each fuzz target. The seeded test on stable calls the same functions.

use forebay_wire::p1::{self, Body, Decoder, Step, UNFINISHED_BYTES_MAX};
use forebay_wire::p2::{self, FromBus, ToBus};
use forebay_wire::{Violation, payload};
use tag::Value;

/// A message as it is kept for comparing: command, tag id, time, body (`None`: too long).
type Kept = (u8, u16, u64, Option<Vec<u8>>);

/// However a stream of protocol 1 is cut into pieces, it is the same messages and ends in the same way, and never does
/// more wait than may. The first byte says how large the pieces are. Gives how many messages there were.
pub(crate) fn p1(data: &[u8]) -> usize {
    let Some((&size, stream)) = data.split_first() else { return 0 };
    // Large streams in larger pieces, or a run takes seconds.
    let piece = (usize::from(size) + 1) * (1 + stream.len() / 4096);
    let whole = messages(&[stream]);
    let pieces: Vec<&[u8]> = stream.chunks(piece).collect();
    assert_eq!(messages(&pieces), whole, "in pieces of {piece}");
    for (command, tag_id, time_us, body) in &whole.0 {
        let Some(body) = body else { continue };
        let mut again = Vec::new();
        p1::encode(&mut again, *command, *tag_id, *time_us, body);
        assert_eq!(messages(&[&again]).0, [(*command, *tag_id, *time_us, Some(body.clone()))]);
    }
    whole.0.len()
}

fn messages(pieces: &[&[u8]]) -> (Vec<Kept>, Option<Violation>, usize) {
    let (mut decoder, mut unread, mut kept) = (Decoder::default(), Vec::new(), Vec::new());
    for piece in pieces {
        unread.extend_from_slice(piece);
        let mut taken = 0;
        loop {
            match decoder.next(&unread[taken..]) {
                Ok(Step::NeedMore) => break,
                Ok(Step::Took(bytes, message)) => {
                    taken += bytes;
                    kept.extend(message.map(|message| {
                        let body = if let Body::Whole(bytes) = message.body { Some(bytes.to_vec()) } else { None };
                        (message.command, message.tag_id, message.time_us, body)
                    }));
                }
                Err(violation) => return (kept, Some(violation), 0),
            }
            assert!(decoder.waiting_bytes() <= UNFINISHED_BYTES_MAX);
        }
        unread.drain(..taken);
    }
    (kept, None, unread.len())
}

/// Any bytes are a frame of protocol 2, or the beginning of one, or refused; what is understood is said again in the same
/// words. Gives whether it was understood.
pub(crate) fn p2(data: &[u8]) -> bool {
    let Ok(Some(frame)) = p2::split(data) else { return false };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let to_bus = ToBus::parse(frame.kind, frame.fields).map(|parsed| match parsed {
        ToBus::Open(opens) => drop(opens.collect::<Result<Vec<_>, _>>()),
        ToBus::Publish(records) => drop(records.collect::<Result<Vec<_>, _>>()),
        parsed => {
            parsed.put(&mut first);
            let again = p2::split(&first).ok().flatten().expect("what was put is a frame");
            ToBus::parse(again.kind, again.fields).expect("of its kind").put(&mut second);
        }
    });
    let from_bus = FromBus::parse(frame.kind, frame.fields).map(|parsed| match parsed {
        FromBus::Readings(records) => drop(records.collect::<Result<Vec<_>, _>>()),
        parsed => {
            parsed.put(&mut first);
            let again = p2::split(&first).ok().flatten().expect("what was put is a frame");
            FromBus::parse(again.kind, again.fields).expect("of its kind").put(&mut second);
        }
    });
    assert_eq!(first, second, "{data:x?}");
    assert!(to_bus.is_err() || from_bus.is_err(), "no kind goes both ways");
    to_bus.is_ok() || from_bus.is_ok()
}

/// Any bytes are a value or refused; a value gives its bytes back, and none that is no number gets further.
pub(crate) fn payload(data: &[u8]) {
    if let Ok(Some(value)) = payload::decode(data) {
        assert_eq!(payload::to_bytes(&value), data);
    }
    let [quality, detail, bytes @ ..] = data else { return };
    let reading = payload::reading(*quality, *detail, bytes);
    assert!(reading.any_value().and_then(Value::as_f64).is_none_or(f64::is_finite), "{reading:?}");
    let mut out = Vec::new();
    let (quality, detail) = payload::of_reading(&reading, &mut out);
    assert_eq!(payload::reading(quality, detail, &out), reading);
}
