//! What a subscriber that never reads costs those who do.

use crate::Bench;
use crate::fail::Fail;
use crate::forebay::Forebay;
use crate::load::{Load, drive_long};
use crate::pymscada::Pymscada;
use crate::report::{Aim, Row, Unit};

/// More than elsewhere: a difference of two throughputs is a noisy thing.
const ROUNDS: usize = 9;
/// pymscada slows down for good while the one is there: two rounds show it, five would only take long.
const PEER_ROUNDS: usize = 2;

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let forebay = Forebay::new(bench, 1, None)?;
    let _bus = forebay.daemon("bus")?;
    let mut cost = Row::new("cost of one that never reads, to one that does", Unit::Percent, Aim::Below(5.0));
    let mut left = Row::new("updates beside one that never reads", Unit::PerSecond, Aim::Nothing);
    let (alone, beside) = (Load { subscribers: 1, stalled: false }, Load { subscribers: 1, stalled: true });
    let percent = |alone: f64, beside: f64| (1.0 - beside / alone) * 100.0;
    for round in 0..bench.rounds(ROUNDS) {
        // In turns, also which of the two is first: a machine that speeds up or slows down favours neither.
        let mut ours = [0.0; 2];
        for place in [round % 2, 1 - round % 2] {
            ours[place] = drive_long(forebay.bus(), if place == 0 { &alone } else { &beside })?;
        }
        cost.ours.push(percent(ours[0], ours[1]));
        left.ours.push(ours[1]);
        if round >= PEER_ROUNDS {
            continue;
        }
        // A fresh one each time: it doesn't recover from this.
        let Some(peer) = Pymscada::start(bench, "bus", 1, None, None)? else { continue };
        let theirs = [drive_long(peer.bus()?, &alone)?, drive_long(peer.bus()?, &beside)?];
        cost.peer.push(percent(theirs[0], theirs[1]));
        left.peer.push(theirs[1]);
    }
    Ok(vec![cost, left])
}
