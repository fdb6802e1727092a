//! A store that has grown to its bound gives up the oldest detail, not what it was about.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::sync::atomic::AtomicU64;

use common::*;
use forebay_history as history;
use history::{Series, Span, Store, StoreConfig};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use shell::ManualClock;
use tag::{Kind, Timestamp};

const KEEP: u64 = 600 << 10;
const DAYS: u64 = 6;

/// Six days of a noisy value each second, which would take twice the bound: the file stays within it, the first days
/// are there as minutes with every extreme in them, the last hour as it was.
#[test]
fn the_oldest_detail_goes_first() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let config =
        StoreConfig { keep_bytes: KEEP, ..StoreConfig::new(folder.path().into(), vec![(name("v"), Kind::Float)]) };
    let store = Store::open(config, ManualClock::at(Timestamp(START))).unwrap();
    let written = AtomicU64::new(0);
    let at = |second: u64| Timestamp(START + second * SECOND);
    let mut all = Vec::new();
    for second in 0..DAYS * 86_400 {
        all.push(f64::from(rng.random_range(229.0..231.0_f32)));
        if second % 50_000 == 777 {
            *all.last_mut().unwrap() = if second % 100_000 == 777 { 500.0 } else { -500.0 };
        }
    }
    for (part, values) in all.chunks(6000).enumerate() {
        let entry = |(i, x): (usize, &f64)| float(0, at((part * 6000 + i) as u64), *x);
        record(&store, &written, values.iter().enumerate().map(entry).collect());
    }
    let size = fs::metadata(folder.path().join("history.sqlite")).unwrap().len();
    let trend = |from: u64, to: u64, columns| {
        let span = Span { from: at(from), to: at(to) };
        read(&store, move |reader| reader.trend(&name("v"), span, columns)).unwrap()
    };
    let Series::Decimated(whole) = trend(0, DAYS * 86_400, 300) else { panic!("wanted columns") };
    let extents = |columns: &[history::Column]| {
        let extents = columns.iter().filter_map(|column| column.extent);
        extents.fold((f64::MAX, f64::MIN), |(min, max), e| (min.min(e.min), max.max(e.max)))
    };
    assert_eq!(extents(&whole), (-500.0, 500.0), "seed {seed}");
    let around = |second: u64| match trend(second - 1800, second + 1800, 4000) {
        Series::Decimated(columns) => extents(&columns),
        Series::Raw(points) => panic!("{} records are left around {second}", points.len()),
        Series::Unknown => panic!("the tag is known"),
    };
    assert_eq!(around(50_777).0, -500.0, "the first day is there in minutes");
    assert_eq!(around(100_777).1, 500.0);
    let last = DAYS * 86_400;
    let Series::Raw(points) = trend(last - 3000, last, 4000) else { panic!("the last hour is there as it was") };
    let values: Vec<_> = points.into_iter().filter_map(|(_, value)| value).skip(1).collect();
    assert_eq!(values, all[all.len() - 3000..], "every record of the last hour");
    store.close(Vec::new());
    // The log in the database and what is freed within a step are beside the bound.
    let after = fs::metadata(folder.path().join("history.sqlite")).unwrap().len();
    assert!(after < KEEP * 3 / 2, "{size} bytes while open, {after} bytes after, {KEEP} wanted");
    eprintln!("{after} bytes for {} records, bound {KEEP}", all.len());
}
