//! What a device says, true and false.

use super::*;
use crate::registers::{Access, At};

const READ: &[u8] = &[3, 0, 100, 0, 2];

fn device() -> Device {
    let mut registers = Registers::default();
    registers.define(At::holding(101), 2, Access::Writable);
    registers.poke(At::holding(101), &[0x41A4, 0x0001]);
    Device::new("plc1", 5, registers, 1)
}

fn ask(pdu: &[u8]) -> Frame {
    Frame { transaction: 0x0102, unit: 5, pdu: pdu.to_vec() }
}

/// What it sends at once; panics if that is not exactly one thing.
fn sent(device: &mut Device, framing: Framing, pdu: &[u8]) -> Vec<u8> {
    match &device.answer(framing, &ask(pdu))[..] {
        [Reply { after: Duration::ZERO, act: Act::Send(bytes) }] => bytes.clone(),
        other => panic!("{other:?}"),
    }
}

const TRUTH: [u8; 13] = [1, 2, 0, 0, 0, 7, 5, 3, 4, 0x41, 0xA4, 0, 1];

#[test]
fn a_healthy_device_tells_the_truth_at_once() {
    let mut device = device();
    assert_eq!(sent(&mut device, Framing::Tcp, READ), TRUTH);
    assert_eq!(sent(&mut device, Framing::Rtu, READ)[..7], [5, 3, 4, 0x41, 0xA4, 0, 1]);
    assert_eq!((device.asked(), device.answered()), (2, 2));
}

#[test]
fn each_lie_is_wrong_in_its_own_way() {
    let told = |framing, lie| {
        let mut device = device();
        device.behave(Behaviour::Lie(lie));
        sent(&mut device, framing, READ)
    };
    assert_eq!(told(Framing::Tcp, Lie::Length), [1, 2, 0, 0, 0, 5, 5, 3, 2, 0x41, 0xA4]);
    assert_eq!(told(Framing::Tcp, Lie::ByteCount)[8], 5);
    assert_eq!(told(Framing::Tcp, Lie::Unit)[6], 6);
    assert_eq!(told(Framing::Tcp, Lie::Transaction)[..2], [1, 3]);
    assert_eq!(told(Framing::Tcp, Lie::Function)[7], 2);
    assert_eq!(told(Framing::Tcp, Lie::Crc)[2..4], [0x5A, 0]);
    assert_ne!(crate::frame::crc(&told(Framing::Rtu, Lie::Crc)), 0);
    assert_eq!(crate::frame::crc(&told(Framing::Rtu, Lie::Unit)), 0, "a true frame of the wrong unit");
    assert_eq!(told(Framing::Tcp, Lie::Half), TRUTH[..6]);
    assert_eq!(told(Framing::Tcp, Lie::Twice), [TRUTH, TRUTH].concat());
    assert_ne!(told(Framing::Tcp, Lie::Garbage), TRUTH);
}

#[test]
fn writes_are_lied_about_too() {
    let write = [6, 0, 100, 0, 9];
    let mut device = device();
    device.behave(Behaviour::Lie(Lie::Echo));
    assert_eq!(sent(&mut device, Framing::Tcp, &write)[7..], [6, 0, 100, 0, 9 ^ 0x55]);
    assert_eq!(device.registers.peek(At::holding(101)), Some(9), "carried out all the same");
    device.behave(Behaviour::Lie(Lie::Forget));
    assert_eq!(sent(&mut device, Framing::Tcp, &[6, 0, 100, 0, 8])[7..], [6, 0, 100, 0, 8]);
    assert_eq!(device.registers.peek(At::holding(101)), Some(9), "acknowledged and forgotten");
}

#[test]
fn one_behind_gives_the_answer_before() {
    let mut device = device();
    device.behave(Behaviour::Lie(Lie::OneBehind));
    assert_eq!(device.answer(Framing::Tcp, &ask(READ)), []);
    assert_eq!(sent(&mut device, Framing::Tcp, &[3, 0, 100, 0, 1]), TRUTH);
    assert_eq!((device.asked(), device.answered()), (2, 1));
}

#[test]
fn it_is_slow_silent_gone_or_says_no() {
    let mut device = device();
    device.behave(Behaviour::slow_ms(300));
    assert_eq!(device.answer(Framing::Tcp, &ask(READ))[0].after, Duration::from_millis(300));
    device.behave(Behaviour::Refuse(ExceptionCode::ServerDeviceBusy));
    assert_eq!(sent(&mut device, Framing::Tcp, READ)[7..], [0x83, 6]);
    device.behave(Behaviour::HangUp);
    assert_eq!(device.answer(Framing::Tcp, &ask(READ))[0].act, Act::HangUp);
    assert_eq!(device.answer(Framing::Rtu, &ask(READ)), []);
    device.behave(Behaviour::Silent);
    assert_eq!(device.answer(Framing::Tcp, &ask(&[6, 0, 100, 0, 1])), []);
    assert_eq!(device.registers.peek(At::holding(101)), Some(0x41A4), "the silent carry nothing out");
}

#[test]
fn silent_after_three_means_three_answers_and_then_none() {
    let mut device = device();
    device.then_after(3, Behaviour::Silent);
    device.then_after(2, Behaviour::Normal);
    let answered: Vec<bool> = (0..7).map(|_| !device.answer(Framing::Tcp, &ask(READ)).is_empty()).collect();
    assert_eq!(answered, [true, true, true, false, false, true, true]);
}

#[test]
fn an_outage_ends_by_itself() {
    let mut device = device();
    device.fall_silent(Duration::from_secs(2));
    assert_eq!(device.answer(Framing::Tcp, &ask(READ)), []);
    device.step(Duration::from_secs(1));
    assert_eq!(device.behaviour(), &Behaviour::Silent);
    device.step(Duration::from_secs(1));
    assert_eq!(sent(&mut device, Framing::Tcp, READ), TRUTH);
}

#[test]
fn sometimes_is_a_share_of_the_requests() {
    let mut device = device();
    device.behave(Behaviour::Sometimes(20, Box::new(Behaviour::Silent)));
    let silent = (0..1000).filter(|_| device.answer(Framing::Tcp, &ask(READ)).is_empty()).count();
    assert!((150..250).contains(&silent), "{silent} of 1000");
}
