//! The bus on real sockets: what a stalled, a rude and a broken peer can't do to the others.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use forebay_bus::{Config, listen, run};
use link::{Event, Link, LinkConfig, Outcome};
use shell::{Clock, Notify, Stop, SystemClock};
use tag::{Delivery, Reading, Sample, TagName, Timestamp, Value};
use wire::p1;

/// Longer than anything here takes on a loaded machine; a test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    socket: PathBuf,
    stop: Stop,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    fn start(test: &str) -> Self {
        let socket = std::env::temp_dir().join(format!("forebay-bus-{test}-{}.sock", std::process::id()));
        let config = Config { tcp: ([127, 0, 0, 1], 0).into(), socket: socket.clone(), bus_tag: "__bus__".into() };
        let listeners = listen(&config).unwrap();
        let address = listeners.scripts_address().unwrap();
        let stop = Stop::new();
        let token = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(config, listeners, SystemClock::shared(), token, Notify::from_env())).unwrap();
        });
        Self { address, socket, stop, thread: Some(thread) }
    }

    fn script(&self) -> Script {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Script { stream, buffer: Vec::new(), decoder: p1::Decoder::default() }
    }

    fn link(&self, module: &str) -> Link {
        Link::new(LinkConfig { socket: self.socket.clone(), module: module.into() })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        self.thread.take().unwrap().join().unwrap();
    }
}

struct Script {
    stream: TcpStream,
    buffer: Vec<u8>,
    decoder: p1::Decoder,
}

impl Script {
    fn say(&mut self, command: u8, id: u16, body: &[u8]) {
        let mut out = Vec::new();
        p1::encode(&mut out, command, id, 1, body);
        self.stream.write_all(&out).unwrap();
    }

    /// The next message; panics at the deadline.
    fn hear(&mut self) -> (u8, u16, Vec<u8>) {
        loop {
            let step = self.decoder.next(&self.buffer).unwrap();
            if let p1::Step::Took(n, message) = step {
                let said = message.map(|m| match m.body {
                    p1::Body::Whole(body) => (m.command, m.tag_id, body.to_vec()),
                    p1::Body::TooLong => panic!("too long"),
                });
                self.buffer.drain(..n);
                if let Some(said) = said {
                    return said;
                }
                continue;
            }
            let mut part = [0; 65536];
            let n = self.stream.read(&mut part).expect("an answer before the deadline");
            assert!(n > 0, "the bus closed the connection");
            self.buffer.extend_from_slice(&part[..n]);
        }
    }

    fn id_of(&mut self, name: &str) -> u16 {
        self.say(p1::ID, 0, name.as_bytes());
        loop {
            let (command, id, _) = self.hear();
            if command == p1::ID {
                return id;
            }
        }
    }

    /// Everything before has been done when this returns: frames of one peer are handled in order.
    fn barrier(&mut self) {
        self.say(p1::GET, 1, b"");
        while self.hear().1 != 1 {}
    }

    fn is_closed(&mut self) -> bool {
        let mut part = [0; 4096];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }
}

#[test]
fn rude_peers_are_closed_and_the_rest_goes_on() {
    let bus = Running::start("rude");
    let mut good = bus.script();
    let id = good.id_of("level");
    for rubbish in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0xff; 40], &[2, 2, 0, 1], b"\0"] {
        let mut rude = bus.script();
        rude.stream.write_all(rubbish).unwrap();
        assert!(rude.is_closed(), "{rubbish:?}");
    }
    // Half a frame, then gone; an unknown command; an empty LIST and LOG: none of them costs anything.
    let mut half = bus.script();
    half.stream.write_all(&[1, 2, 0, 1, 0, 9]).unwrap();
    drop(half);
    let mut odd = bus.script();
    odd.say(77, 3, b"?");
    assert_eq!(odd.hear().0, p1::ERR);
    odd.say(p1::LOG, 0, b"");
    odd.say(p1::LIST, 0, b"");
    assert_eq!(odd.hear().0, p1::LIST);
    good.say(p1::SUB, id, b"");
    assert_eq!(good.hear(), (p1::SET, id, vec![]));
    odd.say(p1::SET, id, b"\x03x");
    assert_eq!(good.hear(), (p1::SET, id, b"\x03x".to_vec()));
}

#[test]
fn peers_past_the_limit_are_turned_away_and_places_are_given_back() {
    // 300 scripts come at once. Those past their places are closed; a module that comes back finds one all the same.
    let bus = Running::start("many");
    let mut all: Vec<Script> = (0..forebay_bus::SCRIPTS_MAX).map(|_| bus.script()).collect();
    all.iter_mut().for_each(Script::barrier);
    for _ in forebay_bus::SCRIPTS_MAX..300 {
        assert!(bus.script().is_closed());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut module = bus.link("modbusclient");
    let up = runtime.block_on(async { tokio::time::timeout(DEADLINE, module.next()).await });
    assert!(matches!(up, Ok(Event::Up)), "{up:?}");
    all.pop();
    let end = SystemClock.mono() + DEADLINE;
    loop {
        let mut script = bus.script();
        script.say(p1::GET, 1, b"");
        if script.stream.read(&mut [0; 1]).is_ok_and(|n| n == 1) {
            break;
        }
        assert!(SystemClock.mono() < end, "the freed place was never given again");
    }
}

#[test]
fn a_bus_that_is_frozen_is_taken_for_gone_and_a_quiet_one_is_not() {
    // One bus says welcome and then nothing, as if it had been stopped; another has nothing to say but that it runs.
    let path = std::env::temp_dir().join(format!("forebay-bus-frozen-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut frozen = Link::new(LinkConfig { socket: path.clone(), module: "www".into() });
    let quiet = Running::start("quiet");
    let mut beside = quiet.link("www");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let welcomes = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut welcome = Vec::new();
        wire::p2::FromBus::Welcome { revision: wire::p2::REVISION, epoch: 1 }.put(&mut welcome);
        stream.write_all(&welcome).unwrap();
        (listener, stream)
    });
    runtime.block_on(async {
        assert!(matches!(frozen.next().await, Event::Up));
        assert!(matches!(beside.next().await, Event::Up));
        let _held = welcomes.join().unwrap();
        let why = tokio::select! {
            event = frozen.next() => event,
            event = beside.next() => panic!("the quiet bus: {event:?}"),
            () = tokio::time::sleep(DEADLINE) => panic!("still believed after {DEADLINE:?}"),
        };
        assert!(matches!(&why, Event::Down(why) if why == "the bus says nothing"), "{why:?}");
        // Longer than silence is borne, and a module that was busy meanwhile finds its bus still there.
        std::thread::sleep(wire::p2::SILENT_MAX + Duration::from_millis(500));
        let still = tokio::time::timeout(Duration::from_secs(1), beside.next()).await;
        assert!(still.is_err(), "{still:?}");
    });
    let _ = std::fs::remove_file(&path);
}

#[test]
fn a_value_of_several_megabytes_passes_beside_small_ones() {
    let bus = Running::start("large");
    let (mut writer, mut reader) = (bus.script(), bus.script());
    let id = writer.id_of("picture");
    reader.say(p1::SUB, id, b"");
    reader.hear();
    let mut value: Vec<u8> = (0..6_000_000u32).map(|i| i as u8).collect();
    value[0] = 4;
    writer.say(p1::SET, id, &value);
    assert!(reader.hear().2 == value);
    writer.say(p1::SET, id, b"\x03small");
    assert_eq!(reader.hear().2, b"\x03small");
}

#[test]
fn links_survive_a_restart_of_the_bus() {
    // Two modules; the bus goes and comes back; the reader sees the owner's last word again without either being told.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let level = TagName::parse("level").unwrap();
    let bus = Running::start("restart");
    let (mut owner, mut reader) = (bus.link("modbus"), bus.link("www"));
    let group = owner.group(None);
    let tag = owner.own(&level, group);
    let watched = reader.watch(&level, Delivery::Latest, None);
    let reading = Reading::Good(Value::Float(1.5));
    owner.publish(tag, Sample { at: Timestamp(7), reading: reading.clone() });
    let see = async |owner: &mut Link, reader: &mut Link, wanted: fn(&Event) -> bool| {
        let waiting = async {
            loop {
                tokio::select! {
                    _ = owner.next() => {}
                    event = reader.next() => if wanted(&event) { break event },
                }
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.expect("seen before the deadline")
    };
    let is_good: fn(&Event) -> bool =
        |event| matches!(event, Event::Sample(_, sample) if sample.reading.good().is_some());
    runtime.block_on(async {
        assert!(matches!(see(&mut owner, &mut reader, is_good).await, Event::Sample(handle, _) if handle == watched));
        let write =
            reader.write(watched, Value::Float(2.0), SystemClock.uptime().after(Duration::from_secs(5)), "a test");
        // The owner's loop above ignores the request, so it ends with the bus.
        drop(bus);
        let event = see(&mut owner, &mut reader, |event| matches!(event, Event::Outcome(..))).await;
        assert_eq!(event, Event::Outcome(write, Outcome::Expired));
        see(&mut owner, &mut reader, |event| matches!(event, Event::Down(_))).await;
        let _bus = Running::start("restart");
        let event = see(&mut owner, &mut reader, is_good).await;
        let Event::Sample(_, sample) = event else { unreachable!() };
        assert_eq!(sample, Sample { at: Timestamp(7), reading });
    });
}
