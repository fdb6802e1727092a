//! What lies on flash, byte by byte; `FORMAT.md` is the description. Pure: bytes in, records out, and the reverse.

pub(crate) mod bytes;
pub(crate) mod chunk;
pub(crate) mod column;
#[cfg(test)]
mod kept_tests;
pub(crate) mod log;
pub(crate) mod rollup;
#[cfg(test)]
mod tests;
pub(crate) mod texts;

use tag::Timestamp;

use crate::entry::Point;

/// What is known of one tag from a time on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// From when on.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) point: Point,
}

/// Why bytes are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormatError {
    /// The checksum is another: the flash has changed what was written.
    #[error("the checksum is wrong")]
    Checksum,
    /// The end comes too early.
    #[error("bytes are missing")]
    Short,
    /// A number has no meaning here.
    #[error("nonsense: {0}")]
    Nonsense(&'static str),
    /// Written by a release that knows more.
    #[error("format {0} is newer than this release")]
    Newer(u8),
    /// The compressed numbers don't read.
    #[error("compressed numbers: {0}")]
    Numbers(String),
}

/// Appends the checksum: of what the bytes are about, so that two of them can't be swapped, and of the bytes.
pub(crate) fn seal(mut bytes: Vec<u8>, about: [i64; 2]) -> Vec<u8> {
    let sum = checksum(&bytes, about);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// The bytes without their checksum, if that is right.
pub(crate) fn unseal(bytes: &[u8], about: [i64; 2]) -> Result<&[u8], FormatError> {
    let (bytes, sum) = bytes.split_last_chunk::<4>().ok_or(FormatError::Short)?;
    if checksum(bytes, about).to_le_bytes() == *sum { Ok(bytes) } else { Err(FormatError::Checksum) }
}

fn checksum(bytes: &[u8], about: [i64; 2]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    for number in about {
        sum.update(&number.to_le_bytes());
    }
    sum.update(bytes);
    sum.finalize()
}

/// When the records of [`take_any`] begin: a whole minute.
const ANY_FROM: Timestamp = Timestamp(1_699_999_980_000_000);

/// For the fuzzers: bytes as a chunk (0), a line of the log (1) or a block of buckets (2) of tag 1, under the right
/// checksum. Records, or an error.
#[doc(hidden)]
pub fn take_any(form: u8, body: &[u8]) -> bool {
    let sealed = |about| seal(body.to_vec(), about);
    let from = i64::try_from(ANY_FROM.0).expect("a time of ours");
    match form % 3 {
        0 => chunk::decode(1, ANY_FROM, &sealed([1, from])).is_ok(),
        1 => log::decode(1, &sealed([1, 0])).is_ok(),
        _ => rollup::decode(1, ANY_FROM, &sealed([1, from])).is_ok(),
    }
}
