//! What goes over the wire of our Modbus master, as others see it: the kernel's RS-485 switch, Wireshark's dissectors, and
//! servers that are asked several things at a time.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use forebay_tests::{Cable, Folder, Gateway, PATIENCE, Plant, Plc, Process, Site, root, wait_for};

const BAUD: &str = "115200";
/// `struct serial_rs485`: enabled, RTS while sending (bits 0 and 1), no delays, nothing else.
const RS485: &str = "0300000000000000000000000000000000000000000000000000000000000000";
/// Blocks of the pipelined site: each a read of its own, as the holes are longer than any that is read over.
const BLOCKS: u16 = 8;

/// A site of one connection, and tags with their types.
fn site(connection: &str, tags: &[(String, &str)]) -> Site {
    let list = |line: &dyn Fn(&str, &str) -> String| tags.iter().map(|(tag, word)| line(tag, word)).collect::<String>();
    let modbus = format!(
        "bus_port: @BUS@\nrtus:\n- {{name: L, {connection}}}\ntags:\n{}",
        list(&|tag, word| format!("  {tag}: {{type: uint16, read: 'L:1:4x:{word}'}}\n"))
    );
    let defs = list(&|tag, _| format!("{tag}: {{type: int}}\n"));
    Site::of(&[("bus.yaml", "port: @BUS@\n"), ("tags.yaml", &defs)]).file("modbusclient.yaml", &modbus)
}

fn two_tags() -> [(String, &'static str); 2] {
    [("level".into(), "1"), ("flow".into(), "2")]
}

fn on(cable: &Path, more: &str) -> String {
    format!("serial: {}, baud: {BAUD}, parity: even, rate: 0.2{more}", cable.display())
}

fn libmodbus_on(cable: &Cable) -> Plc {
    let mut plc = Plc::start_libmodbus(&["rtu", &cable.far.to_string_lossy(), BAUD, "E"]);
    plc.poke(1, &[12345, 7]);
    plc
}

/// A driver with an RS-485 mode, played by a library between us and the kernel.
struct Driver {
    library: Folder,
    asked: PathBuf,
}

impl Driver {
    fn build(gateway: &Gateway) -> Self {
        let library = Folder::new();
        let mut cc = Command::new("cc");
        cc.args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]);
        let cc = cc.arg(library.join("rs485.so")).arg(root().join("tests/peers/rs485.c")).output();
        let cc = cc.expect("a C compiler");
        assert!(cc.status.success(), "{}", String::from_utf8_lossy(&cc.stderr));
        Self { library, asked: gateway.folder.join("asked") }
    }

    /// The gateway on that driver, with what more the library is told.
    fn run(&self, gateway: &Gateway, more: &[(&str, &str)]) -> Process {
        let mut command = gateway.command(["run", "."]);
        command.env("LD_PRELOAD", self.library.join("rs485.so")).env("FOREBAY_RS485", &self.asked);
        command.envs(more.iter().copied());
        let mut run = Process::start("forebay-run", &mut command, gateway.folder.path());
        gateway.wait_listening(&mut run, gateway.site.bus_port);
        run
    }

    /// What it was asked, and of which port.
    fn asked(&self) -> Vec<String> {
        std::fs::read_to_string(&self.asked).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

/// The driver writes down what it is asked, and the line works.
#[test]
fn the_driver_is_asked_for_rs_485_with_the_right_bytes() {
    let cable = Cable::lay();
    let _plc = libmodbus_on(&cable);
    let gateway = Gateway::new(site(&on(&cable.near, ", rs485: yes"), &two_tags()));
    let driver = Driver::build(&gateway);
    let run = driver.run(&gateway, &[]);
    gateway.watch(&["level"]).reaches("level", "level", PATIENCE, |line| line.is_good() && line.value == "12345");
    let port = cable.near.canonicalize().expect("the port");
    assert_eq!(driver.asked(), [format!("{RS485} {}", port.display())]);
    assert!(run.log().contains(&format!("L: {} is in RS-485 mode", cable.near.display())), "{}", run.log());
}

/// An adapter that was pulled out and put back has forgotten its mode: it is asked again, with the same bytes.
#[test]
fn an_adapter_put_back_is_asked_for_rs_485_again() {
    let cable = Cable::lay();
    let plc = libmodbus_on(&cable);
    // What udev makes of an adapter: a name that stays.
    let folder = Folder::new();
    let adapter = folder.join("by-id");
    symlink(&cable.near, &adapter).expect("a name");
    let gateway = Gateway::new(site(&on(&adapter, ", rs485: yes"), &two_tags()));
    let driver = Driver::build(&gateway);
    let _run = driver.run(&gateway, &[]);
    let mut watch = gateway.watch(&["level"]);
    watch.reaches("level", "level", PATIENCE, |line| line.is_good() && line.value == "12345");
    assert_eq!(driver.asked().len(), 1, "{:?}", driver.asked());

    drop((plc, cable));
    watch.sees_held("level", PATIENCE);
    std::fs::remove_file(&adapter).expect("the name goes with the adapter");
    let cable = Cable::lay();
    let mut plc = libmodbus_on(&cable);
    plc.poke(1, &[54321]);
    symlink(&cable.near, &adapter).expect("the name");
    watch.reaches("level again", "level", PATIENCE, |line| line.is_good() && line.value == "54321");
    let port = cable.near.canonicalize().expect("the port");
    let asked = driver.asked();
    assert_eq!(asked[1..], [format!("{RS485} {}", port.display())], "{asked:?}");
}

/// A driver that says yes and stays as it was has no such mode either.
#[test]
fn a_driver_is_not_believed_before_it_says_what_it_does() {
    let cable = Cable::lay();
    let _plc = libmodbus_on(&cable);
    let gateway = Gateway::new(site(&on(&cable.near, ", rs485: yes"), &two_tags()));
    let driver = Driver::build(&gateway);
    let _run = driver.run(&gateway, &[("FOREBAY_RS485_DEAF", "1")]);
    gateway.wait_tag("sys.modbus.L.why", |line| line.contains("has no RS-485 mode"));
    assert!(!driver.asked().is_empty());
}

/// A port whose driver has no such mode: one sentence that names the port and the key, and the line stays down.
#[test]
fn a_driver_without_rs_485_is_said_so_in_one_sentence() {
    let cable = Cable::lay();
    let _plc = libmodbus_on(&cable);
    let gateway = Gateway::new(site(&on(&cable.near, ", rs485: yes"), &two_tags()));
    let run = gateway.run();
    let said = gateway.wait_tag("sys.modbus.L.why", |line| line.contains("rs485"));
    let sentence = format!(
        "the driver of {} has no RS-485 mode; leave rs485 out and use an adapter that switches by itself",
        cable.near.display()
    );
    assert!(said.contains(&sentence), "{said}");
    wait_for("it is in the log", PATIENCE, || run.log(), |log| log.contains("RS-485"));
    // It is tried again every second; that is no news.
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(run.log().matches("RS-485").count(), 1, "once in the log: {}", run.log());
}

/// What Wireshark makes of a line's last frames, a line for each.
#[track_caller]
fn dissected(gateway: &Gateway, fields: &[&str]) -> Vec<String> {
    let file = gateway.folder.join("frames.pcap");
    let said = gateway.tool(&["modbus", "frames", "L", &file.to_string_lossy()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(&file).args(["-T", "fields", "-E", "separator=|"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.env("HOME", gateway.folder.path()).output().expect("tshark: scripts/setup peers");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

const FIELDS: [&str; 5] =
    ["_ws.col.Protocol", "_ws.col.Info", "modbus.func_code", "modbus.regnum16", "modbus.regval_uint16"];

#[track_caller]
fn are_question_and_answer(frames: &[String], protocol: &str) {
    let of =
        |kind: &str| frames.iter().find(|line| line.contains(kind)).unwrap_or_else(|| panic!("{kind}: {frames:?}"));
    let (question, answer) = (of("Query"), of("Response"));
    assert!(question.starts_with(protocol) && question.contains("Func:   3") && question.contains("|3|"), "{question}");
    assert!(answer.starts_with(protocol) && answer.ends_with("|3|0,1|12345,7"), "{answer}");
    let whole = |line: &&String| line.starts_with(protocol) && !line.contains("Malformed") && !line.contains("Unknown");
    assert_eq!(frames.iter().filter(whole).count(), frames.len(), "{frames:?}");
}

#[test]
fn the_last_frames_are_what_wireshark_reads() {
    let mut plc = Plc::start_libmodbus(&["tcp"]);
    plc.poke(1, &[12345, 7]);
    let cable = Cable::lay();
    let _slave = libmodbus_on(&cable);
    let tcp = format!("ip: 127.0.0.1, port: {}, rate: 0.2", plc.port);
    for (connection, protocol) in [(tcp, "Modbus/TCP"), (on(&cable.near, ""), "Modbus RTU")] {
        let gateway = Gateway::new(site(&connection, &two_tags()));
        let _run = gateway.run();
        gateway.watch(&["level"]).reaches("level", "level", PATIENCE, |line| line.is_good() && line.value == "12345");
        let frames = wait_for("some frames", PATIENCE, || dissected(&gateway, &FIELDS), |frames| frames.len() > 6);
        are_question_and_answer(&frames, protocol);
    }
}

/// Asked up to eight things at a time: every value is its own register's, whatever the server makes of it. How many requests
/// were under way with each of the last ones that were answered, itself included.
fn pipelined(plc: &mut Plc) -> Vec<usize> {
    let places: Vec<String> = (0..BLOCKS).map(|n| (n * 20 + 1).to_string()).collect();
    for (n, place) in (0..BLOCKS).zip(&places) {
        plc.poke(place.parse().expect("a word"), &[1000 + n]);
    }
    let tags: Vec<(String, &str)> =
        places.iter().enumerate().map(|(n, place)| (format!("t{n}"), place.as_str())).collect();
    let polls: String =
        places.iter().map(|place| format!("{{unit: 1, file: 4x, start: {place}, end: {place}}}, ")).collect();
    let connection = format!("ip: 127.0.0.1, port: {}, rate: 0.05, pipeline: 8, poll: [{polls}]", plc.port);
    let gateway = Gateway::new(site(&connection, &tags));
    let _run = gateway.run();
    let names: Vec<&str> = tags.iter().map(|(name, _)| name.as_str()).collect();
    let mut watch = gateway.watch(&names);
    for round in 0..20 {
        for (n, (name, place)) in (0..BLOCKS).zip(&tags) {
            let value = 1000 * (round + 1) + n;
            if round > 0 {
                plc.poke(place.parse().expect("a word"), &[value]);
            }
            watch.reaches(name, name, PATIENCE, |line| {
                // Whichever tag a line is of, its last digit tells whose value it is.
                let whose: Option<u16> = line.tag.strip_prefix('t').and_then(|n| n.parse().ok());
                let shown = line.number().map(|shown| shown as u16 % 1000);
                assert!(!line.is_good() || shown == whose, "{} shows {}", line.tag, line.value);
                line.is_good() && line.number() == Some(f64::from(value))
            });
        }
    }
    let mut all = under_way(&dissected(&gateway, &["mbtcp.trans_id", "_ws.col.Info"]));
    all.sort_unstable();
    eprintln!("{} requests, at most {:?} under way", all.len(), all.last());
    all
}

/// One that was lost, as on a busy machine, is under way with nobody.
fn under_way(frames: &[String]) -> Vec<usize> {
    let parts = |line: &str| line.split_once('|').map(|(id, info)| (id.to_owned(), info.contains("Query")));
    let frames: Vec<(String, bool)> = frames.iter().filter_map(|line| parts(line)).collect();
    let asked = frames.iter().enumerate().filter(|(_, (_, is_query))| *is_query);
    let until_answered = asked.filter_map(|(at, (id, _))| {
        let rest = &frames[at + 1..];
        let answer = rest.iter().position(|(other, _)| other == id)?;
        (!rest[answer].1).then(|| 1 + rest[..answer].iter().filter(|(_, is_query)| *is_query).count())
    });
    until_answered.collect()
}

#[test]
fn libmodbus_is_asked_several_things_at_a_time() {
    let all = pipelined(&mut Plc::start_libmodbus(&["tcp"]));
    assert!(all.last().is_some_and(|most| (6..=8).contains(most)), "{all:?}");
}

/// pymodbus's server keeps only the newest question and may give an answer its number; that is found out, and no value of
/// it is shown.
#[test]
fn pymodbus_is_found_out_to_take_one_thing_at_a_time() {
    let all = pipelined(&mut Plc::start(0));
    // Once a minute it may prove itself again.
    assert_eq!(all.get(all.len() / 2), Some(&1), "{all:?}");
}

#[test]
fn what_is_under_way_is_counted_until_its_answer() {
    let frames = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<String>>();
    let two = frames(&["1|Query: x", "2|Query: x", "2|Response: x", "1|Response: x", "3|Query: x", "3|Response: x"]);
    assert_eq!(under_way(&two), [2, 1, 1]);
    assert_eq!(under_way(&frames(&["1|Query: x", "2|Query: x", "2|Response: x"])), [1], "the first was lost");
}

/// A line full of rubbish is one line in the log, however long it lasts; each write is one, with who and when.
#[test]
fn the_log_has_who_wrote_and_no_flood() {
    let mut plant = Plant::start();
    let gateway = Gateway::demo(&plant);
    let run = gateway.run();
    gateway.watch(&["Fan_Mode"]).sees_good("Fan_Mode", PATIENCE);
    assert_eq!(gateway.tool(&["set", "Fan_Mode", "1"]).code, Some(0));
    let log = wait_for("the write", PATIENCE, || run.log(), |log| log.contains("write Fan_Mode"));
    let line = log.lines().find(|line| line.contains("write Fan_Mode")).expect("just seen");
    // When, the journal says.
    assert!(line.contains("write Fan_Mode = Int(1) by command line, user ") && line.ends_with(": confirmed"), "{line}");

    let before = run.log().len();
    plant.say("behaviour fan wrong crc");
    let timeouts = || {
        let said = gateway.tool(&["get", "sys.modbus.FAN.timeouts"]).out;
        said.split_whitespace().filter_map(|word| word.parse::<u64>().ok()).next_back().unwrap_or(0)
    };
    wait_for("twenty answers that are none", 3 * PATIENCE, timeouts, |count| *count > 20);
    let log = run.log()[before..].to_owned();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("FAN")).collect();
    assert!(lines.len() == 1 && lines[0].contains("FAN went offline"), "offline, once: {lines:#?}");
}
