//! From the bus, and from a register, to a page's WebSocket.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Bench;
use crate::client::{Client, set_frame};
use crate::fail::{Doing, Fail};
use crate::forebay::Forebay;
use crate::plc::Plc;
use crate::pymscada::Pymscada;
use crate::report::{Aim, Row, Unit};
use crate::site::{Device, tag_name};
use crate::stats::{median, micros, percentile};
use crate::web::{Page, log_in};

const ROUNDS: usize = 5;
/// Pages that take turns: each is told readings at most every 20 ms, together they keep everything at work.
const PAGES: usize = 25;
const LAPS: usize = 20;
/// Readings that come out of the blue: everything sleeps, and must wake up first.
const QUIET_SAMPLES: usize = 60;
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
    let mut ours = Path::new(forebay.bus(), |tag| Page::forebay(forebay.www_port, &cookie, tag))?;
    let mut theirs = match &peer {
        Some(peer) => {
            let port = peer.www_port()?;
            Some(Path::new(peer.bus()?, |tag| Page::pymscada(port, tag))?)
        }
        None => None,
    };
    let mut p50 = Row::new("bus → WebSocket, p50", Unit::Micros, Aim::Below(100.0));
    let mut p99 = Row::new("bus → WebSocket, p99", Unit::Micros, Aim::Nothing);
    let mut quiet = Row::new("bus → WebSocket after 25 ms of quiet, p50", Unit::Micros, Aim::Nothing);
    for _ in 0..bench.rounds(ROUNDS) {
        let busy = ours.busy_round()?;
        p50.ours.push(percentile(&busy, 50.0));
        p99.ours.push(percentile(&busy, 99.0));
        quiet.ours.push(median(&ours.quiet_round()?));
        if let Some(theirs) = &mut theirs {
            let busy = theirs.busy_round()?;
            p50.peer.push(percentile(&busy, 50.0));
            p99.peer.push(percentile(&busy, 99.0));
            quiet.peer.push(median(&theirs.quiet_round()?));
        }
    }
    Ok(vec![p50, p99, quiet])
}

/// A script that sets tags, and pages that each show one of them.
struct Path {
    script: Client,
    pages: Vec<(u16, Page, Instant)>,
    value: i64,
}

impl Path {
    fn new(bus: SocketAddr, open: impl Fn(&str) -> Result<Page, Fail>) -> Result<Self, Fail> {
        let mut script = Client::connect(bus)?;
        let names: Vec<String> = (0..PAGES).map(tag_name).collect();
        let ids = script.ids(&names)?;
        let pages = names.iter().zip(ids).map(|(name, id)| Ok((id, open(name)?, Instant::now())));
        Ok(Self { script, pages: pages.collect::<Result<_, Fail>>()?, value: 0 })
    }

    fn busy_round(&mut self) -> Result<Vec<f64>, Fail> {
        (0..LAPS * PAGES).map(|number| self.once(number % PAGES)).collect()
    }

    fn quiet_round(&mut self) -> Result<Vec<f64>, Fail> {
        let one = |_| {
            sleep(PAUSE);
            self.once(0)
        };
        (0..QUIET_SAMPLES).map(one).collect()
    }

    /// Sets a tag and waits until its page is told, in µs.
    fn once(&mut self, place: usize) -> Result<f64, Fail> {
        let (id, page, told) = &mut self.pages[place];
        sleep(PAUSE.saturating_sub(told.elapsed()));
        self.value += 1;
        let frame = set_frame(*id, self.value);
        let began = Instant::now();
        self.script.send(&frame)?;
        page.shows(self.value)?;
        *told = Instant::now();
        Ok(micros(*told - began))
    }
}

fn from_register(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let (plc, peers_plc) = (Plc::start(100)?, Plc::start(100)?);
    let forebay = Forebay::new(bench, 100, Some(Device::new(plc.address(), POLL_S)))?;
    let _all = forebay.run()?;
    let peer = Pymscada::start(
        bench,
        "bus,modbusclient,wwwserver",
        100,
        Some(Device::new(peers_plc.address(), POLL_S)),
        None,
    )?;
    let link = wait_for_link(&forebay)?;
    let mut ours = Page::forebay(forebay.www_port, &log_in(forebay.www_port, &link)?, &tag_name(0))?;
    let mut theirs = match &peer {
        Some(peer) => Some(Page::pymscada(peer.www_port()?, &tag_name(0))?),
        None => None,
    };
    let mut whole = Row::new("register change → WebSocket, polled every 100 ms, p50", Unit::Micros, Aim::Nothing);
    let mut told = Row::new("… of that from the PLC's answer on, p50", Unit::Micros, Aim::Nothing);
    for round in 0..bench.rounds(ROUNDS) as u16 {
        let values = 1000 + round * REGISTER_SAMPLES..1000 + (round + 1) * REGISTER_SAMPLES;
        let (all, after) = register_round(&plc, &mut ours, values.clone())?;
        whole.ours.push(all);
        told.ours.push(after);
        if let Some(theirs) = &mut theirs {
            let (all, after) = register_round(&peers_plc, theirs, values)?;
            whole.peer.push(all);
            told.peer.push(after);
        }
    }
    Ok(vec![whole, told])
}

/// Medians in µs: from the change, and from the answer that told it.
fn register_round(plc: &Plc, page: &mut Page, values: std::ops::Range<u16>) -> Result<(f64, f64), Fail> {
    let (mut whole, mut after) = (Vec::new(), Vec::new());
    for (place, value) in values.enumerate() {
        // At every place between two polls once, in no order: chance would need many more samples to be as fair.
        let part = (place * 7 % usize::from(REGISTER_SAMPLES)) as f64 + 0.5;
        sleep(PAUSE + Duration::from_secs_f64(POLL_S * part / f64::from(REGISTER_SAMPLES)));
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
