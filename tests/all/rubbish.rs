//! Rubbish at the doors: that peer is closed or answered with an error, the rest goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use forebay_tests::{Browser, Gateway, PATIENCE, Process, Site, talk, wait_for};

/// A running small site with a value on the bus and a browser that is let in.
fn stage() -> (Gateway, Process, Browser) {
    let gateway = Gateway::new(Site::small());
    let process = gateway.run();
    let browser = gateway.browser();
    assert_eq!(gateway.tool(&["set", "level", "1"]).code, Some(0));
    (gateway, process, browser)
}

/// The site still does its work.
#[track_caller]
fn goes_on(gateway: &Gateway, process: &mut Process, browser: &Browser, after: &str) {
    assert_eq!(process.ended(), None, "after {after}");
    assert_eq!(browser.get("/api/status").status, 200, "after {after}");
    assert!(gateway.tool(&["get", "level"]).out.starts_with("level  1  good"), "after {after}");
}

/// What no honest client says; nothing of it may be answered with 2xx or 3xx.
fn rubbish() -> Vec<(&'static str, Vec<u8>)> {
    let long = "a".repeat(200_000);
    vec![
        ("nothing", Vec::new()),
        ("one byte", vec![0]),
        ("a bus frame", b"\x01\x02\x00\x01\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05".to_vec()),
        ("a TLS hello", [&[0x16, 3, 1, 0, 0xc8, 1, 0, 0, 0xc4, 3, 3][..], &[7; 200]].concat()),
        ("all bytes", (0..=255).cycle().take(70_000).collect()),
        ("no HTTP", b"HELLO\r\n\r\n".to_vec()),
        ("a line without end", [b"GET /".as_slice(), long.as_bytes()].concat()),
        ("a header without end", [b"GET / HTTP/1.1\r\nHost: ".as_slice(), long.as_bytes()].concat()),
        ("a thousand headers", format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(1000)).into_bytes()),
        ("a body that was not announced", b"POST /link/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n".to_vec()),
        ("a huge body", b"POST /link/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\nxxxx".to_vec()),
        ("a way out", b"GET /assets/../../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".to_vec()),
        ("an encoded way out", b"GET /assets/%2e%2e%2fmanifest.json HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".to_vec()),
        ("another site's name", b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".to_vec()),
        ("a socket without a session", b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".to_vec()),
    ]
}

/// Says it, closes the writing side, and hears what comes.
fn say_and_close(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The other side may hang up in the middle.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    heard
}

#[test]
fn the_pages_port_answers_rubbish_with_an_error_or_not_at_all() {
    let (gateway, mut process, browser) = stage();
    for (what, bytes) in rubbish() {
        let heard = say_and_close(gateway.site.page_port, &bytes);
        let heard = String::from_utf8_lossy(&heard);
        let status = heard.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok());
        assert!(heard.is_empty() || status.is_some_and(|code| code >= 400), "{what}: {heard:?}");
        goes_on(&gateway, &mut process, &browser, what);
    }
}

#[test]
fn the_buss_port_closes_whoever_says_no_protocol_1() {
    let (gateway, mut process, browser) = stage();
    for (what, bytes) in rubbish().into_iter().filter(|(_, bytes)| bytes.first().is_some_and(|first| *first != 1)) {
        // The writing side stays open: it is the bus that hangs up. It may do so while bytes still come: a reset.
        let _ = talk(gateway.site.bus_port, &bytes).map_err(|error| {
            let timed_out = matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
            assert!(!timed_out, "{what}: still connected after {PATIENCE:?}");
        });
        goes_on(&gateway, &mut process, &browser, what);
    }
}

#[test]
fn the_buss_unix_socket_closes_whoever_says_no_protocol_2() {
    let (gateway, mut process, browser) = stage();
    let path = gateway.folder.join(&format!("run/bus-{}.sock", gateway.site.bus_port));
    for (what, bytes) in rubbish().into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
        let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut heard = Vec::new();
        if let Err(error) = stream.read_to_end(&mut heard) {
            assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "{what}: still connected after {PATIENCE:?}");
        }
        goes_on(&gateway, &mut process, &browser, what);
    }
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    // 200 phones that connect to the page and fall silent, 100 scripts that do so at the bus.
    let (gateway, mut process, browser) = stage();
    let silent: Vec<TcpStream> =
        (0..200).filter_map(|_| TcpStream::connect(("127.0.0.1", gateway.site.page_port)).ok()).collect();
    let scripts: Vec<TcpStream> =
        (0..100).filter_map(|_| TcpStream::connect(("127.0.0.1", gateway.site.bus_port)).ok()).collect();
    assert!(silent.len() + scripts.len() > 100);
    let look = || {
        let mut stream = TcpStream::connect(("127.0.0.1", gateway.site.page_port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        stream.write_all(b"GET /link/x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").ok()?;
        let mut heard = String::new();
        stream.read_to_string(&mut heard).ok()?;
        heard.starts_with("HTTP/1.1").then_some(())
    };
    wait_for("an answer beside 200 silent connections", PATIENCE, look, Option::is_some);
    goes_on(&gateway, &mut process, &browser, "silent connections");
}

#[test]
fn without_a_session_there_is_nothing_but_the_way_to_one() {
    let (gateway, _process, browser) = stage();
    let stranger = Browser::stranger(gateway.site.page_port);
    for path in
        ["/", "/p/one", "/t/level", "/ws", "/api/history", "/api/status", "/assets/x", "/nothing", "/link/", "/%00"]
    {
        assert_eq!(stranger.get(path).status, 401, "{path}");
    }
    // The link: looking at it uses nothing up, the click does, once.
    let link = gateway.link();
    let path = link
        .split_once("127.0.0.1:")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map(|(_, path)| format!("/{path}"))
        .unwrap();
    for _ in 0..3 {
        assert_eq!(stranger.get(&path).status, 200, "a preview sees the button");
    }
    assert_eq!(stranger.post(&path).status, 303, "the click lets in");
    assert!(stranger.post(&path).status >= 400, "once");
    assert_eq!(browser.post("/api/logout").status / 100, 2, "signing out");
    assert_eq!(browser.get("/api/status").status, 401);
}
