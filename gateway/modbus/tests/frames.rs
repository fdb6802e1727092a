//! Framing: golden bytes, and everything that is not an answer.

#![allow(clippy::unwrap_used, reason = "a test")]

mod framed;

use forebay_modbus::{BadReply, Found, Mbap, Rtu, answer_len, crc16, decode, encode};
use framed::{rtu_frame, tcp_frame};
use proptest::prelude::*;
use tokio_modbus::{ExceptionCode, Request, Response};

#[test]
fn requests_as_the_standard_prints_them() {
    let table: [(Request<'static>, &[u8]); 9] = [
        (Request::ReadCoils(0x13, 0x13), &[0x01, 0x00, 0x13, 0x00, 0x13]),
        (Request::ReadDiscreteInputs(0xC4, 0x16), &[0x02, 0x00, 0xC4, 0x00, 0x16]),
        (Request::ReadHoldingRegisters(0x6B, 3), &[0x03, 0x00, 0x6B, 0x00, 0x03]),
        (Request::ReadInputRegisters(8, 1), &[0x04, 0x00, 0x08, 0x00, 0x01]),
        (Request::WriteSingleCoil(0xAC, true), &[0x05, 0x00, 0xAC, 0xFF, 0x00]),
        (Request::WriteSingleRegister(1, 3), &[0x06, 0x00, 0x01, 0x00, 0x03]),
        (
            Request::WriteMultipleCoils(
                0x13,
                vec![true, false, true, true, false, false, true, true, true, false].into(),
            ),
            &[0x0F, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01],
        ),
        (
            Request::WriteMultipleRegisters(1, vec![0x0A, 0x0102].into()),
            &[0x10, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02],
        ),
        (Request::MaskWriteRegister(4, 0xF2, 0x25), &[0x16, 0x00, 0x04, 0x00, 0xF2, 0x00, 0x25]),
    ];
    for (request, bytes) in table {
        assert_eq!(encode(&request).as_deref(), Some(bytes), "{request:?}");
    }
    assert_eq!(encode(&Request::ReportServerId), None);
    // 01 04 02 FF FF has the checksum B8 80, as printed everywhere.
    assert_eq!(crc16(&[0x01, 0x04, 0x02, 0xFF, 0xFF]), 0x80B8);
}

#[test]
fn answers_are_judged_against_the_request() {
    let read = Request::ReadHoldingRegisters(0x6B, 3);
    let good = [3, 6, 0x02, 0x2B, 0, 0, 0, 0x64];
    assert_eq!(decode(&read, &good), Ok(Ok(Response::ReadHoldingRegisters(vec![555, 0, 100]))));
    assert_eq!(decode(&read, &[0x83, 2]), Ok(Err(ExceptionCode::IllegalDataAddress)));
    assert_eq!(decode(&read, &good[..6]), Err(BadReply::Length { asked: 8, got: 6 }), "a word short");
    assert_eq!(decode(&read, &[3, 4, 1, 2, 3, 4, 5, 6]), Err(BadReply::Length { asked: 6, got: 4 }), "its own count");
    assert_eq!(decode(&read, &[4, 6, 0, 0, 0, 0, 0, 0]), Err(BadReply::Function { asked: 3, got: 4 }));
    assert_eq!(decode(&read, &[0x83]), Err(BadReply::Length { asked: 2, got: 1 }));
    assert_eq!(decode(&read, &[0x83, 2, 0]), Err(BadReply::Length { asked: 2, got: 3 }));
    assert!(decode(&read, &[]).is_err());

    let coils = Request::ReadCoils(0, 10);
    let bits = vec![true, false, true, true, false, false, true, true, true, false];
    assert_eq!(decode(&coils, &[1, 2, 0xCD, 0xFD]), Ok(Ok(Response::ReadCoils(bits))), "padding is cut");

    let write = Request::WriteSingleRegister(1, 3);
    assert_eq!(decode(&write, &[6, 0, 1, 0, 3]), Ok(Ok(Response::WriteSingleRegister(1, 3))));
    assert_eq!(decode(&write, &[6, 0, 1, 0, 4]), Err(BadReply::Echo));
    assert_eq!(decode(&write, &[6, 0, 2, 0, 3]), Err(BadReply::Echo));
    assert_eq!(decode(&write, &[6, 0, 1, 0, 3, 0]), Err(BadReply::Length { asked: 5, got: 6 }), "more than the echo");
    let many = Request::WriteMultipleRegisters(1, vec![1, 2].into());
    assert_eq!(decode(&many, &[16, 0, 1, 0, 2]), Ok(Ok(Response::WriteMultipleRegisters(1, 2))));
    assert_eq!(decode(&many, &[16, 0, 1, 0, 3]), Err(BadReply::Echo));
}

/// One request is under way, under the number 1: what ends it?
fn push(mbap: &mut Mbap, unit: u8, request: &Request<'static>, bytes: &[u8]) -> Option<Judged> {
    mbap.keep(bytes);
    loop {
        match mbap.next(|number| (number == 1).then_some((unit, request)))? {
            Found::Ends(_, judged) => return Some(judged),
            Found::Lost(bad) => return Some(Err(bad)),
            Found::Stale(..) => {}
        }
    }
}

#[test]
fn tcp_drops_what_answers_an_earlier_request() {
    let mut mbap = Mbap::default();
    let read = Request::ReadHoldingRegisters(0, 1);
    let first = mbap.encode(1, &read, |_| false);
    assert_eq!(first, (1, tcp_frame(1, 1, &[3, 0, 0, 0, 1])));
    // Given up; the next one is under way when the late answer comes, and in the same packet the right one.
    let (number, _) = mbap.encode(1, &read, |number| number == 2);
    assert_eq!(number, 3, "one that may still be answered isn't used again");
    let mut bytes = tcp_frame(1, 1, &[3, 2, 0xDE, 0xAD]);
    bytes.extend(tcp_frame(3, 1, &[3, 2, 0, 7]));
    mbap.keep(&bytes);
    let asked = |number| (number == 3).then_some((1, &read));
    assert_eq!(mbap.next(asked), Some(Found::Stale(1, true)));
    assert_eq!(mbap.next(asked), Some(Found::Ends(3, Ok(Ok(Response::ReadHoldingRegisters(vec![7]))))));
    assert_eq!(mbap.next(asked), None);
}

#[test]
fn tcp_refuses_foreign_units_and_foreign_protocols() {
    let read = Request::ReadHoldingRegisters(0, 1);
    let mut mbap = Mbap::default();
    mbap.encode(1, &read, |_| false);
    let foreign = push(&mut mbap, 1, &read, &tcp_frame(1, 2, &[3, 2, 0, 7]));
    assert_eq!(foreign, Some(Err(BadReply::Unit { asked: 1, got: 2 })));
    for rubbish in [&b"HTTP/1.1 400 Bad Request\r\n"[..], &[0, 1, 0, 0, 0xFF, 0xFF, 1], &[0, 1, 0, 0, 0, 1, 1]] {
        let mut mbap = Mbap::default();
        mbap.encode(1, &read, |_| false);
        assert_eq!(push(&mut mbap, 1, &read, rubbish), Some(Err(BadReply::NotModbus)), "{rubbish:?}");
    }
    let mut mbap = Mbap::default();
    mbap.encode(1, &read, |_| false);
    let flood = tcp_frame(99, 1, &[3, 2, 0, 7]).repeat(1000);
    let ended = flood.chunks(1000).find_map(|piece| push(&mut mbap, 1, &read, piece));
    assert!(matches!(ended, Some(Err(BadReply::Flood(_)))), "{ended:?}");
}

/// A head may announce the longest PDU of the standard, and nothing longer: bytes that never come aren't waited for.
#[test]
fn tcp_waits_for_no_frame_longer_than_there_are() {
    let read = Request::ReadHoldingRegisters(0, 1);
    for (length, waits) in [(254_u16, true), (255, false), (0xFFFF, false), (1, false)] {
        let head = [&[0, 1, 0, 0][..], &length.to_be_bytes(), &[1, 3]].concat();
        let said = push(&mut Mbap::default(), 1, &read, &head);
        assert_eq!(said, (!waits).then_some(Err(BadReply::NotModbus)), "{length}");
    }
}

#[test]
fn rtu_finds_its_answer_past_noise_and_foreign_frames() {
    let read = Request::ReadHoldingRegisters(0, 2);
    let answer = rtu_frame(5, &[3, 4, 0, 1, 0, 2]);
    let before: [Vec<u8>; 6] = [
        vec![],
        vec![0],
        vec![5],
        vec![5, 3, 4],
        rtu_frame(9, &[3, 4, 0xDE, 0xAD, 0xBE, 0xEF]),
        // The late answer to a shorter read of the same unit.
        rtu_frame(5, &[3, 2, 0xDE, 0xAD]),
    ];
    for noise in before {
        let mut rtu = Rtu::default();
        rtu.encode(5, &read);
        let bytes = [noise.clone(), answer.clone()].concat();
        let mut found = None;
        for (n, byte) in bytes.iter().enumerate() {
            assert_eq!(found, None, "not before its last byte: {n} of {bytes:x?}");
            found = rtu.push(5, &read, &[*byte]);
        }
        assert_eq!(found, Some(Ok(Ok(Response::ReadHoldingRegisters(vec![1, 2])))), "{noise:x?}");
    }
    let mut rtu = Rtu::default();
    rtu.encode(5, &read);
    assert_eq!(rtu.push(5, &read, &rtu_frame(5, &[0x83, 6])), Some(Ok(Err(ExceptionCode::ServerDeviceBusy))));
}

#[test]
fn rtu_takes_no_answer_with_a_wrong_unit_function_length_count_or_checksum() {
    let read = Request::ReadHoldingRegisters(0, 2);
    let mut broken = rtu_frame(5, &[3, 4, 0, 1, 0, 2]);
    *broken.last_mut().unwrap() ^= 1;
    let bad = [
        rtu_frame(6, &[3, 4, 0, 1, 0, 2]),
        rtu_frame(5, &[4, 4, 0, 1, 0, 2]),
        rtu_frame(5, &[3, 2, 0, 1]),
        rtu_frame(5, &[3, 6, 0, 1, 0, 2, 0, 3]),
        rtu_frame(5, &[3, 5, 0, 1, 0, 2]),
        rtu_frame(6, &[0x83, 2]),
        rtu_frame(5, &[0x84, 2]),
        broken,
        vec![0x55; 200],
    ];
    for frame in bad {
        let mut rtu = Rtu::default();
        rtu.encode(5, &read);
        assert_eq!(rtu.push(5, &read, &frame), None, "{frame:x?}");
    }
    let mut rtu = Rtu::default();
    rtu.encode(5, &read);
    assert!(matches!(rtu.push(5, &read, &[0; 600]), Some(Err(BadReply::Flood(600)))));
}

fn any_request() -> impl Strategy<Value = Request<'static>> {
    let start = any::<u16>();
    prop_oneof![
        (start, 1..=2000u16).prop_map(|(s, n)| Request::ReadCoils(s, n)),
        (start, 1..=2000u16).prop_map(|(s, n)| Request::ReadDiscreteInputs(s, n)),
        (start, 1..=125u16).prop_map(|(s, n)| Request::ReadHoldingRegisters(s, n)),
        (start, 1..=125u16).prop_map(|(s, n)| Request::ReadInputRegisters(s, n)),
        (start, any::<bool>()).prop_map(|(s, v)| Request::WriteSingleCoil(s, v)),
        (start, any::<u16>()).prop_map(|(s, v)| Request::WriteSingleRegister(s, v)),
        (start, proptest::collection::vec(any::<bool>(), 1..1968))
            .prop_map(|(s, v)| Request::WriteMultipleCoils(s, v.into())),
        (start, proptest::collection::vec(any::<u16>(), 1..123))
            .prop_map(|(s, v)| Request::WriteMultipleRegisters(s, v.into())),
        (start, any::<u16>(), any::<u16>()).prop_map(|(s, a, o)| Request::MaskWriteRegister(s, a, o)),
    ]
}

/// The right answer to a request, made without the code under test.
fn right_answer(request: &Request<'_>, fill: u8) -> Vec<u8> {
    let pdu = encode(request).unwrap();
    match request {
        Request::ReadCoils(_, n) | Request::ReadDiscreteInputs(_, n) => {
            let bytes = usize::from(*n).div_ceil(8);
            [vec![pdu[0], u8::try_from(bytes).unwrap()], vec![fill; bytes]].concat()
        }
        Request::ReadHoldingRegisters(_, n) | Request::ReadInputRegisters(_, n) => {
            [vec![pdu[0], u8::try_from(n * 2).unwrap()], vec![fill; usize::from(*n) * 2]].concat()
        }
        Request::MaskWriteRegister(..) => pdu,
        _ => pdu[..5].to_vec(),
    }
}

type Judged = Result<forebay_modbus::Answer, BadReply>;
type Push<'a> = Box<dyn FnMut(&[u8]) -> Option<Judged> + 'a>;

proptest! {
    #[test]
    fn a_right_answer_is_taken_however_it_is_cut(request in any_request(), unit in 1..=247u8, fill in any::<u8>(), cuts in proptest::collection::vec(1..40usize, 0..20)) {
        let pdu = right_answer(&request, fill);
        prop_assert_eq!(pdu.len(), answer_len(&request));
        let mut rtu = Rtu::default();
        rtu.encode(unit, &request);
        let mut mbap = Mbap::default();
        mbap.encode(unit, &request, |_| false);
        let pieces = |bytes: Vec<u8>, mut push: Push<'_>| {
            let (mut at, mut found) = (0_usize, None);
            for cut in cuts.iter().copied().chain([usize::MAX]) {
                let end = bytes.len().min(at.saturating_add(cut));
                found = found.or(push(&bytes[at..end]));
                at = end;
            }
            found
        };
        let over_rtu = pieces(rtu_frame(unit, &pdu), Box::new(|piece| rtu.push(unit, &request, piece)));
        let over_tcp = pieces(tcp_frame(1, unit, &pdu), Box::new(|piece| push(&mut mbap, unit, &request, piece)));
        prop_assert!(matches!(&over_rtu, Some(Ok(Ok(_)))), "{:?}", over_rtu);
        prop_assert_eq!(over_rtu, over_tcp);
    }

    /// One changed byte anywhere in an RTU frame: no answer is taken from it.
    #[test]
    fn a_damaged_frame_is_no_answer(request in any_request(), unit in 1..=247u8, at in any::<proptest::sample::Index>(), flip in 1..=255u8) {
        let mut frame = rtu_frame(unit, &right_answer(&request, 0xA5));
        let at = at.index(frame.len());
        frame[at] ^= flip;
        let mut rtu = Rtu::default();
        rtu.encode(unit, &request);
        prop_assert_eq!(rtu.push(unit, &request, &frame), None);
    }

    /// Rubbish, however cut, neither panics nor grows without bound, and is no answer.
    #[test]
    fn rubbish_is_no_answer(request in any_request(), unit in any::<u8>(), bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        let mut rtu = Rtu::default();
        rtu.encode(unit, &request);
        let mut mbap = Mbap::default();
        mbap.encode(unit, &request, |_| false);
        for piece in bytes.chunks(7) {
            if let Some(Ok(answer)) = rtu.push(unit, &request, piece) {
                prop_assert!(false, "{:?} out of rubbish", answer);
            }
            let _ = push(&mut mbap, unit, &request, piece);
        }
    }
}
