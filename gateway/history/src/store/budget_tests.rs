//! The bound on bytes written in a day, from the samples to what the kernel counts: a real file, a simulated clock.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use shell::{Clock, ManualClock};
use tag::{Reading, Sample, TagDef, Value};
use tempfile::TempDir;

use super::spending::device_bytes;
use super::*;
use crate::decimate::Span;
use crate::entry::Point;
use crate::recorder::Recorder;

const START: u64 = 1_700_000_000_000_000;
const STEP: Duration = Duration::from_secs(10);
const HOUR: usize = 360;

/// A folder on a device: what goes into memory only isn't counted.
fn folder() -> TempDir {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let on_device = |folder: &TempDir| {
        let before = device_bytes().expect("the kernel counts what a thread writes");
        let mut file = File::create(folder.path().join("probe")).unwrap();
        file.write_all(&[1; 65_536]).unwrap();
        file.sync_all().unwrap();
        device_bytes().unwrap() >= before + 65_536
    };
    let made = [std::env::temp_dir(), build].into_iter().filter_map(|at| tempfile::tempdir_in(at).ok());
    { made }.find(on_device).expect("one of the two is on a device")
}

/// Noisy values, states that go to and fro, and values that come an hour late.
struct Plant {
    clock: Arc<ManualClock>,
    tags: Vec<TagDef>,
    rng: StdRng,
    last: Vec<i64>,
}

const NOISY: usize = 40;
const STATES: usize = 10;
const LATE: usize = 5;

impl Plant {
    fn new() -> Self {
        let tag = |i: usize| {
            let def = TagDef::new(TagName::parse(&format!("t{i}")).unwrap(), Kind::Int);
            let multi = (NOISY..NOISY + STATES).contains(&i).then(|| vec!["off".into(), "on".into()]);
            TagDef { multi, ..def }
        };
        let tags: Vec<_> = (0..NOISY + STATES + LATE).map(tag).collect();
        let last = vec![0; tags.len()];
        Self { clock: ManualClock::at(Timestamp(START)), tags, rng: StdRng::seed_from_u64(5), last }
    }

    fn writer(&self, folder: &Path, day_bytes_max: u64) -> (Writer, Arc<Shared>, Recorder) {
        let tags = self.tags.iter().map(|def| (def.name.clone(), def.kind)).collect();
        let flush = Duration::from_secs(10);
        let config = StoreConfig { flush, day_bytes_max, ..StoreConfig::new(folder.into(), tags) };
        let shared = Arc::new(Shared::default());
        let mut writer = Writer::new(folder.join(FILE_NAME), config, self.clock.clone(), shared.clone());
        writer.open_first().unwrap();
        writer.spending.begin(self.clock.mono());
        (writer, shared, Recorder::new(&self.tags, self.clock.wall()))
    }

    /// What the daemon does in one step.
    fn step(&mut self, writer: &mut Writer, shared: &Shared, recorder: &mut Recorder) {
        self.clock.advance(STEP);
        let now = self.clock.wall();
        for no in 0..self.tags.len() {
            let value = match no {
                0..NOISY => self.rng.random_range(0..1_000_000),
                _ => 1 - self.last[no],
            };
            let at = if no < NOISY + STATES { now } else { Timestamp(now.0 - 3_600_000_000) };
            self.last[no] = value;
            let sample = Sample { at, reading: Reading::Good(Value::Int(value)) };
            recorder.on_sample(now, TagNo(no as u32), &sample);
        }
        recorder.set_every(Duration::from_millis(shared.thrift().every_ms));
        recorder.on_tick(now);
        shared.thrift().thinned = recorder.thinned();
        while let Some(batch) = (!writer.takes_no_more()).then(|| recorder.next_batch()).flatten() {
            writer.take(batch);
        }
        if writer.until_flush().is_zero() {
            writer.write().unwrap();
        }
    }
}

/// A plant that writes three times what a day has, for two days: no 24 hours cost more than the bound, by the kernel's
/// count; the status says what was given up; and what holds at the end is right for every tag.
#[test]
fn no_day_costs_more_than_the_bound() {
    const DAY_MAX: u64 = 12 << 20;
    let mut plant = Plant::new();
    let free = folder();
    let (mut writer, shared, mut recorder) = plant.writer(free.path(), 0);
    let before = device_bytes().unwrap();
    for _ in 0..HOUR {
        plant.step(&mut writer, &shared, &mut recorder);
    }
    let wanted = (device_bytes().unwrap() - before) * 24;
    assert!(wanted > DAY_MAX * 3, "without a bound {wanted} bytes a day");
    let thrift = *shared.thrift();
    assert_eq!((thrift.every_ms, thrift.thinned), (0, 0));
    drop((writer, free));

    let folder = folder();
    let (mut writer, shared, mut recorder) = plant.writer(folder.path(), DAY_MAX);
    let before = device_bytes().unwrap();
    let mut spent = vec![0];
    let mut longest_wait = 0;
    for _ in 0..48 * HOUR {
        plant.step(&mut writer, &shared, &mut recorder);
        spent.push(device_bytes().unwrap() - before);
        longest_wait = longest_wait.max(shared.thrift().flush_ms);
    }
    let dearest = (24 * HOUR..spent.len()).map(|i| spent[i] - spent[i - 24 * HOUR]).max().unwrap();
    assert!(dearest <= DAY_MAX, "{dearest} bytes in one day, {DAY_MAX} are its bound");
    assert!(dearest > DAY_MAX / 2, "but what it has is used: {dearest}");
    let thrift = *shared.thrift();
    assert_eq!(thrift.day_bytes_max, DAY_MAX);
    assert!(thrift.day_bytes <= DAY_MAX && thrift.day_bytes > DAY_MAX / 3, "{thrift:?}");
    assert!(thrift.thinned > 0 && thrift.every_ms > 0 && longest_wait >= 30_000, "{thrift:?}, {longest_wait}");
    eprintln!(
        "{wanted} bytes a day wanted, {dearest} written in the dearest, longest wait {longest_wait} ms, {thrift:?}"
    );

    let now = plant.clock.wall();
    recorder.on_stop(now);
    while let Some(batch) = recorder.next_batch() {
        writer.take(batch);
    }
    writer.write().unwrap();
    let mut reader = Reader::new(folder.path().join(FILE_NAME), Calendar::new(TimeZone::UTC), shared);
    let status = reader.work(Stop::new(), |reader| reader.status()).unwrap();
    assert!(status.days_kept().is_some() && status.device_bytes_per_day().is_some(), "{status:?}");
    for (def, last) in plant.tags.iter().zip(&plant.last) {
        let name = def.name.clone();
        let span = Span { from: Timestamp(0), to: Timestamp(now.0 + 1) };
        let mut found = None;
        let read = reader.work(Stop::new(), |reader| {
            reader.records(&name, span, &mut |_, point| {
                if let Point::Value(number) = point {
                    found = Some(number.as_i64());
                }
                std::ops::ControlFlow::Continue(())
            })
        });
        assert!(read.unwrap());
        assert_eq!(found, Some(*last), "{name}: what holds is the truth, however little was kept");
    }
}
