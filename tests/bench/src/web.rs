//! A browser's part, blocking and with nothing in the way: a few HTTP requests and a WebSocket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fail::{Doing, Fail};
use crate::process::{START_MAX, here};

/// Longer than any message may take to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between tries to connect to a server that is just starting.
const RETRY_EVERY: Duration = Duration::from_millis(2);

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    /// As it was sent, compressed or not.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// One request on a connection of its own. `headers` are whole lines.
pub(crate) fn request(port: u16, method: &str, path: &str, headers: &[String]) -> Result<Answer, Fail> {
    let doing = format!("asking for {path}");
    let mut stream = TcpStream::connect(here(port)).doing(&doing)?;
    stream.set_read_timeout(Some(PATIENCE)).doing(&doing)?;
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: 0\r\n{lines}\r\n"
    );
    stream.write_all(text.as_bytes()).doing(&doing)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).doing(&doing)?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").doing(&doing)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).doing(&doing)?;
    let mut answer = Answer { status, head, body: bytes.split_off(end + 4) };
    if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        answer.body = unchunked(&answer.body).doing(&format!("{doing}: a broken chunk"))?;
    }
    Ok(answer)
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.trim(), 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

/// Opens a one-time link as a browser whose person has clicked; the cookie it gets.
pub(crate) fn log_in(port: u16, link: &str) -> Result<String, Fail> {
    let token = link.rsplit('/').next().doing("a link without a token")?;
    let answer = request(port, "POST", &format!("/link/{token}"), &[format!("Origin: http://127.0.0.1:{port}")])?;
    let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next());
    Ok(cookie.doing(&format!("the link gave no cookie (status {})", answer.status))?.to_owned())
}

/// A WebSocket.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    input: Vec<u8>,
    at: usize,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Frame {
    Text(String),
    Binary(Vec<u8>),
}

impl Socket {
    /// Connects, waiting for a server that is just starting.
    pub(crate) fn open(port: u16, cookie: Option<&str>) -> Result<Self, Fail> {
        let (address, end) = (here(port), Instant::now() + START_MAX);
        loop {
            match Self::try_open(address, cookie) {
                Ok(socket) => return Ok(socket),
                Err(why) if Instant::now() > end => return Err(why),
                Err(_) => std::thread::sleep(RETRY_EVERY),
            }
        }
    }

    fn try_open(address: SocketAddr, cookie: Option<&str>) -> Result<Self, Fail> {
        let doing = "opening the WebSocket";
        let mut stream = TcpStream::connect(address).doing(doing)?;
        stream.set_nodelay(true).doing(doing)?;
        stream.set_read_timeout(Some(PATIENCE)).doing(doing)?;
        let cookie = cookie.map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let text = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{cookie}\r\n"
        );
        stream.write_all(text.as_bytes()).doing(doing)?;
        let mut socket = Self { stream, input: Vec::new(), at: 0 };
        let end = loop {
            if let Some(end) = socket.input.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            socket.fill()?;
        };
        if !socket.input.starts_with(b"HTTP/1.1 101") {
            return Err(Fail(format!("{doing}: {}", String::from_utf8_lossy(&socket.input[..end]))));
        }
        socket.at = end + 4;
        Ok(socket)
    }

    /// Sends one message.
    pub(crate) fn send(&mut self, message: &Value) -> Result<(), Fail> {
        self.put(TEXT, message.to_string().as_bytes())
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Result<Frame, Fail> {
        loop {
            let (kind, body) = self.frame()?;
            match kind {
                TEXT => return Ok(Frame::Text(String::from_utf8(body).doing("reading the WebSocket")?)),
                BINARY => return Ok(Frame::Binary(body)),
                PING => self.put(PONG, &body)?,
                CLOSE => return Err(Fail(format!("the WebSocket was closed: {}", String::from_utf8_lossy(&body)))),
                _ => {}
            }
        }
    }

    /// The next message that `wanted` makes something of.
    pub(crate) fn wait<T>(&mut self, wanted: impl Fn(&Frame) -> Option<T>) -> Result<T, Fail> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(found) = wanted(&self.next()?) {
                return Ok(found);
            }
        }
        Err("what was waited for never came over the WebSocket".into())
    }

    fn frame(&mut self) -> Result<(u8, Vec<u8>), Fail> {
        loop {
            let waiting = &self.input[self.at..];
            let (length, head) = match waiting {
                [_, 126, a, b, ..] => (usize::from(u16::from_be_bytes([*a, *b])), 4),
                [_, 127, _, _, _, _, a, b, c, d, ..] => (u32::from_be_bytes([*a, *b, *c, *d]) as usize, 10),
                [_, short @ ..=125, ..] => (usize::from(*short), 2),
                _ => {
                    self.fill()?;
                    continue;
                }
            };
            if let Some(body) = waiting.get(head..head + length) {
                let found = (waiting[0] & 0x0f, body.to_vec());
                self.at += head + length;
                if self.at == self.input.len() {
                    self.input.clear();
                    self.at = 0;
                }
                return Ok(found);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), Fail> {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer).doing("reading the WebSocket")? {
            0 => Err("the WebSocket ended".into()),
            n => {
                self.input.extend_from_slice(&buffer[..n]);
                Ok(())
            }
        }
    }

    fn put(&mut self, kind: u8, body: &[u8]) -> Result<(), Fail> {
        let mut frame = vec![0x80 | kind];
        match u16::try_from(body.len()) {
            Ok(short @ ..=125) => frame.push(0x80 | short as u8),
            Ok(long) => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&long.to_be_bytes());
            }
            Err(_) => return Err("a message longer than any we send".into()),
        }
        // A mask of zeros: we are no browser, and nothing between us and the server mistakes this for something else.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(body);
        self.stream.write_all(&frame).doing("writing to the WebSocket")
    }
}

/// Either server's page, as far as a measurement needs to know it.
#[derive(Debug)]
pub(crate) enum Page {
    /// Ours, with the number of the tag that is looked at.
    Forebay(Socket, u64),
    /// pymscada's, with the tag's id on its bus.
    Pymscada(Socket, u16),
}

impl Page {
    /// Opens our page and watches one tag.
    pub(crate) fn forebay(port: u16, cookie: &str, tag: &str) -> Result<Self, Fail> {
        let mut socket = Socket::open(port, Some(cookie))?;
        let number = socket.wait(|frame| {
            let Frame::Text(text) = frame else { return None };
            let said: Value = serde_json::from_str(text).ok()?;
            said["tags"].as_array()?.iter().position(|one| one["name"] == tag)
        })? as u64;
        socket.send(&serde_json::json!({"t": "watch", "tags": [number]}))?;
        Ok(Self::Forebay(socket, number))
    }

    /// Opens pymscada's page and subscribes one tag.
    pub(crate) fn pymscada(port: u16, tag: &str) -> Result<Self, Fail> {
        let mut socket = Socket::open(port, None)?;
        socket.send(&serde_json::json!({"type": "sub", "tagname": tag, "value": null}))?;
        let id = socket.wait(|frame| {
            let Frame::Text(text) = frame else { return None };
            let said: Value = serde_json::from_str(text).ok()?;
            let is_ours = said["type"] == "tag_info" && said["payload"]["name"] == tag;
            is_ours.then(|| said["payload"]["id"].as_u64())?
        })?;
        Ok(Self::Pymscada(socket, u16::try_from(id).doing("a tag id out of range")?))
    }

    /// Waits for a good value of the tag.
    pub(crate) fn good(&mut self) -> Result<i64, Fail> {
        match self {
            Self::Forebay(socket, number) => socket.wait(|frame| {
                let Frame::Text(text) = frame else { return None };
                if !text.starts_with(r#"{"t":"tags""#) {
                    return None;
                }
                let said: Value = serde_json::from_str(text).ok()?;
                let mut all = said["v"].as_array()?.iter();
                all.find(|one| one[0] == *number && one[2] == 0).and_then(|one| one[3].as_i64())
            }),
            Self::Pymscada(socket, id) => socket.wait(|frame| {
                let Frame::Binary(bytes) = frame else { return None };
                let is_int = bytes.len() == 20 && bytes[..2] == id.to_be_bytes() && bytes[2..4] == [0, 1];
                is_int.then(|| i64::from_be_bytes(bytes[12..].try_into().expect("8 of 20 bytes")))
            }),
        }
    }

    /// Waits until the tag is good and has this value.
    pub(crate) fn shows(&mut self, value: i64) -> Result<(), Fail> {
        while self.good()? != value {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_and_broken_ones_seen() {
        assert_eq!(unchunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").as_deref(), Some(&b"abcde"[..]));
        assert_eq!(unchunked(b"5\r\nabc"), None);
        assert_eq!(unchunked(b"x\r\n"), None);
    }
}
