//! The device state machine against the pretend plant, with time in hand.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::Duration;

use forebay_modbus::Outcome;
use sim::{Behaviour, Lie, Plc};
use site::{Address, Area, Form, Table, WordType};
use stepped::{Net, World, at, client, limits, serial, tag_of, tcp};
use tag::{ExceptionCode, Fault, Reading, Value};
use tokio_modbus::ExceptionCode as Code;

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn two_blocks(rtu: site::Rtu) -> site::ModbusClient {
    client(
        vec![rtu],
        vec![
            tag_of("a", WordType::Int16, Some(at(1)), Some(at(1))),
            tag_of("b", WordType::Float32, Some(at(3)), None),
            tag_of("far", WordType::Uint16, Some(at(500)), None),
        ],
    )
}

fn plc() -> Plc {
    Plc::new().blank(600).register(1, 7).registers(3, &[0x41A4, 0]).register(500, 9)
}

fn good(n: i64) -> Reading {
    Reading::Good(Value::Int(n))
}

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

/// Each fault, at every phase of the poll: held while it lasts, good again within one poll and a second after.
fn comes_back(rtu: fn(Form) -> site::Rtu, behaviour: Behaviour, held: bool) {
    for phase in (0..1000).step_by(91) {
        let mut world = World::new(serial_if(rtu, plc()), &two_blocks(rtu(Form::Poll)), &[]);
        world.run(3 * S + phase * MS);
        world.behave(behaviour.clone());
        world.run(6 * S + (phase % 7) * 130 * MS);
        if held {
            let reading = world.reading("a").clone();
            assert!(matches!(reading, Reading::Held { last: Value::Int(7), .. }), "{behaviour} {phase}: {reading:?}");
        }
        world.plant.poke("plc", sim::At::holding(1), &[42]).unwrap();
        world.behave(Behaviour::Normal);
        let back = world.elapsed();
        world.run_until(1500 * MS, &format!("back after {behaviour}, phase {phase}"), |w| {
            *w.reading("a") == good(42) && ["a", "b", "far"].iter().all(|tag| w.is_good_since(tag, back))
        });
    }
}

fn serial_if(rtu: fn(Form) -> site::Rtu, plc: Plc) -> Plc {
    if matches!(rtu(Form::Poll).transport, site::Transport::Rtu(_)) { plc.serial() } else { plc }
}

#[test]
fn tcp_recovers_from_everything_within_a_poll_and_a_second() {
    for behaviour in Behaviour::every() {
        let held = !matches!(
            behaviour,
            Behaviour::Normal
                | Behaviour::Slow(_)
                | Behaviour::Sometimes(..)
                | Behaviour::Lie(Lie::Echo | Lie::Forget | Lie::Twice)
        );
        comes_back(tcp, behaviour, held);
    }
    comes_back(tcp, Behaviour::slow_ms(1700), true);
}

#[test]
fn rtu_recovers_from_everything_within_a_poll_and_a_second() {
    for behaviour in Behaviour::every() {
        let held = !matches!(
            behaviour,
            Behaviour::Normal
                | Behaviour::Slow(_)
                | Behaviour::Sometimes(..)
                | Behaviour::Lie(Lie::Echo | Lie::Forget | Lie::Twice | Lie::Transaction | Lie::OneBehind)
        );
        comes_back(serial, behaviour, held);
    }
}

#[test]
fn a_cut_cable_and_a_closed_port_are_found_again() {
    for net in [Net::Cut, Net::Refusing] {
        for phase in (0..2000).step_by(97) {
            let mut world = World::new(plc(), &two_blocks(tcp(Form::Poll)), &[]);
            world.run(2 * S);
            world.set_net(net);
            world.run(7 * S + phase * MS);
            let held = world.reading("a").clone();
            assert!(matches!(held, Reading::Held { .. }), "{held:?}");
            assert!(!world.status().unwrap().ok);
            world.set_net(Net::Up);
            let back = world.elapsed();
            world.run_until(1500 * MS, &format!("back from {net:?}, phase {phase}"), |w| {
                ["a", "b", "far"].iter().all(|tag| w.is_good_since(tag, back))
            });
            assert!(world.status().unwrap().ok);
            // Online, offline (timed out, then perhaps refused), online.
            assert!((3..=4).contains(&world.statuses()), "{:?}", world.said);
        }
    }
}

#[test]
fn one_lost_answer_is_not_an_outage() {
    for rtu in [tcp, serial] {
        let mut world = World::new(serial_if(rtu, plc()), &two_blocks(rtu(Form::Poll)), &[]);
        world.run(2 * S);
        world.behave(Behaviour::Silent);
        let before = world.counters().requests;
        world.run_until(S, "a request into the silence", |w| w.counters().requests > before);
        world.behave(Behaviour::Normal);
        world.run(3 * S);
        assert_eq!(world.counters().timeouts, 1);
        assert_eq!(world.statuses(), 1, "nothing was said of it");
        assert!(world.said.iter().all(
            |(_, say)| !matches!(say, forebay_modbus::Say::Publish(_, sample) if sample.reading.good().is_none())
        ));
    }
}

#[test]
fn one_bad_register_does_not_take_its_block_down() {
    // Registers 1 to 40, of which 17 is not there.
    let mut plc = Plc::new();
    for n in (1..=40).filter(|n| *n != 17) {
        plc = plc.register(n, n * 10);
    }
    let tags = (1..=40).map(|n| tag_of(&format!("t{n}"), WordType::Uint16, Some(at(n)), None)).collect();
    let mut world = World::new(plc, &client(vec![tcp(Form::Poll)], tags), &[]);
    world.run(2 * S);
    for n in 1..=40 {
        let expected = match n {
            17 => Reading::Missing(Fault::Refused(ExceptionCode(2))),
            _ => good(n * 10),
        };
        assert_eq!(*world.reading(&format!("t{n}")), expected);
    }
    let before = (world.counters(), world.elapsed());
    world.run(10 * S);
    let per_poll = (world.counters().requests - before.0.requests) as f64 / 20.0;
    assert!(per_poll < 3.1, "both sides and the refused one, but every poll takes {per_poll} requests");
    assert!(world.is_good_since("t40", before.1 + 9 * S));
    // It appears.
    world.plant.poke("plc", sim::At::holding(17), &[170]).unwrap();
    world.run_until(1500 * MS, "register 17", |w| *w.reading("t17") == good(170));
}

/// A hole that was read over and is refused: after the search each side is one read, and that is remembered by the next
/// run of the daemon, which searches nothing.
#[test]
fn a_refused_hole_is_learned_and_remembered() {
    let mut plc = Plc::new();
    for n in (1..=10).chain(14..=40) {
        plc = plc.register(n, n);
    }
    let tags: Vec<_> =
        (1..=10).chain(14..=40).map(|n| tag_of(&format!("t{n}"), WordType::Uint16, Some(at(n)), None)).collect();
    let site = client(vec![tcp(Form::Poll)], tags);
    let mut world = World::new(plc.clone(), &site, &[]);
    world.run(2 * S);
    let learned = world.learned();
    assert_eq!(learned.blocks.len(), 1);
    assert_eq!(learned.blocks[0].runs, [(0, 10, false), (10, 37, false)]);
    let text = learned.to_text("RTU");
    let mut world = World::remembering(plc, &site, &text);
    world.run(10 * S);
    assert_eq!(world.counters().exceptions, 0, "nothing was asked that is refused");
    assert_eq!(world.counters().requests, 40, "two reads every 0.5 s: {:?}", world.counters());
    assert_eq!(*world.reading("t40"), good(40));
    // A device that has the hole filled is read whole again, sooner or later.
    for n in 11..=13 {
        world.plant.poke("plc", sim::At::holding(n), &[0]).unwrap();
    }
    world.run(3600 * S);
    let before = world.counters().requests;
    world.run(10 * S);
    assert_eq!(world.counters().requests - before, 20, "one read every 0.5 s");
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
fn a_device_that_refuses_everything_for_a_while_is_not_taken_apart() {
    let tags = (1..=40).map(|n| tag_of(&format!("t{n}"), WordType::Uint16, Some(at(n)), None)).collect();
    let mut world = World::new(plc(), &client(vec![tcp(Form::Poll)], tags), &[]);
    world.run(2 * S);
    world.behave(Behaviour::Refuse(Code::IllegalDataAddress));
    world.run(20 * S);
    let asked = world.counters().requests;
    world.run(5 * S);
    assert!(world.counters().requests - asked <= 12, "one request a poll while everything is refused");
    assert!(matches!(world.reading("t1"), Reading::Held { because: Fault::Refused(ExceptionCode(2)), .. }));
    world.behave(Behaviour::Normal);
    let back = world.elapsed();
    world.run_until(1500 * MS, "all back", |w| (1..=40).all(|n| w.is_good_since(&format!("t{n}"), back)));
}

#[test]
fn a_write_is_confirmed_only_when_it_is_read_back() {
    for rtu in [tcp, serial] {
        let mut world = World::new(serial_if(rtu, plc()), &two_blocks(rtu(Form::Poll)), &[limits("a", 0.0, 100.0)]);
        world.run(S);
        let ticket = world.write("a", Value::Int(33), 3 * S);
        world.run_until(S, "settled", |w| w.outcomes(ticket).len() == 2);
        assert_eq!(world.outcomes(ticket), [Outcome::Sent, Outcome::Confirmed]);
        assert_eq!(world.plant.peek("plc", sim::At::holding(1), 1).unwrap(), [33]);
        assert_eq!(*world.reading("a"), good(33), "published before it is confirmed");

        let over = world.write("a", Value::Float(100.5), S);
        assert_eq!(world.outcomes(over), [Outcome::Refused("over max 100.0".into())]);
        let under = world.write("a", Value::Int(-1), S);
        assert_eq!(world.outcomes(under), [Outcome::Refused("under min 0.0".into())]);
        let text = world.write("a", Value::from("on"), S);
        assert_eq!(world.outcomes(text), [Outcome::Refused("not a number".into())]);
        let only = world.write("b", Value::Float(1.0), S);
        assert_eq!(world.outcomes(only), [Outcome::Refused("read only".into())]);

        // It says yes and does nothing.
        world.behave(Behaviour::Lie(Lie::Forget));
        let ticket = world.write("a", Value::Int(50), 3 * S);
        world.run_until(2 * S, "settled", |w| w.outcomes(ticket).len() == 2);
        assert_eq!(world.outcomes(ticket), [Outcome::Sent, Outcome::Mismatch(Value::Int(33))]);

        // It says no.
        world.behave(Behaviour::Refuse(Code::IllegalDataValue));
        let ticket = world.write("a", Value::Int(51), 3 * S);
        world.run_until(2 * S, "settled", |w| w.outcomes(ticket).len() == 2);
        assert_eq!(world.outcomes(ticket)[1], Outcome::Refused("device refused: illegal data value".into()));

        // It says nothing.
        world.behave(Behaviour::Normal);
        world.run(S);
        world.behave(Behaviour::Silent);
        let ticket = world.write("a", Value::Int(52), 200 * MS);
        world.run_until(2 * S, "settled", |w| w.outcomes(ticket).len() == 2);
        assert_eq!(world.outcomes(ticket), [Outcome::Sent, Outcome::Expired]);
    }
}

#[test]
fn a_write_while_offline_or_before_the_first_reading_is_refused_and_never_sent_later() {
    let mut world = World::new(plc(), &two_blocks(tcp(Form::Poll)), &[]);
    let early = world.write("a", Value::Int(1), 60 * S);
    assert!(matches!(&world.outcomes(early)[..], [Outcome::Refused(_)]));
    world.run(S);
    world.set_net(Net::Cut);
    world.run(5 * S);
    let ticket = world.write("a", Value::Int(99), 60 * S);
    assert_eq!(world.outcomes(ticket), [Outcome::Refused("device offline".into())]);
    world.set_net(Net::Up);
    world.run(5 * S);
    assert_eq!(world.plant.peek("plc", sim::At::holding(1), 1).unwrap(), [7]);
}

#[test]
fn bits_coils_and_big_numbers_are_written_with_what_fits() {
    let bit = |n| Some(Address { bit: Some(n), ..at(10) });
    let coil = Some(Address { table: Table::Coils, ..at(4) });
    let tags = vec![
        tag_of("bit3", WordType::Bool, bit(3), bit(3)),
        tag_of("bit0", WordType::Bool, bit(0), bit(0)),
        tag_of("coil", WordType::Bool, coil, coil),
        tag_of("big", WordType::Uint64, Some(at(20)), Some(at(20))),
        tag_of("word", WordType::Uint16, Some(at(30)), Some(at(30))),
    ];
    let plc = Plc::new().blank(40).register(10, 0x8001).coil(4, false);
    let mut world = World::new(plc, &client(vec![tcp(Form::Poll)], tags), &[]);
    world.run(S);
    let writes = [("bit3", 1), ("bit0", 0), ("coil", 1), ("big", 0x0102_0304_0506_0708), ("word", 65535)];
    for (tag, value) in writes {
        let ticket = world.write(tag, Value::Int(value), 3 * S);
        world.run_until(S, tag, |w| w.outcomes(ticket).len() == 2);
        assert_eq!(world.outcomes(ticket), [Outcome::Sent, Outcome::Confirmed], "{tag}");
        assert_eq!(*world.reading(tag), good(value));
    }
    assert_eq!(world.plant.peek("plc", sim::At::holding(10), 1).unwrap(), [0x8008], "the other bits stay");
    assert_eq!(world.plant.peek("plc", sim::At::holding(20), 4).unwrap(), [0x0102, 0x0304, 0x0506, 0x0708]);
    let functions: Vec<u8> = world.requests.iter().map(|(_, bytes)| bytes[7]).filter(|f| *f > 4).collect();
    assert_eq!(functions, [22, 22, 5, 16, 6]);
    let ticket = world.write("coil", Value::Int(2), S);
    assert_eq!(world.outcomes(ticket), [Outcome::Refused("neither 0 nor 1".into())]);
}

fn area(start: u16, count: u32) -> Area {
    Area { unit: 1, table: Table::HoldingRegisters, start: start - 1, count }
}

#[test]
fn an_area_is_read_back_and_then_written_every_period() {
    let rtu = site::Rtu { reads: vec![area(1, 10)], writes: vec![area(101, 8)], ..tcp(Form::Areas) };
    let tags = vec![
        tag_of("in", WordType::Uint32, Some(at(1)), None),
        tag_of("out", WordType::Float32, None, Some(at(101))),
        tag_of("out2", WordType::Int32, None, Some(at(103))),
        tag_of("both", WordType::Int16, Some(at(5)), Some(at(105))),
    ];
    // Low word first where 0.2.8 has it so.
    let plc = Plc::new()
        .registers(1, &[0x0002, 0x0001, 0, 0, 5, 0, 0, 0, 0, 0])
        .registers(101, &[0, 0x41A4, 0, 70_u16, 1, 2, 3, 4]);
    let mut world = World::new(plc, &client(vec![rtu], tags), &[]);
    world.run(400 * MS);
    assert_eq!(*world.reading("in"), good(0x0001_0002));
    assert_eq!(world.good("out"), Some(&Value::Float(20.5)));
    assert_eq!(*world.reading("out2"), good(70), "decoded in the order it is written in");
    let writes = |w: &World| w.requests.iter().filter(|(_, bytes)| bytes[7] == 16).count();
    assert_eq!(writes(&world), 0, "the first round only reads");
    world.run(10 * S);
    assert!((19..=21).contains(&writes(&world)), "every period, also unchanged: {}", writes(&world));
    assert_eq!(world.plant.peek("plc", sim::At::holding(105), 4).unwrap(), [1, 2, 3, 4], "as it was read back");

    let ticket = world.write("out2", Value::Int(-2), 3 * S);
    world.run_until(S, "settled", |w| w.outcomes(ticket).len() == 2);
    assert_eq!(world.outcomes(ticket), [Outcome::Sent, Outcome::Confirmed]);
    assert_eq!(world.plant.peek("plc", sim::At::holding(103), 2).unwrap(), [0xFFFF, 0xFFFE]);
    let both = world.write("both", Value::Int(1), S);
    assert_eq!(world.outcomes(both), [Outcome::Refused("read only".into())]);

    // Gone: refused. On return: read back before anything is written, for a hand may have changed it.
    world.set_net(Net::Refusing);
    world.run(3 * S);
    let ticket = world.write("out2", Value::Int(5), 60 * S);
    assert_eq!(world.outcomes(ticket), [Outcome::Refused("device offline".into())]);
    world.plant.poke("plc", sim::At::holding(104), &[1234]).unwrap();
    world.set_net(Net::Up);
    let back = world.elapsed();
    world.run(3 * S);
    let of_area = |(at, b): &&(Duration, Vec<u8>)| *at >= back && b[8..10] == 100_u16.to_be_bytes();
    let functions: Vec<u8> = world.requests.iter().filter(of_area).map(|(_, b)| b[7]).collect();
    assert_eq!(functions[..3], [3, 16, 16], "read back once before anything is written: {functions:?}");
    assert_eq!(*world.reading("out2"), good(0xFFFF_0000_u32 as i32 as i64 + 1234));
    assert_eq!(world.plant.peek("plc", sim::At::holding(104), 1).unwrap(), [1234]);
}

#[test]
fn a_dead_unit_does_not_hold_up_its_neighbour() {
    for rtu in [tcp, serial] {
        let dead = Some(Address { unit: 9, ..at(1) });
        let tags =
            vec![tag_of("alive", WordType::Int16, Some(at(1)), None), tag_of("dead", WordType::Int16, dead, None)];
        let rtu_config = site::Rtu { timeout: 200 * MS, ..rtu(Form::Poll) };
        let mut world = World::new(serial_if(rtu, plc()), &client(vec![rtu_config], tags), &[]);
        world.run(20 * S);
        let began = world.elapsed();
        let before = world.said.len();
        world.run(60 * S);
        let confirmed = world.said[before..].iter().filter(|(_, say)| matches!(say, forebay_modbus::Say::Confirm(_)));
        let confirmed = confirmed.count();
        assert!(confirmed >= 110, "120 polls are due, {confirmed} were made");
        assert!(world.is_good_since("alive", began + 59 * S));
        assert!(world.reading("dead").good().is_none());
        if rtu(Form::Poll).transport == serial(Form::Poll).transport {
            assert_eq!(*world.reading("dead"), Reading::Missing(Fault::TimedOut));
            assert!(world.status().unwrap().why.contains("unit 9: timed out"));
        }
    }
}

/// Five dead units beside a living one on a serial line: together they cost a tenth of its time, the living one is
/// polled in time, and the status says how long a return may go unseen.
#[test]
fn all_dead_units_of_a_line_together_cost_a_tenth_of_its_time() {
    let dead = |unit| Some(Address { unit, ..at(1) });
    let mut tags = vec![tag_of("alive", WordType::Int16, Some(at(1)), None)];
    tags.extend((10..15).map(|unit| tag_of(&format!("dead{unit}"), WordType::Int16, dead(unit), None)));
    let mut world = World::new(plc().serial(), &client(vec![serial(Form::Poll)], tags), &[]);
    world.run(30 * S);
    let before = (world.requests.len(), world.elapsed());
    world.run(300 * S);
    let vain = world.requests[before.0..].iter().filter(|(_, bytes)| bytes[0] != 1).count();
    // Each waits for its timeout and for the bytes, which at 19200 baud are under 20 ms.
    let cost = vain as f64 * 0.3;
    assert!((15.0..=30.5).contains(&cost), "of 300 s, {cost} s went to {vain} requests to the dead");
    let each: Vec<usize> =
        (10..15).map(|unit| world.requests[before.0..].iter().filter(|(_, bytes)| bytes[0] == unit).count()).collect();
    assert!(each.iter().max().unwrap() - each.iter().min().unwrap() <= 1, "in turns: {each:?}");
    assert!(world.is_good_since("alive", before.1 + 299 * S));
    let why = &world.status().unwrap().why;
    assert!(why.ends_with("; a return is seen within 16 s"), "{why}");
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

/// A write to all units of a line is read back from one of them; the line is silent meanwhile.
#[test]
fn a_broadcast_is_confirmed_by_the_unit_that_is_read() {
    let all = Some(Address { unit: 0, ..at(1) });
    let tags = vec![tag_of("a", WordType::Int16, Some(at(1)), all)];
    let mut world = World::new(plc().serial(), &client(vec![serial(Form::Poll)], tags), &[]);
    world.run(S);
    let ticket = world.write("a", Value::Int(33), 3 * S);
    world.run_until(S, "settled", |w| w.outcomes(ticket).len() == 2);
    assert_eq!(world.outcomes(ticket), [Outcome::Sent, Outcome::Confirmed]);
    assert_eq!(*world.reading("a"), good(33));
    let at_all = world.requests.iter().position(|(_, bytes)| bytes[0] == 0).unwrap();
    assert_eq!(world.requests[at_all].1[..6], [0, 6, 0, 0, 0, 33]);
    let turn = world.requests[at_all + 1].0 - world.requests[at_all].0;
    assert!(turn >= 100 * MS, "the units have their turn: {turn:?}");
    assert_eq!(world.counters().timeouts, 0);
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

/// One register, so that every read of it looks like every other: still back in time, whenever it comes.
#[test]
fn a_serial_unit_of_one_register_is_found_again() {
    for phase in (0..4000).step_by(61) {
        let tags = vec![tag_of("a", WordType::Int16, Some(at(1)), None)];
        let mut world = World::new(plc().serial(), &client(vec![serial(Form::Poll)], tags), &[]);
        world.run(S);
        world.behave(Behaviour::Silent);
        world.run(8 * S + phase * MS);
        world.plant.poke("plc", sim::At::holding(1), &[42]).unwrap();
        world.behave(Behaviour::Normal);
        world.run_until(1500 * MS, &format!("back, phase {phase}"), |w| *w.reading("a") == good(42));
    }
}

/// A device without masked writes, or one that only says it has them: the word is read, changed and written whole, now
/// and from then on.
#[test]
fn a_unit_without_function_22_gets_its_bits_with_the_word_around_them() {
    use forebay_modbus::{Action, Config, Device, Reply, Report, Ticket, WriteRequest};
    use shell::Clock;
    use tokio_modbus::{Request, Response};
    for refuses in [true, false] {
        let now = shell::SystemClock.mono();
        let wall = tag::Timestamp(1);
        let bit = Some(Address { bit: Some(4), ..at(1) });
        let tags = vec![tag_of("bit", WordType::Bool, bit, bit)];
        let config = Config::new(&client(vec![tcp(Form::Poll)], tags), &[]).unwrap();
        let mut device = Device::new(config.lines[0].clone(), now);
        assert_eq!(device.next(now), Action::Connect);
        device.on_connected(now);
        let exchange = |device: &mut Device, now, asked: Request<'static>, reply: Reply| {
            let Action::Send { asked: number, unit: 1, request, .. } = device.next(now) else {
                panic!("expected {asked:?}")
            };
            assert_eq!(request, asked);
            device.on_reply(now, wall, number, reply);
        };
        let read = || Request::ReadHoldingRegisters(0, 1);
        let holds = |n| Reply::Answer(Response::ReadHoldingRegisters(vec![n]));
        exchange(&mut device, now, read(), holds(0x8001));
        let wish = |n, on| WriteRequest { ticket: Ticket(n), point: 0, value: Value::Int(on), deadline: now + 3 * S };
        device.write(now, &wish(1, 1));
        let masked = Request::MaskWriteRegister(0, 0xFFEF, 0x0010);
        let mut later = now;
        if refuses {
            exchange(&mut device, now, masked, Reply::Exception(ExceptionCode(1)));
        } else {
            exchange(&mut device, now, masked, Reply::Answer(Response::MaskWriteRegister(0, 0xFFEF, 0x0010)));
            for _ in 0..4 {
                exchange(&mut device, later, read(), holds(0x8001));
                later += 100 * MS;
            }
        }
        let written = || Reply::Answer(Response::WriteSingleRegister(0, 0));
        exchange(&mut device, later, read(), holds(0x8001));
        exchange(&mut device, later, Request::WriteSingleRegister(0, 0x8011), written());
        exchange(&mut device, later, read(), holds(0x8011));
        assert_eq!(device.take_reports().last(), Some(&Report::Outcome(Ticket(1), Outcome::Confirmed)));
        device.write(later, &wish(2, 0));
        exchange(&mut device, later, read(), holds(0x8011));
        exchange(&mut device, later, Request::WriteSingleRegister(0, 0x8001), written());
        exchange(&mut device, later, read(), holds(0x8001));
        assert_eq!(device.take_reports().last(), Some(&Report::Outcome(Ticket(2), Outcome::Confirmed)));
    }
}

/// `write_read`: a set-point is one request, function 23, and confirmed by its answer; a device that reads before it writes,
/// or takes the value over later, is looked at again; a unit without the function gets the two requests of old.
#[test]
fn a_set_point_is_written_and_read_back_in_one_request() {
    let line = site::Rtu { write_read: true, ..tcp(Form::Poll) };
    let tags = vec![tag_of("a", WordType::Float32, Some(at(11)), Some(at(11)))];
    let mut world = World::new(Plc::new().registers(11, &[0, 0]), &client(vec![line], tags.clone()), &[]);
    // Between two polls.
    world.run(1200 * MS);
    let before = world.requests.len();
    let ticket = world.write("a", Value::Float(20.5), 3 * S);
    world.run_until(200 * MS, "confirmed", |w| w.outcomes(ticket).contains(&Outcome::Confirmed));
    let functions: Vec<u8> = world.requests[before..].iter().map(|(_, frame)| frame[7]).collect();
    assert_eq!(functions, [23], "one request, nothing else");
    assert_eq!(world.plant.peek(Plc::NAME, sim::At::holding(11), 2), Some(vec![0x41A4, 0]));
    assert_eq!(world.good("a"), Some(&Value::Float(20.5)), "known before the next poll");

    use forebay_modbus::{Action, Config, Device, Reply, Report, Ticket, WriteRequest};
    use shell::Clock;
    use tokio_modbus::{Request, Response};
    let line = site::Rtu { write_read: true, ..tcp(Form::Poll) };
    let tags = vec![tag_of("a", WordType::Int16, Some(at(1)), Some(at(1)))];
    let config = Config::new(&client(vec![line], tags), &[]).unwrap();
    let (now, wall) = (shell::SystemClock.mono(), tag::Timestamp(1));
    let mut device = Device::new(config.lines[0].clone(), now);
    assert_eq!(device.next(now), Action::Connect);
    device.on_connected(now);
    let exchange = |device: &mut Device, now, asked: Request<'static>, reply: Reply| {
        let Action::Send { asked: number, unit: 1, request, .. } = device.next(now) else {
            panic!("expected {asked:?}")
        };
        assert_eq!(request, asked);
        device.on_reply(now, wall, number, reply);
    };
    let read = || Request::ReadHoldingRegisters(0, 1);
    let holds = |n| Reply::Answer(Response::ReadHoldingRegisters(vec![n]));
    let both = |n| Request::ReadWriteMultipleRegisters(0, 1, 0, vec![n].into());
    let wish = |n, value| WriteRequest { ticket: Ticket(n), point: 0, value: Value::Int(value), deadline: now + 3 * S };
    let last = |device: &mut Device| device.take_reports().last().cloned();
    exchange(&mut device, now, read(), holds(7));
    device.write(now, &wish(1, 9));
    exchange(&mut device, now, both(9), Reply::Answer(Response::ReadWriteMultipleRegisters(vec![7])));
    exchange(&mut device, now + 100 * MS, read(), holds(9));
    assert_eq!(
        last(&mut device),
        Some(Report::Outcome(Ticket(1), Outcome::Confirmed)),
        "written once, looked at again"
    );
    let later = now + 200 * MS;
    device.write(later, &wish(2, 10));
    exchange(&mut device, later, both(10), Reply::Exception(ExceptionCode(2)));
    assert!(
        matches!(last(&mut device), Some(Report::Outcome(Ticket(2), Outcome::Refused(_)))),
        "a no to the value is a no"
    );
    for (n, has_it) in [(3, true), (4, false)] {
        device.write(later, &wish(n, 11));
        if has_it {
            exchange(&mut device, later, both(11), Reply::Exception(ExceptionCode(1)));
        }
        let written = Reply::Answer(Response::WriteSingleRegister(0, 11));
        exchange(&mut device, later, Request::WriteSingleRegister(0, 11), written);
        exchange(&mut device, later, read(), holds(11));
        assert_eq!(last(&mut device), Some(Report::Outcome(Ticket(n), Outcome::Confirmed)), "and it is remembered");
    }
}

/// The state machine by itself: a unit without the single write is asked with the multiple one, now and from then on.
#[test]
fn a_unit_without_function_6_is_written_with_16() {
    use forebay_modbus::{Action, Config, Device, Reply, Report, Ticket, WriteRequest};
    use shell::Clock;
    use tokio_modbus::{Request, Response};
    let now = shell::SystemClock.mono();
    let wall = tag::Timestamp(1);
    let tags = vec![tag_of("a", WordType::Int16, Some(at(1)), Some(at(1)))];
    let config = Config::new(&client(vec![tcp(Form::Poll)], tags), &[]).unwrap();
    let mut device = Device::new(config.lines[0].clone(), now);
    assert_eq!(device.next(now), Action::Connect);
    device.on_connected(now);
    let exchange = |device: &mut Device, asked: Request<'static>, reply: Reply| {
        let Action::Send { asked: number, unit: 1, request, .. } = device.next(now) else {
            panic!("expected {asked:?}")
        };
        assert_eq!(request, asked);
        device.on_reply(now, wall, number, reply);
    };
    let read = || Request::ReadHoldingRegisters(0, 1);
    let holds = |n| Reply::Answer(Response::ReadHoldingRegisters(vec![n]));
    exchange(&mut device, read(), holds(7));
    for (n, has_single) in [(1, true), (2, false)] {
        let request =
            WriteRequest { ticket: Ticket(n), point: 0, value: Value::Int(50 + n as i64), deadline: now + 3 * S };
        device.write(now, &request);
        let word = 50 + n as u16;
        if has_single {
            exchange(&mut device, Request::WriteSingleRegister(0, word), Reply::Exception(ExceptionCode(1)));
        }
        let written = Reply::Answer(Response::WriteMultipleRegisters(0, 1));
        exchange(&mut device, Request::WriteMultipleRegisters(0, vec![word].into()), written);
        exchange(&mut device, read(), holds(word));
        let reports = device.take_reports();
        assert_eq!(reports.last(), Some(&Report::Outcome(Ticket(n), Outcome::Confirmed)), "{reports:?}");
        let sent = reports.iter().filter(|r| **r == Report::Outcome(Ticket(n), Outcome::Sent)).count();
        assert_eq!(sent, 1, "said once");
    }
}
