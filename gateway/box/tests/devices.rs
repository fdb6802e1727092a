//! Where the binary finds the devices that come with it.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::Command;

const PUMP: &str = "desc: Pump drive\nregisters: {speed: {type: int16, read: '4x:1'}}\n";
const CLIENT: &str = "rtus: [{name: L, ip: 127.0.0.1}]\ndevices: [{device: pump, line: L, unit: 1}]\n";

/// As a package lays it out: the binary in `usr/bin`, the devices in `usr/share/forebay/devices`. A site that uses one checks
/// without a word of where they are; the environment says otherwise; a site's own comes first.
#[test]
fn devices_lie_beside_the_binary() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    for folder in ["usr/bin", "usr/share/forebay/devices", "other", "site"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    let binary = at("usr/bin/forebay");
    let built = Path::new(env!("CARGO_BIN_EXE_forebay"));
    // Of one file system a name is enough; the binary is large.
    fs::hard_link(built, &binary).or_else(|_| fs::copy(built, &binary).map(drop)).unwrap();
    fs::write(at("usr/share/forebay/devices/pump.yaml"), PUMP).unwrap();
    fs::write(at("site/tags.yaml"), "").unwrap();
    fs::write(at("site/modbusclient.yaml"), CLIENT).unwrap();
    let say = |devices: Option<&Path>, words: &[&str]| {
        let mut command = Command::new(&binary);
        command.args(words).current_dir(root.path()).env_remove("FOREBAY_DEVICES");
        let said = command.envs(devices.map(|devices| ("FOREBAY_DEVICES", devices))).output().unwrap();
        (said.status.code(), String::from_utf8(said.stdout).unwrap())
    };
    assert_eq!(say(None, &["modbus", "devices"]), (Some(0), "pump  Pump drive (1 value)\n".into()));
    assert_eq!(say(None, &["check", "site", "--strict"]).0, Some(0));
    let (code, out) = say(Some(&at("other")), &["check", "site"]);
    assert!(code == Some(78) && out.contains("modbusclient.yaml:2:20: error: device = \"pump\""), "{out}");
    fs::create_dir(at("site/devices")).unwrap();
    fs::write(at("site/devices/pump.yaml"), PUMP.replace("Pump drive", "Ours")).unwrap();
    assert_eq!(say(Some(&at("other")), &["check", "site", "--strict"]).0, Some(0));
    assert_eq!(say(None, &["modbus", "devices", "site"]), (Some(0), "pump  Ours (1 value)\n".into()));
    assert!(say(None, &["modbus", "export", "site", "--device", "pump"]).1.starts_with("# desc: Ours\n"));
    assert_eq!(say(None, &["modbus", "export", "--device", "pmup"]).0, Some(78));
}
