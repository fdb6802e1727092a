//! What a page is told, and what it may set.

use std::time::Duration;

use link::{Event, Handle, Outcome};
use serde_json::{Value as Json, json};
use shell::ManualClock;
use tag::{Fault, Reading, Sample, Timestamp, Value};

use super::stage::{Call, Folders, GATE, LEVEL, MODE, Phone, Window, config};

/// The state tag of the stage's device comes after the page's tags and the history's.
const PLC1_STATE: u32 = 4;

fn text(word: &str) -> Sample {
    Sample { at: Timestamp::from_ms(5), reading: Reading::Good(word.into()) }
}

#[tokio::test]
async fn a_phone_is_told_hello_plant_and_what_it_watches() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    window.events.send(Event::Up).await.unwrap();
    window.sample(LEVEL, 1.5).await;
    let cookie = window.let_in().await;
    let mut phone = window.phone(&cookie).await;
    let hello = phone.hears().await;
    assert_eq!(
        (&hello["t"], &hello["tags"][0]["name"], &hello["site"]),
        (&json!("hello"), &json!("level"), &json!("Stage"))
    );
    let plant = phone.hears().await;
    assert_eq!(
        plant,
        json!({"t": "plant", "bus": true, "devices": [
        {"name": "PLC1", "state": "offline", "why": "source not running"}]})
    );
    phone.says(&json!({"t": "watch", "tags": [LEVEL, MODE]})).await;
    let tags = phone.hears_of("tags").await;
    assert_eq!(tags["v"], json!([[LEVEL, 1000, 0, 1.5], [MODE, 0, 2, null, "source not running", 0]]));

    window.sample(GATE, 7.0).await;
    window.sample(LEVEL, 2.0).await;
    assert_eq!(phone.hears_of("tags").await["v"], json!([[LEVEL, 1000, 0, 2]]), "the gate isn't watched");
    window.events.send(Event::Sample(Handle(PLC1_STATE), text("ok"))).await.unwrap();
    assert_eq!(phone.hears_of("plant").await["devices"], json!([{"name": "PLC1", "state": "ok"}]));

    let held =
        Sample { at: Timestamp::from_ms(1000), reading: Reading::Good(Value::Float(2.0)).fallen(Fault::TimedOut) };
    window.events.send(Event::Sample(Handle(LEVEL), held)).await.unwrap();
    let reading = phone.hears_of("tags").await["v"][0].clone();
    assert_eq!((&reading[2], &reading[3], &reading[4]), (&json!(1), &json!(2), &json!("timed out")));
    assert!(reading[5].as_u64().unwrap() > 1_600_000_000_000, "since when, by the gateway's clock: {reading}");
    window.close().await;
}

#[tokio::test]
async fn a_browser_that_names_its_page_is_told_its_rows_without_asking() {
    // Behind hello and plant come the readings of the page; an unknown page is the first; what it says later replaces them.
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    window.sample(LEVEL, 1.5).await;
    let cookie = window.let_in().await;
    for page in ["one", "", "no%2Dsuch"] {
        let mut phone = window.phone_at(&format!("/ws?page={page}"), &cookie).await;
        assert_eq!(phone.hears().await["t"], "hello");
        assert_eq!(phone.hears().await["t"], "plant");
        let tags = phone.hears().await;
        let numbers: Vec<_> = tags["v"].as_array().unwrap().iter().map(|reading| reading[0].clone()).collect();
        assert_eq!(numbers, [LEVEL, GATE, MODE], "page {page:?}: {tags}");
        assert_eq!(tags["v"][0], json!([LEVEL, 1000, 0, 1.5]));
        phone.says(&json!({"t": "watch", "tags": [GATE]})).await;
        phone.says(&json!({"t": "ping"})).await;
        assert_eq!(phone.hears().await["t"], "beat", "it has been told of the gate already");
    }
    window.sample(LEVEL, 2.0).await;
    window.close().await;
}

#[tokio::test]
async fn with_the_bus_gone_nothing_is_good() {
    let folders = Folders::new();
    let mut window = Window::open(&folders).await;
    window.events.send(Event::Up).await.unwrap();
    let mut phone = window.phone_at_ease().await;
    window.sample(LEVEL, 1.5).await;
    phone.says(&json!({"t": "watch", "tags": [LEVEL]})).await;
    let good = |tags: Json| tags["v"][0][2] == 0;
    while !good(phone.hears_of("tags").await) {}
    phone.says(&json!({"t": "set", "id": 1, "tag": GATE, "value": 5})).await;
    window.call().await;
    window.events.send(Event::Down("no such socket".into())).await.unwrap();
    assert_eq!(phone.hears_of("plant").await["bus"], false);
    assert_eq!(phone.hears_of("set").await, json!({"t": "set", "id": 1, "state": "expired"}));
    let tags = phone.hears_of("tags").await;
    assert_eq!((&tags["v"][0][2], &tags["v"][0][4]), (&json!(1), &json!("source not running")));
    window.events.send(Event::Up).await.unwrap();
    window.sample(LEVEL, 1.75).await;
    assert_eq!(phone.hears_of("tags").await["v"], json!([[LEVEL, 1000, 0, 1.75]]));
    window.close().await;
}

async fn outcome(phone: &mut Phone) -> Json {
    let mut said = phone.hears_of("set").await;
    said.as_object_mut().unwrap().remove("t");
    said
}

#[tokio::test]
async fn a_write_is_what_its_owner_says_it_is() {
    let folders = Folders::new();
    let mut window = Window::open(&folders).await;
    let (mut phone, mut bystander) = (window.phone_at_ease().await, window.phone_at_ease().await);
    phone.says(&json!({"t": "set", "id": 7, "tag": GATE, "value": 5})).await;
    let Call::Write(id, name, value, who) = window.call().await else { panic!("a write") };
    assert_eq!((name.as_str(), value, who.as_str()), ("gate", Value::Float(5.0), "www 127.0.0.1"));
    for (told, said) in [
        (Outcome::Sent, json!({"id": 7, "state": "sent"})),
        (Outcome::Mismatch(Value::Float(4.5)), json!({"id": 7, "state": "mismatch", "value": 4.5})),
    ] {
        window.events.send(Event::Outcome(id, told)).await.unwrap();
        assert_eq!(outcome(&mut phone).await, said);
    }
    // A final outcome is final.
    window.events.send(Event::Outcome(id, Outcome::Confirmed)).await.unwrap();
    phone.says(&json!({"t": "set", "id": 8, "tag": MODE, "value": 1})).await;
    let Call::Write(id, ..) = window.call().await else { panic!("a write") };
    window.events.send(Event::Outcome(id, Outcome::Stored)).await.unwrap();
    assert_eq!(outcome(&mut phone).await, json!({"id": 8, "state": "stored"}));
    for (tag, value, why) in [
        (GATE, json!(10.5), "over max 10.0"),
        (MODE, json!(2), "no state 2: there are 0 to 1"),
        (LEVEL, json!(1), "no page offers this tag to be set"),
        (99, json!(1), "tag 99 is not in the list"),
    ] {
        phone.says(&json!({"t": "set", "id": 9, "tag": tag, "value": value})).await;
        assert_eq!(outcome(&mut phone).await, json!({"id": 9, "state": "refused", "why": why}));
    }
    assert!(window.calls.try_recv().is_err(), "what is refused here goes nowhere");
    bystander.says(&json!({"t": "ping"})).await;
    assert_eq!(bystander.hears().await["t"], "beat", "and nobody else was told of any of it");
    window.close().await;
}

#[tokio::test]
async fn a_write_nobody_speaks_of_expires() {
    let (folders, clock) = (Folders::new(), ManualClock::at(Timestamp::from_ms(1_700_000_000_000)));
    let mut window = Window::open_with(config(&folders), &folders, clock.clone()).await;
    let mut phone = window.phone_at_ease().await;
    for id in 0..20 {
        phone.says(&json!({"t": "set", "id": id, "tag": GATE, "value": 5})).await;
    }
    for id in 16..20 {
        let refused = outcome(&mut phone).await;
        assert_eq!((&refused["id"], &refused["state"]), (&json!(id), &json!("refused")), "sixteen are under way");
    }
    for _ in 0..16 {
        window.call().await;
    }
    clock.advance(Duration::from_secs(10));
    let mut expired = Vec::new();
    for _ in 0..16 {
        let said = outcome(&mut phone).await;
        assert_eq!(said["state"], "expired");
        expired.push(said["id"].as_u64().unwrap());
    }
    expired.sort_unstable();
    assert_eq!(expired, (0..16).collect::<Vec<_>>());
    window.close().await;
}
