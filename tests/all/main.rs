//! Tests that cross the rooms, one module each.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../plant/mod.rs"]
mod plant;
