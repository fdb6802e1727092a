//! From a SET to its subscriber, one at a time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::Bench;
use crate::client::{Client, SET_BYTES, set_frame};
use crate::fail::{Doing, Fail};
use crate::forebay::Forebay;
use crate::pymscada::Pymscada;
use crate::relay;
use crate::report::{Aim, Row, Unit};
use crate::site::tag_name;
use crate::stats::{micros, percentile};

const ROUNDS: usize = 9;
/// Of each round: enough for a 99th percentile of 30 values beyond it.
const SAMPLES: usize = 3000;
/// The first ones warm caches and connections.
const WARM_UP: usize = 200;

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let forebay = Forebay::new(bench, 1, None)?;
    let _bus = forebay.daemon("bus")?;
    let peer = Pymscada::start(bench, "bus", 1, None, None)?;
    let (_relay, relay) = relay::start(bench, forebay.folder())?;
    let mut p50 = Row::new("set → subscriber, closed loop, p50", Unit::Micros, Aim::TimesBare(1.5));
    let mut p99 = Row::new("set → subscriber, closed loop, p99", Unit::Micros, Aim::Nothing);
    for _ in 0..bench.rounds(ROUNDS) {
        let both = |times: &[f64]| (percentile(times, 50.0), percentile(times, 99.0));
        let (ours50, ours99) = both(&through_bus(forebay.bus())?);
        let (relay50, relay99) = both(&through_relay(relay)?);
        p50.ours.push(ours50);
        p99.ours.push(ours99);
        p50.bare.push(relay50);
        p99.bare.push(relay99);
        if let Some(peer) = &peer {
            let (peer50, peer99) = both(&through_bus(peer.bus()?)?);
            p50.peer.push(peer50);
            p99.peer.push(peer99);
        }
    }
    Ok(vec![p50, p99])
}

fn through_bus(bus: SocketAddr) -> Result<Vec<f64>, Fail> {
    let (mut from, mut to) = (Client::connect(bus)?, Client::connect(bus)?);
    let ids = from.ids(&[tag_name(0)])?;
    to.ids(&[tag_name(0)])?;
    to.subscribe(&ids)?;
    circle(&mut from.stream, &mut to.stream, ids[0])
}

fn through_relay(relay: SocketAddr) -> Result<Vec<f64>, Fail> {
    let connect = || -> Result<TcpStream, Fail> {
        let stream = TcpStream::connect(relay).doing("connecting to the relay")?;
        stream.set_nodelay(true).doing("connecting to the relay")?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).doing("connecting to the relay")?;
        Ok(stream)
    };
    // In this order: the relay takes the first for the source.
    let mut from = connect()?;
    let mut to = connect()?;
    circle(&mut from, &mut to, 1)
}

/// Sends a frame and waits until it is there, again and again. In µs.
fn circle(from: &mut TcpStream, to: &mut TcpStream, id: u16) -> Result<Vec<f64>, Fail> {
    let mut times = Vec::with_capacity(SAMPLES);
    let mut arrived = [0; SET_BYTES];
    for number in 0..WARM_UP + SAMPLES {
        let sent = set_frame(id, number as i64);
        let began = Instant::now();
        from.write_all(&sent).doing("sending a value")?;
        to.read_exact(&mut arrived).doing("waiting for a value")?;
        let took = began.elapsed();
        if arrived != sent {
            return Err("something else arrived than was sent".into());
        }
        if number >= WARM_UP {
            times.push(micros(took));
        }
    }
    Ok(times)
}
