//! The fuzz targets' bodies on stable: with random bytes, and with good frames that were damaged. `FOREBAY_SEED` repeats a
//! run.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test, and it prints what it did")]

use std::hash::{BuildHasher, RandomState};

use forebay_wire::p1::{self, CHUNK};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

#[path = "../fuzz/one.rs"]
mod one;

fn seeded(runs: u64, mut body: impl FnMut(&mut StdRng)) {
    let first: Option<u64> = std::env::var("FOREBAY_SEED").ok().map(|seed| seed.parse().unwrap());
    let base = first.unwrap_or_else(|| RandomState::new().hash_one(0));
    for n in 0..if first.is_some() { 1 } else { runs } {
        let seed = base.wrapping_add(n);
        let run = std::panic::AssertUnwindSafe(|| body(&mut StdRng::seed_from_u64(seed)));
        assert!(std::panic::catch_unwind(run).is_ok(), "seed={seed}");
    }
}

fn some_bytes(dice: &mut StdRng, max: usize) -> Vec<u8> {
    (0..dice.random_range(0..max)).map(|_| dice.random()).collect()
}

fn damage(dice: &mut StdRng, bytes: &mut Vec<u8>) {
    for _ in 0..dice.random_range(0..3) {
        let at = dice.random_range(0..bytes.len());
        match dice.random_range(0..3) {
            0 => bytes[at] = dice.random(),
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, dice.random()),
        }
    }
}

#[test]
fn protocol_1_takes_any_stream() {
    let mut messages = 0;
    seeded(4_000, |dice| {
        let mut data = vec![dice.random()];
        for _ in 0..dice.random_range(1..6) {
            // Now and then one that goes in several frames, its size at or beside the border.
            let long = dice.random_range(0..40) == 0;
            let size = if long { CHUNK * dice.random_range(1..3) + dice.random_range(0..3) - 1 } else { 20 };
            let body = if long { vec![dice.random(); size] } else { some_bytes(dice, size) };
            p1::encode(&mut data, dice.random_range(0..11), dice.random_range(0..4), dice.random(), &body);
        }
        damage(dice, &mut data);
        messages += one::p1(&data);
    });
    println!("{messages} messages");
    assert!(messages > 1_000 || std::env::var_os("FOREBAY_SEED").is_some(), "too few mean nothing: {messages}");
    seeded(10_000, |dice| messages += one::p1(&some_bytes(dice, 100)));
}

#[test]
fn protocol_2_takes_any_frame() {
    let golden: Vec<Vec<u8>> = include_str!("golden.txt")
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(_, hex)| {
            (0..hex.len() / 2).filter_map(|n| u8::from_str_radix(&hex[n * 2..n * 2 + 2], 16).ok()).collect()
        })
        .filter(|bytes: &Vec<u8>| bytes.len() > 4)
        .collect();
    assert!(golden.len() > 10, "the golden frames are there");
    let mut understood = 0;
    seeded(20_000, |dice| {
        let mut data = golden[dice.random_range(0..golden.len())].clone();
        damage(dice, &mut data);
        // Mostly its length is right again: what lies within is to be damaged.
        if dice.random_range(0..4) > 0 && data.len() > 4 {
            let length = u32::try_from(data.len() - 4).unwrap();
            data[..4].copy_from_slice(&length.to_be_bytes());
        }
        understood += u32::from(one::p2(&data));
    });
    println!("{understood} understood");
    assert!(understood > 2_000 || std::env::var_os("FOREBAY_SEED").is_some(), "too few mean nothing: {understood}");
    seeded(20_000, |dice| understood += u32::from(one::p2(&some_bytes(dice, 60))));
}

#[test]
fn a_value_is_made_of_any_bytes_or_refused() {
    seeded(40_000, |dice| {
        let mut data = some_bytes(dice, 20);
        if dice.random() && data.len() > 2 {
            (data[0], data[2]) = (dice.random_range(0..12), dice.random_range(0..7));
        }
        one::payload(&data);
    });
}
