//! What went wrong, named by what we were doing.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tag::TagName;

/// Why the daemon ended though nobody told it to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A task that serves a line ended: a defect of ours. The supervisor starts us again.
    #[error("a line stopped working")]
    LineEnded,
}

/// Why a site's Modbus part can't be run. `forebay check` finds the same with line and column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named by the sentences")]
pub enum ConfigError {
    /// Neither `read` nor `write`.
    #[error("tag {tag} has neither read nor write")]
    NoAddress { tag: TagName },
    /// The address names a connection that isn't there.
    #[error("tag {tag} is on a connection that rtus: doesn't name")]
    NoLine { tag: TagName },
    /// Discrete inputs and input registers can't be written.
    #[error("tag {tag} is written to 1x or 3x, which can only be read")]
    ReadOnlyTable { tag: TagName },
    /// Scale 0, or not a number.
    #[error("tag {tag} has a scale of 0, or a scale or offset that is not finite")]
    Scale { tag: TagName },
    /// `bool` without a bit, or a bit of something else.
    #[error("tag {tag}: bool needs a coil, a discrete input or a bit .0 to .15 of a register, other types none")]
    BitAndType { tag: TagName },
    /// Text or bytes of no length.
    #[error("tag {tag} is a string or bytes without a length")]
    NoLength { tag: TagName },
    /// Past 65536.
    #[error("tag {tag} goes past the last register, 65536")]
    PastEnd { tag: TagName },
    /// Its number, its power of ten and its model's number don't lie where one request reads them.
    #[error("tag {tag}: what must be read in one piece lies apart")]
    Apart { tag: TagName },
    /// Nobody answers to unit 0 on a serial line.
    #[error("tag {tag}: unit 0 of a serial line is broadcast, which nobody answers")]
    Broadcast { tag: TagName },
    /// Two connections of one name.
    #[error("the connection {line} is named twice")]
    LineTwice { line: String },
    /// The name can't be part of a tag's name.
    #[error("the connection name {line:?} is empty, too long, or has control characters")]
    LineName { line: String },
    /// A period or timeout of zero.
    #[error("the connection {line} has a rate or timeout of 0")]
    Times { line: String },
    /// An empty area or one past the end.
    #[error("the connection {line} has an area that is empty or goes past 65536")]
    Area { line: String },
    /// Nobody answers to unit 0 on a serial line, so such an area can't be read back.
    #[error("the connection {line} has writes: to unit 0 of a serial line, which nobody answers")]
    BroadcastArea { line: String },
    /// Only coils and holding registers are written.
    #[error("the connection {line} has writes: in 1x or 3x, which can only be read")]
    ReadOnlyArea { line: String },
    /// One queue per line: two connections would talk into each other.
    #[error("the connection {line} uses {path}, which another connection has; put its units there")]
    PortTwice { line: String, path: PathBuf },
}

/// Why a line can't be opened or was lost.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The connection was not made within its time.
    #[error("no connection within {0} ms")]
    ConnectTimedOut(u128),
    /// The host's name has no address, the connection was refused, …
    #[error("can't connect")]
    Connect(#[source] io::Error),
    /// The port a modem dials into is taken.
    #[error("can't listen at {at}")]
    Listen {
        /// Where.
        at: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No modem dialled in, this time.
    #[error("nobody has dialled in")]
    NobodyDialled,
    /// The port isn't there, belongs to somebody else, or can't be set so.
    #[error("can't open {path}")]
    Open {
        /// Which port.
        path: PathBuf,
        /// Why.
        #[source]
        source: tokio_serial::Error,
    },
    /// The port's driver has no RS-485 mode.
    #[error("the driver of {path} has no RS-485 mode; leave rs485 out and use an adapter that switches by itself")]
    NoRs485 {
        /// Which port.
        path: PathBuf,
    },
    /// The port can't be opened for it, or its driver has the mode and not as we need it.
    #[error("rs485: can't switch {path} to RS-485")]
    Rs485 {
        /// Which port.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Reading or writing failed.
    #[error("connection lost")]
    Lost(#[source] io::Error),
    /// The other side closed.
    #[error("connection closed by the device")]
    Closed,
}
