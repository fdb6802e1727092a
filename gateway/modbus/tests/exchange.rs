//! Requests and their answers in time: late, twice, garbled, and several under way.

#![allow(clippy::unwrap_used, reason = "a test")]

mod framed;

use std::time::{Duration, Instant};

use forebay_modbus::{Asked, BadReply, Exchange, Reply};
use framed::rtu_frame;
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
