//! Strangers who want to be a burden.

use std::net::Ipv4Addr;
use std::sync::Arc;

use futures_util::SinkExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use shell::SystemClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::stage::{Answer, Folders, LEVEL, Phone, StageBus, Window, config, soon};
use crate::command::Command;
use crate::hub::Hub;
use crate::sessions::SessionId;
use crate::speak::Said;
use crate::watch::{Message, NEWS_MAX};

async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut bytes).await;
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_head_that_never_ends_is_cut_off() {
    // A slow stranger: half a head, then nothing. Time flies while nobody does anything.
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let started = tokio::time::Instant::now();
    let mut slow = TcpStream::connect(window.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    read_to_end(&mut slow).await;
    let silent = &mut TcpStream::connect(window.address).await.unwrap();
    read_to_end(silent).await;
    let took = started.elapsed().as_secs();
    assert!((19..60).contains(&took), "both were cut off after 10 s each, in {took} s");
    window.close().await;
}

#[tokio::test]
async fn too_large_a_head_and_too_many_headers_are_refused() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    for head in [
        format!("GET /{} HTTP/1.1\r\nHost: {}\r\n\r\n", "x".repeat(100_000), window.address),
        format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(200)),
        "\u{0}\u{1}rubbish\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".to_owned(),
    ] {
        let mut stream = TcpStream::connect(window.address).await.unwrap();
        let _ = stream.write_all(head.as_bytes()).await;
        let bytes = soon("the end", read_to_end(&mut stream)).await;
        if !bytes.is_empty() {
            let status = Answer::parse(&bytes).status;
            assert!((400..500).contains(&status), "{status}");
        }
    }
    assert!(window.still_runs());
    window.close().await;
}

#[tokio::test]
async fn one_address_does_not_take_all_connections() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(TcpStream::connect(window.address).await.unwrap());
    }
    let mut one_more = TcpStream::connect(window.address).await.unwrap();
    assert!(soon("the end", read_to_end(&mut one_more)).await.is_empty());
    drop(held);
    // Their places are given back when their ends are seen.
    soon("a place", async {
        loop {
            let mut stream = TcpStream::connect(window.address).await.unwrap();
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await;
            if !read_to_end(&mut stream).await.is_empty() {
                break;
            }
        }
    })
    .await;
    window.close().await;
}

#[tokio::test]
async fn rubbish_on_the_socket_is_answered_in_words_and_then_closed() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let mut phone = window.phone_at_ease().await;
    for number in 0..8 {
        phone.socket.send(Frame::text(format!("rubbish {number}"))).await.unwrap();
        assert!(phone.hears_of("error").await["why"].as_str().unwrap().contains("not JSON"));
    }
    phone.says(&json!({"t": "watch", "tags": [3]})).await;
    assert_eq!(phone.hears_of("error").await["why"], "watch: tag 3 is not in the list");
    phone.socket.send(Frame::binary(vec![0; 10])).await.unwrap();
    assert_eq!(phone.is_closed().await, 1008);
    window.close().await;
}

#[tokio::test]
async fn a_message_over_64_kb_closes_the_socket() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let mut phone = window.phone_at_ease().await;
    let fits = format!("{{\"t\":\"ping\",\"x\":\"{}\"}}", "x".repeat(60_000));
    phone.socket.send(Frame::text(fits)).await.unwrap();
    phone.hears_of("beat").await;
    let _ = phone.socket.send(Frame::text("x".repeat(64 * 1024 + 1))).await;
    phone.is_closed().await;
    assert!(window.still_runs());
    window.close().await;
}

#[tokio::test]
async fn a_page_that_talks_and_does_not_listen_is_closed() {
    // Its task never says it is free again; it goes on writing, and every write is refused.
    let folders = Folders::new();
    let (bus, _events, _calls) = StageBus::new();
    let mut hub = Hub::new(Arc::new(config(&folders)), bus, SystemClock::shared());
    let (reply, mut opened) = oneshot::channel();
    hub.on_command(Command::Open { session: SessionId::of_test(), peer: Ipv4Addr::LOCALHOST.into(), reply });
    let mut opened = opened.try_recv().unwrap().unwrap();
    let mut most = 0;
    for id in 0..1000 {
        hub.on_command(Command::Said(opened.id, Said::Set { id, tag: LEVEL, value: json!(1) }));
        hub.tell();
        most = most.max(hub.waiting(opened.id));
    }
    assert!(most <= NEWS_MAX + 1, "{most}");
    assert_eq!(opened.messages.recv().await, Some(Message::Hello), "the one that was on its way");
    assert_eq!(opened.messages.recv().await, None, "closed");
}

#[tokio::test]
async fn seeded_rubbish_never_stops_the_window() {
    // Five thousand messages, most of them nearly right: the window goes on and a quiet phone beside it hears all.
    let seed = std::env::var("FOREBAY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("seed={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let cookie = window.let_in().await;
    let mut quiet = window.phone(&cookie).await;
    quiet.says(&json!({"t": "watch", "tags": [LEVEL]})).await;
    quiet.hears_of("tags").await;
    let mut loud = window.phone(&cookie).await;
    for _ in 0..5000 {
        if send_rubbish(&mut loud, &mut random).await.is_err() {
            loud = window.phone(&cookie).await;
        }
    }
    assert!(window.still_runs(), "seed={seed}");
    window.sample(LEVEL, 4.5).await;
    assert_eq!(quiet.hears_of("tags").await["v"][0][3], 4.5, "seed={seed}");
    window.close().await;
}

async fn send_rubbish(phone: &mut Phone, random: &mut StdRng) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let mut text = match random.random_range(0..4) {
        0 => json!({"t": "watch", "tags": [random.random_range(0..5), random.random_range(-1..3)]}),
        1 => json!({"t": "set", "id": random.random_range(0..9), "tag": random.random_range(0..5), "value": {"a": [1e308]}}),
        2 => json!({"t": "set", "id": 1, "tag": 2, "value": "9".repeat(random.random_range(0..30))}),
        _ => json!({"t": "ping", "x": [[[[]]]]}),
    }
    .to_string()
    .into_bytes();
    for _ in 0..random.random_range(0..3) {
        let place = random.random_range(0..text.len());
        text[place] = random.random();
    }
    let frame = match String::from_utf8(text) {
        Ok(text) => Frame::text(text),
        Err(bytes) => Frame::binary(bytes.into_bytes()),
    };
    phone.socket.send(frame).await
}
