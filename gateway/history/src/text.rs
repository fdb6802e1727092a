//! What a tag holds that is no number: text, raw bytes, or a list or a mapping as JSON. Kept byte for byte as it went
//! over the bus.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use tag::{Kind, Value};

/// The longest that is kept, in bytes: a page's whole state as JSON fits. A longer one is a gap that says so.
pub const TEXT_BYTES_MAX: usize = 64 << 10;

/// A value that is no number, and no longer than [`TEXT_BYTES_MAX`]. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Text(Arc<Value>);

impl Text {
    /// A bus value; `None` if it is a number, or too long.
    pub fn of(value: &Value) -> Option<Self> {
        let length = match value {
            Value::Text(text) | Value::Json(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Int(_) | Value::Float(_) => return None,
        };
        (length <= TEXT_BYTES_MAX).then(|| Self(Arc::new(value.clone())))
    }

    /// The value as the bus has it.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match &*self.0 {
            Value::Text(text) | Value::Json(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            Value::Int(_) | Value::Float(_) => unreachable!("no number becomes a text"),
        }
    }

    /// What its bytes are, as the bus and the store number it.
    pub(crate) fn code(&self) -> u8 {
        match &*self.0 {
            Value::Bytes(_) => BYTES,
            Value::Json(_) => JSON,
            Value::Text(_) | Value::Int(_) | Value::Float(_) => TEXT,
        }
    }

    /// From how it is kept; `None` if bytes are what they can't be.
    pub(crate) fn from_code(code: u8, bytes: &[u8]) -> Option<Self> {
        let text = || std::str::from_utf8(bytes).ok();
        let value = match code {
            TEXT => Value::Text(text()?.into()),
            BYTES => Value::Bytes(bytes.into()),
            JSON => Value::Json(text()?.into()),
            _ => return None,
        };
        Self::of(&value)
    }
}

/// What bytes are: the bus's numbers (`wire/PROTOCOL.md`).
const TEXT: u8 = 3;
const BYTES: u8 = 4;
const JSON: u8 = 5;

/// The number of what a kind's values are.
pub(crate) fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Int => 1,
        Kind::Float => 2,
        Kind::Str => TEXT,
        Kind::Bytes => BYTES,
        Kind::List | Kind::Dict => JSON,
    }
}

/// From this number on a kind's values are no numbers.
pub(crate) const TEXT_KINDS: i64 = TEXT as i64;

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.code(), self.bytes()).hash(state);
    }
}
