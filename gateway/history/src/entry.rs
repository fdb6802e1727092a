//! What is kept: a value or a gap of one tag, or of all, from a time on.

use tag::{Fault, Kind, Timestamp, Value};

/// A recorded tag: its place in [`crate::StoreConfig::tags`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagNo(pub u32);

/// Whom an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whom {
    /// Every tag: nobody was listening, so one record on flash stands for thousands.
    All,
    /// One tag.
    Tag(TagNo),
}

/// A number worth keeping: a float is finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Of an `int` or `multi` tag.
    Int(i64),
    /// Of a `float` tag.
    Float(f64),
}

/// What is known from a time on, until the next entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Point {
    /// The tag holds this number.
    Value(Number),
    /// Nothing is known of it.
    Gap(Cause),
}

/// Why nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The source said so.
    Fault(Fault),
    /// We weren't listening, or couldn't keep up.
    NotRecorded,
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// About whom.
    pub whom: Whom,
    /// From when on.
    pub at: Timestamp,
    /// What.
    pub point: Point,
}

/// Entries in the order they came, to be made durable together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The entries.
    pub entries: Vec<Entry>,
}

/// The first time that isn't kept: 2100-01-01 00:00 UTC. A time past it is a broken clock, not a forecast.
pub(crate) const TIME_END: Timestamp = Timestamp(4_102_444_800_000_000);

impl Number {
    /// The number as a trend draws it.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(n) => n as f64,
            Self::Float(x) => x,
        }
    }

    /// The number as an integer; what comes after the point is cut off, as pymscada does.
    pub fn as_i64(self) -> i64 {
        match self {
            Self::Int(n) => n,
            Self::Float(x) => x as i64,
        }
    }

    /// A bus value as a tag of this kind keeps it; `None` for text, bytes, JSON, NaN and infinities.
    pub(crate) fn of(value: &Value, kind: Kind) -> Option<Self> {
        let number = match value {
            Value::Int(n) => Self::Int(*n),
            Value::Float(x) if x.is_finite() => Self::Float(*x),
            Value::Float(_) | Value::Text(_) | Value::Bytes(_) | Value::Json(_) => return None,
        };
        Some(match kind {
            Kind::Int => Self::Int(number.as_i64()),
            _ => Self::Float(number.as_f64()),
        })
    }
}

impl Cause {
    /// The cause as the store keeps it: 0 for not recorded, else the fault's code and its detail above it.
    pub(crate) fn to_code(self) -> i64 {
        match self {
            Self::NotRecorded => 0,
            Self::Fault(fault) => {
                let (code, detail) = fault.to_code();
                i64::from(code) | i64::from(detail) << 8
            }
        }
    }

    /// The cause from how it is kept; one that a later release knows is read as not recorded.
    pub(crate) fn from_code(code: u64) -> Self {
        let [code, detail, rest @ ..] = code.to_le_bytes();
        match Fault::from_code(code, detail) {
            Some(fault) if rest == [0; 6] => Self::Fault(fault),
            _ => Self::NotRecorded,
        }
    }
}
