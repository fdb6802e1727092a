//! How soon a PLC's answer is on the bus: from before the PLC hands it to its kernel until the value is in the bus's socket
//! and the kernel wakes the bus up for it. Beside it, of the same answers: until the bus has handed the value to a
//! subscriber's kernel, which stamps it, and until the subscriber, one more process to be woken up, has read it.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Bench;
use crate::chain::{self, Chain};
use crate::client::Client;
use crate::fail::{Doing, Fail};
use crate::measure::modbus::{Ours, PER_BLOCK, REGISTERS, SPREAD_TAGS, theirs};
use crate::plc::Plc;
use crate::pymscada::Pymscada;
use crate::report::{Aim, Row, Unit};
use crate::site::{Device, READ_WORDS_MAX, tag_name};
use crate::stats::{median, micros};
use crate::wakes::Wakes;

const ROUNDS: usize = 3;
/// Of pymscada, which takes seconds to start and to end.
const PEER_ROUNDS: usize = 2;
/// Answers of each round.
const SAMPLES: usize = 40;
/// From a PLC's answer until it is on the bus.
const AIM_US: f64 = 50.0;
/// The shortest period that a site may ask for: reading all those registers takes longer, so nobody ever rests.
const AT_ONCE_S: f64 = 0.01;
/// Polls that find everything asleep.
const QUIET_S: f64 = 0.1;
/// Registers of an answer that are tags one and all, each changed: what there is to do for each tag adds up.
const DENSE_TAGS: usize = 100;

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let folder = tempfile::tempdir().doing("making a folder")?;
    let mut rows = always_polling(bench, folder.path())?;
    let sparse = |plc: &Plc| Device { per_block: PER_BLOCK, ..Device::new(plc.address(), QUIET_S) };
    let rested = Rows::new("after 100 ms of quiet", Aim::Below(AIM_US));
    rows.extend(after_quiet(bench, folder.path(), rested, READ_WORDS_MAX, PER_BLOCK, sparse)?);
    let dense = |plc: &Plc| Device::new(plc.address(), QUIET_S);
    let rested = Rows::new("after 100 ms of quiet, 100 tags in it", Aim::Nothing);
    rows.extend(after_quiet(bench, folder.path(), rested, DENSE_TAGS, DENSE_TAGS, dense)?);
    Ok(rows)
}

/// By a client that never rests.
fn always_polling(bench: &Bench, folder: &Path) -> Result<Vec<Row>, Fail> {
    let mut rows = Rows::new("always polling", Aim::Below(AIM_US));
    let plc = || Plc::start(REGISTERS).map(|plc| plc.shifting().standing_back());
    let device = |plc: &Plc| Device { per_block: PER_BLOCK, ..Device::new(plc.address(), AT_ONCE_S) };
    for round in 0..bench.rounds(ROUNDS) {
        {
            let plc = plc()?;
            let running = Ours::start(bench, SPREAD_TAGS, device(&plc))?;
            rows.ours(&to_bus(&plc, running.bus_pid(), Subscriber::of_tag(running.bus())?)?);
        }
        {
            let plc = plc()?;
            let chain = Chain::start(bench, folder, &plc, REGISTERS, Duration::ZERO)?;
            rows.bare(&to_bus(&plc, chain.pid(), Subscriber::of_chain(&chain)?)?);
        }
        let plc = plc()?;
        let peer = if round < PEER_ROUNDS { theirs(bench, SPREAD_TAGS, device(&plc))? } else { None };
        if let Some(running) = peer {
            rows.peer(&to_bus(&plc, bus_pid(&running)?, Subscriber::of_tag(running.bus()?)?)?);
        }
    }
    Ok(rows.into())
}

/// The same when each poll wakes everybody up. One answer has all `registers`, with so many `tags` in them.
fn after_quiet(
    bench: &Bench,
    folder: &Path,
    mut rows: Rows,
    registers: usize,
    tags: usize,
    device: impl Fn(&Plc) -> Device,
) -> Result<Vec<Row>, Fail> {
    let plc = || Plc::start(registers).map(|plc| plc.shifting().standing_back());
    let (ours, peers, bare) = (plc()?, plc()?, plc()?);
    let forebay = Ours::start(bench, tags, device(&ours))?;
    let pymscada = theirs(bench, tags, device(&peers))?;
    let chain = Chain::start(bench, folder, &bare, registers, Duration::from_secs_f64(QUIET_S))?;
    for round in 0..bench.rounds(ROUNDS) {
        rows.ours(&to_bus(&ours, forebay.bus_pid(), Subscriber::of_tag(forebay.bus())?)?);
        rows.bare(&to_bus(&bare, chain.pid(), Subscriber::of_chain(&chain)?)?);
        if let Some(pymscada) = pymscada.as_ref().filter(|_| round < PEER_ROUNDS) {
            rows.peer(&to_bus(&peers, bus_pid(pymscada)?, Subscriber::of_tag(pymscada.bus()?)?)?);
        }
    }
    Ok(rows.into())
}

/// The ends of the same answers.
struct Rows {
    in_bus: Row,
    through: Row,
    read: Row,
}

impl Rows {
    fn new(when: &str, aim: Aim) -> Self {
        let row = |what: &str, aim| Row::new(what, Unit::Micros, aim);
        Self {
            in_bus: row(&format!("PLC's answer → bus, {when}, p50"), aim),
            through: row("… and through the bus to a subscriber's kernel", Aim::Nothing),
            read: row("… until the subscriber, woken up for it, has read it", Aim::Nothing),
        }
    }

    fn ours(&mut self, took: &Took) {
        self.in_bus.ours.extend(took.in_bus);
        self.through.ours.push(took.through);
        self.read.ours.push(took.read);
    }

    fn peer(&mut self, took: &Took) {
        self.in_bus.peer.extend(took.in_bus);
        self.through.peer.push(took.through);
        self.read.peer.push(took.read);
    }

    fn bare(&mut self, took: &Took) {
        self.in_bus.bare.extend(took.in_bus);
        self.through.bare.push(took.through);
        self.read.bare.push(took.read);
    }
}

impl From<Rows> for Vec<Row> {
    fn from(rows: Rows) -> Self {
        vec![rows.in_bus, rows.through, rows.read]
    }
}

/// Medians, in µs.
struct Took {
    /// Where the scheduler may be looked at.
    in_bus: Option<f64>,
    through: f64,
    read: f64,
}

/// One that hears of register 0.
struct Subscriber {
    client: Client,
    id: u16,
}

impl Subscriber {
    fn of_tag(bus: std::net::SocketAddr) -> Result<Self, Fail> {
        let mut client = Client::connect(bus)?;
        let ids = client.ids(&[tag_name(0)])?;
        client.subscribe(&ids)?;
        Ok(Self { client, id: ids[0] })
    }

    /// Whoever is in the bus's place there needs no words.
    fn of_chain(chain: &Chain) -> Result<Self, Fail> {
        Ok(Self { client: Client::connect(chain.address)?, id: chain::FIRST })
    }
}

/// From when a device told its first register to when a subscriber of the bus heard of it.
fn to_bus(plc: &Plc, bus: u32, subscriber: Subscriber) -> Result<Took, Fail> {
    let Subscriber { mut client, id } = subscriber;
    let (mut moments, mut through, mut read) = (Vec::new(), Vec::new(), Vec::new());
    let wakes = Wakes::of(bus);
    // The first one may have been there before we came.
    client.heard(id)?;
    for _ in 0..2 * SAMPLES {
        let value = client.heard(id)?;
        let heard = Instant::now();
        // The kernel begins to stamp a little after it was asked to.
        let Some(arrived) = client.arrived() else { continue };
        let told = u16::try_from(value).ok().and_then(|value| plc.told(value));
        let told = told.doing("the bus says what the device never told")?;
        moments.push(told);
        through.push(micros(arrived.saturating_duration_since(told)));
        read.push(micros(heard.saturating_duration_since(told)));
        if read.len() == SAMPLES {
            break;
        }
    }
    if read.len() < SAMPLES {
        return Err("the kernel doesn't stamp what arrives".into());
    }
    let in_bus = wakes.map(|wakes| wakes.after(&moments)).transpose()?;
    let in_bus = in_bus.map(|took| median(&took.into_iter().map(micros).collect::<Vec<_>>()));
    Ok(Took { in_bus, through: median(&through), read: median(&read) })
}

fn bus_pid(peer: &Pymscada) -> Result<u32, Fail> {
    peer.pids().get("bus").copied().doing("pymscada's bus has no pid")
}
