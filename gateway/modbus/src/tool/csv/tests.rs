//! Maps there and back, their mistakes, and rubbish.
#![allow(clippy::unwrap_used, reason = "a test")]

use super::*;

fn lines(text: &str, line: &str, unit: u8) -> (Vec<String>, Vec<String>) {
    import(text).unwrap().lines(line, unit).unwrap()
}

#[test]
fn a_vendors_list_becomes_lines_of_a_site() {
    let text = "\u{feff}Name;Type;Address;Scale;Units;Access;Desc\r\nU_L1;int16;4x:1;0.1;V;r;\"Phase 1; to \"\"N\"\"\"\r\n\r\nSet;float32;400003;;;rw;It's\r\n";
    let (modbus, tags) = lines(text, "M", 5);
    assert_eq!(
        modbus,
        [
            "'U_L1': {type: int16, read: 'M:5:4x:1', scale: 0.1}",
            "'Set': {type: float32, read: 'M:5:4x:3', write: 'M:5:4x:3'}",
        ]
    );
    assert_eq!(
        tags,
        ["'U_L1': {type: float, desc: 'Phase 1; to \"N\"', units: 'V'}", "'Set': {type: float, desc: 'It''s'}"]
    );
}

#[test]
fn a_vendors_list_becomes_a_device() {
    let text = "# desc: Pump drive\n# a word to people\n# source: Manual 3, page 7\n# base: 100\n\
                name,type,address,access,write,states,multi,no_value,alarm,min,max\n\
                state,uint16,4x:3,r,,1 4,Stopped|Running,0xFFFF,== 1 for 5,,\n\
                # half of the map\n\
                speed,int16,4x:4,r,4x:9,,,,> 5|< -5,-10,10\nstart,bool,0x:1,w,,,,,,,\n";
    let device = import(text).unwrap().device();
    assert_eq!(
        device,
        "desc: 'Pump drive'\nsource: ['Manual 3, page 7']\nbase: 100\nregisters:\n\
         \x20 'state': {type: uint16, read: '4x:3', no_value: [65535], states: [1, 4], multi: ['Stopped', 'Running'], alarm: ['== 1 for 5']}\n\
         \x20 'speed': {type: int16, read: '4x:4', write: '4x:9', alarm: ['> 5', '< -5'], min: -10, max: 10}\n\
         \x20 'start': {type: bool, write: '0x:1'}\n"
    );
    let (made, findings) = site::read_device("pump", device.as_bytes(), &|_| None);
    assert!(findings.is_empty(), "{findings:#?}");
    assert_eq!(made.unwrap().registers.len(), 3);
    // As lines of a site it would be read 100 registers too low.
    assert!(import(text).unwrap().lines("L", 1).unwrap_err().contains("(base)"));
    let plain = text.replace("# base: 100", "# base: 0");
    assert_eq!(lines(&plain, "L", 1).0.len(), 3);
}

/// Each map that comes with the gateway goes out as CSV and comes back as the same device.
#[test]
fn a_device_comes_back_as_it_went() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/devices");
    let all = site::Devices::of(None, &|_| Some(folder.to_owned())).files();
    assert!(all.len() >= 5);
    for (name, path) in all {
        let device = site::load_device(&path, &|_| None).0.unwrap();
        let csv = export_device(&device);
        let back = import(&csv).unwrap_or_else(|wrong| panic!("{name}: {wrong:#?}\n{csv}"));
        let (back, findings) = site::read_device(&name, back.device().as_bytes(), &|_| None);
        assert!(findings.is_empty(), "{name}: {findings:#?}");
        assert_eq!(back.unwrap(), device, "{name}");
    }
    let own = "desc: 'Odd; \"one\"'\nregisters:\n  '#a, b': {type: float64, order: fehgbadc, read: '4x:5', rate: 0.5, group: G, \
               stale_s: 9}\n  t: {type: uint64, read: '4x:9', format: datetime, deadband: 2}\n  s: {type: bytes, length: 3, read: \
               '3x:1'}\n  w: {type: uint8, write: '4x:3', no_value: [255, 7], offset: -40, scale: 1.0e-7}\n";
    let device = site::read_device("own", own.as_bytes(), &|_| None).0.unwrap();
    let csv = export_device(&device);
    let back = import(&csv).unwrap_or_else(|wrong| panic!("{wrong:#?}\n{csv}")).device();
    assert_eq!(site::read_device("own", back.as_bytes(), &|_| None).0.unwrap(), device, "{csv}");
}

/// The tags of a site go out as CSV and come back as the same lines.
#[test]
fn a_sites_unit_comes_back_as_it_went() {
    let modbus = "rtus: [{name: L, ip: x}]\ntags:\n  A: {type: int16, read: 'L:2:4x:1', write: 'L:2:4x:5', scale: 0.1}\n  \
                  B: {type: int16, read: 'L:3:4x:1'}\n  C: {type: uint32, read: 'L:2:3x:9', sunssf: 'L:2:3x:8', no_value: [1, 2]}\n";
    let tags = "A: {units: V, min: 0, max: 5}\nB: {type: int}\nC: {desc: Power, dp: 0, alarm: '> 5'}\n";
    let load = |modbus: &str, tags: &str| {
        let files = [("modbusclient.yaml", modbus), ("tags.yaml", tags)];
        let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        let loaded = site::load_files(std::path::Path::new("s"), &files, &|_| None);
        assert!(loaded.findings.is_empty(), "{:#?}", loaded.findings);
        loaded.site.unwrap()
    };
    let site = load(modbus, tags);
    let client = site.modbus_client.as_ref().unwrap();
    let csv = export(client, &site.tags, "L", 2);
    let (modbus, tags) = lines(&csv, "L", 2);
    let again = load(&format!("rtus: [{{name: L, ip: x}}]\ntags:\n  {}\n", modbus.join("\n  ")), &tags.join("\n"));
    let expected: Vec<_> = client.tags.iter().filter(|tag| tag.name.as_str() != "B").cloned().collect();
    assert_eq!(again.modbus_client.unwrap().tags, expected, "{csv}");
    assert_eq!(again.tags[..], [site.tags[0].clone(), site.tags[2].clone()], "{csv}");
}

#[test]
fn every_mistake_has_its_line() {
    let text = "name,type,address,scale,length,order\nA,int15,4x:1\nB,int16,40001\nC,int16,4x:1,x\nD,string,4x:1\n\
                E,int16,4x:1,0\nF,int16,4x:1,,3\nH,int16,4x:1,,,xyz\nI,int16,4x:1\nI,int16,4x:2\n,int16,4x:2\n\
                K,int16,4x:2,,,,,,\n";
    let wrong = import(text).unwrap_err();
    let of = |wrong: &[String]| wrong.iter().map(|line| line.split(':').next().unwrap().to_owned()).collect::<Vec<_>>();
    let expected =
        ["line 2", "line 3", "line 4", "line 5", "line 6", "line 7", "line 8", "line 10", "line 11", "line 12"];
    assert_eq!(of(&wrong), expected, "{wrong:#?}");
    // Mistakes of both kinds, of a line alone and of what the site's own check sees, are all told at once.
    let wrong = import("name,type,address,access\nA,int32,4x:65536\nB,int15,4x:1\nC,int16,3x:1,rw\nC,int16,4x:9\n")
        .unwrap_err();
    assert_eq!(of(&wrong), ["line 2", "line 3", "line 4", "line 5"], "{wrong:#?}");
    // What only the site's own check sees.
    let text = "# base: 5\nname,type,address,access,states,multi,alarm,sunssf,min,max\n\
                A,int16,4x:1\n\"B\",int32,4x:65536\n\nC,int16,3x:1,rw\nD,uint16,4x:1,r,1 2,One\nE,int16,4x:1,,,,>5\n\
                F,int16,4x:1,,,,,3x:1\nG,int16,4x:1,,,,,,5,1\nH,bool,4x:1\n";
    let wrong = import(text).unwrap_err();
    let expected = ["line 4", "line 6", "line 7", "line 8", "line 9", "line 10", "line 11"];
    assert_eq!(of(&wrong), expected, "{wrong:#?}");
    assert!(wrong[0].contains("its 2 words end past 65536"), "{wrong:#?}");
    assert_eq!(of(&import("# base: x\nname,type,address\nA,int16,4x:1\n").unwrap_err()), ["the remarks"]);
    assert!(import("name,typ,address\n").unwrap_err().len() == 2, "a missing one and an odd one");
    assert_eq!(import("").unwrap_err(), ["an empty file"]);
    assert_eq!(import("name,type,address\n").unwrap_err(), ["line 1: no registers below it"]);
}
