//! Broadcasts to the Modbus server: a serial line's writes to all units at once, which nobody answers.

#![allow(clippy::unwrap_used, reason = "a test")]

mod served;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use forebay_modbus::crc16;
use forebay_modbus::server::{Image, listen, serve};
use link::{Event, Link};
use served::{Bus, area, owner, tag};
use shell::{Notify, Stop, SystemClock};
use site::{
    Address, BusAddress, Door, DoorAt, ModbusServer, Parity, Serial, ServedArea, ServedTag, StaleAnswer, WordType,
};
use tag::{Delivery, Reading, TagName, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;
use tokio::time::timeout;
use tokio_serial::{SerialPort, SerialStream};

const DEADLINE: Duration = Duration::from_secs(10);

/// Registers 1 to 10 of two units that may be written, of one that may not, and of one where nothing lies.
fn areas() -> Vec<ServedArea> {
    let of = |unit: u8, write: bool| {
        let mut served = area(1, 10, write, StaleAnswer::Exception, None);
        served.area.unit = unit;
        served
    };
    vec![of(1, true), of(2, true), of(3, false), of(4, true)]
}

fn tags() -> Vec<ServedTag> {
    let at = |name: &str, unit: u8| {
        let plain = tag(name, WordType::Int16, 1, None);
        ServedTag { at: Address { unit, ..plain.at }, ..plain }
    };
    let half = tag("half", WordType::Float32, 1, None);
    let half = ServedTag { at: Address { unit: 4, start: 4, ..half.at }, ..half };
    vec![at("set", 1), at("other", 2), at("locked", 3), half]
}

#[test]
fn each_unit_does_what_it_may_and_no_more() {
    let image = Image::new(0, &areas(), &tags());
    let all = |value: i64| vec![(0, Value::Int(value)), (1, Value::Int(value))];
    assert_eq!(image.serve_all(&[6, 0, 0, 0, 42]), all(42), "not the one that is only read");
    assert_eq!(image.serve_all(&[16, 0, 0, 0, 2, 4, 0, 9, 0, 0]), all(9));
    for nothing in [
        &[3, 0, 0, 0, 1][..],
        &[6, 0, 4, 0, 1],
        &[6, 0, 9, 0, 1],
        &[6, 0, 11, 0, 1],
        &[16, 0, 0, 0, 1, 1, 0],
        &[22, 0, 0, 0, 0, 0, 1],
        &[],
    ] {
        assert_eq!(image.serve_all(nothing), [], "a read, half a number, no tag, no register, no write: {nothing:?}");
    }
}

/// What the bus said last of each tag.
struct Watch {
    link: Link,
    seen: HashMap<TagName, Reading>,
}

impl Watch {
    /// Takes what the bus says until a tag holds a number.
    async fn sees(&mut self, name: &str, value: i64) {
        let name = TagName::parse(name).unwrap();
        self.link.watch(&name, Delivery::Latest, None);
        while self.seen.get(&name) != Some(&Reading::Good(Value::Int(value))) {
            let Ok(event) = timeout(DEADLINE, self.link.next()).await else {
                panic!("{name} isn't {value}, but {:?}", self.seen.get(&name));
            };
            if let Event::Sample(tag, sample) = event {
                self.seen.insert(self.link.name(tag).clone(), sample.reading);
            }
        }
    }
}

#[test]
fn a_broadcast_is_carried_out_counted_and_never_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (stop, bus) = (Stop::new(), Bus::start("broadcast"));
        tokio::task::spawn_local(owner(bus.end("plc"), &["set", "other", "locked"]));
        let (mut far, near) = SerialStream::pair().unwrap();
        let path = near.name().unwrap().into();
        drop(near);
        let at = DoorAt::Rtu(Serial { path, baud: 115_200, parity: Parity::None, stop_bits: 1, rs485: false });
        let doors = vec![Door { name: "LINE".into(), at, allow: vec![], serve: areas() }];
        let address = BusAddress { ip: Ipv4Addr::LOCALHOST.into(), port: 1324 };
        let site = ModbusServer { bus: address, doors, tags: tags() };
        let open = listen(&site.doors).unwrap();
        let end = bus.end("modbusserver");
        tokio::task::spawn_local(serve(site, open, end, SystemClock::shared(), stop.clone(), Notify::from_env()));
        let mut watch = Watch { link: bus.end("www"), seen: HashMap::new() };
        let figure = |what: &str| format!("sys.modbusserver.LINE.{what}");
        watch.sees(&figure("broadcasts"), 0).await;

        let framed = |body: &[u8]| [body, &crc16(body).to_le_bytes()].concat();
        far.write_all(&framed(&[0, 6, 0, 0, 0, 42])).await.unwrap();
        watch.sees("set", 42).await;
        watch.sees("other", 42).await;
        // Over its limit: nobody hears of it but who looks at the figures.
        far.write_all(&framed(&[0, 16, 0, 0, 0, 1, 2, 0, 101])).await.unwrap();
        watch.sees(&figure("broadcasts_failed"), 1).await;
        // The first thing that is said on the line is the answer to the first question that has one.
        far.write_all(&framed(&[3, 3, 0, 0, 0, 1])).await.unwrap();
        let mut said = [0; 7];
        timeout(DEADLINE, far.read_exact(&mut said)).await.expect("an answer on the line").unwrap();
        assert_eq!(said[..], framed(&[3, 3, 2, 0, 7])[..], "and what is only read is as it was");
        watch.sees(&figure("requests"), 3).await;
        watch.sees(&figure("broadcasts"), 2).await;
        watch.sees(&figure("exceptions"), 0).await;
        stop.cancel();
    });
}
