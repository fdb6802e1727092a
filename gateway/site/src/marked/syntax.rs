//! What to say of a text that isn't YAML.

use super::{DEPTH_MAX, clipped};

/// The parser's complaint in our words, and the usual cause of it in such a line.
pub(super) fn fault(info: &str, line: &str) -> (String, Option<String>) {
    match info {
        // The parser's own limit, met before ours where brackets stand close.
        "recursion limit exceeded" => (too_deep(), None),
        _ => (format!("this is not YAML: {info}"), hint(line, info)),
    }
}

/// Said by us, and in the place of the parser's own words.
pub(super) fn too_deep() -> String {
    format!("more than {DEPTH_MAX} lists and mappings in each other")
}

/// The usual slips behind a line that isn't YAML.
fn hint(line: &str, info: &str) -> Option<String> {
    let indent = line.len() - line.trim_start().len();
    if line[..indent].contains('\t') {
        return Some("indent with spaces: YAML takes no tabs here".to_owned());
    }
    let value = line.split_once(": ").map_or("", |(_, value)| value.trim());
    if value.starts_with(['>', '|', '%', '@', '`', '*', '&', '!']) || value.contains(": ") {
        return Some(format!("put the text in quotes: '{}'", clipped(value)));
    }
    info.starts_with("mapping values").then(|| "check how far this line and the one above are indented".to_owned())
}
