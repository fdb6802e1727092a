//! Every function of a master from the command line, against the plant over TCP and over its serial line.

use forebay_tests::{Gateway, PATIENCE, Plant, Said, Site, wait_for};

#[test]
fn every_function_is_there_at_the_command_line() {
    // The plant's PLCs, its meter and its fan; no site runs.
    let mut plant = Plant::start();
    let gateway = Gateway::new(Site::small());
    let plc = format!("127.0.0.1:{}", plant.port("demo"));
    let station = format!("127.0.0.1:{}", plant.port("station"));
    let fan = plant.serial.to_str().unwrap().to_owned();
    let ask = |words: &[&str]| gateway.say(["modbus"].iter().chain(words));
    let good = |words: &[&str], part: &str| {
        let said = ask(words);
        assert!(said.code == Some(0) && said.out.contains(part), "{words:?}: {said:?}");
        said.out
    };
    // 3, 4, 1 and 2.
    good(&["read", &plc, "4x:1", "2"], "4x:2 ");
    good(&["read", &station, "3x:1", "2", "--unit", "2"], "float32 cdab");
    good(&["read", &station, "0x:1", "2"], "0x:2 ");
    good(&["read", &station, "1x:1"], "1x:1 ");
    // 6, 16 and 5; and 22 for a bit.
    good(&["write", &plc, "4x:1", "-5"], "confirmed: the device holds it");
    assert_eq!(plant.peek("plc1", "4x:1"), (-5_i16) as u16);
    good(&["write", &plc, "4x:3", "20.5", "--type", "float32"], "confirmed");
    assert_eq!((plant.peek("plc1", "4x:3"), plant.peek("plc1", "4x:4")), (0x41A4, 0));
    good(&["write", &station, "0x:2", "1"], "confirmed");
    good(&["write", &plc, "4x:1.2", "0"], "confirmed");
    assert_eq!(plant.peek("plc1", "4x:1"), (-5_i16) as u16 & !4);
    // 23: written first, then read.
    let out = good(&["write", &plc, "4x:1", "77", "--read", "4x:1", "--count", "4"], "written; and then");
    let rows: Vec<&str> = out.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    // The second one follows the first, ten a second.
    assert_eq!((rows.len(), rows[0], &rows[2..]), (4, "004d", &["41a4", "0000"][..]), "{out}");
    assert_eq!(plant.peek("plc1", "4x:1"), 77);
    for wrong in
        [&["4x:1", "77", "--read", "3x:1"][..], &["4x:1.2", "1", "--read", "4x:1"], &["0x:1", "1", "--read", "4x:1"]]
    {
        let Said { code, err, .. } = ask(&[&["write", &plc], wrong].concat());
        assert!(code == Some(78) && err.contains("whole holding registers"), "{wrong:?}: {err}");
    }
    // 43/14 and 17.
    let who = good(&["identify", &plc], "vendor: Forebay");
    assert!(who.contains("server id (function 17): Forebay simulated device"), "{who}");
    // Broadcast: nobody answers, the device does it.
    good(&["write", &fan, "4x:2", "3000", "--unit", "0"], "sent to all units; none of them answers");
    wait_for("the fan's set-point", PATIENCE, || plant.peek("fan", "4x:2"), |word| *word == 3000);
}
