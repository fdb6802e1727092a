//! The history beside pymscada's and a plain SQLite table: bytes, rate of taking in, time of answering, memory.

use serde_json::Value;

use crate::Bench;
use crate::fail::{Doing, Fail};
use crate::past::{Asking, Engine, SIGNALS, ask};
use crate::report::{Aim, Row, Unit};

/// Tags with a sample a second each, how often they are made durable, and for how long.
const RATES: [u64; 4] = [8, 80, 500, 5000];
const FLUSHES_S: [u64; 3] = [1, 10, 60];
/// Twice as long as a chunk takes to be full; where there are many tags, half of that is enough, and they are full sooner.
const SECONDS: u64 = 1800;
const SECONDS_MANY: u64 = 600;
/// Less of a table, which writes a page for nearly each sample and would write gigabytes.
const TABLE_LESS: u64 = 6;
/// How long ago the longest record begins.
const DAYS: u64 = 365;
/// The same where a year takes too long: in a table, whose index finds the last hour of any time as soon, and in a hurry.
const DAYS_SHORT: u64 = 45;

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let mut rows = kinds(bench)?;
    rows.extend(rates(bench)?);
    rows.extend(questions(bench)?);
    Ok(rows)
}

/// A day of each kind of signal.
fn kinds(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let row = |what: String, aim| Row::new(what, Unit::Bytes, aim);
    let mut mix = row("history, bytes on disk per sample: all five".into(), Aim::Below(2.0));
    let (mut disk, mut written) = (Vec::new(), Vec::new());
    for (number, signal) in SIGNALS.iter().enumerate() {
        disk.push(row(format!("… {signal}"), Aim::Nothing));
        written.push(row(format!("history, bytes written per sample: {signal}"), Aim::Nothing));
        let words = ["kind".to_owned(), number.to_string()];
        let (disk, written) = (disk.last_mut().expect("pushed"), written.last_mut().expect("pushed"));
        each(
            bench,
            |_| words.to_vec(),
            |engine, said| {
                cell(disk, engine).push(figure(said, "disk")?);
                cell(written, engine).push(figure(said, "written")?);
                Ok(())
            },
        )?;
    }
    for engine in [Engine::Forebay, Engine::Pymscada, Engine::Table] {
        let all: Vec<f64> = disk.iter_mut().flat_map(|row| cell(row, engine).clone()).collect();
        if all.len() == SIGNALS.len() {
            cell(&mut mix, engine).push(all.iter().sum::<f64>() / all.len() as f64);
        }
    }
    Ok([vec![mix], disk, written].concat())
}

/// What is written, by how much comes and how often it is made durable. pymscada writes a thousand records of a tag at once,
/// however long they take to come, and syncs none: its figure is that of a kind.
fn rates(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let mut rows = Vec::new();
    for tags in RATES {
        for every in FLUSHES_S {
            let aim = if (tags, every) == (500, 10) { Aim::Below(12.0) } else { Aim::Nothing };
            let what = format!("history, bytes written per sample: {tags} samples/s, a flush every {every} s");
            let mut row = Row::new(what, Unit::Bytes, aim);
            let seconds = if tags > 1000 || bench.quick { SECONDS_MANY } else { SECONDS };
            for (engine, seconds) in [(Engine::Forebay, seconds), (Engine::Table, seconds / TABLE_LESS)] {
                let words = ["rate".to_owned(), tags.to_string(), every.to_string(), seconds.to_string()];
                let said = ask(bench, engine, &words)?.doing("an engine is missing")?;
                cell(&mut row, engine).push(figure(&said, "written")?);
            }
            rows.push(row);
        }
    }
    Ok(rows)
}

/// A record of a year, with more tags towards its end.
fn questions(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let days = if bench.quick { DAYS_SHORT } else { DAYS };
    let mut ingest =
        Row::new("history, samples into the store (pymscada: into memory)", Unit::PerSecond, Aim::AtLeast(500_000.0));
    let mut memory = Row::new("history, RSS meanwhile, trends included", Unit::Megabytes, Aim::Below(12.0));
    let asking = |asking: &Asking| {
        let aim = match asking.name {
            "day of 8, 800 columns" => Aim::Below(5e3),
            "30 days of 4, 800 columns" => Aim::Below(20e3),
            "last hour" => Aim::Below(2e3),
            _ => Aim::Nothing,
        };
        let of = if asking.name == "last hour" { format!(" of {days} days") } else { String::new() };
        Row::new(format!("history, {}{of}", asking.name), Unit::Micros, aim)
    };
    let mut asked: Vec<Row> = Asking::ALL.iter().map(asking).collect();
    let words = |engine| {
        let days = if engine == Engine::Table { DAYS_SHORT } else { days };
        vec!["questions".to_owned(), days.to_string()]
    };
    each(bench, words, |engine, said| {
        cell(&mut ingest, engine).push(figure(said, "ingest")?);
        cell(&mut memory, engine).push(figure(said, "rss_mb")?);
        for (row, asking) in asked.iter_mut().zip(Asking::ALL) {
            let times = said[asking.name].as_array().doing(asking.name)?;
            cell(row, engine).extend(times.iter().filter_map(Value::as_f64));
        }
        Ok(())
    })?;
    Ok([vec![ingest, memory], asked].concat())
}

/// Lets every engine do it, one after the other.
fn each(
    bench: &Bench,
    words: impl Fn(Engine) -> Vec<String>,
    mut take: impl FnMut(Engine, &Value) -> Result<(), Fail>,
) -> Result<(), Fail> {
    for engine in [Engine::Forebay, Engine::Pymscada, Engine::Table] {
        if let Some(said) = ask(bench, engine, &words(engine))? {
            take(engine, &said)?;
        }
    }
    Ok(())
}

fn cell(row: &mut Row, engine: Engine) -> &mut Vec<f64> {
    match engine {
        Engine::Forebay => &mut row.ours,
        Engine::Pymscada => &mut row.peer,
        Engine::Table => &mut row.bare,
    }
}

fn figure(said: &Value, key: &str) -> Result<f64, Fail> {
    said[key].as_f64().doing(&format!("no {key} in {said}"))
}
