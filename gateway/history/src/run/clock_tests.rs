//! What is asked by a clock that nobody vouches for.

use link::{Asker, RequestId};
use serde_json::json;
use shell::ManualClock;
use tag::{Reading, Value};

use super::tests::{config, link};
use super::*;

const SECOND: u64 = 1_000_000;
const NOON: u64 = 1_790_000_000 * SECOND;
const DAY: u64 = 86_400 * SECOND;

struct Box {
    clock: std::sync::Arc<ManualClock>,
    link: Link,
    daemon: Daemon,
}

impl Box {
    async fn boot(folder: &std::path::Path, wall: u64, boot: &str) -> Self {
        let clock = ManualClock::at(Timestamp(wall));
        clock.set_boot(boot);
        let shared: SharedClock = clock.clone();
        let (mut link, stop) = (link(folder), Stop::new());
        let config = Config { own: vec![true], ..config(folder) };
        let store = open(&config, &shared).await.unwrap();
        let daemon = Daemon::new(config, store, shared, &mut link, &stop);
        Self { clock, link, daemon }
    }

    /// A second later the level is this.
    async fn sample(&mut self, x: f64) {
        self.clock.advance(Duration::from_secs(1));
        let sample = Sample { at: self.daemon.clock.wall(), reading: Reading::Good(Value::Float(x)) };
        self.daemon.on_event(Event::Sample(self.daemon.handles[0], sample), &mut self.link);
        let settled = async {
            loop {
                self.daemon.on_tick().unwrap();
                if self.daemon.recorder.waiting() == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), settled).await.expect("the store takes it");
    }

    async fn ask(&mut self, question: serde_json::Value) -> Value {
        let question = Value::Json(question.to_string().into());
        let asked = Event::Ask { id: RequestId(1), tag: Handle(0), question, by: Asker::Protocol2 };
        self.daemon.on_event(asked, &mut self.link);
        self.daemon.asked.next().await.unwrap().1.remove(0)
    }

    /// The points of a trend: ms from noon on, `None` is a gap.
    async fn trend(&mut self, from: u64, to: u64) -> Vec<(i64, Option<f64>)> {
        let question = json!({"tags": ["level"], "from_ms": from / 1000, "to_ms": to / 1000, "columns": 800});
        let Value::Bytes(answer) = self.ask(json!({ "trend": question })).await else { panic!("no trend") };
        let points = u32::from_le_bytes(answer[24..28].try_into().unwrap()) as usize;
        assert_eq!(answer[28..32], [0; 4], "points, not columns");
        let numbers: Vec<f64> =
            answer[32..].chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect();
        let point = |i: usize| ((numbers[i] - (NOON / 1000) as f64) as i64, Some(numbers[points + i]));
        (0..points).map(point).map(|(at, x)| (at, x.filter(|x| !x.is_nan()))).collect()
    }

    async fn records(&mut self, from: u64, to: u64) -> Vec<(String, serde_json::Value)> {
        let question = json!({"of": "records", "tags": ["level"], "from_us": from, "to_us": to, "as": "json"});
        let Value::Bytes(answer) = self.ask(json!({ "table": question })).await else { panic!("no table") };
        let length = u32::from_le_bytes(answer[..4].try_into().unwrap()) as usize;
        let table: serde_json::Value = serde_json::from_slice(&answer[4 + length..]).unwrap();
        let rows = table["rows"].as_array().unwrap();
        rows.iter().map(|row| (row[0].as_str().unwrap().to_owned(), row[2].clone())).collect()
    }
}

/// A box that recorded until tomorrow noon (its clock was ahead, or its battery died since) and is switched on at noon, as
/// far as it knows. Whoever asks for the last minutes by that clock sees what is recorded now, and nothing else where
/// that lies; where it is filed it is found as well.
#[tokio::test]
async fn the_last_minutes_by_an_unset_clock_have_what_is_recorded_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = Box::boot(folder.path(), NOON - 3 * SECOND, "one").await;
    for x in 101..=105 {
        before.sample(f64::from(x)).await;
    }
    before.clock.advance(Duration::from_secs(86_400));
    before.sample(200.0).await;
    before.daemon.close().await;

    let mut now = Box::boot(folder.path(), NOON, "two").await;
    for x in 1..=10 {
        now.sample(f64::from(x)).await;
    }
    let seen = now.trend(NOON - 60 * SECOND, NOON + 10 * SECOND + 1000).await;
    let was = [(-2000, Some(101.0)), (-1000, Some(102.0)), (0, Some(103.0))];
    let new = (1..=10).map(|s| (s * 1000, Some(s as f64)));
    let values: Vec<_> = seen.iter().copied().filter(|(_, x)| x.is_some()).collect();
    assert_eq!(values, was.into_iter().chain(new).collect::<Vec<_>>(), "{seen:?}");
    assert!(seen.iter().any(|(at, x)| (0..=1000).contains(at) && x.is_none()), "a gap between the two: {seen:?}");

    let seen = now.trend(NOON + 4 * SECOND, NOON + 10 * SECOND).await;
    assert_eq!(seen[..2], [(3000, Some(3.0)), (4000, Some(4.0))], "what held when the span began");
    let seen = now.records(NOON + 2 * SECOND, NOON + 11 * SECOND).await;
    assert_eq!(seen.len(), 9, "the tables say the same: {seen:?}");
    assert_eq!(seen[0].1, 2.0);

    let filed = now.trend(NOON + DAY - 3600 * SECOND, NOON + DAY + 3600 * SECOND).await;
    let values: Vec<_> = filed.iter().filter_map(|(_, x)| *x).collect();
    assert!(values.ends_with(&[200.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]), "{filed:?}");
    let all = now.records(0, NOON + 2 * DAY).await;
    let values: Vec<_> = all.iter().filter_map(|(_, x)| x.as_f64()).collect();
    assert_eq!(values.len(), 16, "all of it, each once: {all:?}");

    // All of it is marked.
    let Value::Json(status) = now.ask(json!({"status": {}})).await else { panic!("no status") };
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let unsure = |ms: u64| {
        let spans = status["uncertain_ms"].as_array().unwrap().iter();
        { spans }.any(|span| (span[0].as_u64().unwrap()..=span[1].as_u64().unwrap()).contains(&ms))
    };
    assert!(unsure(NOON / 1000 + 5000) && !unsure(NOON / 1000 - 5000), "{status}");
    now.daemon.close().await;
}

/// A clock that was ten years ahead, then twelve: more than an era has room for. When a time server is heard all of it is
/// there, once each, in the order it was recorded, and none of it in the future.
#[tokio::test]
async fn what_a_clock_stamped_twelve_years_ahead_is_not_lost() {
    const YEAR: u64 = 365 * DAY;
    let folder = tempfile::tempdir().unwrap();
    let mut ahead = Box::boot(folder.path(), NOON + 10 * YEAR, "one").await;
    for x in 1..=50 {
        ahead.sample(f64::from(x)).await;
    }
    ahead.daemon.close().await;
    let mut ahead = Box::boot(folder.path(), NOON + 12 * YEAR, "two").await;
    for x in 51..=100 {
        ahead.sample(f64::from(x)).await;
    }
    ahead.daemon.close().await;

    let mut now = Box::boot(folder.path(), NOON, "three").await;
    now.sample(101.0).await;
    now.clock.set_trust(shell::Trust::Synchronised);
    now.clock.advance(Duration::from_secs(1));
    let settled = async {
        loop {
            now.daemon.on_tick().unwrap();
            let values: Vec<_> =
                now.records(0, NOON + 3 * SECOND).await.into_iter().filter_map(|(_, x)| x.as_f64()).collect();
            // What was recorded just now is where it was; how far the other clock was ahead, nobody knows.
            let (new, old): (Vec<f64>, Vec<f64>) = values.iter().partition(|x| **x == 101.0);
            if new == [101.0] && old.into_iter().eq((1..=100).map(f64::from)) {
                return;
            }
            eprintln!("{values:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), settled).await.expect("all of it, before now");
    now.daemon.close().await;
}
