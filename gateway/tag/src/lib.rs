//! The nouns of the gateway: what a tag is called, what it holds, how good that is, and when it was so.
//!
//! In: nothing. Out: types. Never: I/O, a clock, a runtime. Every other room speaks in these words.
//!
//! A value never travels alone: a [`Sample`] is a [`Reading`] with its [`Timestamp`], and a [`Reading`] cannot be
//! looked into without meeting its quality.

mod def;
mod fault;
mod name;
mod reading;
mod time;
mod value;

pub use def::{Format, Kind, PastLimits, TagDef};
pub use fault::{ExceptionCode, Fault};
pub use name::{NAME_BYTES_MAX, NameError, TagName};
pub use reading::{Delivery, Reading, Sample};
pub use time::{Timestamp, Uptime};
pub use value::Value;
