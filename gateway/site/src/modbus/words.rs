//! What lies in registers: types, and the orders of their bytes.

/// A register type of pymscada's `modbusclient.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WordType {
    /// A coil, a discrete input, or one bit of a register.
    Bool,
    /// One word, signed.
    Int16,
    /// One word.
    Uint16,
    /// Two words, signed.
    Int32,
    /// Two words.
    Uint32,
    /// Four words, signed.
    Int64,
    /// Four words; past `i64::MAX` it is out of range.
    Uint64,
    /// Two words, IEEE 754.
    Float32,
    /// Four words, IEEE 754.
    Float64,
    /// One byte of a word, signed: the low one, in the order `badc` the high one.
    Int8,
    /// One byte of a word: the low one, in the order `badc` the high one.
    Uint8,
    /// One word, four decimal digits of four bits.
    Bcd16,
    /// Two words, eight decimal digits.
    Bcd32,
    /// Text of a stated length, two characters a word; ends at the first 0.
    Text,
    /// Bytes of a stated length, two a word.
    Bytes,
}

impl WordType {
    /// Does the site say how long it is?
    pub fn has_length(self) -> bool {
        matches!(self, Self::Text | Self::Bytes)
    }

    /// Is a value of it a number with a fraction, without scaling?
    pub fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }
}

/// The order in which a device lays the bytes of a number, `A` the most significant. For 64 bits the letters stand for
/// pairs of the same pattern: words high to low or low to high, bytes kept or swapped in each word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// `abcd`: high word first, high byte first: what the standard's own figures do.
    Abcd,
    /// `cdab`: low word first, high byte first.
    Cdab,
    /// `badc`: high word first, low byte first.
    Badc,
    /// `dcba`: low word first, low byte first.
    Dcba,
    /// `efghabcd`, 64 bit only: the halves of 32 bit swapped.
    Efghabcd,
    /// `cdabghef`, 64 bit only: the words swapped in each half.
    Cdabghef,
    /// `dcbahgfe`, 64 bit only: the words swapped in each half, the bytes in each word.
    Dcbahgfe,
    /// `fehgbadc`, 64 bit only: the halves swapped, the bytes in each word.
    Fehgbadc,
}

impl Order {
    /// Does it say anything only of 64 bit?
    pub fn is_of_64(self) -> bool {
        matches!(self, Self::Efghabcd | Self::Cdabghef | Self::Dcbahgfe | Self::Fehgbadc)
    }
}
