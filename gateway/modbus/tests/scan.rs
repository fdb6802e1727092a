//! Who answers on a line: baud rates and parities of a serial port, and devices that know little.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::Future;
use std::time::Duration;

use forebay_modbus::crc16;
use forebay_modbus::tool::{Question, Scan, scan};
use shell::SystemClock;
use site::{Parity, Serial, Table, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::LocalSet;
use tokio::time::sleep;
use tokio_serial::{SerialPort, SerialStream};

fn test(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, body);
}

/// How long an answer may take. Who answers does so at once, however busy the machine; each silence is waited out.
const PATIENCE: Duration = Duration::from_millis(2500);

/// A device that understands one baud rate: what the far end of a pseudo-terminal knows of how the near one is set. For all
/// others a gateway says that nobody is there, so that no silence has to be waited out.
async fn answers_at(far: &mut SerialStream, baud: u32) {
    let mut request = [0; 8];
    loop {
        // Nobody has it open between two ways of a scan.
        let Ok(n) = far.read(&mut request).await else {
            sleep(Duration::from_millis(5)).await;
            continue;
        };
        let Some(&unit) = request[..n].first() else { continue };
        let is_it = unit == 2 && far.baud_rate().is_ok_and(|set| set == baud);
        let body: &[u8] = if is_it { &[2, 3, 2, 0, 7] } else { &[unit, 0x83, 11] };
        let _ = far.write_all(&[body, &crc16(body).to_le_bytes()].concat()).await;
    }
}

#[test]
fn a_scan_tries_every_baud_rate_and_parity_with_every_unit() {
    test(async {
        let (mut far, near) = SerialStream::pair().unwrap();
        let path = near.name().unwrap().into();
        drop(near);
        let serial = Serial { path, baud: 9600, parity: Parity::None, stop_bits: 1, rs485: false };
        let what = Scan {
            transport: Transport::Rtu(serial),
            units: vec![1, 2, 3],
            bauds: vec![9600, 19200, 38400],
            parities: vec![Parity::None, Parity::Odd],
            with: vec![Question::USUAL],
            patience: PATIENCE,
        };
        let (mut steps, mut there) = (Vec::new(), Vec::new());
        let clock = SystemClock::shared();
        let progress = |done: usize, all: usize, what: &str| steps.push((done, all, what.to_owned()));
        let scanned = scan(&what, &clock, progress, |found| there.push((found.unit, found.serial)));
        let count = tokio::select! {
            count = scanned => count.unwrap(),
            () = answers_at(&mut far, 19200) => unreachable!("it never ends"),
        };
        let at = |parity| (2, Some((19200, parity)));
        assert_eq!((count, there), (2, vec![at(Parity::None), at(Parity::Odd)]), "a pseudo-terminal has no parity");
        assert_eq!(steps.len(), 18);
        assert!(steps.iter().enumerate().all(|(n, (done, all, _))| (*done, *all) == (n, 18)), "{steps:?}");
        assert_eq!(steps[17].2, "unit 3 at 38400 baud, parity odd");
    });
}

/// What a unit of the far side says to a function.
enum Says {
    Data(&'static [u8]),
    Refuses(u8),
    Nothing,
    HangsUp,
}

/// Units of a few kinds, by their numbers.
fn unit(unit: u8, function: u8) -> Says {
    let register: &[u8] = &[2, 0, 7];
    match (unit, function) {
        // As most are.
        (1, 3) => Says::Data(register),
        (1, _) => Says::Refuses(1),
        // A meter of input registers that says no to all else; one that is silent for all else.
        (2 | 3, 4) => Says::Data(register),
        (2, 43) => Says::Data(&[14, 1, 1, 0, 0, 1, 0, 1, b'V']),
        (2, 17) => Says::Nothing,
        (2, _) => Says::Refuses(1),
        // Relays that know coils, of which the first isn't there.
        (4, 1) => Says::Refuses(2),
        (4, 2) => Says::HangsUp,
        (4 | 7, _) => Says::Refuses(1),
        // The gateway says that nobody is there; it hangs up on the next.
        (5, _) => Says::Refuses(11),
        (6, _) => Says::HangsUp,
        _ => Says::Nothing,
    }
}

/// Answers as [`unit`] says, and keeps what was asked.
async fn line(listener: TcpListener, asked: std::rc::Rc<std::cell::RefCell<Vec<(u8, u8)>>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 6];
        while stream.read_exact(&mut head).await.is_ok() {
            let mut body = vec![0; u16::from_be_bytes([head[4], head[5]]).into()];
            stream.read_exact(&mut body).await.unwrap();
            asked.borrow_mut().push((body[0], body[1]));
            let answer = match unit(body[0], body[1]) {
                Says::Data(data) => [&[body[1]], data].concat(),
                Says::Refuses(code) => vec![body[1] | 0x80, code],
                Says::Nothing => continue,
                Says::HangsUp => break,
            };
            let length = u16::try_from(answer.len() + 1).unwrap().to_be_bytes();
            stream.write_all(&[&head[..4], &length, &body[..1], &answer].concat()).await.unwrap();
        }
    }
}

/// Who was found among units 1 to 7, what was asked, and what the progress said of how many questions are behind.
async fn scanned(with: &[Question]) -> (Vec<(u8, String)>, Vec<(u8, u8)>, Vec<(usize, usize)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = std::rc::Rc::default();
    let far = tokio::task::spawn_local(line(listener, std::rc::Rc::clone(&asked)));
    let what = Scan {
        transport: Transport::Tcp { host: "127.0.0.1".into(), port },
        units: (1..=7).collect(),
        bauds: vec![],
        parities: vec![],
        with: with.to_vec(),
        patience: PATIENCE,
    };
    let (mut steps, mut there) = (Vec::new(), Vec::new());
    let progress = |done: usize, all: usize, _: &str| steps.push((done, all));
    let count =
        scan(&what, &SystemClock::shared(), progress, |found| there.push((found.unit, found.how.clone()))).await;
    assert_eq!(count.unwrap(), there.len());
    far.abort();
    let asked = asked.borrow().clone();
    (there, asked, steps)
}

#[test]
fn who_refuses_is_asked_what_it_knows_and_who_is_silent_is_asked_once() {
    test(async {
        let (there, asked, steps) = scanned(&[Question::USUAL]).await;
        let no = "answers (register 4x:1 is refused: illegal function)";
        let expected = [
            (1, "answers".to_owned()),
            (2, format!("{no}; it knows functions 4 and 43/14")),
            (4, format!("{no}; it knows function 1")),
            (7, format!("{no}; it knows no other that reads")),
        ];
        assert_eq!(there, expected);
        let of =
            |unit: u8| asked.iter().filter(|(of, _)| *of == unit).map(|(_, function)| *function).collect::<Vec<_>>();
        for silent in [1, 3, 5, 6] {
            assert_eq!(of(silent), [3], "unit {silent}: a line's time isn't spent on it");
        }
        assert_eq!(of(2), [3, 4, 1, 2, 8, 17, 43]);
        assert_eq!(steps, (0..7).map(|n| (n, 7)).collect::<Vec<_>>());
    });
}

#[test]
fn a_device_that_is_silent_for_what_it_does_not_know_is_found_by_another_question() {
    test(async {
        let (there, asked, steps) = scanned(&[Question::USUAL, Question::First(Table::InputRegisters)]).await;
        let units: Vec<u8> = there.iter().map(|(unit, _)| *unit).collect();
        assert_eq!((units, there[2].1.as_str()), (vec![1, 2, 3, 4, 7], "answers function 4"));
        // Who has answered isn't asked again, who hasn't is.
        let of =
            |unit: u8| asked.iter().filter(|(of, _)| *of == unit).map(|(_, function)| *function).collect::<Vec<_>>();
        assert_eq!((of(1), of(3), of(6)), (vec![3], vec![3, 4], vec![3, 4]));
        let (last, ordered) = (steps[steps.len() - 1], steps.is_sorted());
        assert_eq!((last, ordered), ((12, 14), true), "{steps:?}");
        let (there, ..) = scanned(&[Question::DeviceId]).await;
        assert_eq!(there[1], (2, "answers function 43/14".to_owned()), "{there:?}");
        let no = "answers (the identification of function 43/14 is refused: illegal function); it knows function 3";
        assert_eq!(there[0], (1, no.to_owned()));
    });
}
