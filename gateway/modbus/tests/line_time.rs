//! A serial line at true character times, on a clock that jumps from event to event: how much of the time that the
//! standard leaves is used, with a perfect device, and with dead ones beside it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::{Duration, Instant};

use forebay_modbus::{Counters, Master, Report, char_time};
use shell::{Clock, SystemClock};
use sim::{Act, Plant, Plc};
use site::{Address, Form, ModbusTag, Parity, Rtu, Serial, Transport, WordType};
use stepped::true_time::{FarEnd, play};
use stepped::{at, serial, tag_of};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// Perfect devices: each answers one silence after it heard the request. And what the line did in its time.
struct Told {
    plant: Plant,
    /// What a character takes.
    one: Duration,
    silence: Duration,
    wire_free: Instant,
    /// Time that the frames and the silences of the standard take, of what was answered.
    used: Duration,
    all: Duration,
    /// Of every unit: how often it was asked.
    asked: [u32; 256],
    confirmed: u32,
    counters: Counters,
}

impl Told {
    fn share(&self) -> f64 {
        self.used.as_secs_f64() / self.all.as_secs_f64()
    }
}

impl FarEnd for Told {
    fn hear(&mut self, now: Instant, mut request: Vec<u8>) -> Option<(Instant, Vec<u8>)> {
        assert!(now >= self.wire_free, "talked into somebody else's frame or silence");
        self.asked[usize::from(request[0])] += 1;
        let sent = now + self.one * request.len() as u32;
        self.wire_free = sent + self.silence;
        let replies = self.plant.hear(0, &mut request).unwrap();
        let said =
            replies.into_iter().find_map(|reply| if let Act::Send(said) = reply.act { Some(said) } else { None })?;
        let done = sent + self.silence + self.one * said.len() as u32;
        self.used += done + self.silence - now;
        self.wire_free = done + self.silence;
        Some((done, said))
    }

    fn closed(&mut self, _: Instant) {
        panic!("a serial line is never closed here");
    }

    fn told(&mut self, _: Instant, _: &Master, reports: Vec<Report>) {
        self.confirmed += reports.iter().filter(|report| matches!(report, Report::Confirmed { .. })).count() as u32;
    }
}

/// Polls as fast as the line carries for so long.
fn run(port: Serial, tags: Vec<ModbusTag>, time: Duration) -> Told {
    let one = char_time(&port);
    let silence = (one * 7 / 2).max(Duration::from_micros(1750));
    let site = Rtu { rate: 10 * MS, transport: Transport::Rtu(port), ..serial(Form::Poll) };
    let start = SystemClock.mono();
    let mut told = Told {
        plant: Plc::new().blank(2000).serial().plant(),
        one,
        silence,
        wire_free: start,
        used: Duration::ZERO,
        all: time,
        asked: [0; 256],
        confirmed: 0,
        counters: Counters::default(),
    };
    told.counters = play(start, site, tags, time, &mut told);
    told
}

fn port(baud: u32) -> Serial {
    Serial { path: "/dev/ttyS9".into(), baud, parity: Parity::Even, stop_bits: 1, rs485: false }
}

fn living() -> Vec<ModbusTag> {
    let places = [1, 400, 800, 1200];
    places.iter().map(|n| tag_of(&format!("t{n}"), WordType::Float32, Some(at(*n)), None)).collect()
}

#[test]
fn at_least_97_percent_of_the_line_is_used_with_a_perfect_device() {
    for baud in [9600, 115_200] {
        let told = run(port(baud), living(), 60 * S);
        eprintln!("{baud} baud: {:.2} % used, {} polls a second", told.share() * 100.0, told.confirmed / 60);
        assert!(told.share() >= 0.97, "{baud} baud: {:.4}", told.share());
        assert_eq!((told.counters.timeouts, told.counters.bad), (0, 0));
    }
}

#[test]
fn dead_units_take_a_tenth_and_the_living_are_asked_in_turn() {
    for (baud, dead) in [(9600, 1), (9600, 4), (115_200, 4)] {
        let mut tags = living();
        for unit in 10..10 + dead {
            let gone = Some(Address { unit, ..at(1) });
            tags.push(tag_of(&format!("dead{unit}"), WordType::Int16, gone, None));
        }
        let told = run(port(baud), tags, 600 * S);
        let vain = told.counters.in_vain.as_secs_f64() / 600.0;
        eprintln!("{baud} baud, {dead} dead: {:.2} % used, {:.2} % in vain", told.share() * 100.0, vain * 100.0);
        assert!((0.08..=0.105).contains(&vain), "{vain:.4} of the line's time went to the dead");
        // Of the whole time: a second and a half goes before they are known to be dead.
        assert!(told.share() >= 0.97 * 0.89, "{:.4}", told.share());
        let each = &told.asked[10..10 + usize::from(dead)];
        // Who is found dead first gets the first tries, which were saved up; then they take turns.
        assert!(each.iter().max().unwrap() - each.iter().min().unwrap() <= 5, "in turns: {each:?}");
    }
}
