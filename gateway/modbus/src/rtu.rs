//! Modbus RTU framing. The length of an answer is known from the request, so a frame is cut by length and proved by its
//! checksum; silence is only needed to give up.

use tokio_modbus::Request;

use crate::pdu::{self, Answer, BadReply};

/// Unit, and the checksum behind.
const AROUND_BYTES: usize = 3;

/// Two of the longest frames: a foreign answer and ours. What floods past this is no answer.
const UNREAD_BYTES_MAX: usize = 512;

/// One line's framing.
#[derive(Debug, Default)]
pub struct Rtu {
    unread: Vec<u8>,
}

impl Rtu {
    /// Forgets what arrived.
    pub fn reset(&mut self) {
        self.unread.clear();
    }

    /// Did anything arrive since the request went out?
    pub fn heard(&self) -> usize {
        self.unread.len()
    }

    /// The bytes of a request.
    pub fn encode(&mut self, unit: u8, request: &Request<'_>) -> Vec<u8> {
        self.unread.clear();
        let mut out = vec![unit];
        out.extend(pdu::encode(request).expect("the device asks only what pdu can say"));
        let sum = crc16(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Takes what arrived and looks for the answer in it, past noise and foreign frames.
    pub fn push(&mut self, unit: u8, request: &Request<'_>, bytes: &[u8]) -> Option<Result<Answer, BadReply>> {
        // Not more than one read's worth past the bound: the caller reads in pieces.
        self.unread.extend_from_slice(bytes);
        if let Some(answer) = find(unit, request, &self.unread) {
            return Some(answer);
        }
        (self.unread.len() > UNREAD_BYTES_MAX).then_some(Err(BadReply::Flood(self.unread.len())))
    }
}

/// The first place where a whole frame of our unit, of the expected length and with a right checksum, begins.
fn find(unit: u8, request: &Request<'_>, unread: &[u8]) -> Option<Result<Answer, BadReply>> {
    for at in 0..unread.len() {
        let rest = &unread[at..];
        let [from, begins @ ..] = rest else { break };
        if *from != unit {
            continue;
        }
        let Some(len) = pdu::whole_len(request, begins) else { continue };
        let Some(frame) = rest.get(..len + AROUND_BYTES) else { continue };
        let (body, sum) = frame.split_at(frame.len() - 2);
        if crc16(body).to_le_bytes() != [sum[0], sum[1]] {
            continue;
        }
        match pdu::decode(request, &body[1..]) {
            // A frame of the right length whose count or echo is wrong answers something else: an earlier request.
            Err(_) => continue,
            good => return Some(good),
        }
    }
    None
}

/// The checksum of Modbus RTU: reflected polynomial A001, from FFFF.
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |sum, byte| CRC_TABLE[usize::from((sum ^ u16::from(*byte)) as u8)] ^ (sum >> 8))
}

const CRC_TABLE: [u16; 256] = crc_table();

const fn crc_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let mut sum = n as u16;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xA001 } else { sum >> 1 };
            bit += 1;
        }
        table[n] = sum;
        n += 1;
    }
    table
}
