//! The clock jumps about as a seed wants; in the end a time server answers, and each sample must be where it truly was.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use shell::{Clock, ManualClock, Stop};
use tag::{Kind, Reading, TagDef, TagName, Value};

use super::*;
use crate::decimate::Span;
use crate::entry::Point;
use crate::store::StoreConfig;

const SECOND: u64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND as i64;
const TEN_YEARS: i64 = 87_660 * HOUR;
/// What a source says is later than what an empty clock shows.
const SUPPLIED_MIN: u64 = 1_600_000_000 * SECOND;
const START: u64 = 1_790_000_000 * SECOND;

/// Read from a device; a forecast; a script's, stamped by the box; a script's that does both.
const DEVICE: u32 = 0;
const FORECAST: u32 = 1;
const SCRIPT: u32 = 2;
const MIXED: u32 = 3;
const TAGS: u32 = 4;

fn name(no: u32) -> TagName {
    TagName::parse(["device", "forecast", "script", "mixed"][no as usize]).unwrap()
}

/// A box: its clock, what is truly the time, and the daemon's parts.
struct Plant {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    /// What the wall clock is wrong by, in µs.
    wrong: i64,
    boots: u32,
    store: Option<Store>,
    stamps: Stamps,
    recorder: Recorder,
    count: u64,
    /// By tag and value: when that truly was, and whether nothing but the truth will do.
    said: BTreeMap<(u32, i64), Said>,
    /// The wall clock is off, nobody has said that it is right, and the daemon takes it for right.
    is_deceived: bool,
}

#[derive(Debug, Clone, Copy)]
struct Said {
    truth: u64,
    is_exact: bool,
}

fn open(folder: &Path, clock: &Arc<ManualClock>) -> (Store, Stamps, Recorder) {
    let tags: Vec<_> = (0..TAGS).map(|no| (name(no), Kind::Int)).collect();
    let config = StoreConfig { own: vec![TagNo(DEVICE)], ..StoreConfig::new(folder.into(), tags) };
    let shared: SharedClock = clock.clone();
    let store = Store::open(config, shared.clone()).unwrap();
    let stamps = Stamps::new(&shared, &store, vec![true, false, false, false]);
    let defs: Vec<_> = (0..TAGS).map(|no| TagDef::new(name(no), Kind::Int)).collect();
    let now = stamps.keeper.present(clock.now());
    (store, stamps, Recorder::new(&defs, now))
}

impl Plant {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp(START));
        clock.set_boot("0");
        let (store, stamps, recorder) = open(folder.path(), &clock);
        let said = BTreeMap::new();
        Self {
            folder,
            clock,
            wrong: 0,
            boots: 0,
            store: Some(store),
            stamps,
            recorder,
            count: 0,
            said,
            is_deceived: false,
        }
    }

    fn truth(&self) -> u64 {
        self.clock.wall().0.saturating_add_signed(-self.wrong)
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn step(&mut self, wrong: i64, trust: Trust) {
        let truth = self.truth();
        self.wrong = wrong.max(-(truth as i64) + 5_000_000);
        self.clock.step_wall(Timestamp(truth.saturating_add_signed(self.wrong)));
        self.clock.set_trust(trust);
    }

    fn advance(&mut self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn look(&mut self) -> (Now, Timestamp) {
        let shared: SharedClock = self.clock.clone();
        let store = self.store.as_ref().unwrap();
        self.stamps.look(&shared, &mut self.recorder, store)
    }

    /// The box's clock was read for it.
    fn stamp(&mut self, tag: u32) {
        self.give(tag, self.clock.wall(), self.truth(), Whose::Box);
    }

    /// Its source says when it is.
    fn supply(&mut self, tag: u32, at: u64) {
        self.give(tag, Timestamp(at), at, Whose::Source);
    }

    fn give(&mut self, tag: u32, at: Timestamp, truth: u64, whose: Whose) {
        self.count += 1;
        let value = self.count as i64;
        let mut sample = Sample { at, reading: Reading::Good(Value::Int(value)) };
        let (now, kept) = self.look();
        // What it takes for right may be found out later; what came before a restart, not always.
        self.is_deceived = self.stamps.keeper.is_known() && self.wrong != 0;
        sample.at = self.stamps.place(now, TagNo(tag), &sample, whose).unwrap();
        self.recorder.on_placed(kept, TagNo(tag), &sample);
        self.said.insert((tag, value), Said { truth, is_exact: true });
    }

    fn flush(&mut self) {
        let store = self.store.as_ref().unwrap();
        while !self.stamps.tell(store) {
            std::thread::yield_now();
        }
        while let Some(batch) = self.recorder.next_batch() {
            let mut batch = batch;
            while let Err(back) = store.record(batch) {
                batch = back;
                std::thread::yield_now();
            }
        }
    }

    /// The process ends; what a deceived clock stamped before is beyond exact correction.
    fn restart(&mut self, is_boot: bool) {
        self.flush();
        let store = self.store.take().unwrap();
        self.stamps.tell_all(&store);
        store.close(Vec::new());
        for ((tag, _), said) in &mut self.said {
            said.is_exact &= *tag == FORECAST;
        }
        if is_boot {
            self.boots += 1;
            let truth = self.truth() + 60 * SECOND;
            self.clock = ManualClock::at(Timestamp(truth.saturating_add_signed(self.wrong)));
            self.clock.set_boot(&self.boots.to_string());
        }
        let (store, stamps, recorder) = open(self.folder.path(), &self.clock);
        (self.store, self.stamps, self.recorder) = (Some(store), stamps, recorder);
    }

    /// Who asks for the last second by the clock, right or wrong, finds what was stamped just now.
    fn sees_the_newest(&mut self) {
        self.stamp(DEVICE);
        self.flush();
        let (now, _) = self.look();
        self.store().set_unset_clock(self.stamps.unset(now));
        let found = self.records(DEVICE, Timestamp(now.wall.0 - SECOND), Timestamp(now.wall.0 + 1));
        let value = self.count as i64;
        assert!(found.iter().any(|(_, of)| *of == value), "{value} isn't in the last second: {found:?}");
    }

    fn records(&self, tag: u32, from: Timestamp, to: Timestamp) -> Vec<(u64, i64)> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reading = self.store().read(Stop::new(), move |reader| {
            let mut found = Vec::new();
            reader.records(&name(tag), Span { from, to }, &mut |at, point| {
                if let Point::Value(number) = point {
                    found.push((at.0, number.as_i64()));
                }
                ControlFlow::Continue(())
            })?;
            Ok(found)
        });
        runtime.block_on(reading).unwrap()
    }

    /// A time server answers; then everything is where it belongs.
    fn settle(&mut self) {
        self.step(0, Trust::Unset);
        self.look();
        self.step(0, Trust::Synchronised);
        self.advance(1);
        self.look();
        assert!(self.stamps.keeper.is_known());
        self.flush();
        #[allow(clippy::disallowed_methods, reason = "a test looks at the machine's own clock for its deadline")]
        let now = Instant::now;
        let deadline = now() + Duration::from_secs(30);
        while let Err(wrong) = self.is_right() {
            assert!(now() < deadline, "{wrong}");
            self.flush();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Every value is there, where it truly was if that can be known, and nothing of the device's lies in the future.
    fn is_right(&self) -> Result<(), String> {
        let now = self.clock.wall().0;
        for tag in 0..TAGS {
            let found = self.records(tag, Timestamp(0), Timestamp(u64::MAX));
            if let Some((at, value)) = found.iter().find(|(at, _)| tag == DEVICE && *at > now) {
                return Err(format!("{value} of the device is {} µs in the future", at - now));
            }
            for ((_, value), said) in self.said.iter().filter(|((of, _), _)| *of == tag) {
                // A value may be there twice: at its own time, and where it was said to hold again.
                let off = found.iter().filter(|(_, of)| of == value).map(|(at, _)| at.abs_diff(said.truth)).min();
                let off = off.ok_or(format!("{value} of tag {tag} is lost"))?;
                if said.is_exact && off >= 1000 {
                    return Err(format!("{value} of tag {tag} is {off} µs off"));
                }
            }
        }
        Ok(())
    }
}

fn round(seed: u64) {
    eprintln!("FOREBAY_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut plant = Plant::new();
    let first = [Trust::Unset, Trust::Kept, Trust::Synchronised][rng.random_range(0..3)];
    if first == Trust::Unset {
        plant.step(i64::MIN / 2, Trust::Unset);
    } else {
        plant.step(0, first);
    }
    plant.restart(true);
    plant.clock.set_trust(first);
    for _ in 0..rng.random_range(20..120) {
        match rng.random_range(0..20) {
            0..9 => {
                plant.stamp(DEVICE);
                plant.stamp(SCRIPT);
                plant.stamp(MIXED);
            }
            9..12 => {
                // About the truth or about what the clock shows, and often a time that a clock has shown.
                let about = if rng.random_bool(0.5) { plant.truth() } else { plant.clock.wall().0 };
                let far = [60, 10_000, 200_000][rng.random_range(0..3)];
                let off = rng.random_range(-far..=far) * SECOND as i64;
                // At a µs of its own: the last one given for a time would win.
                let at =
                    about.saturating_add_signed(off).max(SUPPLIED_MIN) / SECOND * SECOND + 1 + plant.count % SECOND;
                plant.supply([FORECAST, MIXED][rng.random_range(0..2)], at);
            }
            12..14 => plant.flush(),
            14 => plant.sees_the_newest(),
            15..17 if !plant.is_deceived => {
                let wrongs = [-HOUR, 2 * HOUR, TEN_YEARS, -TEN_YEARS, -17, 5 * SECOND as i64, i64::MIN / 2];
                let wrong = wrongs[rng.random_range(0..wrongs.len())];
                let trust = if wrong < -HOUR { Trust::Unset } else { Trust::Kept };
                plant.step(wrong, trust);
            }
            15..18 => plant.step(0, Trust::Synchronised),
            18 if rng.random_bool(0.3) => plant.restart(rng.random_bool(0.5)),
            _ => {}
        }
        plant.advance(rng.random_range(1..40));
        plant.look();
    }
    plant.settle();
    plant.store.take().unwrap().close(Vec::new());
}

#[test]
fn however_the_clock_jumps_each_sample_ends_where_it_was() {
    let given = std::env::var("FOREBAY_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
    eprintln!("FOREBAY_SEED={seed}");
    let rounds = if std::env::var("FOREBAY_SOAK").is_ok_and(|long| long == "1") { 500 } else { 12 };
    for i in 0..rounds {
        round(seed.wrapping_add(i));
    }
}
