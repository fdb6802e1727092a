//! The past, asked for by people and programs: over HTTP, at the command line, onto a disk that is full.

use forebay_tests::{Gateway, PATIENCE, Peer, Plant, Site, wait_for};

/// A running gateway that has kept these values of `level`.
fn recorded(values: &[&str]) -> (Gateway, forebay_tests::Process) {
    let history = "bus_ip: 127.0.0.1\nbus_port: @BUS@\npath: history\nflush_s: 0.2\n";
    let gateway = Gateway::new(Site::small().file("history.yaml", history));
    let process = gateway.run();
    // What was set before the history listened is kept twice: at its own time, and from when it was heard.
    gateway.wait_history();
    for value in values {
        assert_eq!(gateway.tool(&["set", "level", value]).code, Some(0));
        export(&gateway, value);
    }
    (gateway, process)
}

fn state(gateway: &Gateway) -> String {
    gateway.folder.join("state").to_string_lossy().into_owned()
}

/// Waits until a value is on flash.
fn export(gateway: &Gateway, value: &str) -> String {
    let line = format!(",level,{value},good\n");
    let say = || gateway.say(["history", "export", "level", "--state", &state(gateway)]).out;
    wait_for("the value on flash", PATIENCE, say, |csv| csv.contains(&line))
}

/// Returns at a time behind which no day begins soon, wherever this machine is: zones are whole quarters of an hour apart.
fn not_before_midnight() {
    const QUARTER: u64 = 15 * 60;
    const SOON: u64 = 30;
    let left = QUARTER - std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs() % QUARTER;
    if left <= SOON {
        std::thread::sleep(std::time::Duration::from_secs(left));
    }
}

#[test]
fn a_program_asks_for_the_past_over_http() {
    // All three in one day.
    not_before_midnight();
    let (gateway, _process) = recorded(&["2.5", "3.5", "1.5"]);
    let browser = gateway.browser();
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis();
    let span = format!("from={}&to={}", now - 3_600_000, now + 3_600_000);
    let csv = browser.get(&format!("/api/history/records?tag=level&{span}&format=csv"));
    assert!(csv.status == 200 && csv.head.to_ascii_lowercase().contains("text/csv"), "{csv:?}");
    let values: Vec<&str> =
        csv.body.lines().filter_map(|line| line.split(',').nth(2)).filter(|v| !v.is_empty()).collect();
    assert_eq!(values, ["value", "2.5", "3.5", "1.5"], "{csv:?}");
    let buckets = browser.get(&format!("/api/history/buckets?tag=level&{span}&every=1d"));
    let found: serde_json::Value = serde_json::from_str(&buckets.body).unwrap_or_else(|e| panic!("{e}: {buckets:?}"));
    let rows = found["rows"].as_array().expect("rows");
    let day = rows.iter().find(|row| row[3] == 3).unwrap_or_else(|| panic!("no day with all three: {buckets:?}"));
    assert_eq!((&day[4], &day[5], &day[7], &day[8]), (&1.5.into(), &3.5.into(), &2.5.into(), &1.5.into()));
    let at = browser.get(&format!("/api/history/at?tag=level&at={now}"));
    assert!(at.body.contains("\"level\",1.5,\"good\""), "{at:?}");
    for (query, status) in [
        (format!("records?tag=nobody&{span}"), 400),
        ("records?tag=level&from=5&to=1".to_owned(), 400),
        ("buckets?tag=level&from=0&to=1700000000000&every=1m".to_owned(), 400),
        ("everything?tag=level".to_owned(), 404),
    ] {
        let answer = browser.get(&format!("/api/history/{query}"));
        assert!(answer.status == status && answer.body.starts_with("{\"error\":"), "{query}: {answer:?}");
    }
    let status = browser.get("/api/history/status");
    let status: serde_json::Value = serde_json::from_str(&status.body).unwrap_or_else(|e| panic!("{e}: {status:?}"));
    assert!(status["keep_bytes"].as_u64() > Some(0) && status["oldest_ms"].is_u64(), "{status}");
}

/// A box whose battery died, or that was years ahead before: its clock shows less than what it has stamped. What is
/// polled from then on is in the last seconds by that clock, in a trend and in a table, and all of it is marked.
#[test]
fn the_last_seconds_by_a_clock_that_is_behind_have_what_is_polled_now() {
    const TAG: &str = "Forebay_Level";
    let now_ms = || std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis();
    let plant = Plant::start_at(60);
    let gateway = Gateway::demo(&plant);
    let mut process = gateway.run();
    gateway.wait_page(&mut process);
    let browser = gateway.browser();
    let points = |since: u128| browser.trend(TAG, now_ms() - since).0;
    let started = now_ms();
    wait_for("a level is kept", PATIENCE, || points(started), |points| *points >= 2);
    process.term();
    assert!(process.wait(PATIENCE).success());
    let ahead = format!("time,tag,value,quality\n2099-06-01T00:00:00Z,{TAG},2.5,good\n");
    let file = gateway.folder.write("ahead.csv", &ahead);
    let words = ["history", "import", file.to_str().expect("a plain path"), "--state", &state(&gateway)];
    assert_eq!(gateway.say(words).code, Some(0));

    let started = now_ms();
    let mut process = gateway.run();
    gateway.wait_page(&mut process);
    let status = || browser.get_in_turn("/api/history/status").body;
    wait_for("the clock isn't believed", PATIENCE, status, |said| said.contains("\"clock_uncertain\":true"));
    wait_for("a trend of what is polled now", PATIENCE, || points(started), |points| *points >= 4);
    let said: serde_json::Value = serde_json::from_str(&status()).expect("JSON");
    let spans = said["uncertain_ms"].as_array().expect("spans");
    let unsure = |ms: u128| {
        spans.iter().any(|span| {
            let end = |i: usize| u128::from(span[i].as_u64().expect("ms"));
            (end(0)..=end(1)).contains(&ms)
        })
    };
    assert!(unsure(now_ms()) && !unsure(started - 1000), "{said}");
    let last = format!("/api/history/records?tag={TAG}&last=3&to={}&format=csv", now_ms() + 1000);
    let csv = browser.get_in_turn(&last);
    let after = browser
        .get_in_turn(&format!("/api/history/records?tag={TAG}&from={started}&to={}&format=csv", now_ms() + 1000));
    assert_eq!((csv.status, csv.body.lines().count()), (200, 4), "{csv:?}");
    assert!(csv.body.lines().all(|line| after.body.contains(line)), "{csv:?}\n{after:?}");
}

#[test]
fn an_export_to_a_full_disk_says_so_leaves_nothing_and_recording_goes_on() {
    let (gateway, mut process) = recorded(&["2.5"]);
    let file = gateway.folder.join("export");
    for kind in ["--out", "--table"] {
        std::fs::write(&file, "an older export").expect("written");
        // No file may grow: what a full disk is to whoever writes to it, without the signal that would end it.
        let words = format!(
            "trap '' XFSZ; ulimit -f 0; exec \"$0\" history export level --state '{}' {kind} '{}'",
            state(&gateway),
            file.display()
        );
        let mut shell = std::process::Command::new("sh");
        let said = shell.arg("-c").arg(words).arg(forebay_tests::program("forebay")).output().expect("a shell");
        let err = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.code() == Some(1) && err.contains("export"), "{kind}: {said:?}");
        assert_eq!(err.lines().count(), 1, "{err}");
        let left: Vec<_> = std::fs::read_dir(gateway.folder.path()).expect("there").flatten().collect();
        assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().contains("part")), "{left:?}");
        assert_eq!(std::fs::read(&file).expect("still there"), b"an older export", "what was whole stays");
    }
    assert_eq!(gateway.tool(&["set", "level", "7.5"]).code, Some(0));
    export(&gateway, "7.5");
    assert_eq!(process.ended(), None, "recording goes on");
    let said = gateway.say([
        "history",
        "export",
        "level",
        "--of",
        "at",
        "--from",
        "2100-01-01T00:00:00Z",
        "--state",
        &state(&gateway),
    ]);
    assert!(said.out.ends_with(",level,7.5,good\n"), "{said:?}");
    let said =
        gateway.say(["history", "export", "level", "--of", "buckets", "--table", "x", "--state", &state(&gateway)]);
    assert_eq!(said.code, Some(78), "{said:?}");
}

#[test]
fn asking_the_author_keeps_pymscadas_rules_and_is_heard_by_the_asker_alone() {
    let site = Site::small()
        .file(
            "tags.yaml",
            "level: {desc: Level, type: float}\ncount: {desc: Count, type: int}\nmode: {desc: Mode, multi: [Stopped, Running]}\n\
             whole: {desc: A float that is whole, type: float}\nword: {desc: Word, type: str}\n",
        )
        .file("history.yaml", "bus_ip: 127.0.0.1\nbus_port: @BUS@\npath: history\nflush_s: 0.2\n");
    let gateway = Gateway::new(site);
    let _process = gateway.run();
    gateway.wait_history();
    for (tag, values) in [("level", ["1.5", "2.5"]), ("count", ["6", "7"]), ("mode", ["0", "1"]), ("whole", ["3", "4"])]
    {
        for value in values {
            assert_eq!(gateway.tool(&["set", tag, value]).code, Some(0));
        }
    }
    let say = || gateway.say(["history", "export", "whole", "mode", "--state", &state(&gateway)]).out;
    wait_for("the last values on flash", PATIENCE, say, |csv| csv.contains(",whole,4.0,") && csv.contains(",mode,1,"));
    let bus = format!("127.0.0.1:{}", gateway.site.bus_port);
    let tags = ["level:2:2.5", "count:1:7", "mode:1:1", "whole:2:4"];
    let tags = tags.iter().flat_map(|tag| ["--tag", tag]);
    let arguments: Vec<&str> = ["--bus", &bus, "--unknown", "word"].into_iter().chain(tags).collect();
    Peer::run("rta_rules", &arguments);
    // pymscada's own client: nothing lies in its span, and it doesn't wait for ever.
    Peer::run("get_history", &["--bus", &bus, "--tag", "level:float", "--tag", "count:int", "--age-s", "0.001"]);
}
