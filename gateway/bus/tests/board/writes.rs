//! Writes of modules and their outcomes.

use super::*;

#[test]
fn writes_of_modules_have_exactly_one_final_outcome() {
    let mut world = World::new();
    let mut owner = world.module("modbus", |core| {
        let group = core.group(None);
        core.own(&name("set"), group);
    });
    owner.core.publish(Handle(0), good(1));
    owner.drive(&mut world);
    let mut writer = world.module("www", |core| {
        core.refer(&name("set"));
        core.refer(&name("free"));
    });
    let first = writer.core.write(Handle(0), Value::Int(2), world.in_5_s(), "somebody");
    writer.drive(&mut world);
    let events = owner.drive(&mut world);
    let Event::Write { id: request, ref who, deadline, .. } = events[0] else { panic!("{events:?}") };
    assert_eq!((who.as_str(), deadline), ("somebody", world.in_5_s()));
    owner.core.settle(request, Outcome::Sent);
    owner.core.settle(request, Outcome::Confirmed);
    owner.core.settle(request, Outcome::Refused("twice".into()));
    owner.drive(&mut world);
    let outcomes = writer.drive(&mut world);
    assert_eq!(outcomes, [Event::Outcome(first, Outcome::Sent), Event::Outcome(first, Outcome::Confirmed)]);

    let late = writer.core.write(Handle(0), Value::Int(3), world.in_5_s(), "somebody");
    writer.drive(&mut world);
    world.advance(Duration::from_secs(8));
    assert_eq!(writer.drive(&mut world), [Event::Outcome(late, Outcome::Expired)]);

    let free = writer.core.write(Handle(1), Value::Int(3), world.in_5_s(), "somebody");
    assert_eq!(writer.drive(&mut world), [Event::Outcome(free, Outcome::Stored)]);

    let orphaned = writer.core.write(Handle(0), Value::Int(4), world.in_5_s(), "somebody");
    writer.drive(&mut world);
    world.board.leaves(owner.id);
    assert_eq!(writer.drive(&mut world), [Event::Outcome(orphaned, Outcome::Refused("source not running".into()))]);
}

#[test]
fn a_write_that_lay_in_a_socket_past_its_deadline_is_not_done() {
    // A set-point's owner and a free tag; the bus, then the owner, doesn't run while a write lies in its socket.
    let mut world = World::new();
    let mut owner = world.module("modbus", |core| {
        let group = core.group(None);
        core.own(&name("set"), group);
    });
    owner.core.publish(Handle(0), good(1));
    owner.drive(&mut world);
    let mut writer = world.module("www", |core| {
        core.refer(&name("set"));
        core.watch(&name("free"), Delivery::Latest, None);
    });
    let writes = [0, 1].map(|tag| writer.core.write(Handle(tag), Value::Int(2), world.in_5_s(), "somebody"));
    world.advance(Duration::from_secs(5));
    let expired = writes.map(|write| Event::Outcome(write, Outcome::Expired));
    assert_eq!(writer.drive(&mut world), expired, "neither asked for nor stored");
    assert_eq!(owner.drive(&mut world), []);

    // The bus takes this one in time; its owner can tell how long it lay there.
    let deadline = world.in_5_s();
    writer.core.write(Handle(0), Value::Int(3), deadline, "somebody");
    writer.drive(&mut world);
    world.advance(Duration::from_secs(9));
    let events = owner.drive(&mut world);
    assert!(matches!(events[..], [Event::Write { deadline: told, .. }] if told == deadline), "{events:?}");
    assert_eq!(deadline.left(world.clock.uptime()), None);
}

#[test]
fn no_write_stays_open_for_ever() {
    // A module whose idea of the clock is wild writes; the owner says nothing.
    let mut world = World::new();
    let mut owner = world.module("modbus", |core| {
        let group = core.group(None);
        core.own(&name("set"), group);
    });
    owner.core.publish(Handle(0), good(1));
    owner.drive(&mut world);
    let mut writer = world.module("www", |core| {
        core.refer(&name("set"));
    });
    let write = writer.core.write(Handle(0), Value::Int(2), Uptime(u64::MAX), "somebody");
    writer.drive(&mut world);
    world.advance(forebay_bus::WRITE_LIFE_MAX + forebay_bus::SETTLE_GRACE);
    assert_eq!(writer.drive(&mut world), [Event::Outcome(write, Outcome::Expired)]);
}

#[test]
fn an_outcome_comes_behind_the_reading_that_made_it_true() {
    let mut world = World::new();
    let mut owner = world.module("modbus", |core| {
        let group = core.group(None);
        core.own(&name("set"), group);
    });
    owner.core.publish(Handle(0), good(1));
    owner.drive(&mut world);
    let mut writer = world.module("www", |core| {
        core.watch(&name("set"), Delivery::Latest, None);
    });
    let write = writer.core.write(Handle(0), Value::Int(2), world.in_5_s(), "somebody");
    writer.drive(&mut world);
    let Event::Write { id, .. } = owner.drive(&mut world).remove(0) else { panic!("no write") };
    owner.core.publish(Handle(0), good(2));
    owner.core.settle(id, Outcome::Confirmed);
    owner.drive(&mut world);
    let events = writer.drive(&mut world);
    assert_eq!(events, [Event::Sample(Handle(0), good(2)), Event::Outcome(write, Outcome::Confirmed)]);
}
