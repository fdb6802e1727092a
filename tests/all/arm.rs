//! Every daemon of a gateway touched once, from outside. `scripts/test arm` tells it by `FOREBAY_BINARY` to start those
//! built for an ARM processor, under QEMU; the plant, the browser and the hand at the PLC stay this machine's.
//! The serial line is left out there: QEMU's user mode doesn't know the ioctls of a line's speed (TCGETS2, TCSETS2).

use std::time::Duration;

use forebay_tests::{Browser, Gateway, PATIENCE, Plant, wait_for};

/// A holding register of the fast demo PLC.
const TCP: &str = "IntSet";
/// A set-point of the drive on the serial line.
const SERIAL: &str = "Fan_SpeedSet";
/// Milliseconds of history that are asked for.
const SPAN: i64 = 600_000;

#[test]
fn every_daemon_does_its_work() {
    let mut plant = Plant::start();
    let gateway = Gateway::demo(&plant);
    let mut bus = gateway.daemon("bus");
    gateway.wait_listening(&mut bus, gateway.site.bus_port);
    let [modbus, history, mut www] = ["modbus", "history", "www"].map(|name| gateway.daemon(name));
    gateway.wait_page(&mut www);
    gateway.wait_history();
    let mut watch = gateway.watch(&[TCP, SERIAL]);

    for value in ["41", "42", "43"] {
        plant.say(&format!("poke plc1 4x:1 {value}"));
        watch.sees(&format!("{TCP} = {value}"), PATIENCE, |line| line.is_good() && line.value == value);
    }
    let said = gateway.tool(&["set", TCP, "-7"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(plant.peek("plc1", "4x:1"), 0xFFF9, "a negative number in two's complement");
    if std::env::var_os("FOREBAY_BINARY").is_none() {
        watch.sees_good(SERIAL, PATIENCE);
        let said = gateway.tool(&["set", SERIAL, "37.5"]);
        assert_eq!(said.code, Some(0), "{said:?}");
    }

    let browser = gateway.browser();
    let page = browser.get("/");
    assert_eq!(page.status, 200, "{}", page.head);
    assert!(page.body.contains("<script"), "{}", page.body);
    assert_eq!(browser.get("/api/status").status, 200);
    let hello = browser.hello();
    assert_eq!((&hello["t"], &hello["v"]), (&"hello".into(), &1.into()), "{hello}");
    let apart = now_ms() - hello["now"].as_i64().expect("a time of more than 32 bits");
    assert!((0..60_000).contains(&apart), "the gateway's clock is {apart} ms behind");

    let last = |points: &Vec<(f64, f64)>| points.last().is_some_and(|(_, value)| *value == -7.0);
    let points = wait_for("the trend's points", PATIENCE, || trend(&browser, TCP), last);
    // Where the tag was held for a moment on a busy machine, a gap stands, and behind it the value again.
    let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).filter(|value| !value.is_nan()).collect();
    values.dedup();
    assert!(values.ends_with(&[41.0, 42.0, 43.0, -7.0]), "{values:?}");
    let late = points.iter().filter(|(at, _)| (now_ms() as f64 - at) > SPAN as f64).count();
    assert_eq!(late, 0, "times of now: {points:?}");

    for mut process in [www, history, modbus, bus] {
        process.term();
        assert_eq!(process.wait(Duration::from_secs(30)).code(), Some(0), "{}", process.log());
    }
}

fn now_ms() -> i64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_millis().try_into().unwrap()
}

/// Time and value of the points of a tag's trend; none while the history can't answer.
fn trend(browser: &Browser, tag: &str) -> Vec<(f64, f64)> {
    let now = now_ms();
    let answer =
        browser.get_bytes(&format!("/api/history?tag={tag}&from={}&to={}&columns=500", now - SPAN, now + 1000));
    let word = |at: usize| answer.get(at..at + 4).map_or(0, |word| u32::from_le_bytes(word.try_into().unwrap()));
    // "FBH1", one series, in raw form.
    if (word(0), word(4), word(28)) != (0x3148_4246, 1, 0) {
        return Vec::new();
    }
    let number = |column: &[u8]| f64::from_le_bytes(column.try_into().unwrap());
    let (times, values) = answer[32..].split_at(word(24) as usize * 8);
    times.chunks_exact(8).zip(values.chunks_exact(8)).map(|(at, value)| (number(at), number(value))).collect()
}
