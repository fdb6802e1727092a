use super::*;
use proptest::prelude::*;

/// Command, tag id, time, bytes; `None`: too long.
type Said = (u8, u16, u64, Option<Vec<u8>>);

/// Feeds bytes in the given portions and collects what was said.
fn decode_all(bytes: &[u8], portions: &[usize]) -> Result<Vec<Said>, Violation> {
    let (mut decoder, mut buffer, mut said) = (Decoder::default(), Vec::new(), Vec::new());
    let (mut rest, mut portions) = (bytes, portions.iter().cycle());
    while !rest.is_empty() {
        let n = (*portions.next().unwrap()).clamp(1, rest.len());
        buffer.extend_from_slice(&rest[..n]);
        rest = &rest[n..];
        let mut at = 0;
        while let Step::Took(n, message) = decoder.next(&buffer[at..])? {
            at += n;
            said.extend(message.map(|m| {
                let body = if let Body::Whole(bytes) = m.body { Some(bytes.to_vec()) } else { None };
                (m.command, m.tag_id, m.time_us, body)
            }));
        }
        buffer.drain(..at);
    }
    Ok(said)
}

fn golden(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

#[test]
fn golden_frames() {
    // The examples of the peer's interface description.
    for (hex, command, id, time, body) in [
        ("01 01 0000 0006 0000000000000000 496e74536574", ID, 0, 0, &b"IntSet"[..]),
        ("01 01 0005 0006 0000000000000000 496e74536574", ID, 5, 0, b"IntSet"),
        ("01 05 0005 0000 0000000000000000", SUB, 5, 0, b""),
        (
            "01 02 0005 0009 00060a24181e4000 01fffffffffffffffb",
            SET,
            5,
            1_700_000_000_000_000,
            b"\x01\xff\xff\xff\xff\xff\xff\xff\xfb",
        ),
        ("01 02 0007 0003 00060a24181e4000 036f6b", SET, 7, 1_700_000_000_000_000, b"\x03ok"),
        ("01 04 0003 0009 00060a24181e4000 057b2261223a20317d", RTA, 3, 1_700_000_000_000_000, b"\x05{\"a\": 1}"),
    ] {
        let mut out = Vec::new();
        encode(&mut out, command, id, time, body);
        assert_eq!(out, golden(hex));
        assert_eq!(decode_all(&out, &[3]), Ok(vec![(command, id, time, Some(body.to_vec()))]));
    }
}

#[test]
fn exact_multiples_arrive_whole_and_nothing_sticks() {
    for n in [CHUNK, 2 * CHUNK] {
        let mut out = Vec::new();
        encode(&mut out, SET, 9, 1, &vec![4; n]);
        encode(&mut out, SET, 9, 2, b"\x03next");
        let said = decode_all(&out, &[70_000]).unwrap();
        assert_eq!(said.len(), 2);
        assert_eq!(said[0].3.as_ref().map(Vec::len), Some(n));
        assert_eq!(said[1].3.as_deref(), Some(&b"\x03next"[..]));
    }
    let mut json = vec![b' '; CHUNK];
    json[0] = payload::JSON;
    let mut out = Vec::new();
    encode(&mut out, SET, 9, 1, &json);
    assert_eq!(out.len(), CHUNK + HEADER + HEADER + 1, "JSON is padded so that pymscada's clients read it whole");
}

#[test]
fn a_message_past_the_limit_is_dropped_and_the_next_one_arrives() {
    let mut out = Vec::new();
    encode(&mut out, SET, 9, 1, &vec![4; VALUE_BYTES_MAX + 1]);
    encode(&mut out, SET, 9, 2, b"\x03next");
    let said = decode_all(&out, &[1 << 20]).unwrap();
    assert_eq!(said, vec![(SET, 9, 1, None), (SET, 9, 2, Some(b"\x03next".to_vec()))]);
}

#[test]
fn unfinished_messages_are_bounded() {
    let mut out = Vec::new();
    for id in 0..600 {
        frame(&mut out, SET, id, 1, &vec![0; CHUNK]);
    }
    assert_eq!(decode_all(&out, &[1 << 20]), Err(Violation::Unfinished { limit: UNFINISHED_BYTES_MAX }));
}

proptest! {
    #[test]
    fn messages_survive_any_cut(
        messages in proptest::collection::vec((1u8..10, any::<u16>(), any::<u64>(), 0usize..200_000), 1..6),
        portions in proptest::collection::vec(1usize..80_000, 1..5),
    ) {
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        for (command, id, time, n) in messages {
            let body: Vec<u8> = (0..n).map(|i| (i % 241) as u8 + 6).collect();
            encode(&mut out, command, id, time, &body);
            expected.push((command, id, time, Some(body)));
        }
        prop_assert_eq!(decode_all(&out, &portions), Ok(expected));
    }

    #[test]
    fn rubbish_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), portions in proptest::collection::vec(1usize..50, 1..4)) {
        let _ = decode_all(&bytes, &portions);
    }
}
