//! The claim code of a box: who types it is let in, who guesses isn't.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use shell::ManualClock;
use tag::Timestamp;

use super::stage::{Answer, Folders, Window, config};
use crate::Config;
use crate::routes::{Policy, ROUTES};

const HTML: &str = "Accept: text/html\r\n";

/// A box with a code on its label.
fn claimable(folders: &Folders) -> (Config, PathBuf) {
    let file = folders.paths.state.join("claim-code");
    fs::write(&file, "K7QM-2X0D\n").unwrap();
    (Config { claim_file: Some(file.clone()), ..config(folders) }, file)
}

async fn type_in(window: &Window, code: &str) -> Answer {
    window.post("/claim", &format!("{}{HTML}", window.own()), &format!("code={code}")).await
}

#[tokio::test]
async fn the_code_lets_a_browser_in_and_is_noted_once() {
    let folders = Folders::new();
    let (config, _) = claimable(&folders);
    let clock = ManualClock::at(Timestamp::from_ms(1_700_000_000_000));
    let window = Window::open_with(config, &folders, clock.clone()).await;
    let locked = window.get("/p/one", HTML).await;
    assert!(locked.status == 401 && locked.text().contains("action=\"/claim\""), "{}", locked.text());
    assert!(locked.headers["content-security-policy"].contains("form-action 'self'"));
    let claimed = folders.paths.state.join("claimed");
    assert!(!claimed.exists());
    let first = type_in(&window, "k7qm+2xod").await;
    assert_eq!((first.status, first.headers["location"].as_str()), (303, "/"));
    assert_eq!(window.get("/", &first.cookie()).await.status, 200);
    let noted = fs::read_to_string(&claimed).unwrap();
    // It stays good until access is somebody's own: the next phone is let in with it, too.
    clock.advance(Duration::from_secs(60));
    let second = type_in(&window, "K7QM-2X0D").await;
    assert_eq!(second.status, 303);
    assert_ne!(first.cookie(), second.cookie());
    assert_eq!(fs::read_to_string(&claimed).unwrap(), noted, "the first time is kept");
    window.close().await;
}

#[tokio::test]
async fn nothing_else_lets_anybody_in() {
    let folders = Folders::new();
    let (config, file) = claimable(&folders);
    let clock = ManualClock::at(Timestamp::from_ms(1_700_000_000_000));
    let window = Window::open_with(config, &folders, clock.clone()).await;
    let own = window.own();
    for code in ["", "K7QM", "K7QM2X0E", "07QM2X0D", "K7QM2X0DD", "%00", "%ff%fe", "%3Cscript%3E"] {
        clock.advance(Duration::from_secs(3600));
        let answer = type_in(&window, code).await;
        let refused = answer.status == 403 || answer.status == 400;
        assert!(refused && !answer.headers.contains_key("set-cookie"), "{code}: {answer:?}");
        assert!(!answer.text().contains("script"), "what was typed isn't shown again");
    }
    clock.advance(Duration::from_secs(3600));
    for body in ["", "code", "cod=K7QM2X0D", "{}", &format!("code={}", "A".repeat(4000))] {
        let answer = window.post("/claim", &own, body).await;
        assert!([400, 403].contains(&answer.status), "{body:.20}: {answer:?}");
        clock.advance(Duration::from_secs(3600));
    }
    let foreign = format!("Host: {}\r\nOrigin: http://evil.example\r\n", window.address);
    for headers in [foreign, format!("Host: {}\r\n", window.address)] {
        assert_eq!(window.post("/claim", &headers, "code=K7QM2X0D").await.status, 403, "{headers}");
    }
    // Neither does an empty file match an empty code, nor does an old code match a new file.
    for (damaged, typed) in [("", ""), ("\n", ""), ("K7QM", "K7QM"), ("AAAA-BBBB", "K7QM2X0D")] {
        fs::write(&file, damaged).unwrap();
        clock.advance(Duration::from_secs(3600));
        let answer = type_in(&window, typed).await;
        assert!(answer.status >= 400 && !answer.headers.contains_key("set-cookie"), "{damaged:?}: {answer:?}");
    }
    assert!(!folders.paths.state.join("claimed").exists(), "nobody has claimed it");
    window.close().await;
}

#[tokio::test]
async fn guessing_is_slow_for_one_address_even_with_the_right_code() {
    let folders = Folders::new();
    let (config, _) = claimable(&folders);
    let clock = ManualClock::at(Timestamp::from_ms(1_700_000_000_000));
    let window = Window::open_with(config, &folders, clock.clone()).await;
    // Together, as a guesser would: no more than the free ones are looked at.
    let guesses: Vec<String> = (0..12).map(|n| format!("AAAA{:04}", 1000 + n)).collect();
    let answers = futures_util::future::join_all(guesses.iter().map(|guess| type_in(&window, guess))).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(403), count(429)), (3, 9));
    let slowed = type_in(&window, "K7QM2X0D").await;
    assert_eq!((slowed.status, slowed.headers["retry-after"].as_str()), (429, "6"), "even the right one waits");
    clock.advance(Duration::from_secs(5));
    assert_eq!(type_in(&window, "AAAA9999").await.status, 403);
    clock.advance(Duration::from_secs(5));
    assert_eq!(type_in(&window, "K7QM2X0D").await.status, 429, "the wait doubled");
    clock.advance(Duration::from_secs(5));
    assert_eq!(type_in(&window, "K7QM2X0D").await.status, 303);
    window.close().await;
}

#[tokio::test]
async fn without_the_file_there_is_no_such_door() {
    let folders = Folders::new();
    let (with_code, file) = claimable(&folders);
    let window = Window::open_with(with_code, &folders, ManualClock::at(Timestamp::from_ms(1_700_000_000_000))).await;
    let cookie = type_in(&window, "K7QM2X0D").await.cookie();
    // The whole table once more, with the door there: nothing else has opened.
    for route in &ROUTES {
        let path = match route.path {
            crate::routes::Path::At(path) => path.to_owned(),
            crate::routes::Path::Below(folder) => format!("{folder}x"),
        };
        let status = window.ask(route.method.as_str(), &path, &window.own()).await.status;
        let expected = match route.policy {
            Policy::Session | Policy::SessionAndOwnPage => 401,
            Policy::Everybody => 200,
            Policy::OwnPage if path == "/claim" => 400,
            Policy::OwnPage => 403,
        };
        assert_eq!(status, expected, "{} {path}", route.method);
    }
    assert_eq!(window.get("/claim", "").await.status, 401);
    fs::remove_file(&file).unwrap();
    let locked = window.get("/", HTML).await;
    assert!(locked.status == 401 && !locked.text().contains("/claim"), "{}", locked.text());
    assert_eq!(type_in(&window, "K7QM2X0D").await.status, 401, "as everything that isn't there");
    let answer = window.post("/claim", &format!("{}{cookie}", window.own()), "code=K7QM2X0D").await;
    assert_eq!(answer.status, 404);
    assert_eq!(window.get("/", &cookie).await.status, 200, "who was let in stays");
    window.close().await;

    let window = Window::open_with(config(&folders), &folders, shell::SystemClock::shared()).await;
    assert_eq!(type_in(&window, "").await.status, 401);
    window.close().await;
}

#[tokio::test]
async fn a_page_without_a_site_says_so() {
    // A box whose first site has a mistake: the window runs alone, and the code lets people in to read why.
    let folders = Folders::new();
    let text = r#"[{"severity":"error","file":"tags.yaml","line":2,"column":9,"text":"no such type"}]"#;
    let findings = crate::parse_findings(text.as_bytes()).unwrap();
    let (site, _) = claimable(&folders);
    let mistakes = crate::Mistakes { runs: crate::Runs::None, findings };
    let alone = Config { claim_file: site.claim_file, ..Config::without_site(site.assets, mistakes) };
    let window = Window::open_with(alone, &folders, shell::SystemClock::shared()).await;
    let cookie = type_in(&window, "K7QM2X0D").await.cookie();
    assert_eq!(window.get("/", &cookie).await.status, 200);
    let hello = window.phone(&cookie).await.hears().await;
    assert_eq!((&hello["runs"], &hello["findings"][0]["text"]), (&"none".into(), &"no such type".into()));
    let status = window.get("/api/status", &cookie).await;
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&status.body).unwrap()["findings"], 1);
    window.close().await;
}
