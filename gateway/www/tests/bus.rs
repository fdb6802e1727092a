//! The window on a real bus: an owner publishes, a page sees it; a page writes, the owner is asked.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use forebay_www as www;
use futures_util::{SinkExt, StreamExt};
use link::{Event, Link, LinkConfig, Outcome};
use serde_json::{Value as Json, json};
use shell::{Clock, Notify, Paths, Stop, SystemClock};
use site::{Item, ItemTag, Page};
use tag::{Kind, Reading, Sample, TagDef, TagName, Timestamp, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

struct Root(PathBuf);

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn name(text: &str) -> TagName {
    TagName::parse(text).unwrap()
}

fn folders() -> (Root, Paths, PathBuf) {
    let root = std::env::temp_dir().join(format!("forebay-www-bus-{}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    let (runtime, state, assets) = (root.join("run"), root.join("state"), root.join("page"));
    for folder in [&runtime, &state, &assets] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(assets.join("index.html"), "page").unwrap();
    // SHA-256 of "page".
    let sum = "3660315a9af3df255d8f19ab077e4797822b41488a0e2a04bc6af71213c23274";
    fs::write(assets.join("manifest.json"), json!({"files": {"index.html": sum}}).to_string()).unwrap();
    (Root(root), Paths { runtime, state }, assets)
}

fn config(assets: PathBuf) -> www::Config {
    let mut def = TagDef::new(name("level"), Kind::Float);
    def.max = Some(10.0);
    let item = Item::Setpoint { tagname: ItemTag(name("level")) };
    www::Config {
        title: "Bus".into(),
        client: json!({}),
        pages: vec![Page { id: "one".into(), name: "One".into(), parent: None, items: vec![item] }],
        tags: vec![www::PageTag { def, set: true, source: None }],
        history: name("__history__"),
        devices: vec![],
        hosts: vec![],
        assets,
        mistakes: None,
        claim_file: None,
        announce: None,
    }
}

async fn let_in(address: SocketAddr, link: &str) -> String {
    let path = link.split_once(&address.to_string()).unwrap().1;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let cookie = answer.split("set-cookie: ").nth(1).unwrap_or_else(|| panic!("{answer}"));
    cookie.split(';').next().unwrap().to_owned()
}

async fn page(address: SocketAddr, cookie: &str) -> WebSocketStream<TcpStream> {
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    request.headers_mut().insert("origin", format!("http://{address}").parse().unwrap());
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

async fn hears(socket: &mut WebSocketStream<TcpStream>, t: &str) -> Json {
    loop {
        let Frame::Text(text) = socket.next().await.expect("open").expect("no error") else { continue };
        let message: Json = serde_json::from_str(&text).unwrap();
        if message["t"] == t {
            return message;
        }
    }
}

async fn says(socket: &mut WebSocketStream<TcpStream>, message: Json) {
    socket.send(Frame::text(message.to_string())).await.unwrap();
}

/// Publishes what the test hands in, and grants what is written.
async fn owner(mut link: Link, mut publish: tokio::sync::mpsc::Receiver<f64>) {
    let group = link.group(None);
    let level = link.own(&name("level"), group);
    loop {
        tokio::select! {
            Some(value) = publish.recv() => {
                let at = SystemClock.wall();
                link.publish(level, Sample { at, reading: Reading::Good(Value::Float(value)) });
            }
            event = link.next() => if let Event::Write { id, tag, value, who, .. } = event {
                assert_eq!((tag, who.as_str()), (level, "www 127.0.0.1"));
                link.settle(id, Outcome::Sent);
                link.publish(level, Sample { at: Timestamp(1), reading: Reading::Good(value) });
                link.settle(id, Outcome::Confirmed);
            }
        }
    }
}

async fn whole_way() {
    let (_root, paths, assets) = folders();
    let (clock, stop) = (SystemClock::shared(), Stop::new());
    let bus_config =
        bus::Config { tcp: (Ipv4Addr::LOCALHOST, 0).into(), socket: paths.bus_socket(0), bus_tag: "__bus__".into() };
    let link = |module: &str| Link::new(LinkConfig { socket: paths.bus_socket(0), module: module.into() });
    let door = www::bind(Ipv4Addr::LOCALHOST.into(), 0).unwrap();
    let address = door.address().unwrap();
    // The window comes before the bus: it must say so, and then find it.
    let window =
        www::run(config(assets), link("www"), door, paths.clone(), clock.clone(), stop.clone(), Notify::from_env());
    let window = tokio::task::spawn_local(Box::pin(window));
    let announced = async {
        while !paths.runtime.join("www.addr").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        www::mint_link(&paths, &SystemClock).unwrap()
    };
    let cookie = let_in(address, &announced.await).await;
    let mut page = page(address, &cookie).await;
    assert_eq!(hears(&mut page, "plant").await["bus"], false);
    says(&mut page, json!({"t": "watch", "tags": [0]})).await;
    assert_eq!(hears(&mut page, "tags").await["v"], json!([[0, 0, 2, null, "source not running", 0]]));

    says(&mut page, json!({"t": "set", "id": 0, "tag": 0, "value": 1})).await;
    assert_eq!(hears(&mut page, "set").await["state"], "refused", "no write is kept for later");

    let listeners = bus::listen(&bus_config).unwrap();
    tokio::task::spawn_local(bus::run(bus_config, listeners, clock, stop.clone(), Notify::from_env()));
    let (publish, published) = tokio::sync::mpsc::channel(16);
    tokio::task::spawn_local(owner(link("owner"), published));
    assert_eq!(hears(&mut page, "plant").await["bus"], true);
    publish.send(1.5).await.unwrap();
    while hears(&mut page, "tags").await["v"][0][3] != json!(1.5) {}

    says(&mut page, json!({"t": "set", "id": 1, "tag": 0, "value": 4.25})).await;
    assert_eq!(hears(&mut page, "set").await, json!({"t": "set", "id": 1, "state": "sent"}));
    assert_eq!(hears(&mut page, "set").await, json!({"t": "set", "id": 1, "state": "confirmed"}));
    says(&mut page, json!({"t": "watch", "tags": []})).await;
    says(&mut page, json!({"t": "watch", "tags": [0]})).await;
    while hears(&mut page, "tags").await["v"][0][3] != json!(4.25) {}
    says(&mut page, json!({"t": "set", "id": 2, "tag": 0, "value": 11})).await;
    assert_eq!(hears(&mut page, "set").await["why"], "over max 10.0");

    // A message that waits for a pause does so every time; a busy machine has its moments.
    let mut tries = Vec::new();
    while tries.last().is_none_or(|quarter| *quarter >= Duration::from_millis(15)) {
        assert!(tries.len() < 5, "without waiting for a pause: {tries:?}");
        let mut took = Vec::new();
        for round in 0..50 {
            // Longer than the pause of a busy socket.
            tokio::time::sleep(Duration::from_millis(22)).await;
            let value = f64::from(round) / 64.0 + tries.len() as f64;
            let started = SystemClock.mono();
            publish.send(value).await.unwrap();
            while hears(&mut page, "tags").await["v"][0][3].as_f64() != Some(value) {}
            took.push(started.elapsed());
        }
        took.sort_unstable();
        eprintln!("owner → bus → WebSocket on one thread: p50 {:?}, p90 {:?}", took[25], took[45]);
        tries.push(took[12]);
    }
    stop.cancel();
    window.await.expect("no panic").expect("a good end");
}

#[tokio::test]
async fn a_value_goes_from_its_owner_to_the_page_and_a_write_back() {
    let local = LocalSet::new();
    let all = local.run_until(Box::pin(whole_way()));
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("all of it within a minute");
}
