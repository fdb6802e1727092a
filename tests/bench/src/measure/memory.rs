//! What each daemon weighs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Bench;
use crate::client::Client;
use crate::fail::{Doing, Fail};
use crate::forebay::Forebay;
use crate::plc::Plc;
use crate::process::{Memory, Process, memory};
use crate::pymscada::Pymscada;
use crate::report::{Aim, Row, Unit};
use crate::site::{Device, tag_name};

const MODULES: [&str; 4] = ["bus", "modbusclient", "history", "wwwserver"];
const TAGS: usize = 10_000;
/// A site as small as the demo, which pymscada can't read in full.
const PEER_DEMO_TAGS: usize = 100;
const POLL_S: f64 = 1.0;
/// A few polls, so that everything a daemon needs at work is there.
const SETTLE: Duration = Duration::from_secs(4);
const FILLED_WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let mut rows = with_many_tags(bench)?;
    rows.extend(demo(bench)?);
    Ok(rows)
}

fn with_many_tags(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let plc = Plc::start(TAGS)?;
    let device = Some(Device::new(plc.address(), POLL_S));
    let ours = {
        let forebay = Forebay::new(bench, TAGS, device)?;
        let daemons = MODULES.map(|module| forebay.daemon(module));
        let daemons = daemons.into_iter().collect::<Result<Vec<Process>, Fail>>()?;
        wait_filled(forebay.bus(), TAGS)?;
        let weigh = |(module, daemon): (&&str, &Process)| Ok((module.to_string(), memory(daemon.pid())?));
        MODULES.iter().zip(&daemons).map(weigh).collect::<Result<BTreeMap<String, Memory>, Fail>>()?
    };
    let theirs = match Pymscada::start(bench, &MODULES.join(","), TAGS, device, None)? {
        Some(peer) => {
            wait_filled(peer.bus()?, TAGS)?;
            weigh_peer(&peer)?
        }
        None => BTreeMap::new(),
    };
    let mut rows = Vec::new();
    for module in MODULES {
        let aim = if module == "bus" { Aim::Below(6.0) } else { Aim::Nothing };
        let rss = |memory: &Memory| memory.rss;
        rows.push(row(format!("{module}, 10,000 tags, RSS"), aim, &ours, &theirs, module, rss));
        rows.push(row(format!("{module}, 10,000 tags, PSS"), Aim::Nothing, &ours, &theirs, module, |it| it.pss));
        rows.push(row(format!("{module}, 10,000 tags, its own"), Aim::Nothing, &ours, &theirs, module, |it| it.own));
    }
    Ok(rows)
}

fn row(
    what: String,
    aim: Aim,
    ours: &BTreeMap<String, Memory>,
    theirs: &BTreeMap<String, Memory>,
    module: &str,
    pick: impl Fn(&Memory) -> f64,
) -> Row {
    let mut row = Row::new(what, Unit::Megabytes, aim);
    row.ours.extend(ours.get(module).map(&pick));
    row.peer.extend(theirs.get(module).map(&pick));
    row
}

/// Waits until the last tag has a value, then lets things settle.
fn wait_filled(bus: SocketAddr, tags: usize) -> Result<(), Fail> {
    let mut client = Client::connect(bus)?;
    // A script that asks for one tag: no other is made by it.
    let id = client.ids(&[tag_name(tags - 1)])?[0];
    let end = Instant::now() + FILLED_WITHIN;
    while client.get(id)?.is_empty() {
        if Instant::now() > end {
            return Err("the last tag never got a value".into());
        }
        sleep(Duration::from_millis(100));
    }
    sleep(SETTLE);
    Ok(())
}

fn weigh_peer(peer: &Pymscada) -> Result<BTreeMap<String, Memory>, Fail> {
    peer.pids().into_iter().map(|(module, pid)| Ok((module, memory(pid)?))).collect()
}

/// The shipped demo site with its simulated plant, as daemons of their own and as one process.
fn demo(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let mut row = Row::new("all daemons of the demo, PSS", Unit::Megabytes, Aim::Below(15.0));
    let mut one = Row::new("the demo as one process, PSS", Unit::Megabytes, Aim::Nothing);
    {
        let (forebay, _plant) = demo_site(bench)?;
        let daemons = MODULES.map(|module| forebay.daemon(module));
        let daemons = daemons.into_iter().collect::<Result<Vec<Process>, Fail>>()?;
        sleep(SETTLE);
        let all = daemons.iter().map(|daemon| memory(daemon.pid())).collect::<Result<Vec<Memory>, Fail>>()?;
        row.ours.push(all.iter().map(|memory| memory.pss).sum());
    }
    {
        let (forebay, _plant) = demo_site(bench)?;
        let all = forebay.run()?;
        sleep(SETTLE);
        one.ours.push(memory(all.pid())?.pss);
    }
    let plc = Plc::start(PEER_DEMO_TAGS)?;
    let device = Some(Device::new(plc.address(), POLL_S));
    if let Some(peer) = Pymscada::start(bench, &MODULES.join(","), PEER_DEMO_TAGS, device, None)? {
        wait_filled(peer.bus()?, PEER_DEMO_TAGS)?;
        row.peer.push(weigh_peer(&peer)?.values().map(|memory| memory.pss).sum());
    }
    Ok(vec![row, one])
}

/// A copy of config/ on free ports, and its plant.
pub(crate) fn demo_site(bench: &Bench) -> Result<(Forebay, Process), Fail> {
    let forebay = Forebay::empty(bench)?;
    let config = bench.root.join("config");
    let mut command = Command::new(bench.bin.join("forebay-sim"));
    command.arg("--plant").arg(config.join("plant.yaml")).args(["--port-base", "0"]).stdout(Stdio::piped());
    command.env("FOREBAY_DEMO_SERIAL", forebay.folder().join("fan.tty"));
    let mut plant = Process::start(&mut command, forebay.folder(), "plant")?;
    let mut line = String::new();
    let stdout = plant.stdout().doing("the plant has no stdout")?;
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).doing("hearing from the plant")?;
    let ready: serde_json::Value = serde_json::from_str(&line).doing("hearing from the plant")?;
    let ports = tcp_ports(&ready);
    let mut swaps = vec![
        ("bus_port: 1324".to_owned(), format!("bus_port: {}", forebay.bus_port)),
        ("port: 1324".to_owned(), format!("port: {}", forebay.bus_port)),
        ("port: 8324".to_owned(), format!("port: {}", forebay.www_port)),
    ];
    swaps.extend((1502..).zip(ports).map(|(from, to)| (format!("port: {from}"), format!("port: {to}"))));
    copy(&config, &forebay.site(), &swaps)?;
    Ok((forebay, plant))
}

/// The ports of the plant's lines, in the file's order.
fn tcp_ports(ready: &serde_json::Value) -> Vec<String> {
    let tcp = &ready["tcp"];
    let all: Vec<&serde_json::Value> = match (tcp.as_object(), tcp.as_array()) {
        (Some(by_name), _) => by_name.values().collect(),
        (_, Some(list)) => list.iter().collect(),
        _ => Vec::new(),
    };
    all.iter().filter_map(|at| Some(at.as_str()?.rsplit(':').next()?.to_owned())).collect()
}

fn copy(from: &Path, to: &Path, swaps: &[(String, String)]) -> Result<(), Fail> {
    let doing = "copying the demo site";
    for entry in std::fs::read_dir(from).doing(doing)? {
        let entry = entry.doing(doing)?;
        let is_ours = entry.path().extension().is_some_and(|ending| ending == "yaml");
        if !is_ours || entry.file_name() == "plant.yaml" {
            continue;
        }
        let mut text = std::fs::read_to_string(entry.path()).doing(doing)?;
        for (old, new) in swaps {
            text = text.replace(old, new);
        }
        std::fs::write(to.join(entry.file_name()), text).doing(doing)?;
    }
    Ok(())
}
