//! libmodbus, the library most devices and masters are made of: its server as our PLC, its client and mbpoll as masters of our
//! server, over TCP and over a serial line.

use std::path::Path;
use std::process::Command;

use forebay_tests::{Cable, Gateway, LibmodbusProgram, PATIENCE, Plc, Said, Site, free_port, wait_for};

/// The baud of the lines here; a pseudo-terminal has no pace of its own.
const BAUD: &str = "115200";
/// 12.5 as two registers, the high one first.
const LEVEL: [u16; 2] = [0x4148, 0];

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// How our site says where a line's other end is.
fn on(cable: &Path) -> String {
    format!("serial: {}, baud: {BAUD}, parity: even", cable.display())
}

/// A libmodbus PLC is polled and written: every file, every form of writing, and a register that isn't there, which costs
/// only itself.
fn polls_and_writes(plc: &mut Plc, at: &str) {
    plc.poke(1, &[LEVEL[0], LEVEL[1], 77]);
    plc.say("poke 1 3x 5 65000");
    plc.say("poke 1 1x 9 1");
    let modbus = format!(
        "bus_port: @BUS@\nrtus:\n- {{name: P, {at}, rate: 0.2}}\ntags:\n  level: {{type: float32, read: 'P:1:4x:1', order: abcd}}\n  \
         count: {{type: int16, read: 'P:1:4x:3'}}\n  raw: {{type: uint16, read: 'P:1:3x:5'}}\n  door: {{type: bool, read: 'P:1:1x:9'}}\n  \
         gate: {{type: int16, read: 'P:1:4x:11', write: 'P:1:4x:11'}}\n  \
         power: {{type: float32, read: 'P:1:4x:13', write: 'P:1:4x:13', order: cdab}}\n  \
         flag: {{type: bool, read: 'P:1:4x:15.3', write: 'P:1:4x:15.3'}}\n  \
         pump: {{type: bool, read: 'P:1:0x:1', write: 'P:1:0x:1'}}\n  beyond: {{type: int16, read: 'P:1:4x:201'}}\n"
    );
    let tags = "level: {type: float}\ncount: {type: int}\nraw: {type: int}\ndoor: {type: int}\ngate: {type: int}\n\
                power: {type: float}\nflag: {type: int}\npump: {type: int}\nbeyond: {type: int}\n";
    let site = Site::of(&[("bus.yaml", "port: @BUS@\n"), ("tags.yaml", tags)]).file("modbusclient.yaml", &modbus);
    let gateway = Gateway::new(site);
    let _run = gateway.run();
    let mut watch = gateway.watch(&["level", "count", "raw", "door", "gate", "power", "flag", "pump", "beyond"]);
    for (tag, value) in [("level", 12.5), ("count", 77.0), ("raw", 65000.0), ("door", 1.0), ("pump", 0.0)] {
        watch.reaches(tag, tag, PATIENCE, |line| line.is_good() && line.number() == Some(value));
    }
    watch.reaches("beyond is refused", "beyond", PATIENCE, |line| {
        line.quality.starts_with("missing: ") && line.quality.contains("illegal")
    });
    for tag in ["gate", "power", "flag"] {
        watch.sees_good(tag, PATIENCE);
    }
    plc.poke(15, &[0b0100_0001]);
    for (tag, value) in [("gate", "-5"), ("power", "12.5"), ("flag", "1"), ("pump", "1")] {
        let said = gateway.tool(&["set", tag, value]);
        assert_eq!(said.code, Some(0), "{tag}: confirmed by what reads back: {said:?}");
    }
    assert_eq!(plc.words(11, 1), [0xFFFB]);
    assert_eq!(plc.words(13, 2), [LEVEL[1], LEVEL[0]], "the low register first, as the site says");
    assert_eq!(plc.words(15, 1), [0b0100_1001], "one bit of its register, the others as they were");
    assert_eq!(plc.say("peek 1 0x 1 1")["words"], serde_json::json!([1]));
    plc.poke(1, &[0xC148, 0]);
    watch.reaches("level -12.5", "level", PATIENCE, |line| line.number() == Some(-12.5));
    eprintln!("libmodbus was asked {}", plc.say("functions")["functions"]);
    plc.kill9();
    watch.sees_held("level", PATIENCE);
}

#[test]
fn our_master_on_a_libmodbus_plc_over_tcp() {
    let mut plc = Plc::start_libmodbus(&["tcp"]);
    let at = format!("ip: 127.0.0.1, port: {}", plc.port);
    polls_and_writes(&mut plc, &at);
}

#[test]
fn our_master_on_a_libmodbus_plc_over_rtu() {
    let cable = Cable::lay();
    let mut plc = Plc::start_libmodbus(&["rtu", &text(&cable.far), BAUD, "E"]);
    polls_and_writes(&mut plc, &on(&cable.near));
}

/// A write to all units of a line: nobody answers, and it is done when the unit that is read says so.
#[test]
fn a_libmodbus_plc_carries_out_our_broadcasts() {
    let cable = Cable::lay();
    let mut plc = Plc::start_libmodbus(&["rtu", &text(&cable.far), BAUD, "E"]);
    plc.poke(21, &[1, 2]);
    let modbus = format!(
        "bus_port: @BUS@\nrtus:\n- {{name: P, {}, rate: 0.2}}\ntags:\n  \
         all: {{type: uint16, read: 'P:1:4x:21', write: 'P:0:4x:21'}}\n  next: {{type: uint16, read: 'P:1:4x:22'}}\n",
        on(&cable.near)
    );
    let site = Site::of(&[("bus.yaml", "port: @BUS@\n"), ("tags.yaml", "all: {type: int}\nnext: {type: int}\n")]);
    let gateway = Gateway::new(site.file("modbusclient.yaml", &modbus));
    let _run = gateway.run();
    let mut watch = gateway.watch(&["all", "next"]);
    watch.reaches("all", "all", PATIENCE, |line| line.is_good() && line.value == "1");
    for value in ["700", "65535"] {
        let said = gateway.tool(&["set", "all", value]);
        assert!(said.code == Some(0) && said.out.contains("confirmed"), "{said:?}");
    }
    assert_eq!(plc.words(21, 2), [65535, 2]);
    assert_eq!(plc.say("functions")["functions"]["6"], 2, "each was sent once");
    // The line goes on: its answers are still its own.
    plc.poke(22, &[3]);
    watch.reaches("next", "next", PATIENCE, |line| line.is_good() && line.value == "3");
}

/// A gateway between a libmodbus PLC and a door that `at` describes, ready to be asked.
fn serving(plc: &mut Plc, at: &str) -> (Gateway, forebay_tests::Process, forebay_tests::Watch) {
    plc.poke(1, &LEVEL);
    plc.poke(11, &[7]);
    let client = format!(
        "bus_port: @BUS@\nrtus:\n- {{name: P, ip: 127.0.0.1, port: {}, rate: 0.2}}\ntags:\n  \
         level: {{type: float32, read: 'P:1:4x:1', order: abcd}}\n  gate_sp: {{type: int16, read: 'P:1:4x:11', write: 'P:1:4x:11'}}\n  \
         pump: {{type: bool, read: 'P:1:0x:1', write: 'P:1:0x:1'}}\n",
        plc.port
    );
    let server = format!(
        "bus_port: @BUS@\nrtus:\n- name: S\n  {at}\n  serve:\n  - {{unit: 1, file: 4x, start: 1, end: 50}}\n  \
         - {{unit: 1, file: 0x, start: 1, end: 1}}\ntags:\n  level: {{type: float32, addr: 'S:1:4x:1'}}\n  \
         gate_sp: {{type: int16, addr: 'S:1:4x:3'}}\n  pump: {{type: bool, addr: 'S:1:0x:1'}}\n"
    );
    let tags = "level: {type: float}\ngate_sp: {type: int, min: 0, max: 100}\npump: {type: int}\n";
    let site = Site::of(&[("bus.yaml", "port: @BUS@\n"), ("tags.yaml", tags)]);
    let gateway = Gateway::new(site.file("modbusclient.yaml", &client).file("modbusserver.yaml", &server));
    let run = gateway.run();
    let mut watch = gateway.watch(&["level", "gate_sp", "pump"]);
    for tag in ["level", "gate_sp", "pump"] {
        watch.sees_good(tag, PATIENCE);
    }
    (gateway, run, watch)
}

/// Both masters, one after the other on the same line: first while all is well, then with the PLC gone. `to` says where in
/// the words of libmodbus's client, `mbpoll` in mbpoll's, its last word the device.
fn asked_by_both(at: &str, to: &[&str], mbpoll: &[&str]) {
    let mut plc = Plc::start_libmodbus(&["tcp"]);
    let (_gateway, _run, mut watch) = serving(&mut plc, at);
    let (device, options) = mbpoll.split_last().expect("a device");
    let poll = |words: &[&str], values: &[&str]| -> Said {
        let mut command = Command::new("mbpoll");
        command.args(options).args(["-a", "1", "-o", "10", "-1"]).args(words).arg(device).args(values);
        command.output().expect("mbpoll is installed: scripts/setup peers").into()
    };
    // The server hears of the values over the same bus, a moment later at most.
    let level = ["-t", "4:float", "-B", "-r", "1", "-c", "1"];
    let shown = |said: &Said, line: &str| said.out.lines().any(|said| said.split_whitespace().eq(line.split(' ')));
    wait_for(
        "mbpoll reads a float",
        PATIENCE,
        || poll(&level, &[]),
        |said| said.code == Some(0) && shown(said, "[1]: 12.5"),
    );
    for (words, line) in [(["-t", "4", "-r", "3", "-c", "1"], "[3]: 7"), (["-t", "0", "-r", "1", "-c", "1"], "[1]: 0")]
    {
        wait_for(line, PATIENCE, || poll(&words, &[]), |said| said.code == Some(0) && shown(said, line));
    }
    let client = LibmodbusProgram::build("client");
    judge(client.command().args(to));
    assert_eq!(plc.words(11, 1), [43], "what libmodbus wrote went all the way to the PLC");

    let said = poll(&["-t", "4", "-r", "3", "-c", "1"], &[]);
    assert!(said.code == Some(0) && shown(&said, "[3]: 43"), "{said:?}");
    let said = poll(&["-t", "4", "-r", "3"], &["55"]);
    assert!(said.code == Some(0) && said.out.contains("Written 1 references"), "{said:?}");
    let said = poll(&["-t", "0", "-r", "1"], &["1"]);
    assert!(said.code == Some(0) && said.out.contains("Written 1 references"), "{said:?}");
    assert_eq!((plc.words(11, 1), plc.say("peek 1 0x 1 1")["words"][0].as_u64()), (vec![55], Some(1)));
    let said = poll(&["-t", "4", "-r", "3"], &["101"]);
    assert!(said.err.contains("Slave device or server failure"), "over its limit: {said:?}");
    let said = poll(&["-t", "4", "-r", "100", "-c", "1"], &[]);
    assert!(said.err.contains("Illegal data address"), "no such register: {said:?}");
    assert_eq!(plc.words(11, 1), [55], "what was refused isn't there");

    plc.kill9();
    watch.sees_held("level", PATIENCE);
    watch.sees_held("gate_sp", PATIENCE);
    let failure = |said: &Said| said.err.contains("Slave device or server failure");
    for words in [&level[..], &["-t", "4", "-r", "3", "-c", "1"]] {
        wait_for("mbpoll is told that the number is old", PATIENCE, || poll(words, &[]), failure);
    }
    judge(client.command().arg("--stale").args(to));
}

/// Runs libmodbus's client to its end; each of its checks must hold.
#[track_caller]
fn judge(command: &mut Command) {
    let said: Said = command.output().expect("it was built").into();
    let passed = said.out.lines().filter(|line| line.contains("\"ok\": true")).count();
    assert!(said.code == Some(0) && passed > 0, "{said:#?}");
    eprintln!("libmodbus's client: {passed} checks passed");
}

#[test]
fn libmodbus_and_mbpoll_ask_our_server_over_tcp() {
    let port = free_port().to_string();
    let at = format!("ip: 127.0.0.1\n  port: {port}");
    asked_by_both(&at, &["tcp", &port], &["-m", "tcp", "-p", &port, "127.0.0.1"]);
}

#[test]
fn libmodbus_and_mbpoll_ask_our_server_over_rtu() {
    let cable = Cable::lay();
    let at = format!("serial: {}\n  baud: {BAUD}\n  parity: even", cable.near.display());
    let device = text(&cable.far);
    let line = ["-m", "rtu", "-b", BAUD, "-P", "even", &device];
    asked_by_both(&at, &["rtu", &device, BAUD, "E"], &line);
}
