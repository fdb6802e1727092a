//! The last raw frames of a line, and the file that Wireshark opens.

use std::collections::VecDeque;

use tag::Timestamp;

use crate::pdu::PDU_BYTES_MAX;

/// Frames kept of a line: a minute of a busy serial line.
const FRAMES_MAX: usize = 1024;
/// Bytes kept of a line; a flooding device fills no memory.
const BYTES_MAX: usize = 128 * 1024;

/// Of a frame of Modbus TCP, up to and with its length.
const MBAP_BYTES: usize = 6;

/// Microseconds, host order, packets of exported dissections.
const PCAP_MAGIC: u32 = 0xA1B2_C3D4;
/// LINKTYPE_WIRESHARK_UPPER_PDU: each packet says itself which dissector it is for.
const LINKTYPE: u32 = 252;
/// The largest packet of a file.
const SNAP_BYTES: u32 = 65_535;

/// What went over the wire at once.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    at: Timestamp,
    from_us: bool,
    bytes: Vec<u8>,
}

/// The last frames of one line.
#[derive(Debug, Default)]
pub struct Trace {
    rtu: bool,
    frames: VecDeque<Frame>,
    bytes: usize,
    /// RTU: bytes that came belong to the last frame still.
    open: bool,
    /// TCP: what came of a frame that isn't there whole.
    begun: Vec<u8>,
}

impl Trace {
    /// Of a line with RTU frames, or with those of Modbus TCP.
    pub fn new(rtu: bool) -> Self {
        Self { rtu, ..Self::default() }
    }

    /// Another connection begins: what came of a frame stays a piece.
    pub fn cut(&mut self, at: Timestamp) {
        self.open = false;
        self.take_piece(at);
    }

    /// We sent this.
    pub fn sent(&mut self, at: Timestamp, bytes: &[u8]) {
        self.push(Frame { at, from_us: true, bytes: bytes.to_vec() });
        self.open = false;
    }

    /// This came; `whole`: with it an answer was complete. (Frames of Modbus TCP say so themselves, and several may come
    /// at once.)
    pub fn heard(&mut self, at: Timestamp, bytes: &[u8], whole: bool) {
        if !self.rtu {
            return self.heard_packet(at, bytes);
        }
        match self.frames.back_mut().filter(|_| self.open) {
            Some(frame) if frame.bytes.len() + bytes.len() <= SNAP_BYTES as usize / 16 => {
                frame.bytes.extend_from_slice(bytes);
                self.bytes += bytes.len();
                self.keep_within();
            }
            _ => self.push(Frame { at, from_us: false, bytes: bytes.to_vec() }),
        }
        self.open = !whole;
    }

    fn heard_packet(&mut self, at: Timestamp, bytes: &[u8]) {
        self.begun.extend_from_slice(bytes);
        while let [_, _, p0, p1, l0, l1, ..] = self.begun[..] {
            let end = MBAP_BYTES + usize::from(u16::from_be_bytes([l0, l1]));
            if [p0, p1] != [0, 0] || !(MBAP_BYTES + 2..=MBAP_BYTES + 1 + PDU_BYTES_MAX).contains(&end) {
                // What isn't Modbus is shown as it came.
                return self.take_piece(at);
            }
            if self.begun.len() < end {
                return;
            }
            let bytes = self.begun.drain(..end).collect();
            self.push(Frame { at, from_us: false, bytes });
        }
    }

    fn take_piece(&mut self, at: Timestamp) {
        if !self.begun.is_empty() {
            let bytes = std::mem::take(&mut self.begun);
            self.push(Frame { at, from_us: false, bytes });
        }
    }

    fn push(&mut self, frame: Frame) {
        self.bytes += frame.bytes.len();
        self.frames.push_back(frame);
        self.keep_within();
    }

    fn keep_within(&mut self) {
        while self.frames.len() > FRAMES_MAX || self.bytes > BYTES_MAX && self.frames.len() > 1 {
            let gone = self.frames.pop_front().map_or(0, |frame| frame.bytes.len());
            self.bytes -= gone;
        }
    }

    /// All of it as a pcap file.
    pub fn pcap(&self) -> Vec<u8> {
        let dissector = if self.rtu { "mbrtu" } else { "mbtcp" };
        let mut out = Vec::with_capacity(24 + self.bytes + 64 * self.frames.len());
        out.extend(PCAP_MAGIC.to_le_bytes());
        out.extend([2, 0, 4, 0]);
        out.extend([0; 8]);
        out.extend(SNAP_BYTES.to_le_bytes());
        out.extend(LINKTYPE.to_le_bytes());
        for frame in &self.frames {
            let head = head(dissector, frame.from_us);
            let len = u32::try_from(head.len() + frame.bytes.len()).unwrap_or(SNAP_BYTES);
            let micros = frame.at.0;
            out.extend(u32::try_from(micros / 1_000_000).unwrap_or(u32::MAX).to_le_bytes());
            out.extend(u32::try_from(micros % 1_000_000).unwrap_or(0).to_le_bytes());
            out.extend(len.to_le_bytes());
            out.extend(len.to_le_bytes());
            out.extend(&head);
            out.extend(&frame.bytes);
        }
        out
    }
}

/// What stands before the bytes of a frame: the dissector's name, and ports, by which it tells question from answer.
fn head(dissector: &str, from_us: bool) -> Vec<u8> {
    const DISSECTOR: u16 = 12;
    const PORT_TYPE: u16 = 24;
    const FROM_PORT: u16 = 25;
    const TO_PORT: u16 = 26;
    const TCP: u32 = 2;
    let (from, to): (u32, u32) = if from_us { (50_000, 502) } else { (502, 50_000) };
    let mut name = dissector.as_bytes().to_vec();
    name.resize(name.len().next_multiple_of(4), 0);
    let mut out = Vec::new();
    let mut tag = |number: u16, value: &[u8]| {
        out.extend(number.to_be_bytes());
        out.extend(u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(value);
    };
    tag(DISSECTOR, &name);
    tag(PORT_TYPE, &TCP.to_be_bytes());
    tag(FROM_PORT, &from.to_be_bytes());
    tag(TO_PORT, &to.to_be_bytes());
    tag(0, &[]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_and_the_file_is_as_wireshark_wants_it() {
        let mut trace = Trace::new(true);
        trace.sent(Timestamp(1_700_000_000_000_005), &[1, 3, 0, 0, 0, 1, 0x84, 0x0A]);
        trace.heard(Timestamp(1_700_000_000_010_000), &[1, 3], false);
        trace.heard(Timestamp(1_700_000_000_011_000), &[2, 0, 7], true);
        trace.heard(Timestamp(1_700_000_000_012_000), &[9], false);
        assert_eq!(trace.frames.len(), 3);
        assert_eq!(trace.frames[1].bytes, [1, 3, 2, 0, 7]);
        let file = trace.pcap();
        assert_eq!(file[..4], [0xD4, 0xC3, 0xB2, 0xA1]);
        assert_eq!(file[20..24], [252, 0, 0, 0]);
        let head = [
            &[0, 12, 0, 8][..],
            b"mbrtu\0\0\0",
            &[0, 24, 0, 4, 0, 0, 0, 2, 0, 25, 0, 4, 0, 0, 0xC3, 0x50],
            &[0, 26, 0, 4, 0, 0, 1, 0xF6, 0, 0, 0, 0],
        ]
        .concat();
        let len = u8::try_from(head.len() + 8).unwrap();
        assert_eq!(file[24..28], 1_700_000_000_u32.to_le_bytes());
        assert_eq!(file[28..40], [5, 0, 0, 0, len, 0, 0, 0, len, 0, 0, 0]);
        assert_eq!(file[40..40 + head.len()], head);
        assert_eq!(file[40 + head.len()..][..8], [1, 3, 0, 0, 0, 1, 0x84, 0x0A]);
    }

    #[test]
    fn it_is_bounded_in_frames_and_in_bytes() {
        let mut trace = Trace::new(true);
        for n in 0..10_000_u32 {
            trace.sent(Timestamp(u64::from(n)), &[0; 8]);
        }
        assert_eq!(trace.frames.len(), FRAMES_MAX);
        for n in 0..10_000_u32 {
            trace.heard(Timestamp(u64::from(n)), &[0; 1000], false);
        }
        assert!(trace.bytes <= BYTES_MAX && trace.pcap().len() < 2 * BYTES_MAX);
        assert_eq!(trace.bytes, trace.frames.iter().map(|frame| frame.bytes.len()).sum::<usize>());
    }
}
