//! Tables of the past over HTTP, a page at a time.

use std::time::Duration;

use link::Event;
use serde_json::{Value as Json, json};
use tag::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::stage::{Answer, Call, Folders, Window, soon};
use crate::api::EXPORTS_MAX;

const QUERY: &str = "/api/history/records?tag=level&from=1700000000000&to=2026-01-31T00:00:00Z&format=csv";

/// A page as the history answers it.
fn page(text: &str, next: Json) -> Value {
    let head = json!({"next": next, "rows": 1}).to_string();
    let length = u32::try_from(head.len()).unwrap().to_le_bytes();
    Value::Bytes([&length[..], head.as_bytes(), text.as_bytes()].concat().into())
}

fn next(number: u64) -> Json {
    json!({"tag": 0, "at_us": number, "any": true})
}

/// The history, in the test's hands.
struct Played {
    events: mpsc::Sender<Event>,
    calls: mpsc::Receiver<Call>,
}

impl Played {
    fn of(window: &mut Window) -> Self {
        let calls = std::mem::replace(&mut window.calls, mpsc::channel(1).1);
        Self { events: window.events.clone(), calls }
    }

    async fn is_asked(&mut self) -> (link::AskId, Json) {
        let Some(Call::Ask(id, question)) = self.calls.recv().await else { panic!("a question") };
        (id, question)
    }

    async fn answers(&self, id: link::AskId, value: Value) {
        self.events.send(Event::Answer { id, value, last: true }).await.unwrap();
    }
}

/// The parts of a chunked body, and whether it came to its end.
fn dechunk(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut whole = Vec::new();
    loop {
        let Some(line) = body.windows(2).position(|two| two == b"\r\n") else { return (whole, false) };
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
        body = &body[line + 2..];
        if size == 0 {
            return (whole, true);
        }
        let part = &body[..size.min(body.len())];
        whole.extend_from_slice(part);
        body = body.get(size + 2..).unwrap_or_default();
    }
}

#[tokio::test]
async fn a_table_comes_page_after_page() {
    let folders = Folders::new();
    let mut window = Window::open(&folders).await;
    let cookie = window.let_in().await;
    let mut history = Played::of(&mut window);
    let answering = async {
        let (id, question) = history.is_asked().await;
        let mut want =
            json!({"of": "records", "as": "csv", "tags": ["level"], "from": 1.7e12, "to": "2026-01-31T00:00:00Z"});
        assert_eq!(question, json!({ "table": want }));
        history.answers(id, page("time,tag,value,quality\n", next(5))).await;
        for number in 5..9 {
            let (id, question) = history.is_asked().await;
            want["next"] = next(number);
            assert_eq!(question, json!({ "table": want }));
            history
                .answers(id, page(&format!("{number}\n"), if number == 8 { Json::Null } else { next(number + 1) }))
                .await;
        }
        let (id, question) = history.is_asked().await;
        assert_eq!(question["table"]["as"], "json");
        history.answers(id, page("{}", Json::Null)).await;
    };
    let browser = async {
        let answer = window.get(QUERY, &cookie).await;
        assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "text/csv; charset=utf-8"));
        assert_eq!(answer.headers["content-disposition"], "attachment; filename=\"records.csv\"");
        assert_eq!(dechunk(&answer.body), (b"time,tag,value,quality\n5\n6\n7\n8\n".to_vec(), true));
        let answer = window.get("/api/history/at?tag=level&at=1700000000000", &cookie).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
        assert_eq!(answer.headers["content-type"], "application/json");
    };
    soon("all pages", async { tokio::join!(answering, browser) }).await;
    window.close().await;
}

#[tokio::test]
async fn what_is_wrong_is_said_before_anything_is_sent() {
    let folders = Folders::new();
    let mut window = Window::open(&folders).await;
    let cookie = window.let_in().await;
    let mut history = Played::of(&mut window);
    let answering = async {
        for asked in [true, false] {
            let (id, _) = history.is_asked().await;
            let why = json!({"error": "too many rows", "asked": asked});
            history.answers(id, Value::Json(why.to_string().into())).await;
        }
        let (id, question) = history.is_asked().await;
        assert_eq!(question, json!({"status": {}}));
        history.answers(id, Value::Json("{\"days_kept\":900.5}".into())).await;
    };
    let browser = async {
        for status in [400, 503] {
            let answer = window.get(QUERY, &cookie).await;
            assert_eq!((answer.status, answer.text()), (status, json!({"error": "too many rows"}).to_string()));
        }
        let answer = window.get("/api/history/status", &cookie).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "{\"days_kept\":900.5}"));
        assert_eq!(window.get("/api/history/lies?tag=a", &cookie).await.status, 404);
        assert_eq!(window.get("/api/history/rows?tag=a&step=-1", &cookie).await.status, 400);
        for path in [QUERY, "/api/history/status", "/api/history/lies"] {
            assert_eq!(window.get(path, "").await.status, 401, "nobody is let in without a session: {path}");
        }
    };
    soon("all answers", async { tokio::join!(answering, browser) }).await;
    window.close().await;
}

#[tokio::test]
async fn a_table_that_breaks_off_does_not_look_whole() {
    let folders = Folders::new();
    let mut window = Window::open(&folders).await;
    let cookie = window.let_in().await;
    let mut history = Played::of(&mut window);
    let answering = async {
        let (id, _) = history.is_asked().await;
        history.answers(id, page("the first page\n", next(1))).await;
        let (id, _) = history.is_asked().await;
        history.events.send(Event::AskFailed(id, "gone".into())).await.unwrap();
    };
    let browser = async {
        let (text, is_whole) = dechunk(&window.get(QUERY, &cookie).await.body);
        assert_eq!((String::from_utf8(text).unwrap().as_str(), is_whole), ("the first page\n", false));
    };
    soon("the end", async { tokio::join!(answering, browser) }).await;
    window.close().await;
}

/// Asks and doesn't read.
async fn stalled(window: &Window, cookie: &str) -> TcpStream {
    let mut stream = TcpStream::connect(window.address).await.unwrap();
    let head = format!("GET {QUERY} HTTP/1.1\r\nHost: {}\r\n{cookie}\r\n", window.address);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_browser_that_does_not_read_is_not_read_ahead_for_and_one_that_leaves_ends_it() {
    let folders = Folders::new();
    let mut window = Window::open(&folders).await;
    let cookie = window.let_in().await;
    let mut history = Played::of(&mut window);
    let megabyte = "x".repeat(1 << 20);
    let mut browsers = Vec::new();
    let mut asked = 0;
    for _ in 0..EXPORTS_MAX {
        browsers.push(stalled(&window, &cookie).await);
    }
    // Answered until nobody asks any more: what a socket and a page hold, and no more.
    while let Ok((id, _)) = tokio::time::timeout(Duration::from_secs(2), history.is_asked()).await {
        asked += 1;
        assert!(asked < 60, "it reads on although nobody takes anything");
        history.answers(id, page(&megabyte, next(asked))).await;
    }
    assert!(asked >= 2 * EXPORTS_MAX as u64, "{asked}");
    // Meanwhile no third one, but short answers as ever.
    let answering = async {
        for more in [next(1), Json::Null] {
            let (id, _) = history.is_asked().await;
            history.answers(id, page("short", more)).await;
        }
    };
    let browser = async {
        let refused = window.get(QUERY, &cookie).await;
        assert_eq!((refused.status, refused.headers["retry-after"].as_str()), (429, "1"));
        assert_eq!(window.get(QUERY, &cookie).await.text(), "short");
    };
    soon("both answers", async { tokio::join!(answering, browser) }).await;
    drop(browsers);
    // Their places are free again, and nothing is asked for them.
    let mut refused = 0;
    soon("a place", async {
        loop {
            let mut stream = stalled(&window, &cookie).await;
            let (id, question) = history.is_asked().await;
            if question["table"].get("next").is_some() {
                // One that was under way when its browser left.
                history.answers(id, page("late", Json::Null)).await;
                continue;
            }
            history.answers(id, page("first", next(1))).await;
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.unwrap();
            if &head == b"HTTP/1.1 200" {
                break;
            }
            refused += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    eprintln!("{asked} MB were read ahead, {refused} tries until the places were free");
    window.close().await;
}

#[tokio::test]
async fn one_address_asks_only_so_often() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let cookie = window.let_in().await;
    let mut refused = 0;
    for _ in 0..60 {
        let answer = window.get("/api/history/rows?wrong", &cookie).await;
        assert!([400, 429].contains(&answer.status), "{answer:?}");
        refused += usize::from(answer.status == 429);
    }
    assert!(refused > 0, "thirty at once, two a second from then on");
    window.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_table_may_last_longer_than_a_connection() {
    // 300 s of pages on a connection that otherwise ends after 150 s. Time flies while nobody does anything.
    let folders = Folders::new();
    let mut window = Window::open(&folders).await;
    let cookie = window.let_in().await;
    let mut history = Played::of(&mut window);
    let answering = async {
        for number in 0..50 {
            let (id, _) = history.is_asked().await;
            tokio::time::sleep(Duration::from_secs(6)).await;
            history.answers(id, page("page\n", if number == 49 { Json::Null } else { next(number) })).await;
        }
    };
    let browser = async {
        let mut stream = stalled(&window, &cookie).await;
        let mut bytes = Vec::new();
        let started = tokio::time::Instant::now();
        // Its end is the end of the connection, which is past its life.
        stream.read_to_end(&mut bytes).await.unwrap();
        let (text, is_whole) = dechunk(&Answer::parse(&bytes).body);
        assert_eq!((text.len(), is_whole), (50 * 5, true));
        assert!(started.elapsed() >= Duration::from_secs(299));
    };
    tokio::join!(answering, browser);
    window.close().await;
}
