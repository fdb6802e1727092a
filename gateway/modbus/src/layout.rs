//! Words to values and back: types, orders, scale. Pure arithmetic.

mod encode;
mod raw;

use std::sync::Arc;

use site::{Form, Order, WordType};
use tag::{Fault, Value};

use crate::beside::Beside;
use raw::{Halves, from_digits, halves, text_of};

/// Which way the words travel: pymscada 0.2.8 reads some types in another order than it writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the device.
    Read,
    /// To the device, and its read-back.
    Write,
}

/// The order a connection's form gives a type when the site states none.
pub fn default_order(form: Form, word_type: WordType, way: Way) -> Order {
    match (form, way, word_type) {
        (Form::Areas, Way::Read, WordType::Int32 | WordType::Uint32 | WordType::Float32) => Order::Cdab,
        (Form::Areas, Way::Write, WordType::Float32) => Order::Cdab,
        _ => Order::Abcd,
    }
}

/// How a value lies in registers.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Its type.
    pub word_type: WordType,
    /// The order of its words and bytes.
    pub order: Order,
    /// Engineering value = raw × scale + offset; never 0.
    pub scale: f64,
    /// See `scale`.
    pub offset: f64,
    /// Of text and bytes: how many registers.
    pub length: u16,
    /// What some raw numbers mean, if any mean something of their own.
    pub meaning: Option<Arc<Meaning>>,
    /// What is read in one piece with it, if anything is.
    pub beside: Option<Arc<Beside>>,
}

/// Raw numbers that are not just numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meaning {
    /// The device has no value.
    pub no_value: Vec<i64>,
    /// The states of an enumeration, in the order of the tag's.
    pub states: Vec<i64>,
}

/// Why a value can't be put into registers. The text is for the person who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// Text, bytes or JSON.
    #[error("not a number")]
    NotANumber,
    /// A number where text belongs.
    #[error("not a text")]
    NotText,
    /// A number where bytes belong.
    #[error("neither bytes nor a text")]
    NotBytes,
    /// More than the registers hold.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// An enumeration has no such state.
    #[error("no state of the device: there are {0}, from 0")]
    NoState(usize),
    /// The raw number would tell the device that there is no value.
    #[error("the number that means \"no value\" here")]
    MeansNothing,
    /// NaN or an infinity.
    #[error("not a finite number")]
    NotFinite,
    /// The register holds integers only.
    #[error("not a whole number: {0}")]
    NotWhole(f64),
    /// A bit is 0 or 1.
    #[error("neither 0 nor 1")]
    NotABit,
    /// Below the range of the register's type.
    #[error("under min {} of the register", as_written(*.0))]
    Under(f64),
    /// Above the range of the register's type.
    #[error("over max {} of the register", as_written(*.0))]
    Over(f64),
}

impl Layout {
    /// A layout without scaling.
    pub fn plain(word_type: WordType, order: Order) -> Self {
        Self { word_type, order, scale: 1.0, offset: 0.0, length: 0, meaning: None, beside: None }
    }

    /// How many registers are read for it (a bool: one, or none of its own when it is a coil).
    pub fn words(&self) -> u16 {
        self.beside.as_ref().map_or_else(|| self.own_words(), |beside| beside.words)
    }

    /// How many registers the value itself takes.
    fn own_words(&self) -> u16 {
        if self.word_type.has_length() { self.length } else { words_of(self.word_type) }
    }

    /// The bits of its register that are its own, when it has not all of them.
    pub(crate) fn part(&self) -> Option<u16> {
        match (self.word_type, halves(self.order).bytes) {
            (WordType::Int8 | WordType::Uint8, false) => Some(0x00FF),
            (WordType::Int8 | WordType::Uint8, true) => Some(0xFF00),
            _ => None,
        }
    }

    /// Does scaling change anything?
    pub fn is_scaled(&self) -> bool {
        self.scale != 1.0 || self.offset != 0.0
    }

    /// The value in these words. A number that has no meaning as a [`Value`] is [`Fault::OutOfRange`].
    pub fn decode(&self, words: &[u16]) -> Result<Value, Fault> {
        assert_eq!(words.len(), usize::from(self.words()), "the plan reads whole values");
        match &self.beside {
            None => self.decode_own(words),
            Some(beside) => beside.raised(words, self.decode_own(beside.own(words, self.own_words())?)?),
        }
    }

    fn decode_own(&self, words: &[u16]) -> Result<Value, Fault> {
        match self.word_type {
            WordType::Text => return Ok(Value::Text(text_of(&self.bytes(words)).into())),
            WordType::Bytes => return Ok(Value::Bytes(self.bytes(words).into())),
            _ => {}
        }
        let raw = self.gather(words);
        if let Some(meaning) = &self.meaning {
            let bits = u64::MAX >> (64 - 16 * u32::from(self.own_words()).min(4));
            let byte = if self.part().is_some() { 0xFF } else { bits };
            if meaning.no_value.iter().any(|none| (*none as u64 ^ raw) & byte == 0) {
                return Err(Fault::OutOfRange);
            }
        }
        let whole = match self.word_type {
            WordType::Text | WordType::Bytes => unreachable!("just returned"),
            WordType::Int8 => i64::from(raw as u8 as i8),
            WordType::Uint8 => i64::from(raw as u8),
            WordType::Bcd16 | WordType::Bcd32 => from_digits(raw).ok_or(Fault::OutOfRange)?,
            WordType::Bool => return Ok(Value::Int(i64::from(raw != 0))),
            WordType::Float32 => return self.scaled(f64::from(f32::from_bits(raw as u32))),
            WordType::Float64 => return self.scaled(f64::from_bits(raw)),
            WordType::Int16 => i64::from(raw as u16 as i16),
            WordType::Int32 => i64::from(raw as u32 as i32),
            WordType::Int64 => raw as i64,
            WordType::Uint16 | WordType::Uint32 => raw as i64,
            WordType::Uint64 if self.is_scaled() => return self.scaled(raw as f64),
            WordType::Uint64 => i64::try_from(raw).map_err(|_| Fault::OutOfRange)?,
        };
        let states = self.states();
        if !states.is_empty() {
            let state = states.iter().position(|state| *state == whole).ok_or(Fault::OutOfRange)?;
            return Ok(Value::Int(i64::try_from(state).unwrap_or(i64::MAX)));
        }
        if self.is_scaled() { self.scaled(whole as f64) } else { Ok(Value::Int(whole)) }
    }

    fn states(&self) -> &[i64] {
        self.meaning.as_ref().map_or(&[], |meaning| &meaning.states)
    }

    /// The bytes in the order of the text.
    fn bytes(&self, words: &[u16]) -> Vec<u8> {
        let Halves { words: low_first, bytes: swapped, .. } = halves(self.order);
        let mut words = words.to_vec();
        if low_first {
            words.reverse();
        }
        words.iter().flat_map(|word| if swapped { word.to_le_bytes() } else { word.to_be_bytes() }).collect()
    }

    fn scaled(&self, raw: f64) -> Result<Value, Fault> {
        // Also without scaling this is the door where NaN and infinities stop.
        let number = if self.is_scaled() { raw * self.scale + self.offset } else { raw };
        Value::finite(number).ok_or(Fault::OutOfRange)
    }

    fn unscaled(&self, number: f64) -> f64 {
        if self.is_scaled() { (number - self.offset) / self.scale } else { number }
    }

    fn whole(&self, value: &Value, min: i128, max: i128) -> Result<i128, EncodeError> {
        let whole = match value {
            Value::Int(n) if !self.is_scaled() => i128::from(*n),
            _ => {
                let number = number_of(value)?;
                // What lies between two raw steps goes to the nearer one; without scaling there is nothing between.
                let raw = if self.is_scaled() { self.unscaled(number).round() } else { number };
                if raw.fract() != 0.0 {
                    return Err(EncodeError::NotWhole(number));
                }
                // Saturates, which the range check below sees.
                raw as i128
            }
        };
        // The limits are told as the person knows them: in engineering units.
        let told = |limit: i128| if self.is_scaled() { limit as f64 * self.scale + self.offset } else { limit as f64 };
        if whole < min || whole > max {
            let (low, limit) = if whole < min { (true, min) } else { (false, max) };
            let low = low != (self.scale < 0.0);
            return Err(if low { EncodeError::Under(told(limit)) } else { EncodeError::Over(told(limit)) });
        }
        Ok(whole)
    }

    /// Words in the device's order → one number, high word first.
    fn gather(&self, words: &[u16]) -> u64 {
        let halves = halves(self.order);
        (0..words.len()).fold(0, |all, place| {
            let word = words[halves.place(place, words.len())];
            all << 16 | u64::from(if halves.bytes { word.swap_bytes() } else { word })
        })
    }

    /// The inverse of `gather`.
    fn spread(&self, raw: u64) -> Vec<u16> {
        let halves = halves(self.order);
        let count = usize::from(self.own_words());
        let mut words = vec![0; count];
        for place in 0..count {
            let word = (raw >> (16 * (count - 1 - place))) as u16;
            words[halves.place(place, count)] = if halves.bytes { word.swap_bytes() } else { word };
        }
        words
    }
}

/// Without the last digits, in which a scale like 0.1 is never quite itself.
fn as_written(number: f64) -> f64 {
    if number.fract() == 0.0 { number } else { format!("{number:.12e}").parse().unwrap_or(number) }
}

/// How many registers a type takes.
pub fn words_of(word_type: WordType) -> u16 {
    word_type.words()
}

/// A value as one bit.
pub(crate) fn bit_of(value: &Value) -> Result<bool, EncodeError> {
    match number_of(value)? {
        0.0 => Ok(false),
        1.0 => Ok(true),
        _ => Err(EncodeError::NotABit),
    }
}

fn number_of(value: &Value) -> Result<f64, EncodeError> {
    let number = value.as_f64().ok_or(EncodeError::NotANumber)?;
    if number.is_finite() { Ok(number) } else { Err(EncodeError::NotFinite) }
}
