//! The ground every daemon stands on.
//!
//! In: signals, the environment. Out: a [`Clock`], a stop token, a log, readiness, paths, small files that are never
//! half-written, sockets that wake nobody in vain. Never: tags, what is said on a socket, anything of a site.

mod backoff;
mod clock;
mod file;
mod notify;
mod paths;
mod record;
mod socket;
mod stop;
mod trust;

pub use backoff::Backoff;
pub use clock::{Clock, ManualClock, Now, SharedClock, SystemClock};
pub use file::write_atomic;
pub use notify::Notify;
pub use paths::{Paths, PathsError};
pub use record::{LogTarget, log_to};
pub use socket::{Readable, Socket};
pub use stop::{GRACE, stop_on_signal};
/// The stop signal: an argument of every daemon's `run`.
pub use tokio_util::sync::CancellationToken as Stop;
pub use trust::Trust;
