//! What became of a request.

use std::time::{Duration, Instant};

use tokio_modbus::Response;

use crate::pdu::BadReply;

/// Which request a reply is of: whoever asks numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked(pub u64);

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Data, of the kind and size that was asked.
    Answer(Response),
    /// The device refused.
    Exception(tag::ExceptionCode),
    /// Nothing came in time.
    TimedOut,
    /// Something came that is no answer.
    Bad(BadReply),
    /// It was to all units of a serial line, of which none answers.
    Broadcast,
}

/// Who was asked in vain, and when: what arrives now may be that answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lost {
    pub(crate) number: u16,
    pub(crate) unit: u8,
    /// `None`: nobody looked for so long that how late its answer was nobody can tell.
    pub(crate) sent: Option<Instant>,
}

impl Lost {
    /// Who answered so late.
    pub(crate) fn late(&self, now: Instant) -> Option<(u8, Duration)> {
        self.sent.map(|sent| (self.unit, now.saturating_duration_since(sent)))
    }
}
