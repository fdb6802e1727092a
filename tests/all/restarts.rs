//! Every daemon may die at any instruction: the others reconnect, values are good again, browsers stay let in.

use std::time::Duration;

use forebay_tests::{Browser, Gateway, Line, PATIENCE, Plant, Process, Site, Watch, wait_for};

/// A tag of the fast demo PLC; its device is polled every 200 ms.
const TAG: &str = "IntSet";

/// The daemons of the shipped site as processes of their own, as systemd runs them.
struct Apart {
    bus: Process,
    modbus: Process,
    history: Process,
    www: Process,
    // Last: a failing test shows the logs that lie in its folder.
    gateway: Gateway,
}

impl Apart {
    fn start(plant: &Plant) -> Self {
        let gateway = Gateway::demo(plant);
        let mut bus = gateway.daemon("bus");
        gateway.wait_listening(&mut bus, gateway.site.bus_port);
        let [modbus, history, www] = ["modbus", "history", "www"].map(|name| gateway.daemon(name));
        let mut apart = Self { bus, modbus, history, www, gateway };
        apart.gateway.wait_page(&mut apart.www);
        apart.gateway.wait_history();
        apart
    }

    fn watch(&self) -> Watch {
        self.gateway.watch(&[TAG])
    }

    /// Sets the tag at the PLC's own hand and waits until the bus knows it.
    fn fresh_value(&self, plant: &mut Plant, watch: &mut Watch, value: u16) -> Line {
        plant.say(&format!("poke plc1 4x:1 {value}"));
        watch.sees(&format!("{TAG} = {value}"), PATIENCE, |line| line.is_good() && line.value == value.to_string())
    }
}

#[test]
fn the_bus_dies_and_everybody_comes_back() {
    let mut plant = Plant::start();
    let mut apart = Apart::start(&plant);
    let browser = apart.gateway.browser();
    let mut watch = apart.watch();
    apart.fresh_value(&mut plant, &mut watch, 11);
    assert_eq!(browser.get("/api/status").status, 200);

    apart.bus.kill9();
    apart.bus = apart.gateway.daemon("bus");
    // What was set while the bus was away is there as soon as it is back.
    plant.say("poke plc1 4x:1 12");
    watch.sees("the new value", PATIENCE, |line| line.is_good() && line.value == "12");
    apart.gateway.wait_history();
    assert_eq!(apart.gateway.tool(&["set", TAG, "13"]).code, Some(0), "writes reach the device again");
    assert_eq!(plant.peek("plc1", "4x:1"), 13);
    assert_eq!(browser.get("/api/status").status, 200, "the browser stays let in");
    for process in [&mut apart.modbus, &mut apart.history, &mut apart.www] {
        assert_eq!(process.ended(), None, "nobody else ended");
    }
}

#[test]
fn modbus_dies_and_its_tags_are_held_until_it_is_back() {
    let mut plant = Plant::start();
    let mut apart = Apart::start(&plant);
    let mut watch = apart.watch();
    apart.fresh_value(&mut plant, &mut watch, 21);
    apart.modbus.kill9();
    let held = watch.sees_held(TAG, PATIENCE);
    assert_eq!(held.value, "21", "the last value stays, as held: {held:?}");
    let refused = apart.gateway.tool(&["set", TAG, "99", "--within", "2"]);
    assert_eq!(refused.code, Some(1), "nobody can carry it out: {refused:?}");
    apart.modbus = apart.gateway.daemon("modbus");
    watch.sees_good(TAG, PATIENCE);
    apart.fresh_value(&mut plant, &mut watch, 22);
    assert_eq!(plant.peek("plc1", "4x:1"), 22, "the refused write was not kept for later");
}

#[test]
fn history_dies_and_keeps_what_it_had() {
    let mut plant = Plant::start();
    let mut apart = Apart::start(&plant);
    let browser = apart.gateway.browser();
    let mut watch = apart.watch();
    for value in [31, 32, 33] {
        apart.fresh_value(&mut plant, &mut watch, value);
    }
    let points = |at_least: u32| {
        wait_for("points of the trend", PATIENCE, || browser.trend(TAG, 600_000).0, |points| *points >= at_least)
    };
    let before = points(3);
    // What a trend shows may be younger than the last flush; only what is durable outlives a kill.
    let mut durable = history::Reader::beside(&apart.gateway.folder.join("state/history"));
    let name = tag::TagName::parse(TAG).unwrap();
    let since = history::Span { from: tag::Timestamp(0), to: tag::Timestamp(u64::MAX) };
    let newest = || {
        let mut newest = None;
        let known = durable.newest(&name, since, 1, &mut |_, number| newest = Some(number.as_f64()));
        known.is_ok().then_some(newest).flatten()
    };
    // What lies before the last one is on flash with it.
    wait_for("durable values", PATIENCE, newest, |newest| *newest == Some(33.0));
    apart.history.kill9();
    apart.fresh_value(&mut plant, &mut watch, 34);
    apart.history = apart.gateway.daemon("history");
    apart.gateway.wait_history();
    apart.fresh_value(&mut plant, &mut watch, 35);
    let after = points(before + 1);
    assert!(after > before, "{before} points before, {after} after");
}

#[test]
fn history_is_killed_again_and_again() {
    // kill -9 of the daemon while values come, at moments that move through its flush: what was durable at a kill is
    // there after it, nothing is set aside, and recording goes on.
    let rounds = if std::env::var("FOREBAY_SOAK").is_ok_and(|long| long == "1") { 200 } else { 3 };
    let site = Site::small().file("history.yaml", "bus_ip: 127.0.0.1\nbus_port: @BUS@\npath: history\nflush_s: 0.2\n");
    let gateway = Gateway::new(site);
    let mut bus = gateway.daemon("bus");
    gateway.wait_listening(&mut bus, gateway.site.bus_port);
    let folder = gateway.folder.join("state/history");
    let name = tag::TagName::parse("level").unwrap();
    let values = || {
        let all = history::Span { from: tag::Timestamp(0), to: tag::Timestamp(u64::MAX) };
        let mut found = Vec::new();
        let known = history::Reader::beside(&folder).newest(&name, all, 10_000, &mut |_, n| found.push(n.as_f64()));
        known.map(|_| found).unwrap_or_default()
    };
    let (mut value, mut durable) = (0_u32, Vec::new());
    for round in 0..rounds {
        let mut daemon = gateway.daemon("history");
        gateway.wait_history();
        for _ in 0..=round % 4 {
            value += 1;
            // Within the limits of the tag, past which every value is the limit.
            assert_eq!(gateway.tool(&["set", "level", &(f64::from(value) / 1000.0).to_string()]).code, Some(0));
        }
        let last = f64::from(value) / 1000.0;
        if round % 3 == 0 {
            wait_for("the last value on flash", PATIENCE, values, |found| found.first() == Some(&last));
        }
        let before = values();
        daemon.kill9();
        let after = values();
        assert!(after.ends_with(&before) && before.ends_with(&durable), "round {round}: {before:?}, then {after:?}");
        durable = after;
    }
    let aside = std::fs::read_dir(&folder).unwrap().filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_string_lossy().contains("damaged")
    });
    assert_eq!(aside.count(), 0, "a kill is no damage");
    assert!(!durable.is_empty());
    eprintln!("{rounds} kills, {} values kept of {value}", durable.len());
}

#[test]
fn www_dies_and_browsers_stay_let_in() {
    let plant = Plant::start();
    let mut apart = Apart::start(&plant);
    let browser = apart.gateway.browser();
    let unused = apart.gateway.link();
    assert_eq!(browser.get("/api/status").status, 200);
    apart.www.kill9();
    apart.www = apart.gateway.daemon("www");
    apart.gateway.wait_page(&mut apart.www);
    let status = browser.get("/api/status");
    assert_eq!(status.status, 200, "the session survives: {status:?}");
    let path = unused.split_once("127.0.0.1").and_then(|(_, rest)| rest.split_once('/')).unwrap().1.to_owned();
    let late = Browser::stranger(apart.gateway.site.page_port).post(&format!("/{path}"));
    assert_ne!(late.status, 303, "a link of the run before is worth nothing");
    assert_eq!(apart.gateway.browser().get("/api/status").status, 200, "a fresh one is");
}

#[test]
fn the_whole_site_dies_and_goes_on() {
    // kill -9 of `forebay run`, in the middle of everything; the next start needs no hand.
    let mut plant = Plant::start();
    let gateway = Gateway::demo(&plant);
    let mut run = gateway.run();
    let browser = gateway.browser();
    let mut watch = gateway.watch(&[TAG]);
    watch.sees_good(TAG, PATIENCE);
    for round in 0..3 {
        run.kill9();
        plant.say(&format!("poke plc1 4x:1 {}", 50 + round));
        run = gateway.run();
        watch.sees("the new value", PATIENCE, |line| line.is_good() && line.value == (50 + round).to_string());
        assert_eq!(browser.get("/").status, 200, "round {round}");
    }
    run.term();
    assert_eq!(run.wait(Duration::from_secs(8)).code(), Some(0), "a clean end within the grace of 5 s");
}
