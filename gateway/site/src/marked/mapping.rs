//! A mapping while it is read: its keys, each once, and what `<<` brings.

use std::collections::HashMap;
use std::rc::Rc;

use super::{Entry, Node, Style, Yaml, clipped};
use crate::finding::Pos;
use crate::report::Report;

/// A mapping that isn't finished.
#[derive(Default)]
pub(super) struct OpenMap {
    entries: Vec<Entry>,
    /// Where each key was first.
    seen: HashMap<Rc<str>, Pos>,
    /// Values of `<<`, the weakest first.
    merges: Vec<Node>,
    key: Key,
}

#[derive(Default)]
enum Key {
    /// The next node is a key.
    #[default]
    Awaited,
    /// The next node is the value of this one.
    Named(Rc<str>, Pos),
    /// The next node is the value of `<<`.
    Merge,
    /// The next node is the value of a key that was reported; it is dropped.
    Bad,
}

impl OpenMap {
    /// The next node: keys and values take turns.
    pub(super) fn put(&mut self, node: Node, report: &mut Report<'_>) {
        match std::mem::take(&mut self.key) {
            Key::Awaited => self.key = self.key_of(node, report),
            Key::Named(key, key_pos) => self.entries.push(Entry { key, key_pos, value: node }),
            Key::Bad => {}
            Key::Merge => self.merge(node, report),
        }
    }

    /// A node in the place of a key.
    fn key_of(&mut self, node: Node, report: &mut Report<'_>) -> Key {
        let Yaml::Scalar(scalar) = &node.yaml else {
            report.error(node.pos, format!("{} as a key", node.shown()), "expected a name");
            return Key::Bad;
        };
        if scalar.style == Style::Plain && &*scalar.text == "<<" {
            return Key::Merge;
        }
        if scalar.text.is_empty() {
            report.error(node.pos, "a key without a name", "expected `name: value`");
            return Key::Bad;
        }
        match self.seen.get(&scalar.text) {
            Some(first) => {
                let found = format!("\"{}\" is there twice", clipped(&scalar.text));
                report.error(node.pos, found, format!("the first is at {first}"));
                Key::Bad
            }
            None => {
                self.seen.insert(scalar.text.clone(), node.pos);
                Key::Named(scalar.text.clone(), node.pos)
            }
        }
    }

    /// The value of `<<`: a mapping, or a list of mappings of which the first is the strongest.
    fn merge(&mut self, node: Node, report: &mut Report<'_>) {
        let (pos, shown) = (node.pos, node.shown());
        match node.yaml {
            Yaml::Map(_) => self.merges.push(node),
            Yaml::Seq(items) if items.iter().all(|item| item.map().is_some()) => {
                self.merges.extend(items.into_iter().rev());
            }
            Yaml::Seq(_) | Yaml::Scalar(_) => {
                report.error(pos, format!("<<: {shown}"), "expected an alias of a mapping, or a list of such");
            }
        }
    }

    /// The entries: what `<<` brought, then the mapping's own over it.
    pub(super) fn finish(self) -> Vec<Entry> {
        if self.merges.is_empty() {
            return self.entries;
        }
        let brought = self.merges.into_iter().flat_map(|node| match node.yaml {
            Yaml::Map(entries) => entries,
            Yaml::Scalar(_) | Yaml::Seq(_) => Vec::new(),
        });
        overlay(brought.chain(self.entries))
    }
}

/// The same key later replaces the value, in the earlier place.
pub(crate) fn overlay(entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let mut out: Vec<Entry> = Vec::new();
    let mut places: HashMap<Rc<str>, usize> = HashMap::new();
    for entry in entries {
        match places.get(&entry.key) {
            Some(place) => out[*place] = entry,
            None => {
                places.insert(entry.key.clone(), out.len());
                out.push(entry);
            }
        }
    }
    out
}
