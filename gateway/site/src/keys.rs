//! What may be written in each file: the one table behind `check` and behind `forebay help FILE`.

mod devices;
mod modbus;
mod modbus_server;
mod small;
mod tags;
mod uplot;
mod www;

pub(crate) use devices::{DEVICE, DEVICE_USE, REGISTER, TAG_KEYS};
pub(crate) use modbus::{AREA, MODBUS_CLIENT, MODBUS_TAG, RTU};
pub(crate) use modbus_server::{DOOR, MODBUS_SERVER, SERVED, SERVED_TAG};
pub(crate) use small::{BUS, HISTORY, INIT_VALUES};
pub(crate) use tags::TAG;
pub(crate) use uplot::{AXIS, BAND, MS, SERIES, UPLOT};
pub(crate) use www::{ITEMS, OPTS, PAGE, WWW_SERVER, item};

/// The keys of one mapping.
#[derive(Debug)]
pub(crate) struct Table {
    /// What the mapping is, as a finding says it: `a tag`.
    pub(crate) what: &'static str,
    /// The keys, in the order in which they are taught.
    pub(crate) keys: &'static [Key],
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// As written.
    pub(crate) name: &'static str,
    /// What its value may be.
    pub(crate) kind: Kind,
    /// What stands when it isn't written, in words. Empty: it has to be written.
    pub(crate) default: &'static str,
    /// What it does.
    pub(crate) meaning: &'static str,
    /// A line that could stand in a site.
    pub(crate) example: &'static str,
    /// Whether it does anything.
    pub(crate) status: Status,
}

/// Whether a key does anything, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// pymscada's, with the same meaning.
    Used,
    /// pymscada has it, had it, or ships it in its demo; here it does nothing.
    Unused,
    /// Ours.
    Ours,
    /// A spelling of older pymscada that still works; not taught.
    Former,
}

/// What a value may be. What goes beyond one value (a tag that exists, a block's ends) is the loader's business.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Any text; numbers and yes/no as they are written.
    Text,
    /// `yes` or `no`.
    Bool,
    /// A finite number from the first to the second.
    Number(f64, f64),
    /// A whole number from the first to the second.
    Int(i64, i64),
    /// One of these words; the second list are other spellings and what they stand for.
    Word(&'static [&'static str], &'static [(&'static str, &'static str)]),
    /// An IP address; `localhost` is one too.
    Ip,
    /// A list of texts.
    Texts,
    /// A text, or a list of texts.
    TextOrTexts,
    /// A number or two.
    NumberOrPair,
    /// A mapping that is handed on as it is.
    Free,
    /// A mapping with these keys.
    One(&'static Table),
    /// A list of mappings with these keys.
    Many(&'static Table),
    /// A mapping of names to mappings with these keys.
    Named(&'static Table),
    /// The loader looks at it; this says what it may be.
    Loader(&'static str),
}

/// Any finite number.
pub(crate) const NUMBER: Kind = Kind::Number(f64::MIN, f64::MAX);
/// A port to listen on; 0 lets the system choose.
pub(crate) const PORT: Kind = Kind::Int(0, 65_535);

impl Key {
    /// A key with pymscada's meaning.
    pub(crate) const fn used(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        meaning: &'static str,
        example: &'static str,
    ) -> Self {
        Self { name, kind, default, meaning, example, status: Status::Used }
    }

    /// A key that is accepted and does nothing.
    pub(crate) const fn unused(name: &'static str, meaning: &'static str) -> Self {
        Self { name, kind: Kind::Free, default: "nothing", meaning, example: "", status: Status::Unused }
    }

    /// An older spelling that still works.
    pub(crate) const fn former(name: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self { name, kind, default: "nothing", meaning, example: "", status: Status::Former }
    }

    /// The same key, but pymscada doesn't know it.
    pub(crate) const fn ours(self) -> Self {
        Self { status: Status::Ours, ..self }
    }
}

impl Kind {
    /// The kind in words, after "expected".
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Bool => "yes or no".into(),
            Self::Number(min, max) => between("a number", *min, *max, *min == f64::MIN, *max == f64::MAX),
            Self::Int(min, max) => {
                between("a whole number", *min as f64, *max as f64, *min == i64::MIN, *max == i64::MAX)
            }
            Self::Word([only], _) => (*only).into(),
            Self::Word(words, _) => format!("one of {}", words.join(", ")),
            Self::Ip => "an IP address".into(),
            Self::Texts => "a list of texts".into(),
            Self::TextOrTexts => "text or a list of texts".into(),
            Self::NumberOrPair => "a number, or two: [from, to]".into(),
            Self::Free => "anything".into(),
            Self::One(_) => "a mapping".into(),
            Self::Many(_) => "a list".into(),
            Self::Named(_) => "a mapping of names".into(),
            Self::Loader(words) => (*words).into(),
        }
    }
}

fn between(what: &str, min: f64, max: f64, open_below: bool, open_above: bool) -> String {
    match (open_below, open_above) {
        (true, true) => what.into(),
        (false, true) => format!("{what} of at least {min}"),
        (true, false) => format!("{what} of at most {max}"),
        (false, false) => format!("{what} from {min} to {max}"),
    }
}

impl Table {
    /// The keys that one would write today.
    pub(crate) fn taught(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().filter(|key| matches!(key.status, Status::Used | Status::Ours))
    }

    /// The key of that name.
    pub(crate) fn key(&self, name: &str) -> Option<(usize, &'static Key)> {
        let at = self.keys.iter().position(|key| key.name == name)?;
        Some((at, &self.keys[at]))
    }
}
