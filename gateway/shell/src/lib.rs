//! The ground every daemon stands on.
//!
//! In: signals, the environment. Out: a [`Clock`], a stop token, a log, readiness, paths, small files that are never
//! half-written. Never: tags, sockets of the bus, anything of a site.

mod backoff;
mod clock;
mod file;
mod notify;
mod paths;
mod record;
mod stop;
mod trust;

pub use backoff::Backoff;
pub use clock::{Clock, ManualClock, Now, SharedClock, SystemClock};
pub use file::write_atomic;
pub use notify::Notify;
pub use paths::{Paths, PathsError};
pub use record::{LogTarget, log_to};
pub use stop::{GRACE, stop_on_signal};
pub use trust::Trust;
/// The stop signal: an argument of every daemon's `run`.
pub use tokio_util::sync::CancellationToken as Stop;
