//! Whether the wall clock can be believed: what the machine itself says of it.

use std::fs;
use std::path::Path;

/// How well the wall clock is known to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// A time server was asked since the machine was switched on.
    Synchronised,
    /// Nobody says that it is wrong: a battery-backed clock set it, or something of which this doesn't know keeps it.
    Kept,
    /// Nobody has set it yet since the machine was switched on.
    Unset,
}

/// systemd-timesyncd's folder, there while it runs; the file in it appears with the first answer of a time server.
const TIMESYNC: &str = "run/systemd/timesync";

/// Below it each real-time clock; its `hctosys` is 1 for the one the kernel set its clock from.
const CLOCKS: &str = "sys/class/rtc";

/// The kernel's name for this boot.
const BOOT: &str = "proc/sys/kernel/random/boot_id";

/// Hands the same name in where `/proc/sys` is hidden from a daemon.
const BOOT_VARIABLE: &str = "FOREBAY_BOOT";

/// What the files below `root` (`/` on a machine) say.
pub(crate) fn trust_of(root: &Path) -> Trust {
    let timesync = root.join(TIMESYNC);
    if timesync.join("synchronized").exists() {
        return Trust::Synchronised;
    }
    let clocks = fs::read_dir(root.join(CLOCKS)).into_iter().flatten().flatten();
    let mut set_it = clocks.map(|clock| fs::read_to_string(clock.path().join("hctosys")).unwrap_or_default());
    if timesync.exists() && !set_it.any(|said| said.trim() == "1") { Trust::Unset } else { Trust::Kept }
}

/// This boot's name; empty where it can't be learned.
pub(crate) fn boot_of(root: &Path, given: Option<String>) -> String {
    let read = || fs::read_to_string(root.join(BOOT)).unwrap_or_default();
    let name = given.filter(|name| !name.is_empty()).unwrap_or_else(read);
    // With and without dashes it is the same boot.
    name.chars().filter(char::is_ascii_hexdigit).collect()
}

/// What the environment gives as this boot's name.
pub(crate) fn boot_given() -> Option<String> {
    std::env::var(BOOT_VARIABLE).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_clock_is_unset_until_a_time_server_or_a_battery_has_set_it() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(trust_of(root.path()), Trust::Kept, "nothing here keeps it: whoever does, knows better");
        fs::create_dir_all(root.path().join(TIMESYNC)).unwrap();
        assert_eq!(trust_of(root.path()), Trust::Unset, "it is about to be asked for");
        write(root.path(), "sys/class/rtc/rtc0/hctosys", "0\n");
        assert_eq!(trust_of(root.path()), Trust::Unset, "a clock that was read too late");
        write(root.path(), "sys/class/rtc/rtc1/hctosys", "1\n");
        assert_eq!(trust_of(root.path()), Trust::Kept);
        write(root.path(), "run/systemd/timesync/synchronized", "");
        assert_eq!(trust_of(root.path()), Trust::Synchronised);
    }

    #[test]
    fn a_boot_has_one_name_however_it_is_told() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(boot_of(root.path(), None), "");
        write(root.path(), BOOT, "285228df-9ad1-4254-9fa2-df2ef4284d4d\n");
        assert_eq!(boot_of(root.path(), None), "285228df9ad142549fa2df2ef4284d4d");
        let given = Some("285228df9ad142549fa2df2ef4284d4d".to_owned());
        assert_eq!(boot_of(root.path(), given), boot_of(root.path(), Some(String::new())));
    }
}
