//! What an answer says is on the bus before the next request goes out: the daemon between a device and a bus that look at
//! each other.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use bus::{PeerId, Rights, Switchboard};
use forebay_modbus::{Config, run};
use link::{Core, Event, Link, LinkConfig};
use shell::{Clock, Notify, Stop, SystemClock};
use site::{Form, ModbusClient, Rtu, Transport, WordType};
use stepped::{at, client, name, tag_of, tcp};
use tag::{Delivery, Reading, Value};

/// Two registers so far apart that each is a request of its own.
const FIRST: u16 = 1;
const SECOND: u16 = 300;
/// Answers that were looked for: the wrong order would be seen in most of them.
const ROUNDS: i64 = 100;
/// The shortest period a site may state: the second request of a poll comes right behind the first one's answer.
const RATE: Duration = Duration::from_millis(10);
/// So often the bus is served while the device isn't asked anything.
const TURN: Duration = Duration::from_millis(5);

/// The bus, in the device's own thread, with somebody who watches.
struct Bus {
    board: Switchboard,
    stream: UnixStream,
    daemon: PeerId,
    input: Vec<u8>,
    watcher: (PeerId, Core),
    /// What the watcher heard last.
    heard: Option<i64>,
}

impl Bus {
    fn new(stream: UnixStream) -> Self {
        stream.set_nonblocking(true).unwrap();
        let mut board = Switchboard::new("__bus__", 1, SystemClock.now());
        let daemon = board.module_joins("modbus", Rights::Own).unwrap();
        let watcher = board.module_joins("www", Rights::Use).unwrap();
        let mut core = Core::new("www");
        core.watch(&name("first"), Delivery::Latest, None);
        core.connected();
        Self { board, stream, daemon, input: Vec::new(), watcher: (watcher, core), heard: None }
    }

    /// Takes what the daemon has said by now, and nothing that it says later.
    fn serve(&mut self) {
        let mut piece = [0; 65_536];
        match self.stream.read(&mut piece) {
            Ok(n) => self.input.extend_from_slice(&piece[..n]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        let taken = self.board.at(SystemClock.now()).receive(self.daemon, &self.input).unwrap();
        self.input.drain(..taken);
        let answer = self.board.output(self.daemon).to_vec();
        self.stream.write_all(&answer).unwrap();
        self.board.taken(self.daemon, answer.len());

        let (id, core) = &mut self.watcher;
        let said = core.output().to_vec();
        core.sent(said.len());
        self.board.receive(*id, &said).unwrap();
        let news = self.board.output(*id).to_vec();
        self.board.taken(*id, news.len());
        core.received(&news).unwrap();
        while let Some(event) = core.next_event() {
            if let Event::Sample(_, sample) = event {
                self.heard = match sample.reading {
                    Reading::Good(Value::Int(value)) => Some(value),
                    _ => None,
                };
            }
        }
    }
}

fn site(device: &TcpListener) -> ModbusClient {
    let transport = Transport::Tcp { host: "127.0.0.1".into(), port: device.local_addr().unwrap().port() };
    let rtu = Rtu { transport, rate: RATE, ..tcp(Form::Poll) };
    let tag = |text, register| tag_of(text, WordType::Uint16, Some(at(register)), None);
    client(vec![rtu], vec![tag("first", FIRST), tag("second", SECOND)])
}

/// A request for one register: its transaction's number and which register, if one came in time.
fn request(device: &mut TcpStream) -> Option<([u8; 2], u16)> {
    let mut bytes = [0; 12];
    match device.read_exact(&mut bytes) {
        Ok(()) => Some(([bytes[0], bytes[1]], u16::from_be_bytes([bytes[8], bytes[9]]) + 1)),
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
            None
        }
    }
}

/// A device with a new value in its first register at every poll; asked for the second register, it looks what a watcher
/// knows of the first, which must be what it has just answered.
#[test]
fn an_answer_is_on_the_bus_before_the_next_request() {
    let socket = std::env::temp_dir().join(format!("forebay-modbus-{}-prompt.sock", std::process::id()));
    let _ = std::fs::remove_file(&socket);
    let (doors, device) = (UnixListener::bind(&socket).unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let config = Config::new(&site(&device), &[]).unwrap();
    let (path, stop) = (socket.clone(), Stop::new());
    let told_to_stop = stop.clone();
    let daemon = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let link = Link::new(LinkConfig { socket, module: "modbus".into() });
        runtime.block_on(run(config, link, SystemClock::shared(), told_to_stop, Notify::from_env())).unwrap();
    });
    let mut bus = Bus::new(doors.accept().unwrap().0);
    let mut device = device.accept().unwrap().0;
    device.set_nodelay(true).unwrap();
    device.set_read_timeout(Some(TURN)).unwrap();
    let (mut value, mut looked) = (0, 0);
    while looked < ROUNDS {
        let Some((number, register)) = request(&mut device) else {
            bus.serve();
            continue;
        };
        // Before it has heard of the bus, the daemon has nobody to tell.
        let was_heard = bus.heard.is_some();
        bus.serve();
        if register == SECOND && was_heard {
            assert_eq!(bus.heard, Some(value), "the second request came first, after {looked} that did not");
            looked += 1;
        }
        if register == FIRST {
            value += 1;
        }
        let [high, low] = u16::try_from(value).unwrap().to_be_bytes();
        let [n0, n1] = number;
        device.write_all(&[n0, n1, 0, 0, 0, 5, 1, 3, 2, high, low]).unwrap();
    }
    stop.cancel();
    daemon.join().unwrap();
    let _ = std::fs::remove_file(&path);
}
