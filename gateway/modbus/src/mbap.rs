//! Modbus TCP framing: transaction numbers, and nothing taken for an answer that doesn't carry one of ours.

use tokio_modbus::Request;

use crate::pdu::{self, Answer, BadReply, PDU_BYTES_MAX};

/// Transaction, protocol, length, unit.
pub(crate) const HEADER_BYTES: usize = 7;

/// Stale answers of a whole burst; a peer that sends more than this unasked is lying.
const UNREAD_BYTES_MAX: usize = 4096;

/// What was found in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It ends the transaction of this number, right or wrong.
    Ends(u16, Result<Answer, BadReply>),
    /// It carries a number that nobody waits for: an answer that was given up, one given twice, somebody else's.
    /// With data, or with an exception, which may be a gateway's own.
    Stale(u16, bool),
    /// The stream can't be followed any further.
    Lost(BadReply),
}

/// One connection's framing.
#[derive(Debug, Default)]
pub struct Mbap {
    transaction: u16,
    unread: Vec<u8>,
    /// Bytes of foreign frames since the last request went out.
    ignored: usize,
    /// Something came that is no frame: where the next one begins, nobody knows.
    broken: bool,
}

impl Mbap {
    /// A new connection: nothing is in flight. Transaction numbers go on, so that none is soon used twice.
    pub fn reset(&mut self) {
        self.unread.clear();
        self.broken = false;
    }

    /// The number and the bytes of a request. A number that `is_taken` is passed over: its answer may still come.
    pub fn encode(&mut self, unit: u8, request: &Request<'_>, is_taken: impl Fn(u16) -> bool) -> (u16, Vec<u8>) {
        loop {
            self.transaction = self.transaction.wrapping_add(1);
            if !is_taken(self.transaction) {
                break;
            }
        }
        self.ignored = 0;
        let pdu = pdu::encode(request).expect("the device asks only what pdu can say");
        let length = u16::try_from(pdu.len() + 1).expect("a PDU is short");
        let mut out = Vec::with_capacity(HEADER_BYTES + pdu.len());
        out.extend_from_slice(&self.transaction.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&length.to_be_bytes());
        out.push(unit);
        out.extend(pdu);
        (self.transaction, out)
    }

    /// Takes what arrived.
    pub fn keep(&mut self, bytes: &[u8]) {
        // What can't be followed isn't gathered either.
        if !self.broken {
            self.unread.extend_from_slice(bytes);
        }
    }

    /// The next thing in what arrived, if it is there whole. `asked` says of whom and what was asked under a number that
    /// is in flight.
    pub fn next<'r>(&mut self, asked: impl Fn(u16) -> Option<(u8, &'r Request<'static>)>) -> Option<Found> {
        if self.broken {
            return Some(Found::Lost(BadReply::NotModbus));
        }
        let [t0, t1, p0, p1, l0, l1, from] = *self.unread.first_chunk::<HEADER_BYTES>()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if [p0, p1] != [0, 0] || !(2..=PDU_BYTES_MAX + 1).contains(&length) {
            self.broken = true;
            self.unread.clear();
            return Some(Found::Lost(BadReply::NotModbus));
        }
        let end = HEADER_BYTES - 1 + length;
        let frame = self.unread.get(HEADER_BYTES..end)?;
        let number = u16::from_be_bytes([t0, t1]);
        let found = match asked(number) {
            Some((unit, request)) if unit == from => Found::Ends(number, pdu::decode(request, frame)),
            Some((unit, _)) => Found::Ends(number, Err(BadReply::Unit { asked: unit, got: from })),
            None => {
                self.ignored += end;
                match self.ignored > UNREAD_BYTES_MAX {
                    true => Found::Lost(BadReply::Flood(self.ignored)),
                    false => Found::Stale(number, frame[0] & 0x80 == 0),
                }
            }
        };
        self.unread.drain(..end);
        Some(found)
    }
}
