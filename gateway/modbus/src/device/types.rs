//! What a connection is told to do, and what it tells.

use std::time::{Duration, Instant};

use link::Outcome;
use tag::{Fault, Timestamp, Value};
use tokio_modbus::Request;

use crate::reply::Asked;
use crate::write::Ticket;

/// What the line must do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Open the connection or the port, within [`crate::CONNECT_TIME`].
    Connect,
    /// Close it.
    Close,
    /// Ask this; answer with [`super::Device::on_reply`].
    Send {
        /// Its number, for the answer.
        asked: Asked,
        /// Of whom.
        unit: u8,
        /// What.
        request: Request<'static>,
        /// How long to wait for the answer.
        timeout: Duration,
    },
    /// Nothing until then, unless a write comes.
    Wait(Instant),
}

/// What there is to tell.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// A point was read and its registers are not what they were.
    Value {
        /// Which point of the line.
        point: usize,
        /// When the answer arrived.
        at: Timestamp,
        /// What it says.
        value: Value,
    },
    /// A point can't be read, or what is read has no meaning.
    Fault {
        /// Which point of the line.
        point: usize,
        /// Why.
        because: Fault,
    },
    /// A whole block was polled, and what was reported of its points last is still so.
    Confirmed {
        /// Which block of the line.
        block: usize,
        /// When.
        at: Timestamp,
    },
    /// What became of a write.
    Outcome(Ticket, Outcome),
    /// The connection as a whole changed.
    Status(Status),
}

/// How a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Every unit answers.
    pub ok: bool,
    /// Why not, in words; empty when `ok`.
    pub why: String,
    /// How long ago the last answer came, if one ever did.
    pub last_answer: Option<Duration>,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Requests sent.
    pub requests: u64,
    /// Requests without an answer, or with one that is none.
    pub timeouts: u64,
    /// Exceptions.
    pub exceptions: u64,
    /// Answers that were none: garbled, of a wrong length, function or unit.
    pub bad: u64,
    /// Of those: frames of a serial line without a right checksum.
    pub crc: u64,
    /// How long the line was busy with requests and answers, and with waiting for them.
    pub busy: Duration,
    /// How much of that was spent on units that were offline.
    pub in_vain: Duration,
    /// Blocks that fell due while they still waited to be read from the time before.
    pub overruns: u64,
}

/// What is known of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitStats {
    /// Which.
    pub unit: u8,
    /// It answers.
    pub online: bool,
    /// Requests without an answer.
    pub timeouts: u64,
    /// Requests it refused.
    pub exceptions: u64,
    /// Answers that were none.
    pub bad: u64,
    /// Of those: without a right checksum.
    pub crc: u64,
    /// How long the line was busy with it.
    pub busy: Duration,
    /// How long an answer usually takes.
    pub p50: Option<Duration>,
    /// How long one in twenty takes at least.
    pub p95: Option<Duration>,
    /// Time the line waited for it while it was offline.
    pub in_vain: Duration,
}

/// How a connection and its units are, now and then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// How long an answer on this line usually takes.
    pub p50: Option<Duration>,
    /// How long one in twenty takes at least.
    pub p95: Option<Duration>,
    /// Each unit.
    pub units: Vec<UnitStats>,
}
