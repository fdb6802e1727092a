//! The Modbus server between masters and PLCs that nobody here wrote, and Modbus at the command line against them.

use forebay_tests::{Gateway, PATIENCE, Peer, Plc, Process, Site, free_port, wait_for};

const TAGS: &str = "level: {desc: Level, type: float}\ngate_sp: {desc: Gate, type: int, min: 0, max: 100}\n\
                    stop_sp: {desc: End stop, type: int, min: 0, max: 100, past_limits: clamp}\n";

#[test]
fn pymodbus_reads_and_writes_a_pymodbus_plc_through_the_gateway() {
    let mut plc = Plc::start(0);
    plc.poke(1, &[0x4148, 0]);
    plc.poke(11, &[7, 8]);
    let port = free_port();
    let client = format!(
        "bus_port: @BUS@\nrtus:\n- {{name: P, ip: 127.0.0.1, port: {}, rate: 0.2}}\ntags:\n  \
         level: {{type: float32, read: 'P:1:4x:1'}}\n  gate_sp: {{type: int16, read: 'P:1:4x:11', write: 'P:1:4x:11'}}\n  \
         stop_sp: {{type: int16, read: 'P:1:4x:12', write: 'P:1:4x:12'}}\n",
        plc.port
    );
    let server = format!(
        "bus_port: @BUS@\nrtus:\n- name: S\n  ip: 127.0.0.1\n  port: {port}\n  serve:\n  \
         - {{unit: 1, file: 4x, start: 1, end: 50}}\ntags:\n  level: {{type: float32, addr: 'S:1:4x:1'}}\n  \
         gate_sp: {{type: int16, addr: 'S:1:4x:3'}}\n  stop_sp: {{type: int16, addr: 'S:1:4x:41'}}\n"
    );
    let site = Site::of(&[("bus.yaml", "port: @BUS@\n"), ("tags.yaml", TAGS)])
        .file("modbusclient.yaml", &client)
        .file("modbusserver.yaml", &server);
    let gateway = Gateway::new(site);
    let _run = gateway.run();
    let mut watch = gateway.watch(&["level", "gate_sp"]);
    watch.sees_good("level", PATIENCE);
    watch.sees_good("gate_sp", PATIENCE);
    // The server hears of it over the same bus, a moment later at most; its own tool waits for that.
    let device = format!("127.0.0.1:{port}");
    wait_for(
        "the server shows the level",
        PATIENCE,
        || gateway.say(["modbus", "read", &device, "4x:1", "41"]),
        |said| said.code == Some(0),
    );
    Peer::run("modbus_master", &["--port", &port.to_string()]);
    assert_eq!(plc.words(11, 1), [43], "it went all the way to the PLC");
    // Past the limit of a tag that is clamped: never an echo of a number that isn't there. What is there is the limit.
    let said = gateway.say(["modbus", "write", &device, "4x:41", "150"]);
    assert!(said.code == Some(1) && said.out.contains("refused: server device failure"), "{said:?}");
    assert_eq!(plc.words(12, 1), [100]);
    let said = gateway.say(["modbus", "read", &device, "4x:41"]);
    assert!(said.code == Some(0) && said.out.contains(" 0064 "), "{said:?}");
    // An old number isn't shown as a new one.
    plc.say("silence on");
    watch.sees_held("level", PATIENCE);
    // The server, too, hears of it over the bus.
    let read = || gateway.say(["modbus", "read", &device, "4x:1", "2"]);
    wait_for("an old number is refused", PATIENCE, read, |said| said.code != Some(0) && said.err.contains("refuses"));
}

#[test]
fn the_command_line_asks_a_plc_that_nobody_here_wrote() {
    let mut plc = Plc::start(0);
    plc.poke(1, &[0, 2304, 0x4366, 0x6666]);
    let gateway = Gateway::new(Site::of(&[("bus.yaml", "port: @BUS@\n")]));
    let device = format!("127.0.0.1:{}", plc.port);
    let said = gateway.say(["modbus", "read", &device, "4x:3", "2", "--shows", "230.4"]);
    assert!(said.code == Some(0), "{said:?}");
    assert!(said.out.contains("{type: float32, read: 'NAME:1:4x:3', order: abcd}"), "{said:?}");
    assert!(said.out.contains("{type: int16, read: 'NAME:1:4x:2', order: abcd, scale: 0.1}"), "{said:?}");
    let said = gateway.say(["modbus", "write", &device, "4x:20", "-12.5", "--type", "float32", "--order", "cdab"]);
    assert!(said.code == Some(0) && said.out.contains("confirmed"), "{said:?}");
    assert_eq!(plc.words(20, 2), [0, 0xC148]);
    // Function 23, and 22 for a bit.
    let said = gateway.say(["modbus", "write", &device, "4x:30", "7", "--read", "4x:30", "--count", "2"]);
    assert!(said.code == Some(0) && said.out.contains("\n4x:30     0007 "), "{said:?}");
    let said = gateway.say(["modbus", "write", &device, "4x:30.4", "1"]);
    assert!(said.code == Some(0) && said.out.contains("confirmed"), "{said:?}");
    assert_eq!(plc.words(30, 2), [0x17, 0]);
    let said = gateway.say(["modbus", "scan", &device, "--units", "1-3", "--timeout", "1000"]);
    assert!(said.code == Some(0) && said.out.contains("unit 1: answers"), "{said:?}");
    let said = gateway.say(["modbus", "scan", &device, "--units", "1", "--with", "4,43", "--timeout", "1000"]);
    assert!(said.code == Some(0) && said.out.contains("unit 1: answers function 4\n1 answered"), "{said:?}");
    let said = gateway.say(["modbus", "scan", &device, "--with", "6"]);
    assert!(
        said.code == Some(2) && said.err.contains("expected functions out of 3, 4, 1, 2, 8, 17, 43/14"),
        "{said:?}"
    );
    let said = gateway.say(["modbus", "identify", &device]);
    assert!(said.out.contains("server id (function 17): Pymodbus"), "{said:?}");
    let said = gateway.say(["modbus", "watch", &device, "4x:2", "--times", "2", "--every", "0.05"]);
    assert!(said.code == Some(0) && said.out.contains("4x:2  2304"), "{said:?}");
    // As people read it off, and where they slip.
    let said = gateway.say(["modbus", "read", &device, "4x:3", "2", "--shows", "230,4 V"]);
    assert!(said.out.contains("230.4        TAG: {type: int16, read: 'NAME:1:4x:2'"), "{said:?}");
    let said = gateway.say(["modbus", "read", &device, "4x:30.4"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "4x:30.4   1  {type: bool, read: 'NAME:1:4x:30.4'}\n"));
    let said = gateway.say(["modbus", "write", &device, "4x:40", "SN-77", "--type", "string", "--length", "4"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = gateway.say(["modbus", "read", &device, "4x:38", "6", "--shows", "SN-77"]);
    assert!(said.out.contains("TAG: {type: string, read: 'NAME:1:4x:40', length: 3, order: abcd}"), "{said:?}");
    for slip in [&["4x:65530", "8"][..], &["0x:1.3"]] {
        let said = gateway.say(["modbus", "read", &device].iter().chain(slip));
        assert!(said.code == Some(78), "{said:?}");
    }
    let said = gateway.say(["modbus", "read", "127.0.0.1:1", "4x:1"]);
    assert!(said.code == Some(1) && said.err.contains("can't connect"), "{said:?}");
}

#[test]
fn a_site_sets_a_plc_that_nobody_here_wrote_with_function_23() {
    let mut plc = Plc::start(0);
    plc.poke(1, &[0, 0, 5]);
    let client = format!(
        "bus_port: @BUS@\nrtus: [{{name: P, ip: 127.0.0.1, port: {}, rate: 0.2, write_read: yes}}]\ntags:\n  \
         set: {{type: float32, read: 'P:1:4x:1', write: 'P:1:4x:1'}}\n  bit: {{type: bool, read: 'P:1:4x:3.1', write: 'P:1:4x:3.1'}}\n",
        plc.port
    );
    let tags = "set: {min: 0, max: 100}\nbit: {type: int}\n";
    let gateway =
        Gateway::new(Site::of(&[("bus.yaml", "port: @BUS@\n"), ("tags.yaml", tags), ("modbusclient.yaml", &client)]));
    let _process = gateway.run();
    gateway.wait_tag("set", |line| line.contains("  good  "));
    for (tag, value) in [("set", "20.5"), ("bit", "1"), ("set", "-1")] {
        let said = gateway.tool(&["set", tag, value]);
        let done = value != "-1";
        assert_eq!(
            (said.code, said.out.contains("confirmed")),
            (Some(i32::from(!done)), done),
            "{tag} {value}: {said:?}"
        );
    }
    assert_eq!(plc.words(1, 3), [0x41A4, 0, 7]);
    let file = gateway.folder.join("frames.pcap");
    let said = gateway.tool(&["modbus", "frames", "P", file.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    // Modbus TCP's header, unit 1, function 23: read from 0 two words, write to 0 two words in four bytes.
    let asked = [0, 0, 0, 15, 1, 23, 0, 0, 0, 2, 0, 0, 0, 2, 4, 0x41, 0xA4, 0, 0];
    let frames = std::fs::read(&file).unwrap();
    assert!(frames.windows(asked.len()).any(|window| window == asked), "the frames hold the request");
}

/// A device that is switched off and on is watched on; what happened meanwhile is said.
#[test]
fn a_watched_device_may_go_and_come_back() {
    let port = free_port();
    let mut plc = Plc::start(port);
    plc.poke(1, &[11]);
    let gateway = Gateway::new(Site::of(&[("bus.yaml", "port: @BUS@\n")]));
    let device = format!("127.0.0.1:{port}");
    let mut command = gateway.command(["modbus", "watch", &device, "4x:1", "--every", "0.05", "--timeout", "300"]);
    let watch = Process::start("forebay-watch", &mut command, gateway.folder.path());
    let says = |what: &str| wait_for(what, PATIENCE, || watch.log(), |log| log.contains(what));
    says("4x:1  11\n");
    drop(plc);
    says("4x:1  can't connect: ");
    let mut plc = Plc::start(port);
    plc.poke(1, &[22]);
    says("4x:1  22\n");
}
