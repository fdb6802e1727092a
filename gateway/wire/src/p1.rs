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
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Command, tag id, time, bytes; `None`: too long.
    type Said = (u8, u16, u64, Option<Vec<u8>>);

    /// Feeds bytes in the given portions and collects what was said.
    fn decode_all(bytes: &[u8], portions: &[usize]) -> Result<Vec<Said>, Violation> {
        let (mut decoder, mut buffer, mut said) = (Decoder::default(), Vec::new(), Vec::new());
        let (mut rest, mut portions) = (bytes, portions.iter().cycle());
        while !rest.is_empty() {
            let n = (*portions.next().unwrap()).clamp(1, rest.len());
            buffer.extend_from_slice(&rest[..n]);
            rest = &rest[n..];
            let mut at = 0;
            while let Step::Took(n, message) = decoder.next(&buffer[at..])? {
                at += n;
                said.extend(message.map(|m| {
                    let body = if let Body::Whole(bytes) = m.body { Some(bytes.to_vec()) } else { None };
                    (m.command, m.tag_id, m.time_us, body)
                }));
            }
            buffer.drain(..at);
        }
        Ok(said)
    }

    fn golden(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn golden_frames() {
        // The examples of the peer's interface description.
        for (hex, command, id, time, body) in [
            ("01 01 0000 0006 0000000000000000 496e74536574", ID, 0, 0, &b"IntSet"[..]),
            ("01 01 0005 0006 0000000000000000 496e74536574", ID, 5, 0, b"IntSet"),
            ("01 05 0005 0000 0000000000000000", SUB, 5, 0, b""),
            (
                "01 02 0005 0009 00060a24181e4000 01fffffffffffffffb",
                SET,
                5,
                1_700_000_000_000_000,
                b"\x01\xff\xff\xff\xff\xff\xff\xff\xfb",
            ),
            ("01 02 0007 0003 00060a24181e4000 036f6b", SET, 7, 1_700_000_000_000_000, b"\x03ok"),
            ("01 04 0003 0009 00060a24181e4000 057b2261223a20317d", RTA, 3, 1_700_000_000_000_000, b"\x05{\"a\": 1}"),
        ] {
            let mut out = Vec::new();
            encode(&mut out, command, id, time, body);
            assert_eq!(out, golden(hex));
            assert_eq!(decode_all(&out, &[3]), Ok(vec![(command, id, time, Some(body.to_vec()))]));
        }
    }

    #[test]
    fn exact_multiples_arrive_whole_and_nothing_sticks() {
        for n in [CHUNK, 2 * CHUNK] {
            let mut out = Vec::new();
            encode(&mut out, SET, 9, 1, &vec![4; n]);
            encode(&mut out, SET, 9, 2, b"\x03next");
            let said = decode_all(&out, &[70_000]).unwrap();
            assert_eq!(said.len(), 2);
            assert_eq!(said[0].3.as_ref().map(Vec::len), Some(n));
            assert_eq!(said[1].3.as_deref(), Some(&b"\x03next"[..]));
        }
        let mut json = vec![b' '; CHUNK];
        json[0] = payload::JSON;
        let mut out = Vec::new();
        encode(&mut out, SET, 9, 1, &json);
        assert_eq!(out.len(), CHUNK + HEADER + HEADER + 1, "JSON is padded so that pymscada's clients read it whole");
    }

    #[test]
    fn a_message_past_the_limit_is_dropped_and_the_next_one_arrives() {
        let mut out = Vec::new();
        encode(&mut out, SET, 9, 1, &vec![4; VALUE_BYTES_MAX + 1]);
        encode(&mut out, SET, 9, 2, b"\x03next");
        let said = decode_all(&out, &[1 << 20]).unwrap();
        assert_eq!(said, vec![(SET, 9, 1, None), (SET, 9, 2, Some(b"\x03next".to_vec()))]);
    }

    #[test]
    fn unfinished_messages_are_bounded() {
        let mut out = Vec::new();
        for id in 0..600 {
            frame(&mut out, SET, id, 1, &vec![0; CHUNK]);
        }
        assert_eq!(decode_all(&out, &[1 << 20]), Err(Violation::Unfinished { limit: UNFINISHED_BYTES_MAX }));
    }

    proptest! {
        #[test]
        fn messages_survive_any_cut(
            messages in proptest::collection::vec((1u8..10, any::<u16>(), any::<u64>(), 0usize..200_000), 1..6),
            portions in proptest::collection::vec(1usize..80_000, 1..5),
        ) {
            let (mut out, mut expected) = (Vec::new(), Vec::new());
            for (command, id, time, n) in messages {
                let body: Vec<u8> = (0..n).map(|i| (i % 241) as u8 + 6).collect();
                encode(&mut out, command, id, time, &body);
                expected.push((command, id, time, Some(body)));
            }
            prop_assert_eq!(decode_all(&out, &portions), Ok(expected));
        }

        #[test]
        fn rubbish_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), portions in proptest::collection::vec(1usize..50, 1..4)) {
            let _ = decode_all(&bytes, &portions);
        }
    }
}
