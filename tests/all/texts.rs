//! A text and a mapping that a peer set, byte for byte on flash, over a kill and a new start, and out of every door.

use std::io::{Read, Write};
use std::net::TcpStream;

use forebay_tests::{Gateway, PATIENCE, Process, Site, wait_for};
use serde_json::{Value, json};

/// A peer of pymscada's protocol that says what it is told.
struct Talker(TcpStream);

/// Its commands, and the types of values.
const ID: u8 = 1;
const SET: u8 = 2;
const TEXT: u8 = 3;
const BYTES: u8 = 4;
const JSON: u8 = 5;

/// The longest payload of a frame.
const FRAME_MAX: usize = 65_521;

impl Talker {
    fn to(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    fn send(&mut self, command: u8, tag: u16, payload: &[u8]) {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64;
        for part in payload.chunks(FRAME_MAX) {
            let mut frame = vec![1, command];
            frame.extend(tag.to_be_bytes());
            frame.extend((part.len() as u16).to_be_bytes());
            frame.extend(now.to_be_bytes());
            frame.extend(part);
            self.0.write_all(&frame).unwrap();
        }
    }

    /// The tag's number on the bus.
    fn tag(&mut self, name: &str) -> u16 {
        self.send(ID, 0, name.as_bytes());
        loop {
            let mut head = [0; 14];
            self.0.read_exact(&mut head).unwrap();
            let mut payload = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]]))];
            self.0.read_exact(&mut payload).unwrap();
            if head[1] == ID && payload == name.as_bytes() {
                return u16::from_be_bytes([head[2], head[3]]);
            }
        }
    }

    fn set(&mut self, name: &str, kind: u8, value: &[u8]) {
        let tag = self.tag(name);
        self.send(SET, tag, &[&[kind], value].concat());
    }
}

/// The values of a tag that are kept, the last the newest, as JSON; `null` is a gap.
fn kept(gateway: &Gateway, tag: &str) -> Vec<(Value, String)> {
    let state = gateway.folder.join("state").to_string_lossy().into_owned();
    let said = gateway.say(["history", "export", tag, "--json", "--state", &state]);
    let table: Value = serde_json::from_str(&said.out).unwrap_or(Value::Null);
    let rows = table["rows"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| (row[2].clone(), row[3].as_str().unwrap().to_owned())).collect()
}

fn wait_kept(gateway: &Gateway, tag: &str, want: &Value) {
    wait_for("the value on flash", PATIENCE, || kept(gateway, tag), |kept| kept.iter().any(|(value, _)| value == want));
}

#[test]
fn a_text_and_a_mapping_are_kept_as_they_came_and_outlive_a_kill() {
    let tags = "level: {type: float, history: no}\nword: {type: str, history: yes}\nother: {type: str}\n\
                status: {type: dict, history: yes}\nraw: {type: bytes, history: yes}\n";
    let history = "bus_ip: 127.0.0.1\nbus_port: @BUS@\npath: history\nflush_s: 0.2\n";
    let gateway = Gateway::new(Site::small().file("tags.yaml", tags).file("history.yaml", history));
    let mut bus = gateway.daemon("bus");
    gateway.wait_listening(&mut bus, gateway.site.bus_port);
    let start = |gateway: &Gateway| -> Process {
        let daemon = gateway.daemon("history");
        gateway.wait_history();
        daemon
    };
    let mut daemon = start(&gateway);
    let mut www = gateway.daemon("www");
    gateway.wait_page(&mut www);

    let word = "two lines,\n \"quoted\" and \\ and \0 and \u{1f600}, Grüße";
    // Spaces and the order as they came, escapes as they were.
    let status =
        "{\"mode\":  \"l\\u00e4uft\", \"list\": [1, 2.50, null, {\"a\": \"\\n\"}],\n \"big\": 12345678901234567890}";
    let mut talker = Talker::to(gateway.site.bus_port);
    talker.set("word", TEXT, word.as_bytes());
    talker.set("status", JSON, status.as_bytes());
    talker.set("raw", BYTES, &[0, 255, 10]);
    for tag in ["level", "other"] {
        assert_eq!(gateway.tool(&["set", tag, "7"]).code, Some(0));
    }
    let as_json: Value = serde_json::from_str(status).unwrap();
    wait_kept(&gateway, "word", &json!(word));
    wait_kept(&gateway, "status", &as_json);
    wait_kept(&gateway, "raw", &json!({"base64": "AP8K"}));
    for tag in ["level", "other"] {
        assert_eq!(kept(&gateway, tag), [], "{tag} asked for nothing to be kept, or for nothing to be");
    }
    // Byte for byte.
    let mut reader = history::Reader::beside(&gateway.folder.join("state/history"));
    let now = tag::Timestamp(std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64);
    for (tag, want) in [("word", word.as_bytes()), ("status", status.as_bytes()), ("raw", &[0, 255, 10])] {
        let found = reader.value_at(&tag::TagName::parse(tag).unwrap(), now).unwrap().unwrap().unwrap().1;
        let history::Point::Text(text) = found else { panic!("{tag}: {found:?}") };
        assert_eq!(text.bytes(), want, "{tag}");
    }

    // Killed, started anew: it answers what it was told before, and goes on.
    daemon.kill9();
    talker.set("word", TEXT, b"meanwhile");
    let _daemon = start(&gateway);
    wait_kept(&gateway, "word", &json!("meanwhile"));
    talker.set("word", TEXT, "x".repeat(70_000).as_bytes());
    let too_long = |kept: &Vec<(Value, String)>| kept.last().is_some_and(|(_, why)| why == "too long to be kept");
    wait_for("a gap for what is too long", PATIENCE, || kept(&gateway, "word"), too_long);
    talker.set("word", TEXT, b"");
    wait_kept(&gateway, "word", &json!(""));
    assert!(kept(&gateway, "word").iter().any(|(value, _)| value == word), "what it knew before");
    let browser = gateway.browser();
    let soon = now.0 / 1000 + 3_600_000;
    let records = browser.get(&format!("/api/history/records?tag=status&from=0&to={soon}"));
    let table: Value = serde_json::from_str(&records.body).unwrap_or_else(|e| panic!("{e}: {records:?}"));
    assert!(table["rows"].as_array().unwrap().iter().any(|row| row[2] == as_json), "{table}");
    let at = browser.get(&format!("/api/history/at?tag=word&tag=status&at={soon}&format=csv"));
    let field = format!("\"{}\"", status.replace('"', "\"\""));
    assert!(at.body.contains(&field) && at.body.contains(",word,\"\"\"\"\"\",good\n"), "{}", at.body);
    let refused = browser.get(&format!("/api/history/buckets?tag=word&from=0&to={soon}&every=1d"));
    assert!(refused.status == 400 && refused.body.contains("holds no numbers"), "{refused:?}");
}
