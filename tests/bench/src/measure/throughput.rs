//! How many updates a second reach all their subscribers.

use crate::Bench;
use crate::fail::Fail;
use crate::forebay::Forebay;
use crate::load::{Load, drive};
use crate::pymscada::Pymscada;
use crate::report::{Aim, Row, Unit};

const ROUNDS: usize = 5;

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let forebay = Forebay::new(bench, 1, None)?;
    let _bus = forebay.daemon("bus")?;
    let peer = Pymscada::start(bench, "bus", 1, None, None)?;
    let mut rows = Vec::new();
    for (subscribers, words) in [(1, "1 subscriber"), (8, "8 subscribers")] {
        let mut row = Row::new(format!("updates of 1,000 tags to {words}"), Unit::PerSecond, Aim::TimesPeer(20.0));
        let load = Load { subscribers, stalled: false };
        for _ in 0..bench.rounds(ROUNDS) {
            row.ours.push(drive(forebay.bus(), &load)?);
            if let Some(peer) = &peer {
                row.peer.push(drive(peer.bus()?, &load)?);
            }
        }
        rows.push(row);
    }
    Ok(rows)
}
