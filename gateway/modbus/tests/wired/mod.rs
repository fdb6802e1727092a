//! A bus, the daemon, and a module that watches and writes, on real wires.
#![allow(dead_code, clippy::unwrap_used, reason = "a test; each binary uses what it needs")]

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use forebay_modbus::{Config, Outcome, run};
use link::{Event, Handle, Link, LinkConfig};
use shell::{Clock, Notify, Stop, SystemClock};
use sim::Plc;
use site::{Address, Form, ModbusClient, Rtu, Serial, Table, Transport, WordType};
use tag::{Delivery, Reading, Sample, TagDef, Value};
use tokio::task::LocalSet;
use tokio::time::timeout;

use crate::stepped::{at, name, tag_of, tcp};

/// Nothing a test waits for takes this long on the slowest machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// What is promised: one poll and a second; and what a loaded machine may add.
pub(crate) const RECOVERY: Duration = Duration::from_millis(1000 + 200 + 500);

/// What is said of each line, and of each unit.
pub(crate) const OF_LINE: [&str; 10] = [
    "requests",
    "timeouts",
    "exceptions",
    "crc_errors",
    "bad_answers",
    "overruns",
    "load",
    "offline_cost",
    "p50_ms",
    "p95_ms",
];
pub(crate) const OF_UNIT: [&str; 9] =
    ["state", "timeouts", "exceptions", "crc_errors", "bad_answers", "load", "p50_ms", "p95_ms", "offline_cost_s"];

/// A bus, the daemon, and a module that watches everything.
pub(crate) struct Site {
    pub(crate) link: Link,
    pub(crate) handles: HashMap<String, Handle>,
    pub(crate) seen: HashMap<Handle, Sample>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) root: PathBuf,
    pub(crate) stop: Stop,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

impl Site {
    pub(crate) fn start(test: &str, client: &ModbusClient, defs: &[TagDef]) -> Self {
        let root = std::env::temp_dir().join(format!("forebay-modbus-{}-{test}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(&root).unwrap();
        let socket = root.join("bus.sock");
        let stop = Stop::new();
        let config = bus::Config { tcp: ([127, 0, 0, 1], 0).into(), socket: socket.clone(), bus_tag: "__bus__".into() };
        let listeners = bus::listen(&config).unwrap();
        let clock = SystemClock::shared();
        tokio::task::spawn_local(bus::run(config, listeners, clock.clone(), stop.clone(), Notify::from_env()));
        let end = |module: &str| Link::new(LinkConfig { socket: socket.clone(), module: module.into() });
        let config = Config::new(client, defs).unwrap();
        tokio::task::spawn_local(run(config, end("modbus"), clock, stop.clone(), Notify::from_env()));
        let mut link = end("www");
        let system = ["state", "why", "frames"].iter().chain(&OF_LINE).copied().collect::<Vec<_>>();
        let system =
            system.iter().flat_map(|what| client.rtus.iter().map(move |r| format!("sys.modbus.{}.{what}", r.name)));
        let units = OF_UNIT.map(|what| format!("sys.modbus.RTU:1.{what}"));
        let tags = client.tags.iter().map(|tag| tag.name.to_string()).chain(system).chain(units);
        let handles = tags.map(|tag| (tag.clone(), link.watch(&name(&tag), Delivery::Latest, None))).collect();
        Self { link, handles, seen: HashMap::new(), outcomes: vec![], root, stop }
    }

    pub(crate) fn reading(&self, tag: &str) -> Option<&Reading> {
        self.seen.get(&self.handles[tag]).map(|sample| &sample.reading)
    }

    pub(crate) fn is(&self, tag: &str, value: impl Into<Value>) -> bool {
        self.reading(tag) == Some(&Reading::Good(value.into()))
    }

    pub(crate) fn is_held(&self, tag: &str) -> bool {
        matches!(self.reading(tag), Some(Reading::Held { .. }))
    }

    /// Takes what the bus says until it holds.
    pub(crate) async fn until(&mut self, patience: Duration, what: &str, mut level: impl FnMut(&Self) -> bool) {
        let reached = async {
            while !level(self) {
                match self.link.next().await {
                    Event::Sample(tag, sample) => drop(self.seen.insert(tag, sample)),
                    Event::Outcome(_, outcome) => self.outcomes.push(outcome),
                    _ => {}
                }
            }
        };
        if timeout(patience, reached).await.is_err() {
            let seen: Vec<_> = self.handles.iter().map(|(tag, handle)| (tag, self.seen.get(handle))).collect();
            panic!("not within {patience:?}: {what}; seen {seen:#?} {:?}", self.outcomes);
        }
    }

    /// The line's last frames, asked of the daemon over the bus.
    pub(crate) async fn frames(&mut self) -> Vec<u8> {
        self.link.ask(self.handles["sys.modbus.RTU.frames"], Value::Json("{}".into()));
        let answer = async {
            loop {
                match self.link.next().await {
                    Event::Answer { value: Value::Bytes(bytes), .. } => return bytes.to_vec(),
                    Event::AskFailed(_, why) => panic!("{why}"),
                    Event::Sample(tag, sample) => drop(self.seen.insert(tag, sample)),
                    _ => {}
                }
            }
        };
        timeout(DEADLINE, answer).await.expect("the frames are given")
    }

    pub(crate) async fn write(&mut self, tag: &str, value: impl Into<Value>) -> Outcome {
        self.outcomes.clear();
        self.link.write(self.handles[tag], value.into(), SystemClock.uptime().after(Duration::from_secs(5)), "a test");
        self.until(DEADLINE, "the outcome", |site| site.outcomes.last().is_some_and(Outcome::is_final)).await;
        self.outcomes.last().unwrap().clone()
    }
}

pub(crate) fn test(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, body);
}

pub(crate) fn tcp_at(plant: &sim::Handle, form: Form) -> Rtu {
    let port = plant.tcp_addr(Plc::NAME).port();
    Rtu {
        transport: Transport::Tcp { host: "localhost".into(), port },
        rate: Duration::from_millis(200),
        timeout: Duration::from_millis(500),
        ..tcp(form)
    }
}

pub(crate) fn serial_at(plant: &sim::Handle) -> Rtu {
    let path = plant.rtu_path(Plc::NAME).to_path_buf();
    let port = Serial { path, baud: 115_200, parity: site::Parity::None, stop_bits: 1, rs485: false };
    Rtu { transport: Transport::Rtu(port), timeout: Duration::from_millis(200), ..tcp_without_port() }
}

pub(crate) fn tcp_without_port() -> Rtu {
    Rtu { rate: Duration::from_millis(200), ..tcp(Form::Poll) }
}

pub(crate) fn plc() -> Plc {
    Plc::new().blank(300).register(1, 7).registers(3, &[0x41A4, 0]).coil(9, true)
}

pub(crate) fn tags() -> Vec<site::ModbusTag> {
    let coil = Some(Address { table: Table::Coils, ..at(9) });
    vec![
        tag_of("set", WordType::Int16, Some(at(1)), Some(at(1))),
        tag_of("level", WordType::Float32, Some(at(3)), None),
        tag_of("valve", WordType::Bool, coil, coil),
        tag_of("far", WordType::Uint64, Some(at(250)), Some(at(250))),
    ]
}
