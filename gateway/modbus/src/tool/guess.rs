//! Every decoding of a window of registers side by side, and which of them the device's display shows.

use site::{Order, WordType};
use tag::Value;

use super::shown;
use crate::layout::Layout;

/// One way to understand some registers of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    /// Registers from the window's start.
    pub at: usize,
    /// Its type.
    pub word_type: WordType,
    /// In which order.
    pub order: Order,
    /// Of a text: how many registers; 0 of a number.
    pub length: u16,
    /// With which scale; 1 unless a display was given.
    pub scale: f64,
    /// What it says, scaled.
    pub value: Value,
    /// The lower, the likelier; 0 for what is as ordinary as can be.
    pub oddness: u32,
}

const NUMBERS: [WordType; 12] = [
    WordType::Int16,
    WordType::Uint16,
    WordType::Uint8,
    WordType::Int8,
    WordType::Float32,
    WordType::Int32,
    WordType::Uint32,
    WordType::Bcd16,
    WordType::Bcd32,
    WordType::Float64,
    WordType::Int64,
    WordType::Uint64,
];
const SHORT: [Order; 4] = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba];
const LONG: [Order; 4] = [Order::Efghabcd, Order::Cdabghef, Order::Dcbahgfe, Order::Fehgbadc];
/// What devices multiply their numbers by before they put them into registers, the usual ones first.
const SCALES: [f64; 7] = [1.0, 0.1, 0.01, 0.001, 10.0, 100.0, 1000.0];

/// No device tells a number that is nearer to 0.
const TINY: f64 = 1e-9;

/// The name of a type in `modbusclient.yaml`.
pub(crate) fn type_word(word_type: WordType) -> &'static str {
    match word_type {
        WordType::Bool => "bool",
        WordType::Int16 => "int16",
        WordType::Uint16 => "uint16",
        WordType::Int32 => "int32",
        WordType::Uint32 => "uint32",
        WordType::Int64 => "int64",
        WordType::Uint64 => "uint64",
        WordType::Float32 => "float32",
        WordType::Float64 => "float64",
        WordType::Int8 => "int8",
        WordType::Uint8 => "uint8",
        WordType::Bcd16 => "bcd16",
        WordType::Bcd32 => "bcd32",
        WordType::Text => "string",
        WordType::Bytes => "bytes",
    }
}

/// The name of an order in `modbusclient.yaml`.
pub(crate) fn order_word(order: Order) -> &'static str {
    match order {
        Order::Abcd => "abcd",
        Order::Cdab => "cdab",
        Order::Badc => "badc",
        Order::Dcba => "dcba",
        Order::Efghabcd => "efghabcd",
        Order::Cdabghef => "cdabghef",
        Order::Dcbahgfe => "dcbahgfe",
        Order::Fehgbadc => "fehgbadc",
    }
}

impl Guess {
    /// The line to paste under `tags:`; `address` is that of its first register.
    pub fn yaml(&self, address: &str) -> String {
        let scale = if self.scale == 1.0 { String::new() } else { format!(", scale: {}", self.scale) };
        let length = if self.length == 0 { String::new() } else { format!(", length: {}", self.length) };
        let order = format!(", order: {}", order_word(self.order));
        format!("{{type: {}, read: '{address}'{length}{order}{scale}}}", type_word(self.word_type))
    }

    /// Is it no number of absurd size? Those are what a wrong order makes of a float.
    pub fn is_sane(&self) -> bool {
        self.value.as_f64().is_none_or(|x| x == 0.0 || (TINY..1e15).contains(&x.abs()))
    }

    /// `float32 cdab`.
    pub fn name(&self) -> String {
        format!("{} {}", type_word(self.word_type), order_word(self.order))
    }
}

/// Every decoding of the window: the numbers, in order of place and type, then the texts.
pub fn decodings(words: &[u16]) -> Vec<Guess> {
    let mut all: Vec<Guess> = Vec::new();
    for at in 0..words.len() {
        for word_type in NUMBERS {
            let count = usize::from(word_type.words());
            let Some(part) = words.get(at..at + count) else { continue };
            let orders: &[Order] = if count == 1 { &[Order::Abcd, Order::Badc] } else { &SHORT };
            let long: &[Order] = if count == 4 { &LONG } else { &[] };
            for (rank, order) in orders.iter().chain(long).enumerate() {
                let Ok(value) = Layout::plain(word_type, *order).decode(part) else { continue };
                // A byte that says what its register says, or nothing, is no other way to understand it.
                let said = |value: &Value| all.iter().rev().take_while(|g| g.at == at).any(|g| g.value == *value);
                if is_byte(word_type) && (value == Value::Int(0) || said(&value)) {
                    continue;
                }
                let oddness = u32::try_from(rank).unwrap_or(8) * 2 + odd(word_type);
                all.push(Guess { at, word_type, order: *order, length: 0, scale: 1.0, value, oddness });
            }
        }
    }
    all.extend(texts(words));
    all
}

/// Spans of registers that hold nothing but letters, with the first of a word's bytes first or last.
fn texts(words: &[u16]) -> Vec<Guess> {
    let mut all = Vec::new();
    for (rank, order) in [Order::Abcd, Order::Badc].into_iter().enumerate() {
        for (at, length) in shown::letters(words, order == Order::Badc) {
            let layout = Layout { length, ..Layout::plain(WordType::Text, order) };
            let Ok(value) = layout.decode(&words[at..at + usize::from(length)]) else { continue };
            let oddness = u32::try_from(rank).unwrap_or(1) * 2;
            all.push(Guess { at, word_type: WordType::Text, order, length, scale: 1.0, value, oddness });
        }
    }
    all.sort_by_key(|guess| guess.at);
    all
}

fn odd(word_type: WordType) -> u32 {
    match word_type {
        WordType::Bcd16 | WordType::Bcd32 | WordType::Float64 | WordType::Int64 | WordType::Uint64 => 1,
        // There are so many bytes that some fit any short number by accident.
        _ if is_byte(word_type) => 6,
        _ => 0,
    }
}

fn is_byte(word_type: WordType) -> bool {
    matches!(word_type, WordType::Int8 | WordType::Uint8)
}

/// The decodings that a display could show so, the likeliest first. `shown` is its text: a number, with a point or a comma
/// before its decimals, as many of which as it has are compared, and perhaps with its unit; or letters. `asked` is the
/// place the person named: next to it is odder than there.
pub fn ranked(words: &[u16], asked: usize, shown: &str) -> Vec<Guess> {
    let mut fitting = spelled(words, shown.trim());
    let Some(shown::Number { is: number, step }) = shown::number(shown) else { return fitting };
    // Digits may be letters too: a serial number, or an accident.
    fitting.iter_mut().for_each(|text| text.oddness += 10);
    for guess in decodings(words) {
        let Some(raw) = guess.value.as_f64().filter(|raw| *raw == 0.0 || raw.abs() >= TINY) else { continue };
        for (rank, scale) in SCALES.iter().enumerate() {
            let is = raw * scale;
            // A display cuts off or rounds; both are within one step of its last digit, and on this side of 0.
            if (is - number).abs() > step * 1.001 || (number != 0.0 && raw == 0.0) || is * number < 0.0 {
                continue;
            }
            // A float is scaled by its nature, so a scaled float is odder than a scaled integer.
            let float = u32::from(guess.word_type.is_float()) * 4;
            let scaled = if rank == 0 { 0 } else { 1 + u32::try_from(rank).unwrap_or(7) + float };
            // An unscaled float that fits some digits is no accident; an integer of 16 bits easily is.
            let accident = if guess.word_type.is_float() && rank == 0 { 0 } else { 2 };
            let aside = u32::from(guess.at != asked) * 5;
            let far = if (is - number).abs() > step * 0.501 { 3 } else { 0 };
            let oddness = guess.oddness + scaled + accident + aside + far;
            fitting.push(Guess { scale: *scale, value: Value::Float(is), oddness, ..guess.clone() });
        }
    }
    fitting.sort_by_key(|guess| (guess.oddness, guess.at));
    fitting
}

/// The texts in which these letters stand, from the register on where they begin.
fn spelled(words: &[u16], letters: &str) -> Vec<Guess> {
    let begin = |guess: Guess| {
        let Value::Text(text) = &guess.value else { return None };
        let before = text.find(letters).filter(|_| !letters.is_empty())? / 2;
        let layout =
            Layout { length: guess.length - u16::try_from(before).ok()?, ..Layout::plain(WordType::Text, guess.order) };
        let at = guess.at + before;
        let value = layout.decode(words.get(at..at + usize::from(layout.length))?).ok()?;
        Some(Guess { at, length: layout.length, value, ..guess })
    };
    let mut all: Vec<Guess> = texts(words).into_iter().filter_map(begin).collect();
    all.sort_by_key(|guess| (guess.oddness, guess.at));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_display_shows_is_found_first() {
        type Case = (&'static [u16], usize, &'static str, usize, WordType, Order, f64);
        let table: [Case; 7] = [
            (&[0, 0x4366, 0x6666, 7], 1, "230.4", 1, WordType::Float32, Order::Abcd, 1.0),
            (&[0x6666, 0x4366], 0, "230.4", 0, WordType::Float32, Order::Cdab, 1.0),
            (&[0x6643, 0x6666], 0, "230.4", 0, WordType::Float32, Order::Badc, 1.0),
            (&[99, 2304, 1], 1, "230.4", 1, WordType::Int16, Order::Abcd, 0.1),
            (&[2304, 99], 1, "230.4", 0, WordType::Int16, Order::Abcd, 0.1),
            (&[0x0001, 0xE240], 0, "1234.56", 0, WordType::Int32, Order::Abcd, 0.01),
            (&[0xFFF6], 0, "-10", 0, WordType::Int16, Order::Abcd, 1.0),
        ];
        for (words, asked, shown, at, word_type, order, scale) in table {
            let best = ranked(words, asked, shown);
            let best = best.first().unwrap_or_else(|| panic!("nothing fits {shown} in {words:x?}"));
            let is = (best.at, best.word_type, best.order, best.scale);
            assert_eq!(is, (at, word_type, order, scale), "{shown} in {words:x?}: {best:?}");
        }
        // A comma before the decimals, or the unit behind them: as people read it off.
        for shown in ["230,4", "230.4 V", " 230.4V", "+230.4", "230,4 °C"] {
            let best = ranked(&[99, 2304], 1, shown).remove(0);
            assert_eq!((best.at, best.word_type, best.scale), (1, WordType::Int16, 0.1), "{shown}");
        }
        assert_eq!(ranked(&[0x0001, 0xE240], 0, "123,456").remove(0).scale, 0.001, "a comma is before decimals");
        assert_eq!(
            ranked(&[0x0001, 0xE240], 0, "1,234.56 kWh").remove(0).scale,
            0.01,
            "and one far before a point isn't"
        );
        let best = ranked(&[0x0012, 0xD687], 0, "1.234.567").remove(0);
        assert_eq!((best.word_type, best.scale), (WordType::Int32, 1.0), "thousands, not a scale");
        assert_eq!(ranked(&[125], 0, "12,5 m3/h").remove(0).scale, 0.1, "a unit has a digit");
        let best = ranked(&[0x0900, 0x4137, 0, 0], 0, "0").remove(0);
        assert_eq!((best.at, &best.value), (2, &Value::Float(0.0)), "0 is 0 before it is a float of absurd size");
        assert_eq!(ranked(&[5], 0, "-1"), [], "no display shows 0.5 so");
        assert_eq!(ranked(&[1, 2], 0, "77777"), []);
        assert_eq!(ranked(&[1, 2], 0, "not a number"), []);
    }

    #[test]
    fn the_bytes_of_a_register_are_understood_too() {
        // Two bytes that are two numbers, of which the high one is read with `order: badc`.
        let best = ranked(&[0xE60C], 0, "230").remove(0);
        assert_eq!((best.word_type, best.order, best.scale), (WordType::Uint8, Order::Badc, 1.0));
        assert_eq!(best.yaml("P:1:4x:2"), "{type: uint8, read: 'P:1:4x:2', order: badc}");
        assert_eq!(ranked(&[0x0FF0], 0, "-16").remove(0).word_type, WordType::Int8);
        // What a whole register says is not said again of its byte.
        let bytes = |word: u16| decodings(&[word]).iter().filter(|guess| is_byte(guess.word_type)).count();
        assert_eq!([0x0000, 0x0007, 0x0700, 0xFFFE, 0x00F0, 0x1234].map(bytes), [0, 0, 0, 3, 1, 2]);
        assert_eq!(ranked(&[7], 0, "7").remove(0).word_type, WordType::Int16);
    }

    #[test]
    fn texts_are_found_among_numbers() {
        // "SN-7712" behind a number, and "ABCD" with its bytes swapped.
        let words = [7, 0x534E, 0x2D37, 0x3731, 0x3200, 0, 0x4241, 0x4443, 9];
        let text = |guess: &Guess| (guess.word_type == WordType::Text).then_some((guess.at, guess.length, guess.order));
        let all: Vec<_> = decodings(&words).iter().filter_map(text).collect();
        assert!(all.contains(&(1, 4, Order::Abcd)), "{all:?}");
        assert!(all.contains(&(6, 2, Order::Badc)), "{all:?}");
        let best = ranked(&words, 1, "SN-77").remove(0);
        assert_eq!((best.at, &best.value), (1, &Value::from("SN-7712")));
        assert_eq!(best.yaml("P:1:4x:2"), "{type: string, read: 'P:1:4x:2', length: 4, order: abcd}");
        let best = ranked(&words, 0, "ABCD").remove(0);
        assert_eq!((best.at, best.order, &best.value), (6, Order::Badc, &Value::from("ABCD")));
        assert_eq!(ranked(&words, 0, "-7712").remove(0).at, 2, "a number, or what a text ends in");
        assert_eq!(ranked(&words, 0, "WXYZ"), []);
        assert_eq!(ranked(&words, 0, ""), []);
    }

    #[test]
    fn the_line_to_paste() {
        let best = ranked(&[2304], 0, "230.4").remove(0);
        assert_eq!(best.yaml("PLC:1:4x:3"), "{type: int16, read: 'PLC:1:4x:3', order: abcd, scale: 0.1}");
    }
}
