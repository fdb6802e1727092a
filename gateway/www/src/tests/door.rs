//! Who is let in, and who isn't.

use std::time::Duration;

use shell::ManualClock;
use tag::Timestamp;

use super::stage::{Folders, INLINE, Window, config, soon};
use crate::routes::{Path, Policy, ROUTES, Route, What};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn example(route: &Route) -> String {
    match route.path {
        Path::At(path) => path.to_owned(),
        Path::Below(folder) => format!("{folder}x"),
    }
}

/// As a browser would ask: with an upgrade where that is what the route is for.
fn extra(route: &Route) -> &'static str {
    if example(route) == "/ws" { UPGRADE } else { "" }
}

#[test]
fn every_route_has_the_policy_somebody_decided_on() {
    let listed: Vec<String> =
        ROUTES.iter().map(|route| format!("{} {} {:?}", route.method, example(route), route.policy)).collect();
    // A new route comes with a line here: think of who may ask, then write it down.
    let decided = [
        "GET / Session",
        "GET /p/x Session",
        "GET /t/x Session",
        "GET /assets/x Session",
        "GET /link/x Everybody",
        "POST /link/x OwnPage",
        "POST /claim OwnPage",
        "GET /ws SessionAndOwnPage",
        "GET /api/history Session",
        "GET /api/history/status Session",
        "GET /api/history/x Session",
        "GET /api/modbus Session",
        "GET /api/modbus/x Session",
        "GET /api/status Session",
        "GET /api/source Session",
        "POST /api/logout SessionAndOwnPage",
    ];
    assert_eq!(listed, decided);
}

#[tokio::test]
async fn without_a_session_there_is_nothing_but_the_link() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let wrong = format!("Cookie: forebay_session={}\r\n", "0".repeat(64));
    for route in &ROUTES {
        let (method, path) = (route.method.as_str(), example(route));
        for cookie in ["", &wrong, "Cookie: forebay_session=\r\n"] {
            let headers = format!("{}{cookie}{}", window.own(), extra(route));
            let status = window.ask(method, &path, &headers).await.status;
            let expected = match route.policy {
                Policy::Session | Policy::SessionAndOwnPage => 401,
                Policy::Everybody => 200,
                // This window has no code to type, so there is no place to type it.
                Policy::OwnPage if path == "/claim" => 401,
                // The token is wrong.
                Policy::OwnPage => 403,
            };
            assert_eq!(status, expected, "{method} {path} {cookie}");
        }
    }
    for path in ["/nothing", "/assets/", "/p/a/b", "//etc/hostname", "/assets/../index.html", "/index.html", "/serve/x"]
    {
        assert_eq!(window.get(path, "").await.status, 401, "{path}");
    }
    assert_eq!(window.ask("DELETE", "/", &window.own()).await.status, 401);
    let page = window.get("/", "Accept: text/html,application/xhtml+xml\r\n").await;
    assert!(page.status == 401 && page.text().contains("forebay link"), "{page:?}");
    window.close().await;
}

#[tokio::test]
async fn with_a_session_everything_is_there_for_our_own_page_alone() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    // One for all: the route that ends it is the last.
    let cookie = window.let_in().await;
    for route in &ROUTES {
        let (method, path) = (route.method.as_str(), example(route));
        let strangers = [
            format!("Host: {}\r\nOrigin: http://evil.example\r\n", window.address),
            format!("Host: {}\r\nOrigin: null\r\n", window.address),
            format!("Host: {}\r\n", window.address),
        ];
        for stranger in &strangers {
            let status = window.ask(method, &path, &format!("{stranger}{cookie}{}", extra(route))).await.status;
            let is_there = route.what != What::Claim;
            let refused = is_there && matches!(route.policy, Policy::OwnPage | Policy::SessionAndOwnPage);
            assert_eq!(status == 403, refused, "{method} {path} {stranger}: {status}");
        }
        // DNS rebinding: a foreign name that resolves to us, and an Origin that agrees with it.
        for host in ["evil.example", "evil.example:8324", "127.0.0.1.evil.example"] {
            let headers = format!("Host: {host}\r\nOrigin: http://{host}\r\n{cookie}{}", extra(route));
            assert_eq!(window.ask(method, &path, &headers).await.status, 403, "{method} {path} as {host}");
        }
        let nameless = window.ask(method, &path, &format!("{cookie}{}", extra(route))).await.status;
        assert!(nameless == 403 || nameless == 400, "without a Host: {nameless}");
        if route.path.matches("/link/x").is_none() {
            let status = window.ask(method, &path, &format!("{}{cookie}{}", window.own(), extra(route))).await.status;
            assert!(![401, 403, 405].contains(&status), "{method} {path}: {status}");
        }
    }
    let cookie = window.let_in().await;
    for path in ["/nothing", "/assets/", "/assets/no.js", "/p/a/b", "//etc/hostname", "/assets/../index.html"] {
        assert_eq!(window.get(path, &cookie).await.status, 404, "{path}");
    }
    assert_eq!(window.get("/assets/%2e%2e%2findex.html", &cookie).await.status, 404);
    assert_eq!(window.ask("PUT", "/", &format!("{}{cookie}", window.own())).await.status, 405);
    for host in ["localhost", "scada.example:80", "[::1]:8324"] {
        assert_eq!(window.ask("GET", "/", &format!("Host: {host}\r\n{cookie}")).await.status, 200, "{host}");
    }
    window.close().await;
}

#[tokio::test]
async fn the_page_comes_with_its_headers() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let cookie = window.let_in().await;
    for path in ["/", "/p/one", "/t/level"] {
        let page = window.get(path, &cookie).await;
        assert_eq!((page.status, page.text().as_str()), (200, "<title>the page</title>"));
        assert_eq!(page.headers["cache-control"], "no-cache");
        let policy = &page.headers["content-security-policy"];
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(policy.contains(&format!("script-src 'self' '{INLINE}'; style-src 'self'; ")), "{policy}");
        assert!(policy.contains(&format!("connect-src 'self' ws://{}", window.address)), "{policy}");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
        // Not `no-referrer`: that would make the Origin of the link's own form `null`.
        assert_eq!(page.headers["referrer-policy"], "same-origin");
    }
    let script = window.get("/assets/page-1.js", &cookie).await;
    assert!(!script.headers["content-security-policy"].contains("sha256"), "only the page has blocks of its own");
    assert!(script.status == 200 && script.headers["cache-control"].contains("immutable"));
    let known = format!("{cookie}If-None-Match: {}\r\n", script.headers["etag"]);
    assert_eq!(window.get("/assets/page-1.js", &known).await.status, 304);
    let status = window.get("/api/status", &cookie).await;
    let status: serde_json::Value = serde_json::from_slice(&status.body).unwrap();
    assert_eq!((&status["bus"], &status["browsers"]), (&false.into(), &1.into()), "{status}");
    window.close().await;
}

#[tokio::test]
async fn a_link_admits_one_browser_and_a_look_does_not_use_it_up() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let link = window.link();
    for method in ["GET", "HEAD", "GET"] {
        let look = window.ask(method, &link, &window.own()).await;
        assert!(look.status == 200 && !look.headers.contains_key("set-cookie"));
        assert_eq!(look.headers["referrer-policy"], "same-origin", "or the form's Origin would be null");
    }
    let foreign = format!("Host: {}\r\nOrigin: http://evil.example\r\n", window.address);
    assert_eq!(window.ask("POST", &link, &foreign).await.status, 403);
    let own = window.own();
    let clicks = futures_util::future::join_all((0..4).map(|_| window.ask("POST", &link, &own))).await;
    let let_in: Vec<_> = clicks.iter().filter(|answer| answer.status == 303).collect();
    assert_eq!(let_in.len(), 1, "four clicks at once let one in");
    assert_eq!(clicks.iter().filter(|answer| answer.status == 410).count(), 3);
    let set = &let_in[0].headers["set-cookie"];
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Path=/"), "{set}");
    assert_eq!(let_in[0].headers["location"], "/");
    assert_eq!(window.get("/", &let_in[0].cookie()).await.status, 200);
    window.close().await;
}

#[tokio::test]
async fn links_expire_and_so_do_sessions() {
    let (folders, clock) = (Folders::new(), ManualClock::at(Timestamp::from_ms(1_700_000_000_000)));
    let window = Window::open_with(config(&folders), &folders, clock.clone()).await;
    let (early, late) = (window.link(), window.link());
    clock.advance(Duration::from_secs(15 * 60 - 1));
    let cookie = window.ask("POST", &early, &window.own()).await.cookie();
    clock.advance(Duration::from_secs(1));
    assert_eq!(window.ask("POST", &late, &window.own()).await.status, 410);
    let mut phone = window.phone(&cookie).await;
    assert_eq!(phone.hears().await["t"], "hello");
    clock.advance(Duration::from_secs(90 * 24 * 3600));
    assert_eq!(window.get("/", &cookie).await.status, 401);
    assert_eq!(phone.is_closed().await, 1008, "an open page doesn't outlive its session");
    window.close().await;
}

#[tokio::test]
async fn browsers_stay_let_in_over_a_restart_and_links_do_not() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let (cookie, link) = (window.let_in().await, window.link());
    window.close().await;
    let sessions = folders.paths.state.join("sessions.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&sessions).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let key = folders.paths.runtime.join("www.key");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777 & !0o640, 0);

    let window = Window::open(&folders).await;
    assert_eq!(window.get("/", &cookie).await.status, 200);
    assert_eq!(window.ask("POST", &link, &window.own()).await.status, 403);
    assert_eq!(window.ask("POST", &window.link(), &window.own()).await.status, 303);
    window.close().await;

    std::fs::write(&sessions, "{half").unwrap();
    let window = Window::open(&folders).await;
    assert_eq!(window.get("/", &cookie).await.status, 401, "a damaged list lets nobody in, and stops nobody");
    window.let_in().await;
    window.close().await;
}

#[tokio::test]
async fn logging_out_ends_this_browser_and_its_pages() {
    let folders = Folders::new();
    let window = Window::open(&folders).await;
    let (cookie, other) = (window.let_in().await, window.let_in().await);
    let (mut phone, mut other_phone) = (window.phone(&cookie).await, window.phone(&other).await);
    phone.hears_of("plant").await;
    other_phone.hears_of("plant").await;
    let answer = window.ask("POST", "/api/logout", &format!("{}{cookie}", window.own())).await;
    assert!(answer.status == 204 && answer.headers["set-cookie"].contains("Max-Age=0"), "{answer:?}");
    phone.is_closed().await;
    assert_eq!(window.get("/", &cookie).await.status, 401);
    assert_eq!(window.get("/", &other).await.status, 200);
    other_phone.says(&serde_json::json!({"t": "ping"})).await;
    other_phone.hears_of("beat").await;
    window.close().await;
}

#[tokio::test]
async fn guessing_links_is_slowed_down() {
    let folders = Folders::new();
    // Time stands, so that no try comes back meanwhile.
    let clock = ManualClock::at(Timestamp::from_ms(1_700_000_000_000));
    let window = Window::open_with(config(&folders), &folders, clock).await;
    let mut statuses = Vec::new();
    for guess in 0..20 {
        let path = format!("/link/{guess:032x}.99999999999.{guess:032x}");
        statuses.push(soon("an answer", window.ask("POST", &path, &window.own())).await.status);
    }
    assert_eq!((&statuses[..10], &statuses[10..]), (&[403; 10][..], &[429; 10][..]));
    assert_eq!(window.get("/link/x", "").await.status, 200, "looking is free");
    window.close().await;
}
