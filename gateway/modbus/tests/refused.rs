//! What a device refuses: the part of a block is found, and remembered; the rest is read.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::Duration;

use sim::{Behaviour, Plc};
use site::{Form, Rtu, WordType};
use stepped::{World, at, client, good, plc, tag_of, tcp};
use tag::{ExceptionCode, Fault, Reading};
use tokio_modbus::ExceptionCode as Code;

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

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

/// The same without a restart: what was found out is doubted after an hour.
#[test]
fn a_hole_that_was_filled_is_read_over_again_within_an_hour() {
    let mut plc = Plc::new();
    for n in (1..=10).chain(14..=40) {
        plc = plc.register(n, n);
    }
    let tags = (1..=10).chain(14..=40).map(|n| tag_of(&format!("t{n}"), WordType::Uint16, Some(at(n)), None)).collect();
    let mut world = World::new(plc, &client(vec![Rtu { rate: 10 * S, ..tcp(Form::Poll) }], tags), &[]);
    world.run(20 * S);
    let per_100_s = |world: &mut World| {
        let before = world.counters().requests;
        world.run(100 * S);
        world.counters().requests - before
    };
    assert_eq!(per_100_s(&mut world), 20, "two reads every 10 s");
    for n in 11..=13 {
        world.plant.poke("plc", sim::At::holding(n), &[0]).unwrap();
    }
    assert_eq!(per_100_s(&mut world), 20);
    world.run(3600 * S);
    assert_eq!(per_100_s(&mut world), 10, "one read every 10 s");
}

/// What stays refused is searched less and less; what was readable in between is searched as if for the first time.
#[test]
fn a_search_that_finds_nothing_is_repeated_less_and_less() {
    // Some say of an address that it is an illegal value.
    for code in [Code::IllegalDataAddress, Code::IllegalDataValue] {
        let mut world = eight_registers();
        world.behave(Behaviour::Refuse(code));
        let first = searches(&mut world, 300 * S);
        assert!((3..=5).contains(&first), "after 0, 30, 60, 120, 240 s …: {first}");
        let then = searches(&mut world, 3000 * S);
        assert!((5..=8).contains(&then), "… and every ten minutes at last: {then}");
        world.behave(Behaviour::Normal);
        world.run_until(5500 * MS, "all back", |w| (1..=8).all(|n| w.good(&format!("t{n}")).is_some()));
        world.run(10 * S);
        world.behave(Behaviour::Refuse(code));
        let anew = searches(&mut world, 300 * S);
        assert!((3..=5).contains(&anew), "it is news again: {anew}");
    }
}

/// What isn't said of an address is said of all that was asked.
#[test]
fn a_device_that_fails_is_not_searched() {
    for code in [Code::IllegalFunction, Code::ServerDeviceFailure, Code::ServerDeviceBusy] {
        let mut world = eight_registers();
        world.behave(Behaviour::Refuse(code));
        assert_eq!(searches(&mut world, 300 * S), 0, "{code:?}");
        world.behave(Behaviour::Normal);
        world.run_until(5500 * MS, "all back", |w| (1..=8).all(|n| w.good(&format!("t{n}")).is_some()));
    }
}

fn eight_registers() -> World {
    let tags = (1..=8).map(|n| tag_of(&format!("t{n}"), WordType::Uint16, Some(at(n)), None)).collect();
    let mut world = World::new(plc(), &client(vec![Rtu { rate: 5 * S, ..tcp(Form::Poll) }], tags), &[]);
    world.run(6 * S);
    world
}

/// A search of eight that are all refused is fourteen requests; the polls are one each.
fn searches(world: &mut World, time: Duration) -> u64 {
    let before = world.counters().requests;
    world.run(time);
    (world.counters().requests - before - time.as_secs() / 5) / 14
}

/// What was remembered of a block, and doesn't fit it: it is read as if nothing were known.
#[test]
fn a_memory_that_does_not_fit_is_none() {
    let mut plc = Plc::new();
    for n in 1..=40 {
        plc = plc.register(n, n);
    }
    let tags = (1..=40).map(|n| tag_of(&format!("t{n}"), WordType::Uint16, Some(at(n)), None)).collect();
    let site = client(vec![tcp(Form::Poll)], tags);
    let fits = "0-10 10-40";
    for runs in [fits, "0-10 12-40", "0-10 8-40", "0-10 10-39", "0-10 10-41", "10-40", "0-10 10-10 10-40", "40-0"] {
        let mut world = World::remembering(plc.clone(), &site, &format!("block\tRTU\t1\t4\t0\t40\t{runs}\n"));
        world.run_until(2 * S, runs, |w| (1..=40).all(|n| w.good(&format!("t{n}")).is_some()));
        let before = world.counters().requests;
        world.run(5 * S);
        assert_eq!(world.counters().requests - before, if runs == fits { 20 } else { 10 }, "{runs}");
    }
}
