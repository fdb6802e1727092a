//! How old what is confirmed may be.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::{Duration, Instant};

use forebay_modbus::{Action, Asked, Config, Device, Learned, Reply, Report};
use shell::{Clock, SystemClock};
use sim::{Behaviour, Plc};
use site::{Form, WordType};
use stepped::{World, at, client, tag_of, tcp};
use tag::{ExceptionCode, Timestamp, Value};
use tokio_modbus::{Request, Response};

const MS: Duration = Duration::from_millis(1);

/// Registers 1 to 40 of which 17 is refused: three reads every period.
fn in_three_reads() -> (Config, Device, Instant) {
    let tags = (1..=40).map(|n| tag_of(&format!("t{n}"), WordType::Uint16, Some(at(n)), None)).collect();
    let mut config = Config::new(&client(vec![tcp(Form::Poll)], tags), &[]).unwrap();
    config.lines[0].learned = Learned::from_text("block\tRTU\t1\t4\t0\t40\t0-16 16-17! 17-40\n", "RTU");
    let now = SystemClock.mono();
    let mut device = Device::new(config.lines[0].clone(), now);
    assert_eq!(device.next(now), Action::Connect);
    device.on_connected(now);
    (config, device, now)
}

fn sent(device: &mut Device, now: Instant) -> (Asked, Request<'static>) {
    match device.next(now) {
        Action::Send { asked, request, .. } => (asked, request),
        other => panic!("{other:?}"),
    }
}

fn answer(device: &mut Device, now: Instant, (asked, request): (Asked, Request<'static>)) {
    let Request::ReadHoldingRegisters(start, count) = request else { panic!("{request:?}") };
    let reply = match start {
        16 => Reply::Exception(ExceptionCode(2)),
        _ => Reply::Answer(Response::ReadHoldingRegisters(vec![7; count.into()])),
    };
    device.on_reply(now, Timestamp(1), asked, reply);
}

/// A block that takes several reads is confirmed at once, so its first read must not be older by then than a period and
/// one lost answer; older than that it isn't confirmed, and grows old where everybody sees it.
#[test]
fn a_block_of_several_reads_is_confirmed_within_a_period_and_a_timeout() {
    for (late, fresh) in [(Duration::ZERO, true), (1499 * MS, true), (1501 * MS, false), (1990 * MS, false)] {
        let (config, mut device, start) = in_three_reads();
        assert_eq!(config.lines[0].rate + config.lines[0].timeout, 1500 * MS);
        for now in [start, start, start + late] {
            assert!(device.take_reports().iter().all(|report| !matches!(report, Report::Confirmed { .. })), "not yet");
            let ask = sent(&mut device, now);
            answer(&mut device, now, ask);
        }
        let confirmed = device.take_reports().iter().any(|report| matches!(report, Report::Confirmed { .. }));
        assert_eq!(confirmed, fresh, "the last read {late:?} after the first");
        // The next poll in time confirms it.
        let now = start + late + 500 * MS;
        for _ in 0..3 {
            let ask = sent(&mut device, now);
            answer(&mut device, now, ask);
        }
        assert!(device.take_reports().iter().any(|report| matches!(report, Report::Confirmed { .. })));
    }
}

/// The same in the whole, with a clock in the registers: whenever a group is confirmed, none of its values was read
/// longer ago than a period and a timeout, and what an answer itself takes.
#[test]
fn whatever_is_confirmed_was_just_there() {
    let tags = (1..=40).map(|n| tag_of(&format!("t{n}"), WordType::Uint16, Some(at(n)), None)).collect();
    let rtu = site::Rtu { timeout: 300 * MS, ..tcp(Form::Poll) };
    let mut plc = Plc::new();
    for n in (1..=40).filter(|n| *n != 17) {
        plc = plc.register(n, 0);
    }
    let mut world = World::new(plc, &client(vec![rtu], tags), &[]);
    let (mut checked, mut confirms) = (0, 0);
    for n in 0..60_000_u32 {
        let ms = u16::try_from(world.elapsed().as_millis()).unwrap();
        for register in [1, 16, 18, 40] {
            world.plant.poke("plc", sim::At::holding(register), &[ms]).unwrap();
        }
        // Slow in a way that repeats with none of the periods.
        world.behave(Behaviour::slow_ms(u64::from(n * 7919 % 330)));
        world.run(MS);
        let said = world.said.len();
        let confirmed = world.said[checked..].iter().any(|(_, say)| matches!(say, forebay_modbus::Say::Confirm(_)));
        checked = said;
        if !confirmed {
            continue;
        }
        confirms += 1;
        for tag in ["t1", "t16", "t18", "t40"] {
            let Some(Value::Int(held)) = world.good(tag) else { continue };
            let age = world.elapsed() - Duration::from_millis(u64::try_from(*held).unwrap());
            assert!(age <= 500 * MS + 300 * MS + 300 * MS + 5 * MS, "{tag} was {age:?} old when it was confirmed");
        }
    }
    assert!(confirms > 30, "{confirms}");
}
