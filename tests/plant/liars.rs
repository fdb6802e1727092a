//! A check that can't fail is none: each is shown a world in which its sentence isn't true.

use super::trouble::{Planned, Trouble};
use super::world::World;
use std::time::Duration;

/// A world without faults but this one, from the tenth second on.
fn world(what: Option<Trouble>) -> World {
    let mut world = World::new(7);
    world.planned.clear();
    let _ = what.map(|what| Planned { from: Duration::from_secs(10), lasts: Duration::from_secs(10), what });
    world
}
