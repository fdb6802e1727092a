//! What a tag holds: pymscada's five wire types.

use std::sync::Arc;

/// A value as it travels on the bus (pymscada's types INT, FLOAT, STR, BYTES, JSON). Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Integers, booleans (0 and 1), states of a `multi` tag, and times in µs since 1970.
    Int(i64),
    /// A finite number. Doors turn NaN and infinities into [`crate::Fault::OutOfRange`] before they get here.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// Raw bytes.
    Bytes(Arc<[u8]>),
    /// A list or a mapping as JSON text.
    Json(Arc<str>),
}

impl Value {
    /// A float if it is finite: the one door through which measured floats become values.
    pub fn finite(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self::Float(number))
    }

    /// The value as a number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Float(x) => Some(*x),
            Self::Text(_) | Self::Bytes(_) | Self::Json(_) => None,
        }
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}
