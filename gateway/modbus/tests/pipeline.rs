//! Several requests at a time over one Modbus TCP connection: answers in any order, lost, twice, and writes in their
//! place.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::{Duration, Instant};

use forebay_modbus::{Action, Asked, BadReply, Config, Device, Outcome, Reply, Report, Ticket, WriteRequest};
use shell::{Clock, SystemClock};
use sim::{Behaviour, Plc};
use site::{Form, Rtu, WordType};
use stepped::{World, at, client, tag_of, tcp};
use tag::{Timestamp, Value};
use tokio_modbus::{Request, Response};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
/// Each in a block of its own.
const PLACES: [u16; 6] = [1, 200, 400, 600, 800, 1000];

fn pipelined(most: u8) -> Rtu {
    Rtu { pipeline: most, ..tcp(Form::Poll) }
}

fn tags() -> Vec<site::ModbusTag> {
    PLACES.map(|n| tag_of(&format!("t{n}"), WordType::Uint16, Some(at(n)), Some(at(n)))).to_vec()
}

/// The state machine alone, connected.
struct Bench {
    device: Device,
    now: Instant,
}

impl Bench {
    /// Everything was read once, and it is known that the device keeps its answers apart.
    fn new(most: u8) -> Self {
        let mut bench = Self::fresh(most);
        let mut rounds = 0;
        while bench.all(usize::from(most)).into_iter().map(|(asked, request)| bench.answer(asked, &request, 0)).count()
            > 0
        {
            rounds += 1;
            assert!(rounds < 20);
        }
        bench.device.take_reports();
        bench.now += S;
        bench
    }

    fn fresh(most: u8) -> Self {
        let now = SystemClock.mono();
        let config = Config::new(&client(vec![pipelined(most)], tags()), &[]).unwrap();
        let mut device = Device::new(config.lines[0].clone(), now);
        assert_eq!(device.next(now), Action::Connect);
        device.on_connected(now);
        Self { device, now }
    }

    fn sent(&mut self) -> Option<(Asked, Request<'static>)> {
        match self.device.next(self.now) {
            Action::Send { asked, request, .. } => Some((asked, request)),
            Action::Wait(_) => None,
            other => panic!("{other:?}"),
        }
    }

    /// As much as goes out at once.
    fn all(&mut self, most: usize) -> Vec<(Asked, Request<'static>)> {
        (0..most).map_while(|_| self.sent()).collect()
    }

    /// Register n holds n plus so much.
    fn answer(&mut self, asked: Asked, request: &Request<'_>, plus: u16) {
        let response = match request {
            Request::ReadHoldingRegisters(start, count) => {
                Response::ReadHoldingRegisters((1..=*count).map(|n| start + n + plus).collect())
            }
            Request::WriteSingleRegister(start, value) => Response::WriteSingleRegister(*start, *value),
            other => panic!("{other:?}"),
        };
        self.device.on_reply(self.now, Timestamp(1), asked, Reply::Answer(response));
    }

    fn values(&mut self) -> Vec<(usize, i64)> {
        let value = |report| match report {
            Report::Value { point, value: Value::Int(value), .. } => Some((point, value)),
            _ => None,
        };
        self.device.take_reports().into_iter().filter_map(value).collect()
    }

    fn write(&mut self, point: usize, value: i64) {
        let deadline = self.now + 3 * S;
        self.device.write(self.now, &WriteRequest { ticket: Ticket(1), point, value: Value::Int(value), deadline });
    }
}

#[test]
fn as_many_go_out_as_the_site_says_and_answers_come_in_any_order() {
    let mut bench = Bench::new(4);
    let mut sent = bench.all(4);
    assert_eq!(sent.len(), 4, "before any answer");
    sent.reverse();
    for (asked, request) in &sent {
        bench.answer(*asked, request, 7);
    }
    let mut values = bench.values();
    values.sort_unstable();
    assert_eq!(values, [(0, 8), (1, 207), (2, 407), (3, 607)], "each is its own");
    assert_eq!(bench.all(4).len(), 2, "the rest of the poll");
    // Given twice: what was answered is not asked any more.
    let (asked, request) = &sent[0];
    bench.answer(*asked, request, 9);
    assert_eq!(bench.values(), []);
}

#[test]
fn one_lost_answer_costs_only_itself() {
    let mut bench = Bench::new(4);
    let before = bench.device.counters().requests;
    let sent = bench.all(4);
    for (asked, request) in &sent[1..] {
        bench.answer(*asked, request, 0);
    }
    let next = bench.all(3);
    assert_eq!(next.len(), 2, "the others go on while one is waited for");
    for (asked, request) in &next {
        bench.answer(*asked, request, 0);
    }
    bench.device.on_reply(bench.now, Timestamp(1), sent[0].0, Reply::TimedOut);
    let again = bench.all(4);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].1, sent[0].1, "and is asked again");
    bench.answer(again[0].0, &again[0].1, 0);
    let counters = bench.device.counters();
    assert_eq!((counters.requests - before, counters.timeouts), (7, 1));
    assert!(bench.device.stats().units[0].online);
}

/// Four that were under way together and are lost together are one loss: the unit is asked again before it is given up.
#[test]
fn a_burst_that_is_lost_is_not_yet_an_outage() {
    let mut bench = Bench::new(4);
    let lost = bench.all(4);
    assert_eq!(lost.len(), 4);
    bench.now += S;
    for (asked, _) in lost {
        bench.device.on_reply(bench.now, Timestamp(1), asked, Reply::TimedOut);
    }
    let faults = bench.device.take_reports().iter().filter(|report| matches!(report, Report::Fault { .. })).count();
    assert_eq!(faults, 0, "nothing is held yet");
    for (asked, request) in bench.all(4) {
        bench.answer(asked, &request, 0);
    }
    assert!(bench.device.stats().units[0].online);
}

#[test]
fn a_write_goes_out_before_the_next_read_and_nothing_passes_it_on_its_registers() {
    let mut bench = Bench::new(4);
    // The read of register 1 is under way when somebody writes it.
    let under_way = [bench.sent().unwrap(), bench.sent().unwrap()];
    assert_eq!(under_way[0].1, Request::ReadHoldingRegisters(0, 1));
    bench.write(0, 77);
    assert_eq!(bench.sent(), None, "the write waits for that read, and the next reads wait for the write");
    bench.answer(under_way[1].0, &under_way[1].1, 0);
    assert_eq!(bench.sent(), None);
    bench.answer(under_way[0].0, &under_way[0].1, 0);
    let write = bench.sent().unwrap();
    assert_eq!(write.1, Request::WriteSingleRegister(0, 77));
    // Reads of other registers go along with it.
    let beside = bench.all(3);
    assert_eq!(beside.len(), 3);
    bench.answer(write.0, &write.1, 0);
    let look = bench.sent().unwrap();
    assert_eq!(look.1, Request::ReadHoldingRegisters(0, 1), "read back before the next read");
    for (asked, request) in &beside {
        bench.answer(*asked, request, 0);
    }
    // A period later its own poll is due too, and waits for the read-back.
    bench.now += S;
    let polls = bench.all(3);
    assert!(!polls.is_empty() && polls.iter().all(|(_, request)| *request != look.1), "{polls:?}");
    bench.device.take_reports();
    let seen = Reply::Answer(Response::ReadHoldingRegisters(vec![77]));
    bench.device.on_reply(bench.now, Timestamp(1), look.0, seen);
    let reports = bench.device.take_reports();
    assert!(reports.contains(&Report::Outcome(Ticket(1), Outcome::Confirmed)), "{reports:?}");
    for (asked, request) in &polls {
        bench.answer(*asked, request, 0);
    }
    let rest = bench.all(4);
    assert!(rest.iter().any(|(_, request)| *request == look.1), "now it is polled: {rest:?}");
}

/// A write whose time is over while it is under way: its answer, when it comes, is nobody's.
#[test]
fn an_expired_write_does_not_settle_the_next_one() {
    let mut bench = Bench::new(4);
    bench.write(0, 77);
    let write = bench.sent().unwrap();
    bench.now += 4 * S;
    bench.device.write(
        bench.now,
        &WriteRequest { ticket: Ticket(2), point: 1, value: Value::Int(5), deadline: bench.now + 3 * S },
    );
    // Until it is answered or lost, no other write goes out.
    let poll = bench.sent().unwrap();
    assert!(matches!(poll.1, Request::ReadHoldingRegisters(..)), "{poll:?}");
    bench.answer(poll.0, &poll.1, 0);
    bench.answer(write.0, &write.1, 0);
    let outcomes: Vec<Report> =
        bench.device.take_reports().into_iter().filter(|r| matches!(r, Report::Outcome(..))).collect();
    let of = |ticket, outcome| Report::Outcome(Ticket(ticket), outcome);
    assert_eq!(outcomes, [of(1, Outcome::Sent), of(1, Outcome::Expired)]);
    let next: Vec<Request<'static>> = bench.all(3).into_iter().map(|(_, request)| request).collect();
    assert!(next.contains(&Request::WriteSingleRegister(199, 5)), "{next:?}");
}

/// Before it is known that a device keeps its answers apart, only what can't be mistaken for one another goes out
/// together; one wrong answer, and it is one at a time.
#[test]
fn a_device_must_prove_that_it_keeps_its_answers_apart() {
    let mut bench = Bench::fresh(4);
    let first = bench.all(4);
    let counts: Vec<u16> = first
        .iter()
        .map(|(_, request)| match request {
            Request::ReadHoldingRegisters(_, count) => *count,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(counts, [1, 2, 3], "a poll, and two of its kind that are longer");
    // The second's data under the first's number.
    let bad = Reply::Bad(BadReply::Length { asked: 4, got: 6 });
    bench.device.on_reply(bench.now, Timestamp(1), first[0].0, bad);
    bench.answer(first[1].0, &first[1].1, 0);
    assert_eq!(bench.all(4).len(), 0, "while the third is under way");
    bench.answer(first[2].0, &first[2].1, 0);
    assert_eq!(bench.values(), [], "none of it was taken for a value");
    for _ in 0..20 {
        let one = bench.all(4);
        assert_eq!(one.len(), 1);
        bench.answer(one[0].0, &one[0].1, 0);
        bench.now += 100 * MS;
    }
    // The loss may have had another cause: a minute later it gets another chance.
    bench.now += 60 * S;
    assert_eq!(bench.all(4).len(), 3);
}

/// One that answers the first of several and drops the others isn't given two at a time any more.
#[test]
fn a_device_that_drops_what_comes_beside_is_asked_one_thing_at_a_time() {
    let mut bench = Bench::fresh(4);
    let first = bench.all(4);
    bench.answer(first[0].0, &first[0].1, 0);
    bench.device.on_reply(bench.now, Timestamp(1), first[1].0, Reply::TimedOut);
    assert_eq!(bench.all(4).len(), 0, "while the third is under way");
    bench.device.on_reply(bench.now, Timestamp(1), first[2].0, Reply::TimedOut);
    assert_eq!(bench.all(4).len(), 1);
}

/// A proof can be luck: who keeps only the newest question answers them all while they come a little apart.
#[test]
fn a_device_that_drops_one_after_its_proof_is_asked_one_thing_at_a_time() {
    for lost in 0..4 {
        let mut bench = Bench::new(4);
        let mut sent = bench.all(4);
        assert_eq!(sent.len(), 4);
        let (unanswered, _) = sent.remove(lost);
        for (asked, request) in &sent {
            bench.answer(*asked, request, 0);
        }
        // Nothing is under way beside it any more, the first was even sent alone.
        bench.device.on_reply(bench.now, Timestamp(1), unanswered, Reply::TimedOut);
        assert_eq!(bench.all(4).len(), 1, "number {lost} was lost");
    }
}

/// What is lost while nothing else is under way says nothing of pairs.
#[test]
fn an_answer_lost_alone_takes_no_proof_back() {
    let mut bench = Bench::new(4);
    let (asked, _) = bench.sent().unwrap();
    bench.device.on_reply(bench.now, Timestamp(1), asked, Reply::TimedOut);
    assert_eq!(bench.all(4).len(), 4);
}

/// A device that takes its time for each request but several at a time is read so much faster.
#[test]
fn a_pipeline_is_worth_its_depth() {
    let polls = |most: u8| {
        let site = client(vec![Rtu { rate: 10 * MS, ..pipelined(most) }], tags());
        let mut world = World::new(Plc::new().blank(1100), &site, &[]);
        world.behave(Behaviour::slow_ms(48));
        world.run(10 * S);
        assert_eq!(world.counters().timeouts, 0);
        world.counters().requests
    };
    let (one, six) = (polls(1), polls(6));
    assert!(six >= one * 5, "{one} requests one after the other, {six} six at a time");
}

/// What waits does so in front of the device, not on our side: a busy line says no more than 100 %.
#[test]
fn a_line_with_several_under_way_is_busy_once() {
    let site = client(vec![Rtu { rate: 10 * MS, ..pipelined(6) }], tags());
    let mut world = World::new(Plc::new().blank(1100), &site, &[]);
    world.behave(Behaviour::slow_ms(50));
    world.run(10 * S);
    let busy = world.counters().busy;
    assert!(busy <= 10 * S && busy > 9 * S, "{busy:?} of ten seconds");
}
