//! The whole plant, stepped: devices, lines, the Modbus daemon, the bus, the window, phones, scripts and a listener,
//! with time in our hands and one seed for everything that happens. What must hold is checked after every event.
//!
//! In: seeds. Out: the first sentence that didn't hold, its seed, step and time. Never: a socket, a clock of the
//! machine, a wait. The parts are the real ones, down to the bytes between them; what stands around them here
//! (`hands`, `window`, `port`) does what the daemons' own loops do.
//!
//! One world: `world` (calendar, time) · `trouble` (what goes wrong) · `site` (tags) · `wire` (lines) · `truth` (what
//! the plant held) · `hands` (Modbus daemon) · `port` (its way to the bus) · `window`, `phone` · `script` · `ledger`
//! (the listener to everything) · `checks` (what must hold) · `liars` (each check made to speak).
//!
//! `FOREBAY_SEED=0x…` runs one seed; `FOREBAY_SEEDS=n` so many; `FOREBAY_ALOUD=1` says what happens.

mod checks;
mod hands;
mod ledger;
mod liars;
mod phone;
mod port;
mod script;
mod site;
mod trouble;
mod truth;
mod window;
mod wire;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::{RngCore, SeedableRng};
use trouble::RUN;
use world::World;

/// Seeds of the short form, which every run of the tests makes.
const SEEDS: u64 = 500;
/// From which the seeds of an ordinary run are drawn: the same every time, so that a red run stays red.
const FIRST_SEED: u64 = 0x0f0e_ba1d;
/// Threads that run seeds.
const THREADS: usize = 2;

/// Ten simulated minutes of one seed; the sentence that didn't hold.
fn live(seed: u64) -> Result<World, String> {
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed);
        world.run(RUN)?;
        world.check_all_good();
        world.run(RUN + Duration::from_secs(1))?;
        Ok(world)
    }));
    lived.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("something fell over: {}", said.unwrap_or_default()))
    })
}

/// The seeds of this run: one that is asked for, or so many.
fn seeds() -> Vec<u64> {
    let asked = |name: &str| std::env::var(name).ok();
    if let Some(seed) = asked("FOREBAY_SEED") {
        let digits = seed.trim_start_matches("0x");
        return vec![u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{seed:?} is no seed: expected 0x…"))];
    }
    let count = asked("FOREBAY_SEEDS").map_or(SEEDS, |count| count.parse().expect("FOREBAY_SEEDS is a number"));
    let mut rng = rand::rngs::StdRng::seed_from_u64(FIRST_SEED);
    (0..count).map(|_| rng.next_u64()).collect()
}

#[test]
#[allow(clippy::print_stdout, reason = "a run says its seeds")]
fn the_whole_plant_holds_its_promises_whatever_goes_wrong() {
    // Four lines with six devices, bus, daemons, scripts, a fast and a slow phone; every few seconds something goes
    // wrong. Every sentence of `checks` must hold after every event, and everything be good at the end.
    let seeds = seeds();
    println!("{} seeds, from {:#018x} to {:#018x}", seeds.len(), seeds[0], seeds[seeds.len() - 1]);
    let (next, steps, gaps) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let failed: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed) as usize;
                    let Some(&seed) = seeds.get(n) else { return };
                    match live(seed) {
                        Ok(world) => {
                            steps.fetch_add(world.steps, Ordering::Relaxed);
                            gaps.fetch_add(world.gaps, Ordering::Relaxed);
                        }
                        Err(sentence) => {
                            let again = format!("FOREBAY_SEED={seed:#018x} cargo test -p forebay-tests plant");
                            let line = format!("seed={seed:#018x} {sentence}\n  again: {again}");
                            eprintln!("{line}");
                            failed.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                        }
                    }
                }
            });
        }
    });
    println!("{} steps, {} gap marks", steps.into_inner(), gaps.into_inner());
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} seeds:\n{}", failed.len(), seeds.len(), failed.join("\n"));
}
