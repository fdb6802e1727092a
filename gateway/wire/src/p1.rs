//! Protocol 1: pymscada's bus, byte for byte.
//!
//! A frame is 14 bytes of header (version 1, command, u16 tag id, u16 size, u64 µs since 1970; big-endian) and `size` bytes.
//! A payload longer than [`CHUNK`] goes in frames of exactly that size and a last, shorter one.

use std::collections::HashMap;

use crate::{VALUE_BYTES_MAX, Violation, payload};

/// Bytes of a frame's header.
pub const HEADER: usize = 14;
/// The largest payload of one frame; a frame of just this size says that more follows. (pymscada takes the 14 sizes past
/// it for a last frame, and so do we; no sender may use them.)
pub const CHUNK: usize = 65_521;
/// All bytes that may wait for the last frame of their messages, per peer: two of the longest values.
pub const UNFINISHED_BYTES_MAX: usize = 32 << 20;
/// The longest text of a LOG.
pub const LOG_BYTES_MAX: usize = 300;

/// Asks for a tag's id by its name, and the answer.
pub const ID: u8 = 1;
/// A value, from a client or to a subscriber.
pub const SET: u8 = 2;
/// Asks for the value once.
pub const GET: u8 = 3;
/// A request to the tag's author.
pub const RTA: u8 = 4;
/// Asks for the value now and at each SET.
pub const SUB: u8 = 5;
/// Ends a SUB.
pub const UNSUB: u8 = 6;
/// Asks for names, and the answer.
pub const LIST: u8 = 7;
/// The server's complaint.
pub const ERR: u8 = 8;
/// A line for the server's log.
pub const LOG: u8 = 9;

/// One whole message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// One of the commands above, or an unknown one.
    pub command: u8,
    /// 0: none.
    pub tag_id: u16,
    /// µs since 1970.
    pub time_us: u64,
    /// All of it, or [`Body::TooLong`].
    pub body: Body<'a>,
}

/// What a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// The bytes of all its frames.
    Whole(&'a [u8]),
    /// More than [`VALUE_BYTES_MAX`] came; they were dropped.
    TooLong,
}

/// Puts a peer's frames together to messages.
#[derive(Debug, Default)]
pub struct Decoder {
    unfinished: HashMap<u16, Unfinished>,
    unfinished_bytes: usize,
    /// The bytes of the message just completed, kept until the next call.
    done: Vec<u8>,
}

#[derive(Debug)]
enum Unfinished {
    Collecting(Vec<u8>),
    TooLong,
}

/// What one call of [`Decoder::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The input holds no whole frame.
    NeedMore,
    /// A frame of so many bytes was taken; its message is complete, or waits for more frames.
    Took(usize, Option<Message<'a>>),
}

impl Decoder {
    /// Takes the first frame of `input`. A frame of size 0 completes what waits for its tag id (pymscada's server takes
    /// it for an empty message and glues the waiting bytes to the next one).
    pub fn next<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<'a>, Violation> {
        match input.first() {
            None => return Ok(Step::NeedMore),
            Some(1) => {}
            Some(&version) => return Err(Violation::Version(version)),
        }
        let Some((header, rest)) = input.split_first_chunk::<HEADER>() else { return Ok(Step::NeedMore) };
        let size = usize::from(u16::from_be_bytes([header[4], header[5]]));
        if rest.len() < size {
            return Ok(Step::NeedMore);
        }
        let command = header[1];
        let tag_id = u16::from_be_bytes([header[2], header[3]]);
        let time_us = u64::from_be_bytes([
            header[6], header[7], header[8], header[9], header[10], header[11], header[12], header[13],
        ]);
        let part = &rest[..size];
        let message = |body| Some(Message { command, tag_id, time_us, body });
        if size == CHUNK {
            self.collect(tag_id, part)?;
            return Ok(Step::Took(HEADER + size, None));
        }
        // The usual case first: nothing waits for this peer at all.
        if self.unfinished.is_empty() {
            return Ok(Step::Took(HEADER + size, message(Body::Whole(part))));
        }
        let body = match self.unfinished.remove(&tag_id) {
            None => Body::Whole(part),
            Some(Unfinished::TooLong) => Body::TooLong,
            Some(Unfinished::Collecting(mut bytes)) => {
                self.unfinished_bytes -= bytes.len();
                if bytes.len() + part.len() > VALUE_BYTES_MAX {
                    Body::TooLong
                } else {
                    bytes.extend_from_slice(part);
                    self.done = bytes;
                    Body::Whole(&self.done)
                }
            }
        };
        Ok(Step::Took(HEADER + size, message(body)))
    }

    /// Bytes that wait for the last frame of their messages.
    pub fn waiting_bytes(&self) -> usize {
        self.unfinished_bytes
    }

    /// Gives back the memory of the last long message.
    pub fn forget_done(&mut self) {
        if !self.done.is_empty() {
            self.done = Vec::new();
        }
    }

    fn collect(&mut self, tag_id: u16, part: &[u8]) -> Result<(), Violation> {
        let entry = self.unfinished.entry(tag_id).or_insert_with(|| Unfinished::Collecting(Vec::new()));
        let Unfinished::Collecting(bytes) = entry else { return Ok(()) };
        if bytes.len() + part.len() > VALUE_BYTES_MAX {
            self.unfinished_bytes -= bytes.len();
            *entry = Unfinished::TooLong;
            return Ok(());
        }
        bytes.extend_from_slice(part);
        self.unfinished_bytes += part.len();
        if self.unfinished_bytes > UNFINISHED_BYTES_MAX {
            return Err(Violation::Unfinished { limit: UNFINISHED_BYTES_MAX });
        }
        Ok(())
    }
}

/// Appends a message in as many frames as it takes, back to back.
///
/// A payload of an exact multiple of [`CHUNK`] ends with a frame of size 0, which pymscada's clients misread; for JSON one
/// space behind the text avoids it.
pub fn encode(out: &mut Vec<u8>, command: u8, tag_id: u16, time_us: u64, body: &[u8]) {
    if body.len() < CHUNK {
        frame(out, command, tag_id, time_us, body);
        return;
    }
    let mut parts = body.chunks_exact(CHUNK);
    for part in &mut parts {
        frame(out, command, tag_id, time_us, part);
    }
    let misread = parts.remainder().is_empty() && body.first() == Some(&payload::JSON);
    frame(out, command, tag_id, time_us, if misread { b" " } else { parts.remainder() });
}

fn frame(out: &mut Vec<u8>, command: u8, tag_id: u16, time_us: u64, part: &[u8]) {
    let size = u16::try_from(part.len()).expect("a part is at most a chunk");
    let mut header = [0; HEADER];
    header[0] = 1;
    header[1] = command;
    header[2..4].copy_from_slice(&tag_id.to_be_bytes());
    header[4..6].copy_from_slice(&size.to_be_bytes());
    header[6..14].copy_from_slice(&time_us.to_be_bytes());
    out.reserve(HEADER + part.len());
    out.extend_from_slice(&header);
    out.extend_from_slice(part);
}

#[cfg(test)]
mod tests;
