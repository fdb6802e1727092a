//! Over a network the plan follows what the device's own answers cost: measured in one run, used in the next.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::Duration;

use forebay_modbus::{Action, Config, Device, Reply};
use shell::{Clock, SystemClock};
use site::{Form, ModbusClient, WordType};
use stepped::{at, client, tag_of, tcp};
use tag::Timestamp;
use tokio_modbus::{Request, Response};

const US: Duration = Duration::from_micros(1);

/// Blocks of 1, 11 and 41 registers, with holes of 18 and of 100 between them.
fn site() -> ModbusClient {
    let places = [1, 20, 25, 30, 130, 150, 170];
    client(
        vec![tcp(Form::Poll)],
        places.map(|n| tag_of(&format!("t{n}"), WordType::Uint16, Some(at(n)), None)).to_vec(),
    )
}

fn spans(config: &Config) -> Vec<(u16, u16)> {
    config.lines[0].blocks.iter().map(|block| (block.start + 1, block.count)).collect()
}

/// Runs the state machine against a device that takes so long for a request and for each register; what is remembered.
fn learned(config: &Config, request: Duration, word: Duration) -> String {
    let start = SystemClock.mono();
    let mut now = start;
    let mut device = Device::new(config.lines[0].clone(), now);
    assert_eq!(device.next(now), Action::Connect);
    device.on_connected(now);
    while now - start < Duration::from_secs(300) {
        match device.next(now) {
            Action::Send { asked, request: Request::ReadHoldingRegisters(_, count), .. } => {
                now += request + word * u32::from(count);
                let answer = Reply::Answer(Response::ReadHoldingRegisters(vec![0; count.into()]));
                device.on_reply(now, Timestamp(1), asked, answer);
            }
            Action::Wait(until) => now = until,
            other => panic!("{other:?}"),
        }
        device.take_reports();
    }
    device.learned().to_text("RTU")
}

#[test]
fn a_hole_is_read_over_where_that_is_measured_to_be_cheaper() {
    let fresh = Config::new(&site(), &[]).unwrap();
    assert_eq!(spans(&fresh), [(1, 30), (130, 41)], "until something is known, holes of up to 32");
    // A gateway with a line of 9600 baud behind it: a register costs 2.3 ms, a request 28.
    let slow = learned(&fresh, 28_000 * US, 2300 * US);
    assert_eq!(slow, "bridge\tRTU\t1\t12\n");
    let next = Config::new(&site(), &[]).unwrap().knowing(&slow);
    assert_eq!(spans(&next), [(1, 1), (20, 11), (130, 1), (150, 1), (170, 1)], "a hole of 18 is dearer than a request");
    // A PLC on the same switch, for which registers are all but free.
    let quick = learned(&fresh, 1500 * US, 2 * US);
    assert_eq!(quick, "bridge\tRTU\t1\t125\n");
    let next = Config::new(&site(), &[]).unwrap().knowing(&quick);
    assert_eq!(spans(&next), [(1, 30), (130, 41)], "one request takes 125 registers at most");
    let near = client(
        vec![tcp(Form::Poll)],
        [1, 100].map(|n| tag_of(&format!("t{n}"), WordType::Uint16, Some(at(n)), None)).to_vec(),
    );
    assert_eq!(spans(&Config::new(&near, &[]).unwrap()), [(1, 1), (100, 1)]);
    assert_eq!(spans(&Config::new(&near, &[]).unwrap().knowing(&quick)), [(1, 100)]);
    // What is known stays known, though a run of equal reads can't measure it again.
    let one = Config::new(&near, &[]).unwrap().knowing(&quick);
    assert_eq!(learned(&one, 1500 * US, 2 * US), quick);
}
