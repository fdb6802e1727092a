//! A plant, stepped.

use super::*;
use crate::Behaviour;

const WALL: u64 = 1_764_000_000_000_000;

fn shipped() -> Plant {
    let spec = Spec::parse(include_str!("../../../../config/plant.yaml"), |_| None).unwrap();
    Plant::new(&spec, WALL)
}

fn ask(plant: &mut Plant, line: &str, unit: u8, pdu: &[u8]) -> Vec<Reply> {
    let line = plant.line(line).unwrap();
    plant.answer(line, &Frame { transaction: 1, unit, pdu: pdu.to_vec() })
}

fn value(plant: &mut Plant, device: &str, at: &str, kind: Kind) -> f64 {
    plant.peek_value(device, at.parse().unwrap(), kind, Order::Abcd).unwrap()
}

#[test]
fn a_set_point_is_written_clamped_and_followed() {
    let mut plant = shipped();
    let written = ask(&mut plant, "demo", 1, &[6, 0, 0, 0x01, 0x00]);
    assert_eq!(written.len(), 1);
    assert_eq!(value(&mut plant, "plc1", "4x:1", Kind::Int16), 100.0, "256 is clamped, as a PLC does");
    plant.step(Duration::from_secs(12));
    assert_eq!(value(&mut plant, "plc1", "4x:2", Kind::Int16), 100.0);
    plant.poke("plc1", At::holding(1), &[7]).unwrap();
    plant.step(Duration::from_secs(12));
    assert_eq!(value(&mut plant, "plc1", "4x:2", Kind::Int16), 7.0);
}

#[test]
fn what_is_measured_can_not_be_written() {
    let mut plant = shipped();
    for (line, unit, address) in [("demo", 1, 1), ("station", 1, 10), ("fan", 5, 11)] {
        let replies = ask(&mut plant, line, unit, &[6, 0, address, 0, 1]);
        let [Reply { act: crate::Act::Send(bytes), .. }] = &replies[..] else { panic!("{replies:?}") };
        let exception = if line == "fan" { &bytes[1..3] } else { &bytes[7..9] };
        assert_eq!(exception, [0x86, 2], "{line}");
    }
}

#[test]
fn a_number_that_is_none_changes_nothing() {
    let mut plant = shipped();
    let nan = Kind::Float32.encode(Order::Abcd, f64::NAN);
    plant.poke("plc1", At::holding(3), &nan).unwrap();
    assert_eq!(value(&mut plant, "plc1", "4x:3", Kind::Float32), 2.0);
}

#[test]
fn units_that_are_not_there_are_silent_in_rtu_and_a_gateways_exception_in_tcp() {
    let mut plant = shipped();
    assert_eq!(ask(&mut plant, "fan", 77, &[3, 0, 0, 0, 1]), []);
    let replies = ask(&mut plant, "station", 77, &[3, 0, 0, 0, 1]);
    let [Reply { act: crate::Act::Send(bytes), .. }] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!(bytes[7..], [0x83, 0x0B]);
    assert_eq!(ask(&mut plant, "demo", 255, &[3, 0, 0, 0, 1]).len(), 1, "alone at its address");
    assert_eq!(ask(&mut plant, "fan", 0, &[6, 0, 0, 0, 1]), [], "broadcast: carried out, not answered");
    assert_eq!(value(&mut plant, "fan", "4x:1", Kind::Int16), 1.0);
}

#[test]
fn trouble_comes_every_few_minutes_and_goes() {
    // The shipped plant for six simulated hours: trips, leaves and silences all happen, and all end.
    let mut plant = shipped();
    let (mut tripped, mut clogged, mut silent) = (0, 0, 0);
    for _ in 0..6 * 3600 {
        plant.step(Duration::from_secs(1));
        let alarms = value(&mut plant, "station", "4x:21", Kind::Uint16) as u16;
        clogged += u32::from(alarms & 1 != 0);
        tripped += u32::from(alarms & 0b1_1000 != 0);
        let quiet = |name: &str| plant.device(name).unwrap().behaviour() == &Behaviour::Silent;
        silent += u32::from(quiet("meter") || quiet("fan"));
    }
    for (what, seconds) in [("tripped", tripped), ("clogged", clogged), ("silent", silent)] {
        assert!((60..6 * 3600 / 3).contains(&seconds), "{what} for {seconds} s of six hours");
    }
}

#[test]
fn the_same_seed_is_the_same_plant() {
    let (mut one, mut other) = (shipped(), shipped());
    for _ in 0..1000 {
        one.step(Duration::from_millis(700));
        other.step(Duration::from_millis(700));
    }
    let all = |plant: &mut Plant| plant.peek("station", At::holding(1), 130).unwrap();
    assert_eq!(all(&mut one), all(&mut other));
}
