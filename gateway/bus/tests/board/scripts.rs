//! What a script hears of owned tags, and what becomes of what it sets.

use super::*;

#[test]
fn a_script_hears_only_good_values_of_an_owned_tag_and_its_set_is_a_request() {
    let mut world = World::new();
    let mut owner = world.module("modbus", |core| {
        let group = core.group(None);
        core.own(&name("set"), group);
    });
    let mut script = world.script();
    let id = script.id_of(&mut world, "set");
    script.say(&mut world, p1::SUB, id, b"");
    assert_eq!(script.hear(&mut world), [], "an owned tag is never sent empty");
    script.say(&mut world, p1::SET, id, &int(3));
    let said = script.hear(&mut world);
    assert_eq!((said.len(), said[0].0), (1, p1::ERR), "not read yet: refused");
    assert_eq!(owner.drive(&mut world), [], "and the owner doesn't hear of it");
    // A device that was heard can be set, though what it holds means nothing yet.
    owner.core.publish(Handle(0), Sample { at: Timestamp(1), reading: Reading::Missing(Fault::OutOfRange) });
    owner.drive(&mut world);
    assert_eq!(script.hear(&mut world), [], "it has no value still");
    script.say(&mut world, p1::SET, id, &int(3));
    let asked = owner.drive(&mut world);
    let [Event::Write { id: request, .. }] = asked[..] else { panic!("{asked:?}") };
    owner.core.settle(request, Outcome::Refused("not now".into()));
    owner.drive(&mut world);
    assert_eq!(script.hear(&mut world).len(), 1, "an ERR; there is no value to give back");

    owner.core.publish(Handle(0), good(1));
    owner.drive(&mut world);
    assert_eq!(script.hear(&mut world), [(p1::SET, id, int(1))]);
    owner.core.publish(Handle(0), Sample { at: Timestamp(2), reading: good(1).reading.fallen(Fault::TimedOut) });
    owner.drive(&mut world);
    assert_eq!(script.hear(&mut world), [], "a change of quality sends nothing");
    owner.core.publish(Handle(0), good(1));
    owner.drive(&mut world);
    script.hear(&mut world);

    script.say(&mut world, p1::SET, id, &int(99));
    let events = owner.drive(&mut world);
    let Event::Write { id: request, value: Value::Int(99), .. } = events[0].clone() else { panic!("{events:?}") };
    owner.core.settle(request, Outcome::Refused("over max 10".into()));
    owner.drive(&mut world);
    let said = script.hear(&mut world);
    assert_eq!(said[0], (p1::SET, id, int(1)), "the owner's value comes back");
    assert_eq!(said[1].0, p1::ERR);
    assert!(String::from_utf8_lossy(&said[1].2).contains("over max 10"));
}

/// A value past the limits may be moved to the limit: the script must then have the limit, whether that was news or not.
#[test]
fn a_script_finds_the_tag_at_the_limit_that_was_written_in_place_of_its_value() {
    let mut world = World::new();
    let mut owner = world.module("modbus", |core| {
        let group = core.group(LIMIT);
        core.own(&name("gate"), group);
    });
    owner.core.publish(Handle(0), good(1));
    owner.core.confirm(link::Group(0));
    owner.drive(&mut world);
    let mut script = world.script();
    let id = script.id_of(&mut world, "gate");
    script.say(&mut world, p1::SUB, id, b"");
    script.hear(&mut world);
    // The second time the device holds the limit already: nothing is published.
    for is_news in [true, false] {
        script.say(&mut world, p1::SET, id, &int(12));
        let events = owner.drive(&mut world);
        let Event::Write { id: request, value: Value::Int(12), .. } = events[0].clone() else { panic!("{events:?}") };
        owner.core.settle(request, Outcome::Sent);
        if is_news {
            owner.core.publish(Handle(0), good(10));
        }
        owner.core.settle(request, Outcome::Mismatch(Value::Int(10)));
        owner.drive(&mut world);
        let said = script.hear(&mut world);
        let sets: Vec<_> = said.iter().filter(|(command, ..)| *command == p1::SET).collect();
        assert!(!sets.is_empty() && sets.iter().all(|(_, of, value)| (*of, value) == (id, &int(10))), "{said:?}");
        let last = said.last().expect("an ERR");
        assert_eq!(last.0, p1::ERR);
        assert!(String::from_utf8_lossy(&last.2).contains("mismatch: the device holds another value"));
    }
}

#[test]
fn a_script_hears_what_changed_while_nobody_confirmed_it() {
    // The owner publishes before it confirms: the value comes while the group is still stale.
    let mut world = World::new();
    let mut owner = world.module("modbus", |core| {
        let group = core.group(LIMIT);
        core.own(&name("level"), group);
    });
    owner.core.publish(Handle(0), good(1));
    owner.core.confirm(link::Group(0));
    owner.drive(&mut world);
    let mut script = world.script();
    let id = script.id_of(&mut world, "level");
    script.say(&mut world, p1::SUB, id, b"");
    assert_eq!(script.hear(&mut world), [(p1::SET, id, int(1))]);
    world.advance(Duration::from_secs(4));
    owner.core.publish(Handle(0), good(2));
    owner.drive(&mut world);
    assert_eq!(script.hear(&mut world), [], "still stale");
    owner.core.confirm(link::Group(0));
    owner.drive(&mut world);
    assert_eq!(script.hear(&mut world), [(p1::SET, id, int(2))]);
    world.advance(Duration::from_secs(4));
    owner.core.confirm(link::Group(0));
    owner.drive(&mut world);
    assert_eq!(script.hear(&mut world), [], "the same value again is no news");
}
