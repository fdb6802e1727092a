//! Function 15, several coils in one request: the ways that lead to it, over a site and from the command line, to PLCs that
//! pymodbus and libmodbus are.

use std::fs;

use forebay_tests::{Gateway, PATIENCE, Plc, Site, wait_for};
use serde_json::Value;

/// pymscada's areas: a period's write is the whole area, tags or not.
const AREA: &str = "\
bus_port: @BUS@
rtus:
- name: P
  ip: 127.0.0.1
  port: @PLC@
  rate: 0.2
  reads: []
  writes: [{unit: 1, file: 0x, start: 21, end: 30}]
tags:
  gate: {type: bool, write: 'P:1:0x:22'}
  lamp: {type: bool, write: 'P:1:0x:30'}
";

/// One tag, one coil.
const ALONE: &str = "\
bus_port: @BUS@
rtus:
- {name: P, ip: 127.0.0.1, port: @PLC@, rate: 0.2}
tags:
  gate: {type: bool, read: 'P:1:0x:2', write: 'P:1:0x:2'}
  lamp: {type: bool, read: 'P:1:0x:4', write: 'P:1:0x:4'}
";

fn site(modbus: &str, plc: &Plc) -> Site {
    Site::of(&[("bus.yaml", "port: @BUS@\n"), ("tags.yaml", "gate: {type: int}\nlamp: {type: int}\n")])
        .file("modbusclient.yaml", &modbus.replace("@PLC@", &plc.port.to_string()))
}

fn coils(plc: &mut Plc, start: u16, count: u16) -> Vec<u64> {
    let answer = plc.say(&format!("peek 1 0x {start} {count}"));
    let bits = answer["words"].as_array().unwrap_or_else(|| panic!("no coils in {answer}"));
    bits.iter().map(|bit| bit.as_u64().expect("a bit")).collect()
}

#[track_caller]
fn sets(gateway: &Gateway, tag: &str, value: &str) {
    let said = gateway.tool(&["set", tag, value]);
    assert!(said.code == Some(0) && said.out.contains("confirmed"), "{said:?}");
}

/// An area of coils is read back first, then written whole every period with function 15; a change of one tag changes its
/// coil and no other.
#[test]
fn an_area_of_coils_is_written_every_period() {
    let mut plc = Plc::start(0);
    plc.say("poke 1 0x 20 1 1 0 1 0 0 0 0 0 0 1 1");
    let before = [1, 0, 1, 0, 0, 0, 0, 0, 0, 1];
    let gateway = Gateway::new(site(AREA, &plc));
    let _run = gateway.run();
    // What the PLC held is what the tags show, and what it is written.
    gateway.wait_tag("gate", |line| line.contains("gate  0  good"));
    gateway.wait_tag("lamp", |line| line.contains("lamp  1  good"));
    let writes = |plc: &mut Plc| plc.say("writes")["writes"].as_array().cloned().expect("a list");
    let mut seen: Vec<Value> = Vec::new();
    let look = || {
        seen.extend(writes(&mut plc));
        seen.len()
    };
    wait_for("three periods", PATIENCE, look, |count| *count >= 3);
    let whole = |bits: &[u64]| serde_json::json!([1, 15, 21, bits]);
    assert!(seen.iter().all(|write| *write == whole(&before)), "{seen:?}");

    sets(&gateway, "gate", "1");
    let after = [1, 1, 1, 0, 0, 0, 0, 0, 0, 1];
    assert_eq!(coils(&mut plc, 21, 10), after);
    assert_eq!((coils(&mut plc, 20, 1), coils(&mut plc, 31, 1)), (vec![1], vec![1]), "its neighbours are not its own");
    writes(&mut plc);
    let next = wait_for("the next period", PATIENCE, || writes(&mut plc), |writes| !writes.is_empty());
    assert!(next.iter().all(|write| *write == whole(&after)), "{next:?}");
}

fn asked(plc: &mut Plc, function: &str) -> u64 {
    plc.say("functions")["functions"][function].as_u64().unwrap_or(0)
}

/// A PLC without function 5 says so once; from then on a coil is written with function 15, after a restart too.
#[test]
fn a_plc_without_function_5_is_written_with_15() {
    let mut plc = Plc::start_libmodbus(&["tcp"]);
    plc.say("lacks 5");
    plc.say("poke 1 0x 1 1 0 1 0 1");
    let gateway = Gateway::new(site(ALONE, &plc));
    let run = gateway.run();
    gateway.wait_tag("gate", |line| line.contains("gate  0  good"));
    sets(&gateway, "gate", "1");
    assert_eq!(coils(&mut plc, 1, 5), [1, 1, 1, 0, 1], "its own coil, and no other");
    assert_eq!((asked(&mut plc, "5"), asked(&mut plc, "15")), (1, 1));
    sets(&gateway, "lamp", "1");
    assert_eq!((asked(&mut plc, "5"), asked(&mut plc, "15")), (1, 2), "it isn't asked again for what it hasn't got");
    let learned = gateway.folder.join("state/modbus.learned");
    let read = || fs::read_to_string(&learned).unwrap_or_default();
    wait_for("it is written down", PATIENCE, read, |text| text.contains("forms\tP\t1\t0\t1"));

    drop(run);
    let _run = gateway.run();
    gateway.wait_tag("gate", |line| line.contains("gate  1  good"));
    sets(&gateway, "gate", "0");
    assert_eq!(coils(&mut plc, 1, 5), [1, 0, 1, 1, 1]);
    assert_eq!((asked(&mut plc, "5"), asked(&mut plc, "15")), (1, 3), "remembered over the restart");
}

/// The tool has no memory: it tries function 5 first, then 15, and reads back.
#[test]
fn the_tool_turns_to_function_15_too() {
    let mut plc = Plc::start_libmodbus(&["tcp"]);
    plc.say("lacks 5");
    let gateway = Gateway::new(Site::small());
    let at = format!("127.0.0.1:{}", plc.port);
    let said = gateway.say(["modbus", "write", &at, "0x:3", "1"]);
    assert!(said.code == Some(0) && said.out.contains("confirmed: the device holds it"), "{said:?}");
    assert_eq!(coils(&mut plc, 2, 3), [0, 1, 0]);
    assert_eq!(["5", "15", "1"].map(|function| asked(&mut plc, function)), [1, 1, 1], "tried, written, read back");
}
