//! What SSDs say of their wear. The kernel doesn't show it in a file: smartmontools' `smartctl` asks the drive, where it
//! is installed and this process may. Where it isn't, or the drive says nothing, there is nothing to tell.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::store::Wear;

/// Drives that are asked: a box has one or two.
const DRIVES_MAX: usize = 8;

/// A drive has so many looks of so long to answer: ten seconds.
const LOOKS: u32 = 200;
const LOOK: Duration = Duration::from_millis(50);

/// What `smartctl` says of a drive is some ten kilobytes.
const SAID_BYTES_MAX: u64 = 1 << 20;

/// ATA has no attribute for wear that all makers share. These count down from 100 wherever they have these names.
const LEFT: [&str; 5] = [
    "SSD_Life_Left",
    "Media_Wearout_Indicator",
    "Percent_Lifetime_Remain",
    "Wear_Leveling_Count",
    "Remaining_Lifetime_Perc",
];

/// One maker's [`LEFT`] counts up under this number.
const COUNTS_UP: u64 = 230;

/// Every drive below `root` that is no disk of plates, asked with this program. Takes its time.
pub(crate) fn ask(root: &Path, program: &OsStr) -> Vec<Wear> {
    let devices = fs::read_dir(root.join("sys/block")).into_iter().flatten().flatten();
    let mut names: Vec<String> = devices.filter_map(|device| device.file_name().into_string().ok()).collect();
    let plates = |name: &str| fs::read_to_string(root.join("sys/block").join(name).join("queue/rotational"));
    names.retain(|name| {
        (name.starts_with("nvme") || name.starts_with("sd")) && !plates(name).is_ok_and(|is| is.trim() == "1")
    });
    names.sort();
    names.truncate(DRIVES_MAX);
    let told = |name: &String| understand(name, &serde_json::from_slice(&say(program, name)?).ok()?);
    names.iter().filter_map(told).collect()
}

/// What the program says of a drive, if it ends in time.
fn say(program: &OsStr, device: &str) -> Option<Vec<u8>> {
    let mut child = Command::new(program)
        .args(["--json", "--health", "--attributes"])
        .arg(format!("/dev/{device}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let said = child.stdout.take()?;
    let (tell, told) = sync_channel(1);
    let read = move || {
        let mut bytes = Vec::new();
        if said.take(SAID_BYTES_MAX).read_to_end(&mut bytes).is_ok() {
            let _ = tell.send(bytes);
        }
    };
    let reading = thread::Builder::new().name("history-smart".into()).spawn(read);
    let mut ended = reading.is_err();
    for _ in 0..LOOKS {
        // Its exit status is a set of flags of which most say something about the drive.
        ended = ended || !matches!(child.try_wait(), Ok(None));
        if ended {
            break;
        }
        thread::sleep(LOOK);
    }
    if !ended {
        log::debug!("smartctl doesn't answer for {device}");
    }
    let _ = child.kill();
    let _ = child.wait();
    told.recv_timeout(LOOK).ok()
}

/// `None`: it says nothing of wear.
fn understand(device: &str, said: &Value) -> Option<Wear> {
    let number = |path: &str| said.pointer(path).and_then(Value::as_u64);
    let table = said.pointer("/ata_smart_attributes/table").and_then(Value::as_array);
    let is_left = |row: &&Value| {
        let named = row["name"].as_str().is_some_and(|name| LEFT.contains(&name));
        named && row["id"].as_u64() != Some(COUNTS_UP)
    };
    let left: Vec<&Value> = table.into_iter().flatten().filter(is_left).collect();
    let least = left.iter().filter_map(|row| row["value"].as_u64()).filter(|left| *left <= 100).min();
    let used = number("/endurance_used/current_percent")
        .or_else(|| number("/nvme_smart_health_information_log/percentage_used"))
        .or(least.map(|left| 100 - left));
    let failed = said.pointer("/smart_status/passed").and_then(Value::as_bool) == Some(false);
    let spare = number("/nvme_smart_health_information_log/available_spare")
        .zip(number("/nvme_smart_health_information_log/available_spare_threshold"))
        .is_some_and(|(spare, least)| spare < least);
    let is_under =
        |row: &&Value| row["value"].as_u64().zip(row["thresh"].as_u64()).is_some_and(|(value, t)| t > 0 && value <= t);
    let is_near_end = failed || spare || left.iter().any(is_under);
    let used_percent = used.map(|used| u8::try_from(used).unwrap_or(u8::MAX));
    (used_percent.is_some() || is_near_end).then(|| Wear { device: device.to_owned(), used_percent, is_near_end })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    /// As smartctl 7 says it, in the parts that matter.
    const NVME: &str = r#"{"json_format_version":[1,0],"smartctl":{"version":[7,4],"exit_status":0},
        "device":{"name":"/dev/nvme0n1","type":"nvme","protocol":"NVMe"},"smart_status":{"passed":true,"nvme":{"value":0}},
        "nvme_smart_health_information_log":{"critical_warning":0,"temperature":41,"available_spare":100,
        "available_spare_threshold":10,"percentage_used":7,"data_units_written":6278655,"media_errors":0}}"#;
    const WORN: &str = r#"{"smart_status":{"passed":false,"nvme":{"value":1}},"nvme_smart_health_information_log":
        {"critical_warning":1,"available_spare":4,"available_spare_threshold":10,"percentage_used":255}}"#;
    const ATA: &str = r#"{"smart_status":{"passed":true},"ata_smart_attributes":{"revision":16,"table":[
        {"id":9,"name":"Power_On_Hours","value":95,"worst":95,"thresh":0,"when_failed":"","raw":{"value":2401,"string":"2401"}},
        {"id":177,"name":"Wear_Leveling_Count","value":88,"worst":88,"thresh":0,"when_failed":"","raw":{"value":30,"string":"30"}},
        {"id":230,"name":"Media_Wearout_Indicator","value":1,"worst":1,"thresh":0,"when_failed":"","raw":{"value":1,"string":"1"}}]}}"#;
    const NEWER: &str = r#"{"smart_status":{"passed":true},"endurance_used":{"current_percent":12},
        "spare_available":{"current_percent":100},"ata_smart_attributes":{"table":[]}}"#;
    const PLATES: &str = r#"{"smart_status":{"passed":true},"ata_smart_attributes":{"table":[{"id":5,
        "name":"Reallocated_Sector_Ct","value":100,"worst":100,"thresh":10}]}}"#;
    const REFUSED: &str =
        r#"{"smartctl":{"messages":[{"string":"Permission denied","severity":"error"}],"exit_status":2}}"#;

    /// A root with these drives, and a program that says a file of each.
    fn stage(drives: &[(&str, &str)], script: &str) -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        for (name, said) in drives {
            fs::create_dir_all(root.path().join("sys/block").join(name).join("queue")).unwrap();
            fs::write(root.path().join(name), said).unwrap();
        }
        let program = root.path().join("smartctl");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        (root, program)
    }

    #[test]
    fn drives_tell_what_they_know() {
        let _alone = crate::wear::tests::ONE_AT_A_TIME.lock();
        let drives = [
            ("nvme0n1", NVME),
            ("nvme1n1", WORN),
            ("sda", ATA),
            ("sdb", NEWER),
            ("sdc", PLATES),
            ("sdd", REFUSED),
            ("sde", "no JSON"),
            ("mmcblk0", NVME),
        ];
        // Its flags say that something once was not right: not that it has failed.
        let script =
            r#"[ "$1 $2 $3" = "--json --health --attributes" ] || exit 1; cat "$(dirname "$0")/${4#/dev/}"; exit 64"#;
        let (root, program) = stage(&drives, script);
        let told = |device: &str, percent, is_near_end| Wear {
            device: device.into(),
            used_percent: Some(percent),
            is_near_end,
        };
        let want =
            [told("nvme0n1", 7, false), told("nvme1n1", 255, true), told("sda", 12, false), told("sdb", 12, false)];
        assert_eq!(ask(root.path(), program.as_os_str()), want);
        fs::write(root.path().join("sys/block/sda/queue/rotational"), "1\n").unwrap();
        assert_eq!(ask(root.path(), program.as_os_str()).len(), 3, "plates aren't woken");
    }

    #[test]
    fn a_program_that_is_missing_or_says_no_end_costs_nothing() {
        let _alone = crate::wear::tests::ONE_AT_A_TIME.lock();
        let (root, program) = stage(&[("sda", ATA)], "yes");
        assert_eq!(ask(root.path(), OsStr::new("/nowhere/smartctl")), []);
        // It is cut off at its first megabyte, and then ends by the broken pipe.
        assert_eq!(ask(root.path(), program.as_os_str()), []);
    }
}
