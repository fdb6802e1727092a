//! The Modbus server: registers made of tags, and a master on either wire with a real bus between it and an owner.

#![allow(clippy::unwrap_used, reason = "a test")]

mod served;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use forebay_modbus::server::{Image, Served, listen, serve};
use forebay_modbus::tool::{Client, ToolError};
use forebay_modbus::{Layout, Outcome, Reply, crc16};
use ipnet::IpNet;
use served::{Bus, area, owner, tag};
use shell::{Notify, Stop, SystemClock};
use site::{
    Address, Area, BusAddress, Door, DoorAt, ModbusServer, Order, Parity, Serial, ServedArea, ServedTag, StaleAnswer,
    Table, Transport, WordType,
};
use tag::{Fault, Reading, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};
use tokio_modbus::Request;
use tokio_serial::{SerialPort, SerialStream};

const DEADLINE: Duration = Duration::from_secs(10);

fn good(value: impl Into<Value>) -> Reading {
    Reading::Good(value.into())
}

fn answer(image: &Image, pdu: &[u8]) -> Vec<u8> {
    match image.serve(1, pdu) {
        Served::Answer(said) => said,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_old_number_never_looks_like_a_new_one() {
    let areas = [
        area(1, 10, true, StaleAnswer::Exception, None),
        area(11, 20, true, StaleAnswer::Sentinel(0x8000), None),
        area(21, 30, true, StaleAnswer::Last, Some(31)),
    ];
    let tags = [
        tag("a", WordType::Float32, 1, None),
        tag("b", WordType::Int32, 11, None),
        tag("c", WordType::Int16, 21, None),
        tag("d", WordType::Bool, 22, Some(3)),
    ];
    let mut image = Image::new(0, &areas, &tags);
    let read = |image: &Image, word: u8, count: u8| answer(image, &[3, 0, word - 1, 0, count]);
    assert_eq!(read(&image, 1, 2), [0x83, 4], "missing");
    for (n, value) in [Value::Float(20.5), Value::Int(-2), Value::Int(7), Value::Int(1)].into_iter().enumerate() {
        image.set(n, &Reading::Good(value));
    }
    assert_eq!(read(&image, 1, 2), [3, 4, 0x41, 0xA4, 0, 0]);
    assert_eq!(read(&image, 11, 2), [3, 4, 0xFF, 0xFF, 0xFF, 0xFE]);
    assert_eq!(read(&image, 21, 2), [3, 4, 0, 7, 0, 8]);
    assert_eq!(read(&image, 31, 1), [3, 2, 0, 0], "all is well");
    assert_eq!(read(&image, 3, 4), [3, 8, 0, 0, 0, 0, 0, 0, 0, 0], "no tag lies there");
    assert_eq!(read(&image, 30, 2), [3, 4, 0, 0, 0, 0], "a span and its status beside it");
    assert_eq!(read(&image, 31, 2), [0x83, 2], "past everything");
    for n in 0..4 {
        image.set(n, &Reading::Held { last: Value::Int(7), because: Fault::TimedOut });
    }
    assert_eq!(read(&image, 1, 2), [0x83, 4]);
    assert_eq!(read(&image, 11, 2), [3, 4, 0x80, 0, 0x80, 0]);
    assert_eq!(read(&image, 21, 1), [3, 2, 0, 7], "the last value …");
    assert_eq!(read(&image, 31, 1), [3, 2, 0, 2], "… and beside it that two are old");
    image.set(0, &Reading::Good(Value::Float(20.5)));
    image.lose();
    assert_eq!(read(&image, 1, 2), [0x83, 4], "without the bus everything is old");
    image.set(2, &good(70_000));
    assert_eq!(read(&image, 31, 1), [3, 2, 0, 2], "what doesn't fit isn't shown as good");
}

#[test]
fn whole_values_are_written_where_the_site_allows_it() {
    let areas = [area(1, 10, true, StaleAnswer::Exception, None), area(11, 20, false, StaleAnswer::Exception, None)];
    let tags = [
        tag("a", WordType::Float32, 1, None),
        tag("b", WordType::Int16, 3, None),
        tag("c", WordType::Int16, 11, None),
        tag("d", WordType::Bool, 4, Some(0)),
        tag("e", WordType::Bool, 4, Some(15)),
    ];
    let image = Image::new(0, &areas, &tags);
    let write = |pdu: &[u8]| image.serve(1, pdu);
    let values =
        |values: &[(usize, Value)], echo: &[u8]| Served::Write { values: values.to_vec(), echo: echo.to_vec() };
    let refused = |pdu: &[u8]| Served::Answer(pdu.to_vec());
    assert_eq!(write(&[6, 0, 2, 0xFF, 0xFE]), values(&[(1, Value::Int(-2))], &[6, 0, 2, 0xFF, 0xFE]));
    let both = [16, 0, 0, 0, 3, 6, 0x41, 0xA4, 0, 0, 0, 9];
    assert_eq!(write(&both), values(&[(0, Value::Float(20.5)), (1, Value::Int(9))], &both[..5]));
    assert_eq!(write(&[6, 0, 3, 0x80, 0]), values(&[(3, Value::Int(0)), (4, Value::Int(1))], &[6, 0, 3, 0x80, 0]));
    assert_eq!(write(&[6, 0, 0, 0, 1]), refused(&[0x86, 3]), "half a float");
    assert_eq!(write(&[16, 0, 0, 0, 2, 4, 0x7F, 0x80, 0, 0]), refused(&[0x90, 3]), "infinity");
    assert_eq!(write(&[6, 0, 10, 0, 1]), refused(&[0x86, 2]), "only read");
    assert_eq!(write(&[6, 0, 8, 0, 1]), refused(&[0x86, 2]), "nothing lies there");
    // A PLC that sends a whole block of which some registers mean nothing here: what lies in it is written.
    let block = [&[16, 0, 2, 0, 4, 8, 0, 7][..], &[0x80, 1, 0xAA, 0xAA, 0xBB, 0xBB]].concat();
    let all = [(1, Value::Int(7)), (3, Value::Int(1)), (4, Value::Int(1))];
    assert_eq!(write(&block), values(&all, &block[..5]));
    let past = [&[16, 0, 9, 0, 2, 4][..], &[0; 4]].concat();
    assert_eq!(write(&past), refused(&[0x90, 2]), "into a span that is only read");
    assert_eq!(write(&[16, 0, 0, 0, 2, 3, 0, 0, 0]), refused(&[0x90, 3]), "counts that disagree");
    assert_eq!(write(&[22, 0, 2, 0, 0, 0, 0]), refused(&[0x96, 1]));
    assert_eq!(write(&[]), refused(&[0x80, 1]));
}

/// Counts that disagree with what follows them, values that no coil has, and more than one request may hold.
#[test]
fn what_is_no_request_is_refused() {
    let table = |served: ServedArea| ServedArea { area: Area { table: Table::Coils, ..served.area }, ..served };
    let areas =
        [table(area(1, 3000, true, StaleAnswer::Exception, None)), area(1, 300, true, StaleAnswer::Last, Some(301))];
    let coil = |name: &str, n| {
        let plain = tag(name, WordType::Bool, n, None);
        ServedTag { at: Address { table: Table::Coils, ..plain.at }, ..plain }
    };
    let wide = tag("wide", WordType::Int32, 1, None);
    let mut image = Image::new(0, &areas, &[coil("a", 1), coil("b", 2), wide]);
    (0..3).for_each(|n| image.set(n, &good(1)));
    let write = |pdu: &[u8]| image.serve(1, pdu);
    let coils = |a: i64, b: i64| vec![(0, Value::Int(a)), (1, Value::Int(b))];
    let echo = vec![15, 0, 0, 0, 2];
    assert_eq!(write(&[15, 0, 0, 0, 2, 1, 0b10]), Served::Write { values: coils(0, 1), echo });
    for (pdu, code) in [
        (&[5, 0, 0, 0, 1][..], 3),
        (&[5, 0, 0, 0xFF, 0xFF], 3),
        (&[15, 0, 0, 0, 2, 2, 0b10, 0], 3),
        (&[15, 0, 0, 0, 0, 0], 3),
        (&[1, 0, 0, 0, 0], 3),
        (&[1, 0, 0, 7, 0xD1], 3),
        (&[3, 0, 0, 0, 126], 3),
        (&[3, 0, 0, 0, 1, 0], 3),
        (&[16, 0, 0, 0, 3, 6, 0, 0, 0, 1, 0, 0, 0], 3),
        // The status register beside a span is nobody's to write; nor is one where nothing lies.
        (&[6, 1, 44, 0, 0], 2),
        (&[6, 0, 9, 0, 0], 2),
    ] {
        assert_eq!(write(pdu), Served::Answer(vec![pdu[0] | 0x80, code]), "{pdu:?}");
    }
    assert_eq!(answer(&image, &[1, 0, 0, 7, 0xD0]).len(), 2 + 250, "as many as one request may read");
    assert_eq!(answer(&image, &[3, 0, 0, 0, 125]).len(), 2 + 250);
    assert_eq!(answer(&image, &[3, 1, 44, 0, 1]), [3, 2, 0, 0]);
    image.lose();
    assert_eq!(answer(&image, &[3, 1, 44, 0, 1]), [3, 2, 0, 1], "one tag is old, however many registers it has");
}

/// The status register may lie within its span: it isn't written there either.
#[test]
fn a_status_register_is_written_by_nobody() {
    let areas = [area(1, 10, true, StaleAnswer::Last, Some(2))];
    let mut image = Image::new(0, &areas, &[tag("a", WordType::Int16, 1, None), tag("c", WordType::Int16, 3, None)]);
    image.set(0, &good(7));
    assert_eq!(answer(&image, &[3, 0, 0, 0, 3]), [3, 6, 0, 7, 0, 1, 0, 0]);
    assert_eq!(answer(&image, &[6, 0, 1, 0, 0]), [0x86, 2]);
    assert_eq!(answer(&image, &[16, 0, 0, 0, 3, 6, 0, 1, 0, 0, 0, 1]), [0x90, 2]);
}

#[test]
fn masters_read_and_write_over_both_wires() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (stop, bus) = (Stop::new(), Bus::start("server"));
        tokio::task::spawn_local(owner(bus.end("plc"), &["set", "clamped"]));
        let (mut far, near) = SerialStream::pair().unwrap();
        // The server opens it by its name, alone.
        let path = near.name().unwrap().into();
        drop(near);
        let serial = Serial { path, baud: 115_200, parity: Parity::None, stop_bits: 1, rs485: false };
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let serve_all = vec![area(1, 10, true, StaleAnswer::Exception, None)];
        let door = |name: &str, at, allow: Vec<IpNet>| Door { name: name.into(), at, allow, serve: serve_all.clone() };
        let other: IpNet = "192.0.2.0/24".parse().unwrap();
        let doors = vec![
            door("PANEL", DoorAt::Tcp(local), vec!["127.0.0.0/30".parse().unwrap()]),
            door("STRANGERS", DoorAt::Tcp(local), vec![other]),
            door("LINE", DoorAt::Rtu(serial), vec![]),
            door("DATAGRAMS", DoorAt::Udp(local), vec![]),
            door("STRANGE DATAGRAMS", DoorAt::Udp(local), vec![other]),
        ];
        let on_line = Address { rtu: 2, ..tag("set", WordType::Int16, 1, None).at };
        let in_datagrams = Address { rtu: 3, ..on_line };
        let tags = vec![
            tag("set", WordType::Int16, 1, None),
            tag("nobody", WordType::Int16, 2, None),
            tag("clamped", WordType::Int16, 3, None),
            ServedTag { at: on_line, ..tag("set", WordType::Int16, 1, None) },
            ServedTag { at: in_datagrams, ..tag("set", WordType::Int16, 1, None) },
        ];
        let at = BusAddress { ip: Ipv4Addr::LOCALHOST.into(), port: 1324 };
        let site = ModbusServer { bus: at, doors, tags };
        let open = listen(&site.doors).unwrap();
        let places = open.addresses();
        let server =
            serve(site, open, bus.end("modbusserver"), SystemClock::shared(), stop.clone(), Notify::from_env());
        tokio::task::spawn_local(server);

        let tcp = |n: usize| Transport::Tcp { host: "127.0.0.1".into(), port: places[n].unwrap().port() };
        let mut panel = Client::open(&tcp(0), SystemClock::shared(), Duration::from_secs(2)).await.unwrap();
        let holding = Table::HoldingRegisters;
        // The tag comes over the bus: a level, with a deadline.
        let first = async {
            loop {
                match panel.read(1, holding, 0, 1).await {
                    Ok(words) => return words,
                    Err(ToolError::Refused(_)) => sleep(Duration::from_millis(20)).await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        assert_eq!(timeout(DEADLINE, first).await.unwrap(), [7]);
        let missing = panel.read(1, holding, 1, 1).await;
        assert!(matches!(missing, Err(ToolError::Refused(code)) if code.0 == 4), "{missing:?}");
        let word = Layout::plain(WordType::Int16, Order::Abcd);
        let outcome = panel.write(1, holding, 0, None, &word, &Value::Int(42)).await.unwrap();
        assert_eq!(outcome, Outcome::Confirmed, "the owner did it, and it is read back");
        let outcome = panel.write(1, holding, 0, None, &word, &Value::Int(101)).await.unwrap();
        assert!(matches!(&outcome, Outcome::Refused(why) if why.contains("failure")), "{outcome:?}");
        assert_eq!(panel.read(1, holding, 0, 1).await.unwrap(), [42]);
        // Moved to its limit: the wish wasn't carried out, and is not acknowledged; what lies there now can be read.
        let outcome = panel.write(1, holding, 2, None, &word, &Value::Int(101)).await.unwrap();
        assert!(matches!(&outcome, Outcome::Refused(why) if why.contains("failure")), "{outcome:?}");
        let outcome = panel.write(1, holding, 2, None, &word, &Value::Int(100)).await.unwrap();
        assert_eq!((outcome, panel.read(1, holding, 2, 1).await.unwrap()), (Outcome::Confirmed, vec![100]));

        // One of several is not carried out, the last is: the whole isn't acknowledged.
        let several = Request::WriteMultipleRegisters(0, vec![101, 5, 6].into());
        let said = panel.ask(1, several).await.unwrap();
        assert!(matches!(said, Reply::Exception(code) if code.0 == 4), "{said:?}");
        assert_eq!(
            (panel.read(1, holding, 0, 1).await.unwrap(), panel.read(1, holding, 2, 1).await.unwrap()),
            (vec![42], vec![6])
        );

        // Over the line: garbage first, somebody else's frame, then ours.
        let framed = |body: &[u8]| [body, &crc16(body).to_le_bytes()].concat();
        far.write_all(&[0xFF, 0x00, 0x13]).await.unwrap();
        sleep(Duration::from_millis(50)).await;
        far.write_all(&framed(&[9, 3, 0, 0, 0, 1])).await.unwrap();
        sleep(Duration::from_millis(50)).await;
        far.write_all(&framed(&[1, 3, 0, 0, 0, 1])).await.unwrap();
        let mut said = [0; 7];
        timeout(DEADLINE, far.read_exact(&mut said)).await.expect("an answer on the line").unwrap();
        assert_eq!(said[..], framed(&[1, 3, 2, 0, 42])[..]);

        // Not on the list.
        let mut stranger = Client::open(&tcp(1), SystemClock::shared(), Duration::from_secs(2)).await.unwrap();
        assert!(matches!(stranger.read(1, holding, 0, 1).await, Err(ToolError::Line(_))), "hung up on");

        // Datagrams: rubbish first, which nobody answers.
        let udp = |n: usize| Transport::Udp { host: "127.0.0.1".into(), port: places[n].unwrap().port() };
        let rubbish = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for bytes in [&[][..], &[0; 5], &[0, 1, 0, 0, 0, 9, 1, 3, 0, 0, 0, 1], &[0xFF; 1000]] {
            rubbish.send_to(bytes, places[3].unwrap()).unwrap();
        }
        let mut far = Client::open(&udp(3), SystemClock::shared(), Duration::from_secs(2)).await.unwrap();
        assert_eq!(far.read(1, holding, 0, 1).await.unwrap(), [42]);
        let outcome = far.write(1, holding, 0, None, &word, &Value::Int(44)).await.unwrap();
        assert_eq!(outcome, Outcome::Confirmed);
        let mut stranger = Client::open(&udp(4), SystemClock::shared(), Duration::from_millis(200)).await.unwrap();
        assert!(matches!(stranger.read(1, holding, 0, 1).await, Err(ToolError::NoAnswer(200))));

        // Connections that were left behind, more than there is room for, keep nobody out; and who asks stays.
        let mut left = Vec::new();
        for _ in 0..40 {
            left.push(tokio::net::TcpStream::connect(places[0].unwrap()).await.unwrap());
        }
        let mut late = Client::open(&tcp(0), SystemClock::shared(), Duration::from_secs(2)).await.unwrap();
        assert_eq!(late.read(1, holding, 0, 1).await.unwrap(), [44]);
        let ended = timeout(DEADLINE, left[0].read_u8()).await.expect("the first of them is hung up on");
        assert!(ended.is_err(), "{ended:?}");

        // The bus is gone: what was read a moment ago is old, and no write is taken.
        assert_eq!(panel.read(1, holding, 0, 1).await.unwrap(), [44]);
        bus.stop.cancel();
        let old = async {
            loop {
                match panel.read(1, holding, 0, 1).await {
                    Ok(words) => assert_eq!(words, [44]),
                    Err(ToolError::Refused(code)) => return code.0,
                    Err(error) => panic!("{error}"),
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        assert_eq!(timeout(DEADLINE, old).await.expect("an old number is marked"), 4);
        let outcome = panel.write(1, holding, 0, None, &word, &Value::Int(43)).await.unwrap();
        assert!(matches!(&outcome, Outcome::Refused(_)), "{outcome:?}");
        stop.cancel();
    });
}
