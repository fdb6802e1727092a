//! Modbus RTU over a pseudo-terminal: our plant's fan drive, and pymodbus as a slave nobody here wrote.

use std::time::{Duration, Instant};

use forebay_tests::{Gateway, PATIENCE, Plant, Plc, SerialPair, Site};

/// The fan's line is polled every second; a loaded test machine gets a second more.
const BACK: Duration = Duration::from_secs(1 + 1 + 1);

#[test]
fn the_fans_drive_is_read_and_written_over_its_line() {
    let mut plant = Plant::start();
    let gateway = Gateway::demo(&plant);
    let _run = gateway.run();
    let mut watch = gateway.watch(&["Fan_Speed", "Fan_SpeedSet", "Fan_Mode", "Hall_Temp", "Fan_Hours"]);
    for tag in ["Fan_Speed", "Fan_SpeedSet", "Fan_Mode", "Hall_Temp"] {
        watch.sees_good(tag, PATIENCE);
    }
    assert_eq!(gateway.tool(&["set", "Fan_Mode", "1"]).code, Some(0));
    assert_eq!(gateway.tool(&["set", "Fan_SpeedSet", "31.5"]).code, Some(0), "confirmed by what the drive reads back");
    assert_eq!(
        (plant.peek("fan", "4x:1"), plant.peek("fan", "4x:2")),
        (1, 3150),
        "in hundredths, in its own registers"
    );
    watch.sees("the speed follows", PATIENCE, |line| {
        line.tag == "Fan_Speed" && line.number().is_some_and(|speed| speed > 1.0)
    });
    let said = gateway.tool(&["set", "Fan_SpeedSet", "51"]);
    assert!(said.code == Some(1) && said.out.contains("refused"), "{said:?}");
    assert_eq!(plant.peek("fan", "4x:2"), 3150);
}

#[test]
fn a_drive_that_falls_silent_or_lies_is_held_and_comes_back() {
    let mut plant = Plant::start();
    let gateway = Gateway::demo(&plant);
    let _run = gateway.run();
    let mut watch = gateway.watch(&["Fan_SpeedSet"]);
    watch.sees_good("Fan_SpeedSet", PATIENCE);
    for behaviour in ["silent", "slow 900", "wrong crc"] {
        plant.say(&format!("behaviour fan {behaviour}"));
        let held = watch.sees_held("Fan_SpeedSet", PATIENCE);
        plant.say("behaviour fan normal");
        let returned = Instant::now();
        let took = watch.sees_good("Fan_SpeedSet", PATIENCE).seen.saturating_duration_since(returned);
        eprintln!(
            "{behaviour}: {}; good again after {:.2} s (aim: poll + 1 s = 2 s)",
            held.quality,
            took.as_secs_f64()
        );
        assert!(took <= BACK, "{behaviour}: good again only after {took:?}");
    }
}

#[test]
fn a_line_that_is_unplugged_and_plugged_in_again() {
    // The whole plant goes off the wire: the pseudo-terminal is gone, its link too; then a new one is there.
    let mut plant = Plant::start();
    let gateway = Gateway::demo(&plant);
    let _run = gateway.run();
    let mut watch = gateway.watch(&["Fan_SpeedSet", "IntSet"]);
    watch.sees_good("Fan_SpeedSet", PATIENCE);
    watch.sees_good("IntSet", PATIENCE);
    plant.say("kill");
    watch.sees_held("IntSet", PATIENCE);
    watch.sees_held("Fan_SpeedSet", PATIENCE);
    plant.say("restart");
    let returned = Instant::now();
    let took = watch.sees_good("Fan_SpeedSet", PATIENCE).seen.saturating_duration_since(returned);
    eprintln!("plugged in again: good after {:.2} s (aim: poll + 1 s = 2 s)", took.as_secs_f64());
    assert!(took <= BACK, "good again only after {took:?}");
}

#[test]
fn a_slave_that_nobody_here_wrote() {
    // pymodbus as an RTU slave at the other end of a cable: read, written, silent, and back.
    let cable = SerialPair::new();
    let mut plc = Plc::start_serial(&cable.far.to_string_lossy());
    plc.poke(1, &[0x4148, 0, 77]);
    let modbus = format!(
        "bus_port: @BUS@\nrtus:\n- {{name: L, serial: {}, baud: 9600, rate: 0.5, timeout_ms: 500}}\ntags:\n  \
         level: {{type: float32, read: 'L:1:4x:1', order: abcd}}\n  \
         gate: {{type: int16, read: 'L:1:4x:11', write: 'L:1:4x:11'}}\n",
        cable.near.display()
    );
    let tags = "level: {type: float}\ngate: {type: int, min: -100, max: 100}\n";
    let gateway = Gateway::new(
        Site::of(&[("bus.yaml", "port: @BUS@\n"), ("tags.yaml", tags)]).file("modbusclient.yaml", &modbus),
    );
    let _run = gateway.run();
    let mut watch = gateway.watch(&["level", "gate"]);
    watch.reaches("level 12.5", "level", PATIENCE, |line| line.is_good() && line.number() == Some(12.5));
    watch.sees_good("gate", PATIENCE);
    assert_eq!(gateway.tool(&["set", "gate", "-5"]).code, Some(0), "confirmed");
    assert_eq!(plc.words(11, 1), [(-5_i16) as u16]);
    plc.say("silence on");
    watch.sees_held("level", PATIENCE);
    plc.say("silence off");
    let returned = Instant::now();
    let took = watch.sees_good("level", PATIENCE).seen.saturating_duration_since(returned);
    eprintln!("pymodbus over RTU: good again after {:.2} s (aim: poll + 1 s = 1.5 s)", took.as_secs_f64());
    assert!(took <= BACK, "good again only after {took:?}");
}
