//! What stands as text in a file: its style, `${NAME}` filled in, short texts shared.

use std::rc::Rc;

use saphyr_parser::{ScalarStyle, Tag};

use super::super::{Scalar, Style, clipped};
use super::{Builder, Purpose};
use crate::finding::Pos;

/// Texts up to this length are kept once however often they are written: `desc`, `float`, `0`. With
/// [`SHARED_TEXTS_MAX`] it halves what a tree of 20,000 tags takes.
const SHARED_BYTES_MAX: usize = 16;

/// How many different short texts are kept; a site has a few hundred that come again and again.
const SHARED_TEXTS_MAX: usize = 4096;

/// The words that pymscada's `checkout` replaces in the files that it ships.
const PLACEHOLDERS: [&str; 8] =
    ["__ADDRESS__", "__PORT__", "__DIR__", "__PREFIX__", "__SITE__", "__USER__", "__PYTHON__", "__PYMSCADA__"];

impl Builder<'_, '_> {
    pub(super) fn unknown_tag(&mut self, tag: &Tag, pos: Pos) {
        if self.purpose != Purpose::Foreign {
            let shown = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
            let found = format!("the YAML tag {}", clipped(&shown));
            self.report.error(pos, found, "expected none: of YAML's tags only !!str, !!int, !!float, !!bool, !!null, !!binary, !!seq and !!map are known");
        }
    }

    /// `None` when there is too much text.
    pub(super) fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, pos: Pos) -> Option<Scalar> {
        let mut style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
        match tag {
            None => {}
            // A lone `!` says: not a number, not a yes.
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => style = Style::Quoted,
            Some(tag) if tag.is_yaml_core_schema() => match &*tag.suffix {
                "str" => style = Style::Quoted,
                "int" | "float" | "bool" | "null" => style = Style::Plain,
                "binary" => style = Style::Binary,
                _ => self.unknown_tag(tag, pos),
            },
            Some(tag) => self.unknown_tag(tag, pos),
        }
        if self.purpose == Purpose::Foreign {
            return Some(Scalar { text: self.kept(text), style });
        }
        let (filled, replaced) = self.filled(text, pos)?;
        if replaced && style == Style::Plain {
            style = Style::Environment;
        }
        if let Some(placeholder) = PLACEHOLDERS.iter().find(|word| filled.contains(**word)) {
            self.report.error_hint(
                pos,
                format!("{placeholder} is one of pymscada's checkout placeholders and was not filled in"),
                "expected its value",
                Some("run `pymscada checkout`, or write the value here".to_owned()),
            );
            style = Style::Unfilled;
        }
        Some(Scalar { text: filled, style })
    }

    /// The text, shared if it is short.
    fn kept(&mut self, text: &str) -> Rc<str> {
        if text.len() > SHARED_BYTES_MAX {
            return text.into();
        }
        if let Some(kept) = self.shared.get(text) {
            return kept.clone();
        }
        let kept: Rc<str> = text.into();
        if self.shared.len() < SHARED_TEXTS_MAX {
            self.shared.insert(kept.clone());
        }
        kept
    }

    /// The text with every `${NAME}` that is defined replaced; whether there was one.
    fn filled(&mut self, text: &str, pos: Pos) -> Option<(Rc<str>, bool)> {
        if !text.contains("${") {
            return Some((self.kept(text), false));
        }
        let (mut out, mut rest, mut replaced) = (String::new(), text, false);
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start + 2..].find('}') else { break };
            let name = &rest[start + 2..start + 2 + length];
            out.push_str(&rest[..start]);
            rest = &rest[start + 3 + length..];
            if name.is_empty() {
                out.push_str("${}");
                continue;
            }
            match (self.env)(name) {
                Some(value) => {
                    self.count(0, value.len(), pos)?;
                    out.push_str(&value);
                    replaced = true;
                }
                None => {
                    out.push_str(&format!("${{{name}}}"));
                    if self.report.first_time(&format!("env {name}")) {
                        let found = format!("${{{}}} is not set in the environment", clipped(name));
                        self.report.warning(pos, found, "it stays as it is written");
                    }
                }
            }
        }
        out.push_str(rest);
        Some((out.into(), replaced))
    }
}
