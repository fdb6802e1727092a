//! Polling, with time in hand: what is told, how often, and within which blocks.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::Duration;

use forebay_modbus::{Action, BadReply, Config, Device, Reply};
use shell::{Clock, SystemClock};
use sim::Behaviour;
use site::{Address, Form, WordType};
use stepped::{World, area, at, client, good, plc, serial, tag_of, tcp, two_blocks};
use tag::{Timestamp, Value};
use tokio_modbus::Response;

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

#[test]
fn values_appear_and_only_changes_are_published() {
    let mut world = World::new(plc(), &two_blocks(tcp(Form::Poll)), &[]);
    let took = world.run_until(S, "all good", |w| w.good("far").is_some() && w.good("b").is_some());
    assert!(took < 50 * MS, "the first poll waits for nothing, but it took {took:?}");
    assert_eq!(world.good("b"), Some(&Value::Float(20.5)));
    world.run(10 * S);
    let published = world.said.iter().filter(|(_, say)| matches!(say, forebay_modbus::Say::Publish(..))).count();
    assert_eq!(published, 3, "an unchanged value is confirmed, not published");
    world.plant.poke("plc", sim::At::holding(1), &[8]).unwrap();
    world.run_until(S, "the change", |w| *w.reading("a") == good(8));
    assert!(world.status().unwrap().ok);
    assert_eq!(world.statuses(), 1);
}

#[test]
fn changes_within_the_deadband_are_confirmed_but_not_told() {
    let band = site::ModbusTag { deadband: Some(5.0), ..tag_of("a", WordType::Int16, Some(at(1)), None) };
    let mut world = World::new(plc(), &client(vec![tcp(Form::Poll)], vec![band]), &[]);
    world.run(S);
    for (n, shown) in [(9, 7), (11, 7), (12, 12), (8, 12), (7, 7)] {
        world.plant.poke("plc", sim::At::holding(1), &[n]).unwrap();
        world.run(S);
        assert_eq!(*world.reading("a"), good(shown), "at {n}");
        assert!(world.is_good_since("a", world.elapsed() - S));
    }
}

/// Two rates on one line: each tag at its own, and one that lies in a faster block comes with it.
#[test]
fn several_rates_side_by_side() {
    let slow = |name, n| site::ModbusTag { rate: Some(5 * S), ..tag_of(name, WordType::Int16, Some(at(n)), None) };
    let tags = vec![
        tag_of("a", WordType::Int16, Some(at(1)), None),
        tag_of("c", WordType::Int16, Some(at(3)), None),
        slow("b", 2),
        slow("far", 500),
    ];
    let mut world = World::new(plc(), &client(vec![tcp(Form::Poll)], tags), &[]);
    world.run(100 * S);
    let asked = |start: u16| world.requests.iter().filter(|(_, b)| b[8..10] == start.to_be_bytes()).count();
    assert_eq!((asked(0), asked(499), world.requests.len()), (200, 20, 220), "every 0.5 s, and every 5 s");
    assert_eq!(*world.reading("b"), good(0));
    assert!(world.is_good_since("far", 94 * S));
}

/// A slow value of which only a part lies in what a faster read fetches is read on its own.
#[test]
fn a_value_that_a_faster_read_fetches_in_part_is_read_whole() {
    let slow = site::ModbusTag { rate: Some(5 * S), ..tag_of("wide", WordType::Uint32, Some(at(2)), None) };
    let fast = [1, 2].map(|n| tag_of(&format!("t{n}"), WordType::Int16, Some(at(n)), None));
    let tags = fast.into_iter().chain([slow]).collect();
    let plc = sim::Plc::new().registers(1, &[7, 1, 2]);
    let mut world = World::new(plc, &client(vec![tcp(Form::Poll)], tags), &[]);
    world.run(10 * S);
    assert_eq!((world.reading("t2"), world.reading("wide")), (&good(1), &good(0x0001_0002)));
    assert_eq!(world.requests.len(), 22, "twenty fast reads and two slow ones");
}

/// A line that is asked for more than it can carry says so, with the arithmetic.
#[test]
fn polls_that_do_not_fit_are_reported_with_their_arithmetic() {
    // At 1200 baud a read of 100 registers takes two seconds.
    let mut slow = serial(Form::Poll);
    let port =
        site::Serial { path: "/dev/ttyS9".into(), baud: 1200, parity: site::Parity::None, stop_bits: 1, rs485: false };
    slow.transport = site::Transport::Rtu(port);
    slow.timeout = 3 * S;
    let tags = (1..=100).map(|n| tag_of(&format!("t{n}"), WordType::Uint16, Some(at(n)), None)).collect();
    let mut world = World::new(plc().serial(), &client(vec![slow], tags), &[]);
    world.behave(Behaviour::slow_ms(1790));
    world.run(60 * S);
    let status = world.status().unwrap();
    assert!(status.ok, "{status:?}");
    let sentence = "the polls don't fit: 1 requests of ";
    assert!(status.why.starts_with(sentence) && status.why.ends_with(" % of the line's time"), "{}", status.why);
    assert!(world.counters().overruns > 20, "{:?}", world.counters());
}

#[test]
fn the_planned_blocks_stay_within_what_the_site_declares() {
    let rtu = site::Rtu { reads: vec![area(1, 20), area(21, 20)], ..tcp(Form::Poll) };
    let tags = vec![
        tag_of("a", WordType::Int16, Some(at(2)), None),
        tag_of("b", WordType::Int16, Some(at(18)), None),
        tag_of("c", WordType::Int16, Some(at(21)), None),
        tag_of("outside", WordType::Int32, Some(at(90)), None),
    ];
    let mut world = World::new(plc(), &client(vec![rtu], tags), &[]);
    world.run(300 * MS);
    let mut asked: Vec<(u16, u16)> = world
        .requests
        .iter()
        .map(|(_, b)| (u16::from_be_bytes([b[8], b[9]]), u16::from_be_bytes([b[10], b[11]])))
        .collect();
    asked.sort_unstable();
    assert_eq!(asked, [(1, 17), (20, 1), (89, 2)]);
}

/// Over TCP an answer that comes after it was given up shows that its unit is there, if asked with patience it will be in
/// time. One that never could be is no sign of life: the unit would come and go for ever.
#[test]
fn a_late_answer_is_a_sign_of_life_if_it_can_be_in_time() {
    let other = Some(Address { unit: 9, ..at(1) });
    let tags = vec![tag_of("a", WordType::Int16, Some(at(1)), None), tag_of("late", WordType::Int16, other, None)];
    let config = Config::new(&client(vec![tcp(Form::Poll)], tags), &[]).unwrap();
    let mut now = SystemClock.mono();
    let mut device = Device::new(config.lines[0].clone(), now);
    assert_eq!(device.next(now), Action::Connect);
    device.on_connected(now);
    let online = |device: &Device| device.stats().units.iter().find(|unit| unit.unit == 9).unwrap().online;
    let mut lost = 0;
    while lost < 3 {
        match device.next(now) {
            Action::Send { asked, unit: 1, .. } => {
                let answer = Reply::Answer(Response::ReadHoldingRegisters(vec![7]));
                device.on_reply(now, Timestamp(1), asked, answer);
            }
            Action::Send { asked, timeout, .. } => {
                now += timeout;
                device.on_reply(now, Timestamp(1), asked, Reply::TimedOut);
                lost += 1;
            }
            Action::Wait(until) => now = until,
            other => panic!("{other:?}"),
        }
    }
    assert!(!online(&device), "given up");
    device.on_late(now, 9, S);
    assert!(!online(&device), "it takes as long as the site gives it at most");
    device.on_late(now, 9, 999 * MS);
    assert!(online(&device));
}

/// A stream in which nobody can tell where an answer begins is ended, and so is one that never stops; a wrong answer isn't.
#[test]
fn a_connection_that_can_not_be_followed_is_hung_up() {
    for (bad, ends) in [
        (BadReply::NotModbus, true),
        (BadReply::Flood(5000), true),
        (BadReply::Length { asked: 4, got: 6 }, false),
        (BadReply::Echo, false),
    ] {
        let mut now = SystemClock.mono();
        let config = Config::new(&two_blocks(tcp(Form::Poll)), &[]).unwrap();
        let mut device = Device::new(config.lines[0].clone(), now);
        assert_eq!(device.next(now), Action::Connect);
        device.on_connected(now);
        let Action::Send { asked, .. } = device.next(now) else { panic!("the first poll") };
        now += MS;
        device.on_reply(now, Timestamp(1), asked, Reply::Bad(bad));
        assert_eq!(device.next(now) == Action::Close, ends, "{bad:?}");
    }
}
