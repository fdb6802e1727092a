//! Numbers of variable length, and a reader that never runs past its bytes.

use super::FormatError;

/// A number in as few bytes as it needs, seven bits each, the lowest first.
pub(crate) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A signed number, small ones of both signs short.
pub(crate) fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put(bytes, ((number << 1) ^ (number >> 63)) as u64);
}

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next byte.
    pub(crate) fn byte(&mut self) -> Result<u8, FormatError> {
        let (first, rest) = self.0.split_first().ok_or(FormatError::Short)?;
        self.0 = rest;
        Ok(*first)
    }

    /// See [`put`].
    pub(crate) fn number(&mut self) -> Result<u64, FormatError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return if shift == 63 && byte > 1 {
                    Err(FormatError::Nonsense("a number past 64 bits"))
                } else {
                    Ok(number)
                };
            }
        }
        Err(FormatError::Nonsense("a number past 64 bits"))
    }

    /// See [`put_signed`].
    pub(crate) fn signed(&mut self) -> Result<i64, FormatError> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A count of things of which there are at most so many.
    pub(crate) fn count(&mut self, most: usize) -> Result<usize, FormatError> {
        let count = self.number()?;
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= most)
            .ok_or(FormatError::Nonsense("a count past its bound"))
    }

    /// So many bytes as they are.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        if count > self.0.len() {
            return Err(FormatError::Short);
        }
        let (first, rest) = self.0.split_at(count);
        self.0 = rest;
        Ok(first)
    }

    /// Bytes with their count before them.
    pub(crate) fn block(&mut self) -> Result<Bytes<'a>, FormatError> {
        let count = self.count(usize::MAX)?;
        self.take(count).map(Bytes)
    }

    /// Eight bytes, little-endian.
    pub(crate) fn word64(&mut self) -> Result<u64, FormatError> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().expect("eight were taken")))
    }

    /// Four bytes, little-endian.
    pub(crate) fn word32(&mut self) -> Result<u32, FormatError> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("four were taken")))
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), FormatError> {
        if self.0.is_empty() { Ok(()) } else { Err(FormatError::Nonsense("bytes after the end")) }
    }
}
