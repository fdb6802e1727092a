//! A check that can't fail is none: each is shown a world in which its sentence isn't true, and must say so.

use std::time::Duration;

use link::{Outcome, WriteId};
use serde_json::json;
use sim::{Behaviour, Lie};
use tag::{Reading, Sample, Timestamp, Value};

use super::site::TAGS;
use super::trouble::{Planned, RUN, Trouble};
use super::world::World;

/// Until then everything is well.
const WELL: Duration = Duration::from_secs(10);
/// Then something is not what it should be, for as long.
const ILL: Duration = Duration::from_secs(20);

fn number(name: &str) -> usize {
    TAGS.iter().position(|tag| tag.name == name).unwrap()
}

/// A world that has been well for a while, in which this will go wrong.
fn world(what: Option<Trouble>) -> World {
    let planned = what.map(|what| Planned { from: WELL + Duration::from_millis(10), lasts: ILL, what });
    let mut world = World::with(7, planned.into_iter().collect());
    world.run(WELL).unwrap_or_else(|sentence| panic!("nothing is wrong yet: {sentence}"));
    world
}

/// What the checks say of it.
fn complaint(mut world: World) -> String {
    world.run(WELL + ILL).expect_err("something is wrong and no check says so")
}

/// A phone makes a write; its number on the bus.
fn write(world: &mut World, tag: &str, value: f64) -> WriteId {
    let socket = world.phones[0].socket.unwrap();
    let text = json!({"t": "set", "id": 1_000_000, "tag": number(tag), "value": value}).to_string();
    let before: Vec<WriteId> = world.window.as_ref().unwrap().writes.keys().copied().collect();
    world.window_is_told(socket, &text);
    *world.window.as_ref().unwrap().writes.keys().find(|id| !before.contains(id)).unwrap()
}

#[test]
fn a_world_without_faults_has_nothing_to_complain_of() {
    // No fault, two minutes: no sentence is broken, so what the others here catch is what they put in.
    world(None).run(Duration::from_secs(120)).unwrap();
}

#[test]
fn a_phone_that_shows_held_as_good_is_caught() {
    // A silent PLC whose values move on; the phone doesn't grey what it was told is held.
    let mut world = world(Some(Trouble::Behaves(0, "plc", Behaviour::Silent)));
    world.phones[0].lies = true;
    assert!(complaint(world).contains("as good; in the last"));
}

#[test]
fn a_plant_that_doesnt_hold_what_is_confirmed_is_caught() {
    // A PLC that acknowledges writes and forgets them, and somebody who takes the acknowledgement for the deed.
    let mut world = world(Some(Trouble::Behaves(0, "plc", Behaviour::Lie(Lie::Forget))));
    world.run(WELL + Duration::from_millis(20)).unwrap();
    let id = write(&mut world, "Plc_Set", 99.75);
    world.window_outcome(id, Outcome::Confirmed);
    assert!(complaint(world).contains("is confirmed and the plant doesn't hold it"));
}

#[test]
fn a_value_that_isnt_there_is_caught_when_it_is_said_to_be() {
    // A mismatch that names a value the device never held.
    let mut world = world(None);
    let id = write(&mut world, "Plc_Set", 50.25);
    world.window_outcome(id, Outcome::Mismatch(Value::Float(-7.0)));
    assert!(complaint(world).contains("is said to hold"));
}

#[test]
fn a_second_outcome_is_caught() {
    // The bus says twice what became of one write.
    let mut world = world(None);
    let id = write(&mut world, "Plc_Set", 50.25);
    world.window_outcome(id, Outcome::Expired);
    world.window_outcome(id, Outcome::Expired);
    assert!(complaint(world).contains("another outcome after its end"));
}

#[test]
fn a_write_without_an_outcome_is_caught() {
    // A write nobody on the bus ever hears of.
    let mut world = world(None);
    let now = world.now;
    world.phones[0].forget_outcome(number("Plc_Set"), now);
    assert!(complaint(world).contains("has no outcome yet"));
}

#[test]
fn a_write_nobody_asked_for_is_caught() {
    // Another master on the same PLC: nobody on the bus asked for what it wrote.
    let mut world = world(None);
    let mut frame = vec![0, 9, 0, 0, 0, 6, 1, 6, 0, 22, 0, 77];
    world.plant.hear(0, &mut frame).unwrap();
    assert!(complaint(world).contains("nobody asked for it"));
}

#[test]
fn a_sample_lost_in_silence_is_caught() {
    // The owner published something that never reached the bus.
    let mut world = world(None);
    let sample = Sample { at: Timestamp(1), reading: Reading::Good(Value::Int(-1)) };
    world.ledger.publish(number("Plc_Temp"), &sample, true);
    assert!(complaint(world).contains("a listener to every sample of Plc_Temp"));
}

#[test]
fn a_set_that_a_script_doesnt_hear_is_caught() {
    // The listening script is told one count less than there was.
    let mut world = world(None);
    world.scripts[1].skip();
    assert!(complaint(world).contains("every SET in order is its due"));
}

#[test]
fn a_device_that_stays_away_is_caught() {
    // A PLC that is silent while every fault is said to be over.
    let mut world = world(None);
    world.plant.device_mut("plc").unwrap().behave(Behaviour::Silent);
    assert!(complaint(world).contains("after the last fault"));
}

#[test]
fn a_queue_over_its_bound_is_caught() {
    // More comes out for one listener at once than may have waited.
    let mut world = world(None);
    world.memory.as_mut().unwrap().port.burst = usize::MAX / 2;
    world.check_queues();
    assert!(complaint(world).contains("bytes waited for one listener"));
}

#[test]
fn the_same_seed_is_the_same_world() {
    // What is replayed must be what failed: the same steps, the same plant, the same things seen.
    let lives = || {
        let mut world = World::new(11);
        let ended = world.run(RUN);
        let held: Vec<_> = (0..TAGS.len()).map(|tag| world.truth.now(tag)).collect();
        let shown: Vec<_> = world.phones.iter().flat_map(|phone| phone.screen.iter().map(|cell| cell.value)).collect();
        (ended, world.steps, held, shown)
    };
    assert_eq!(lives(), lives());
}
