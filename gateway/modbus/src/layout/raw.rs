//! Raw words taken apart: their order, decimal digits, text.

use site::Order;

/// Decimal digits of four bits each; `None` when one of them is none.
pub(super) fn from_digits(raw: u64) -> Option<i64> {
    (0..8).rev().map(|n| raw >> (4 * n) & 0xF).try_fold(0, |all, digit| {
        let digit = i64::try_from(digit).ok().filter(|digit| *digit < 10)?;
        Some(all * 10 + digit)
    })
}

/// The inverse of [`from_digits`]; eight digits at most.
pub(super) fn to_digits(number: i128) -> u64 {
    (0..8).map(|n| ((number / 10_i128.pow(n) % 10) as u64) << (4 * n)).sum()
}

/// Text up to the first 0, without blanks at its end; what is not UTF-8 is taken as Latin-1.
pub(super) fn text_of(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let bytes = &bytes[..end];
    let text =
        std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|b| char::from(*b)).collect(), str::to_owned);
    text.trim_end().to_owned()
}

/// What an order swaps: the halves of 64 bit, the words of 32, the bytes of 16.
#[derive(Debug, Clone, Copy)]
pub(super) struct Halves {
    pub(super) longs: bool,
    pub(super) words: bool,
    pub(super) bytes: bool,
}

impl Halves {
    /// Where the word lies that is so far from the highest.
    pub(super) fn place(self, from_high: usize, count: usize) -> usize {
        match count {
            4 => from_high ^ usize::from(self.words) ^ (usize::from(self.longs) << 1),
            2 => from_high ^ usize::from(self.words),
            _ => from_high,
        }
    }
}

pub(super) fn halves(order: Order) -> Halves {
    let (longs, words, bytes) = match order {
        Order::Abcd => (false, false, false),
        Order::Cdab => (true, true, false),
        Order::Badc => (false, false, true),
        Order::Dcba => (true, true, true),
        Order::Efghabcd => (true, false, false),
        Order::Cdabghef => (false, true, false),
        Order::Dcbahgfe => (false, true, true),
        Order::Fehgbadc => (true, false, true),
    };
    Halves { longs, words, bytes }
}
