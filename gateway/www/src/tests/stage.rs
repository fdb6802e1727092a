//! A window with a bus in the test's hands, a browser that speaks plain HTTP, and a phone's WebSocket.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use link::{AskId, Event, Handle, WriteId};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use shell::{Notify, Paths, SharedClock, Stop, SystemClock};
use site::{Item, ItemTag, Page};
use tag::{Kind, Reading, Sample, TagDef, TagName, Timestamp, Uptime, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::{BusEnd, Config, Connection, PageTag, RunError, auth, bind, run};

/// Long enough for the slowest machine, short enough to wait for.
const SOON: Duration = Duration::from_secs(20);

/// Something that must happen soon.
pub(super) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, happens).await {
        Ok(happened) => happened,
        Err(_) => panic!("not within {SOON:?}: {what}"),
    }
}

/// What the window asked of the bus.
#[derive(Debug, PartialEq)]
pub(super) enum Call {
    Write(WriteId, String, Value, String),
    Ask(AskId, Json),
}

/// The window's end of a bus that the test plays.
pub(super) struct StageBus {
    names: Vec<TagName>,
    numbers: u32,
    events: mpsc::Receiver<Event>,
    calls: mpsc::Sender<Call>,
}

impl StageBus {
    pub(super) fn new() -> (Self, mpsc::Sender<Event>, mpsc::Receiver<Call>) {
        let (events, from_test) = mpsc::channel(4096);
        let (to_test, calls) = mpsc::channel(4096);
        (Self { names: Vec::new(), numbers: 0, events: from_test, calls: to_test }, events, calls)
    }
}

impl BusEnd for StageBus {
    fn watch(&mut self, name: &TagName, _: Option<Duration>) -> Handle {
        self.refer(name)
    }

    fn refer(&mut self, name: &TagName) -> Handle {
        let place = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.clone());
            self.names.len() - 1
        });
        Handle(place as u32)
    }

    fn write(&mut self, tag: Handle, value: Value, _: Uptime, who: &str) -> WriteId {
        self.numbers += 1;
        let id = WriteId(self.numbers);
        let name = self.names[tag.0 as usize].to_string();
        self.calls.try_send(Call::Write(id, name, value, who.into())).unwrap();
        id
    }

    fn ask(&mut self, _: Handle, question: Value) -> AskId {
        self.numbers += 1;
        let id = AskId(self.numbers);
        let Value::Json(text) = question else { panic!("a question is JSON") };
        self.calls.try_send(Call::Ask(id, serde_json::from_str(&text).unwrap())).unwrap();
        id
    }

    async fn next(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }
}

/// Two folders and the built page in a third, gone at the end.
/// A block of the stage's page that its manifest vouches for.
pub(super) const INLINE: &str = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

pub(super) struct Folders {
    root: PathBuf,
    pub(super) paths: Paths,
    pub(super) assets: PathBuf,
}

impl Folders {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("forebay-www-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let (runtime, state, assets) = (root.join("run"), root.join("state"), root.join("page"));
        for folder in [&runtime, &state, &assets.join("assets")] {
            fs::create_dir_all(folder).unwrap();
        }
        let files = [("index.html", "<title>the page</title>"), ("assets/page-1.js", "let page;")];
        let sum = |text: &str| auth::hex(&Sha256::digest(text.as_bytes()));
        let sums: BTreeMap<_, _> = files.map(|(name, text)| (name, json!({"sha256": sum(text)}))).into();
        for (name, text) in files {
            fs::write(assets.join(name), text).unwrap();
        }
        let inline = json!({"scripts": [INLINE], "styles": []});
        let manifest = json!({"version": 1, "inline": inline, "files": sums});
        fs::write(assets.join("manifest.json"), manifest.to_string()).unwrap();
        Self { root, paths: Paths { runtime, state }, assets }
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// The tags of the stage, by number: `level` (shown), `gate` (a set-point, 0 to 10), `mode` (a state that may be set).
pub(super) const LEVEL: u32 = 0;
pub(super) const GATE: u32 = 1;
pub(super) const MODE: u32 = 2;

pub(super) fn config(folders: &Folders) -> Config {
    let name = |text: &str| TagName::parse(text).unwrap();
    let item = |text: &str| ItemTag(name(text));
    let tag = |text: &str, kind, set| PageTag { def: TagDef::new(name(text), kind), set, source: None };
    let mut tags = vec![tag("level", Kind::Float, false), tag("gate", Kind::Float, true), tag("mode", Kind::Int, true)];
    (tags[1].def.min, tags[1].def.max) = (Some(0.0), Some(10.0));
    tags[2].def.multi = Some(vec!["Off".into(), "On".into()]);
    let items = vec![
        Item::Value { tagname: item("level") },
        Item::Setpoint { tagname: item("gate") },
        Item::Setpoint { tagname: item("mode") },
    ];
    Config {
        title: "Stage".into(),
        client: json!({}),
        pages: vec![Page { id: "one".into(), name: "One".into(), parent: None, items }],
        tags,
        history: name("__history__"),
        devices: vec![Connection { name: "PLC1".into(), at: "127.0.0.1:502".into() }],
        hosts: vec!["scada.example".into()],
        assets: folders.assets.clone(),
        mistakes: None,
        claim_file: None,
        announce: None,
    }
}

/// A running window.
pub(super) struct Window {
    pub(super) address: SocketAddr,
    pub(super) paths: Paths,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) calls: mpsc::Receiver<Call>,
    clock: SharedClock,
    stop: Stop,
    running: JoinHandle<Result<(), RunError>>,
}

impl Window {
    pub(super) async fn open(folders: &Folders) -> Self {
        Self::open_with(config(folders), folders, SystemClock::shared()).await
    }

    pub(super) async fn open_with(config: Config, folders: &Folders, clock: SharedClock) -> Self {
        let door = bind(Ipv4Addr::LOCALHOST.into(), 0).unwrap();
        let address = door.address().unwrap();
        let (bus, events, calls) = StageBus::new();
        let (stop, paths) = (Stop::new(), folders.paths.clone());
        let _ = fs::remove_file(paths.runtime.join("www.addr"));
        let daemon = run(config, bus, door, paths.clone(), clock.clone(), stop.clone(), Notify::from_env());
        let running = tokio::spawn(Box::pin(daemon));
        // The door opens behind it.
        while !paths.runtime.join("www.addr").exists() && !running.is_finished() {
            tokio::task::yield_now().await;
        }
        let window = Self { address, paths, events, calls, clock, stop, running };
        // Answers, so it is past its start.
        assert_eq!(window.get("/", "").await.status, 401);
        window
    }

    /// Stops it, and sees that it ends well.
    pub(super) async fn close(self) {
        self.stop.cancel();
        soon("the window ends", self.running).await.expect("no panic").expect("a good end");
    }

    pub(super) fn still_runs(&self) -> bool {
        !self.running.is_finished()
    }

    /// Host and, as our own page would, Origin.
    pub(super) fn own(&self) -> String {
        format!("Host: {0}\r\nOrigin: http://{0}\r\n", self.address)
    }

    pub(super) async fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask("GET", path, &format!("Host: {}\r\n{headers}", self.address)).await
    }

    /// A form that is sent.
    pub(super) async fn post(&self, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let kind = "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n";
        let request = format!("POST {path} HTTP/1.1\r\n{headers}{kind}Content-Length: {length}\r\n\r\n{body}");
        soon("an answer", async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            Answer::parse(&bytes)
        })
        .await
    }

    /// A request with exactly these headers.
    pub(super) async fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let close = if headers.contains("Upgrade:") { "" } else { "Connection: close\r\n" };
        let request = format!("{method} {path} HTTP/1.1\r\n{headers}{close}\r\n");
        soon("an answer", async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            if headers.contains("Upgrade:") {
                // A 101 leaves the connection open: the head is enough.
                let mut bytes = Vec::new();
                while !bytes.windows(4).any(|four| four == b"\r\n\r\n")
                    && stream.read_buf(&mut bytes).await.unwrap() > 0
                {}
                return Answer::parse(&bytes);
            }
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            Answer::parse(&bytes)
        })
        .await
    }

    /// The path of a fresh one-time link.
    pub(super) fn link(&self) -> String {
        let link = crate::mint_link(&self.paths, &*self.clock).unwrap();
        link.strip_prefix(&format!("http://{}", self.address)).unwrap().to_owned()
    }

    /// A browser that was let in: its `Cookie` header.
    pub(super) async fn let_in(&self) -> String {
        let answer = self.ask("POST", &self.link(), &self.own()).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.cookie()
    }

    pub(super) async fn phone(&self, cookie: &str) -> Phone {
        self.phone_at("/ws", cookie).await
    }

    pub(super) async fn phone_at(&self, path: &str, cookie: &str) -> Phone {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("origin", format!("http://{}", self.address).parse().unwrap());
        headers.insert("cookie", cookie.trim_end().strip_prefix("Cookie: ").unwrap().parse().unwrap());
        let stream = TcpStream::connect(self.address).await.unwrap();
        let opened = soon("the upgrade", tokio_tungstenite::client_async(request, stream)).await;
        Phone { socket: opened.expect("an upgrade").0 }
    }

    /// A phone that has heard hello and plant.
    pub(super) async fn phone_at_ease(&self) -> Phone {
        let cookie = self.let_in().await;
        let mut phone = self.phone(&cookie).await;
        assert_eq!(phone.hears().await["t"], "hello");
        assert_eq!(phone.hears().await["t"], "plant");
        phone
    }

    pub(super) async fn sample(&self, tag: u32, value: f64) {
        let sample = Sample { at: Timestamp::from_ms(1000), reading: Reading::Good(Value::Float(value)) };
        self.events.send(Event::Sample(Handle(tag), sample)).await.unwrap();
    }

    pub(super) async fn call(&mut self) -> Call {
        soon("a call to the bus", self.calls.recv()).await.unwrap()
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Self { status, headers: lines.filter_map(header).collect(), body: bytes[end + 4..].to_vec() }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn cookie(&self) -> String {
        format!("Cookie: {}\r\n", self.headers["set-cookie"].split(';').next().unwrap())
    }
}

/// A page's WebSocket.
pub(super) struct Phone {
    pub(super) socket: WebSocketStream<TcpStream>,
}

impl Phone {
    pub(super) async fn says(&mut self, message: &Json) {
        self.socket.send(Frame::text(message.to_string())).await.unwrap();
    }

    /// The next message, beats included.
    pub(super) async fn hears(&mut self) -> Json {
        loop {
            match soon("a message", self.socket.next()).await.expect("open").expect("no error") {
                Frame::Text(text) => return serde_json::from_str(&text).unwrap(),
                Frame::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next message of this sort; others are passed over.
    pub(super) async fn hears_of(&mut self, t: &str) -> Json {
        loop {
            let message = self.hears().await;
            if message["t"] == t {
                return message;
            }
        }
    }

    /// Reads until the gateway closes; the close code, 0 if it just went.
    pub(super) async fn is_closed(&mut self) -> u16 {
        loop {
            match soon("the close", self.socket.next()).await {
                Some(Ok(Frame::Close(frame))) => return frame.map_or(0, |frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return 0,
            }
        }
    }
}
