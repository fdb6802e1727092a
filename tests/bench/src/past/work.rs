//! What a keeper of samples is made to do, and what it costs.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use history::Number;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tag::{Kind, Timestamp};

use super::Engine;
use super::keeper::{Forebay, Keeper, Question, Sample, Table};
use super::signal::{DAY, SIGNALS, kind, value};
use crate::fail::{Doing, Fail};

const SECOND: u64 = 1_000_000;
/// When it all begins: at midnight …
const MIDNIGHT: u64 = 1_700_006_400 * SECOND;
/// … or at a time of day as good as any other, so that what is asked for doesn't end where rollups do.
const START: u64 = 1_700_000_000 * SECOND;
/// Samples of a flush where nothing else is said: ten seconds of 500 tags.
const FLUSH: usize = 5000;
/// Tags of one kind whose day is kept, and their seconds in a flush: the same 5,000 samples from fewer tags, in steps that full
/// chunks are made of, as small steps always are.
const KIND_TAGS: usize = 17;
const KIND_FLUSH_S: u64 = 300;
/// How often a question is asked, the first time may have to read the disk; and how long at most, if it was asked thrice.
const ASKED: usize = 9;
const ASKED_MIN: usize = 3;
const ASKING_MAX: Duration = Duration::from_secs(2);
/// Screens have that many columns.
const COLUMNS: usize = 800;

/// The questions, by the name their answers' times have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking {
    pub(crate) name: &'static str,
    tags: usize,
    /// The last so many seconds.
    seconds: u64,
    columns: Option<usize>,
}

impl Asking {
    /// All of them. Those that hold every sample of a day come last: they are what weighs.
    pub(crate) const ALL: [Self; 6] = [
        Self { name: "day of 1, 800 columns", tags: 1, seconds: DAY, columns: Some(COLUMNS) },
        Self { name: "day of 8, 800 columns", tags: 8, seconds: DAY, columns: Some(COLUMNS) },
        Self { name: "30 days of 4, 800 columns", tags: 4, seconds: 30 * DAY, columns: Some(COLUMNS) },
        Self { name: "last hour", tags: 1, seconds: 3600, columns: None },
        Self { name: "day of 1, every sample", tags: 1, seconds: DAY, columns: None },
        Self { name: "day of 8, every sample", tags: 8, seconds: DAY, columns: None },
    ];
}

/// Does it, and says what it cost.
pub(crate) fn work(engine: Engine, folder: &Path, words: &[String]) -> Result<Value, Fail> {
    let number = |place: usize| words.get(place).and_then(|word| word.parse().ok()).doing("a number is missing");
    match words.first().map(String::as_str) {
        Some("kind") => one_kind(engine, folder, number(1)? as usize),
        Some("rate") => one_rate(engine, folder, number(1)? as usize, number(2)?, number(3)?),
        Some("questions") => questions(engine, folder, number(1)?),
        _ => Err("the work is kind, rate or questions".into()),
    }
}

/// A day of some tags of one kind.
fn one_kind(engine: Engine, folder: &Path, signal: usize) -> Result<Value, Fail> {
    let mut maker = Maker::new(MIDNIGHT);
    let mut keeper = open(engine, folder, &[kind(signal); KIND_TAGS], DAY)?;
    let (before, mut samples) = (device_bytes()?, Vec::new());
    for second in 0..DAY {
        samples.extend((0..KIND_TAGS).map(|tag| maker.make(tag, signal, second)));
        if (second + 1) % KIND_FLUSH_S == 0 {
            keeper.keep(&samples)?;
            samples.clear();
        }
    }
    keeper.close();
    let count = (KIND_TAGS as u64 * DAY) as f64;
    let written = device_bytes()? - before;
    Ok(json!({"disk": on_disk(folder)? as f64 / count, "written": written as f64 / count}))
}

/// So many tags of all kinds, a sample a second from each, made durable every so many seconds.
fn one_rate(engine: Engine, folder: &Path, tags: usize, every: u64, seconds: u64) -> Result<Value, Fail> {
    let mut maker = Maker::new(START);
    let kinds: Vec<Kind> = (0..tags).map(|tag| kind(tag % SIGNALS.len())).collect();
    let mut keeper = open(engine, folder, &kinds, seconds)?;
    let (before, mut samples) = (device_bytes()?, Vec::new());
    for second in 0..seconds {
        samples.extend((0..tags).map(|tag| maker.make(tag, tag % SIGNALS.len(), second)));
        if (second + 1) % every == 0 {
            keeper.keep(&samples)?;
            samples.clear();
        }
    }
    let written = device_bytes()? - before;
    keeper.close();
    Ok(json!({"written": written as f64 / (tags as u64 * seconds) as f64}))
}

/// A tag of many days, three of a month, four of a day; then what one asks of them.
fn questions(engine: Engine, folder: &Path, days: u64) -> Result<Value, Fail> {
    let mut maker = Maker::new(START);
    let kinds: Vec<Kind> = (0..8).map(|tag| kind(tag % SIGNALS.len())).collect();
    let mut keeper = open(engine, folder, &kinds, days * DAY)?;
    let (mut samples, mut kept, mut spent) = (Vec::new(), 0, Duration::ZERO);
    for second in 0..days * DAY {
        let tags = match (days * DAY - second).div_ceil(DAY) {
            0..=1 => 8,
            2..=30 => 4,
            _ => 1,
        };
        samples.extend((0..tags).map(|tag| maker.make(tag, tag % SIGNALS.len(), second)));
        if samples.len() >= FLUSH || second + 1 == days * DAY {
            let began = Instant::now();
            keeper.keep(&samples)?;
            spent += began.elapsed();
            kept += samples.len();
            samples.clear();
        }
    }
    let mut said = json!({"ingest": kept as f64 / spent.as_secs_f64()});
    let end = START + days * DAY * SECOND;
    for Asking { name, tags, seconds, columns } in Asking::ALL {
        let question = Question { tags, from: Timestamp(end - seconds * SECOND), to: Timestamp(end), columns };
        let (mut times, mut points) = (Vec::new(), 0);
        let first = Instant::now();
        while times.len() < ASKED && (times.len() < ASKED_MIN || first.elapsed() < ASKING_MAX) {
            let began = Instant::now();
            points = keeper.ask(&question)?;
            times.push(began.elapsed().as_secs_f64() * 1e6);
        }
        let least = columns.unwrap_or(seconds as usize) * tags;
        if points < least {
            return Err(Fail(format!("{name}: {points} points, at least {least} were to come")));
        }
        // The most until now: a page asks for columns, and only an export for every sample.
        if columns.is_some() {
            said["rss_mb"] = json!(resident_most()?);
        }
        said[name] = json!(times);
    }
    keeper.close();
    Ok(said)
}

fn open(engine: Engine, folder: &Path, kinds: &[Kind], seconds: u64) -> Result<Box<dyn Keeper>, Fail> {
    Ok(match engine {
        Engine::Forebay => Box::new(Forebay::open(folder, kinds, Timestamp(MIDNIGHT + seconds * SECOND))?),
        Engine::Table => Box::new(Table::open(folder)?),
        Engine::Pymscada => return Err("pymscada has a program of its own".into()),
    })
}

/// Makes samples from a time on, in µs.
struct Maker(u64, StdRng);

impl Maker {
    fn new(start: u64) -> Self {
        Self(start, StdRng::seed_from_u64(1))
    }

    /// Nobody's second is exact.
    fn make(&mut self, tag: usize, signal: usize, second: u64) -> Sample {
        let at = Timestamp(self.0 + second * SECOND + self.1.random_range(0..20) * 1000);
        let value: Number = value(signal, second, &mut self.1);
        Sample { tag, at, value }
    }
}

/// Bytes of pages that this process has made the kernel write to a device. What is written twice before it is synced counts
/// once, and so it is on flash.
fn device_bytes() -> Result<u64, Fail> {
    let text = fs::read_to_string("/proc/self/io").doing("reading what was written")?;
    let bytes = text.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok());
    bytes.doing("the kernel doesn't say what was written")
}

/// The most memory this process ever had, in MB.
fn resident_most() -> Result<f64, Fail> {
    let text = fs::read_to_string("/proc/self/status").doing("reading the memory")?;
    let kib =
        text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.map(|kib| kib * 1024.0 / 1e6).doing("the kernel doesn't say what a process weighs")
}

fn on_disk(folder: &Path) -> Result<u64, Fail> {
    let doing = "looking at the files";
    let length = |file: std::io::Result<fs::DirEntry>| Ok(file.doing(doing)?.metadata().doing(doing)?.len());
    fs::read_dir(folder).doing(doing)?.map(length).sum()
}
