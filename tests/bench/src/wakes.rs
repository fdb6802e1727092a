//! When the kernel wakes a process up because something has come for it: where a value is in the bus's socket, and nobody's
//! reading is part of the time. From the scheduler's trace, for which one has to be root.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::fail::{Doing, Fail};

const TRACING: &str = "/sys/kernel/tracing/instances";
/// Tens of thousands of wake-ups.
const BUFFER_KB: &str = "16384";

/// A running trace of one process's wake-ups; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Wakes {
    folder: PathBuf,
    /// The same moment by both clocks: the trace counts from the machine's start.
    moment: (Instant, Duration),
}

impl Wakes {
    /// Begins to note the wake-ups of all threads of a process. `None` where this machine doesn't let us.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let folder = Path::new(TRACING).join(format!("forebay-bench-{pid}"));
        fs::create_dir(&folder).ok()?;
        let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).ok()?);
        let wakes = Self { folder, moment: (Instant::now(), now) };
        let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
        let threads: Vec<String> =
            threads.map(|thread| format!("pid == {}", thread.file_name().to_string_lossy())).collect();
        let event = Path::new("events/sched/sched_waking");
        wakes.put(Path::new("trace_clock"), "mono")?;
        wakes.put(Path::new("buffer_size_kb"), BUFFER_KB)?;
        wakes.put(&event.join("filter"), &threads.join(" || "))?;
        wakes.put(&event.join("enable"), "1")?;
        Some(wakes)
    }

    fn put(&self, file: &Path, text: &str) -> Option<()> {
        fs::write(self.folder.join(file), text).ok()
    }

    /// How long after each of these moments the process was next woken up.
    pub(crate) fn after(&self, moments: &[Instant]) -> Result<Vec<Duration>, Fail> {
        let trace = fs::read_to_string(self.folder.join("trace")).doing("reading the trace of wake-ups")?;
        let wakes: BTreeSet<Duration> = trace.lines().filter_map(stamp).collect();
        let (instant, since_start) = self.moment;
        let next = |moment: &Instant| {
            let at = since_start + moment.saturating_duration_since(instant);
            wakes.range(at..).next().map(|wake| *wake - at)
        };
        Ok(moments.iter().filter_map(next).collect())
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        // What is left of it is a folder of the kernel's until the machine is started again.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The time of a line of the trace: `bench-31 [001] d.s5. 50544.570336: sched_waking: comm=bus pid=30 …`.
fn stamp(line: &str) -> Option<Duration> {
    let before = line.split_once(": sched_waking:")?.0;
    let (seconds, micros) = before.split_whitespace().last()?.split_once('.')?;
    Some(Duration::from_secs(seconds.parse().ok()?) + Duration::from_micros(micros.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_trace_has_its_time() {
        let line = "   forebay-bench-10457   [001] d.s7. 50544.570265: sched_waking: comm=bus pid=10453 prio=120 target_cpu=001";
        assert_eq!(stamp(line), Some(Duration::from_micros(50_544_570_265)));
        assert_eq!(stamp("# tracer: nop"), None);
    }
}
