//! `GET /api/history/<table>`: the past as CSV or JSON, streamed a page at a time (`API.md`).
//!
//! Each page is a question of its own, and the next one is asked when the browser has taken this one: so a long export
//! holds one page in memory, takes turns with the trends of the phones, and ends when the browser goes away.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use serde_json::{Map, Value as Json, json};
use tag::{TagName, Value};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;
use warp::http::StatusCode;
use warp::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use warp::reply::{Reply, Response};

use crate::answers::refused;
use crate::house::{House, lock};
use crate::limit::Rate;
use crate::trend::{self, TAGS_MAX, ask_within, decode};

/// Questions an address may ask at once, and how long one more takes to come back: a program that looks every second.
pub(crate) const EACH: Rate = Rate { burst: 30.0, refill: Duration::from_millis(500) };
/// The same for everybody together.
pub(crate) const ALL: Rate = Rate { burst: 100.0, refill: Duration::from_millis(100) };

/// Tables longer than a page that are under way at a time: each keeps the history busy for as long as it lasts.
pub(crate) const EXPORTS_MAX: usize = 2;

/// A browser that takes nothing of a table for so long has gone.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// Pages on the way to a browser: one being sent; the next is asked for meanwhile.
const PAGES_MAX: usize = 1;

/// A time or a length in a query has some thirty characters.
const WORD_BYTES_MAX: usize = 64;

/// The tables there are.
const TABLES: [&str; 6] = ["records", "rows", "at", "buckets", "counters", "states"];

/// Answers under way on one connection that may last longer than a connection does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Long(Arc<AtomicUsize>);

impl Long {
    /// Is there one?
    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }

    fn begin(&self) -> UnderWay {
        self.0.fetch_add(1, Ordering::AcqRel);
        UnderWay(self.clone())
    }
}

/// One of them, until it is dropped.
struct UnderWay(Long);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A page of a table.
struct Page {
    text: Bytes,
    next: Option<Json>,
}

/// Answers with a table.
pub(crate) async fn table(house: &Arc<House>, peer: IpAddr, long: &Long, of: &str, query: &str) -> Response {
    if !TABLES.contains(&of) {
        return refused(StatusCode::NOT_FOUND, &format!("no such table: there are {}", TABLES.join(", ")));
    }
    if !lock(&house.api_limit).allows(peer, house.clock.mono()) {
        return too_many("too many questions: wait a second");
    }
    let question = match parse(of, query) {
        Ok(question) => question,
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    let is_csv = question["as"] == "csv";
    let first = match page(house, &question).await {
        Ok(page) => page,
        Err(response) => return response,
    };
    let mut response = if first.next.is_none() {
        warp::http::Response::new(first.text).into_response()
    } else {
        let Ok(turn) = house.exports.clone().try_acquire_owned() else {
            return too_many("other long answers are under way: wait for one of them, or ask for a shorter span");
        };
        let (pages, mut taken) = mpsc::channel::<io::Result<Bytes>>(PAGES_MAX);
        house.tasks.spawn(send(house.clone(), question, first, pages, (turn, long.begin())));
        warp::reply::stream(stream::poll_fn(move |context| taken.poll_recv(context))).into_response()
    };
    let kind = if is_csv { "text/csv; charset=utf-8" } else { "application/json" };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if is_csv {
        let name = format!("attachment; filename=\"{of}.csv\"");
        let name = HeaderValue::from_str(&name).expect("a table's name has plain characters");
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    response
}

/// What the history says of itself, as it is.
pub(crate) async fn status(house: &House, peer: IpAddr) -> Response {
    if !lock(&house.api_limit).allows(peer, house.clock.mono()) {
        return too_many("too many questions: wait a second");
    }
    match ask_within(house, Value::Json(json!({"status": {}}).to_string().into())).await {
        Ok(bytes) => {
            let mut response = warp::http::Response::new(bytes).into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(response) => response,
    }
}

fn too_many(why: &str) -> Response {
    let mut response = refused(StatusCode::TOO_MANY_REQUESTS, why);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Asks and sends page after page. What goes wrong on the way breaks the answer off, so that nobody takes a part of a
/// table for all of it.
async fn send(
    house: Arc<House>,
    mut question: Map<String, Json>,
    first: Page,
    pages: mpsc::Sender<io::Result<Bytes>>,
    _held: (OwnedSemaphorePermit, UnderWay),
) {
    let mut here = first;
    loop {
        if !matches!(timeout(TAKEN_WITHIN, pages.send(Ok(here.text))).await, Ok(Ok(()))) {
            // The browser is gone, or takes nothing.
            return;
        }
        let Some(next) = here.next else { return };
        question.insert("next".into(), next);
        here = match page(&house, &question).await {
            Ok(page) => page,
            Err(_) => {
                log::warn!("a table was broken off: the history gave no next page");
                let _ = pages.send(Err(io::Error::other("the history gave no next page"))).await;
                return;
            }
        };
    }
}

async fn page(house: &House, question: &Map<String, Json>) -> Result<Page, Response> {
    let bytes = ask_within(house, Value::Json(json!({ "table": question }).to_string().into())).await?;
    split(bytes).ok_or_else(|| refused(StatusCode::SERVICE_UNAVAILABLE, "the history answered something else"))
}

/// The head of an answer says how the table goes on.
fn split(bytes: Vec<u8>) -> Option<Page> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let head: Json = serde_json::from_slice(rest.get(..length)?).ok()?;
    let next = head.get("next")?;
    let next = (!next.is_null()).then(|| next.clone());
    Some(Page { text: Bytes::from(bytes).slice(4 + length..), next })
}

fn parse(of: &str, query: &str) -> Result<Map<String, Json>, String> {
    let (mut question, mut tags) = (Map::new(), Vec::new());
    question.insert("of".into(), of.into());
    question.insert("as".into(), "json".into());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value).ok_or("a value of the query isn't UTF-8")?;
        match name {
            "tag" if tags.len() >= TAGS_MAX => return Err(format!("at most {TAGS_MAX} tags")),
            "tag" => tags.push(Json::from(TagName::parse(&value).map_err(|error| error.to_string())?.as_str())),
            _ if value.len() > WORD_BYTES_MAX => return Err(format!("{name} is too long")),
            "from" | "at" => drop(question.insert("from".into(), time(&value))),
            "to" => drop(question.insert("to".into(), time(&value))),
            "every" => drop(question.insert("every".into(), value.into())),
            // Whether that is too many, or none of this table's, the history says.
            "last" => {
                let count = value.parse::<u64>().map_err(|_| "last: how many records")?;
                question.insert("last".into(), count.into());
            }
            "step" => {
                let seconds = value.parse::<f64>().ok().filter(|s| (0.001..=1e9).contains(s));
                let seconds = seconds.ok_or("step: seconds, at least 0.001")?;
                question.insert("every_us".into(), ((seconds * 1e6).round() as u64).into());
            }
            "format" if value == "csv" || value == "json" => drop(question.insert("as".into(), value.into())),
            "format" => return Err("format: csv or json".into()),
            other => return Err(format!("{other}: no such parameter")),
        }
    }
    if tags.is_empty() {
        return Err("tag: which ones?".into());
    }
    question.insert("tags".into(), tags.into());
    Ok(question)
}

/// A number is ms since 1970; anything else a time as RFC 3339 writes it, which the history reads.
fn time(value: &str) -> Json {
    match value.parse::<f64>().ok().filter(|ms| trend::is_time(*ms)) {
        Some(ms) => ms.into(),
        None => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_becomes_a_question() {
        let asked = parse("rows", "tag=a%20b&tag=c&from=1700000000000&to=2026-01-31T00:00:00Z&step=0.5&format=csv");
        let want = json!({"of": "rows", "as": "csv", "tags": ["a b", "c"], "from": 1.7e12, "to": "2026-01-31T00:00:00Z",
            "every_us": 500_000});
        assert_eq!(Json::Object(asked.unwrap()), want);
        let asked = parse("buckets", "tag=a&from=0&to=1&every=1d").unwrap();
        assert_eq!((&asked["as"], &asked["every"]), (&json!("json"), &json!("1d")));
        let asked = parse("records", "tag=a&last=20").unwrap();
        assert_eq!(Json::Object(asked), json!({"of": "records", "as": "json", "tags": ["a"], "last": 20}));
        let many = "tag=a&".repeat(17);
        for wrong in [
            "",
            "from=0&to=1",
            "tag=a&last=-1",
            "tag=a&last=1.5",
            "tag=",
            "tag=%ff",
            "tag=%0a",
            "tag=a&format=xml",
            "tag=a&step=0",
            "tag=a&step=x",
            "tag=a&step=NaN",
            "tag=a&columns=5",
            &many,
            &format!("tag=a&from={}", "9".repeat(65)),
        ] {
            assert!(parse("rows", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_page_is_split_from_its_head() {
        let bytes = |head: &str, text: &str| {
            let length = u32::try_from(head.len()).unwrap().to_le_bytes();
            [&length[..], head.as_bytes(), text.as_bytes()].concat()
        };
        let page = split(bytes("{\"next\":null,\"rows\":1}", "text")).unwrap();
        assert_eq!((&page.text[..], page.next), (&b"text"[..], None));
        let page = split(bytes("{\"next\":{\"tag\":0}}", "")).unwrap();
        assert_eq!((page.text.len(), page.next), (0, Some(json!({"tag": 0}))));
        for wrong in [bytes("{}", ""), bytes("rubbish", ""), vec![9, 0, 0, 0, b'{'], vec![1], vec![255; 8]] {
            assert!(split(wrong.clone()).is_none(), "{wrong:?}");
        }
    }
}
