//! Batches of readings: what owners publish and readers get.

use tag::Reading;

use super::fields::Fields;
use super::{close_frame, from_bus, to_bus};
use crate::{Violation, payload};

/// One reading of a batch: u16 tag id, u64 µs since 1970, u8 quality, u8 detail, u32 length, payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The bus's number of the tag.
    pub id: u16,
    /// When it was taken, µs since 1970.
    pub time_us: u64,
    /// 0 good, [`super::GAP`], or a fault's code.
    pub quality: u8,
    /// The fault's detail; of a good record 0 or [`super::SOURCE_TIME`].
    pub detail: u8,
    /// The value, empty for none.
    pub payload: &'a [u8],
}

impl Record<'_> {
    /// Appends this record to a batch that [`begin_readings`] began.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.reserve(HEAD_BYTES + self.payload.len());
        out.extend_from_slice(&head(self.id, self.time_us, (self.quality, self.detail), self.payload.len()));
        out.extend_from_slice(self.payload);
    }
}

/// Appends the record of a reading to a batch that [`begin_readings`] began: as [`Record::put`] would, but the value is laid
/// out where it belongs.
pub fn put_reading(id: u16, time_us: u64, reading: &Reading, out: &mut Vec<u8>) {
    let value = reading.any_value();
    let length = value.map_or(0, payload::length);
    out.reserve(HEAD_BYTES + length);
    out.extend_from_slice(&head(id, time_us, payload::quality_of(reading), length));
    if let Some(value) = value {
        payload::encode(value, out);
    }
}

/// What a record has before its payload.
const HEAD_BYTES: usize = 16;

fn head(id: u16, time_us: u64, (quality, detail): (u8, u8), length: usize) -> [u8; HEAD_BYTES] {
    let length = u32::try_from(length).expect("payloads are bounded");
    let mut head = [0; HEAD_BYTES];
    head[..2].copy_from_slice(&id.to_be_bytes());
    head[2..10].copy_from_slice(&time_us.to_be_bytes());
    head[10..12].copy_from_slice(&[quality, detail]);
    head[12..].copy_from_slice(&length.to_be_bytes());
    head
}

/// A batch being written; [`OpenBatch::close`] writes its length.
#[derive(Debug)]
#[must_use]
pub struct OpenBatch {
    start: usize,
}

/// Begins a batch of readings at the end of `out`: towards the bus (`Publish`) or from it (`Readings`).
pub fn begin_readings(out: &mut Vec<u8>, towards_bus: bool) -> OpenBatch {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, if towards_bus { to_bus::PUBLISH } else { from_bus::READINGS }]);
    OpenBatch { start }
}

impl OpenBatch {
    /// Bytes written so far.
    pub fn len(&self, out: &[u8]) -> usize {
        out.len() - self.start - 5
    }

    /// Ends the batch; an empty one leaves no trace.
    pub fn close(self, out: &mut Vec<u8>) {
        if self.len(out) == 0 {
            out.truncate(self.start);
        } else {
            close_frame(out, self.start);
        }
    }
}

/// The records of a batch. Yields one error and ends where a record doesn't fit.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a>(pub(crate) Fields<'a>);

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Violation>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let record = self.take();
        if record.is_none() {
            self.0.rest();
        }
        Some(record.ok_or(Violation::Malformed(to_bus::PUBLISH)))
    }
}

impl<'a> Records<'a> {
    fn take(&mut self) -> Option<Record<'a>> {
        let fields = &mut self.0;
        let (id, time_us, quality, detail) = (fields.u16()?, fields.u64()?, fields.u8()?, fields.u8()?);
        let length = fields.u32()? as usize;
        Some(Record { id, time_us, quality, detail, payload: fields.bytes(length)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tag::{Fault, Value};

    #[test]
    fn a_readings_record_is_the_one_of_its_parts() {
        let readings = [
            Reading::Good(Value::Int(-7)),
            Reading::Held { last: Value::Float(12.5), because: Fault::TimedOut },
            Reading::Good(Value::Text("open".into())),
            Reading::Missing(Fault::NotYetRead),
        ];
        for reading in readings {
            let (mut whole, mut parts, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
            put_reading(5, 1_700_000_000_000_000, &reading, &mut whole);
            let (quality, detail) = payload::of_reading(&reading, &mut bytes);
            Record { id: 5, time_us: 1_700_000_000_000_000, quality, detail, payload: &bytes }.put(&mut parts);
            assert_eq!(whole, parts, "{reading:?}");
        }
    }
}
