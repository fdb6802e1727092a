//! How the machine under the simulation feels: the demo shows the CPU and the disk of the real one.

use std::fs;

use crate::model::Machine;

/// Reads the machine's figures; keeps what it needs to tell a load from two readings.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    busy: u64,
    total: u64,
    shown: Machine,
}

impl Gauge {
    /// What the machine's figures are now. What can't be read keeps its last value.
    pub(crate) fn read(&mut self) -> Machine {
        if let Some((busy, total)) = fs::read_to_string("/proc/stat").ok().as_deref().and_then(jiffies) {
            let (was_busy, was_total) = (self.busy, self.total);
            (self.busy, self.total) = (busy, total);
            if total > was_total && was_total > 0 {
                self.shown.cpu_load = percent(busy.saturating_sub(was_busy), total - was_total);
            }
        }
        if let Ok(stat) = nix::sys::statvfs::statvfs("/") {
            let used = stat.blocks().saturating_sub(stat.blocks_free());
            self.shown.disk_use = percent(used, used + stat.blocks_available());
        }
        // A machine without a sensor (most virtual ones) gets a temperature that its load explains.
        let milli = fs::read_to_string("/sys/class/thermal/thermal_zone0/temp").ok();
        let sensed = milli.and_then(|text| text.trim().parse::<f64>().ok()).map(|milli| milli / 1000.0);
        self.shown.cpu_temp = sensed.unwrap_or(38.0 + 0.25 * self.shown.cpu_load);
        self.shown
    }
}

/// Busy and all jiffies of the first line of `/proc/stat`.
fn jiffies(stat: &str) -> Option<(u64, u64)> {
    let numbers = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let numbers: Vec<u64> = numbers.map_while(|number| number.parse().ok()).take(8).collect();
    let idle = numbers.get(3)? + numbers.get(4)?;
    let total: u64 = numbers.iter().sum();
    Some((total - idle, total))
}

#[allow(clippy::cast_precision_loss, reason = "a percentage needs no more")]
fn percent(part: impl Into<u64>, whole: impl Into<u64>) -> f64 {
    let (part, whole) = (part.into() as f64, whole.into() as f64);
    if whole > 0.0 { (part / whole * 1000.0).round() / 10.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_first_line_is_understood() {
        let stat = "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3 4\n";
        assert_eq!(jiffies(stat), Some((150, 1000)));
        assert_eq!(jiffies("nonsense"), None);
    }

    #[test]
    fn a_real_machine_feels_something() {
        let mut gauge = Gauge::default();
        gauge.read();
        let feels = gauge.read();
        assert!((0.0..=100.0).contains(&feels.disk_use) && feels.disk_use > 0.0, "{feels:?}");
        assert!((0.0..=100.0).contains(&feels.cpu_load) && (-40.0..130.0).contains(&feels.cpu_temp), "{feels:?}");
    }
}
