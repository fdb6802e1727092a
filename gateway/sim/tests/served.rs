//! The plant behind real sockets, asked by a client nobody here wrote.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use forebay_sim::{Behaviour, Kind, Lie, Order, Plc, Sim, Spec, Wire};
use support::{PATIENCE, connect, open, raw};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_modbus::ExceptionCode;
use tokio_modbus::prelude::*;

/// The shipped plant on free ports, nothing going wrong by itself, a hundred seconds in each.
fn shipped() -> Spec {
    let mut spec = Spec::parse(include_str!("../../../config/plant.yaml"), |_| None).unwrap();
    (spec.faults, spec.pace) = (None, 100.0);
    for line in &mut spec.lines {
        if let Wire::Tcp(addr) = &mut line.wire {
            addr.set_port(0);
        }
    }
    spec
}

#[tokio::test]
async fn a_real_client_reads_and_writes_over_tcp() {
    // One PLC with a float, a coil and an input register; written by the client, seen in its own registers.
    let plc = Plc::new()
        .registers(101, &Kind::Float32.encode(Order::Abcd, 20.5))
        .holds("3x:1", Kind::Uint16, Order::Abcd, 7.0)
        .coil(1, false)
        .read_only(200)
        .start()
        .await
        .unwrap();
    let mut client = connect(&plc, 1).await;
    assert_eq!(client.read_holding_registers(100, 2).await.unwrap(), Ok(vec![0x41A4, 0]));
    assert_eq!(client.read_input_registers(0, 1).await.unwrap(), Ok(vec![7]));
    assert_eq!(client.write_single_coil(0, true).await.unwrap(), Ok(()));
    assert_eq!(plc.peek("plc", "0x:1").unwrap(), 1);
    assert_eq!(client.write_multiple_registers(100, &[1, 2]).await.unwrap(), Ok(()));
    assert_eq!(plc.peek_words("plc", "4x:101", 2).unwrap(), [1, 2]);
    assert_eq!(client.write_single_register(199, 1).await.unwrap(), Err(ExceptionCode::IllegalDataAddress));
    assert_eq!(client.read_holding_registers(102, 1).await.unwrap(), Err(ExceptionCode::IllegalDataAddress));
    plc.poke("plc", "4x:101", &[9]).unwrap();
    assert_eq!(client.read_holding_registers(100, 1).await.unwrap(), Ok(vec![9]));
    assert_eq!(plc.replies_sent("plc").unwrap(), 7);
}

#[tokio::test]
async fn a_real_client_reads_and_writes_over_a_serial_line() {
    // The same words through a pseudo-terminal, opened as a serial port; another unit stays silent.
    let plc = Plc::new().serial().unit(5).register(1, 0x0102).start().await.unwrap();
    let mut client = open(plc.rtu_path("plc"), 5);
    assert_eq!(client.read_holding_registers(0, 1).await.unwrap(), Ok(vec![0x0102]));
    assert_eq!(client.write_single_register(0, 77).await.unwrap(), Ok(()));
    assert_eq!(plc.peek("plc", "4x:1").unwrap(), 77);
    client.set_slave(Slave(6));
    assert!(timeout(Duration::from_millis(200), client.read_holding_registers(0, 1)).await.is_err());
    drop(client);
    let mut again = open(plc.rtu_path("plc"), 5);
    assert_eq!(again.read_holding_registers(0, 1).await.unwrap(), Ok(vec![77]), "a master may come and go");
}

#[tokio::test]
async fn half_a_request_on_a_serial_line_does_not_hold_up_the_next() {
    let plc = Plc::new().serial().unit(5).register(1, 7).start().await.unwrap();
    let mut port = raw(plc.rtu_path("plc"));
    // The count in it promises 200 bytes more.
    port.write_all(&[5, 16, 0, 0, 0, 100, 200, 1]).await.unwrap();
    let mut client = rtu::attach_slave(port, Slave(5));
    let read = timeout(PATIENCE, client.read_holding_registers(0, 1)).await.expect("an answer in time");
    assert_eq!(read.unwrap(), Ok(vec![7]));
}

#[tokio::test]
async fn it_falls_silent_after_three_answers_and_comes_back_when_told() {
    let plc = Plc::new().register(101, 0x41A4).silent_after(3).start().await.unwrap();
    let mut client = connect(&plc, 1).await;
    for _ in 0..3 {
        assert_eq!(client.read_holding_registers(100, 1).await.unwrap(), Ok(vec![0x41A4]));
    }
    assert!(timeout(Duration::from_millis(200), client.read_holding_registers(100, 1)).await.is_err());
    assert!(plc.wait_until(PATIENCE, |plant| plant.device("plc").unwrap().asked() == 4).await);
    plc.set_behaviour("plc", Behaviour::Normal).unwrap();
    let mut client = connect(&plc, 1).await;
    assert_eq!(client.read_holding_registers(100, 1).await.unwrap(), Ok(vec![0x41A4]));
    assert_eq!((plc.asked("plc").unwrap(), plc.replies_sent("plc").unwrap()), (5, 4));
}

#[tokio::test]
async fn each_misbehaviour_reaches_the_wire() {
    // What the client makes of it is the client's affair; here it must not be the true answer, or not at once.
    let plc = Plc::new().register(1, 0x1234).register(2, 0x5678).start().await.unwrap();
    let ask = [0, 9, 0, 0, 0, 6, 1, 3, 0, 0, 0, 2];
    let truth = [0, 9, 0, 0, 0, 7, 1, 3, 4, 0x12, 0x34, 0x56, 0x78];
    for behaviour in Behaviour::every() {
        plc.set_behaviour("plc", behaviour.clone()).unwrap();
        let mut stream = tokio::net::TcpStream::connect(plc.tcp_addr("plc")).await.unwrap();
        // Slow is it from when it is asked.
        let asked = tokio::time::Instant::now();
        stream.write_all(&ask).await.unwrap();
        let mut heard = [0; 64];
        let quiet = matches!(behaviour, Behaviour::Silent | Behaviour::Sometimes(..) | Behaviour::Lie(Lie::OneBehind));
        let patience = if quiet { Duration::from_millis(60) } else { PATIENCE };
        let read = timeout(patience, stream.read(&mut heard)).await;
        if let Behaviour::Slow(by) = behaviour {
            assert!(asked.elapsed() >= by, "too soon: {:?}", asked.elapsed());
        }
        let said = match &read {
            Ok(Ok(0)) => "closed",
            Ok(Ok(count)) if heard[..*count] == truth => "truth",
            Ok(Ok(_)) => "wrong",
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionReset => "reset",
            Ok(Err(error)) => panic!("{behaviour}: {error}"),
            Err(_) => "nothing",
        };
        let expected: &[&str] = match &behaviour {
            Behaviour::Normal | Behaviour::Slow(_) | Behaviour::Lie(Lie::Echo | Lie::Forget) => &["truth"],
            Behaviour::Silent | Behaviour::Lie(Lie::OneBehind) => &["nothing"],
            Behaviour::Refuse(_) | Behaviour::Lie(_) => &["wrong"],
            Behaviour::HangUp => &["closed"],
            Behaviour::Reset => &["reset"],
            Behaviour::Sometimes(..) => &["truth", "nothing"],
        };
        assert!(expected.contains(&said), "{behaviour}: {said}");
    }
}

#[tokio::test]
async fn rubbish_and_half_requests_close_or_hold_one_connection_and_nothing_else() {
    let plc = Plc::new().register(1, 7).start().await.unwrap();
    let addr = plc.tcp_addr("plc");
    let mut half = tokio::net::TcpStream::connect(addr).await.unwrap();
    half.write_all(&[0, 1, 0, 0, 0, 6, 1]).await.unwrap();
    let mut browser = tokio::net::TcpStream::connect(addr).await.unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    // Closing with its bytes unread resets it; either way it is over.
    let closed = timeout(PATIENCE, browser.read(&mut [0; 64])).await.expect("closed in time");
    assert!(!matches!(closed, Ok(1..)), "{closed:?}");
    let mut client = connect(&plc, 1).await;
    assert_eq!(client.read_holding_registers(0, 1).await.unwrap(), Ok(vec![7]));
    half.write_all(&[3, 0, 0, 0, 1]).await.unwrap();
    let mut answer = [0; 11];
    timeout(PATIENCE, half.read_exact(&mut answer)).await.expect("answered in time").unwrap();
    assert_eq!(answer[7..], [3, 2, 0, 7]);
}

#[tokio::test]
async fn masters_past_the_cap_are_turned_away_and_room_comes_back() {
    let plc = Plc::new().register(1, 7).start().await.unwrap();
    let mut masters = Vec::new();
    for _ in 0..64 {
        let mut client = connect(&plc, 1).await;
        client.read_holding_registers(0, 1).await.unwrap().unwrap();
        masters.push(client);
    }
    let mut late = connect(&plc, 1).await;
    assert!(late.read_holding_registers(0, 1).await.is_err());
    masters.pop();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while connect(&plc, 1).await.read_holding_registers(0, 1).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "no room after one left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn killed_and_restarted_it_answers_on_the_same_port_and_path() {
    for serial in [false, true] {
        let plc = Plc::new().register(1, 7);
        let plc = if serial { plc.serial() } else { plc }.start().await.unwrap();
        let before = if serial { plc.rtu_path("plc").display().to_string() } else { plc.tcp_addr("plc").to_string() };
        plc.kill().await;
        assert!(!plc.is_up().await);
        if serial {
            assert!(!plc.rtu_path("plc").exists(), "the link is gone");
        } else {
            assert!(tokio::net::TcpStream::connect(plc.tcp_addr("plc")).await.is_err(), "the port is closed");
        }
        plc.poke("plc", "4x:1", &[8]).unwrap();
        plc.restart().await.unwrap();
        let after = if serial { plc.rtu_path("plc").display().to_string() } else { plc.tcp_addr("plc").to_string() };
        assert_eq!(before, after);
        let mut client = if serial { open(plc.rtu_path("plc"), 1) } else { connect(&plc, 1).await };
        assert_eq!(client.read_holding_registers(0, 1).await.unwrap(), Ok(vec![8]));
    }
}

#[tokio::test]
async fn the_shipped_plant_is_polled_and_its_values_move() {
    // The demo PLC follows a set-point; the station's forebay, meter and fan answer with what the site's YAML expects.
    let plant = Sim::start(&shipped()).await.unwrap();
    let mut demo = tcp::connect_slave(plant.tcp_addr("demo"), Slave(1)).await.unwrap();
    for start in [0, 50] {
        assert_eq!(demo.read_holding_registers(start, 50).await.unwrap().unwrap().len(), 50, "pymscada's two blocks");
    }
    demo.write_single_register(0, 42).await.unwrap().unwrap();
    assert!(plant.wait_until(PATIENCE, |plant| plant.peek("plc1", "4x:2".parse().unwrap(), 1) == Some(vec![42])).await);
    let mut station = tcp::connect_slave(plant.tcp_addr("station"), Slave(1)).await.unwrap();
    let level = Kind::Float32.decode(Order::Abcd, &station.read_holding_registers(10, 2).await.unwrap().unwrap());
    assert!((3.0..4.6).contains(&level), "{level}");
    station.set_slave(Slave(2));
    let energy = |words: Vec<u16>| Kind::Uint32.decode(Order::Cdab, &words);
    let before = energy(station.read_input_registers(14, 2).await.unwrap().unwrap());
    let counted = plant
        .wait_until(PATIENCE, |plant| {
            plant.peek_value("meter", "3x:15".parse().unwrap(), Kind::Uint32, Order::Cdab).unwrap() > before
        })
        .await;
    assert!(counted, "the meter counts");
    let mut fan = open(plant.rtu_path("fan"), 5);
    let hall = fan.read_holding_registers(14, 1).await.unwrap().unwrap()[0];
    assert!((100..600).contains(&hall), "{hall} tenths of a degree");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut spec = shipped();
    spec.lines[0].wire = Wire::Tcp(taken.local_addr().unwrap());
    let Err(error) = Sim::start(&spec).await else { panic!("started on a taken port") };
    assert_eq!(error.to_string(), format!("listening on {} for line \"demo\"", taken.local_addr().unwrap()));
}
