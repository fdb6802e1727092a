//! Cells into lines of CSV or rows of JSON.

use std::borrow::Cow;
use std::fmt::Write;

use tag::Timestamp;

use super::TableForm;
use super::spell::{field_of, json_of, words};
use crate::entry::{Number, Point};
use crate::text::Text as Kept;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    /// No value.
    None,
    /// A time; RFC 3339 in UTC.
    Time(Timestamp),
    /// A time's length, in s.
    Micros(u64),
    /// A name, a word.
    Text(&'a str),
    /// A count.
    Count(u64),
    /// A value.
    Number(Number),
    /// A value that is no number.
    Kept(&'a Kept),
}

impl<'a> Cell<'a> {
    /// What a record holds.
    pub(crate) fn of(point: &'a Point) -> Self {
        match point {
            Point::Value(number) => Self::Number(*number),
            Point::Text(text) => Self::Kept(text),
            Point::Gap(_) => Self::None,
        }
    }

    /// A number that may not be known.
    pub(crate) fn float(x: Option<f64>) -> Self {
        x.map_or(Self::None, |x| Self::Number(Number::Float(x)))
    }
}

/// The quality of a record: `good`, or why not.
pub(crate) fn quality(point: &Point) -> String {
    match point {
        Point::Value(_) | Point::Text(_) => "good".into(),
        Point::Gap(cause) => words(*cause),
    }
}

/// A page of a table as text.
#[derive(Debug)]
pub(crate) struct Text {
    form: TableForm,
    text: String,
    /// A row was written, here or on an earlier page.
    any: bool,
    rows: usize,
}

impl Text {
    /// The first page, with the names of the columns.
    pub(crate) fn first(form: TableForm, columns: &[&str]) -> Self {
        let mut page = Self { form, text: String::new(), any: false, rows: 0 };
        let cells: Vec<Cell<'_>> = columns.iter().map(|column| Cell::Text(column)).collect();
        match form {
            TableForm::Csv => page.line(&cells),
            TableForm::Json => {
                page.text.push_str("{\"columns\":");
                page.line(&cells);
                page.text.push_str(",\"rows\":[");
            }
        }
        page
    }

    /// A later page.
    pub(crate) fn later(form: TableForm, any: bool) -> Self {
        Self { form, text: String::new(), any, rows: 0 }
    }

    /// A row.
    pub(crate) fn row(&mut self, cells: &[Cell<'_>]) {
        if std::mem::replace(&mut self.any, true) && self.form == TableForm::Json {
            self.text.push(',');
        }
        if self.form == TableForm::Json {
            self.text.push('\n');
        }
        self.rows += 1;
        self.line(cells);
    }

    /// Whether a row was written, here or on an earlier page.
    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// How many rows this page has.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// How long this page is.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The text; `is_last` ends the table.
    pub(crate) fn finish(mut self, is_last: bool) -> String {
        if is_last && self.form == TableForm::Json {
            self.text.push_str("\n]}\n");
        }
        self.text
    }

    fn line(&mut self, cells: &[Cell<'_>]) {
        let is_json = self.form == TableForm::Json;
        if is_json {
            self.text.push('[');
        }
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                self.text.push(',');
            }
            push(&mut self.text, cell, is_json);
        }
        self.text.push(if is_json { ']' } else { '\n' });
    }
}

fn push(text: &mut String, cell: &Cell<'_>, is_json: bool) {
    // Writing to a string doesn't fail.
    let _ = match cell {
        Cell::None => text.write_str(if is_json { "null" } else { "" }),
        Cell::Time(at) if is_json => write!(text, "\"{}\"", iso(*at)),
        Cell::Time(at) => write!(text, "{}", iso(*at)),
        Cell::Micros(us) => write!(text, "{}", *us as f64 / 1e6),
        Cell::Text(word) if is_json => write!(text, "{}", serde_json::Value::from(*word)),
        Cell::Text(word) => text.write_str(&quoted(word)),
        Cell::Kept(kept) if is_json => text.write_str(&json_of(kept)),
        Cell::Kept(kept) => text.write_str(&quoted(&field_of(kept))),
        Cell::Count(n) => write!(text, "{n}"),
        Cell::Number(Number::Int(n)) => write!(text, "{n}"),
        // As it reads back exactly.
        Cell::Number(Number::Float(x)) => write!(text, "{x:?}"),
    };
}

/// A time in UTC.
pub(crate) fn iso(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(i64::try_from(at.0).unwrap_or(i64::MAX)).unwrap_or(jiff::Timestamp::MAX)
}

/// A field that holds a comma, a quote or the end of a line is in quotes.
pub(crate) fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}
