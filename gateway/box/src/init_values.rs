//! `initvalues`: tags nobody owns and nobody has set get their `init`.

use std::time::Duration;

use link::{Event, Link};
use shell::{Clock, Stop, SystemClock};
use tag::{Delivery, Fault, Reading, TagDef};

/// How long an init value may take to the bus on this machine.
const EXPIRES: Duration = Duration::from_secs(5);

/// Sets them once each, as soon as the bus has said what it holds, and returns when all have been looked at.
///
/// A tag with an owner is never set: its first value is the device's (pymscada: `init` is for tags nobody has set).
pub(crate) async fn run(defs: &[TagDef], mut link: Link, stop: Stop) {
    let inits: Vec<&TagDef> = defs.iter().filter(|def| def.init.is_some()).collect();
    for def in &inits {
        link.watch(&def.name, Delivery::Latest, None);
    }
    let (mut looked_at, mut under_way, mut set) = (vec![false; inits.len()], 0_usize, 0_usize);
    while under_way > 0 || looked_at.contains(&false) {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = link.next() => event,
        };
        match event {
            Event::Sample(tag, sample) => {
                let index = tag.0 as usize;
                if std::mem::replace(&mut looked_at[index], true) {
                    continue;
                }
                if let (Reading::Missing(Fault::NeverSet), Some(init)) = (&sample.reading, &inits[index].init) {
                    link.write(tag, init.clone(), SystemClock.uptime().after(EXPIRES), "initvalues");
                    (under_way, set) = (under_way + 1, set + 1);
                }
            }
            Event::Outcome(_, outcome) if outcome.is_final() => under_way = under_way.saturating_sub(1),
            Event::Refused(why) => log::warn!("{why}"),
            _ => {}
        }
    }
    log::info!("{set} of {} tags with an init were set", inits.len());
}
