//! The switchboard: the last reading of every tag, its owner, who listens.
//!
//! In: frames of protocol 1 (pymscada's clients, TCP on loopback) and protocol 2 (our modules, a Unix socket). Out: the
//! same. Never: looks into a value, touches a disk, knows a site's YAML, waits for a slow peer.
//!
//! `session` moves bytes; everything that decides is [`Switchboard`], which has no sockets and no clock: a peer is a
//! number, bytes go in with [`Switchboard::receive`], come out of [`Switchboard::output`], and time is an argument.
//!
//! A value's way through this room: `session → board → table → outbox → session`.

mod board;
mod config;
mod error;
mod fresh;
mod from_modules;
mod from_scripts;
mod limits;
mod marks;
mod outbox;
mod peer;
mod requests;
mod run;
mod session;
mod small;
mod table;
mod whose;

pub use board::{Closed, Switchboard};
pub use config::Config;
pub use error::RunError;
pub use limits::*;
pub use peer::{PeerId, Rights};
pub use run::{Listeners, listen, run};
