//! What flash devices say of their wear: an eMMC's register EXT_CSD, as the kernel shows it in files anyone may read; an
//! SSD's own account, where `smartctl` may ask for it.

mod drives;
mod smart;

use std::fs;
use std::path::Path;

use crate::store::Wear;
pub(crate) use drives::Drives;

/// Every eMMC below `root` (`/` on a machine) that tells. A plain SD card doesn't.
pub(crate) fn wear(root: &Path) -> Vec<Wear> {
    let devices = fs::read_dir(root.join("sys/block")).into_iter().flatten().flatten();
    let mut told: Vec<Wear> = devices.filter_map(|device| of_mmc(&device.path())).collect();
    told.sort_by(|a, b| a.device.cmp(&b.device));
    told
}

fn of_mmc(device: &Path) -> Option<Wear> {
    let name = device.file_name()?.to_str().filter(|name| name.starts_with("mmcblk"))?;
    let read = |file: &str| fs::read_to_string(device.join("device").join(file)).ok();
    let numbers = |text: String| -> Vec<u8> {
        let hex = |word: &str| u8::from_str_radix(word.trim_start_matches("0x"), 16).ok();
        text.split_whitespace().filter_map(hex).collect()
    };
    // Two kinds of cells, each in tenths begun: 1 is up to 10 %, 11 is past the end. 0: it doesn't say.
    let tenths = read("life_time").map(numbers).unwrap_or_default().into_iter().filter(|n| (1..=11).contains(n)).max();
    // 1 normal, 2 warning, 3 urgent.
    let spare =
        read("pre_eol_info").map(numbers).and_then(|spare| spare.first().copied()).filter(|n| (1..=3).contains(n));
    if tenths.is_none() && spare.is_none() {
        return None;
    }
    let used_percent = tenths.map(|tenths| tenths * 10);
    Some(Wear { device: name.to_owned(), used_percent, is_near_end: spare.is_some_and(|spare| spare > 1) })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A program just written can't be started while another test's child, not yet itself, has its file open.
    pub(super) static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    #[test]
    fn an_emmc_tells_and_a_card_does_not() {
        let root = tempfile::tempdir().unwrap();
        let write = |device: &str, file: &str, text: &str| {
            let folder = root.path().join("sys/block").join(device).join("device");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(file), text).unwrap();
        };
        assert_eq!(wear(root.path()), []);
        write("mmcblk0", "type", "SD\n");
        write("sda", "life_time", "0x01 0x01\n");
        write("mmcblk2", "life_time", "0x02 0x04\n");
        write("mmcblk2", "pre_eol_info", "0x01\n");
        write("mmcblk1", "life_time", "0x0b 0x01\n");
        write("mmcblk1", "pre_eol_info", "0x02\n");
        write("mmcblk3", "life_time", "0x00 0x00\n");
        write("mmcblk3", "pre_eol_info", "nonsense\n");
        let told = |device: &str, percent, is_near_end| Wear {
            device: device.into(),
            used_percent: Some(percent),
            is_near_end,
        };
        assert_eq!(wear(root.path()), [told("mmcblk1", 110, true), told("mmcblk2", 40, false)]);
    }
}
