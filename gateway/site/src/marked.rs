//! A file's YAML as a tree in which every value and every key knows where it was written.
//!
//! Anchors, aliases, `<<` merges, several documents, `__vars__` and `${NAME}` are already dealt with in this tree; see
//! [`read::read`]. What a plain word means is decided where it is used: [`crate::scalar`].

use std::rc::Rc;

use serde_json::{Map, Number, Value as Json};

use crate::finding::Pos;
use crate::report::Report;
use crate::scalar::{self, Plain, Spelling};

mod mapping;
mod read;
mod source;
mod syntax;
#[cfg(test)]
mod tests;

pub(crate) use mapping::overlay;
pub(crate) use read::{Purpose, read};
pub(crate) use source::{FILE_BYTES_MAX, decode};

/// How deep lists and mappings may lie in each other; a page item's `init` is at about 8.
const DEPTH_MAX: usize = 64;

/// A value and where it was written. A value that came through an alias stands where its anchor is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) pos: Pos,
    pub(crate) yaml: Yaml,
}

/// The three shapes of YAML.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Yaml {
    /// One word or text.
    Scalar(Scalar),
    /// A list.
    Seq(Vec<Node>),
    /// A mapping, in the order of the file; each key once.
    Map(Vec<Entry>),
}

/// A word or text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    pub(crate) text: Rc<str>,
    pub(crate) style: Style,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes: may be a number, a yes or nothing.
    Plain,
    /// In quotes, as a block, or with `!!str`: text.
    Quoted,
    /// Without quotes and filled in from the environment.
    Environment,
    /// `!!binary`: base64.
    Binary,
    /// Holds a placeholder of pymscada's `checkout` that nobody filled in; reported already.
    Unfilled,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Rc<str>,
    pub(crate) key_pos: Pos,
    pub(crate) value: Node,
}

impl Scalar {
    /// What the word is.
    pub(crate) fn plain(&self) -> Plain {
        match self.style {
            Style::Plain => scalar::plain(&self.text),
            Style::Environment => match scalar::plain(&self.text) {
                Plain::Null => Plain::Word,
                plain => plain,
            },
            Style::Quoted | Style::Binary | Style::Unfilled => Plain::Word,
        }
    }
}

impl Node {
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.yaml {
            Yaml::Scalar(scalar) => Some(scalar),
            Yaml::Seq(_) | Yaml::Map(_) => None,
        }
    }

    pub(crate) fn seq(&self) -> Option<&[Node]> {
        match &self.yaml {
            Yaml::Seq(items) => Some(items),
            Yaml::Scalar(_) | Yaml::Map(_) => None,
        }
    }

    pub(crate) fn map(&self) -> Option<&[Entry]> {
        match &self.yaml {
            Yaml::Map(entries) => Some(entries),
            Yaml::Scalar(_) | Yaml::Seq(_) => None,
        }
    }

    /// Nothing was written: as good as no key at all.
    pub(crate) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.plain() == Plain::Null)
    }

    /// Already reported as an unfilled placeholder; nobody need look at it again.
    pub(crate) fn is_unfilled(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.style == Style::Unfilled)
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.map()?.iter().find(|entry| &*entry.key == key).map(|entry| &entry.value)
    }

    /// The text as written, numbers and yes/no included; `None` for nothing, lists and mappings.
    pub(crate) fn text(&self) -> Option<&str> {
        self.scalar().filter(|scalar| scalar.plain() != Plain::Null).map(|scalar| &*scalar.text)
    }

    /// The value as a finding quotes it: `"cdba"`, `12`, `a list`.
    pub(crate) fn shown(&self) -> String {
        match &self.yaml {
            Yaml::Scalar(scalar) => match scalar.plain() {
                Plain::Null => "nothing".to_owned(),
                Plain::Word => format!("\"{}\"", clipped(&scalar.text)),
                Plain::Bool(_) | Plain::Int(..) | Plain::Float(..) => clipped(&scalar.text),
            },
            Yaml::Seq(items) if items.is_empty() => "an empty list".to_owned(),
            Yaml::Seq(_) => "a list".to_owned(),
            Yaml::Map(_) => "a mapping".to_owned(),
        }
    }

    /// The value as JSON, plain words as PyYAML takes them. `words`: keys below which plain words stay text
    /// (`multi: [Off, On]`). What JSON can't say is reported.
    pub(crate) fn to_json(&self, words: &[&str], report: &mut Report<'_>) -> Json {
        match &self.yaml {
            Yaml::Scalar(scalar) => self.scalar_to_json(scalar, report),
            Yaml::Seq(items) => Json::Array(items.iter().map(|item| item.to_json(words, report)).collect()),
            Yaml::Map(entries) => {
                let mut map = Map::new();
                for Entry { key, value, .. } in entries {
                    let json = match value.seq() {
                        Some(items) if words.contains(&&**key) => {
                            Json::Array(items.iter().map(|item| item.text().unwrap_or("").into()).collect())
                        }
                        _ => value.to_json(words, report),
                    };
                    map.insert(key.to_string(), json);
                }
                Json::Object(map)
            }
        }
    }

    fn scalar_to_json(&self, scalar: &Scalar, report: &mut Report<'_>) -> Json {
        let text = || Json::String(scalar.text.to_string());
        // A variable of the environment is text for pymscada, whatever it holds.
        if scalar.style != Style::Plain {
            return text();
        }
        match scalar.plain() {
            Plain::Null => Json::Null,
            Plain::Bool(is) => Json::Bool(is),
            Plain::Int(_, Spelling::Octal) if scalar.text.contains('o') => text(),
            Plain::Int(n, _) => match (i64::try_from(n), u64::try_from(n)) {
                (Ok(n), _) => n.into(),
                (_, Ok(n)) => n.into(),
                _ => Json::from(n as f64),
            },
            Plain::Float(_, Spelling::NotYaml11) | Plain::Word => text(),
            Plain::Float(x, _) => match Number::from_f64(x) {
                Some(number) => Json::Number(number),
                None => {
                    report.error(self.pos, self.shown(), "expected a finite number: browsers get this as JSON");
                    Json::Null
                }
            },
        }
    }
}

/// A text for a finding: one short line.
pub(crate) fn clipped(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut short: String = text.chars().take(CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        short.push('…');
    }
    short
}
