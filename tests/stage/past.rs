//! An hour of history in a minute: the plant runs sixty times as fast, and what it did is told to the bus and the
//! history with the times it would have had. For pictures only; no test judges by it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::{Gateway, Line, PATIENCE, Plant, wait_for};

/// Simulated seconds in a second.
pub(crate) const PACE: u64 = 60;
/// How long the plant is watched: an hour of its own.
const WATCHED: Duration = Duration::from_secs(60);
/// Between two of its troubles and repairs, in seconds of the watching.
const STORY: &[(u64, &str)] = &[(12, "trouble leaves"), (30, "trouble trip1"), (34, "poke station 4x:112 1")];
/// The tags of the pictures; those that are whole numbers last.
const FLOATS: &[&str] = &[
    "River_Flow",
    "Intake_Flow",
    "Residual_Flow",
    "Rack_Diff",
    "Forebay_Level",
    "Spill_Flow",
    "Station_Power",
    "Forebay_LevelSet",
    "T1_Power",
    "T2_Power",
];
const INTS: &[&str] = &["T1_State", "T2_State"];

/// A number of the site that isn't in the pictures.
const LAST: &str = "cpu_temp";

const SET: u8 = 2;
const ID: u8 = 1;
const INT: u8 = 1;
const FLOAT: u8 = 2;
const HEADER_BYTES: usize = 14;

/// Watches a fast plant for an hour of its own, then fills the gateway's history with it as if it had just happened.
/// The gateway isn't running afterwards.
pub(crate) fn fill(gateway: &Gateway, plant: &mut Plant) {
    let run = gateway.run();
    let tags: Vec<&str> = FLOATS.iter().chain(INTS).copied().collect();
    let mut watch = gateway.watch(&tags);
    watch.sees_good("Station_Power", PATIENCE);
    let began = Instant::now();
    for (at, what) in STORY {
        sleep(Duration::from_secs(*at).saturating_sub(began.elapsed()));
        plant.say(what);
    }
    sleep(WATCHED.saturating_sub(began.elapsed()));
    let lines = watch.all();
    drop((watch, run));
    let _ = std::fs::remove_dir_all(gateway.folder.join("state/history"));

    let mut bus = gateway.daemon("bus");
    gateway.wait_listening(&mut bus, gateway.site.bus_port);
    let mut line = TcpStream::connect(("127.0.0.1", gateway.site.bus_port)).expect("the bus");
    line.set_read_timeout(Some(PATIENCE)).unwrap();
    let ids: Vec<u16> = tags.iter().map(|tag| id_of(&mut line, tag)).collect();
    let now = micros(UNIX_EPOCH.elapsed().expect("after 1970"));
    let mut tell = |seen: &Line, ago: Duration| {
        let (number, place) = (seen.number()?, tags.iter().position(|tag| *tag == seen.tag)?);
        send(&mut line, SET, ids[place], now - micros(ago) * PACE, &value(tags[place], number));
        Some(())
    };
    // A value of each tag is there before the history looks: then nothing was ever unknown.
    for tag in &tags {
        lines.iter().find(|seen| seen.tag == *tag && seen.is_good()).and_then(|seen| tell(seen, WATCHED));
    }
    let mut history = gateway.daemon("history");
    gateway.wait_owner("__history__", "history");
    for seen in lines.iter().filter(|seen| seen.is_good()) {
        // Seconds before the end of the watching, as long as they were for the plant.
        tell(seen, WATCHED.saturating_sub(seen.seen.saturating_duration_since(began)));
    }
    // Everything passes in order: once this one can be asked for, all that came before it is kept.
    let marker = id_of(&mut line, LAST);
    send(&mut line, SET, marker, now, &value(LAST, 1.0));
    let mut www = gateway.daemon("www");
    gateway.wait_page(&mut www);
    let browser = gateway.browser();
    wait_for("the past in the history", PATIENCE, || browser.trend(LAST, 600_000).0, |points| *points > 0);
    for daemon in [&mut www, &mut history, &mut bus] {
        daemon.term();
        daemon.wait(PATIENCE);
    }
    forget_since(gateway, now);
}

/// The history noted for each value that it was told late, so it holds now. In this story it was told in time.
fn forget_since(gateway: &Gateway, since: u64) {
    let span = history::Span { from: tag::Timestamp(since + 1), to: tag::Timestamp(u64::MAX) };
    history::erase(&gateway.folder.join("state/history"), span).expect("the history is there");
}

/// A number as the bus carries it.
fn value(tag: &str, number: f64) -> Vec<u8> {
    match INTS.contains(&tag) {
        true => [&[INT][..], &(number as i64).to_be_bytes()].concat(),
        false => [&[FLOAT][..], &number.to_be_bytes()].concat(),
    }
}

fn micros(span: Duration) -> u64 {
    span.as_micros().try_into().expect("not that far")
}

fn send(line: &mut TcpStream, command: u8, id: u16, time_us: u64, payload: &[u8]) {
    let size = u16::try_from(payload.len()).expect("short");
    let frame = [&[1, command][..], &id.to_be_bytes(), &size.to_be_bytes(), &time_us.to_be_bytes(), payload].concat();
    line.write_all(&frame).expect("the bus takes it");
}

/// The id of a tag, made where it is new.
fn id_of(line: &mut TcpStream, tag: &str) -> u16 {
    send(line, ID, 0, 0, tag.as_bytes());
    loop {
        let mut header = [0; HEADER_BYTES];
        line.read_exact(&mut header).expect("a header");
        let mut payload = vec![0; usize::from(u16::from_be_bytes([header[4], header[5]]))];
        line.read_exact(&mut payload).expect("a payload");
        if header[1] == ID && payload == tag.as_bytes() {
            return u16::from_be_bytes([header[2], header[3]]);
        }
    }
}
