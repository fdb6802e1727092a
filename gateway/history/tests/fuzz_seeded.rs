//! The fuzz targets' bodies on stable: files to import, good ones that were damaged among them. `FOREBAY_SEED` repeats a run.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test, and it prints what it did")]

use std::hash::{BuildHasher, RandomState};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

#[path = "../fuzz/one.rs"]
mod one;

/// Each makes a database of its own.
const RUNS: u64 = 150;

fn seeded(mut body: impl FnMut(&mut StdRng)) {
    let first: Option<u64> = std::env::var("FOREBAY_SEED").ok().map(|seed| seed.parse().unwrap());
    let base = first.unwrap_or_else(|| RandomState::new().hash_one(0));
    for n in 0..if first.is_some() { 1 } else { RUNS } {
        let seed = base.wrapping_add(n);
        let run = std::panic::AssertUnwindSafe(|| body(&mut StdRng::seed_from_u64(seed)));
        assert!(std::panic::catch_unwind(run).is_ok(), "seed={seed}");
    }
}

#[test]
fn pymscadas_files_may_hold_anything() {
    let mut taken = 0;
    seeded(|dice| {
        let mut data = Vec::new();
        for _ in 0..dice.random_range(0..2000) {
            let at: u64 = match dice.random_range(0..20) {
                0 => dice.random(),
                1 => dice.random_range(0..9),
                _ => 1_700_000_000_000_000 + dice.random_range(0..3000) * 1_000_000,
            };
            let value: f64 = if dice.random_range(0..20) == 0 { f64::from_bits(dice.random()) } else { dice.random() };
            data.extend(at.to_be_bytes());
            data.extend(value.to_be_bytes());
        }
        let cut = dice.random_range(0..20).min(data.len());
        data.truncate(data.len() - cut);
        taken += one::dat(&data);
    });
    println!("{taken} records taken");
    assert!(taken > 10_000 || std::env::var_os("FOREBAY_SEED").is_some(), "too few mean nothing: {taken}");
}

/// What an export is made of.
const PARTS: [&str; 31] = [
    "time,tag,value,quality\n",
    "2026-01-02T03:04:05.000001Z",
    "2026-01-02T03:04:06Z",
    "1969-12-31T23:59:59Z",
    "2101-01-01T00:00:00Z",
    ",level,",
    ",level,",
    ",level,",
    ",other,",
    ",word,",
    ",word,",
    ",status,",
    "\"\"\"a text\"\"\"",
    "\"{\"\"a\"\": 1}\"",
    "[1]",
    "json:",
    "base64:",
    "\\u0000",
    "1.5",
    "-7",
    "1e400",
    "NaN",
    ",",
    "\"",
    "\"\"",
    "good",
    "\r",
    "\n",
    "\n",
    "\u{0}",
    "ü",
];

#[test]
fn exports_may_hold_anything() {
    let mut taken = 0;
    seeded(|dice| {
        let mut text = String::from(PARTS[0]);
        for n in 0..dice.random_range(0..50) {
            let (second, x) = (n % 60, dice.random_range(-9..9));
            let rest = match dice.random_range(0..4) {
                0 => format!("word,\"\"\"on\\n {x}\"\"\","),
                1 => format!("status,\"{{\"\"x\"\": {x},\n \"\"y\"\": [1, 2]}}\","),
                _ => format!("level,{x},"),
            };
            text += &format!("2026-01-02T03:04:{second:02}Z,{rest}\n");
        }
        for _ in 0..dice.random_range(0..3) {
            let mut at = dice.random_range(0..=text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, PARTS[dice.random_range(0..PARTS.len())]);
        }
        taken += one::csv(text.as_bytes());
    });
    println!("{taken} records taken");
    assert!(taken > 100 || std::env::var_os("FOREBAY_SEED").is_some(), "too few mean nothing: {taken}");
}
