//! What the history costs: bytes on flash and bytes written per sample, rate of taking in, time of answering, memory.
//!
//! `cargo run --release -p forebay-history --example measure [FOLDER [sizes|writes|queries]]`; the folder should be on a real disk.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
#![allow(clippy::disallowed_methods, reason = "it measures time")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use forebay_history::{Batch, Entry, Number, Point, ReadError, Reader, Series, Span, Store, StoreConfig, TagNo, Whom};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use shell::{ManualClock, Stop};
use tag::{Kind, TagName, Timestamp};

const SECOND: u64 = 1_000_000;
const START: u64 = 1_700_000_000 * SECOND;
const DAY: u64 = 86_400;

const SIGNALS: [&str; 5] = ["temperature", "noisy voltage", "counter", "state", "constant"];

/// A signal's value in a second.
fn value(signal: usize, second: u64, rng: &mut StdRng) -> Number {
    let day = second as f64 / DAY as f64 * std::f64::consts::TAU;
    match signal {
        0 => Number::Float(((20.0 + 8.0 * day.sin() + rng.random_range(-0.1..0.1)) * 10.0).round() / 10.0),
        1 => Number::Float(f64::from((230.0 + rng.random_range(-1.5..1.5)) as f32)),
        2 => Number::Int((second * 7 / 3) as i64 + rng.random_range(0..3)),
        3 => Number::Int((second / 300 % 2) as i64),
        _ => Number::Int(1),
    }
}

fn entry(tag: usize, signal: usize, second: u64, rng: &mut StdRng) -> Entry {
    let at = Timestamp(START + second * SECOND + rng.random_range(0..20) * 1000);
    Entry { whom: Whom::Tag(TagNo(tag as u32)), at, point: Point::Value(value(signal, second, rng)) }
}

fn open(folder: &Path, tags: usize) -> Store {
    let _ = fs::remove_dir_all(folder);
    let tags = (0..tags).map(|tag| (name(tag), if tag % 5 < 2 { Kind::Float } else { Kind::Int })).collect();
    Store::open(StoreConfig::new(folder.into(), tags), ManualClock::at(Timestamp(START))).unwrap()
}

fn name(tag: usize) -> TagName {
    TagName::parse(&format!("t{tag}")).unwrap()
}

/// Records as one flush.
fn flush(store: &Store, entries: Vec<Entry>) {
    let want = store.written() + entries.len() as u64;
    store.record(Batch { entries }).unwrap();
    while store.written() < want {
        std::thread::yield_now();
    }
}

/// Bytes the kernel was told to write to the device by this process.
fn device_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/io").unwrap();
    text.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok()).unwrap()
}

fn resident_kb() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok()).unwrap()
}

fn on_disk(folder: &Path) -> u64 {
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

fn read<T: Send + 'static>(
    store: &Store,
    work: impl FnOnce(&mut Reader) -> Result<T, ReadError> + Send + 'static,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.read(Stop::new(), work)).unwrap()
}

/// The median of some askings, in ms, and how many points came.
fn ask(store: &Store, tags: &[usize], from: u64, to: u64, columns: usize) -> (f64, usize) {
    let span = Span { from: Timestamp(START + from * SECOND), to: Timestamp(START + to * SECOND) };
    let mut times = Vec::new();
    let mut points = 0;
    for _ in 0..9 {
        let names: Vec<TagName> = tags.iter().map(|tag| name(*tag)).collect();
        let began = Instant::now();
        points = read(store, move |reader| {
            let mut points = 0;
            for tag in &names {
                points += match reader.trend(tag, span, columns)? {
                    Series::Raw(points) => points.len(),
                    Series::Decimated(columns) => columns.len(),
                    Series::Unknown => 0,
                };
            }
            Ok(points)
        });
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    (times[4], points)
}

fn sizes(folder: &Path, rng: &mut StdRng) {
    println!(
        "bytes on disk and bytes written to the device per sample, one tag at 1 s for a day, a flush of 600 samples:"
    );
    for (signal, word) in SIGNALS.iter().enumerate() {
        let store = open(folder, 5);
        let before = device_bytes();
        for flushed in 0..DAY / 600 {
            let seconds = flushed * 600..(flushed + 1) * 600;
            flush(&store, seconds.map(|second| entry(signal, signal, second, rng)).collect());
        }
        store.close(Vec::new());
        let (disk, written) = (on_disk(folder) as f64 / DAY as f64, (device_bytes() - before) as f64 / DAY as f64);
        println!("  {word:15} {disk:6.2} on disk {written:6.2} written");
    }
}

fn writes(folder: &Path, rng: &mut StdRng) {
    println!("bytes written to the device per sample, mixed signals, a sample a second from each tag:");
    println!("  samples/s   flush 1 s  10 s  60 s   on disk (60 s)");
    for rate in [8, 80, 500, 5000_usize] {
        let mut row = format!("  {rate:9}  ");
        let mut disk = 0.0;
        for every in [1, 10, 60_u64] {
            // Long enough that chunks, folds and checkpoints are in it.
            let seconds = (2_000_000 / rate as u64).clamp(600, 7200) / 60 * 60;
            let store = open(folder, rate);
            let before = device_bytes();
            for begin in (0..seconds).step_by(every as usize) {
                let seconds = begin..begin + every;
                let one = |second| (0..rate).map(move |tag| (tag, second));
                flush(&store, seconds.flat_map(one).map(|(tag, second)| entry(tag, tag % 5, second, rng)).collect());
            }
            let written = device_bytes() - before;
            store.close(Vec::new());
            let samples = (seconds * rate as u64) as f64;
            row += &format!(" {:9.1}", written as f64 / samples);
            disk = on_disk(folder) as f64 / samples;
        }
        println!("{row}   {disk:6.2}   resident {} kB", resident_kb());
    }
}

fn queries(folder: &Path, rng: &mut StdRng) {
    let store = open(folder, 8);
    let days = 30;
    let began = Instant::now();
    let mut samples = 0;
    let mut busy = 0.0;
    for begin in (0..days * DAY).step_by(600) {
        let one = |second| (0..8).map(move |tag| (tag, second));
        let entries: Vec<Entry> =
            (begin..begin + 600).flat_map(one).map(|(tag, second)| entry(tag, tag % 5, second, rng)).collect();
        samples += entries.len();
        let flushing = Instant::now();
        flush(&store, entries);
        busy += flushing.elapsed().as_secs_f64();
    }
    println!(
        "taken in: {samples} samples at {:.0} a second ({:.0} s with making them), resident {} kB",
        samples as f64 / busy,
        began.elapsed().as_secs_f64(),
        resident_kb()
    );
    let (end, eight): (u64, Vec<usize>) = (days * DAY, (0..8).collect());
    for (what, tags, from, columns) in [
        ("a day of 1 tag, 800 columns", &eight[..1], end - DAY, 800),
        ("a day of 8 tags, 800 columns", &eight[..], end - DAY, 800),
        ("a day of 1 tag, every record", &eight[..1], end - DAY, 100_000),
        ("a day of 8 tags, every record", &eight[..], end - DAY, 100_000),
        ("30 days of 4 tags, 800 columns", &eight[..4], 0, 800),
        ("the last hour of 1 tag, 800 columns", &eight[..1], end - 3600, 800),
    ] {
        let (ms, points) = ask(&store, tags, from, end, columns);
        println!("  {what:36} {ms:8.2} ms  {points} points");
    }
    println!("  resident after it {} kB", resident_kb());
    store.close(Vec::new());
    println!("  {:.2} bytes on disk for each of them", on_disk(folder) as f64 / samples as f64);
}

fn main() {
    let folder = std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("forebay-measure"), PathBuf::from);
    let mut rng = StdRng::seed_from_u64(1);
    // With a second word only that part.
    let only = std::env::args().nth(2);
    let wants = |part| only.as_deref().is_none_or(|only| only == part);
    if wants("sizes") {
        sizes(&folder, &mut rng);
    }
    if wants("writes") {
        writes(&folder, &mut rng);
    }
    if wants("queries") {
        queries(&folder, &mut rng);
    }
    let _ = fs::remove_dir_all(folder);
}
