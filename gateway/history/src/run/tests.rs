use link::{Asker, LinkConfig, RequestId};
use shell::{ManualClock, Trust};
use tag::{Reading, TagName, Value};

use super::*;
use crate::error::StoreError;

pub(super) fn config(folder: &std::path::Path) -> Config {
    let name = |name| TagName::parse(name).unwrap();
    let tags = vec![TagDef::new(name("level"), Kind::Float)];
    Config {
        folder: folder.join("deep/history"),
        rta_tag: name("__history__"),
        tags,
        flush: Duration::from_millis(5),
        keep_bytes: u64::MAX,
        day_bytes_max: 0,
        zone: jiff::tz::TimeZone::UTC,
        own: vec![false],
    }
}

pub(super) fn link(folder: &std::path::Path) -> Link {
    Link::new(LinkConfig { socket: folder.join("no-bus"), module: "history".into() })
}

/// No bus at all: the daemon comes up, waits, and ends within its grace when told, having marked the time nobody
/// recorded.
#[tokio::test]
async fn without_a_bus_it_waits_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, stop) = (ManualClock::at(Timestamp(1_700_000_000_000_000)), Stop::new());
    let database = folder.path().join("deep/history/history.sqlite");
    let running = run(config(folder.path()), link(folder.path()), clock, stop.clone(), Notify::from_env());
    let stopping = async {
        while !database.exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        stop.cancel();
    };
    let both = async { tokio::join!(running, stopping).0 };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("it ends").expect("cleanly");
    let marks = rusqlite::Connection::open(&database).unwrap();
    let count = marks.query_row("SELECT count(*) FROM log", [], |row| row.get::<_, i64>(0));
    assert_eq!(count, Ok(1));
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(Timestamp(1_700_000_000_000_000));
    let stopped = Stop::new();
    stopped.cancel();
    let notify = Notify::from_env();
    run(config(folder.path()), link(folder.path()), clock.clone(), stopped.clone(), notify).await.unwrap();
    let database = folder.path().join("deep/history/history.sqlite");
    rusqlite::Connection::open(&database).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let refused = run(config(folder.path()), link(folder.path()), clock, stopped, notify).await;
    assert!(matches!(refused, Err(RunError::Open(StoreError::Newer { found: 7, .. }))), "{refused:?}");
}

/// A sample and right behind it a question, before any tick: the answer ends with the sample.
#[tokio::test]
async fn an_answer_has_what_was_recorded_before_the_question() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(Timestamp(1_700_000_000_000_000));
    let shared: SharedClock = clock.clone();
    let (mut link, stop) = (link(folder.path()), Stop::new());
    // Nothing is flushed meanwhile: it is seen before it is durable.
    let config = Config { flush: Duration::from_secs(3600), ..config(folder.path()) };
    let store = open(&config, &shared).await.unwrap();
    let mut daemon = Daemon::new(config, store, shared.clone(), &mut link, &stop);
    for n in 1..=100_i64 {
        clock.advance(Duration::from_millis(10));
        let sample = Sample { at: shared.wall(), reading: Reading::Good(Value::Int(n)) };
        daemon.on_event(Event::Sample(daemon.handles[0], sample), &mut link);
        let question = Value::Json(r#"{"tagname":"level","start_us":0,"end_us":-1,"__rta_id__":7}"#.into());
        let asked = Event::Ask { id: RequestId(1), tag: Handle(0), question, by: Asker::Protocol1 };
        daemon.on_event(asked, &mut link);
        let (_, values) = daemon.asked.next().await.unwrap();
        let Value::Bytes(records) = &values[0] else { panic!("{values:?}") };
        assert_eq!(records.len(), 6 + 16 * n as usize);
        assert_eq!(records[records.len() - 8..], (n as f64).to_be_bytes(), "the last one");
    }
    daemon.close().await;
}

/// A clock that is an hour behind and nobody vouches for; a forecast for a time that this clock is about to show, and a
/// stamp of it. A time server answers: the stamp moves, the forecast doesn't.
#[tokio::test]
async fn a_source_s_own_time_stays_where_it_is_when_the_clock_is_set() {
    const NOON: u64 = 1_790_000_000_000_000;
    const MINUTE: u64 = 60_000_000;
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(Timestamp(NOON));
    clock.set_trust(Trust::Unset);
    clock.set_boot("one");
    let shared: SharedClock = clock.clone();
    let (mut link, stop) = (link(folder.path()), Stop::new());
    let config = config(folder.path());
    let store = open(&config, &shared).await.unwrap();
    let mut daemon = Daemon::new(config, store, shared.clone(), &mut link, &stop);
    let sample = |at: u64, n: i64| Sample { at: Timestamp(at), reading: Reading::Good(Value::Int(n)) };
    let level = daemon.handles[0];
    daemon.on_event(Event::SourceTimed(level, sample(NOON + MINUTE, 1)), &mut link);
    clock.advance(Duration::from_secs(120));
    daemon.on_event(Event::Sample(level, sample(NOON + 2 * MINUTE, 2)), &mut link);
    daemon.on_event(Event::SourceTimed(level, sample(NOON + MINUTE + 7, 3)), &mut link);
    daemon.on_tick().unwrap();
    clock.step_wall(Timestamp(NOON + 62 * MINUTE));
    clock.set_trust(Trust::Synchronised);
    let wanted = [(NOON + MINUTE, 1), (NOON + MINUTE + 7, 3), (NOON + 62 * MINUTE, 2)];
    let settled = async {
        loop {
            daemon.on_tick().unwrap();
            let question = Value::Json(r#"{"tagname":"level","start_us":0,"end_us":-1,"__rta_id__":7}"#.into());
            let asked = Event::Ask { id: RequestId(1), tag: Handle(0), question, by: Asker::Protocol1 };
            daemon.on_event(asked, &mut link);
            let (_, values) = daemon.asked.next().await.unwrap();
            let Value::Bytes(answer) = &values[0] else { panic!("{values:?}") };
            let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap());
            let record = |record: &[u8]| (number(&record[..8]), f64::from_bits(number(&record[8..])) as i64);
            let found: Vec<_> = answer[6..].chunks_exact(16).map(record).collect();
            if wanted.iter().all(|record| found.contains(record)) {
                return;
            }
            eprintln!("{found:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), settled).await.expect("each where it belongs");
    daemon.close().await;
}
