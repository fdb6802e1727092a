//! Envelopes: MBAP for TCP, unit and CRC for a serial line.

/// How a line wraps what is said on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Modbus TCP: transaction id, length, unit.
    Tcp,
    /// Modbus RTU: unit, CRC. Requests are told apart by the length their function has.
    Rtu,
}

/// One request or one answer with the facts of its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The master's number for it; 0 on a serial line.
    pub transaction: u16,
    /// Which device.
    pub unit: u8,
    /// Function and data.
    pub pdu: Vec<u8>,
}

/// What came is not Modbus; on TCP nothing that follows can be found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not Modbus TCP")]
pub struct Rubbish;

/// Unit and function and data of a serial frame, at most.
const RTU_BYTES_MAX: usize = 256;
/// A TCP envelope without the unit.
const MBAP_BYTES: usize = 6;

impl Framing {
    /// Takes the first whole request out of what has come so far. `None`: more is needed. A serial line drops bytes
    /// until a request with a true CRC begins.
    pub fn cut(self, heard: &mut Vec<u8>) -> Result<Option<Frame>, Rubbish> {
        match self {
            Self::Tcp => cut_tcp(heard),
            Self::Rtu => Ok(cut_rtu(heard)),
        }
    }

    /// The bytes of a frame.
    pub fn seal(self, frame: &Frame) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(MBAP_BYTES + 1 + frame.pdu.len());
        match self {
            Self::Tcp => {
                bytes.extend_from_slice(&frame.transaction.to_be_bytes());
                let len = u16::try_from(frame.pdu.len() + 1).expect("an answer is short");
                bytes.extend_from_slice(&[0, 0]);
                bytes.extend_from_slice(&len.to_be_bytes());
                bytes.push(frame.unit);
                bytes.extend_from_slice(&frame.pdu);
            }
            Self::Rtu => {
                bytes.push(frame.unit);
                bytes.extend_from_slice(&frame.pdu);
                bytes.extend_from_slice(&crc(&bytes).to_le_bytes());
            }
        }
        bytes
    }
}

fn cut_tcp(heard: &mut Vec<u8>) -> Result<Option<Frame>, Rubbish> {
    if heard.len() < MBAP_BYTES {
        return Ok(None);
    }
    let word = |at: usize| u16::from_be_bytes([heard[at], heard[at + 1]]);
    let (transaction, protocol, len) = (word(0), word(2), usize::from(word(4)));
    if protocol != 0 || !(2..=254).contains(&len) {
        return Err(Rubbish);
    }
    if heard.len() < MBAP_BYTES + len {
        return Ok(None);
    }
    let body: Vec<u8> = heard.drain(..MBAP_BYTES + len).skip(MBAP_BYTES).collect();
    Ok(Some(Frame { transaction, unit: body[0], pdu: body[1..].to_vec() }))
}

fn cut_rtu(heard: &mut Vec<u8>) -> Option<Frame> {
    // A request begins where a whole one with a true CRC does: what is before it was noise.
    for from in 0..heard.len() {
        let len = match rtu_len(&heard[from..]) {
            RtuLen::Is(len) => len,
            // A function nobody here knows ends where the line falls quiet: it is all there is.
            RtuLen::Unknown if from == 0 && (4..=RTU_BYTES_MAX).contains(&heard.len()) => heard.len(),
            RtuLen::Unknown | RtuLen::NeedsMore => continue,
        };
        if from + len <= heard.len() && crc(&heard[from..from + len]) == 0 {
            let body: Vec<u8> = heard.drain(..from + len).skip(from).collect();
            return Some(Frame { transaction: 0, unit: body[0], pdu: body[1..len - 2].to_vec() });
        }
    }
    let noise = heard.len().saturating_sub(RTU_BYTES_MAX);
    heard.drain(..noise);
    None
}

enum RtuLen {
    Is(usize),
    NeedsMore,
    Unknown,
}

fn rtu_len(heard: &[u8]) -> RtuLen {
    let Some(function) = heard.get(1) else { return RtuLen::NeedsMore };
    let counted = |at: usize| match heard.get(at) {
        Some(bytes) => RtuLen::Is((at + 1 + usize::from(*bytes) + 2).min(RTU_BYTES_MAX)),
        None => RtuLen::NeedsMore,
    };
    match function {
        1..=6 => RtuLen::Is(8),
        7 | 11 | 12 | 17 => RtuLen::Is(4),
        15 | 16 => counted(6),
        22 => RtuLen::Is(10),
        23 => counted(10),
        _ => RtuLen::Unknown,
    }
}

/// The CRC of the standard: 0 over a frame with its own CRC at the end.
pub fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_the_standards() {
        // Its own example: 02 07 has the CRC 0x1241, sent low byte first.
        assert_eq!(crc(&[0x02, 0x07]), 0x1241);
        assert_eq!(crc(&[0x02, 0x07, 0x41, 0x12]), 0);
    }

    #[test]
    fn requests_are_cut_one_by_one_whatever_the_pieces() {
        let ask = |transaction, pdu: &[u8]| Frame { transaction, unit: 5, pdu: pdu.to_vec() };
        for framing in [Framing::Tcp, Framing::Rtu] {
            let number = |n| if framing == Framing::Tcp { n } else { 0 };
            let asks = [
                ask(number(7), &[3, 0, 1, 0, 2]),
                ask(number(8), &[16, 0, 1, 0, 1, 2, 9, 9]),
                ask(number(9), &[43, 14, 1, 0]),
                ask(number(10), &[22, 0, 4, 0, 0xF2, 0, 0x25]),
            ];
            let bytes: Vec<u8> = asks.iter().flat_map(|ask| framing.seal(ask)).collect();
            let (mut heard, mut got) = (Vec::new(), Vec::new());
            for byte in bytes {
                heard.push(byte);
                got.extend(framing.cut(&mut heard).unwrap());
            }
            assert_eq!(got, asks, "{framing:?}");
            assert!(heard.is_empty());
        }
    }

    #[test]
    fn rubbish_ends_a_connection_but_not_a_serial_line() {
        assert_eq!(Framing::Tcp.cut(&mut b"GET / HTTP/1.1\r\n".to_vec()), Err(Rubbish));
        let ask = Frame { transaction: 0, unit: 5, pdu: vec![3, 0, 1, 0, 2] };
        let mut heard = [&[0xFF, 3, 0x55][..], &Framing::Rtu.seal(&ask)].concat();
        assert_eq!(Framing::Rtu.cut(&mut heard), Ok(Some(ask)));
    }
}
