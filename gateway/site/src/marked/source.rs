//! Bytes to text.

use crate::finding::Pos;

/// The largest file that is read. A site of 60,000 tags with everything said of them is about 10 times smaller than
/// what a parser of untrusted text should be asked to hold; this is between the two.
pub(crate) const FILE_BYTES_MAX: usize = 4 << 20;

/// The text of a file, without a byte order mark; or where it stops being UTF-8.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, Pos> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = good.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = good.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Pos { line: line as u32, column: column as u32 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_byte_that_is_not_utf8() {
        assert_eq!(decode(b"\xef\xbb\xbfa: b"), Ok("a: b"));
        assert_eq!(decode("a: 1\nunits: \u{b0}C".as_bytes()), Ok("a: 1\nunits: °C"));
        assert_eq!(decode(b"a: 1\nunits: \xb0C"), Err(Pos { line: 2, column: 8 }));
    }
}
