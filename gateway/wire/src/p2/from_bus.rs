//! What the bus says to a module.

use tag::Uptime;

use super::fields::Fields;
use super::readings::Records;
use super::{put_frame, put_outcome, put_short, take_outcome};
use crate::{Outcome, Violation};

const WELCOME: u8 = 0x81;
const OPENED: u8 = 0x82;
pub(super) const READINGS: u8 = 0x84;
const WRITE_REQUEST: u8 = 0x88;
const OUTCOME: u8 = 0x89;
const QUESTION: u8 = 0x8a;
const ANSWER: u8 = 0x8b;
const ASK_FAILED: u8 = 0x8c;
const LISTED: u8 = 0x8d;
const ALIVE: u8 = 0x8e;

/// Why a tag wasn't opened as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another module owns it.
    Owned,
    /// The bus has all the tags it can number.
    Full,
    /// The name is empty.
    BadName,
    /// This peer may not own tags.
    NotAllowed,
}

/// The answer to one tag of an `Open`: u32 handle, u16 tag id (0: none), u8 refusal (0: none).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The module's number.
    pub handle: u32,
    /// The bus's number, 0 if it has none.
    pub id: u16,
    /// Why not.
    pub refusal: Option<Refusal>,
}

/// One line of a list: u16 id, short owner ("" for nobody), short name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Tag id.
    pub id: u16,
    /// The module that owns it.
    pub owner: &'a str,
    /// Its name: any bytes.
    pub name: &'a [u8],
}

/// A frame from the bus.
#[derive(Debug, Clone)]
pub enum FromBus<'a> {
    /// u16 revision that will be spoken, u64 number of this run of the bus.
    Welcome {
        /// The lower of both sides'.
        revision: u16,
        /// Changes when the bus restarts.
        epoch: u64,
    },
    /// Answers to an `Open`, in its order.
    Opened(Vec<Opened>),
    /// Readings of watched tags.
    Readings(Records<'a>),
    /// u32 request, u16 tag id, u64 deadline, short "who", payload.
    WriteRequest {
        /// The bus's number of the write.
        request: u32,
        /// Tag id.
        id: u16,
        /// From then on it must not be done any more.
        deadline: Uptime,
        /// Who, in words.
        who: &'a str,
        /// The value.
        payload: &'a [u8],
    },
    /// u32 seq, outcome.
    Outcome {
        /// The writer's number.
        seq: u32,
        /// What became of it.
        outcome: Outcome,
    },
    /// u32 request, u16 tag id, u8 protocol of the asker, payload.
    Question {
        /// The bus's number of the question.
        request: u32,
        /// Tag id.
        id: u16,
        /// 1 or 2.
        protocol: u8,
        /// The question.
        payload: &'a [u8],
    },
    /// u32 seq, u8 flags (1: the value goes on, 2: the question ends with this), piece of a payload.
    Answer {
        /// The asker's number.
        seq: u32,
        /// Another piece of this value follows.
        more: bool,
        /// Nothing more follows.
        last: bool,
        /// Bytes of the payload.
        piece: &'a [u8],
    },
    /// u32 seq, text.
    AskFailed {
        /// The asker's number.
        seq: u32,
        /// Why, in words.
        why: &'a str,
    },
    /// u8 1 if this is the last part, lines.
    Listed {
        /// Nothing more follows.
        last: bool,
        /// The lines.
        lines: Vec<Listed<'a>>,
    },
    /// The bus runs; said every [`super::ALIVE_EVERY`].
    Alive,
}

impl<'a> FromBus<'a> {
    /// Reads the fields of a frame.
    pub fn parse(kind: u8, fields: &'a [u8]) -> Result<Self, Violation> {
        let mut fields = Fields(fields);
        if !matches!(
            kind,
            WELCOME | OPENED | READINGS | WRITE_REQUEST | OUTCOME | QUESTION | ANSWER | ASK_FAILED | LISTED | ALIVE
        ) {
            return Err(Violation::UnknownKind(kind));
        }
        let parsed = Self::take(kind, &mut fields).filter(|_| fields.is_empty());
        parsed.ok_or(Violation::Malformed(kind))
    }

    fn take(kind: u8, fields: &mut Fields<'a>) -> Option<Self> {
        Some(match kind {
            WELCOME => Self::Welcome { revision: fields.u16()?, epoch: fields.u64()? },
            OPENED => {
                let mut opened = Vec::new();
                while !fields.is_empty() {
                    opened.push(take_opened(fields)?);
                }
                Self::Opened(opened)
            }
            READINGS => Self::Readings(Records(Fields(fields.rest()))),
            WRITE_REQUEST => Self::WriteRequest {
                request: fields.u32()?,
                id: fields.u16()?,
                deadline: Uptime(fields.u64()?),
                who: fields.short()?,
                payload: fields.rest(),
            },
            OUTCOME => Self::Outcome { seq: fields.u32()?, outcome: take_outcome(fields)? },
            QUESTION => Self::Question {
                request: fields.u32()?,
                id: fields.u16()?,
                protocol: fields.u8()?,
                payload: fields.rest(),
            },
            ANSWER => {
                let (seq, flags) = (fields.u32()?, fields.u8()?);
                Self::Answer { seq, more: flags & 1 != 0, last: flags & 2 != 0, piece: fields.rest() }
            }
            ASK_FAILED => Self::AskFailed { seq: fields.u32()?, why: std::str::from_utf8(fields.rest()).ok()? },
            LISTED => {
                let last = fields.u8()? != 0;
                let mut lines = Vec::new();
                while !fields.is_empty() {
                    lines.push(Listed { id: fields.u16()?, owner: fields.short()?, name: fields.short_bytes()? });
                }
                Self::Listed { last, lines }
            }
            ALIVE => Self::Alive,
            _ => return None,
        })
    }

    /// Appends this frame. Batches of readings are written by [`super::begin_readings`] instead.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Welcome { revision, epoch } => put_frame(out, WELCOME, |out| {
                out.extend_from_slice(&revision.to_be_bytes());
                out.extend_from_slice(&epoch.to_be_bytes());
            }),
            Self::Opened(all) => put_frame(out, OPENED, |out| all.iter().for_each(|one| put_opened(out, *one))),
            Self::Readings(records) => put_frame(out, READINGS, |out| out.extend_from_slice(records.0.0)),
            Self::WriteRequest { request, id, deadline, who, payload } => put_frame(out, WRITE_REQUEST, |out| {
                out.extend_from_slice(&request.to_be_bytes());
                out.extend_from_slice(&id.to_be_bytes());
                out.extend_from_slice(&deadline.0.to_be_bytes());
                put_short(out, who);
                out.extend_from_slice(payload);
            }),
            Self::Outcome { seq, outcome } => put_frame(out, OUTCOME, |out| {
                out.extend_from_slice(&seq.to_be_bytes());
                put_outcome(out, outcome);
            }),
            Self::Question { request, id, protocol, payload } => put_frame(out, QUESTION, |out| {
                out.extend_from_slice(&request.to_be_bytes());
                out.extend_from_slice(&id.to_be_bytes());
                out.push(*protocol);
                out.extend_from_slice(payload);
            }),
            Self::Answer { seq, more, last, piece } => put_frame(out, ANSWER, |out| {
                out.extend_from_slice(&seq.to_be_bytes());
                out.push(u8::from(*more) | u8::from(*last) << 1);
                out.extend_from_slice(piece);
            }),
            Self::AskFailed { seq, why } => put_frame(out, ASK_FAILED, |out| {
                out.extend_from_slice(&seq.to_be_bytes());
                out.extend_from_slice(why.as_bytes());
            }),
            Self::Alive => put_frame(out, ALIVE, |_| {}),
            Self::Listed { last, lines } => put_frame(out, LISTED, |out| {
                out.push(u8::from(*last));
                for line in lines {
                    out.extend_from_slice(&line.id.to_be_bytes());
                    put_short(out, line.owner);
                    out.push(u8::try_from(line.name.len()).expect("a name has at most 255 bytes"));
                    out.extend_from_slice(line.name);
                }
            }),
        }
    }
}

fn take_opened(fields: &mut Fields<'_>) -> Option<Opened> {
    let (handle, id) = (fields.u32()?, fields.u16()?);
    let refusal = match fields.u8()? {
        0 => None,
        1 => Some(Refusal::Owned),
        2 => Some(Refusal::Full),
        3 => Some(Refusal::BadName),
        4 => Some(Refusal::NotAllowed),
        _ => return None,
    };
    Some(Opened { handle, id, refusal })
}

fn put_opened(out: &mut Vec<u8>, one: Opened) {
    out.extend_from_slice(&one.handle.to_be_bytes());
    out.extend_from_slice(&one.id.to_be_bytes());
    out.push(match one.refusal {
        None => 0,
        Some(Refusal::Owned) => 1,
        Some(Refusal::Full) => 2,
        Some(Refusal::BadName) => 3,
        Some(Refusal::NotAllowed) => 4,
    });
}
