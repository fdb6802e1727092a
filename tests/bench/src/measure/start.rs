//! From the start of the whole site to the first good value on a page's WebSocket.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::Bench;
use crate::fail::{Doing, Fail};
use crate::forebay::Forebay;
use crate::measure::window::wait_for_link;
use crate::plc::Plc;
use crate::process::free_port;
use crate::pymscada::Pymscada;
use crate::report::{Aim, Row, Unit};
use crate::site::{Device, tag_name};
use crate::web::{Page, log_in};

const ROUNDS: usize = 7;
/// Of pymscada, which takes seconds each time.
const PEER_ROUNDS: usize = 3;
const TAGS: usize = 100;
const POLL_S: f64 = 1.0;

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let plc = Plc::start(TAGS)?;
    let device = Some(Device::new(plc.address(), POLL_S));
    let forebay = Forebay::new(bench, TAGS, device)?;
    // The browser was let in before; that survives a restart.
    let cookie = {
        let _first = forebay.run()?;
        let link = wait_for_link(&forebay)?;
        log_in(forebay.www_port, &link)?
    };
    let mut row = Row::new("start → first good value on the WebSocket", Unit::Seconds, Aim::Below(0.3));
    for round in 0..bench.rounds(ROUNDS) {
        let began = Instant::now();
        let site = forebay.run()?;
        Page::forebay(forebay.www_port, &cookie, &tag_name(0))?.good()?;
        row.ours.push(began.elapsed().as_secs_f64());
        drop(site);
        if round < PEER_ROUNDS {
            row.peer.extend(peer(bench, device)?);
        }
    }
    Ok(vec![row])
}

fn peer(bench: &Bench, device: Option<Device>) -> Result<Option<f64>, Fail> {
    let port = free_port()?;
    let modules = "bus,modbusclient,history,wwwserver";
    let Some(peer) = Pymscada::start(bench, modules, TAGS, device, Some(port))? else { return Ok(None) };
    Page::pymscada(port, &tag_name(0))?.good()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).doing("reading the clock")?;
    Ok(Some(now.as_secs_f64() - peer.began_us()? as f64 / 1e6))
}
