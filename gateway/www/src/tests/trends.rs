//! Trends through the history.

use link::Event;
use serde_json::json;
use tag::Value;

use super::stage::{Call, Folders, Window, soon};

const QUERY: &str = "/api/history?tag=level&tag=gate&from=1700000000000&to=1700003600000&columns=390";

#[tokio::test]
async fn a_trend_is_asked_and_passed_through() {
    let folders = Folders::new();
    let mut window = Window::open(&folders).await;
    let cookie = window.let_in().await;
    let (events, mut calls) =
        (window.events.clone(), std::mem::replace(&mut window.calls, tokio::sync::mpsc::channel(1).1));
    let history = async {
        let Some(Call::Ask(id, question)) = calls.recv().await else { panic!("a question") };
        let trend = json!({"tags": ["level", "gate"], "from_ms": 1.7e12, "to_ms": 1.7000036e12, "columns": 390});
        assert_eq!(question, json!({ "trend": trend }));
        for (part, last) in [("FBH1", false), ("rest", true)] {
            let value = Value::Bytes(part.as_bytes().into());
            events.send(Event::Answer { id, value, last }).await.unwrap();
        }
        let Some(Call::Ask(id, _)) = calls.recv().await else { panic!("a question") };
        events.send(Event::AskFailed(id, "nobody owns __history__".into())).await.unwrap();
        let Some(Call::Ask(id, _)) = calls.recv().await else { panic!("a question") };
        let value = Value::Json(json!({"error": "the disk is full"}).to_string().into());
        events.send(Event::Answer { id, value, last: true }).await.unwrap();
    };
    let browser = async {
        let answer = window.get(QUERY, &cookie).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "FBH1rest"));
        assert_eq!(answer.headers["content-type"], "application/octet-stream");
        for why in ["nobody owns __history__", "the disk is full"] {
            let answer = window.get(QUERY, &cookie).await;
            assert_eq!((answer.status, answer.text()), (503, json!({"error": why}).to_string()));
        }
        assert_eq!(window.get("/api/history", &cookie).await.status, 400);
    };
    soon("all answers", async { tokio::join!(history, browser) }).await;
    window.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_history_is_said_to_be_silent() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let cookie = window.let_in().await;
    // Time flies while nobody does anything. More than may be asked at a time: those that wait for their turn are told as well.
    let browsers = futures_util::future::join_all((0..6).map(|_| window.get(QUERY, &cookie)));
    for answer in soon("all answers", browsers).await {
        assert_eq!(answer.status, 504, "{answer:?}");
        assert!(answer.text().contains("within 10 s"));
    }
    window.close().await;
}
