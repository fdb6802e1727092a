//! The first value a person sees, on a slow phone over bad Wi-Fi: tests/bench/chromium.mjs drives a real browser.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::Bench;
use crate::client::{Client, set_frame};
use crate::fail::{Doing, Fail};
use crate::forebay::Forebay;
use crate::measure::window::wait_for_link;
use crate::pymscada::Pymscada;
use crate::report::{Aim, Row, Unit};
use crate::site::tag_name;
use crate::web::log_in;

const ROUNDS: usize = 5;
const TAGS: usize = 10;
/// A number that stands nowhere else on either page.
const VALUE: i64 = 733;

pub(crate) fn run(bench: &Bench) -> Result<Vec<Row>, Fail> {
    let forebay = Forebay::new(bench, TAGS, None)?;
    let (_bus, _www) = (forebay.daemon("bus")?, forebay.daemon("wwwserver")?);
    let cookie = log_in(forebay.www_port, &wait_for_link(&forebay)?)?;
    let mut script = Client::connect(forebay.bus())?;
    let id = script.ids(&[tag_name(0)])?[0];
    script.send(&set_frame(id, VALUE))?;
    let url = |port: u16| format!("http://127.0.0.1:{port}/");
    let mut targets = vec![json!({"name": "forebay", "url": url(forebay.www_port), "cookie": cookie})];
    let peer = Pymscada::start(bench, "bus,wwwserver", TAGS, None, None)?;
    if let Some(peer) = &peer {
        let mut script = Client::connect(peer.bus()?)?;
        let id = script.ids(&[tag_name(0)])?[0];
        script.send(&set_frame(id, VALUE))?;
        targets.push(json!({"name": "pymscada", "url": url(peer.www_port()?)}));
    }
    let order = json!({"rounds": bench.rounds(ROUNDS), "value": VALUE.to_string(), "targets": targets});
    let mut node = Command::new("node");
    node.arg(bench.root.join("tests/bench/chromium.mjs")).arg(order.to_string()).stderr(Stdio::piped());
    let said = node.output().doing("running tests/bench/chromium.mjs")?;
    if !said.status.success() {
        return Err(Fail(format!("tests/bench/chromium.mjs: {}", String::from_utf8_lossy(&said.stderr))));
    }
    let found: Value = serde_json::from_slice(&said.stdout).doing("understanding tests/bench/chromium.mjs")?;
    let what = "first value in Chromium: CPU 4× slower, 10 Mbit/s, 40 ms";
    let mut seconds = Row::new(what, Unit::Seconds, Aim::Below(0.6));
    seconds.ours = numbers(&found["forebay"]["seconds"]);
    seconds.peer = numbers(&found["pymscada"]["seconds"]);
    let mut bytes = Row::new("… bytes until then, headers included", Unit::Kilobytes, Aim::Nothing);
    bytes.ours = numbers(&found["forebay"]["kilobytes"]);
    bytes.peer = numbers(&found["pymscada"]["kilobytes"]);
    Ok(vec![seconds, bytes])
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}
