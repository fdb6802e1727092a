//! Waiting for a level, with a deadline.

use std::fmt::Debug;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long something may take that takes milliseconds when the machine is idle.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long a program in Python may take to start: on a small machine that does other things too, ten seconds are common.
pub const PYTHON_STARTS: Duration = Duration::from_secs(120);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until `good` accepts what `look` sees; returns it. Panics with what was last seen when `within` has passed.
#[track_caller]
pub fn wait_for<T: Debug>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> T,
    mut good: impl FnMut(&T) -> bool,
) -> T {
    let began = Instant::now();
    loop {
        let seen = look();
        if good(&seen) {
            return seen;
        }
        assert!(began.elapsed() < within, "{what}: not within {within:?}; last seen: {seen:?}");
        sleep(LOOK);
    }
}

/// Looks until there is something.
#[track_caller]
pub fn wait_some<T: Debug>(what: &str, within: Duration, look: impl FnMut() -> Option<T>) -> T {
    wait_for(what, within, look, Option::is_some).expect("waited for")
}
