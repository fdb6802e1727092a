//! Writes as transactions: sent, read back, and only then confirmed; areas that are written every period.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::Duration;

use forebay_modbus::Outcome;
use sim::{Behaviour, Lie, Plc};
use site::{Address, Form, Table, WordType};
use stepped::{Net, World, area, at, clamped, client, good, limits, plc, serial, serial_if, tag_of, tcp, two_blocks};
use tag::{Kind, TagDef, Value};
use tokio_modbus::ExceptionCode as Code;

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

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

/// Where the site says so, the limit is written in place of what is past it, and never called confirmed.
#[test]
fn what_is_past_the_limits_is_moved_to_them_where_the_site_says_so() {
    let of = |name: &str, word_type, word| tag_of(name, word_type, Some(at(word)), Some(at(word)));
    let tags = vec![
        of("gate", WordType::Int16, 1),
        of("level", WordType::Float32, 3),
        of("small", WordType::Uint16, 5),
        site::ModbusTag { scale: 0.1, ..of("share", WordType::Uint16, 6) },
        of("half", WordType::Float32, 7),
    ];
    let defs = [
        clamped("gate", Kind::Int, -5.5, 10.5),
        clamped("level", Kind::Float, -1.5, 4.5),
        clamped("small", Kind::Int, -3.0, 70_000.0),
        clamped("share", Kind::Float, 0.0, 100.0),
        TagDef { min: None, ..clamped("half", Kind::Float, 0.0, 1.0) },
    ];
    for rtu in [tcp, serial] {
        let site = client(vec![rtu(Form::Poll)], tags.clone());
        let mut world = World::new(serial_if(rtu, Plc::new().blank(20)), &site, &defs);
        world.run(S);
        let story = [
            ("gate", Value::Int(12), Value::Int(10)),
            ("gate", Value::Int(13), Value::Int(10)),
            ("gate", Value::Int(-40_000), Value::Int(-5)),
            ("level", Value::Float(1e9), Value::Float(4.5)),
            ("level", Value::Int(-2), Value::Float(-1.5)),
            ("share", Value::Float(100.2), Value::Float(100.0)),
            ("half", Value::Float(1.5), Value::Float(1.0)),
        ];
        for (tag, wish, limit) in story {
            let ticket = world.write(tag, wish.clone(), 3 * S);
            world.run_until(S, tag, |w| w.outcomes(ticket).len() == 2);
            assert_eq!(world.outcomes(ticket), [Outcome::Sent, Outcome::Mismatch(limit.clone())], "{tag} = {wish:?}");
            assert_eq!(world.good(tag), Some(&limit), "published before it is settled");
        }
        assert_eq!(world.plant.peek("plc", sim::At::holding(1), 4).unwrap(), [-5_i16 as u16, 0, 0xBFC0, 0]);
        assert_eq!(world.plant.peek("plc", sim::At::holding(6), 1).unwrap(), [1000]);

        // The limit itself is as good a wish as any, and so is what has no limit.
        for (tag, wish) in [("gate", Value::Int(10)), ("level", Value::Float(4.5)), ("half", Value::Float(-7e5))] {
            let ticket = world.write(tag, wish, 3 * S);
            world.run_until(S, tag, |w| w.outcomes(ticket).len() == 2);
            assert_eq!(world.outcomes(ticket), [Outcome::Sent, Outcome::Confirmed], "{tag}");
        }

        // What the register doesn't take, or is no number to be moved, is refused as ever.
        let sent = world.requests.len();
        for (tag, wish, why) in [
            ("small", Value::Int(80_000), "over max 65535 of the register"),
            ("small", Value::Int(-4), "under min 0 of the register"),
            ("level", Value::Float(f64::NAN), "not a finite number"),
            ("level", Value::Float(f64::INFINITY), "over max 4.5"),
            ("gate", Value::from("open"), "not a number"),
        ] {
            let ticket = world.write(tag, wish, S);
            assert_eq!(world.outcomes(ticket), [Outcome::Refused(why.into())], "{tag}");
        }
        assert_eq!(world.requests.len(), sent, "nothing of it went out");

        // A device that keeps its own opinion is believed, not the limit.
        world.behave(Behaviour::Lie(Lie::Forget));
        let ticket = world.write("gate", Value::Int(-99), 3 * S);
        world.run_until(2 * S, "settled", |w| w.outcomes(ticket).len() == 2);
        assert_eq!(world.outcomes(ticket), [Outcome::Sent, Outcome::Mismatch(Value::Int(10))]);
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

/// A set-point that was never set: no value, no state, no number. It can be set all the same, else it never could.
#[test]
fn what_holds_nothing_of_meaning_can_be_set() {
    let of = |name: &str, word_type, word| tag_of(name, word_type, Some(at(word)), Some(at(word)));
    let tags = vec![
        site::ModbusTag { no_value: vec![-32768], ..of("none", WordType::Int16, 1) },
        site::ModbusTag { states: vec![0, 5, 9], ..of("mode", WordType::Uint16, 2) },
        of("level", WordType::Float32, 3),
        of("big", WordType::Uint64, 5),
        of("digits", WordType::Bcd16, 9),
    ];
    let words = [0x8000, 3, 0x7FC0, 0, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xABCD];
    let mut world = World::new(Plc::new().registers(1, &words), &client(vec![tcp(Form::Poll)], tags), &[]);
    world.run(S);
    for tag in ["none", "mode", "level", "big", "digits"] {
        assert_eq!(*world.reading(tag), tag::Reading::Missing(tag::Fault::OutOfRange), "{tag}");
    }
    // The mark itself can't be written, nor a state that isn't there.
    let ticket = world.write("none", Value::Int(-32768), S);
    assert!(matches!(&world.outcomes(ticket)[..], [Outcome::Refused(why)] if why.contains("no value")));
    let ticket = world.write("mode", Value::Int(3), S);
    assert!(matches!(&world.outcomes(ticket)[..], [Outcome::Refused(why)] if why.contains("no state")));
    for (tag, value) in [("none", 5), ("mode", 2), ("level", 7), ("big", 9), ("digits", 1234)] {
        let ticket = world.write(tag, Value::Int(value), 3 * S);
        world.run_until(S, tag, |w| w.outcomes(ticket).len() == 2);
        assert_eq!(world.outcomes(ticket), [Outcome::Sent, Outcome::Confirmed], "{tag}");
    }
    let held = world.plant.peek("plc", sim::At::holding(1), 9).unwrap();
    assert_eq!(held, [5, 9, 0x40E0, 0, 0, 0, 0, 9, 0x1234]);
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
