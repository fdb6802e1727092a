//! What became of a write.

use tag::Value;

/// What became of a write. A write ends with one outcome other than [`Outcome::Sent`].
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nobody owns the tag: the bus keeps the value, as in protocol 1.
    Stored,
    /// On its way to the device; another outcome follows.
    Sent,
    /// Read back from the device as written.
    Confirmed,
    /// Not done, and why, in words for the person who wrote it: `over max 10.0`.
    Refused(String),
    /// Sent, but the device holds this value instead.
    Mismatch(Value),
    /// Too late: it was not sent, or not read back, before its limit.
    Expired,
}

impl Outcome {
    /// Is this the last word on the write?
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Sent)
    }
}
