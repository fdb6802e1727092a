//! What the store's threads and their owner tell each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tag::Timestamp;

use super::Thrift;
use super::engine::SharedHead;
use crate::wear::Drives;

/// A question waits for what was recorded before it: so long at a time, and so often. A flush takes a tenth of this.
const SHOWN_LOOK: Duration = Duration::from_millis(50);
const SHOWN_LOOKS: u32 = 20;

/// What the threads and their owner tell each other.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Goes up when another file takes the database's place.
    pub(super) generation: AtomicU64,
    pub(super) closing: AtomicBool,
    pub(super) written: AtomicU64,
    /// Chunks and blocks met that didn't read.
    pub(super) damaged: AtomicU64,
    pub(super) failing: Mutex<Option<String>>,
    /// See [`super::Status::device`]; 0 µs where the kernel doesn't count.
    pub(super) device_bytes: AtomicU64,
    pub(super) device_us: AtomicU64,
    pub(super) keep_bytes: AtomicU64,
    /// See [`super::Store::newest_own`]; 0: there is none.
    pub(super) newest_own: AtomicU64,
    pub(super) clock_uncertain: AtomicBool,
    /// See [`super::Store::set_unset_clock`].
    pub(super) unset_clock: Mutex<Option<(i64, Timestamp)>>,
    /// What SSDs say of themselves.
    pub(super) drives: Drives,
    /// See [`super::Status::thrift`].
    pub(super) thrift: Mutex<Thrift>,
    /// What is in no chunk yet.
    pub(super) head: SharedHead,
    /// Batches handed over, and how many of them are visible.
    pub(super) handed: AtomicU64,
    pub(super) shown: Mutex<u64>,
    pub(super) shown_more: Condvar,
    /// The writing thread takes nothing at present, and may not for long.
    pub(super) is_held: AtomicBool,
    /// A question has waited in vain since something became visible: the next ones don't.
    waited: AtomicBool,
}

impl Shared {
    /// A batch became visible.
    pub(super) fn show(&self) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.waited.store(false, Ordering::Relaxed);
        self.shown_more.notify_all();
    }

    /// Waits until so many batches are visible, but not for a disk that stands still.
    pub(super) fn until_shown(&self, batches: u64) {
        for _ in 0..SHOWN_LOOKS {
            let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            if *shown >= batches || self.is_held.load(Ordering::Relaxed) || self.waited.load(Ordering::Relaxed) {
                return;
            }
            drop(self.shown_more.wait_timeout(shown, SHOWN_LOOK));
        }
        self.waited.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(super) fn set_failing(&self, why: Option<String>) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    pub(super) fn thrift(&self) -> MutexGuard<'_, Thrift> {
        self.thrift.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn unset_clock(&self) -> Option<(i64, Timestamp)> {
        *self.unset_clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failing(&self) -> Option<String> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A disk that stands still in the middle of a flush: thirty questions together wait about as long as one may.
    #[allow(clippy::disallowed_methods, reason = "it measures how long a thread really waits")]
    #[test]
    fn a_disk_that_stands_still_is_waited_for_once() {
        let shared = Shared::default();
        let began = Instant::now();
        for _ in 0..30 {
            shared.until_shown(1);
        }
        let waited = began.elapsed();
        let most = SHOWN_LOOK * SHOWN_LOOKS;
        assert!(waited >= most && waited < most * 10, "{waited:?}");
        shared.show();
        let began = Instant::now();
        shared.until_shown(1);
        assert!(began.elapsed() < most, "what is there isn't waited for");
    }
}
