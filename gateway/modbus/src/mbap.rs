//! Modbus TCP framing: transaction numbers, and nothing taken for an answer that doesn't carry ours.

use tokio_modbus::Request;

use crate::pdu::{self, Answer, BadReply, PDU_BYTES_MAX};

/// Transaction, protocol, length, unit.
const HEADER_BYTES: usize = 7;

/// Stale answers of a whole burst; a peer that sends more than this unasked is lying.
const UNREAD_BYTES_MAX: usize = 4096;

/// One connection's framing.
#[derive(Debug, Default)]
pub struct Mbap {
    transaction: u16,
    unread: Vec<u8>,
    stale: u64,
    /// Who sent the last of those.
    late: Option<u8>,
    /// Bytes of foreign frames since the last request went out.
    ignored: usize,
}

impl Mbap {
    /// A new connection: nothing is in flight. Transaction numbers go on, so that none is soon used twice.
    pub fn reset(&mut self) {
        self.unread.clear();
    }

    /// How many frames were thrown away because they answered an earlier request.
    pub fn stale(&self) -> u64 {
        self.stale
    }

    /// Takes who answered an earlier request, if anybody did since this was last asked.
    pub(crate) fn take_late(&mut self) -> Option<u8> {
        self.late.take()
    }

    /// The bytes of a request under a new transaction number.
    pub fn encode(&mut self, unit: u8, request: &Request<'_>) -> Vec<u8> {
        self.transaction = self.transaction.wrapping_add(1);
        self.ignored = 0;
        let pdu = pdu::encode(request).expect("the device asks only what pdu can say");
        let length = u16::try_from(pdu.len() + 1).expect("a PDU is short");
        let mut out = Vec::with_capacity(HEADER_BYTES + pdu.len());
        out.extend_from_slice(&self.transaction.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&length.to_be_bytes());
        out.push(unit);
        out.extend(pdu);
        out
    }

    /// Takes what arrived; an answer to the last request ends it, right or wrong.
    /// [`BadReply::NotModbus`] and [`BadReply::Flood`] mean that the stream can't be followed any further.
    pub fn push(&mut self, unit: u8, request: &Request<'_>, bytes: &[u8]) -> Option<Result<Answer, BadReply>> {
        self.unread.extend_from_slice(bytes);
        let mut taken = 0;
        let mut found = None;
        while found.is_none() {
            let rest = &self.unread[taken..];
            let Some(header) = rest.first_chunk::<HEADER_BYTES>() else { break };
            let [t0, t1, p0, p1, l0, l1, from] = *header;
            let length = usize::from(u16::from_be_bytes([l0, l1]));
            if [p0, p1] != [0, 0] || !(2..=PDU_BYTES_MAX + 1).contains(&length) {
                found = Some(Err(BadReply::NotModbus));
                break;
            }
            let Some(frame) = rest.get(HEADER_BYTES..HEADER_BYTES - 1 + length) else { break };
            taken += HEADER_BYTES - 1 + length;
            if u16::from_be_bytes([t0, t1]) != self.transaction {
                self.stale += 1;
                self.late = Some(from);
                self.ignored += HEADER_BYTES - 1 + length;
                continue;
            }
            found = Some(match from == unit {
                true => pdu::decode(request, frame),
                false => Err(BadReply::Unit { asked: unit, got: from }),
            });
        }
        if found.is_none() && self.ignored > UNREAD_BYTES_MAX {
            found = Some(Err(BadReply::Flood(self.ignored)));
        }
        self.unread.drain(..taken);
        found
    }
}
