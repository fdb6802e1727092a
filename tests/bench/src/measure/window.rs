//! From the bus, and from a register, to a page's WebSocket.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Bench;
use crate::client::{Client, set_frame};
use crate::fail::{Doing, Fail};
use crate::forebay::Forebay;
use crate::plc::Plc;
use crate::pymscada::Pymscada;
use crate::report::{Aim, Row, Unit};
use crate::site::tag_name;
use crate::stats::{median, micros, percentile};
use crate::web::{Page, log_in};

const ROUNDS: usize = 5;
const SAMPLES: i64 = 100;
const REGISTER_SAMPLES: u16 = 25;
/// Between values: a page is told readings at most every 20 ms, and this is about one after a quiet time.
const PAUSE: Duration = Duration::from_millis(25);
/// The poll period of both.
const POLL_S: f64 = 0.1;

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let mut rows = from_bus(bench)?;
    rows.extend(from_register(bench)?);
    Ok(rows)
}

fn from_bus(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let forebay = Forebay::new(bench, 100, None)?;
    let (_bus, _www) = (forebay.daemon("bus")?, forebay.daemon("wwwserver")?);
    let peer = Pymscada::start(bench, "bus,wwwserver", 100, None, None)?;
    let cookie = log_in(forebay.www_port, &wait_for_link(&forebay)?)?;
    let mut ours = Path::new(Client::connect(forebay.bus())?, Page::forebay(forebay.www_port, &cookie, &tag_name(0))?)?;
    let mut theirs = match &peer {
        Some(peer) => Some(Path::new(Client::connect(peer.bus()?)?, Page::pymscada(peer.www_port()?, &tag_name(0))?)?),
        None => None,
    };
    let mut p50 = Row::new("bus → WebSocket, p50", Unit::Micros, Aim::Below(100.0));
    let mut p99 = Row::new("bus → WebSocket, p99", Unit::Micros, Aim::Nothing);
    for _ in 0..bench.rounds(ROUNDS) {
        let times = ours.round()?;
        p50.ours.push(percentile(&times, 50.0));
        p99.ours.push(percentile(&times, 99.0));
        if let Some(theirs) = &mut theirs {
            let times = theirs.round()?;
            p50.peer.push(percentile(&times, 50.0));
            p99.peer.push(percentile(&times, 99.0));
        }
    }
    Ok(vec![p50, p99])
}

/// A script that sets a tag, and a page that shows it.
struct Path {
    script: Client,
    page: Page,
    id: u16,
    value: i64,
}

impl Path {
    fn new(mut script: Client, page: Page) -> Result<Self, Fail> {
        let id = script.ids(&[tag_name(0)])?[0];
        Ok(Self { script, page, id, value: 0 })
    }

    fn round(&mut self) -> Result<Vec<f64>, Fail> {
        let mut times = Vec::new();
        for _ in 0..SAMPLES {
            sleep(PAUSE);
            self.value += 1;
            let frame = set_frame(self.id, self.value);
            let began = Instant::now();
            self.script.send(&frame)?;
            self.page.shows(self.value)?;
            times.push(micros(began.elapsed()));
        }
        Ok(times)
    }
}

fn from_register(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let (plc, peers_plc) = (Plc::start(100)?, Plc::start(100)?);
    let forebay = Forebay::new(bench, 100, Some((plc.address(), POLL_S)))?;
    let _all = forebay.run()?;
    let peer = Pymscada::start(bench, "bus,modbusclient,wwwserver", 100, Some((peers_plc.address(), POLL_S)), None)?;
    let link = wait_for_link(&forebay)?;
    let mut ours = Page::forebay(forebay.www_port, &log_in(forebay.www_port, &link)?, &tag_name(0))?;
    let mut theirs = match &peer {
        Some(peer) => Some(Page::pymscada(peer.www_port()?, &tag_name(0))?),
        None => None,
    };
    let mut whole = Row::new("register change → WebSocket, polled every 100 ms, p50", Unit::Micros, Aim::Nothing);
    let mut told = Row::new("… of that from the PLC's answer on, p50", Unit::Micros, Aim::Nothing);
    let mut dice = 1_u32;
    for round in 0..bench.rounds(ROUNDS) as u16 {
        let values = 1000 + round * REGISTER_SAMPLES..1000 + (round + 1) * REGISTER_SAMPLES;
        let (all, after) = register_round(&plc, &mut ours, values.clone(), &mut dice)?;
        whole.ours.push(all);
        told.ours.push(after);
        if let Some(theirs) = &mut theirs {
            let (all, after) = register_round(&peers_plc, theirs, values, &mut dice)?;
            whole.peer.push(all);
            told.peer.push(after);
        }
    }
    Ok(vec![whole, told])
}

/// Medians in µs: from the change, and from the answer that told it.
fn register_round(
    plc: &Plc,
    page: &mut Page,
    values: std::ops::Range<u16>,
    dice: &mut u32,
) -> Result<(f64, f64), Fail> {
    let (mut whole, mut after) = (Vec::new(), Vec::new());
    for value in values {
        // Anywhere between two polls; a fixed pause would always meet the same place.
        *dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        sleep(PAUSE + Duration::from_micros(u64::from(*dice >> 16) * 100_000 / 65_536));
        let changed = Instant::now();
        plc.set(value);
        page.shows(i64::from(value))?;
        let shown = Instant::now();
        let told = plc.told(value).doing("the page shows what the PLC never told")?;
        whole.push(micros(shown - changed));
        after.push(micros(shown.saturating_duration_since(told)));
    }
    Ok((median(&whole), median(&after)))
}

/// A link as soon as the site that is starting gives one.
pub(crate) fn wait_for_link(forebay: &Forebay) -> Result<String, Fail> {
    let end = Instant::now() + crate::process::START_MAX;
    loop {
        match forebay.link() {
            Ok(link) => return Ok(link),
            Err(why) if Instant::now() > end => return Err(why),
            Err(_) => sleep(Duration::from_millis(20)),
        }
    }
}
