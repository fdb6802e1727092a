//! Requests and their answers in time: late, twice, garbled, and several under way.

#![allow(clippy::unwrap_used, reason = "a test")]

mod framed;

use std::time::{Duration, Instant};

use forebay_modbus::{Asked, BadReply, Exchange, Reply};
use framed::{rtu_frame, tcp_frame};
use shell::{Clock, SystemClock};
use tokio_modbus::{Request, Response};

const MS: Duration = Duration::from_millis(1);

fn exchange() -> (Exchange, Instant) {
    // 9600 8N1
    (Exchange::rtu(Duration::from_secs(10) / 9600), SystemClock.mono())
}

#[test]
fn a_late_answer_on_a_serial_line_is_dropped_and_tells_how_late_it_was() {
    let (mut line, start) = exchange();
    let read = Request::ReadHoldingRegisters(0, 1);
    line.begin(start, Asked(0), 1, read, 100 * MS);
    let wake = line.wake_at().unwrap();
    assert!(wake > start + 100 * MS && wake < start + 130 * MS, "the bytes' own time comes on top");
    assert_eq!(line.on_time(wake - MS), None);
    assert_eq!(line.on_time(wake), Some((Asked(0), Reply::TimedOut)));
    // The late answer, while nobody is asked.
    let late = start + 400 * MS;
    assert_eq!(line.on_bytes(late, &rtu_frame(1, &[3, 2, 0, 7])), None);
    assert_eq!(line.take_late(), Some((1, 400 * MS)), "who it was, and how late: the device's patience grows with it");
    assert!(line.ready_at().unwrap() > late, "not into the end of it");
    // What comes after that is nobody's.
    assert_eq!(line.on_bytes(late + MS, &rtu_frame(1, &[3, 2, 0, 7])), None);
    assert_eq!(line.take_late(), None);
}

#[test]
fn a_daemon_that_did_not_run_does_not_take_its_own_absence_for_a_slow_answer() {
    let read = Request::ReadHoldingRegisters(0, 1);
    for looks_at_the_time_first in [true, false] {
        let (mut line, start) = exchange();
        line.begin(start, Asked(0), 1, read.clone(), 100 * MS);
        let back = start + 5000 * MS;
        if looks_at_the_time_first {
            assert_eq!(line.on_time(back), Some((Asked(0), Reply::TimedOut)));
            assert_eq!(line.on_bytes(back, &rtu_frame(1, &[3, 2, 0, 7])), None);
        } else {
            assert_eq!(line.on_bytes(back, &rtu_frame(1, &[3, 2, 0, 7])), Some((Asked(0), Reply::TimedOut)));
        }
        assert_eq!(line.take_late(), None);
    }
}

#[test]
fn a_late_answer_over_tcp_tells_who_is_slow_and_is_no_answer() {
    let (mut line, start) = (Exchange::tcp(1), SystemClock.mono());
    let read = Request::ReadHoldingRegisters(0, 1);
    line.begin(start, Asked(0), 5, read.clone(), 100 * MS);
    assert_eq!(line.on_time(start + 100 * MS), Some((Asked(0), Reply::TimedOut)));
    line.begin(start + 100 * MS, Asked(0), 5, read, 1000 * MS);
    assert_eq!(line.on_bytes(start + 250 * MS, &[0, 1, 0, 0, 0, 5, 5, 3, 2, 0, 7]), None);
    assert_eq!(line.take_late(), Some((5, 250 * MS)));
    let answer = line.on_bytes(start + 260 * MS, &[0, 2, 0, 0, 0, 5, 5, 3, 2, 0, 8]);
    assert_eq!(answer, Some((Asked(0), Reply::Answer(Response::ReadHoldingRegisters(vec![8])))));
}

#[test]
fn a_garbled_answer_ends_before_the_timeout_and_a_babbling_line_does_not_block_for_ever() {
    let (mut line, start) = exchange();
    line.begin(start, Asked(0), 1, Request::ReadHoldingRegisters(0, 1), 1000 * MS);
    let mut broken = rtu_frame(1, &[3, 2, 0, 7]);
    broken[3] ^= 0x10;
    assert_eq!(line.on_bytes(start + 20 * MS, &broken), None);
    assert_eq!(line.on_time(start + 80 * MS), Some((Asked(0), Reply::Bad(BadReply::Garbled))));
    for n in 0..5000 {
        line.on_bytes(start + (80 + n) * MS, &[0xFF; 10]);
    }
    assert!(line.ready_at().unwrap() < start + 2200 * MS, "after a second of babble it is talked into");
}

/// On the wire: each answer by its number; late, foreign and repeated ones dropped; one timeout for one request.
#[test]
fn answers_find_their_requests_by_number_unit_function_and_length() {
    let (mut line, start) = (Exchange::tcp(4), SystemClock.mono());
    let frame = |number: u16, unit: u8, pdu: &[u8]| {
        let mut out = number.to_be_bytes().to_vec();
        out.extend([0, 0, 0, u8::try_from(pdu.len() + 1).unwrap(), unit]);
        out.extend(pdu);
        out
    };
    let read = |n| Request::ReadHoldingRegisters(n, 1);
    for n in 1..=4_u64 {
        let asked = line.begin(start, Asked(n), 1, read(n as u16), 100 * n as u32 * MS);
        assert_eq!(asked[..2], (n as u16).to_be_bytes());
    }
    assert!(line.is_full());
    let value = |n| Reply::Answer(Response::ReadHoldingRegisters(vec![n]));
    // In one packet: somebody else's number, the fourth's, the fourth's again, the second's from another unit.
    let packet = [
        frame(99, 1, &[3, 2, 0, 9]),
        frame(4, 1, &[3, 2, 0, 4]),
        frame(4, 1, &[3, 2, 0, 44]),
        frame(2, 7, &[3, 2, 0, 2]),
        frame(3, 1, &[4, 2, 0, 3])[..5].to_vec(),
    ]
    .concat();
    let now = start + 10 * MS;
    assert_eq!(line.on_bytes(now, &packet), Some((Asked(4), value(4))));
    let Some((Asked(2), Reply::Bad(_))) = line.on_bytes(now, &[]) else { panic!("another unit's") };
    assert_eq!(line.on_bytes(now, &[]), None);
    // The first's time is over; the third's answer is of another function; then the first's comes, late.
    assert_eq!(line.on_time(start + 100 * MS), Some((Asked(1), Reply::TimedOut)));
    assert_eq!(line.on_time(start + 100 * MS), None, "only that one");
    let rest = [&frame(3, 1, &[4, 2, 0, 3])[5..], &frame(1, 1, &[3, 2, 0, 1])].concat();
    let Some((Asked(3), Reply::Bad(_))) = line.on_bytes(start + 110 * MS, &rest) else { panic!("another function") };
    assert_eq!(line.on_bytes(start + 110 * MS, &[]), None);
    assert_eq!(line.take_late(), Some((1, 110 * MS)));
    assert!(!line.is_waiting());
}

/// A daemon that was held up for a moment: what lies there when it looks again may be as old as the request.
#[test]
fn what_is_read_after_its_time_is_no_answer() {
    let read = Request::ReadHoldingRegisters(0, 1);
    let start = SystemClock.mono();
    let mut tcp = Exchange::tcp(1);
    tcp.begin(start, Asked(0), 1, read.clone(), 100 * MS);
    let answer = tcp_frame(1, 1, &[3, 2, 0, 7]);
    assert_eq!(tcp.on_bytes(start + 120 * MS, &answer), Some((Asked(0), Reply::TimedOut)));
    assert_eq!((tcp.on_bytes(start + 120 * MS, &[]), tcp.take_late()), (None, Some((1, 120 * MS))));
    let mut rtu = Exchange::rtu(Duration::ZERO);
    rtu.begin(start, Asked(0), 1, read, 100 * MS);
    let answer = rtu_frame(1, &[3, 2, 0, 7]);
    assert_eq!(rtu.on_bytes(start + 120 * MS, &answer), Some((Asked(0), Reply::TimedOut)));
    assert_eq!(rtu.take_late(), Some((1, 120 * MS)));
}

/// A serial line after an answer that was given up: silence first, and whoever talks into it is let finish, for a second
/// from then on, however recently somebody else was heard.
#[test]
fn a_line_falls_silent_after_a_lost_answer() {
    let (mut line, start) = exchange();
    let read = Request::ReadHoldingRegisters(0, 1);
    line.begin(start, Asked(0), 1, read.clone(), 100 * MS);
    let heard = start + 30 * MS;
    assert!(matches!(line.on_bytes(heard, &rtu_frame(1, &[3, 2, 0, 7])), Some((_, Reply::Answer(_)))));
    let gap = line.ready_at().unwrap() - heard;
    assert!(gap >= Duration::from_micros(3645), "three and a half characters: {gap:?}");
    line.begin(start + 50 * MS, Asked(1), 1, read, 800 * MS);
    let lost = line.wake_at().unwrap();
    assert_eq!(line.on_time(lost), Some((Asked(1), Reply::TimedOut)));
    assert_eq!(line.ready_at(), Some(lost + gap));
    // More than a second after the answer, less than one after the loss.
    let chatter = lost + 500 * MS;
    assert_eq!(line.on_bytes(chatter, &[0xFF; 3]), None);
    assert_eq!(line.ready_at(), Some(chatter + gap));
}

/// A good answer on a serial line ends the doubt about the one before: what comes long after isn't that one, very late.
#[test]
fn noise_after_an_answer_makes_nobody_slow() {
    let (mut line, start) = exchange();
    let read = |count| Request::ReadHoldingRegisters(0, count);
    line.begin(start, Asked(0), 1, read(1), 100 * MS);
    assert!(line.on_time(line.wake_at().unwrap()).is_some());
    line.begin(start + 200 * MS, Asked(1), 1, read(2), 100 * MS);
    assert!(matches!(
        line.on_bytes(start + 230 * MS, &rtu_frame(1, &[3, 4, 0, 7, 0, 8])),
        Some((Asked(1), Reply::Answer(_)))
    ));
    assert_eq!(line.on_bytes(start + 3000 * MS, &[0xFF]), None);
    assert_eq!(line.take_late(), None);
}

/// Units carry a broadcast out in the time that the standard gives them, not in the time that an answer may take.
#[test]
fn after_a_broadcast_the_line_is_free_in_a_tenth_of_a_second() {
    let (mut line, start) = exchange();
    let bytes = line.begin(start, Asked(0), 0, Request::WriteSingleRegister(0, 1), 2000 * MS);
    assert_eq!(bytes[..2], [0, 6]);
    let free = line.wake_at().unwrap();
    assert!(free > start + 100 * MS && free < start + 130 * MS, "{:?}", free - start);
    assert_eq!(line.on_time(free), Some((Asked(0), Reply::Broadcast)));
    assert_eq!(line.on_time(free), None);
}

/// The number of an answer that may still come isn't given to another request, not even when all numbers have been used.
#[test]
fn the_number_of_a_lost_answer_is_not_used_anew() {
    let (mut line, start) = (Exchange::tcp(1), SystemClock.mono());
    let read = Request::ReadHoldingRegisters(0, 1);
    let lost = line.begin(start, Asked(0), 1, read.clone(), 100 * MS)[..2].to_vec();
    assert!(line.on_time(start + 100 * MS).is_some());
    for n in 0..0x1_0000_u32 {
        let bytes = line.begin(start, Asked(0), 1, read.clone(), 100 * MS);
        assert_ne!(bytes[..2], lost, "request {n}");
        let number = u16::from_be_bytes([bytes[0], bytes[1]]);
        assert!(line.on_bytes(start, &tcp_frame(number, 1, &[3, 2, 0, 7])).is_some());
    }
}
