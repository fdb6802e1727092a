//! Measures Forebay beside pymscada and, where it says something, beside a bare relay: all in the same run, in turns,
//! so that whatever else the machine does falls on all of them.
//!
//! In: the release binaries beside this one, pymscada in a Python venv. Out: a Markdown table of medians and ratios.
//! Never: passes or fails; a figure that misses its aim says so and the run goes on.

#![allow(clippy::disallowed_methods, reason = "a stopwatch reads the real clock")]

mod chain;
mod client;
mod fail;
mod forebay;
mod load;
mod machine;
mod measure;
mod past;
mod plc;
mod process;
mod pymscada;
mod relay;
mod report;
mod site;
mod stats;
mod wakes;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::fail::Fail;
use crate::report::Row;

/// Measures Forebay beside pymscada.
#[derive(Debug, Parser)]
struct Args {
    /// Measure only this; may be said several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Fewer and shorter rounds: for whoever changes something and wants to see the direction.
    #[arg(long)]
    quick: bool,
    /// The Python that has pymscada; without it the peer's columns stay empty.
    #[arg(long, value_name = "PYTHON")]
    python: Option<PathBuf>,
    /// The checkout.
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Also write the table to this file.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Be the bare relay that others are measured against.
    #[arg(long, hide = true)]
    relay: bool,
    /// Be the first of the bare chain from a PLC to a subscriber.
    #[arg(long, hide = true, num_args = 4)]
    chain: Vec<String>,
    /// Be the second.
    #[arg(long, hide = true)]
    pass: bool,
    /// Be one that keeps samples.
    #[arg(long, hide = true, num_args = 3..)]
    past: Vec<String>,
}

/// What all measurements share.
struct Bench {
    /// The folder of `forebay` and `forebay-sim`.
    bin: PathBuf,
    root: PathBuf,
    python: Option<PathBuf>,
    quick: bool,
}

impl Bench {
    /// How many rounds a median is made of.
    fn rounds(&self, usual: usize) -> usize {
        if self.quick { usual.min(3) } else { usual }
    }
}

type Measurement = fn(&Bench) -> Result<Vec<Row>, Fail>;

const MEASUREMENTS: [(&str, Measurement); 11] = [
    ("latency", measure::latency::run),
    ("throughput", measure::throughput::run),
    ("stalled", measure::stalled::run),
    ("window", measure::window::run),
    ("modbus", measure::modbus::run),
    ("answer", measure::answer::run),
    ("history", measure::history::run),
    ("start", measure::start::run),
    ("memory", measure::memory::run),
    ("page", measure::page::run),
    ("chromium", measure::chromium::run),
];

#[allow(clippy::print_stdout, reason = "the table is what this program is for")]
fn main() -> ExitCode {
    let args = Args::parse();
    if args.relay {
        return relay::serve();
    }
    if args.pass {
        return chain::pass();
    }
    if !args.chain.is_empty() {
        return chain::read(&args.chain);
    }
    if !args.past.is_empty() {
        return match past::be(&args.past) {
            Ok(said) => {
                println!("{said}");
                ExitCode::SUCCESS
            }
            Err(why) => {
                eprintln!("bench: {why}");
                ExitCode::FAILURE
            }
        };
    }
    if let Some(stranger) = args.only.iter().find(|name| MEASUREMENTS.iter().all(|(known, _)| known != name)) {
        let known: Vec<&str> = MEASUREMENTS.iter().map(|(name, _)| *name).collect();
        eprintln!("bench: nothing is called {stranger}; there is {}", known.join(", "));
        return ExitCode::from(2);
    }
    let Some(bin) = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_path_buf())) else {
        eprintln!("bench: where this program lies is not known");
        return ExitCode::FAILURE;
    };
    let bench = Bench { bin, root: args.root, python: args.python, quick: args.quick };
    let load = machine::load();
    let (mut rows, mut failed) = (Vec::new(), false);
    for (name, measure) in MEASUREMENTS {
        if !args.only.is_empty() && !args.only.iter().any(|only| only == name) {
            continue;
        }
        eprintln!("bench: {name}");
        match measure(&bench) {
            Ok(new) => rows.extend(new),
            Err(why) => {
                failed = true;
                eprintln!("bench: {name} could not be measured: {why}");
                rows.push(Row::failed(name));
            }
        }
    }
    let facts = format!("{}; load average {load} at the start, {} at the end", machine::facts(), machine::load());
    let text = report::text(&facts, &rows);
    println!("{text}");
    if let Some(path) = &args.write {
        if let Err(error) = std::fs::write(path, text) {
            eprintln!("bench: writing {}: {error}", path.display());
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
