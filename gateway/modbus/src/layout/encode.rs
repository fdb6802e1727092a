//! Values to words.

use site::WordType;
use tag::Value;

use super::raw::{Halves, halves, to_digits};
use super::{EncodeError, Layout, bit_of, number_of};

impl Layout {
    /// The words of a value, or why there are none.
    pub fn encode(&self, value: &Value) -> Result<Vec<u16>, EncodeError> {
        let words = self.encode_any(value)?;
        match self.decode_own(&words) {
            Err(_) if self.meaning.is_some() => Err(EncodeError::MeansNothing),
            _ => Ok(words),
        }
    }

    fn encode_any(&self, value: &Value) -> Result<Vec<u16>, EncodeError> {
        let states = self.states();
        let state;
        let value = match value {
            _ if states.is_empty() => value,
            value => {
                let number = number_of(value)?;
                let code = (number.fract() == 0.0 && number >= 0.0).then(|| states.get(number as usize)).flatten();
                state = Value::Int(*code.ok_or(EncodeError::NoState(states.len()))?);
                &state
            }
        };
        let raw = match self.word_type {
            WordType::Text => {
                let Value::Text(text) = value else { return Err(EncodeError::NotText) };
                return self.words_of_bytes(text.as_bytes());
            }
            WordType::Bytes => {
                return match value {
                    Value::Bytes(bytes) => self.words_of_bytes(bytes),
                    Value::Text(text) => self.words_of_bytes(text.as_bytes()),
                    _ => Err(EncodeError::NotBytes),
                };
            }
            WordType::Int8 => self.whole(value, i8::MIN.into(), i8::MAX.into())? as u64 & 0xFF,
            WordType::Uint8 => self.whole(value, 0, u8::MAX.into())? as u64,
            WordType::Bcd16 => to_digits(self.whole(value, 0, 9999)?),
            WordType::Bcd32 => to_digits(self.whole(value, 0, 99_999_999)?),
            WordType::Bool => u64::from(bit_of(value)?),
            WordType::Float32 => {
                let number = self.unscaled(number_of(value)?);
                let narrow = number as f32;
                if !narrow.is_finite() {
                    let max = f64::from(f32::MAX);
                    return Err(if number < 0.0 { EncodeError::Under(-max) } else { EncodeError::Over(max) });
                }
                u64::from(narrow.to_bits())
            }
            WordType::Float64 => {
                let number = self.unscaled(number_of(value)?);
                if !number.is_finite() {
                    let max = f64::MAX;
                    return Err(if number < 0.0 { EncodeError::Under(-max) } else { EncodeError::Over(max) });
                }
                number.to_bits()
            }
            WordType::Int16 => self.whole(value, i16::MIN.into(), i16::MAX.into())? as u64,
            WordType::Uint16 => self.whole(value, 0, u16::MAX.into())? as u64,
            WordType::Int32 => self.whole(value, i32::MIN.into(), i32::MAX.into())? as u64,
            WordType::Uint32 => self.whole(value, 0, u32::MAX.into())? as u64,
            WordType::Int64 => self.whole(value, i64::MIN.into(), i64::MAX.into())? as u64,
            WordType::Uint64 => self.whole(value, 0, u64::MAX.into())? as u64,
        };
        Ok(self.spread(raw))
    }

    fn words_of_bytes(&self, bytes: &[u8]) -> Result<Vec<u16>, EncodeError> {
        let room = usize::from(self.length) * 2;
        if bytes.len() > room {
            return Err(EncodeError::TooLong(room));
        }
        let mut padded = bytes.to_vec();
        padded.resize(room, 0);
        let Halves { words: low_first, bytes: swapped, .. } = halves(self.order);
        let word = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
        let mut words: Vec<u16> = padded.chunks_exact(2).map(word).collect();
        if swapped {
            words.iter_mut().for_each(|word| *word = word.swap_bytes());
        }
        if low_first {
            words.reverse();
        }
        Ok(words)
    }
}
