//! What the cross-process tests stand on: real processes in folders of their own, on ports nobody else has.
//!
//! In: the binaries `forebay` and `forebay-sim` beside the test program, `config/`, the peers' Python. Out: a
//! [`Gateway`] and a [`Plant`] that run, [`Plc`] and [`Peer`] which nobody here wrote, and ways to look at what they do.
//! A test waits for what must come, with a deadline, and says what it last saw; nothing sleeps and hopes.
//! Never: a port that is written down, a process that outlives its test, a look inside a daemon.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails, and says where")]
#![allow(clippy::disallowed_methods, reason = "tests look at the machine's own clock")]

mod stage;

pub use stage::*;
