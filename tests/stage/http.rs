//! As much of a browser as needs no Chromium: one request, one answer, a cookie.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{PATIENCE, wait_for};

/// "FBH1": how a trend begins.
const TREND_MAGIC: u32 = 0x3148_4246;

/// "Too many requests".
const TOO_MANY: u16 = 429;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// 200, 303, 401 …
    pub status: u16,
    /// The head as it came.
    pub head: String,
    /// The body as text.
    pub body: String,
}

/// Says exactly these bytes on a new connection and returns everything that comes until the other side hangs up, or an
/// error of the reading.
pub fn talk(port: u16, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(bytes)?;
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard)?;
    Ok(heard)
}

/// A browser with one cookie.
#[derive(Debug, Clone)]
pub struct Browser {
    port: u16,
    cookie: Option<String>,
}

impl Browser {
    /// One that nobody has let in.
    pub fn stranger(port: u16) -> Self {
        Self { port, cookie: None }
    }

    /// One that clicked a one-time link.
    #[track_caller]
    pub fn admitted(link: &str) -> Self {
        let (port, path) = take_apart(link);
        let mut browser = Self::stranger(port);
        let answer = browser.post(&path);
        assert_eq!(answer.status, 303, "the link's click: {}", answer.head);
        let cookie = answer.head.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie:"));
        let cookie = cookie.unwrap_or_else(|| panic!("no cookie in {}", answer.head));
        browser.cookie =
            cookie.split_once(':').and_then(|(_, rest)| rest.split(';').next()).map(|c| c.trim().to_owned());
        browser
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path)
    }

    /// GET by a program that asks again when it is told that it asks too often.
    #[track_caller]
    pub fn get_in_turn(&self, path: &str) -> Answer {
        wait_for(
            path,
            PATIENCE,
            || self.get(path),
            |answer| {
                let has_turn = answer.status != TOO_MANY;
                // As long as its `Retry-After` says.
                (!has_turn).then(|| std::thread::sleep(Duration::from_secs(1)));
                has_turn
            },
        )
    }

    /// POST without a body, from our own page.
    #[track_caller]
    pub fn post(&self, path: &str) -> Answer {
        self.ask("POST", path)
    }

    /// The body of a GET as bytes.
    #[track_caller]
    pub fn get_bytes(&self, path: &str) -> Vec<u8> {
        let heard = self.exchange("GET", path);
        let body = heard.windows(4).position(|four| four == b"\r\n\r\n").map_or(heard.len(), |at| at + 4);
        heard[body..].to_vec()
    }

    /// The trend of a tag's last `span_ms`: how many points it has, and the last value. None of both while the history
    /// can't answer.
    #[track_caller]
    pub fn trend(&self, tag: &str, span_ms: u128) -> (u32, f64) {
        let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis();
        let path = format!("/api/history?tag={tag}&from={}&to={}&columns=4096", now - span_ms, now + 1000);
        let body = self.get_bytes(&path);
        let word = |at: usize| body.get(at..at + 4).map(|word| u32::from_le_bytes(word.try_into().expect("four")));
        if (word(0), word(4)) != (Some(TREND_MAGIC), Some(1)) {
            return (0, f64::NAN);
        }
        let points = word(24).unwrap_or(0);
        // Raw: times, values. Decimated: times, min, max, last. Either way the newest value is the last one there is.
        let last = body.last_chunk().map_or(f64::NAN, |last| f64::from_le_bytes(*last));
        (points, last)
    }

    /// The first message of the page's WebSocket.
    #[track_caller]
    pub fn hello(&self) -> serde_json::Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the page accepts");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = self.request(
            "GET",
            "/ws",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
        );
        stream.write_all(request.as_bytes()).expect("the page listens");
        let mut heard = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(heard.read_line(&mut head).expect("an answer in time"), 0, "hung up after {head:?}");
        }
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        // A whole text message, unmasked, with its length in one byte, two or eight.
        let first: [u8; 2] = taken(&mut heard);
        assert_eq!(first[0], 0x81, "a text message in one frame");
        let bytes = match first[1] {
            126 => u64::from(u16::from_be_bytes(taken(&mut heard))),
            127 => u64::from_be_bytes(taken(&mut heard)),
            short => u64::from(short),
        };
        let mut text = vec![0; usize::try_from(bytes).expect("a length")];
        heard.read_exact(&mut text).expect("the whole message");
        serde_json::from_slice(&text).expect("JSON")
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str) -> Answer {
        let heard = self.exchange(method, path);
        let heard = String::from_utf8_lossy(&heard).into_owned();
        let (head, body) = heard.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: {heard:?}"));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("{method} {path}: {head}"));
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    #[track_caller]
    fn exchange(&self, method: &str, path: &str) -> Vec<u8> {
        let request = self.request(method, path, "Connection: close\r\n");
        talk(self.port, request.as_bytes()).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The head of a request, with this browser's cookie.
    fn request(&self, method: &str, path: &str, more: &str) -> String {
        let host = format!("127.0.0.1:{}", self.port);
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Length: 0\r\n{cookie}{more}\r\n"
        )
    }
}

/// The next bytes.
fn taken<const N: usize>(from: &mut impl Read) -> [u8; N] {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).expect("more bytes");
    bytes
}

/// Port and path of a link.
fn take_apart(link: &str) -> (u16, String) {
    let rest = link.strip_prefix("http://").unwrap_or_else(|| panic!("{link:?} is no link"));
    let (host, path) = rest.split_once('/').expect("a path");
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    (port, format!("/{path}"))
}
