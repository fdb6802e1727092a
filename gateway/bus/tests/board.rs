//! The switchboard without sockets: links and raw scripts as peers, time in the test's hands.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use forebay_bus::{PeerId, Rights, Switchboard};
use link::{Asker, Core, Event, Handle};
use shell::{Clock, ManualClock};
use std::sync::Arc;
use tag::{Delivery, Fault, Reading, Sample, TagName, Timestamp, Uptime, Value};
use wire::{Outcome, p1};

const LIMIT: Option<Duration> = Some(Duration::from_secs(3));

struct World {
    clock: Arc<ManualClock>,
    board: Switchboard,
}

struct ModulePeer {
    id: PeerId,
    core: Core,
}

struct Script {
    id: PeerId,
    decoder: p1::Decoder,
}

type Said = (u8, u16, Vec<u8>);

fn name(text: &str) -> TagName {
    TagName::parse(text).unwrap()
}

fn good(n: i64) -> Sample {
    Sample { at: Timestamp(n as u64), reading: Reading::Good(Value::Int(n)) }
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::at(Timestamp(1_700_000_000_000_000));
        let board = Switchboard::new("__bus__", 1, clock.now());
        Self { clock, board }
    }

    fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
        self.board.at(self.clock.now()).tick();
    }

    fn in_5_s(&self) -> Uptime {
        self.clock.uptime().after(Duration::from_secs(5))
    }

    fn module(&mut self, name: &str, declare: impl FnOnce(&mut Core)) -> ModulePeer {
        let id = self.board.module_joins("module", Rights::Own).unwrap();
        let mut core = Core::new(name);
        declare(&mut core);
        core.connected();
        let mut peer = ModulePeer { id, core };
        peer.drive(self);
        peer
    }

    fn script(&mut self) -> Script {
        let id = self.board.script_joins("('127.0.0.1', 5)").unwrap();
        Script { id, decoder: p1::Decoder::default() }
    }
}

impl ModulePeer {
    /// Moves bytes both ways until nothing moves, and returns what happened.
    fn drive(&mut self, world: &mut World) -> Vec<Event> {
        loop {
            let out = self.core.output().to_vec();
            self.core.sent(out.len());
            assert_eq!(world.board.receive(self.id, &out), Ok(out.len()));
            let incoming = world.board.output(self.id).to_vec();
            world.board.taken(self.id, incoming.len());
            assert_eq!(self.core.received(&incoming), Ok(incoming.len()));
            if out.is_empty() && incoming.is_empty() {
                return std::iter::from_fn(|| self.core.next_event()).collect();
            }
        }
    }
}

impl Script {
    fn say(&self, world: &mut World, command: u8, id: u16, body: &[u8]) {
        let mut out = Vec::new();
        p1::encode(&mut out, command, id, 42, body);
        assert_eq!(world.board.receive(self.id, &out), Ok(out.len()));
    }

    fn hear(&mut self, world: &mut World) -> Vec<Said> {
        let bytes = world.board.output(self.id).to_vec();
        world.board.taken(self.id, bytes.len());
        let (mut at, mut said) = (0, Vec::new());
        while let p1::Step::Took(n, message) = self.decoder.next(&bytes[at..]).unwrap() {
            at += n;
            said.extend(message.map(|m| match m.body {
                p1::Body::Whole(body) => (m.command, m.tag_id, body.to_vec()),
                p1::Body::TooLong => panic!("too long"),
            }));
        }
        said
    }

    fn id_of(&mut self, world: &mut World, name: &str) -> u16 {
        self.say(world, p1::ID, 0, name.as_bytes());
        self.hear(world).pop().unwrap().1
    }
}

fn int(n: i64) -> Vec<u8> {
    wire::payload::to_bytes(&Value::Int(n))
}

fn readings(events: &[Event]) -> Vec<Reading> {
    let sample = |event: &Event| if let Event::Sample(_, sample) = event { Some(sample.reading.clone()) } else { None };
    events.iter().filter_map(sample).collect()
}

#[test]
fn an_owned_tag_is_published_confirmed_goes_stale_and_comes_back() {
    let mut world = World::new();
    let mut owner = world.module("modbus", |core| {
        let group = core.group(LIMIT);
        core.own(&name("level"), group);
    });
    let mut reader = world.module("www", |core| {
        core.watch(&name("level"), Delivery::Latest, None);
    });
    let events = reader.drive(&mut world);
    assert!(events.is_empty(), "what was there at the start came when it joined: {events:?}");

    owner.core.publish(Handle(0), good(7));
    owner.drive(&mut world);
    assert_eq!(readings(&reader.drive(&mut world)), [Reading::Good(Value::Int(7))]);

    world.advance(Duration::from_secs(2));
    owner.core.confirm(link::Group(0));
    owner.drive(&mut world);
    world.advance(Duration::from_secs(2));
    assert_eq!(readings(&reader.drive(&mut world)), [], "confirmed 2 s ago");
    world.advance(Duration::from_secs(1));
    let held = |because| Reading::Held { last: Value::Int(7), because };
    assert_eq!(readings(&reader.drive(&mut world)), [held(Fault::Stale)]);
    owner.core.confirm(link::Group(0));
    owner.drive(&mut world);
    assert_eq!(readings(&reader.drive(&mut world)), [Reading::Good(Value::Int(7))]);

    world.board.leaves(owner.id);
    assert_eq!(readings(&reader.drive(&mut world)), [held(Fault::OwnerGone)]);
}

#[test]
fn what_is_said_while_the_bus_is_being_greeted_is_good_and_what_was_said_before_is_not() {
    // A PLC on the same machine answers before the bus has: its first values must not wait for the next poll. What was
    // read before the connection may be of any age: it is held until the next one.
    let mut world = World::new();
    let mut reader = world.module("www", |core| {
        ["early", "greeting", "confirmed"].iter().for_each(|tag| {
            core.watch(&name(tag), Delivery::Latest, None);
        });
    });
    reader.drive(&mut world);
    let id = world.board.module_joins("module", Rights::Own).unwrap();
    let mut core = Core::new("modbus");
    let groups = [core.group(LIMIT), core.group(LIMIT)];
    let tags = [("early", groups[0]), ("greeting", groups[0]), ("confirmed", groups[1])];
    let [early, greeting, confirmed] = tags.map(|(tag, group)| core.own(&name(tag), group));
    core.publish(early, good(1));
    core.publish(confirmed, good(3));
    core.connected();
    core.publish(greeting, good(2));
    core.confirm(groups[1]);
    let mut owner = ModulePeer { id, core };
    owner.drive(&mut world);
    let held = |n| Reading::Held { last: Value::Int(n), because: Fault::NotYetRead };
    let shown = |events: &[Event]| {
        let of = |tag| {
            events.iter().rev().find_map(|e| match e {
                Event::Sample(handle, sample) if handle.0 == tag => Some(sample.reading.clone()),
                _ => None,
            })
        };
        [of(0), of(1), of(2)]
    };
    let good_is = |n| Some(Reading::Good(Value::Int(n)));
    assert_eq!(shown(&reader.drive(&mut world)), [Some(held(1)), good_is(2), good_is(3)]);
    owner.core.confirm(groups[0]);
    owner.drive(&mut world);
    assert_eq!(shown(&reader.drive(&mut world)), [good_is(1), None, None], "and nothing is told twice");

    // The bus is lost: whatever was good is of the earlier connection.
    world.board.leaves(owner.id);
    owner.core.lost("gone");
    owner.id = world.board.module_joins("module", Rights::Own).unwrap();
    owner.core.connected();
    owner.core.confirm(groups[1]);
    owner.drive(&mut world);
    assert_eq!(shown(&reader.drive(&mut world)), [Some(held(1)), Some(held(2)), good_is(3)]);
    world.advance(LIMIT.unwrap());
    let stale = Reading::Held { last: Value::Int(3), because: Fault::Stale };
    assert_eq!(shown(&reader.drive(&mut world))[2], Some(stale), "its freshness ends as any other's");
}

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

#[test]
fn an_answer_goes_in_pieces_to_the_asker_alone() {
    let mut world = World::new();
    let mut owner = world.module("history", |core| {
        let group = core.group(None);
        core.own(&name("__history__"), group);
    });
    let mut script = world.script();
    let mut other = world.script();
    let id = script.id_of(&mut world, "__history__");
    script.say(&mut world, p1::SUB, id, b"");
    other.say(&mut world, p1::SUB, id, b"");
    script.say(&mut world, p1::RTA, id, b"\x05{}");
    let events = owner.drive(&mut world);
    let Event::Ask { id: request, by: Asker::Protocol1, .. } = events[0] else { panic!("{events:?}") };
    let large = Value::Bytes(vec![9; 200_000].into());
    owner.core.answer(request, &large, false);
    owner.core.answer(request, &Value::Bytes([0; 6].as_slice().into()), true);
    owner.drive(&mut world);
    let said = script.hear(&mut world);
    assert_eq!(
        said.iter().map(|(c, i, b)| (*c, *i, b.len())).collect::<Vec<_>>(),
        [(p1::SET, id, 200_001), (p1::SET, id, 7)]
    );
    assert_eq!(other.hear(&mut world), []);

    let mut asker = world.module("www", |core| {
        core.refer(&name("__history__"));
    });
    let ask = asker.core.ask(Handle(0), Value::Json("{}".into()));
    asker.drive(&mut world);
    let events = owner.drive(&mut world);
    let Event::Ask { id: request, by: Asker::Protocol2, .. } = events[0] else { panic!("{events:?}") };
    owner.core.answer(request, &large, true);
    owner.drive(&mut world);
    assert_eq!(asker.drive(&mut world), [Event::Answer { id: ask, value: large, last: true }]);
}

#[test]
fn a_module_that_comes_back_takes_its_tags_and_an_unwanted_one_is_let_go() {
    let mut world = World::new();
    let mut first = world.module("modbus", |core| {
        let group = core.group(None);
        core.own(&name("a"), group);
        core.own(&name("b"), group);
    });
    first.core.publish(Handle(0), good(1));
    first.core.publish(Handle(1), good(2));
    first.drive(&mut world);
    world.board.leaves(first.id);
    let mut script = world.script();
    let b = script.id_of(&mut world, "b");
    script.say(&mut world, p1::SET, b, &int(5));
    assert_eq!(script.hear(&mut world).len(), 2, "while the owner is gone a SET is refused: value back and ERR");
    let _second = world.module("modbus", |core| {
        let group = core.group(None);
        core.own(&name("a"), group);
    });
    world.advance(Duration::from_secs(11));
    script.say(&mut world, p1::SET, b, &int(5));
    assert_eq!(script.hear(&mut world), [], "nobody's tag now");
    let mut other = world.module("other", |core| {
        let group = core.group(None);
        core.own(&name("a"), group);
    });
    let events = other.drive(&mut world);
    assert!(events.is_empty(), "what it was refused came when it joined: {events:?}");
    other.core.publish(Handle(0), good(9));
    other.drive(&mut world);
    let mut script = world.script();
    let a = script.id_of(&mut world, "a");
    script.say(&mut world, p1::GET, a, b"");
    assert_eq!(script.hear(&mut world), [(p1::SET, a, int(1))], "another module's word doesn't count");
}

#[test]
fn a_tag_nobody_owns_goes_stale_only_where_the_site_says_so() {
    let mut world = World::new();
    let mut reader = world.module("www", |core| {
        core.watch(&name("limited"), Delivery::Latest, Some(Duration::from_secs(2)));
        core.watch(&name("free"), Delivery::Latest, None);
    });
    let mut script = world.script();
    for tag in ["limited", "free"] {
        let id = script.id_of(&mut world, tag);
        script.say(&mut world, p1::SET, id, &int(1));
    }
    assert_eq!(readings(&reader.drive(&mut world)).len(), 2);
    world.advance(Duration::from_secs(3));
    let held = Reading::Held { last: Value::Int(1), because: Fault::Stale };
    assert_eq!(readings(&reader.drive(&mut world)), [held]);
}

#[test]
fn a_subscriber_that_never_reads_is_dropped_and_the_others_hear_everything() {
    let mut world = World::new();
    let (mut writer, mut reader, deaf) = (world.script(), world.script(), world.script());
    let id = writer.id_of(&mut world, "fast");
    reader.say(&mut world, p1::SUB, id, b"");
    deaf.say(&mut world, p1::SUB, id, b"");
    reader.hear(&mut world);
    let value = vec![4; 60_000];
    let mut heard = 0;
    for _ in 0..400 {
        writer.say(&mut world, p1::SET, id, &value);
        heard += reader.hear(&mut world).len();
    }
    assert_eq!(heard, 400);
    let (closed, why) = world.board.next_closed().expect("the deaf one is given up");
    assert_eq!(closed, deaf.id);
    assert!(why.to_string().contains("doesn't read"), "{why}");
}

#[test]
fn what_was_good_before_the_bus_was_lost_is_held_until_it_is_confirmed_again() {
    // The bus restarts; the owner comes back at once with what it read last, and confirms it a second later.
    let mut world = World::new();
    let mut owner = world.module("modbus", |core| {
        let group = core.group(LIMIT);
        core.own(&name("level"), group);
    });
    owner.core.publish(Handle(0), good(7));
    owner.core.confirm(link::Group(0));
    owner.drive(&mut world);

    let mut world = World::new();
    owner.core.lost("the bus closed the connection");
    owner.core.connected();
    owner.id = world.board.module_joins("module", Rights::Own).unwrap();
    owner.drive(&mut world);
    let mut reader = world.module("www", |core| {
        core.watch(&name("level"), Delivery::Latest, None);
    });
    world.advance(Duration::from_secs(1));
    reader.core.watch(&name("level"), Delivery::Latest, None);
    let held = Reading::Held { last: Value::Int(7), because: Fault::NotYetRead };
    assert_eq!(readings(&reader.drive(&mut world)), [held]);
    owner.core.confirm(link::Group(0));
    owner.drive(&mut world);
    assert_eq!(readings(&reader.drive(&mut world)), [Reading::Good(Value::Int(7))]);
}

/// What a script sets is stamped by its client with the machine's present, or dated by the script's source: who keeps
/// every value is told which, and who comes later too.
#[test]
fn who_keeps_every_value_hears_whose_its_time_is() {
    let mut world = World::new();
    let mut keeper = world.module("history", |core| {
        core.watch(&name("level"), Delivery::Every, None);
    });
    let mut window = world.module("www", |core| {
        core.watch(&name("level"), Delivery::Latest, None);
    });
    let mut script = world.script();
    let id = script.id_of(&mut world, "level");
    keeper.drive(&mut world);
    let now = world.clock.wall().0;
    let mut set = |world: &mut World, at: u64, n: i64| {
        let mut out = Vec::new();
        p1::encode(&mut out, p1::SET, id, at, &int(n));
        assert_eq!(world.board.receive(script.id, &out), Ok(out.len()));
        keeper.drive(world).pop().unwrap()
    };
    let sample = |at: u64, n: i64| Sample { at: Timestamp(at), reading: Reading::Good(Value::Int(n)) };
    let stamped = |at, n| Event::Sample(Handle(0), sample(at, n));
    let dated = |at, n| Event::SourceTimed(Handle(0), sample(at, n));
    assert_eq!(set(&mut world, now - 200_000, 1), stamped(now - 200_000, 1));
    assert_eq!(set(&mut world, now - 60_000_000, 2), dated(now - 60_000_000, 2));
    assert_eq!(set(&mut world, now - 1, 3), stamped(now - 1, 3));
    world.advance(Duration::from_secs(60));
    assert_eq!(set(&mut world, now - 1, 3), stamped(now - 1, 3), "a client that came back says the same again");
    assert_eq!(set(&mut world, now + 90_000_000, 4), dated(now + 90_000_000, 4));
    let mut late = world.module("late", |core| {
        core.watch(&name("level"), Delivery::Every, None);
    });
    assert_eq!(late.drive(&mut world), [], "what was there came when it joined");
    let present = world.clock.wall().0;
    assert_eq!(set(&mut world, present, 5), dated(present, 5), "a forecast that begins at the present");
    assert_eq!(late.drive(&mut world), [dated(present, 5)]);
    let latest = sample(present, 5);
    assert!(window.drive(&mut world).contains(&Event::Sample(Handle(0), latest)), "who keeps nothing isn't bothered");
}

/// Both frames lie in one packet: who is asked has heard the value before the question.
#[test]
fn a_question_comes_behind_what_was_set_before_it() {
    let mut world = World::new();
    let mut history = world.module("history", |core| {
        let group = core.group(None);
        core.own(&name("__history__"), group);
        core.watch(&name("level"), Delivery::Every, None);
    });
    let mut script = world.script();
    let (level, asked) = (script.id_of(&mut world, "level"), script.id_of(&mut world, "__history__"));
    history.drive(&mut world);
    let mut out = Vec::new();
    p1::encode(&mut out, p1::SET, level, world.clock.wall().0, &int(7));
    p1::encode(&mut out, p1::RTA, asked, 0, b"\x05{}");
    assert_eq!(world.board.receive(script.id, &out), Ok(out.len()));
    let events = history.drive(&mut world);
    assert!(matches!(events[..], [Event::Sample(..), Event::Ask { .. }]), "{events:?}");
}
