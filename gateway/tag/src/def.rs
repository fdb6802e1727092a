//! What a site says of a tag in its `tags.yaml`.

use std::time::Duration;

use crate::{TagName, Value};

/// The type a tag's values have (`type` in `tags.yaml`; `multi` forces [`Kind::Int`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `int`: 64 bit, signed.
    Int,
    /// `float`: 64 bit IEEE 754, finite. The default.
    Float,
    /// `str`.
    Str,
    /// `bytes`.
    Bytes,
    /// `list`, as JSON.
    List,
    /// `dict`, as JSON.
    Dict,
}

impl Kind {
    /// The word `tags.yaml` uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Str => "str",
            Self::Bytes => "bytes",
            Self::List => "list",
            Self::Dict => "dict",
        }
    }

    /// Is it a number, which trends draw and history keeps without being asked?
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Int | Self::Float)
    }
}

/// How a page shows an int that is a time in µs since 1970 (`format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Hours, minutes, seconds.
    Time,
    /// The day.
    Date,
    /// Both.
    DateTime,
}

/// What becomes of a value past the limits of its tag (`past_limits`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PastLimits {
    /// It is refused, and nothing is written.
    #[default]
    Refuse,
    /// The limit is written in its place, and who wrote it is told so.
    Clamp,
}

/// One entry of `tags.yaml`, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct TagDef {
    /// What it is called.
    pub name: TagName,
    /// The text shown on pages; the name where the site gives none.
    pub desc: String,
    /// The type of its values.
    pub kind: Kind,
    /// State names of a `multi` tag: value 0 is the first.
    pub multi: Option<Vec<String>>,
    /// Lowest value that may be set, in `units`.
    pub min: Option<f64>,
    /// Highest value that may be set, in `units`.
    pub max: Option<f64>,
    /// What becomes of a value past them.
    pub past_limits: PastLimits,
    /// Changes smaller than this are not kept or drawn, in `units`.
    pub deadband: Option<f64>,
    /// A counter that reaches this goes on from 0: what 16 bits hold is 65536.
    pub rollover: Option<f64>,
    /// What is shown after the number.
    pub units: Option<String>,
    /// Decimals shown: 2 for floats and 0 for ints unless the site says otherwise.
    pub dp: Option<u8>,
    /// What an unowned tag starts with when nobody has set it.
    pub init: Option<Value>,
    /// How an int is shown when it is a time.
    pub format: Option<Format>,
    /// Conditions as written: `"> 500 for 300"`.
    pub alarm: Vec<String>,
    /// A word for grouping; pymscada keeps it and does nothing with it.
    pub group: Option<String>,
    /// How long a value stays good without being confirmed. `None`: the owner's default; never, for a tag nobody owns.
    pub stale: Option<Duration>,
    /// How far back a page loads history for it (`age_us`).
    pub age: Duration,
    /// The history keeps it: numbers unless the site says otherwise, anything else where it asks for it.
    pub recorded: bool,
    /// The history keeps it again when nothing of it was kept for so long, though it didn't change.
    pub heartbeat: Option<Duration>,
}

impl TagDef {
    /// A tag of which only name and type are known, everything else at its default.
    pub fn new(name: TagName, kind: Kind) -> Self {
        let desc = name.to_string();
        Self {
            name,
            desc,
            kind,
            multi: None,
            min: None,
            max: None,
            past_limits: PastLimits::Refuse,
            deadband: None,
            rollover: None,
            units: None,
            dp: match kind {
                Kind::Float => Some(2),
                Kind::Int => Some(0),
                Kind::Str | Kind::Bytes | Kind::List | Kind::Dict => None,
            },
            init: None,
            format: None,
            alarm: Vec::new(),
            group: None,
            stale: None,
            age: Duration::ZERO,
            recorded: kind.is_numeric(),
            heartbeat: None,
        }
    }
}
