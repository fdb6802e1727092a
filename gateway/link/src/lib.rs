//! A daemon's end of the bus: connect, declare, publish, watch, write, ask.
//!
//! In: samples, writes and questions of this daemon. Out: [`Event`]s. Never: decides what a value means.
//!
//! A [`Link`] reconnects by itself for ever and declares again what was declared; a daemon sees [`Event::Down`] and
//! [`Event::Up`] and nothing else of it. What an owner published last is published again after a reconnect.
//!
//! [`Core`] is the same without the socket: bytes in, bytes out, for simulations that hold time in their hands.

mod answers;
mod core;
mod event;
mod line;

pub use crate::core::Core;
pub use event::{AskId, Asker, Event, Group, Handle, Line, RequestId, WriteId};
pub use line::{Link, LinkConfig, RECONNECT_FIRST, RECONNECT_LONGEST};
pub use wire::Outcome;
