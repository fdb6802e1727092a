//! Fast phones, slow phones, sleeping phones.

use std::time::Instant;

use futures_util::StreamExt;
use link::{Event, Handle};
use serde_json::json;
use shell::{Clock, SystemClock};
use tag::{Reading, Sample, Timestamp, Uptime, Value};
use tokio::time::{Duration, sleep};

use super::stage::{Folders, LEVEL, MODE, Window, soon};

fn now() -> Instant {
    SystemClock.mono()
}

#[tokio::test]
async fn the_first_reading_goes_at_once_and_a_burst_shares_messages() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let mut phone = window.phone_at_ease().await;
    phone.says(&json!({"t": "watch", "tags": [LEVEL]})).await;
    phone.hears_of("tags").await;
    // On a quiet machine some 60 µs. One that waits for a pause does so every time; a busy machine has its moments.
    let mut tries = Vec::new();
    while tries.last().is_none_or(|quarter| *quarter >= Duration::from_millis(10)) {
        assert!(tries.len() < 5, "{tries:?}");
        let mut took = Vec::new();
        for round in 1..=40 {
            // Longer than the pause of a busy socket: each of these is a first one.
            sleep(Duration::from_millis(25)).await;
            let started = now();
            window.sample(LEVEL, f64::from(round)).await;
            assert_eq!(phone.hears_of("tags").await["v"][0][3], json!(round));
            took.push(started.elapsed());
        }
        took.sort_unstable();
        eprintln!("bus event → WebSocket on one thread: p50 {:?}, p90 {:?}", took[20], took[36]);
        tries.push(took[took.len() / 4]);
    }

    let started = now();
    let (mut messages, mut last) = (0, 0);
    for round in 0..20_000 {
        window.sample(LEVEL, f64::from(round)).await;
    }
    while last != 19_999 {
        last = phone.hears_of("tags").await["v"][0][3].as_u64().unwrap();
        messages += 1;
    }
    let pauses = started.elapsed().as_millis() / 20;
    assert!(messages <= pauses + 2, "{messages} messages in {pauses} pauses");
    window.close().await;
}

#[tokio::test]
async fn a_phone_that_does_not_read_delays_nobody_and_then_sees_the_latest() {
    // One phone stops reading while large values change; the other must hear each change; then the first reads again.
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let (mut slow, mut quick) = (window.phone_at_ease().await, window.phone_at_ease().await);
    slow.says(&json!({"t": "watch", "tags": [LEVEL, MODE]})).await;
    quick.says(&json!({"t": "watch", "tags": [LEVEL]})).await;
    slow.hears_of("tags").await;
    quick.hears_of("tags").await;
    for round in 0..150 {
        let large = format!("{round} {}", "x".repeat(100_000));
        let sample = Sample { at: Timestamp(0), reading: Reading::Good(Value::Text(large.into())) };
        window.events.send(Event::Sample(Handle(MODE), sample)).await.unwrap();
        window.sample(LEVEL, f64::from(round)).await;
        while quick.hears_of("tags").await["v"][0][3] != json!(round) {}
    }
    let mut messages = 0;
    soon("the slow phone is up to date", async {
        let (mut level, mut mode) = (false, false);
        while !(level && mode) {
            messages += 1;
            for reading in slow.hears_of("tags").await["v"].as_array().unwrap() {
                level |= reading[3] == json!(149);
                mode |= reading[3].as_str().is_some_and(|text| text.starts_with("149 "));
            }
        }
    })
    .await;
    assert!(messages < 100, "detail was left out: {messages} messages for 300 changes");
    window.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_quiet_socket_beats_and_a_sleeping_phone_is_given_up() {
    use super::stage::config;
    // Time flies while nobody does anything; the window's clock flies with it.
    struct Flying(tokio::time::Instant, Instant);
    impl Clock for Flying {
        fn mono(&self) -> Instant {
            self.1 + self.0.elapsed()
        }
        fn wall(&self) -> Timestamp {
            Timestamp::from_ms(1_700_000_000_000 + self.0.elapsed().as_millis() as u64)
        }
        fn uptime(&self) -> Uptime {
            Uptime(1_000_000).after(self.0.elapsed())
        }
    }
    let clock = std::sync::Arc::new(Flying(tokio::time::Instant::now(), now()));
    let folders = Folders::new();
    let window = Window::open_with(config(&folders), &folders, clock).await;
    let mut phone = window.phone_at_ease().await;
    let started = tokio::time::Instant::now();
    for beat in 1..=10 {
        assert_eq!(phone.hears().await["t"], "beat");
        let gap = started.elapsed().as_secs_f64() / f64::from(beat);
        assert!((1.9..2.6).contains(&gap), "a beat each 2 s, not {gap} s");
    }
    // Reading answers the gateway's pings: still there after two minutes.
    while started.elapsed() < Duration::from_secs(120) {
        assert_eq!(phone.hears().await["t"], "beat");
    }
    // From now on it sleeps: nothing read, so no ping answered. What is read when it wakes ends with the close.
    sleep(Duration::from_secs(100)).await;
    let mut beats = 0;
    while let Some(Ok(frame)) = phone.socket.next().await {
        beats += u32::from(frame.is_text());
        if frame.is_close() {
            break;
        }
    }
    // It was last heard up to 17 s before it fell asleep.
    assert!((12..=24).contains(&beats), "{beats} beats until it was given up, 45 s after it was last heard");
    window.close().await;
}

#[tokio::test]
async fn more_pages_than_there_is_room_for_are_told_to_try_later() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let cookie = window.let_in().await;
    let mut phones = Vec::new();
    for _ in 0..64 {
        let mut phone = window.phone(&cookie).await;
        phone.hears_of("plant").await;
        phones.push(phone);
    }
    assert_eq!(window.phone(&cookie).await.is_closed().await, 1013);
    drop(phones.pop());
    soon("room again", async {
        loop {
            let mut phone = window.phone(&cookie).await;
            if let Some(Ok(frame)) = phone.socket.next().await {
                if frame.is_text() {
                    break;
                }
            }
        }
    })
    .await;
    window.close().await;
}
