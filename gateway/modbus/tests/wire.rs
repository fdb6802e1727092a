//! The whole daemon on real wires: a plant on TCP and on a pseudo-terminal, a real bus, another module that watches
//! and writes.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;
mod wired;

use std::time::Duration;

use forebay_modbus::Outcome;
use sim::{Behaviour, Lie, Plc};
use site::{Address, Form, Rtu, Transport, WordType};
use stepped::{at, client, limits, tag_of};
use tag::{Fault, Reading, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use wired::{DEADLINE, OF_LINE, OF_UNIT, RECOVERY, Site, plc, serial_at, tags, tcp_at, tcp_without_port, test};

/// What must work over either wire.
async fn a_day_in_the_life(test: &str, plant: &sim::Handle, rtu: Rtu) {
    let serial = matches!(rtu.transport, Transport::Rtu(_));
    let defs = [limits("set", 0.0, 100.0)];
    let mut site = Site::start(test, &client(vec![rtu], tags()), &defs);
    site.until(DEADLINE, "first values", |s| s.is("set", 7) && s.is("level", Value::Float(20.5)) && s.is("valve", 1))
        .await;
    site.until(DEADLINE, "the state", |s| s.is("sys.modbus.RTU.state", 1) && s.is("sys.modbus.RTU.why", "")).await;
    let said = |s: &Site, tag: &str| s.reading(tag).is_some_and(|reading| reading.good().is_some());
    let all = |s: &Site| {
        let of_line = OF_LINE.iter().all(|what| said(s, &format!("sys.modbus.RTU.{what}")));
        of_line && OF_UNIT.iter().all(|what| said(s, &format!("sys.modbus.RTU:1.{what}")))
    };
    site.until(DEADLINE, "how the line and the unit are", all).await;
    let frames = site.frames().await;
    assert_eq!(frames[..4], [0xD4, 0xC3, 0xB2, 0xA1], "a pcap file");
    assert!(frames.len() > 500, "{} bytes", frames.len());

    plant.poke(Plc::NAME, "4x:1", &[8]).unwrap();
    site.until(DEADLINE, "a change", |s| s.is("set", 8)).await;

    assert_eq!(site.write("set", 42).await, Outcome::Confirmed);
    assert_eq!(plant.peek(Plc::NAME, "4x:1").unwrap(), 42);
    site.until(DEADLINE, "the reading", |s| s.is("set", 42)).await;
    assert_eq!(site.write("valve", 0).await, Outcome::Confirmed);
    assert_eq!(site.write("far", 0x0001_0002_0003_0004).await, Outcome::Confirmed);
    assert_eq!(plant.peek_words(Plc::NAME, "4x:250", 4).unwrap(), [1, 2, 3, 4]);
    assert_eq!(site.write("set", 101).await, Outcome::Refused("over max 100.0".into()));
    assert_eq!(site.write("level", Value::Float(1.0)).await, Outcome::Refused("read only".into()));

    for trouble in [Behaviour::Silent, Behaviour::HangUp, Behaviour::Lie(Lie::Crc), Behaviour::Lie(Lie::Garbage)] {
        plant.set_behaviour(Plc::NAME, trouble.clone()).unwrap();
        site.until(DEADLINE, &format!("held, {trouble}"), |s| s.is_held("set") && s.is_held("far")).await;
        site.until(DEADLINE, "offline", |s| s.is("sys.modbus.RTU.state", 0)).await;
        assert_eq!(site.write("set", 5).await, Outcome::Refused("device offline".into()));
        plant.set_behaviour(Plc::NAME, Behaviour::Normal).unwrap();
        let what = format!("back after {trouble}");
        site.until(RECOVERY, &what, |s| s.is("set", 42) && s.is("valve", 0) && s.is("level", Value::Float(20.5))).await;
        site.until(DEADLINE, "online", |s| s.is("sys.modbus.RTU.state", 1)).await;
    }
    assert_eq!(plant.peek(Plc::NAME, "4x:1").unwrap(), 42, "what was refused is not sent later");
    let counted = |s: &Site, what: &str| match s.reading(what) {
        Some(Reading::Good(Value::Int(count))) => *count,
        other => panic!("{what}: {other:?}"),
    };
    for of in ["RTU", "RTU:1"] {
        let [crc, bad, lost] = ["crc_errors", "bad_answers", "timeouts"].map(|what| format!("sys.modbus.{of}.{what}"));
        site.until(DEADLINE, "what went wrong is counted", |s| counted(s, &bad) > 0 && counted(s, &lost) > 0).await;
        assert_eq!(counted(&site, &crc) > 0, serial, "only frames of a serial line have a checksum: {of}");
        assert!(counted(&site, &crc) <= counted(&site, &bad));
    }
}

#[test]
fn over_tcp() {
    test(async {
        let plant = plc().start().await.unwrap();
        let rtu = tcp_at(&plant, Form::Poll);
        a_day_in_the_life("tcp", &plant, rtu).await;
    });
}

#[test]
fn over_a_serial_line() {
    test(async {
        let plant = plc().serial().start().await.unwrap();
        let rtu = serial_at(&plant);
        a_day_in_the_life("rtu", &plant, rtu).await;
    });
}

/// What must work over any wire: values, a write, silence, and back.
async fn an_hour_in_the_life(test: &str, plant: &sim::Handle, rtu: Rtu) {
    let mut site = Site::start(test, &client(vec![rtu], tags()), &[]);
    let all = |s: &Site| s.is("level", Value::Float(20.5)) && s.is("valve", 1) && s.is("far", 0);
    site.until(DEADLINE, "first values", |s| s.is("set", 7) && all(s)).await;
    assert_eq!(site.write("set", 42).await, Outcome::Confirmed);
    assert_eq!(plant.peek(Plc::NAME, "4x:1").unwrap(), 42);
    plant.set_behaviour(Plc::NAME, Behaviour::Silent).unwrap();
    let gone = |s: &Site| s.is_held("set") && s.is_held("far") && s.is("sys.modbus.RTU.state", 0);
    site.until(DEADLINE, "held", gone).await;
    assert_eq!(site.write("set", 5).await, Outcome::Refused("device offline".into()));
    plant.set_behaviour(Plc::NAME, Behaviour::Normal).unwrap();
    site.until(RECOVERY, "back", |s| s.is("set", 42) && s.is("valve", 1)).await;
}

/// A serial server: TCP at our end, the plant's serial line at the other.
#[test]
fn rtu_frames_over_tcp_through_a_serial_server() {
    test(async {
        let plant = plc().serial().start().await.unwrap();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let path = plant.rtu_path(Plc::NAME).to_path_buf();
        tokio::task::spawn_local(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let builder = tokio_serial::new(path.to_string_lossy(), 115_200);
                let line = tokio_serial::SerialStream::open(&builder).unwrap();
                let ((mut from, mut to), (mut heard, mut say)) = (tokio::io::split(stream), tokio::io::split(line));
                tokio::select! {
                    _ = tokio::io::copy(&mut from, &mut say) => {}
                    _ = tokio::io::copy(&mut heard, &mut to) => {}
                }
            }
        });
        let transport = Transport::RtuOverTcp { host: "127.0.0.1".into(), port };
        let rtu = Rtu { transport, timeout: Duration::from_millis(300), ..tcp_without_port() };
        an_hour_in_the_life("rtu-over-tcp", &plant, rtu).await;
    });
}

/// A cellular modem: it dials in, loses its connection without a word, and dials in again.
#[test]
fn a_modem_dials_in() {
    test(async {
        let plant = plc().start().await.unwrap();
        let device = plant.tcp_addr(Plc::NAME);
        // Below those that the kernel hands out, lest another is given it before the daemon listens.
        let ports = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap()..32_000;
        let at = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let at = ports.map(at).find(|at| std::net::TcpListener::bind(at).is_ok()).unwrap();
        let dial = move || async move {
            loop {
                if let Ok(stream) = tokio::net::TcpStream::connect(at).await {
                    return stream;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        let modem = tokio::task::spawn_local(async move {
            // The first connection goes dead: nothing comes back over it, nor does it close.
            let _dead = dial().await;
            let mut stream = dial().await;
            let mut plc = tokio::net::TcpStream::connect(device).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut plc).await;
            loop {
                let mut stream = dial().await;
                let mut plc = tokio::net::TcpStream::connect(device).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut plc).await;
            }
        });
        let rtu = Rtu { transport: Transport::Listen { at, rtu: false }, ..tcp_at(&plant, Form::Poll) };
        an_hour_in_the_life("dial-in", &plant, rtu).await;
        modem.abort();
    });
}

#[test]
fn over_datagrams() {
    test(async {
        let plant = plc().start().await.unwrap();
        let device = plant.tcp_addr(Plc::NAME);
        let socket = tokio::net::UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let port = socket.local_addr().unwrap().port();
        tokio::task::spawn_local(async move {
            let mut plc = tokio::net::TcpStream::connect(device).await.unwrap();
            let (mut asked, mut answered, mut from) = ([0; 300], [0; 300], None);
            loop {
                tokio::select! {
                    Ok((n, peer)) = socket.recv_from(&mut asked) => {
                        from = Some(peer);
                        plc.write_all(&asked[..n]).await.unwrap();
                    }
                    Ok(n) = plc.read(&mut answered) => {
                        socket.send_to(&answered[..n], from.unwrap()).await.unwrap();
                    }
                }
            }
        });
        let transport = Transport::Udp { host: "127.0.0.1".into(), port };
        let rtu = Rtu { transport, ..tcp_at(&plant, Form::Poll) };
        an_hour_in_the_life("udp", &plant, rtu).await;
    });
}

#[test]
fn the_plant_is_killed_and_comes_back() {
    test(async {
        for serial in [false, true] {
            let plc = if serial { plc().serial() } else { plc() };
            let plant = plc.start().await.unwrap();
            let rtu = if serial { serial_at(&plant) } else { tcp_at(&plant, Form::Poll) };
            let mut site = Site::start(&format!("kill-{serial}"), &client(vec![rtu], tags()), &[]);
            site.until(DEADLINE, "first values", |s| s.is("set", 7)).await;
            plant.kill().await;
            site.until(DEADLINE, "held", |s| s.is_held("set") && s.is("sys.modbus.RTU.state", 0)).await;
            let said = |s: &Site| matches!(s.reading("sys.modbus.RTU.why"), Some(Reading::Good(Value::Text(why))) if !why.is_empty() && !why.contains("os error"));
            site.until(DEADLINE, "the reason", said).await;
            plant.restart().await.unwrap();
            site.until(RECOVERY, "back", |s| s.is("set", 7) && s.is("valve", 1)).await;
        }
    });
}

#[test]
fn nobody_is_there_at_the_start() {
    test(async {
        // Ours as long as the test runs, and nobody listens at it.
        let held = tokio::net::TcpSocket::new_v4().unwrap();
        held.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let port = held.local_addr().unwrap().port();
        let rtu = Rtu { transport: Transport::Tcp { host: "127.0.0.1".into(), port }, ..tcp_without_port() };
        let mut site = Site::start("nobody", &client(vec![rtu], tags()), &[]);
        let offline = Reading::Missing(Fault::Offline);
        site.until(DEADLINE, "missing", |s| s.reading("set") == Some(&offline)).await;
        site.until(DEADLINE, "why", |s| s.is("sys.modbus.RTU.why", "can't connect: connection refused")).await;
    });
}

/// A device that never stops sending costs its own line and nobody else.
#[test]
fn a_flood_costs_only_itself() {
    test(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let flood = tokio::task::spawn_local(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::task::spawn_local(async move {
                    let mut request = [0; 64];
                    let _ = stream.read(&mut request).await;
                    // Frames of other transactions, without end.
                    while stream.write_all(&[0xEE, 0xEE, 0, 0, 0, 5, 1, 3, 2, 0, 7]).await.is_ok() {
                        tokio::task::yield_now().await;
                    }
                });
            }
        });
        let plant = plc().start().await.unwrap();
        let good = tcp_at(&plant, Form::Poll);
        let bad =
            Rtu { name: "BAD".into(), transport: Transport::Tcp { host: "127.0.0.1".into(), port }, ..good.clone() };
        let mut all = tags();
        all.push(tag_of("flood", WordType::Int16, Some(Address { rtu: 1, ..at(1) }), None));
        let mut site = Site::start("flood", &client(vec![good, bad], all), &[]);
        site.until(DEADLINE, "values", |s| s.is("set", 7)).await;
        site.until(DEADLINE, "bad reply", |s| s.reading("flood") == Some(&Reading::Missing(Fault::BadReply))).await;
        for value in 1..10 {
            plant.poke(Plc::NAME, "4x:1", &[value]).unwrap();
            site.until(Duration::from_secs(1), "a change beside the flood", |s| s.is("set", i64::from(value))).await;
        }
        assert!(site.is("sys.modbus.RTU.state", 1));
        flood.abort();
    });
}

/// Late answers over a real pseudo-terminal: what is shown was never another register's.
#[test]
fn late_answers_over_a_pseudo_terminal_are_dropped() {
    test(async {
        let plant = Plc::new().serial().register(1, 100).register(200, 200).start().await.unwrap();
        let rtu = Rtu { timeout: Duration::from_millis(60), ..serial_at(&plant) };
        let all = vec![
            tag_of("one", WordType::Int16, Some(at(1)), None),
            tag_of("two", WordType::Int16, Some(at(200)), None),
        ];
        let mut site = Site::start("late", &client(vec![rtu], all), &[]);
        site.until(DEADLINE, "values", |s| s.is("one", 100) && s.is("two", 200)).await;
        for round in 0..10 {
            plant.set_behaviour(Plc::NAME, Behaviour::slow_ms(70 + 23 * round)).unwrap();
            let watched = site.until(DEADLINE, "never", |s| {
                assert!(!s.is("one", 200) && !s.is("two", 100), "an answer was taken for another");
                false
            });
            tokio::select! {
                () = watched => {}
                () = sleep(Duration::from_millis(400)) => {}
            }
        }
        plant.set_behaviour(Plc::NAME, Behaviour::Normal).unwrap();
        site.until(DEADLINE, "good again", |s| s.is("one", 100) && s.is("two", 200)).await;
        let counted = |s: &Site| matches!(s.reading("sys.modbus.RTU.timeouts"), Some(Reading::Good(Value::Int(3..))));
        site.until(DEADLINE, "the late answers were counted", counted).await;
    });
}
