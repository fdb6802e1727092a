//! Which tags the devices of a `modbusclient.yaml` bring to `tags.yaml`.

use std::collections::HashMap;
use std::rc::Rc;

use super::{Shelf, Template, tree};
use crate::Env;
use crate::finding::Pos;
use crate::marked::{Entry, Node, Scalar, Style, Yaml};

/// What is said of tags by the devices they belong to, in the order of the site.
#[derive(Debug, Default)]
pub(in crate::load) struct Brought {
    pub(in crate::load) names: Vec<Rc<str>>,
    said: HashMap<Rc<str>, Vec<Entry>>,
}

impl Brought {
    /// What a device says of a tag, as a mapping of `tags.yaml` that stands at this place.
    pub(in crate::load) fn of(&self, name: &str, pos: Pos) -> Option<Vec<Entry>> {
        let said = self.said.get(name)?;
        Some(
            said.iter().map(|entry| Entry { key_pos: pos, value: moved(&entry.value, pos), ..entry.clone() }).collect(),
        )
    }
}

/// The same tree, all of it at this place: findings must not point into another file.
fn moved(node: &Node, pos: Pos) -> Node {
    let yaml = match &node.yaml {
        Yaml::Seq(items) => Yaml::Seq(items.iter().map(|item| moved(item, pos)).collect()),
        other => other.clone(),
    };
    Node { pos, yaml }
}

/// Reads no more of a `modbusclient.yaml` than which devices it uses, opens them, and says nothing of mistakes: those are
/// found when the file is loaded.
pub(in crate::load) fn brought(bytes: &[u8], shelf: &mut Shelf<'_>, env: Env<'_>) -> Brought {
    let mut brought = Brought::default();
    if !may_use_devices(bytes) {
        return brought;
    }
    let Ok((node, _)) = tree("", bytes, env) else { return brought };
    for entry in node.get("devices").and_then(Node::seq).unwrap_or_default() {
        let Some(name) = entry.get("device").and_then(Node::text) else { continue };
        shelf.open(name);
        let Ok(template) = shelf.get(name) else { continue };
        let before = entry.get("desc").and_then(Node::text);
        for (name, n) in names(entry, template) {
            let name: Rc<str> = name.into();
            if brought.said.insert(name.clone(), described(&template.said[n], before)).is_none() {
                brought.names.push(name);
            }
        }
    }
    brought
}

/// What a device says of a tag, its description with this before it.
fn described(said: &[Entry], before: Option<&str>) -> Vec<Entry> {
    let longer = |entry: &Entry| {
        let (before, text) = before.filter(|_| &*entry.key == "desc").zip(entry.value.text())?;
        let text: Rc<str> = format!("{before} {text}").into();
        let yaml = Yaml::Scalar(Scalar { text, style: Style::Quoted });
        Some(Entry { value: Node { pos: entry.value.pos, yaml }, ..entry.clone() })
    };
    said.iter().map(|entry| longer(entry).unwrap_or_else(|| entry.clone())).collect()
}

/// Whether a line of the file begins as the key could: a daemon that isn't the Modbus client need not hold a tree of ten
/// thousand Modbus tags for nothing.
fn may_use_devices(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let begins = |line: &[u8], with: &[u8]| line.trim_ascii_start().starts_with(with);
    // A mapping in braces, a merge, an explicit key and a new document may have it anywhere.
    const KEYS: [&[u8]; 7] = [b"devices", b"\"devices", b"'devices", b"{", b"<<", b"?", b"---"];
    bytes.split(|byte| matches!(byte, b'\n' | b'\r')).any(|line| KEYS.iter().any(|key| begins(line, key)))
}

/// The tags that an entry of `devices` makes of a device: their names, and which registers they are.
pub(in crate::load) fn names(entry: &Node, template: &Template) -> Vec<(String, usize)> {
    let prefix = entry.get("prefix").and_then(Node::text).unwrap_or("");
    let only: Option<Vec<&str>> =
        entry.get("only").and_then(Node::seq).map(|items| items.iter().filter_map(Node::text).collect());
    let registers = template.device.registers.iter().enumerate();
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only.contains(&name));
    registers
        .filter(|(_, register)| wanted(register.tag.name.as_str()))
        .map(|(n, register)| (format!("{prefix}{}", register.tag.name), n))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::may_use_devices;

    #[test]
    fn a_file_is_read_for_its_devices_however_they_are_written() {
        for text in [
            "devices: []",
            "rtus: []\ndevices:\n- a",
            "  devices : *d",
            "'devices': []",
            "\"devices\": []",
            "a: 1\r\ndevices: []",
            "{rtus: [], devices: []}",
            "<<: *site",
            "? devices\n: []",
            "--- {devices: []}",
            "\u{feff}devices: []",
        ] {
            assert!(may_use_devices(text.as_bytes()), "{text:?}");
        }
        assert!(!may_use_devices(b"# devices are here\nrtus: []\ntags: {A: {read: 'devices'}}\n"));
    }
}
