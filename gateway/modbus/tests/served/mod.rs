//! What a Modbus server serves, a bus, and an owner that carries out what masters write.
#![allow(dead_code, clippy::unwrap_used, reason = "a test; each binary uses what it needs")]

use std::path::{Path, PathBuf};

use forebay_modbus::Outcome;
use link::{Event, Link, LinkConfig};
use shell::{Clock, Notify, Stop, SystemClock};
use site::{Address, Area, Order, ServedArea, ServedTag, StaleAnswer, Table, WordType};
use tag::{Reading, Sample, TagName, Value};

pub(crate) fn tag(name: &str, word_type: WordType, word: u16, bit: Option<u8>) -> ServedTag {
    let at = Address { rtu: 0, unit: 1, table: Table::HoldingRegisters, start: word - 1, bit };
    let name = TagName::parse(name).unwrap();
    ServedTag { name, word_type, at, order: Order::Abcd, scale: 1.0, offset: 0.0, length: 0 }
}

pub(crate) fn area(start: u16, end: u16, write: bool, stale: StaleAnswer, status: Option<u16>) -> ServedArea {
    let area = Area { unit: 1, table: Table::HoldingRegisters, start: start - 1, count: u32::from(end - start) + 1 };
    ServedArea { area, write, stale, status: status.map(|word| word - 1) }
}

/// A bus of a test's own, and the folder it lies in.
pub(crate) struct Bus {
    pub(crate) stop: Stop,
    root: PathBuf,
}

impl Bus {
    pub(crate) fn start(test: &str) -> Self {
        let root = std::env::temp_dir().join(format!("forebay-modbus-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(&root).unwrap();
        let stop = Stop::new();
        let socket = socket(&root);
        let config = bus::Config { tcp: ([127, 0, 0, 1], 0).into(), socket, bus_tag: "__bus__".into() };
        let listeners = bus::listen(&config).unwrap();
        tokio::task::spawn_local(bus::run(config, listeners, SystemClock::shared(), stop.clone(), Notify::from_env()));
        Self { stop, root }
    }

    pub(crate) fn end(&self, module: &str) -> Link {
        Link::new(LinkConfig { socket: socket(&self.root), module: module.into() })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.stop.cancel();
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn socket(root: &Path) -> PathBuf {
    root.join("bus.sock")
}

/// The owner of tags that hold 7 at first and are carried out up to 100, as a device would. Past that they are refused, but
/// for `clamped`: that one is set to 100, and its writer told so.
pub(crate) async fn owner(mut link: Link, tags: &'static [&'static str]) {
    let group = link.group(None);
    let sample = |value| Sample { at: SystemClock.wall(), reading: Reading::Good(value) };
    for tag in tags {
        let tag = link.own(&TagName::parse(tag).unwrap(), group);
        link.publish(tag, sample(Value::Int(7)));
    }
    loop {
        if let Event::Write { id, tag, value, who, .. } = link.next().await {
            assert!(who.starts_with("modbus master "), "{who}");
            let limit = Value::Int(100);
            match (value.as_f64().unwrap() > 100.0, link.name(tag).as_str()) {
                (false, _) => {
                    link.publish(tag, sample(value));
                    link.settle(id, Outcome::Confirmed);
                }
                (true, "clamped") => {
                    link.publish(tag, sample(limit.clone()));
                    link.settle(id, Outcome::Mismatch(limit));
                }
                (true, _) => link.settle(id, Outcome::Refused("over max 100".into())),
            }
        }
    }
}
