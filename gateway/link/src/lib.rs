//! A daemon's end of the bus: connect, declare, publish, watch, write, ask.
//!
//! In: samples, writes and questions of this daemon. Out: [`Event`]s. Never: decides what a value means.
//!
//! A [`Link`] reconnects by itself for ever and declares again what was declared; a daemon sees [`Event::Down`] and
//! [`Event::Up`] and nothing else of it. What an owner published last is published again after a reconnect.

use std::path::PathBuf;
use std::time::Duration;

use shell::SharedClock;
use tag::{Delivery, Sample, TagName, Value};
pub use wire::Outcome;

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

/// Somebody else's write or question that this daemon, as the owner, must settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub u32);

/// What happened on the bus.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Connected and declared: watched tags are about to be delivered, whatever they are now.
    Up,
    /// The bus can't be reached, why in words. Everything watched is `OwnerGone` until it is delivered again; writes
    /// and questions without an outcome are lost (count them as expired).
    Down(String),
    /// A watched tag. Also sent when only its quality changed.
    Sample(Handle, Sample),
    /// Samples of a tag watched with [`Delivery::Every`] were lost before the next one.
    Gap(Handle),
    /// Somebody writes a tag this daemon owns: settle it with [`Link::settle`].
    Write {
        /// To settle it by.
        id: RequestId,
        /// Which tag.
        tag: Handle,
        /// What shall be written. Type and limits are the owner's to check.
        value: Value,
        /// Counted from now, it is useless after this long.
        expires_in: Duration,
        /// Who, in words: `www 192.0.2.7`, `protocol 1 127.0.0.1:53008`.
        who: String,
    },
    /// What became of a write of this daemon. [`Outcome::Sent`] may come before the final one.
    Outcome(WriteId, Outcome),
    /// Somebody asks the owner of a tag (protocol 1's RTA included): answer with [`Link::answer`].
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
    /// The question can't be answered: nobody owns the tag, the owner left, the answer was too large.
    AskFailed(AskId, String),
    /// The bus refused something (a tag another module owns, a full table), in words. The rest goes on.
    Refused(String),
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A client of pymscada's protocol: its answers arrive as SETs of the tag.
    Protocol1,
    /// One of our own modules.
    Protocol2,
}

/// Where the bus is and who we are.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// The bus's Unix socket.
    pub socket: PathBuf,
    /// Our name, as the log and `forebay list` show it.
    pub module: String,
}

/// A daemon's end of the bus.
pub struct Link {}

#[allow(unused_variables, missing_docs, clippy::unimplemented)]
impl Link {
    /// Nothing is connected until [`Link::next`] is polled.
    pub fn new(config: LinkConfig, clock: SharedClock) -> Self {
        unimplemented!()
    }
    /// Makes a group whose tags fall to `Held(Stale)` when not confirmed for `limit`; `None`: never.
    pub fn group(&mut self, limit: Option<Duration>) -> Group {
        unimplemented!()
    }
    /// Declares that we own a tag: we alone publish it, and settle its writes and questions.
    pub fn own(&mut self, name: &TagName, group: Group) -> Handle {
        unimplemented!()
    }
    /// Mentions a tag, to write or ask it without watching.
    pub fn refer(&mut self, name: &TagName) -> Handle {
        unimplemented!()
    }
    /// Watches a tag. `stale` is the site's freshness limit, used only while nobody owns the tag.
    pub fn watch(&mut self, name: &TagName, delivery: Delivery, stale: Option<Duration>) -> Handle {
        unimplemented!()
    }
    /// Stops watching.
    pub fn unwatch(&mut self, tag: Handle) {
        unimplemented!()
    }
    /// What a handle stands for.
    pub fn name(&self, tag: Handle) -> &TagName {
        unimplemented!()
    }
    /// Publishes an owned tag; confirms nothing by itself.
    pub fn publish(&mut self, tag: Handle, sample: Sample) {
        unimplemented!()
    }
    /// Confirms every tag of a group: the source still says what was last published.
    pub fn confirm(&mut self, group: Group) {
        unimplemented!()
    }
    /// Writes a tag: a request to its owner, or an ordinary set if nobody owns it. `who` is for owner and log.
    pub fn write(&mut self, tag: Handle, value: Value, expires_in: Duration, who: &str) -> WriteId {
        unimplemented!()
    }
    /// Says what became of somebody's write. [`Outcome::Sent`] may be said once before the final one.
    pub fn settle(&mut self, id: RequestId, outcome: Outcome) {
        unimplemented!()
    }
    /// Asks the owner of a tag.
    pub fn ask(&mut self, tag: Handle, question: Value) -> AskId {
        unimplemented!()
    }
    /// Answers a question with one whole value; `last` ends it. Large values are cut in pieces that let live values by.
    pub fn answer(&mut self, id: RequestId, value: Value, last: bool) {
        unimplemented!()
    }
    /// Is the bus there?
    pub fn is_up(&self) -> bool {
        unimplemented!()
    }
    /// What happens next. Cancel-safe; sends what was published meanwhile; reconnects by itself.
    pub async fn next(&mut self) -> Event {
        unimplemented!()
    }
}
