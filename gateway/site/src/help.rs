//! `forebay help FILE`: every key with its meaning, default and example, out of the tables that `check` uses.

use crate::hint;
use crate::keys::{self, Key, Kind, Status, Table};

mod topics;

use topics::{TOPICS, Topic};

/// A terminal's width.
const WIDTH: usize = 80;

/// Where the text beside a key begins.
const INDENT: usize = 14;

/// The files there is help for, in the order in which one meets them.
pub fn help_files() -> Vec<&'static str> {
    TOPICS.iter().map(|topic| topic.file).collect()
}

/// What `forebay help FILE` prints, for `tags.yaml` as for `tags`; for a name without a page the list of pages, led by
/// a line that says so.
pub fn help(file: &str) -> String {
    let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".yaml");
    let stem = match stem {
        "modbus" => "modbusclient",
        "www" => "wwwserver",
        stem => stem,
    };
    match TOPICS.iter().find(|topic| topic.file.trim_end_matches(".yaml") == stem) {
        Some(topic) => page(topic),
        None if crate::load::is_unbuilt(stem) => {
            let mut out = String::new();
            let text = "isn't built yet: its file is left alone. pymscada's own can run beside the gateway.";
            wrap(&mut out, 0, &format!("The module {stem} {text}"));
            out
        }
        None => index(file),
    }
}

fn index(file: &str) -> String {
    let mut out = String::new();
    if !file.is_empty() {
        let near = hint::did_you_mean(file, help_files()).map(|hint| format!("; {hint}")).unwrap_or_default();
        out.push_str(&format!("There is no help for \"{}\"{near}\n\n", crate::marked::clipped(file)));
    }
    out.push_str("A site is a folder of YAML files. A module runs when its file is there.\n\n");
    for topic in TOPICS {
        entry(&mut out, 20, topic.file, &[topic.title]);
    }
    out.push_str("\nforebay help FILE shows every key of a file; forebay check DIR checks a site.\n");
    out
}

fn page(topic: &Topic) -> String {
    let mut out = format!("{} — {}\n\n", topic.file, topic.title);
    for paragraph in topic.text {
        wrap(&mut out, 0, paragraph);
        out.push('\n');
    }
    for line in topic.example.lines() {
        out.push_str(&format!("    {line}\n").replace("    \n", "\n"));
    }
    if let Some(table) = topic.table {
        for table in below(table) {
            section(&mut out, table);
        }
        if std::ptr::eq(table, &keys::WWW_SERVER) {
            items(&mut out);
        }
    }
    out
}

/// A table and those of the mappings that its keys hold, each once, in the order in which one meets them.
fn below(table: &'static Table) -> Vec<&'static Table> {
    let mut tables = vec![table];
    for key in table.keys {
        if let Kind::One(held) | Kind::Many(held) | Kind::Named(held) = key.kind {
            for table in below(held) {
                if !tables.iter().any(|known| std::ptr::eq(*known, table)) {
                    tables.push(table);
                }
            }
        }
    }
    tables
}

fn section(out: &mut String, table: &Table) {
    out.push_str(&format!("\nKEYS OF {}\n", table.what.to_uppercase()));
    table.taught().for_each(|key| out.push_str(&key_text(key)));
    for (status, heading) in
        [(Status::Former, "Older spellings, still read:"), (Status::Unused, "Accepted, and does nothing:")]
    {
        let mut keys = table.keys.iter().filter(|key| key.status == status).peekable();
        if keys.peek().is_some() {
            out.push_str(&format!("\n  {heading}\n"));
        }
        keys.for_each(|key| entry(out, INDENT, key.name, &[key.meaning]));
    }
}

fn key_text(key: &Key) -> String {
    let kind = key.kind.words();
    let own = if key.status == Status::Ours { " Not in pymscada." } else { "" };
    let first = match key.default {
        "" => format!("{kind}. Has to be there.{own}"),
        default => format!("{kind}. Default: {default}.{own}"),
    };
    let mut first = first;
    if let Some(letter) = first.get(..1).map(str::to_uppercase) {
        // A list of words to choose from keeps its words as they are.
        if !matches!(key.kind, Kind::Word([_], _)) {
            first.replace_range(..1, &letter);
        }
    }
    let mut out = String::new();
    entry(&mut out, INDENT, key.name, &[&first, key.meaning]);
    if !key.example.is_empty() {
        out.push_str(&format!("{:INDENT$}  {}\n", "", key.example));
    }
    out
}

/// What may stand below `items:` of a page.
fn items(out: &mut String) {
    out.push_str("\nITEMS OF A PAGE\n");
    wrap(out, 2, "Each is a mapping with a type and what belongs to it.");
    for kind in keys::ITEMS {
        let built = if kind.built { "" } else { " Not drawn yet: a placeholder stands in its place." };
        entry(out, INDENT, kind.name, &[&format!("{}{built}", kind.meaning)]);
        if !kind.built || kind.name == "uplot" {
            continue;
        }
        for key in kind.table.keys.iter().filter(|key| key.status == Status::Used && key.name != "type") {
            let default = if key.default.is_empty() { "has to be there" } else { key.default };
            wrap(out, INDENT + 2, &format!("{}: {} ({default})", key.name, key.meaning));
            if !key.example.is_empty() {
                out.push_str(&format!(
                    "{:1$}{2}\n",
                    "",
                    INDENT + 4,
                    key.example.replace("type: h1", &format!("type: {}", kind.name))
                ));
            }
        }
    }
    for kind in keys::ITEMS.iter().filter(|kind| kind.built) {
        // The keys of the short ones are shown beside them.
        for table in below(kind.table).into_iter().skip(usize::from(kind.name != "uplot")) {
            section(out, table);
        }
    }
}

/// A name at the left and paragraphs beside it.
fn entry(out: &mut String, indent: usize, name: &str, paragraphs: &[&str]) {
    let mut text = String::new();
    for paragraph in paragraphs {
        wrap(&mut text, indent, paragraph);
    }
    let head = format!("  {name}");
    if head.chars().count() < indent {
        // The name takes the place of the first line's blanks.
        out.push_str(&format!("{head:indent$}{}", text.get(indent..).unwrap_or("\n")));
    } else {
        out.push_str(&format!("{head}\n{text}"));
    }
}

/// Words in lines of at most [`WIDTH`], each behind so many blanks.
fn wrap(out: &mut String, indent: usize, text: &str) {
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column == 0 {
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if column + 1 + length > WIDTH {
            out.push_str(&format!("\n{}", " ".repeat(indent)));
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_every_table_is_taught_within_80_columns() {
        for topic in TOPICS {
            let text = help(topic.file);
            for line in text.lines() {
                assert!(line.chars().count() <= WIDTH, "{}: {line:?} is too long", topic.file);
                assert_eq!(line, line.trim_end(), "{}: blanks at the end", topic.file);
            }
            for table in topic.table.into_iter().flat_map(below) {
                for key in table.keys {
                    assert!(text.contains(&format!("  {}", key.name)), "{}: {} is missing", topic.file, key.name);
                }
            }
            assert_eq!(help(topic.file.trim_end_matches(".yaml")), text);
        }
        let www = help("wwwserver.yaml");
        for word in ["linebreak", "selectdict", "spanGaps", "legend_pos", "time_res", "opnotes", "get_path"] {
            assert!(www.contains(word), "{word}");
        }
    }

    #[test]
    fn an_unknown_file_gets_the_list_and_a_guess() {
        let text = help("tag.yaml");
        assert!(text.starts_with("There is no help for \"tag.yaml\"; did you mean \"tags.yaml\"?\n"), "{text}");
        assert!(text.contains("modbusclient.yaml"));
        assert!(help("alarms.yaml").starts_with("The module alarms isn't built yet"));
        assert!(!help("").contains("There is no help"));
    }
}
