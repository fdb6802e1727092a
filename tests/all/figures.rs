//! How lines and units are, over HTTP: the same figures as the tags have, and the frames.

use std::time::Duration;

use forebay_tests::{Gateway, PATIENCE, Plant, wait_for};
use serde_json::Value as Json;

const OF_LINE: [&str; 10] = [
    "requests",
    "timeouts",
    "exceptions",
    "crc_errors",
    "bad_answers",
    "overruns",
    "load",
    "offline_cost",
    "p50_ms",
    "p95_ms",
];
const OF_UNIT: [&str; 9] =
    ["state", "timeouts", "exceptions", "crc_errors", "bad_answers", "load", "p50_ms", "p95_ms", "offline_cost_s"];

#[test]
fn every_figure_of_lines_and_units_and_their_frames_come_over_http() {
    let mut plant = Plant::start();
    let gateway = Gateway::demo(&plant);
    let mut process = gateway.run();
    gateway.wait_page(&mut process);
    let browser = gateway.browser();
    let asked = || {
        // As a program that looks now and then; faster ones are told to wait.
        std::thread::sleep(Duration::from_millis(500));
        let answer = browser.get_in_turn("/api/modbus");
        assert_eq!(answer.status, 200, "{answer:?}");
        let told: Json = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
        told["connections"].as_array().expect("a list").clone()
    };
    let is_known = |line: &Json| {
        let units = line["units"].as_array().expect("units");
        // On a serial line without the time of its characters, which take none here.
        let unit = |unit: &Json| OF_UNIT.iter().all(|what| unit[what].is_number());
        OF_LINE.iter().all(|what| line[what].is_number()) && !units.is_empty() && units.iter().all(unit)
    };
    // Each is told at its own time: a line's counts every two seconds, what a load is only then.
    let is_well = |line: &Json| {
        let is_asked = line["requests"].as_u64() > Some(0) && line["load"].as_f64() > Some(0.0);
        is_known(line) && is_asked && line["state"] == 1 && line["why"] == ""
    };
    let lines = wait_for("every figure", PATIENCE, asked, |lines| {
        lines.iter().all(is_well) && lines.iter().take(3).all(|line| line["p50_ms"].as_f64() > Some(0.0))
    });
    let names: Vec<&str> = lines.iter().filter_map(|line| line["name"].as_str()).collect();
    assert_eq!(names, ["RTU", "STATION", "METER", "FAN"]);
    assert_eq!((&lines[2]["units"][0]["unit"], &lines[3]["units"][0]["unit"]), (&2.into(), &5.into()));

    // Who wrote what, when, and what became of it.
    assert_eq!(gateway.tool(&["set", "Fan_SpeedSet", "12.5"]).code, Some(0));
    assert_eq!(gateway.tool(&["set", "Fan_SpeedSet", "5000"]).code, Some(1));
    let ended = |line: &Json| line["writes"].as_array().is_some_and(|all| all.len() == 2);
    let lines = wait_for("both writes", PATIENCE, asked, |lines| ended(&lines[3]));
    let writes = lines[3]["writes"].as_array().expect("writes");
    let told: Vec<_> = writes.iter().map(|write| (&write["tag"], &write["value"], &write["state"])).collect();
    let tag = Json::from("Fan_SpeedSet");
    assert_eq!(told, [(&tag, &12.5.into(), &"confirmed".into()), (&tag, &5000.into(), &"refused".into())]);
    assert!(writes.iter().all(|write| write["who"].as_str().is_some_and(|who| who.starts_with("command line"))));
    let times = ["requested_ms", "sent_ms", "ended_ms"].map(|what| writes[0][what].as_u64());
    assert!(times[0] > Some(1_700_000_000_000) && times[0] <= times[1] && times[1] <= times[2], "{writes:?}");
    assert!(writes[1]["detail"].as_str().is_some_and(|why| why.starts_with("over max")), "{writes:?}");

    // A unit that is gone: what it costs is counted, as a tag and here alike.
    plant.say("behaviour fan silent");
    // A line's counts are told every two seconds, a unit's figures at once.
    let lines = wait_for("the cost of a silent drive", PATIENCE, asked, |lines| {
        let (line, unit) = (&lines[3], &lines[3]["units"][0]);
        let is_costly = unit["offline_cost_s"].as_f64() > Some(0.0) && line["timeouts"].as_u64() > Some(0);
        is_costly && line["state"] == 0 && unit["state"] == 0 && line["why"].as_str().is_some_and(|why| !why.is_empty())
    });
    let timeouts = lines[3]["timeouts"].as_u64();
    let as_tag = || gateway.tool(&["get", "sys.modbus.FAN.timeouts"]).out;
    let number = |said: &String| said.split_whitespace().find_map(|word| word.parse::<u64>().ok());
    wait_for("the same number as a tag", PATIENCE, as_tag, |said| number(said) >= timeouts);

    let pcap = browser.get_in_turn("/api/modbus/FAN.pcap");
    assert!(pcap.status == 200 && pcap.head.contains("application/vnd.tcpdump.pcap"), "{}", pcap.head);
    assert!(pcap.body.contains("mbrtu"), "frames of a serial line");
    assert!(browser.get_in_turn("/api/modbus/STATION.pcap").body.contains("mbtcp"), "frames of Modbus TCP");
    assert_eq!(browser.get_in_turn("/api/modbus/NOBODY.pcap").status, 404);
}
