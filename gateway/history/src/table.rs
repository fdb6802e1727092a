//! Answers as tables for people and programs: CSV and JSON of the same columns.
//!
//! | `of` | columns | |
//! |---|---|---|
//! | `records` | time, tag, value, quality | every record, tag after tag; a page at a time |
//! | `records`, `last` | the same | the newest so many of each tag, at once |
//! | `rows` | time, and a column for each tag | what each held then: every so often, or whenever one changed; a page at a time |
//! | `at` | time, tag, value, quality | what each tag holds at a time, and since when |
//! | `buckets` | start, end, tag, count, min, max, mean, first, last, good_s | a row per minute, quarter, hour, day |
//! | `counters` | start, end, tag, count, increase, rollovers, resets, last | how far each counter went |
//! | `states` | start, end, tag, state, seconds | how long each state lasted |
//!
//! Quality is `good`, or why there is no value. An empty field (in JSON `null`) is no value.

pub(crate) mod ask;
pub(crate) mod fill;
pub(crate) mod spell;
#[cfg(test)]
mod tests;
pub(crate) mod text;
#[cfg(test)]
mod text_tests;

use tag::{TagName, Timestamp};

use crate::decimate::Span;
use crate::rolled::Every;

/// What the table holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TableOf {
    /// Every record.
    Records,
    /// The newest so many of each tag, the oldest of them first.
    Last(usize),
    /// Values side by side; with a step in µs, or at every change.
    Rows(Option<u64>),
    /// What holds at the span's beginning.
    At,
    /// Rolled up.
    Buckets(Every),
    /// How far counters went.
    Counters(Every),
    /// How long states lasted.
    States(Every),
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableForm {
    /// Lines with commas, the first one names the columns.
    Csv,
    /// `{"columns":[…],"rows":[[…],…]}`.
    Json,
}

/// Where the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Next {
    /// At which tag of the question.
    pub(crate) tag: usize,
    /// At what time.
    pub(crate) at: Timestamp,
    /// Whether a row was written already.
    pub(crate) any: bool,
}

/// A question for a table, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) of: TableOf,
    pub(crate) tags: Vec<TagName>,
    pub(crate) span: Span,
    pub(crate) form: TableForm,
    /// `None`: the first page.
    pub(crate) next: Option<Next>,
}
