//! The sentences of the bus.
mod outcome;
pub use outcome::Outcome;
