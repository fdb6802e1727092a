//! What is kept: a value or a gap of one tag, or of all, from a time on.

use tag::{Fault, Kind, Timestamp, Value};

use crate::text::Text;

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
#[derive(Debug, Clone, PartialEq)]
pub enum Point {
    /// The tag holds this number.
    Value(Number),
    /// The tag holds this text, list, mapping or these bytes.
    Text(Text),
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
    /// A text longer than [`crate::TEXT_BYTES_MAX`].
    TooLong,
}

/// One record.
#[derive(Debug, Clone, PartialEq)]
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

/// How [`Cause::TooLong`] is kept: no fault's code, with a detail.
const TOO_LONG: i64 = 1 << 8;

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
}

impl Point {
    /// A bus value as a tag of this kind keeps it, or why it can't be: a tag of numbers keeps finite ones as its own type,
    /// any other tag what comes, as it is.
    pub(crate) fn of(value: &Value, kind: Kind) -> Result<Self, Cause> {
        let number = match value {
            Value::Int(n) => Number::Int(*n),
            Value::Float(x) if x.is_finite() => Number::Float(*x),
            Value::Text(_) | Value::Bytes(_) | Value::Json(_) if !kind.is_numeric() => {
                return Text::of(value).map(Self::Text).ok_or(Cause::TooLong);
            }
            Value::Float(_) | Value::Text(_) | Value::Bytes(_) | Value::Json(_) => {
                return Err(Cause::Fault(Fault::OutOfRange));
            }
        };
        Ok(Self::Value(match kind {
            Kind::Int => Number::Int(number.as_i64()),
            Kind::Float => Number::Float(number.as_f64()),
            Kind::Str | Kind::Bytes | Kind::List | Kind::Dict => number,
        }))
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Value(number) => Some(*number),
            Self::Text(_) | Self::Gap(_) => None,
        }
    }

    /// Is something known?
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Gap(_))
    }

    /// How many bytes of text it holds.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.bytes().len(),
            Self::Value(_) | Self::Gap(_) => 0,
        }
    }
}

impl Cause {
    /// The cause as the store keeps it: 0 for not recorded, 256 for too long, else the fault's code and its detail above
    /// it.
    pub(crate) fn to_code(self) -> i64 {
        match self {
            Self::NotRecorded => 0,
            Self::TooLong => TOO_LONG,
            Self::Fault(fault) => {
                let (code, detail) = fault.to_code();
                i64::from(code) | i64::from(detail) << 8
            }
        }
    }

    /// The cause from how it is kept; one that a later release knows is read as not recorded.
    pub(crate) fn from_code(code: u64) -> Self {
        if code == TOO_LONG as u64 {
            return Self::TooLong;
        }
        let [code, detail, rest @ ..] = code.to_le_bytes();
        match Fault::from_code(code, detail) {
            Some(fault) if rest == [0; 6] => Self::Fault(fault),
            _ => Self::NotRecorded,
        }
    }
}
