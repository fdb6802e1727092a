//! A value with its quality, and a reading with its time.

use crate::{Fault, Timestamp, Value};

/// What is known of a tag: a reader can't take the value without seeing how good it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// The source holds this value, within the tag's freshness limit.
    Good(Value),
    /// The last value the source gave, and why it can't be relied on now.
    Held {
        /// The last good value.
        last: Value,
        /// Why it is not good any more.
        because: Fault,
    },
    /// There never was a value, or none that means anything.
    Missing(Fault),
}

impl Reading {
    /// The value, whatever its quality. For those who show or keep the quality beside it.
    pub fn any_value(&self) -> Option<&Value> {
        match self {
            Self::Good(value) | Self::Held { last: value, .. } => Some(value),
            Self::Missing(_) => None,
        }
    }

    /// The value if it is good.
    pub fn good(&self) -> Option<&Value> {
        match self {
            Self::Good(value) => Some(value),
            Self::Held { .. } | Self::Missing(_) => None,
        }
    }

    /// Why it isn't good; `None` when it is.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Good(_) => None,
            Self::Held { because, .. } | Self::Missing(because) => Some(*because),
        }
    }

    /// The same value, no longer good. A missing reading stays missing, with the newer reason.
    pub fn fallen(self, because: Fault) -> Self {
        match self {
            Self::Good(last) | Self::Held { last, .. } => Self::Held { last, because },
            Self::Missing(_) => Self::Missing(because),
        }
    }
}

/// A reading and when it was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// When the source gave this reading (for a held one: when its last value was given).
    pub at: Timestamp,
    /// What it gave.
    pub reading: Reading,
}

/// What a listener wants when it is slower than the plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The latest reading only: screens.
    Latest,
    /// Every reading, and a gap mark where some were lost: history.
    Every,
}
