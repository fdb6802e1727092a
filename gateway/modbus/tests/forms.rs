//! Which function a write goes out with: what the site wants, and what the unit turns out to have.

#![allow(clippy::unwrap_used, reason = "a test")]

mod stepped;

use std::time::Duration;

use forebay_modbus::Outcome;
use sim::Plc;
use site::{Address, Form, WordType};
use stepped::{World, at, client, tag_of, tcp};
use tag::{ExceptionCode, Value};

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// A device without masked writes, or one that only says it has them: the word is read, changed and written whole, now
/// and from then on.
#[test]
fn a_unit_without_function_22_gets_its_bits_with_the_word_around_them() {
    use forebay_modbus::{Action, Config, Device, Reply, Report, Ticket, WriteRequest};
    use shell::Clock;
    use tokio_modbus::{Request, Response};
    for refuses in [true, false] {
        let now = shell::SystemClock.mono();
        let wall = tag::Timestamp(1);
        let bit = Some(Address { bit: Some(4), ..at(1) });
        let tags = vec![tag_of("bit", WordType::Bool, bit, bit)];
        let config = Config::new(&client(vec![tcp(Form::Poll)], tags), &[]).unwrap();
        let mut device = Device::new(config.lines[0].clone(), now);
        assert_eq!(device.next(now), Action::Connect);
        device.on_connected(now);
        let exchange = |device: &mut Device, now, asked: Request<'static>, reply: Reply| {
            let Action::Send { asked: number, unit: 1, request, .. } = device.next(now) else {
                panic!("expected {asked:?}")
            };
            assert_eq!(request, asked);
            device.on_reply(now, wall, number, reply);
        };
        let read = || Request::ReadHoldingRegisters(0, 1);
        let holds = |n| Reply::Answer(Response::ReadHoldingRegisters(vec![n]));
        exchange(&mut device, now, read(), holds(0x8001));
        let wish = |n, on| WriteRequest { ticket: Ticket(n), point: 0, value: Value::Int(on), deadline: now + 3 * S };
        device.write(now, &wish(1, 1));
        let masked = Request::MaskWriteRegister(0, 0xFFEF, 0x0010);
        let mut later = now;
        if refuses {
            exchange(&mut device, now, masked, Reply::Exception(ExceptionCode(1)));
        } else {
            exchange(&mut device, now, masked, Reply::Answer(Response::MaskWriteRegister(0, 0xFFEF, 0x0010)));
            for _ in 0..4 {
                exchange(&mut device, later, read(), holds(0x8001));
                later += 100 * MS;
            }
        }
        let written = || Reply::Answer(Response::WriteSingleRegister(0, 0));
        exchange(&mut device, later, read(), holds(0x8001));
        exchange(&mut device, later, Request::WriteSingleRegister(0, 0x8011), written());
        exchange(&mut device, later, read(), holds(0x8011));
        assert_eq!(device.take_reports().last(), Some(&Report::Outcome(Ticket(1), Outcome::Confirmed)));
        device.write(later, &wish(2, 0));
        exchange(&mut device, later, read(), holds(0x8011));
        exchange(&mut device, later, Request::WriteSingleRegister(0, 0x8001), written());
        exchange(&mut device, later, read(), holds(0x8001));
        assert_eq!(device.take_reports().last(), Some(&Report::Outcome(Ticket(2), Outcome::Confirmed)));
    }
}

/// `write_read`: a set-point is one request, function 23, and confirmed by its answer; a device that reads before it writes,
/// or takes the value over later, is looked at again; a unit without the function gets the two requests of old.
#[test]
fn a_set_point_is_written_and_read_back_in_one_request() {
    let line = site::Rtu { write_read: true, ..tcp(Form::Poll) };
    let tags = vec![tag_of("a", WordType::Float32, Some(at(11)), Some(at(11)))];
    let mut world = World::new(Plc::new().registers(11, &[0, 0]), &client(vec![line], tags.clone()), &[]);
    // Between two polls.
    world.run(1200 * MS);
    let before = world.requests.len();
    let ticket = world.write("a", Value::Float(20.5), 3 * S);
    world.run_until(200 * MS, "confirmed", |w| w.outcomes(ticket).contains(&Outcome::Confirmed));
    let functions: Vec<u8> = world.requests[before..].iter().map(|(_, frame)| frame[7]).collect();
    assert_eq!(functions, [23], "one request, nothing else");
    assert_eq!(world.plant.peek(Plc::NAME, sim::At::holding(11), 2), Some(vec![0x41A4, 0]));
    assert_eq!(world.good("a"), Some(&Value::Float(20.5)), "known before the next poll");

    use forebay_modbus::{Action, Config, Device, Reply, Report, Ticket, WriteRequest};
    use shell::Clock;
    use tokio_modbus::{Request, Response};
    let line = site::Rtu { write_read: true, ..tcp(Form::Poll) };
    let tags = vec![tag_of("a", WordType::Int16, Some(at(1)), Some(at(1)))];
    let config = Config::new(&client(vec![line], tags), &[]).unwrap();
    let (now, wall) = (shell::SystemClock.mono(), tag::Timestamp(1));
    let mut device = Device::new(config.lines[0].clone(), now);
    assert_eq!(device.next(now), Action::Connect);
    device.on_connected(now);
    let exchange = |device: &mut Device, now, asked: Request<'static>, reply: Reply| {
        let Action::Send { asked: number, unit: 1, request, .. } = device.next(now) else {
            panic!("expected {asked:?}")
        };
        assert_eq!(request, asked);
        device.on_reply(now, wall, number, reply);
    };
    let read = || Request::ReadHoldingRegisters(0, 1);
    let holds = |n| Reply::Answer(Response::ReadHoldingRegisters(vec![n]));
    let both = |n| Request::ReadWriteMultipleRegisters(0, 1, 0, vec![n].into());
    let wish = |n, value| WriteRequest { ticket: Ticket(n), point: 0, value: Value::Int(value), deadline: now + 3 * S };
    let last = |device: &mut Device| device.take_reports().last().cloned();
    exchange(&mut device, now, read(), holds(7));
    device.write(now, &wish(1, 9));
    exchange(&mut device, now, both(9), Reply::Answer(Response::ReadWriteMultipleRegisters(vec![7])));
    exchange(&mut device, now + 100 * MS, read(), holds(9));
    assert_eq!(
        last(&mut device),
        Some(Report::Outcome(Ticket(1), Outcome::Confirmed)),
        "written once, looked at again"
    );
    let later = now + 200 * MS;
    device.write(later, &wish(2, 10));
    exchange(&mut device, later, both(10), Reply::Exception(ExceptionCode(2)));
    assert!(
        matches!(last(&mut device), Some(Report::Outcome(Ticket(2), Outcome::Refused(_)))),
        "a no to the value is a no"
    );
    for (n, has_it) in [(3, true), (4, false)] {
        device.write(later, &wish(n, 11));
        if has_it {
            exchange(&mut device, later, both(11), Reply::Exception(ExceptionCode(1)));
        }
        let written = Reply::Answer(Response::WriteSingleRegister(0, 11));
        exchange(&mut device, later, Request::WriteSingleRegister(0, 11), written);
        exchange(&mut device, later, read(), holds(11));
        assert_eq!(last(&mut device), Some(Report::Outcome(Ticket(n), Outcome::Confirmed)), "and it is remembered");
    }
}

/// The state machine by itself: a unit without the single write is asked with the multiple one, now and from then on.
#[test]
fn a_unit_without_function_6_is_written_with_16() {
    use forebay_modbus::{Action, Config, Device, Reply, Report, Ticket, WriteRequest};
    use shell::Clock;
    use tokio_modbus::{Request, Response};
    let now = shell::SystemClock.mono();
    let wall = tag::Timestamp(1);
    let tags = vec![tag_of("a", WordType::Int16, Some(at(1)), Some(at(1)))];
    let config = Config::new(&client(vec![tcp(Form::Poll)], tags), &[]).unwrap();
    let mut device = Device::new(config.lines[0].clone(), now);
    assert_eq!(device.next(now), Action::Connect);
    device.on_connected(now);
    let exchange = |device: &mut Device, asked: Request<'static>, reply: Reply| {
        let Action::Send { asked: number, unit: 1, request, .. } = device.next(now) else {
            panic!("expected {asked:?}")
        };
        assert_eq!(request, asked);
        device.on_reply(now, wall, number, reply);
    };
    let read = || Request::ReadHoldingRegisters(0, 1);
    let holds = |n| Reply::Answer(Response::ReadHoldingRegisters(vec![n]));
    exchange(&mut device, read(), holds(7));
    for (n, has_single) in [(1, true), (2, false)] {
        let request =
            WriteRequest { ticket: Ticket(n), point: 0, value: Value::Int(50 + n as i64), deadline: now + 3 * S };
        device.write(now, &request);
        let word = 50 + n as u16;
        if has_single {
            exchange(&mut device, Request::WriteSingleRegister(0, word), Reply::Exception(ExceptionCode(1)));
        }
        let written = Reply::Answer(Response::WriteMultipleRegisters(0, 1));
        exchange(&mut device, Request::WriteMultipleRegisters(0, vec![word].into()), written);
        exchange(&mut device, read(), holds(word));
        let reports = device.take_reports();
        assert_eq!(reports.last(), Some(&Report::Outcome(Ticket(n), Outcome::Confirmed)), "{reports:?}");
        let sent = reports.iter().filter(|r| **r == Report::Outcome(Ticket(n), Outcome::Sent)).count();
        assert_eq!(sent, 1, "said once");
    }
}
