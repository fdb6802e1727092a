//! A device that needs silence before it hears again: how much is learned, and the line stays quick where none is needed.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::{Duration, Instant};

use forebay_modbus::{Counters, Master, Report, char_time};
use shell::{Clock, SystemClock};
use sim::{Act, Plant, Plc};
use site::{Form, Rtu, Serial, Transport, WordType};
use stepped::true_time::{FarEnd, play};
use stepped::{at, serial, tag_of, tcp};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// A device that is deaf for so long after each of its answers.
struct Deaf {
    plant: Plant,
    deaf: Duration,
    /// What a character takes.
    one: Duration,
    hears_from: Instant,
    half_at: Instant,
    /// What was counted when half of the time was over.
    half: Option<Counters>,
}

impl FarEnd for Deaf {
    fn hear(&mut self, now: Instant, mut request: Vec<u8>) -> Option<(Instant, Vec<u8>)> {
        let sent = now + self.one * request.len() as u32;
        // Not whole for a device that was still deaf when it began.
        let replies = if now < self.hears_from { vec![] } else { self.plant.hear(0, &mut request).unwrap() };
        let said =
            replies.into_iter().find_map(|reply| if let Act::Send(said) = reply.act { Some(said) } else { None })?;
        let done = sent + MS + self.one * said.len() as u32;
        self.hears_from = done + self.deaf;
        Some((done, said))
    }

    fn closed(&mut self, now: Instant) {
        self.hears_from = now;
    }

    fn told(&mut self, now: Instant, master: &Master, _: Vec<Report>) {
        if now >= self.half_at && self.half.is_none() {
            self.half = Some(master.counters());
        }
    }
}

/// Polls four blocks of it. What was counted in the second half of the time.
fn run(site: Rtu, deaf: Duration, time: Duration) -> Counters {
    let one = match &site.transport {
        Transport::Rtu(port) => char_time(port),
        _ => Duration::ZERO,
    };
    let tags = [1, 400, 800, 1200].map(|n| tag_of(&format!("t{n}"), WordType::Int16, Some(at(n)), None));
    let plc = Plc::new().blank(2000);
    let plant = if site.transport.is_rtu() { plc.serial().plant() } else { plc.plant() };
    let start = SystemClock.mono();
    let mut far = Deaf { plant, deaf, one, hears_from: start, half_at: start + time / 2, half: None };
    let after = play(start, site, tags.to_vec(), time, &mut far);
    let before = far.half.unwrap();
    Counters { requests: after.requests - before.requests, timeouts: after.timeouts - before.timeouts, ..after }
}

fn port(baud: u32) -> Rtu {
    let port = Serial { path: "/dev/ttyS9".into(), baud, parity: site::Parity::None, stop_bits: 1, rs485: false };
    Rtu { rate: 100 * MS, timeout: 300 * MS, transport: Transport::Rtu(port), ..serial(Form::Poll) }
}

#[test]
fn a_device_that_needs_silence_gets_it() {
    for deaf in [4 * MS, 9 * MS, 18 * MS] {
        let counted = run(port(115_200), deaf, 240 * S);
        let lost = counted.timeouts as f64 / counted.requests as f64;
        eprintln!("deaf for {deaf:?}: {:.2} % of {} requests lost", lost * 100.0, counted.requests);
        assert!(counted.requests > 2000, "{counted:?}");
        assert!(lost < 0.02, "deaf for {deaf:?}: {counted:?}");
    }
}

#[test]
fn a_device_that_needs_none_waits_for_none() {
    let counted = run(port(115_200), Duration::ZERO, 60 * S);
    assert_eq!(counted.timeouts, 0);
    // Four of 8 + 7 characters at 87 µs, two silences of 1.75 ms, a millisecond to think: under 25 ms of 100.
    assert!(counted.busy < 60 * S / 4, "{counted:?}");
}

/// What the site says is kept to from the first request on, over TCP too.
#[test]
fn a_stated_gap_is_kept() {
    for site in [port(115_200), Rtu { rate: 100 * MS, ..tcp(Form::Poll) }] {
        let counted = run(Rtu { gap: 15 * MS, ..site }, 15 * MS, 30 * S);
        assert_eq!(counted.timeouts, 0, "{counted:?}");
    }
}
