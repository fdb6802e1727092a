//! What happens on the bus, as a daemon sees it.

use tag::{Sample, Uptime, Value};
use wire::Outcome;

/// A tag as this link knows it: dense from 0 in order of first mention, the same over reconnects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u32);

/// Tags that are confirmed together: usually those of one device with one freshness limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Group(pub u16);

/// A write this daemon made; its [`Event::Outcome`] carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WriteId(pub u32);

/// A question this daemon asked; its [`Event::Answer`] carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AskId(pub u32);

/// Somebody else's write or question that this daemon, as the owner, must settle. Worth nothing after a reconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// What happened on the bus.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Connected and declared: watched tags are about to be delivered, whatever they are now.
    Up,
    /// The bus can't be reached, why in words. Everything watched is `OwnerGone` until it is delivered again. Writes
    /// and questions under way have ended before this, as expired and failed.
    Down(String),
    /// A watched tag. Also sent when only its quality changed.
    Sample(Handle, Sample),
    /// The same of a tag watched with [`tag::Delivery::Every`] whose time its source has said: a forecast, a measurement that
    /// came late. It stays true whatever becomes of this machine's clock.
    SourceTimed(Handle, Sample),
    /// Samples of a tag watched with [`tag::Delivery::Every`] were lost before the next one.
    Gap(Handle),
    /// Somebody writes a tag this daemon owns: settle it with [`crate::Link::settle`].
    Write {
        /// To settle it by.
        id: RequestId,
        /// Which tag.
        tag: Handle,
        /// What shall be written. Type and limits are the owner's to check.
        value: Value,
        /// Of this machine's uptime: from then on it must not be done any more, and is settled as expired. It may be over
        /// already, when this daemon or the bus didn't run for a while.
        deadline: Uptime,
        /// Who, in words: `www 192.0.2.7`, `protocol 1 ('127.0.0.1', 53008)`.
        who: String,
    },
    /// What became of a write of this daemon. [`Outcome::Sent`] may come before the final one.
    Outcome(WriteId, Outcome),
    /// Somebody asks the owner of a tag (protocol 1's RTA included): answer with [`crate::Link::answer`].
    Ask {
        /// To answer by.
        id: RequestId,
        /// Which tag.
        tag: Handle,
        /// The question, [`Value::Json`] by custom.
        question: Value,
        /// Who asks: a protocol 1 client expects pymscada's answer layout and reset.
        by: Asker,
    },
    /// A whole value of an answer; `last` ends the question.
    Answer {
        /// Which question.
        id: AskId,
        /// The value.
        value: Value,
        /// Nothing more follows.
        last: bool,
    },
    /// The question can't be answered, why in words: nobody owns the tag, the owner left, the answer was too large.
    AskFailed(AskId, String),
    /// The bus refused something, in words: a tag another module owns, a full table. The rest goes on.
    Refused(String),
    /// Part of a list of the bus's tags, asked for with [`crate::Link::list`]; `last` ends it.
    Listed {
        /// The tags.
        lines: Vec<Line>,
        /// Nothing more follows.
        last: bool,
    },
}

/// A tag of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its name; bytes that aren't UTF-8 are replaced.
    pub name: String,
    /// The module that owns it; empty: nobody.
    pub owner: String,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A client of pymscada's protocol: its answers arrive as SETs of the tag.
    Protocol1,
    /// One of our own modules.
    Protocol2,
}
