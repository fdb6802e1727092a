//! The Modbus client: how many registers it reads, and what polling costs.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Bench;
use crate::fail::{Doing, Fail};
use crate::forebay::Forebay;
use crate::plc::Plc;
use crate::process::{Process, processor_time};
use crate::pymscada::Pymscada;
use crate::report::{Aim, Row, Unit};
use crate::site::{Device, READ_WORDS_MAX};

const ROUNDS: usize = 3;
/// Of pymscada, which takes seconds to start and to end.
const PEER_ROUNDS: usize = 2;
/// Nearly all registers there are, so that a poll takes longer than the shortest period and nobody ever rests.
pub(super) const REGISTERS: usize = 520 * READ_WORDS_MAX;
/// Tags in each block of them: the first register, the last, and some between.
pub(super) const PER_BLOCK: usize = 5;
pub(super) const SPREAD_TAGS: usize = REGISTERS / READ_WORDS_MAX * PER_BLOCK;
/// As many requests under way as the standard lets a device take at once.
const PIPELINE: usize = 16;
/// The shortest period that a site may ask for.
const AT_ONCE_S: f64 = 0.01;
/// How long registers are counted.
const WINDOW: Duration = Duration::from_millis(1500);
/// What has been read when a client is at work.
const WARM_REGISTERS: u64 = 20 * READ_WORDS_MAX as u64;
/// Until then; pymscada waits a few periods before it begins.
const WARM_MAX: Duration = Duration::from_secs(30);
/// So long after its request a slow device answers.
const SLOW: Duration = Duration::from_millis(10);

/// A site as many have it.
const USUAL_TAGS: usize = 1000;
const USUAL_S: f64 = 1.0;
/// As many polls of it are counted as there are seconds.
const USUAL_WINDOW: Duration = Duration::from_secs(10);

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let folder = tempfile::tempdir().doing("making a folder")?;
    let loops = Loops::build(bench, folder.path())?;
    let mut rows = registers(bench, &loops, "at once", Duration::ZERO)?;
    rows.extend(registers(bench, &loops, "after 10 ms", SLOW)?);
    rows.push(usual(bench)?);
    Ok(rows)
}

/// Forebay's Modbus client on a device, with a bus of its own.
pub(super) struct Ours {
    forebay: Forebay,
    modbus: Process,
    bus: Process,
}

impl Ours {
    pub(super) fn start(bench: &Bench, tags: usize, device: Device) -> Result<Self, Fail> {
        let forebay = Forebay::new(bench, tags, Some(device))?;
        let bus = forebay.daemon("bus")?;
        let modbus = forebay.daemon("modbusclient")?;
        Ok(Self { forebay, modbus, bus })
    }

    pub(super) fn bus_pid(&self) -> u32 {
        self.bus.pid()
    }

    pub(super) fn bus(&self) -> SocketAddr {
        self.forebay.bus()
    }
}

pub(super) fn theirs(bench: &Bench, tags: usize, device: Device) -> Result<Option<Pymscada>, Fail> {
    Pymscada::start(bench, "bus,modbusclient", tags, Some(device), None)
}

/// Programs that only read.
struct Loops<'a> {
    bench: &'a Bench,
    folder: &'a Path,
}

impl<'a> Loops<'a> {
    /// Builds the one in C.
    fn build(bench: &'a Bench, folder: &'a Path) -> Result<Self, Fail> {
        let doing = "building loop.c with libmodbus";
        let flags = Command::new("pkg-config").args(["--cflags", "--libs", "libmodbus"]).output().doing(doing)?;
        let mut command = Command::new("cc");
        command.args(["-O2", "-o"]).arg(folder.join("loop")).arg(bench.root.join("tests/bench/loop.c"));
        let built = command.args(String::from_utf8_lossy(&flags.stdout).split_whitespace()).output().doing(doing)?;
        let said = || Fail(format!("{doing}: {}", String::from_utf8_lossy(&built.stderr)));
        built.status.success().then_some(Self { bench, folder }).ok_or_else(said)
    }

    fn c(&self, plc: &Plc) -> Result<Process, Fail> {
        self.start(plc, &mut Command::new(self.folder.join("loop")), "libmodbus")
    }

    fn pymodbus(&self, plc: &Plc) -> Result<Option<Process>, Fail> {
        let Some(python) = &self.bench.python else { return Ok(None) };
        let mut command = Command::new(python);
        self.start(plc, command.arg(self.bench.root.join("tests/bench/loop.py")), "pymodbus").map(Some)
    }

    fn start(&self, plc: &Plc, command: &mut Command, name: &str) -> Result<Process, Fail> {
        command.arg(plc.address().port().to_string()).arg(REGISTERS.to_string());
        Process::start(command, self.folder, name)
    }
}

/// Registers a second by everybody, one after the other, each on a device of its own.
fn registers(bench: &Bench, loops: &Loops<'_>, words: &str, delay: Duration) -> Result<Vec<Row>, Fail> {
    let mut row = Row::new(format!("registers read, the device answering {words}"), Unit::PerSecond, Aim::Nothing);
    let mut several = Row::new("… 16 requests at a time", Unit::PerSecond, Aim::Nothing);
    let mut pymodbus = Row::new("… one at a time beside pymodbus's client", Unit::PerSecond, Aim::Nothing);
    for round in 0..bench.rounds(ROUNDS) {
        let plc = || Plc::start_late(REGISTERS, delay);
        let device = |plc: &Plc| Device { per_block: PER_BLOCK, ..Device::new(plc.address(), AT_ONCE_S) };
        for (row, pipeline) in [(&mut row, 1), (&mut several, PIPELINE)] {
            let ours = plc()?;
            let _running = Ours::start(bench, SPREAD_TAGS, Device { pipeline, ..device(&ours) })?;
            row.ours.push(rate(&ours)?);
        }
        if round < PEER_ROUNDS {
            let peer = plc()?;
            if let Some(_running) = theirs(bench, SPREAD_TAGS, device(&peer))? {
                row.peer.push(rate(&peer)?);
            }
        }
        let bare = plc()?;
        {
            let _running = loops.c(&bare)?;
            row.bare.push(rate(&bare)?);
        }
        let python = plc()?;
        if let Some(_running) = loops.pymodbus(&python)? {
            pymodbus.peer.push(rate(&python)?);
        }
    }
    pymodbus.ours.clone_from(&row.ours);
    several.peer.clone_from(&row.peer);
    several.bare.clone_from(&row.bare);
    Ok(vec![row, several, pymodbus])
}

/// Registers a second that a device tells somebody who is at work.
fn rate(plc: &Plc) -> Result<f64, Fail> {
    warm(plc, WARM_REGISTERS)?;
    let (began, before) = (Instant::now(), plc.count());
    sleep(WINDOW);
    Ok((plc.count() - before) as f64 / began.elapsed().as_secs_f64())
}

pub(crate) fn warm(plc: &Plc, registers: u64) -> Result<(), Fail> {
    let end = Instant::now() + WARM_MAX;
    while plc.count() < registers {
        if Instant::now() > end {
            return Err("nobody reads the device".into());
        }
        sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// What a poll a second of a thousand tags costs, each with a new value at each poll. Both at the same time: they hardly
/// do anything.
fn usual(bench: &Bench) -> Result<Row, Fail> {
    let mut row = Row::new("1,000 tags polled every second, all changing: processor", Unit::Core, Aim::Below(0.1));
    let plc = || Plc::start(USUAL_TAGS).map(Plc::shifting);
    let (ours, peer) = (plc()?, plc()?);
    let forebay = Ours::start(bench, USUAL_TAGS, Device::new(ours.address(), USUAL_S))?;
    let pymscada = theirs(bench, USUAL_TAGS, Device::new(peer.address(), USUAL_S))?;
    let spent = |pid| processor_time(pid).map(|time| time.as_secs_f64());
    warm(&ours, 3 * USUAL_TAGS as u64)?;
    let module = pymscada.as_ref().map(|peer| peer.pids().get("modbusclient").copied().doing("pymscada has no pid"));
    let module = module.transpose()?;
    if module.is_some() {
        warm(&peer, 3 * USUAL_TAGS as u64)?;
    }
    for _ in 0..bench.rounds(PEER_ROUNDS) {
        let (before, theirs) = (spent(forebay.modbus.pid())?, module.map(spent).transpose()?);
        let began = Instant::now();
        sleep(USUAL_WINDOW);
        let percent = |since: f64, now: f64| (now - since) / began.elapsed().as_secs_f64() * 100.0;
        row.ours.push(percent(before, spent(forebay.modbus.pid())?));
        if let (Some(pid), Some(theirs)) = (module, theirs) {
            row.peer.push(percent(theirs, spent(pid)?));
        }
    }
    Ok(row)
}
