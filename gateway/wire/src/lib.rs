//! The sentences of the bus: bytes to words and back.
//!
//! In: bytes from a peer. Out: what they say, or how they break the protocol. Never: sockets, clocks, decisions.
//!
//! [`p1`] is pymscada's protocol, byte for byte. [`p2`] is ours; `PROTOCOL.md` beside this crate's manifest describes it.
//! [`payload`] is what both have in common: how a value is laid in bytes.

mod outcome;
pub mod p1;
pub mod p2;
pub mod payload;

pub use outcome::Outcome;

/// The longest value, in bytes with its type byte: several times the largest answer a pymscada history gives for a day.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// How a peer broke the protocol. The connection can't go on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Protocol 1: the first byte of a frame isn't 1 (a port scan, an HTTP request, another version).
    #[error("a frame of protocol 1 begins with 1, this one with {0}")]
    Version(u8),
    /// Protocol 1: too many bytes wait for the last frame of their message.
    #[error("more than {limit} bytes of unfinished messages")]
    Unfinished {
        /// The most that may wait.
        limit: usize,
    },
    /// Protocol 2: a frame longer than any may be.
    #[error("a frame of {0} bytes")]
    FrameTooLong(usize),
    /// Protocol 2: a kind of frame this revision doesn't know.
    #[error("a frame of unknown kind {0:#04x}")]
    UnknownKind(u8),
    /// Protocol 2: a frame that ends before its fields do, or goes on after them.
    #[error("a frame of kind {0:#04x} that doesn't fit its fields")]
    Malformed(u8),
    /// Protocol 2: the first frame isn't a hello with our magic and a revision we speak.
    #[error("no hello of a revision we speak")]
    NoHello,
}
