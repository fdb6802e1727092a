//! The arrows between the rooms, as gateway/ARCHITECTURE.md draws them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Each room and the rooms it may know.
const ARROWS: &[(&str, &[&str])] = &[
    ("tag", &[]),
    ("wire", &["tag"]),
    ("site", &["tag"]),
    ("shell", &["tag"]),
    ("thrift", &[]),
    ("link", &["tag", "wire", "shell"]),
    ("bus", &["tag", "wire", "shell"]),
    ("modbus", &["tag", "site", "shell", "link"]),
    ("history", &["tag", "site", "shell", "link"]),
    ("www", &["tag", "site", "shell", "link"]),
    ("box", &["tag", "site", "shell", "link", "bus", "modbus", "history", "www", "thrift"]),
    ("sim", &["shell"]),
];

/// Rooms without a runtime: nothing in them can wait, open or read.
const PURE: &[&str] = &["tag", "wire", "site"];

#[test]
fn rooms_know_only_the_rooms_they_may() {
    for (room, known) in dependencies(|name| name.strip_prefix("forebay-")) {
        let Some((_, may)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            assert!(room == "tests" || room == "bench", "a room without arrows: {room}");
            continue;
        };
        for other in known {
            assert!(may.contains(&other.as_str()), "{room} depends on {other}; if it must, draw the arrow");
        }
    }
}

#[test]
fn pure_rooms_have_no_runtime() {
    const RUNTIMES: [&str; 5] = ["tokio", "tokio-util", "nix", "systemd", "hyper"];
    for (room, found) in dependencies(|name| RUNTIMES.contains(&name).then_some(name)) {
        assert!(!PURE.contains(&room.as_str()) || found.is_empty(), "{room} depends on {found:?}");
    }
}

/// The ordinary dependencies of each member that `pick` picks, by its name without our prefix.
fn dependencies(pick: impl Fn(&str) -> Option<&str>) -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut all = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let ordinary = package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"].is_null());
        let picked = ordinary.filter_map(|d| pick(d["name"].as_str().unwrap())).map(str::to_owned).collect();
        all.insert(name.strip_prefix("forebay-").unwrap_or(name).to_owned(), picked);
    }
    assert!(all.len() >= 12, "the workspace's members: {all:?}");
    all
}
