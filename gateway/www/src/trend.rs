//! `GET /api/history`: a trend's columns, asked of the history and passed through as they come.

use std::time::Duration;

use serde_json::json;
use tag::{TagName, Value};
use tokio::sync::oneshot;
use tokio::time::timeout;
use warp::http::header::{CONTENT_TYPE, HeaderValue};
use warp::http::{Response as HttpResponse, StatusCode};
use warp::reply::{Reply, Response};

use crate::answers::refused;
use crate::asks::NoAnswer;
use crate::command::{Command, Whom};
use crate::house::House;

/// A page waits so long before it says something in words.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Questions under way at a time: each may hold an answer of some MB, and the history answers one after the other.
pub(crate) const QUESTIONS_MAX: usize = 4;

/// Pens of one plot.
pub(crate) const TAGS_MAX: usize = 16;
/// The widest screen.
const COLUMNS_MAX: u32 = 4096;

/// What a page asks.
#[derive(Debug, PartialEq)]
struct Question {
    tags: Vec<TagName>,
    from_ms: f64,
    to_ms: f64,
    columns: u32,
}

/// Asks and answers.
pub(crate) async fn answer(house: &House, query: &str) -> Response {
    let question = match parse(query) {
        Ok(question) => question,
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    match ask_within(house, question.value()).await {
        Err(response) => response,
        Ok(bytes) => {
            let mut response = HttpResponse::new(bytes).into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            response
        }
    }
}

/// Asks the history in its turn; what went wrong is an answer to the browser already.
pub(crate) async fn ask_within(house: &House, question: Value) -> Result<Vec<u8>, Response> {
    match timeout(ANSWER_WITHIN, ask(house, Whom::History, question)).await {
        Err(_) => Err(refused(StatusCode::GATEWAY_TIMEOUT, "the history didn't answer within 10 s")),
        Ok(Err(NoAnswer { why, of_the_question: true })) => Err(refused(StatusCode::BAD_REQUEST, &why)),
        Ok(Err(NoAnswer { why, .. })) => Err(refused(StatusCode::SERVICE_UNAVAILABLE, &why)),
        Ok(Ok(bytes)) => Ok(bytes),
    }
}

/// Asks in its turn.
pub(crate) async fn ask(house: &House, whom: Whom, question: Value) -> Result<Vec<u8>, NoAnswer> {
    let stopping = || NoAnswer::from("the gateway is stopping");
    let _turn = house.questions.acquire().await.map_err(|_| stopping())?;
    let (reply, answer) = oneshot::channel();
    house.commands.send(Command::Ask { whom, question, reply }).await.map_err(|_| stopping())?;
    answer.await.map_err(|_| stopping())?
}

/// A time in ms that a browser can have.
pub(crate) fn is_time(ms: f64) -> bool {
    ms.is_finite() && ms.abs() <= 8.64e15
}

impl Question {
    fn value(&self) -> Value {
        let tags: Vec<&str> = self.tags.iter().map(TagName::as_str).collect();
        let trend = json!({"tags": tags, "from_ms": self.from_ms, "to_ms": self.to_ms, "columns": self.columns});
        Value::Json(json!({ "trend": trend }).to_string().into())
    }
}

fn parse(query: &str) -> Result<Question, String> {
    let (mut tags, mut from, mut to, mut columns) = (Vec::new(), None, None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value).ok_or("a value of the query isn't UTF-8")?;
        let number = || value.parse::<f64>().ok().filter(|ms| is_time(*ms));
        match name {
            "tag" if tags.len() >= TAGS_MAX => return Err(format!("at most {TAGS_MAX} tags")),
            "tag" => tags.push(TagName::parse(&value).map_err(|error| error.to_string())?),
            "from" => from = number(),
            "to" => to = number(),
            "columns" => columns = value.parse().ok().filter(|columns| (1..=COLUMNS_MAX).contains(columns)),
            _ => {}
        }
    }
    if tags.is_empty() {
        return Err("tag: which ones?".into());
    }
    let from_ms = from.ok_or("from: ms since 1970")?;
    let to_ms = to.filter(|to| *to > from_ms).ok_or("to: ms since 1970, after from")?;
    let columns = columns.ok_or_else(|| format!("columns: 1 to {COLUMNS_MAX}"))?;
    Ok(Question { tags, from_ms, to_ms, columns })
}

/// `application/x-www-form-urlencoded`, one value.
pub(crate) fn decode(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let pair = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_checked_at_the_door() {
        let asked = parse("tag=a%20b&tag=S%C3%BCd+1&from=1700000000000&to=1700000060000.5&columns=390").unwrap();
        let tags: Vec<_> = asked.tags.iter().map(TagName::as_str).collect();
        assert_eq!(tags, ["a b", "Süd 1"]);
        assert_eq!((asked.from_ms, asked.to_ms, asked.columns), (1.7e12, 1_700_000_060_000.5, 390));
        let many = format!("{}from=0&to=1&columns=1", "tag=a&".repeat(17));
        for wrong in [
            "",
            "tag=a",
            "tag=a&from=1&to=1&columns=1",
            "tag=a&from=1&to=2&columns=0",
            "tag=a&from=1&to=2&columns=4097",
            "tag=a&from=x&to=2&columns=1",
            "tag=a&from=NaN&to=2&columns=1",
            "tag=a&from=1&to=inf&columns=1",
            "from=1&to=2&columns=1",
            "tag=%&from=1&to=2&columns=1",
            "tag=%ff&from=1&to=2&columns=1",
            "tag=&from=1&to=2&columns=1",
            "tag=%0a&from=1&to=2&columns=1",
            &many,
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
