//! The questions of the command line, asked of a simulated device over both wires.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::Future;
use std::time::Duration;

use forebay_modbus::tool::{Client, Found, FoundModel, Question, Scan, ToolError, identify, scan};
use forebay_modbus::{LATE_MAX, Layout, Outcome};
use shell::{Clock, SystemClock};
use sim::{Behaviour, Plc};
use site::{Order, Parity, Serial, Table, Transport, WordType};
use tag::Value;
use tokio::task::LocalSet;

/// Who answers does so at once, however busy the machine.
const PATIENCE: Duration = Duration::from_millis(2000);

fn test(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, body);
}

fn wire(plant: &sim::Handle, serial: bool) -> Transport {
    if serial {
        let path = plant.rtu_path(Plc::NAME).to_path_buf();
        Transport::Rtu(Serial { path, baud: 115_200, parity: Parity::None, stop_bits: 1, rs485: false })
    } else {
        Transport::Tcp { host: "127.0.0.1".into(), port: plant.tcp_addr(Plc::NAME).port() }
    }
}

/// `SunS`, the common model, one empty model, the end.
fn sunspec() -> Vec<u16> {
    let text = |text: &str, words: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(words * 2, 0);
        bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>()
    };
    let common = [text("Acme", 16), text("Inverter 3", 16), text("", 8), text("1.2", 8), text("SN-77", 16)].concat();
    [vec![0x5375, 0x6E53, 1, 66], common, vec![1, 0], vec![103, 2, 0, 0], vec![0xFFFF, 0]].concat()
}

#[test]
fn read_write_identify_and_scan_over_both_wires() {
    test(async {
        for serial in [false, true] {
            let plc = Plc::new().blank(300).register(1, 7).registers(3, &[0x41A4, 0]).registers(40001, &sunspec());
            let plant = if serial { plc.serial() } else { plc }.start().await.unwrap();
            let clock = SystemClock::shared();
            let mut client = Client::open(&wire(&plant, serial), clock.clone(), PATIENCE).await.unwrap();
            assert_eq!(client.read(1, Table::HoldingRegisters, 0, 4).await.unwrap(), [7, 0, 0x41A4, 0]);
            let refused = client.read(1, Table::HoldingRegisters, 50_000, 4).await;
            assert!(matches!(refused, Err(ToolError::Refused(code)) if code.0 == 2), "{refused:?}");

            let float = Layout::plain(WordType::Float32, Order::Cdab);
            let holding = Table::HoldingRegisters;
            let outcome = client.write(1, holding, 9, None, &float, &Value::Float(20.5)).await.unwrap();
            assert_eq!(
                (outcome, plant.peek_words(Plc::NAME, "4x:10", 2).unwrap()),
                (Outcome::Confirmed, vec![0, 0x41A4])
            );
            let bit = Layout::plain(WordType::Bool, Order::Abcd);
            let outcome = client.write(1, holding, 0, Some(4), &bit, &Value::Int(1)).await.unwrap();
            assert_eq!((outcome, plant.peek(Plc::NAME, "4x:1").unwrap()), (Outcome::Confirmed, 0x17));
            // Function 23: the device writes, then reads.
            let read = client.write_read(1, (20, &[1, 2, 3]), (21, 3)).await.unwrap();
            assert_eq!(
                (&read[..], plant.peek_words(Plc::NAME, "4x:21", 4).unwrap()),
                (&[2, 3, 0][..], vec![1, 2, 3, 0])
            );
            let word = Layout::plain(WordType::Uint16, Order::Abcd);
            let outcome = client.write(1, holding, 0, None, &word, &Value::Int(70_000)).await.unwrap();
            assert_eq!(outcome, Outcome::Refused("over max 65535 of the register".into()));

            let who = identify(&mut client, 1).await.unwrap();
            assert_eq!(
                who.models,
                [FoundModel { id: 1, start: 40002, words: 66 }, FoundModel { id: 103, start: 40070, words: 2 }]
            );
            let who = who.lines.join("\n");
            for said in [
                "vendor: Forebay",
                "product code: SIM",
                "version: 1",
                "server id (function 17): Forebay simulated device",
                "SunSpec at 4x:40001",
                "  model 103 at 4x:40071, 2 registers",
                "  vendor: Acme",
                "  serial number: SN-77",
            ] {
                assert!(who.contains(said), "{said:?} in\n{who}");
            }
            drop(client);

            let what = Scan {
                transport: wire(&plant, serial),
                units: vec![1, 2, 3],
                bauds: vec![115_200],
                parities: vec![Parity::None],
                with: vec![Question::USUAL],
                patience: PATIENCE,
            };
            let (mut steps, mut there) = (0, Vec::new());
            let count =
                scan(&what, &clock, |_, all, _| steps += usize::from(all == 3), |found| there.push(found.clone()));
            assert_eq!(count.await.unwrap(), 1);
            let at = serial.then_some((115_200, Parity::None));
            assert_eq!((steps, there), (3, vec![Found { unit: 1, serial: at, how: "answers".into() }]));
        }
    });
}

#[test]
fn silence_is_said_and_a_late_answer_is_not_taken_for_the_next() {
    test(async {
        let plant = Plc::new().serial().register(1, 7).register(2, 8).start().await.unwrap();
        let patience = Duration::from_millis(100);
        let mut client = Client::open(&wire(&plant, true), SystemClock::shared(), patience).await.unwrap();
        plant.set_behaviour(Plc::NAME, Behaviour::Slow(Duration::from_millis(400))).unwrap();
        let silent = client.read(1, Table::HoldingRegisters, 0, 1).await;
        assert!(matches!(silent, Err(ToolError::NoAnswer(100))), "{silent:?}");
        // Alike but for the register: what comes first is the answer to the first. Once it has come nothing is waited for.
        client.patience = PATIENCE;
        assert_eq!(client.read(1, Table::HoldingRegisters, 1, 1).await.unwrap(), [8]);
        // One that never comes is waited for as long as any device takes, and then the line is taken as silent.
        plant.set_behaviour(Plc::NAME, Behaviour::Silent).unwrap();
        client.patience = patience;
        let (silent, asked) = (client.read(1, Table::HoldingRegisters, 0, 1).await, SystemClock.mono());
        assert!(matches!(silent, Err(ToolError::NoAnswer(100))), "{silent:?}");
        plant.set_behaviour(Plc::NAME, Behaviour::Normal).unwrap();
        client.patience = PATIENCE;
        assert_eq!(client.read(1, Table::HoldingRegisters, 1, 1).await.unwrap(), [8]);
        assert!(SystemClock.mono() > asked + LATE_MAX - PATIENCE);
    });
}

/// Unit 0 of a serial line is every unit: it is told things, and asked nothing, for none of them would answer.
#[test]
fn unit_0_of_a_serial_line_is_written_to_and_not_asked() {
    test(async {
        let plant = Plc::new().serial().register(1, 7).start().await.unwrap();
        let mut client = Client::open(&wire(&plant, true), SystemClock::shared(), PATIENCE).await.unwrap();
        let read = client.read(0, Table::HoldingRegisters, 0, 1).await;
        assert!(matches!(read, Err(ToolError::Everybody)), "{read:?}");
        let who = identify(&mut client, 0).await;
        assert!(matches!(who, Err(ToolError::Everybody)), "{who:?}");
        let word = Layout::plain(WordType::Uint16, Order::Abcd);
        let outcome = client.write(0, Table::HoldingRegisters, 0, None, &word, &Value::Int(8)).await.unwrap();
        assert_eq!(outcome, Outcome::Sent);
        assert_eq!(client.read(1, Table::HoldingRegisters, 0, 1).await.unwrap(), [8]);
    });
}

/// A bit of a register goes out as a masked write, function 22; to a device without it as the whole register, just read.
#[test]
fn a_bit_is_written_with_function_22_where_there_is_one() {
    test(async {
        for has_it in [true, false] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let device = tokio::task::spawn_local(device_of_one_register(listener, has_it));
            let way = Transport::Tcp { host: "127.0.0.1".into(), port };
            let mut client = Client::open(&way, SystemClock::shared(), PATIENCE).await.unwrap();
            let bit = Layout::plain(WordType::Bool, Order::Abcd);
            let outcome = client.write(1, Table::HoldingRegisters, 0, Some(4), &bit, &Value::Int(1)).await.unwrap();
            assert_eq!(outcome, Outcome::Confirmed);
            drop(client);
            let expected: &[u8] = if has_it { &[22, 3] } else { &[22, 3, 6, 3] };
            assert_eq!(device.await.unwrap(), (0x8011, expected.to_vec()));
        }
    });
}

/// A register that is written and can't be read, or of which nothing comes then: the device took the value, and that is told;
/// confirmed it is not.
#[test]
fn a_write_that_is_not_read_back_is_told_as_written() {
    test(async {
        for silent in [false, true] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            tokio::task::spawn_local(device_that_is_written_only(listener, silent));
            let way = Transport::Tcp { host: "127.0.0.1".into(), port };
            let mut client = Client::open(&way, SystemClock::shared(), PATIENCE).await.unwrap();
            let word = Layout::plain(WordType::Uint16, Order::Abcd);
            let outcome = client.write(1, Table::HoldingRegisters, 0, None, &word, &Value::Int(7)).await.unwrap();
            let told = Outcome::Refused("written, but can't be read back: illegal data address".into());
            assert_eq!(outcome, if silent { Outcome::Expired } else { told });
        }
    });
}

/// Function 6 is echoed, function 3 refused or not answered.
async fn device_that_is_written_only(listener: tokio::net::TcpListener, silent: bool) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = [0; 12];
    while stream.read_exact(&mut request).await.is_ok() {
        let head = &request[..4];
        let answer = match request[7] {
            6 => request.to_vec(),
            _ if silent => continue,
            other => [head, &[0, 3, request[6], other | 0x80, 2]].concat(),
        };
        stream.write_all(&answer).await.unwrap();
    }
}

/// Answers functions 3, 6 and perhaps 22 over one connection; gives what its register held at last, and what it was asked.
async fn device_of_one_register(listener: tokio::net::TcpListener, masks: bool) -> (u16, Vec<u8>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut stream, _) = listener.accept().await.unwrap();
    let (mut holds, mut asked) = (0x8001_u16, Vec::new());
    let mut head = [0; 6];
    while stream.read_exact(&mut head).await.is_ok() {
        let mut body = vec![0; u16::from_be_bytes([head[4], head[5]]).into()];
        stream.read_exact(&mut body).await.unwrap();
        let word = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
        asked.push(body[1]);
        let answer = match body[1] {
            3 => [&[3, 2][..], &holds.to_be_bytes()].concat(),
            6 => {
                holds = word(4);
                body[1..].to_vec()
            }
            22 if masks => {
                holds = holds & word(4) | word(6) & !word(4);
                body[1..].to_vec()
            }
            other => vec![other | 0x80, 1],
        };
        let length = u16::try_from(answer.len() + 1).unwrap().to_be_bytes();
        stream.write_all(&[&head[..4], &length, &body[..1], &answer].concat()).await.unwrap();
    }
    (holds, asked)
}
