//! Devices that are described once: found on the wire, pasted into a site, polled; and register maps at the command line.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use forebay_tests::{Gateway, PATIENCE, Said, Site, wait_for};

/// SunSpec's mark, the common model, model 103 of a three-phase inverter, the end; from 40001 on.
fn inverter() -> Vec<u16> {
    let text = |text: &str, words: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(words * 2, 0);
        bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>()
    };
    let neg = |n: i16| n as u16;
    let mut words = vec![0x5375, 0x6E53, 1, 66];
    words.extend([text("Acme", 16), text("Sun 12", 16), text("", 8), text("1.2", 8), text("SN-77", 16)].concat());
    words.extend([1, 0x8000, 103, 50, 174, 58, 58, 58, neg(-1), 4001, 4002, 4003, 2310, 2311, 2312, neg(-1)]);
    words.extend([1200, 1, 4998, neg(-2), 1210, 1, neg(-15), 1, 999, neg(-1), 0x0012, 0xD687, 0]);
    words.extend([0xFFFF, 0x8000, 6400, neg(-1), 0x8000, 0x8000, 0x8000, 412, 0x8000, 0x8000, neg(-1), 4]);
    words.resize(4 + 66 + 52, 0xFFFF);
    words.extend([0xFFFF, 0]);
    words
}

/// A Modbus TCP server with these holding registers from 40001 on, and nothing else; it ends with the process.
fn serve(words: Vec<u16>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let words = words.clone();
            std::thread::spawn(move || answer(stream, &words));
        }
    });
    port
}

fn answer(mut stream: TcpStream, words: &[u16]) {
    let mut head = [0; 6];
    while stream.read_exact(&mut head).is_ok() {
        let mut body = vec![0; u16::from_be_bytes([head[4], head[5]]).into()];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let word = |at: usize| usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
        let asked = (body[1] == 3).then(|| word(2).checked_sub(40_000)).flatten();
        let pdu = match asked.and_then(|from| words.get(from..from + word(4))) {
            Some(found) => {
                let data: Vec<u8> = found.iter().flat_map(|word| word.to_be_bytes()).collect();
                [vec![3, data.len() as u8], data].concat()
            }
            None => vec![body[1] | 0x80, if body[1] == 3 { 2 } else { 1 }],
        };
        let length = (pdu.len() as u16 + 1).to_be_bytes();
        if stream.write_all(&[&head[..4], &length, &body[..1], &pdu].concat()).is_err() {
            return;
        }
    }
}

#[test]
fn an_inverter_is_identified_pasted_into_a_site_and_polled() {
    // An inverter nobody described: `identify` says what to paste; the site with it checks and runs, in one process and
    // daemon by daemon; the history keeps what the device brought.
    let port = serve(inverter());
    let empty = Gateway::new(Site::small());
    let said = empty.say(["modbus", "identify", &format!("127.0.0.1:{port}")]);
    assert!(said.out.contains("  vendor: Acme\n"), "{said:?}");
    let entry = "- {device: sunspec-inverter, line: LINE, unit: 1, base: 40070}\n";
    assert!(said.out.contains(entry) && said.out.contains("device: sunspec-common"), "{said:?}");

    let pasted = entry.replace("LINE", "INV").replace("unit: 1", "unit: 1, prefix: Inv_");
    let client =
        format!("bus_port: @BUS@\nrtus: [{{name: INV, ip: 127.0.0.1, port: {port}, rate: 0.2}}]\ndevices:\n{pasted}");
    let site = Site::of(&[
        ("bus.yaml", "port: @BUS@\n"),
        ("tags.yaml", "Inv_power: {alarm: '> 20000'}\n"),
        ("modbusclient.yaml", &client),
    ]);
    let looks = |gateway: &Gateway| {
        gateway.wait_tag("Inv_power", |line| line.contains("  12000  good  "));
        gateway.wait_tag("Inv_frequency", |line| line.contains("  49.98  good  "));
        gateway.wait_tag("Inv_dc_power", |line| line.contains("  missing: "));
    };
    {
        let gateway = Gateway::new(site.clone());
        let said = gateway.say(["check", "."]);
        assert!(said.code == Some(0) && said.out.contains("23 tags"), "{said:?}");
        let _process = gateway.run();
        looks(&gateway);
    }
    let gateway = Gateway::new(site.file("history.yaml", "bus_port: @BUS@\nflush_s: 1\n"));
    let mut bus = gateway.daemon("bus");
    gateway.wait_listening(&mut bus, gateway.site.bus_port);
    let _daemons = [gateway.daemon("modbus"), gateway.daemon("history")];
    looks(&gateway);
    let state = gateway.folder.join("state");
    wait_for(
        "the inverter's power in the history of a daemon of its own",
        PATIENCE,
        || gateway.say(["history", "export", "Inv_power", "--state", state.to_str().unwrap()]).out,
        |csv| csv.contains(",Inv_power,12000.0,"),
    );
}

#[test]
fn register_maps_go_there_and_back_at_the_command_line() {
    // A vendor's list becomes a device of the site, which checks; it comes out again as the same list; a list with mistakes
    // is refused line by line.
    let gateway = Gateway::new(Site::small().file("modbusclient.yaml", "bus_port: @BUS@\n"));
    let write = |name: &str, text: &str| gateway.folder.write(&format!("site/{name}"), text);
    let list = "# desc: Pump drive\nname,type,address,access,scale,units,multi\nspeed,uint16,4x:12,r,0.1,rpm,\n\
                mode,uint16,4x:2,rw,,,Off|On\n";
    write("list.csv", list);
    let device = gateway.say(["modbus", "import", "--device", "list.csv"]);
    assert_eq!(device.code, Some(0), "{device:?}");
    write("devices/pump.yaml", &device.out);
    let client = "rtus: [{name: L, ip: 127.0.0.1, port: 9}]\ndevices: [{device: pump, line: L, unit: 3, prefix: P_}]\n";
    write("modbusclient.yaml", &format!("bus_port: {}\n{client}", gateway.site.bus_port));
    let checked = gateway.say(["check", ".", "--strict"]);
    assert!(checked.code == Some(0) && checked.out.contains("4 tags"), "{checked:?}");
    assert_eq!(gateway.say(["modbus", "export", ".", "--device", "pump"]).out, list);
    let unit = gateway.say(["modbus", "export", ".", "--line", "L", "--unit", "3"]).out;
    assert!(unit.contains("\nP_speed,uint16,4x:12,r,") && unit.contains("\nP_mode,uint16,4x:2,rw,"), "{unit}");
    let listed = gateway.say(["modbus", "devices", "."]).out;
    assert!(
        listed.lines().any(|line| line.starts_with("pump  ") && line.contains("Pump drive (2 values)")),
        "{listed}"
    );
    assert!(listed.contains("eastron-sdm630"), "{listed}");

    write("bad.csv", "name,type,address\na,int16,4x:1\nb,int32,4x:65536\nc,int61,4x:1\na,int16,4x:2\n");
    for way in [&["--device"][..], &["--line", "L"]] {
        let Said { code, out, .. } = gateway.say(["modbus", "import", "bad.csv"].iter().chain(way));
        assert_eq!(code, Some(78), "{out}");
        assert!(
            out.contains("bad.csv: line 4: type \"int61\"") && out.contains("bad.csv: line 5: a second \"a\""),
            "{out}"
        );
    }
    std::fs::write(gateway.dir().join("latin.csv"), b"name,type,address,units\na,int16,4x:1,\xb0C\n").unwrap();
    let said = gateway.say(["modbus", "import", "--device", "latin.csv"]);
    assert!(said.code == Some(78) && said.out.contains("latin.csv: line 2: a letter that is not UTF-8"), "{said:?}");
    let wrong = client.replace("device: pump", "device: pmup");
    write("modbusclient.yaml", &wrong);
    let said = gateway.say(["check", "."]);
    assert!(
        said.out.contains("modbusclient.yaml:2:20: error: device = \"pmup\"")
            && said.out.contains("did you mean \"pump\"?"),
        "{said:?}"
    );
}
