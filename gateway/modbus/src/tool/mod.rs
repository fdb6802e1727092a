//! Modbus from a command line, without a site: one question at a time, to any device.
//!
//! `csv` reads and writes register maps; `client` asks; `guess` lays the decodings of a window side by side, and `shown`
//! reads what a display says; `scan` finds who is there, by a `question`; `identify` asks who they are. Nothing here prints: it gives lines, and the box says them.

mod client;
mod csv;
mod guess;
mod identify;
mod place;
mod question;
mod scan;
mod shown;

pub use client::{Client, ToolError};
pub use csv::{Map, export, export_device, import};
pub use guess::{Guess, decodings, ranked};
pub use identify::{FoundModel, Identity, identify};
pub use place::{Place, PlaceError, target};
pub use question::Question;
pub use scan::{Found, Scan, scan};
