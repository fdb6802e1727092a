//! Numbers as a device lays them in its 16-bit words. Written apart from the gateway's own layout, on purpose: two
//! sides that share a mistake agree with each other.

/// How a number is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One word, signed.
    Int16,
    /// One word; coils and discrete inputs are 0 or 1 of it.
    Uint16,
    /// Two words, signed.
    Int32,
    /// Two words.
    Uint32,
    /// Four words, signed.
    Int64,
    /// Four words.
    Uint64,
    /// Two words, IEEE 754.
    Float32,
    /// Four words, IEEE 754.
    Float64,
}

/// In which order a device lays the bytes of a number; `A` is the most significant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// High word first, high byte first.
    Abcd,
    /// Low word first, high byte first.
    Cdab,
    /// High word first, low byte first.
    Badc,
    /// Low word first, low byte first.
    Dcba,
}

impl Kind {
    /// How many words it takes.
    pub fn words(self) -> u16 {
        match self {
            Self::Int16 | Self::Uint16 => 1,
            Self::Int32 | Self::Uint32 | Self::Float32 => 2,
            Self::Int64 | Self::Uint64 | Self::Float64 => 4,
        }
    }

    /// The words of a number, in the device's order. What doesn't fit is clamped, as converters in PLCs do; integers
    /// are exact up to 2^53, which reaches to the year 2255 in µs.
    pub fn encode(self, order: Order, value: f64) -> Vec<u16> {
        // `as` saturates, and makes 0 of a NaN.
        #[allow(clippy::cast_possible_truncation, reason = "saturation is what is wanted")]
        let bytes: Vec<u8> = match self {
            Self::Int16 => (value.round() as i16).to_be_bytes().into(),
            Self::Uint16 => (value.round() as u16).to_be_bytes().into(),
            Self::Int32 => (value.round() as i32).to_be_bytes().into(),
            Self::Uint32 => (value.round() as u32).to_be_bytes().into(),
            Self::Int64 => (value.round() as i64).to_be_bytes().into(),
            Self::Uint64 => (value.round() as u64).to_be_bytes().into(),
            Self::Float32 => (value as f32).to_be_bytes().into(),
            Self::Float64 => value.to_be_bytes().into(),
        };
        order.arrange(bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect())
    }

    /// The number in `words`, which must be [`Kind::words`] many.
    pub fn decode(self, order: Order, words: &[u16]) -> f64 {
        assert_eq!(words.len(), usize::from(self.words()), "a {self:?} has a fixed number of words");
        let words = order.arrange(words.to_vec());
        let bits = words.iter().fold(0_u64, |bits, word| bits << 16 | u64::from(*word));
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_possible_wrap)]
        match self {
            Self::Int16 => f64::from(bits as u16 as i16),
            Self::Uint16 => f64::from(bits as u16),
            Self::Int32 => f64::from(bits as u32 as i32),
            Self::Uint32 => f64::from(bits as u32),
            Self::Int64 => bits as i64 as f64,
            Self::Uint64 => bits as f64,
            Self::Float32 => f64::from(f32::from_bits(bits as u32)),
            Self::Float64 => f64::from_bits(bits),
        }
    }
}

impl Order {
    /// From `Abcd` to this order, and back: each order undoes itself.
    fn arrange(self, mut words: Vec<u16>) -> Vec<u16> {
        if matches!(self, Self::Cdab | Self::Dcba) {
            words.reverse();
        }
        if matches!(self, Self::Badc | Self::Dcba) {
            words.iter_mut().for_each(|word| *word = word.swap_bytes());
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_float_in_four_orders() {
        // 20.5 as IEEE 754 is 0x41A40000.
        let laid = |order| Kind::Float32.encode(order, 20.5);
        assert_eq!(laid(Order::Abcd), [0x41A4, 0x0000]);
        assert_eq!(laid(Order::Cdab), [0x0000, 0x41A4]);
        assert_eq!(laid(Order::Badc), [0xA441, 0x0000]);
        assert_eq!(laid(Order::Dcba), [0x0000, 0xA441]);
    }

    #[test]
    fn whatever_is_laid_is_read_back() {
        let kinds = [Kind::Int16, Kind::Int32, Kind::Int64, Kind::Float32, Kind::Float64];
        for order in [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba] {
            for kind in kinds {
                assert_eq!(kind.decode(order, &kind.encode(order, -1234.0)), -1234.0, "{kind:?} {order:?}");
            }
            for kind in [Kind::Uint16, Kind::Uint32, Kind::Uint64] {
                assert_eq!(kind.decode(order, &kind.encode(order, 43210.0)), 43210.0, "{kind:?} {order:?}");
            }
        }
        let micros = 1_764_000_000_123_456.0;
        assert_eq!(Kind::Uint64.decode(Order::Abcd, &Kind::Uint64.encode(Order::Abcd, micros)), micros);
    }

    #[test]
    fn what_does_not_fit_is_clamped() {
        assert_eq!(Kind::Int16.encode(Order::Abcd, 1e9), [0x7FFF]);
        assert_eq!(Kind::Uint16.encode(Order::Abcd, -5.0), [0]);
    }
}
