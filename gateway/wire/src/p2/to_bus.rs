//! What a module says to the bus.

use tag::Uptime;

use super::fields::Fields;
use super::readings::Records;
use super::{MAGIC, put_frame, put_outcome, put_short, take_outcome};
use crate::{Outcome, Violation};

const HELLO: u8 = 0x01;
const OPEN: u8 = 0x02;
const GROUP: u8 = 0x03;
pub(super) const PUBLISH: u8 = 0x04;
const CONFIRM: u8 = 0x05;
const UNWATCH: u8 = 0x07;
const WRITE: u8 = 0x08;
const SETTLE: u8 = 0x09;
const ASK: u8 = 0x0a;
const ANSWER: u8 = 0x0b;
const LIST: u8 = 0x0c;

/// What a module wants of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Its number only, for writes and questions.
    Refer,
    /// Its latest reading; the limit in ms (0: none) after which a tag nobody owns is stale.
    WatchLatest(u32),
    /// Every reading; the limit likewise.
    WatchEvery(u32),
    /// To own it, in this group.
    Own(u16),
}

/// One tag of an `Open`: u32 handle, u8 role, u32 argument, short name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open<'a> {
    /// The module's own number, which comes back in the answer.
    pub handle: u32,
    /// What it wants.
    pub role: Role,
    /// The tag's name: any bytes, as in protocol 1.
    pub name: &'a [u8],
}

/// The tags of an `Open`.
#[derive(Debug, Clone, Copy)]
pub struct Opens<'a>(Fields<'a>);

/// A frame towards the bus.
#[derive(Debug, Clone)]
pub enum ToBus<'a> {
    /// First of all: u32 magic, u16 revision, short module name.
    Hello {
        /// What the module speaks.
        revision: u16,
        /// Its name.
        module: &'a str,
    },
    /// Tags the module wants something of.
    Open(Opens<'a>),
    /// u16 group, u32 limit in ms (0: never stale): makes a group of owned tags or changes its limit.
    Group {
        /// The module's own number.
        group: u16,
        /// ms.
        limit_ms: u32,
    },
    /// Readings of owned tags.
    Publish(Records<'a>),
    /// u16 group: its source still says what was last published.
    Confirm(u16),
    /// u16 tag id.
    Unwatch(u16),
    /// u32 seq, u16 tag id, u64 deadline, short "who", payload.
    Write {
        /// The writer's own number.
        seq: u32,
        /// Tag id.
        id: u16,
        /// From then on it is useless.
        deadline: Uptime,
        /// Who, in words.
        who: &'a str,
        /// The value.
        payload: &'a [u8],
    },
    /// u32 request, outcome.
    Settle {
        /// The bus's number of the write.
        request: u32,
        /// What became of it.
        outcome: Outcome,
    },
    /// u32 seq, u16 tag id, payload.
    Ask {
        /// The asker's own number.
        seq: u32,
        /// Tag id.
        id: u16,
        /// The question.
        payload: &'a [u8],
    },
    /// u32 request, u8 flags (1: the value goes on, 2: the question ends with this), piece of a payload.
    Answer {
        /// The bus's number of the question.
        request: u32,
        /// Another piece of this value follows.
        more: bool,
        /// Nothing more follows.
        last: bool,
        /// Bytes of the payload.
        piece: &'a [u8],
    },
    /// Text as in protocol 1's LIST: `^start`, `end$`, a part, or nothing for all.
    List(&'a [u8]),
}

impl<'a> ToBus<'a> {
    /// Reads the fields of a frame.
    pub fn parse(kind: u8, fields: &'a [u8]) -> Result<Self, Violation> {
        let mut fields = Fields(fields);
        if !matches!(kind, HELLO | OPEN | GROUP | PUBLISH | CONFIRM | UNWATCH | WRITE | SETTLE | ASK | ANSWER | LIST) {
            return Err(Violation::UnknownKind(kind));
        }
        let parsed = Self::take(kind, &mut fields).filter(|_| fields.is_empty());
        parsed.ok_or(Violation::Malformed(kind))
    }

    fn take(kind: u8, fields: &mut Fields<'a>) -> Option<Self> {
        Some(match kind {
            HELLO => {
                if fields.u32()? != MAGIC {
                    return None;
                }
                Self::Hello { revision: fields.u16()?, module: fields.short()? }
            }
            OPEN => Self::Open(Opens(Fields(fields.rest()))),
            GROUP => Self::Group { group: fields.u16()?, limit_ms: fields.u32()? },
            PUBLISH => Self::Publish(Records(Fields(fields.rest()))),
            CONFIRM => Self::Confirm(fields.u16()?),
            UNWATCH => Self::Unwatch(fields.u16()?),
            WRITE => Self::Write {
                seq: fields.u32()?,
                id: fields.u16()?,
                deadline: Uptime(fields.u64()?),
                who: fields.short()?,
                payload: fields.rest(),
            },
            SETTLE => Self::Settle { request: fields.u32()?, outcome: take_outcome(fields)? },
            ASK => Self::Ask { seq: fields.u32()?, id: fields.u16()?, payload: fields.rest() },
            ANSWER => {
                let (request, flags) = (fields.u32()?, fields.u8()?);
                Self::Answer { request, more: flags & 1 != 0, last: flags & 2 != 0, piece: fields.rest() }
            }
            LIST => Self::List(fields.rest()),
            _ => return None,
        })
    }

    /// Appends this frame. Batches are written by [`super::begin_readings`] and [`Open::put_all`] instead.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello { revision, module } => put_frame(out, HELLO, |out| {
                out.extend_from_slice(&MAGIC.to_be_bytes());
                out.extend_from_slice(&revision.to_be_bytes());
                put_short(out, module);
            }),
            Self::Open(opens) => put_frame(out, OPEN, |out| out.extend_from_slice(opens.0.0)),
            Self::Group { group, limit_ms } => put_frame(out, GROUP, |out| {
                out.extend_from_slice(&group.to_be_bytes());
                out.extend_from_slice(&limit_ms.to_be_bytes());
            }),
            Self::Publish(records) => put_frame(out, PUBLISH, |out| out.extend_from_slice(records.0.0)),
            Self::Confirm(group) => put_frame(out, CONFIRM, |out| out.extend_from_slice(&group.to_be_bytes())),
            Self::Unwatch(id) => put_frame(out, UNWATCH, |out| out.extend_from_slice(&id.to_be_bytes())),
            Self::Write { seq, id, deadline, who, payload } => put_frame(out, WRITE, |out| {
                out.extend_from_slice(&seq.to_be_bytes());
                out.extend_from_slice(&id.to_be_bytes());
                out.extend_from_slice(&deadline.0.to_be_bytes());
                put_short(out, who);
                out.extend_from_slice(payload);
            }),
            Self::Settle { request, outcome } => put_frame(out, SETTLE, |out| {
                out.extend_from_slice(&request.to_be_bytes());
                put_outcome(out, outcome);
            }),
            Self::Ask { seq, id, payload } => put_frame(out, ASK, |out| {
                out.extend_from_slice(&seq.to_be_bytes());
                out.extend_from_slice(&id.to_be_bytes());
                out.extend_from_slice(payload);
            }),
            Self::Answer { request, more, last, piece } => put_frame(out, ANSWER, |out| {
                out.extend_from_slice(&request.to_be_bytes());
                out.push(u8::from(*more) | u8::from(*last) << 1);
                out.extend_from_slice(piece);
            }),
            Self::List(text) => put_frame(out, LIST, |out| out.extend_from_slice(text)),
        }
    }
}

impl Open<'_> {
    /// Appends one frame that opens all of `tags`.
    pub fn put_all<'t>(tags: impl IntoIterator<Item = Open<'t>>, out: &mut Vec<u8>) {
        put_frame(out, OPEN, |out| {
            for tag in tags {
                let (role, argument) = match tag.role {
                    Role::Refer => (0, 0),
                    Role::WatchLatest(stale_ms) => (1, stale_ms),
                    Role::WatchEvery(stale_ms) => (2, stale_ms),
                    Role::Own(group) => (3, u32::from(group)),
                };
                out.extend_from_slice(&tag.handle.to_be_bytes());
                out.push(role);
                out.extend_from_slice(&argument.to_be_bytes());
                out.push(u8::try_from(tag.name.len()).expect("a name has at most 255 bytes"));
                out.extend_from_slice(tag.name);
            }
        });
    }
}

impl<'a> Iterator for Opens<'a> {
    type Item = Result<Open<'a>, Violation>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let open = self.take();
        if open.is_none() {
            self.0.rest();
        }
        Some(open.ok_or(Violation::Malformed(OPEN)))
    }
}

impl<'a> Opens<'a> {
    fn take(&mut self) -> Option<Open<'a>> {
        let fields = &mut self.0;
        let (handle, role, argument) = (fields.u32()?, fields.u8()?, fields.u32()?);
        let role = match role {
            0 => Role::Refer,
            1 => Role::WatchLatest(argument),
            2 => Role::WatchEvery(argument),
            3 => Role::Own(u16::try_from(argument).ok()?),
            _ => return None,
        };
        Some(Open { handle, role, name: fields.short_bytes()? })
    }
}
