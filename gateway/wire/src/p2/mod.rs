//! Protocol 2: ours, for modules on a Unix socket. `PROTOCOL.md` describes it; the golden frames in `tests/` pin it.
//!
//! A frame is a u32 length (of what follows it), a u8 kind, and the fields of that kind, all big-endian. Short texts are a
//! u8 length and UTF-8; payloads are as in protocol 1 ([`crate::payload`]).

mod fields;
mod from_bus;
mod readings;
mod to_bus;

pub use from_bus::{FromBus, Listed, Opened, Refusal};
pub use readings::{OpenBatch, Record, Records, begin_readings, put_reading};
pub use to_bus::{Open, Opens, Role, ToBus};

use std::time::Duration;

use crate::{Outcome, VALUE_BYTES_MAX, Violation, payload};
use fields::Fields;

/// The magic of a hello: "FBY2".
pub const MAGIC: u32 = 0x4642_5932;
/// The revision of this release.
pub const REVISION: u16 = 2;
/// The oldest revision it understands: before it, a write carried no deadline that its owner could judge.
pub const REVISION_OLDEST: u16 = 2;
/// How often the bus says that it runs, to whoever hears nothing else.
pub const ALIVE_EVERY: Duration = Duration::from_secs(1);
/// A bus that says nothing for so long doesn't run, whatever its socket does: what it said last is nobody's word any more.
pub const SILENT_MAX: Duration = Duration::from_secs(3);
/// The longest frame, without its length: one longest value and its surroundings.
pub const FRAME_BYTES_MAX: usize = VALUE_BYTES_MAX + 4096;
/// The largest piece of an answer: small enough that a live value never waits long behind one, even on a slow ARM.
pub const PIECE_BYTES_MAX: usize = 32 << 10;
/// In place of the limit of a watched tag: it is a module's, and without its owner it has no good value.
pub const NEEDS_OWNER: u32 = u32::MAX;
/// Quality of a record that says: samples of this tag were lost before the next one.
pub const GAP: u8 = 0xfe;
/// Detail of a good record whose time is its source's own, and not this machine's clock's.
pub const SOURCE_TIME: u8 = 1;

/// A frame as it lies in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it says.
    pub kind: u8,
    /// The rest of it.
    pub fields: &'a [u8],
    /// Bytes it takes, with its length.
    pub bytes: usize,
}

/// The first frame of `input`; `None`: more bytes are needed.
pub fn split(input: &[u8]) -> Result<Option<Frame<'_>>, Violation> {
    let Some((length, rest)) = input.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(Violation::FrameTooLong(length));
    }
    let Some(frame) = rest.get(..length) else { return Ok(None) };
    let Some((&kind, fields)) = frame.split_first() else { return Err(Violation::Malformed(0)) };
    Ok(Some(Frame { kind, fields, bytes: 4 + length }))
}

/// Appends a frame whose fields `write` appends.
pub(crate) fn put_frame(out: &mut Vec<u8>, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind]);
    write(out);
    close_frame(out, start);
}

/// Writes the length of the frame that began at `start`.
pub(crate) fn close_frame(out: &mut [u8], start: usize) {
    let length = u32::try_from(out.len() - start - 4).expect("frames are far shorter than 4 GB");
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Appends a short text: a length byte and at most 255 bytes of UTF-8, cut at a character.
pub(crate) fn put_short(out: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(255);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    out.push(u8::try_from(end).expect("at most 255"));
    out.extend_from_slice(&text.as_bytes()[..end]);
}

fn put_outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    match outcome {
        Outcome::Stored => out.push(0),
        Outcome::Sent => out.push(1),
        Outcome::Confirmed => out.push(2),
        Outcome::Refused(why) => {
            out.push(3);
            out.extend_from_slice(why.as_bytes());
        }
        Outcome::Mismatch(value) => {
            out.push(4);
            payload::encode(value, out);
        }
        Outcome::Expired => out.push(5),
    }
}

fn take_outcome(fields: &mut Fields<'_>) -> Option<Outcome> {
    Some(match fields.u8()? {
        0 => Outcome::Stored,
        1 => Outcome::Sent,
        2 => Outcome::Confirmed,
        3 => Outcome::Refused(String::from_utf8_lossy(fields.rest()).into_owned()),
        4 => Outcome::Mismatch(payload::decode(fields.rest()).ok()??),
        5 => Outcome::Expired,
        _ => return None,
    })
}
