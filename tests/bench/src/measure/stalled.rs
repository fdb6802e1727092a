//! What a subscriber that never reads costs those who do.
//!
//! A difference of two throughputs on a machine that does other things is mostly those things. So it is measured many
//! times with and without, in short turns on one bus, and what counts is the median of the pairs; beside it stands what
//! the bus itself spent on each update, which a busy neighbour hardly touches.

use std::time::Duration;

use crate::Bench;
use crate::fail::Fail;
use crate::forebay::Forebay;
use crate::load::{Driven, Load, drive_for};
use crate::process::processor_time;
use crate::pymscada::Pymscada;
use crate::report::{Aim, Row, Unit};

/// Pairs: the error of their median is a sixth of a single one's.
const ROUNDS: usize = 40;
/// A turn: many times as long as it takes until too much waits for the one that doesn't read and it is dropped.
const TURN: Duration = Duration::from_millis(750);
/// pymscada slows down for good while the one is there: two rounds show it, more would only take long …
const PEER_ROUNDS: usize = 2;
/// … and what piles up takes its time to have its effect.
const PEER_TURN: Duration = Duration::from_secs(3);

const ALONE: Load = Load { subscribers: 1, stalled: false };
const BESIDE: Load = Load { subscribers: 1, stalled: true };

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let forebay = Forebay::new(bench, 1, None)?;
    let bus = forebay.daemon("bus")?;
    let spent = || processor_time(bus.pid());
    let mut work = Row::new("cost of one that never reads: processor time per update", Unit::Percent, Aim::Below(5.0));
    let mut cost = Row::new("cost of one that never reads: updates of one that does", Unit::Percent, Aim::Below(5.0));
    let mut left = Row::new("updates beside one that never reads", Unit::PerSecond, Aim::Nothing);
    // The first turn of a bus pays for its memory.
    drive_for(forebay.bus(), &BESIDE, TURN, &spent)?;
    for round in 0..bench.rounds(ROUNDS) {
        // In turns, also which of the two is first: a machine that speeds up or slows down favours neither.
        let drive = |load| drive_for(forebay.bus(), load, TURN, &spent);
        let (alone, beside) = match round % 2 {
            0 => (drive(&ALONE)?, drive(&BESIDE)?),
            _ => {
                let beside = drive(&BESIDE)?;
                (drive(&ALONE)?, beside)
            }
        };
        work.ours.push((beside.cpu / alone.cpu - 1.0) * 100.0);
        cost.ours.push(lost(alone, beside));
        left.ours.push(beside.rate);
    }
    for _ in 0..PEER_ROUNDS {
        // A fresh one each time: it doesn't recover from this.
        let Some(peer) = Pymscada::start(bench, "bus", 1, None, None)? else { break };
        let drive = |load| drive_for(peer.bus()?, load, PEER_TURN, &|| Ok(Duration::ZERO));
        let (alone, beside) = (drive(&ALONE)?, drive(&BESIDE)?);
        cost.peer.push(lost(alone, beside));
        left.peer.push(beside.rate);
    }
    Ok(vec![work, cost, left])
}

fn lost(alone: Driven, beside: Driven) -> f64 {
    (1.0 - beside.rate / alone.rate) * 100.0
}
