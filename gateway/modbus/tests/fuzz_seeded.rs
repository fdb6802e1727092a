//! The fuzz targets' bodies on stable, with random bytes and with good frames that were damaged. `FOREBAY_SEED` repeats.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test, and it prints what it did")]

use std::hash::{BuildHasher, RandomState};

use forebay_modbus::{Mbap, crc16};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

#[path = "../fuzz/one.rs"]
mod one;

const RUNS: u64 = 40_000;

fn seeded(body: impl FnMut(&mut StdRng)) {
    seeded_runs(RUNS, body);
}

fn seeded_runs(most: u64, mut body: impl FnMut(&mut StdRng)) {
    let first = std::env::var("FOREBAY_SEED").ok().map(|seed| seed.parse().expect("FOREBAY_SEED is a number"));
    let base: u64 = first.unwrap_or_else(|| RandomState::new().hash_one(0));
    let runs = if first.is_some() { 1 } else { most };
    for seed in (0..runs).map(|n| base.wrapping_add(n)) {
        let run = std::panic::AssertUnwindSafe(|| body(&mut StdRng::seed_from_u64(seed)));
        if std::panic::catch_unwind(run).is_err() {
            panic!("seed={seed}");
        }
    }
}

fn some_bytes(dice: &mut StdRng, max: usize) -> Vec<u8> {
    (0..dice.random_range(0..max)).map(|_| dice.random()).collect()
}

#[test]
fn layout_takes_any_bytes() {
    seeded(|dice| one::layout(&some_bytes(dice, 48)));
}

#[test]
fn frames_take_any_bytes() {
    seeded(|dice| one::frames(&some_bytes(dice, 400)));
}

/// What maps are made of: rows of it are now a map, now nearly one.
const CSV_PARTS: [&str; 56] = [
    "name",
    "type",
    "address",
    "access",
    "write",
    "order",
    "scale",
    "sunssf",
    "length",
    "no_value",
    "states",
    "multi",
    "alarm",
    "desc",
    "dp",
    "min",
    ",",
    ",",
    ",",
    ",",
    ";",
    "\n",
    "\n",
    "\r\n",
    "\"",
    "#",
    "# base: 5",
    "# sunspec: 101 x",
    "# desc: ",
    "4x:1",
    "4x:65536",
    "3x:2",
    "0x:1",
    "4x:1.3",
    "400001",
    "int16",
    "uint32",
    "bool",
    "string",
    "float64",
    "8",
    "0x8000",
    "-1",
    ".5",
    "1e300",
    "é",
    "'",
    "\0",
    "A|B",
    "1 2",
    "> 5",
    "rw",
    "w",
    "cdab",
    "${X}",
    "\u{2028}",
];

/// Registers that are right, behind their name.
const CSV_ROWS: [&str; 7] = [
    "int16,4x:1,rw,,,,0x8000,0.1",
    "bool,4x:2.3,r,,,,,",
    "string,3x:9,,,,4,,",
    "uint16,4x:5,r,1 2,A|B,,,",
    "uint32,3x:9,r,,,,1 2,",
    "float32,400007,w,,,,,10",
    "bool,0x:7,rw,,,,,",
];

#[test]
fn csv_takes_any_text() {
    let (mut runs, mut maps) = (0, 0);
    // A map is read four times over.
    seeded_runs(RUNS / 4, |dice| {
        let mut text = String::new();
        let good = dice.random_range(0..4) > 0;
        if good {
            // A good beginning, and good rows.
            text.push_str("name,type,address,access,states,multi,length,no_value,scale\n");
            for n in 0..dice.random_range(1..5) {
                text.push_str(&format!("r{n},{}\n", CSV_ROWS[dice.random_range(0..CSV_ROWS.len())]));
            }
        }
        for _ in 0..dice.random_range(0..if good { 3 } else { 12 }) {
            let part = CSV_PARTS[dice.random_range(0..CSV_PARTS.len())];
            let mut at = dice.random_range(0..=text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, part);
        }
        runs += 1;
        maps += u32::from(one::csv(&text));
    });
    println!("{maps} of {runs} texts were maps");
    assert!(runs == 1 || maps > runs / 5, "too few maps to mean anything: {maps} of {runs}");
}

/// Frames that are nearly right get further into the decoders than noise does.
#[test]
fn frames_take_damaged_answers() {
    seeded(|dice| {
        let count: u16 = dice.random_range(1..126);
        let mut data = vec![0, 0];
        data.extend((count - 1).to_be_bytes());
        let serial = dice.random_range(0..2);
        // 7: holding registers; then the framing, and how large the pieces are in which it comes.
        data.extend([7, serial, dice.random()]);
        let mut pdu = vec![3, u8::try_from(count * 2).unwrap()];
        pdu.extend((0..count * 2).map(|_| dice.random::<u8>()));
        let mut frame = vec![1];
        frame.extend(&pdu);
        if serial == 0 {
            frame.extend(crc16(&frame).to_le_bytes());
        } else {
            let request = tokio_modbus::Request::ReadHoldingRegisters(0, count);
            let (_, header) = Mbap::default().encode(1, &request, |_| false);
            let length = u16::try_from(frame.len()).unwrap().to_be_bytes();
            frame = [&header[..4], &length, &frame].concat();
        }
        for _ in 0..dice.random_range(0..3) {
            let at = dice.random_range(0..frame.len());
            match dice.random_range(0..3) {
                0 => frame[at] = dice.random(),
                1 => drop(frame.remove(at)),
                _ => frame.insert(at, dice.random()),
            }
        }
        data.extend(frame);
        one::frames(&data);
    });
}

#[test]
fn our_server_takes_any_question() {
    seeded(|dice| {
        let mut data: Vec<u8> = (0..dice.random_range(0..15)).map(|_| dice.random_range(0..20)).collect();
        if dice.random() && !data.is_empty() {
            data.insert(1, [1, 2, 3, 4, 5, 6, 15, 16][dice.random_range(0..8)]);
        }
        one::pdu(&data);
        one::pdu(&some_bytes(dice, 300));
    });
}

/// What addresses are made of.
const ADDRESS_PARTS: [&str; 24] = [
    "4x", "3x", "0x", "1x", ":", ":", ":", ":", ".", "RTU", "P", "1", "7", "247", "248", "255", "65536", "65537", "0",
    "-1", "40001", "15", "16", " ",
];

#[test]
fn addresses_are_made_of_any_text() {
    let (mut runs, mut good) = (0, 0);
    seeded_runs(6_000, |dice| {
        let mut text = ["RTU:1:4x:1", "P:7:4x:3.7", "4x:3", "P:2:3x:65536", ""][dice.random_range(0..5)].to_owned();
        for _ in 0..dice.random_range(0..4) {
            let part = ADDRESS_PARTS[dice.random_range(0..ADDRESS_PARTS.len())];
            let at = dice.random_range(0..=text.len());
            text.insert_str(at, part);
            if dice.random_range(0..3) == 0 {
                text.remove(dice.random_range(0..text.len()));
            }
        }
        runs += 1;
        good += u32::from(one::address(&text));
    });
    println!("{good} of {runs} texts were addresses");
    assert!(runs == 1 || good > runs / 20 && good < runs, "{good} of {runs}");
}
