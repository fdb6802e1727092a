//! Text to tree: the parser's events become [`Node`]s, with everything of YAML that is not a value resolved.

mod scalar;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, Tag};

use super::mapping::{OpenMap, overlay};
use super::{DEPTH_MAX, Entry, Node, Yaml, clipped, syntax};
use crate::Env;
use crate::finding::Pos;
use crate::report::Report;

/// How many values a file may hold once aliases are followed: ten for each of 65,534 tags, with room. It is what keeps
/// an alias of aliases of aliases from filling the memory.
const NODES_MAX: usize = 1_000_000;

/// How many bytes of text a file may hold once `${NAME}` is filled in.
const TEXT_BYTES_MAX: usize = 4 * super::FILE_BYTES_MAX;

/// Whose file it is: how much of it is our business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `tags.yaml`: a top-level key in two documents is a tag named twice.
    Tags,
    /// A file of one of our modules.
    Ours,
    /// A file that only other programs read: just its YAML is checked.
    Foreign,
}

/// Reads a file's text: all its documents merged at top level, later ones over earlier ones, without `__vars__`.
/// `None` when it can't be read as YAML; the report says why. A file with nothing in it is an empty mapping.
pub(crate) fn read(source: &str, purpose: Purpose, env: Env<'_>, report: &mut Report<'_>) -> Option<Node> {
    let mut builder = Builder {
        purpose,
        env,
        report,
        stack: Vec::new(),
        anchors: HashMap::new(),
        shared: HashSet::new(),
        nodes: 0,
        text_bytes: 0,
        roots: Vec::new(),
    };
    let mut parser = Parser::new_from_str(source);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => builder.take(event, pos(&span.start))?,
            Err(error) => {
                let at = pos(error.marker());
                let line = source.lines().nth(at.line as usize - 1).unwrap_or("");
                let (found, hint) = syntax::fault(error.info(), line);
                builder.report.error_hint(at, found, "", hint);
                return None;
            }
        }
    }
    Some(builder.finish())
}

/// The parser counts lines from 1 and columns from 0.
fn pos(marker: &Marker) -> Pos {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Pos { line: small(marker.line().max(1)), column: small(marker.col() + 1) }
}

/// A list or mapping that isn't finished.
enum Frame {
    Seq { pos: Pos, anchor: usize, items: Vec<Node> },
    Map { pos: Pos, anchor: usize, map: OpenMap },
}

struct Builder<'b, 'r> {
    purpose: Purpose,
    env: Env<'b>,
    report: &'b mut Report<'r>,
    stack: Vec<Frame>,
    /// Finished nodes with an anchor, and how many nodes they are. Anchors end with their document.
    anchors: HashMap<usize, (Node, usize)>,
    shared: HashSet<Rc<str>>,
    nodes: usize,
    text_bytes: usize,
    roots: Vec<Node>,
}

impl Builder<'_, '_> {
    /// One event; `None` when it makes no sense to go on.
    fn take(&mut self, event: Event<'_>, pos: Pos) -> Option<()> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, text.len(), pos)?;
                let scalar = self.scalar(&text, style, tag.as_deref(), pos)?;
                self.put(Node { pos, yaml: Yaml::Scalar(scalar) }, anchor)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(pos, tag.as_deref(), "seq", Frame::Seq { pos, anchor, items: Vec::new() })?;
            }
            Event::MappingStart(anchor, tag) => {
                self.open(pos, tag.as_deref(), "map", Frame::Map { pos, anchor, map: OpenMap::default() })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (node, anchor) = match self.stack.pop().expect("the parser ends only what it began") {
                    Frame::Seq { pos, anchor, items } => (Node { pos, yaml: Yaml::Seq(items) }, anchor),
                    Frame::Map { pos, anchor, map } => (Node { pos, yaml: Yaml::Map(map.finish()) }, anchor),
                };
                self.put(node, anchor)?;
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some((node, count)) => {
                    self.count(count, 0, pos)?;
                    self.put(node, 0)?;
                }
                None => {
                    let expected = "expected the name of an anchor that is finished, earlier in the same document";
                    self.report.error(pos, "this alias (*) points nowhere", expected);
                    return None;
                }
            },
        }
        Some(())
    }

    fn open(&mut self, pos: Pos, tag: Option<&Tag>, plain: &str, frame: Frame) -> Option<()> {
        self.count(1, 0, pos)?;
        if let Some(tag) = tag.filter(|tag| !(tag.is_yaml_core_schema() && tag.suffix == plain)) {
            self.unknown_tag(tag, pos);
        }
        if self.stack.len() == DEPTH_MAX {
            self.report.error(pos, syntax::too_deep(), "");
            return None;
        }
        self.stack.push(frame);
        Some(())
    }

    /// Counts what was made; past the limits the file is given up.
    fn count(&mut self, nodes: usize, text_bytes: usize, pos: Pos) -> Option<()> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.text_bytes = self.text_bytes.saturating_add(text_bytes);
        if self.nodes > NODES_MAX {
            self.report.error(
                pos,
                format!("more than {NODES_MAX} values in this file, aliases followed"),
                "no site needs so many; look for aliases of aliases",
            );
            return None;
        }
        if self.text_bytes > TEXT_BYTES_MAX {
            let found = format!("more than {} MB of text in this file, variables filled in", TEXT_BYTES_MAX >> 20);
            self.report.error(pos, found, "");
            return None;
        }
        Some(())
    }

    /// A finished node goes where it belongs.
    fn put(&mut self, node: Node, anchor: usize) -> Option<()> {
        if anchor > 0 {
            let size = size(&node);
            self.count(size, 0, node.pos)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.stack.last_mut() {
            None => self.roots.push(node),
            Some(Frame::Seq { items, .. }) => items.push(node),
            Some(Frame::Map { map, .. }) => map.put(node, self.report),
        }
        Some(())
    }

    fn finish(self) -> Node {
        let Self { purpose, report, roots, .. } = self;
        let mut all: Vec<Entry> = Vec::new();
        let mut seen: HashMap<Rc<str>, Pos> = HashMap::new();
        for root in roots {
            if root.is_null() {
                continue;
            }
            let shown = root.shown();
            let Yaml::Map(entries) = root.yaml else {
                report.error(root.pos, format!("{shown} at the top of the file"), "expected keys: `name: value`");
                continue;
            };
            for entry in entries.into_iter().filter(|entry| &*entry.key != "__vars__") {
                if let Some(first) = seen.insert(entry.key.clone(), entry.key_pos) {
                    let found = format!("\"{}\" is there twice", clipped(&entry.key));
                    match purpose {
                        Purpose::Tags => report.error(entry.key_pos, found, format!("the first is at {first}")),
                        Purpose::Ours => {
                            report.warning(entry.key_pos, found, format!("this one counts, not the one at {first}"));
                        }
                        Purpose::Foreign => {}
                    }
                }
                all.push(entry);
            }
        }
        let yaml = Yaml::Map(overlay(all));
        Node { pos: Pos { line: 1, column: 1 }, yaml }
    }
}

/// How many nodes a tree is.
fn size(node: &Node) -> usize {
    1 + match &node.yaml {
        Yaml::Scalar(_) => 0,
        Yaml::Seq(items) => items.iter().map(size).sum(),
        Yaml::Map(entries) => entries.iter().map(|entry| size(&entry.value)).sum::<usize>(),
    }
}
