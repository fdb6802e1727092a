//! `GET /api/modbus` and `GET /api/modbus/<connection>.pcap`: how the connections to devices are, and their last frames.
//!
//! Nothing of it is kept here: the Modbus daemon is asked, connection by connection.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tag::{TagName, Value};
use tokio::time::timeout;
use warp::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use warp::http::{Response as HttpResponse, StatusCode};
use warp::reply::{Reply, Response};

use crate::answers::{self, refused};
use crate::command::Whom;
use crate::house::{House, lock};
use crate::trend::{ask, decode};

/// A daemon that does its work answers at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How a capture's name ends.
const ENDING: &str = ".pcap";

/// The tag that answers with a connection's last frames.
pub(crate) fn frames_of(connection: &str) -> Option<TagName> {
    TagName::parse(&format!("sys.modbus.{connection}.frames")).ok()
}

/// How each connection and each of its units is. One that can't be asked says why.
pub(crate) async fn lines(house: &House, peer: IpAddr) -> Response {
    if !may_ask(house, peer) {
        return too_many();
    }
    let mut lines = Vec::new();
    for (n, connection) in house.config.devices.iter().enumerate() {
        let told = asked(house, Whom::Line(n)).await.and_then(|bytes| {
            serde_json::from_slice::<Json>(&bytes).map_err(|_| "the Modbus daemon answered something else".to_owned())
        });
        let mut line = told.unwrap_or_else(|why| json!({"name": connection.name, "error": why}));
        line["at"] = json!(connection.at);
        lines.push(line);
    }
    answers::json(&json!({ "connections": lines }))
}

/// The last frames of a connection, as a file for Wireshark.
pub(crate) async fn frames(house: &House, peer: IpAddr, file: &str) -> Response {
    if !may_ask(house, peer) {
        return too_many();
    }
    let name = decode(file).and_then(|file| file.strip_suffix(ENDING).map(str::to_owned));
    let place = name.and_then(|name| house.config.devices.iter().position(|connection| connection.name == name));
    let Some(place) = place else {
        return refused(StatusCode::NOT_FOUND, "no such connection: expected its name in modbusclient.yaml and .pcap");
    };
    match asked(house, Whom::Frames(place)).await {
        Err(why) => refused(StatusCode::SERVICE_UNAVAILABLE, &why),
        Ok(bytes) => {
            let mut response = HttpResponse::new(bytes).into_response();
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.tcpdump.pcap"));
            // Without a name of its own: a connection's may have any characters, and a browser takes the path's end.
            headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
            response
        }
    }
}

/// The same measure as for tables: a program that looks every second.
fn may_ask(house: &House, peer: IpAddr) -> bool {
    lock(&house.api_limit).allows(peer, house.clock.mono())
}

fn too_many() -> Response {
    let mut response = refused(StatusCode::TOO_MANY_REQUESTS, "too many questions: wait a second");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

async fn asked(house: &House, whom: Whom) -> Result<Vec<u8>, String> {
    match timeout(ANSWER_WITHIN, ask(house, whom, Value::Json("{}".into()))).await {
        Err(_) => Err("the Modbus daemon didn't answer within 5 s".to_owned()),
        Ok(Err(no)) => Err(no.why),
        Ok(Ok(bytes)) => Ok(bytes),
    }
}
