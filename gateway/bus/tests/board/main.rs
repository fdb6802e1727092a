//! The switchboard without sockets: links and raw scripts as peers, time in the test's hands.
#![allow(missing_docs, clippy::unwrap_used)]

mod scripts;
mod writes;

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
