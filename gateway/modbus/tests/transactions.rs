//! What a write must never become: kept for a device that is gone, called undone when nobody knows, shown where it isn't,
//! or undone by the area around it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::Duration;

use forebay_modbus::{Outcome, Say, Ticket, WRITES_MAX};
use sim::{Behaviour, Lie, Plc};
use site::{Form, Rtu, WordType};
use stepped::{Net, World, area, at, client, good, plc, serial, serial_if, tag_of, tcp, two_blocks};
use tag::Value;

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn refused(why: &str) -> Outcome {
    Outcome::Refused(why.into())
}

/// The connection is lost and not yet made anew: its units may still be well, but nothing is kept for them.
#[test]
fn between_two_connections_a_write_is_refused() {
    let mut world = World::new(plc(), &two_blocks(tcp(Form::Poll)), &[]);
    world.run(S);
    world.set_net(Net::Refusing);
    let ticket = world.write("a", Value::Int(99), 60 * S);
    assert_eq!(world.outcomes(ticket), [refused("device offline")]);
    world.set_net(Net::Up);
    world.run(3 * S);
    assert_eq!(world.plant.peek("plc", sim::At::holding(1), 1).unwrap(), [7]);
}

/// A register that the device refuses to show: what came of a write couldn't be told.
#[test]
fn what_was_never_read_is_not_written() {
    let tags = [("a", 1), ("nowhere", 900)].map(|(name, n)| tag_of(name, WordType::Int16, Some(at(n)), Some(at(n))));
    let mut world = World::new(plc(), &client(vec![tcp(Form::Poll)], tags.to_vec()), &[]);
    world.run(S);
    assert_eq!(*world.reading("a"), good(7));
    let ticket = world.write("nowhere", Value::Int(1), S);
    assert_eq!(world.outcomes(ticket), [refused("not read yet")]);
}

/// Once it is sent nobody knows what a device did that falls silent; what waited behind it was never sent.
#[test]
fn a_write_to_a_device_that_dies_is_expired_and_those_behind_it_are_refused() {
    for rtu in [tcp, serial] {
        let mut world = World::new(serial_if(rtu, plc()), &two_blocks(rtu(Form::Poll)), &[]);
        world.run(S);
        world.behave(Behaviour::Silent);
        let tickets = [50, 51].map(|value| world.write("a", Value::Int(value), 60 * S));
        world.run_until(5 * S, "settled", |w| w.outcomes(tickets[1]).len() == 1);
        assert_eq!(world.outcomes(tickets[0]), [Outcome::Sent, Outcome::Expired]);
        assert_eq!(world.outcomes(tickets[1]), [refused("device offline")]);
        world.behave(Behaviour::Normal);
        world.run(10 * S);
        assert_eq!(world.plant.peek("plc", sim::At::holding(1), 1).unwrap(), [7], "nothing was sent again");
    }
}

/// The device did it and its answer was lost: it is asked what it holds, and not told a second time.
#[test]
fn a_write_whose_answer_was_lost_is_looked_at_and_not_sent_again() {
    let mut world = World::new(plc(), &two_blocks(tcp(Form::Poll)), &[]);
    world.run(S);
    world.behave(Behaviour::Slow(3 * S));
    let ticket = world.write("a", Value::Int(33), 5 * S);
    world.run_until(S, "sent", |w| w.outcomes(ticket).len() == 1);
    world.behave(Behaviour::Normal);
    assert_eq!(settled(&mut world, ticket, 2), [Outcome::Sent, Outcome::Confirmed]);
    world.run(2 * S);
    assert_eq!(world.requests.iter().filter(|(_, bytes)| bytes[7] == 6).count(), 1);
}

/// A script that doesn't wait for outcomes is told so; what was taken is carried out.
#[test]
fn more_writes_than_can_wait_are_refused() {
    let mut world = World::new(plc(), &two_blocks(tcp(Form::Poll)), &[]);
    world.run(S);
    let tickets: Vec<Ticket> = (0..WRITES_MAX + 2).map(|n| world.write("a", Value::Int(n as i64), 60 * S)).collect();
    let (taken, over) = tickets.split_at(WRITES_MAX);
    assert!(over.iter().all(|ticket| world.outcomes(*ticket) == [refused("too many writes are waiting")]));
    let last = taken[WRITES_MAX - 1];
    world.run_until(10 * S, "all settled", |w| w.outcomes(last).len() == 2);
    assert!(taken.iter().all(|ticket| world.outcomes(*ticket) == [Outcome::Sent, Outcome::Confirmed]));
}

/// A script that writes all the time must not make the page blind: reads go out between.
#[test]
fn who_writes_all_the_time_does_not_keep_reads_waiting() {
    for rtu in [tcp, serial] {
        let mut world = World::new(serial_if(rtu, plc()), &two_blocks(rtu(Form::Poll)), &[]);
        world.run(S);
        for n in 0..2000 {
            world.write("a", Value::Int(n), 60 * S);
            world.run(5 * MS);
            let since = world.elapsed().saturating_sub(1200 * MS);
            assert!(world.is_good_since("far", since), "at {:?}", world.elapsed());
        }
    }
}

/// There is no time for another look: what was seen is said while whoever wrote still listens.
#[test]
fn a_difference_is_told_before_the_time_is_over() {
    let mut world = World::new(plc(), &two_blocks(tcp(Form::Poll)), &[]);
    world.run(S);
    world.behave(Behaviour::Lie(Lie::Forget));
    let ticket = world.write("a", Value::Int(50), 150 * MS);
    assert_eq!(settled(&mut world, ticket, 2), [Outcome::Sent, Outcome::Mismatch(Value::Int(7))]);
}

/// A set-point is written beside the value that is shown: what is read back there is none of the value.
#[test]
fn what_is_read_back_elsewhere_is_not_shown_as_the_value() {
    let tags = vec![tag_of("a", WordType::Int16, Some(at(5)), Some(at(3)))];
    let mut world = World::new(Plc::new().blank(10).register(5, 7), &client(vec![tcp(Form::Poll)], tags), &[]);
    world.run(S);
    let ticket = world.write("a", Value::Int(33), 3 * S);
    world.run_until(S, "settled", |w| w.outcomes(ticket).len() == 2);
    assert_eq!(world.outcomes(ticket), [Outcome::Sent, Outcome::Confirmed]);
    assert_eq!((world.plant.peek("plc", sim::At::holding(3), 1).unwrap(), world.reading("a")), (vec![33], &good(7)));
    world.run(2 * S);
    assert_eq!(*world.reading("a"), good(7));
}

/// A device that takes its time over a write, though its reads are quick, isn't given up after the time of a read.
#[test]
fn a_write_may_take_longer_than_reads_do() {
    let mut world = World::new(plc(), &two_blocks(tcp(Form::Poll)), &[]);
    world.run(10 * S);
    world.run_until(S, "between two polls", |w| w.requests.last().unwrap().0 + 20 * MS == w.elapsed());
    world.behave(Behaviour::Slow(600 * MS));
    let ticket = world.write("a", Value::Int(33), 5 * S);
    world.run(MS);
    let sent = world.requests.len();
    assert_eq!(world.outcomes(ticket), [Outcome::Sent]);
    world.run(590 * MS);
    assert_eq!((world.requests.len(), world.counters().timeouts), (sent, 0));
    world.behave(Behaviour::Normal);
    world.run_until(S, "settled", |w| w.outcomes(ticket).len() == 2);
    assert_eq!(world.outcomes(ticket)[1], Outcome::Confirmed);
}

/// An area of two values, at 101 and 103, of which the first holds 70; once it was read back.
fn an_area(rtu: fn(Form) -> Rtu) -> World {
    let site = Rtu { reads: vec![area(1, 10)], writes: vec![area(101, 4)], ..rtu(Form::Areas) };
    let out = |name, n| tag_of(name, WordType::Int16, None, Some(at(n)));
    let plc = serial_if(rtu, Plc::new().blank(10).registers(101, &[70, 1, 2, 3]));
    let mut world = World::new(plc, &client(vec![site], vec![out("out", 101), out("other", 103)]), &[]);
    world.run(3 * S);
    assert_eq!(*world.reading("out"), good(70));
    world
}

fn settled(world: &mut World, ticket: Ticket, count: usize) -> Vec<Outcome> {
    world.run_until(3 * S, "settled", |w| w.outcomes(ticket).len() == count);
    world.outcomes(ticket)
}

/// The device did it, but its answer was lost, and nobody has looked before the time was over: the next period must not
/// write the old value over the new one.
#[test]
fn an_expired_write_that_arrived_is_not_undone_by_its_area() {
    let mut world = an_area(tcp);
    world.behave(Behaviour::Slow(3 * S));
    let ticket = world.write("out", Value::Int(-2), 900 * MS);
    world.run(2 * MS);
    assert_eq!(world.outcomes(ticket), [Outcome::Sent]);
    world.behave(Behaviour::Normal);
    assert_eq!(settled(&mut world, ticket, 2), [Outcome::Sent, Outcome::Expired]);
    world.run(5 * S);
    assert_eq!(world.plant.peek("plc", sim::At::holding(101), 4).unwrap(), [0xFFFE, 1, 2, 3]);
    assert_eq!(*world.reading("out"), good(-2));
}

/// A unit of a serial line that was away, while the line stayed: a hand may have changed its area.
#[test]
fn an_area_is_read_back_when_its_unit_returns() {
    let mut world = an_area(serial);
    world.behave(Behaviour::Silent);
    world.run_until(5 * S, "gone", |w| w.good("out").is_none());
    world.plant.poke("plc", sim::At::holding(103), &[1234]).unwrap();
    world.behave(Behaviour::Normal);
    world.run_until(5 * S, "back", |w| *w.reading("other") == good(1234));
    world.run(3 * S);
    assert_eq!(world.plant.peek("plc", sim::At::holding(101), 4).unwrap(), [70, 1, 1234, 3]);
}

/// It was acknowledged, and what would have shown it was lost: once the area is read back again its value is news.
#[test]
fn what_an_expired_write_left_in_an_area_is_told() {
    let mut world = an_area(tcp);
    let (ticket, sent) = (world.write("out", Value::Int(-2), 900 * MS), world.requests.len());
    world.run_until(S, "the write is sent", |w| w.requests[sent..].iter().any(|(_, bytes)| bytes[7] == 16));
    world.behave(Behaviour::Silent);
    world.run(500 * MS);
    world.behave(Behaviour::Normal);
    assert_eq!(settled(&mut world, ticket, 2), [Outcome::Sent, Outcome::Expired]);
    world.run_until(2 * S, "the new value", |w| *w.reading("out") == good(-2));
    assert_eq!(world.plant.peek("plc", sim::At::holding(101), 4).unwrap(), [0xFFFE, 1, 2, 3]);
}

/// A connection that was away for a moment: the area may have been changed meanwhile, and what it holds isn't known until
/// it is read back; until then nothing is written.
#[test]
fn an_area_is_not_written_before_it_was_read_back_on_a_new_connection() {
    let mut world = an_area(tcp);
    world.set_net(Net::Refusing);
    world.plant.poke("plc", sim::At::holding(103), &[1234]).unwrap();
    world.set_net(Net::Up);
    let sent = world.requests.len();
    world.run_until(S, "asked again", |w| w.requests.len() > sent);
    let ticket = world.write("out", Value::Int(5), 10 * S);
    assert_eq!(world.outcomes(ticket), [refused("not read yet")]);
    world.run(3 * S);
    assert_eq!(world.plant.peek("plc", sim::At::holding(101), 4).unwrap(), [70, 1, 1234, 3]);
    assert_eq!(*world.reading("other"), good(1234));
    let ticket = world.write("out", Value::Int(5), 10 * S);
    assert_eq!(settled(&mut world, ticket, 2), [Outcome::Sent, Outcome::Confirmed]);
    world.run(3 * S);
    assert_eq!(world.plant.peek("plc", sim::At::holding(101), 4).unwrap(), [5, 1, 1234, 3]);
}

/// What the device has acknowledged and nobody has read back yet isn't told of as its value, though the area around it goes
/// out and is acknowledged meanwhile.
#[test]
fn what_is_not_read_back_yet_is_not_told_by_its_area() {
    let rtu = Rtu { rate: 50 * MS, reads: vec![area(1, 10)], writes: vec![area(101, 4)], ..tcp(Form::Areas) };
    let tags = vec![tag_of("out", WordType::Int16, None, Some(at(101)))];
    let plc = Plc::new().blank(10).registers(101, &[70, 1, 2, 3]);
    let mut world = World::new(plc, &client(vec![rtu], tags), &[]);
    world.run(S);
    world.behave(Behaviour::Lie(Lie::Forget));
    let (before, sent) = (world.said.len(), world.requests.len());
    let ticket = world.write("out", Value::Int(5), 3 * S);
    assert_eq!(settled(&mut world, ticket, 2), [Outcome::Sent, Outcome::Mismatch(Value::Int(70))]);
    let areas = world.requests[sent..].iter().filter(|(_, bytes)| bytes[7] == 16).count();
    assert!(areas >= 3, "the write, and the area's own: {areas}");
    // A PLC that takes it over with its next scan must not be given the old value meanwhile.
    let first = |bytes: &[u8]| i64::from(u16::from_be_bytes([bytes[13], bytes[14]]));
    let written = world.requests[sent..].iter().filter(|(_, bytes)| bytes[7] == 16).map(|(_, bytes)| first(bytes));
    assert!(written.clone().all(|value| value == 5), "{:?}", written.collect::<Vec<_>>());
    let told = world.said[before..].iter().filter_map(|(_, say)| match say {
        Say::Publish(_, sample) => Some(&sample.reading),
        _ => None,
    });
    assert!(told.clone().all(|reading| *reading == good(70)), "{:?}", told.collect::<Vec<_>>());
}
