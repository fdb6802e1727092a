//! Tests that cross the rooms, one module each.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "tests look at the machine's own clock")]

mod arm;
mod arrows;
mod browser;
mod coils;
mod devices;
mod figures;
mod functions;
mod libmodbus;
mod line;
mod mistakes;
mod names;
mod past;
mod peers;
#[path = "../plant/mod.rs"]
mod plant;
mod polled;
mod pymscada_site;
mod restarts;
mod rubbish;
mod serial;
mod served;
mod supervised;
mod texts;
mod tools;
