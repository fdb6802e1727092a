//! Faults that end: held while they last, good again within a poll and a second; dead units beside living ones.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::Duration;

use sim::{Behaviour, Lie};
use site::{Address, Form, WordType};
use stepped::{Net, World, at, client, good, plc, serial, serial_if, tag_of, tcp, two_blocks};
use tag::{Fault, Reading, Value};

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

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

/// A serial device that answers later than it is waited for: polls are missed meanwhile, but they would fit well, and
/// neither during the fault nor after it is said that they don't.
#[test]
fn what_lost_answers_push_aside_is_not_said_to_be_too_much() {
    let tags = vec![tag_of("a", WordType::Int16, Some(at(1)), None)];
    let mut world = World::new(plc().serial(), &client(vec![serial(Form::Poll)], tags), &[]);
    world.run(S);
    for slow in [350, 500, 900, 1500, 3500] {
        world.behave(Behaviour::slow_ms(slow));
        world.run(60 * S);
        world.behave(Behaviour::Normal);
        world.run(20 * S);
        assert!(world.status().unwrap().ok, "{:?}", world.status());
    }
    assert!(world.counters().overruns > 6, "{:?}", world.counters());
    let reasons = world.said.iter().filter_map(|(_, say)| match say {
        forebay_modbus::Say::Status(_, status) => Some(status.why.as_str()),
        _ => None,
    });
    let crowded: Vec<&str> = reasons.filter(|why| why.contains("don't fit")).collect();
    assert!(crowded.is_empty(), "{crowded:?}");
}

/// A device that isn't up yet when its first block is asked twice, and answers for its second: the first isn't left to the
/// next period.
#[test]
fn what_was_given_up_before_its_unit_was_heard_is_asked_again_at_once() {
    for rtu in [tcp, serial] {
        let slow = site::Rtu { rate: 60 * S, timeout: 300 * MS, ..rtu(Form::Poll) };
        let mut world = World::new(serial_if(rtu, plc()), &two_blocks(slow), &[]);
        world.behave(Behaviour::Silent);
        // Two tries of 0.3 s and the bytes' own time.
        world.run(450 * MS);
        world.behave(Behaviour::Normal);
        world.run_until(2 * S, "both", |w| w.good("far").is_some() && w.good("a").is_some());
        assert_eq!(world.counters().timeouts, 2);
    }
}
