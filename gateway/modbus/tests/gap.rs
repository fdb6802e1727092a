//! A device that needs silence before it hears again: how much is learned, and the line stays quick where none is needed.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::{Duration, Instant};

use forebay_modbus::{Config, Counters, Do, Master, char_time};
use shell::{Clock, SystemClock};
use sim::{Act, Plant, Plc};
use site::{Form, Rtu, Serial, Transport, WordType};
use stepped::{at, client, serial, tag_of, tcp};
use tag::Timestamp;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// Polls four blocks of a device that is deaf for so long after each of its answers. What was counted in the second
/// half of the time.
fn run(site: Rtu, deaf: Duration, time: Duration) -> Counters {
    let one = match &site.transport {
        Transport::Rtu(port) => char_time(port),
        _ => Duration::ZERO,
    };
    let tags = [1, 400, 800, 1200].map(|n| tag_of(&format!("t{n}"), WordType::Int16, Some(at(n)), None));
    let is_serial = site.transport.is_rtu();
    let config = Config::new(&client(vec![site], tags.to_vec()), &[]).unwrap();
    let start = SystemClock.mono();
    let mut master = Master::new(config.lines.into_iter().next().unwrap(), start);
    let plc = Plc::new().blank(2000);
    let mut plant: Plant = if is_serial { plc.serial().plant() } else { plc.plant() };
    let (mut now, mut answer): (Instant, Option<(Instant, Vec<u8>)>) = (start, None);
    let (mut hears_from, mut half) = (start, None);
    while now - start < time {
        if now - start >= time / 2 && half.is_none() {
            half = Some(master.counters());
        }
        let wall = Timestamp(u64::try_from((now - start).as_micros()).unwrap());
        let what = master.step(now, wall);
        master.take_reports();
        let until = match what {
            Do::Open => {
                master.on_opened(now);
                continue;
            }
            Do::Close => {
                hears_from = now;
                continue;
            }
            Do::Send(mut bytes) => {
                let sent = now + one * bytes.len() as u32;
                // Not whole for a device that was still deaf when it began.
                let replies = if now < hears_from { vec![] } else { plant.hear(0, &mut bytes).unwrap() };
                for reply in replies {
                    let Act::Send(said) = reply.act else { continue };
                    let done = sent + MS + one * said.len() as u32;
                    hears_from = done + deaf;
                    answer = Some((done, said));
                }
                continue;
            }
            Do::Listen(until) | Do::Wait(until) => until,
        };
        match answer.take_if(|(when, _)| *when <= until.max(now)) {
            Some((when, said)) => {
                now = when;
                master.on_bytes(now, wall, &said);
            }
            None => now = until.max(now + Duration::from_micros(1)),
        }
    }
    let (before, after) = (half.unwrap(), master.counters());
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
