//! Words to values and back: types, orders, scale. Pure arithmetic.

use site::{Form, Order, WordType};
use tag::{Fault, Value};

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

/// How a number lies in registers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    /// Its type.
    pub word_type: WordType,
    /// The order of its words and bytes.
    pub order: Order,
    /// Engineering value = raw × scale + offset; never 0.
    pub scale: f64,
    /// See `scale`.
    pub offset: f64,
}

/// Why a value can't be put into registers. The text is for the person who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// Text, bytes or JSON.
    #[error("not a number")]
    NotANumber,
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
    #[error("under min {0} of the register")]
    Under(f64),
    /// Above the range of the register's type.
    #[error("over max {0} of the register")]
    Over(f64),
}

impl Layout {
    /// A layout without scaling.
    pub fn plain(word_type: WordType, order: Order) -> Self {
        Self { word_type, order, scale: 1.0, offset: 0.0 }
    }

    /// How many registers it takes (a bool: one, or none of its own when it is a coil).
    pub fn words(&self) -> u16 {
        words_of(self.word_type)
    }

    /// Does scaling change anything?
    pub fn is_scaled(&self) -> bool {
        self.scale != 1.0 || self.offset != 0.0
    }

    /// The value in these words. A number that has no meaning as a [`Value`] is [`Fault::OutOfRange`].
    pub fn decode(&self, words: &[u16]) -> Result<Value, Fault> {
        assert_eq!(words.len(), usize::from(self.words()), "the plan reads whole values");
        let raw = self.gather(words);
        let whole = match self.word_type {
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
        if self.is_scaled() { self.scaled(whole as f64) } else { Ok(Value::Int(whole)) }
    }

    /// The words of a value, or why there are none.
    pub fn encode(&self, value: &Value) -> Result<Vec<u16>, EncodeError> {
        let raw = match self.word_type {
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
        let (low_first, swapped) = halves(self.order);
        let join = |all: u64, word: &u16| {
            let word = if swapped { word.swap_bytes() } else { *word };
            all << 16 | u64::from(word)
        };
        if low_first { words.iter().rev().fold(0, join) } else { words.iter().fold(0, join) }
    }

    /// The inverse of `gather`.
    fn spread(&self, raw: u64) -> Vec<u16> {
        let (low_first, swapped) = halves(self.order);
        let count = self.words();
        (0..count)
            .map(|place| if low_first { place } else { count - 1 - place })
            .map(|from_low| (raw >> (16 * from_low)) as u16)
            .map(|word| if swapped { word.swap_bytes() } else { word })
            .collect()
    }
}

/// How many registers a type takes.
pub fn words_of(word_type: WordType) -> u16 {
    match word_type {
        WordType::Bool | WordType::Int16 | WordType::Uint16 => 1,
        WordType::Int32 | WordType::Uint32 | WordType::Float32 => 2,
        WordType::Int64 | WordType::Uint64 | WordType::Float64 => 4,
    }
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

/// Low word first? Bytes swapped in each word?
fn halves(order: Order) -> (bool, bool) {
    match order {
        Order::Abcd => (false, false),
        Order::Cdab => (true, false),
        Order::Badc => (false, true),
        Order::Dcba => (true, true),
    }
}
