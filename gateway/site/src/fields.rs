//! A mapping held against its table: unknown keys, missing keys, values of the wrong type.

use crate::finding::Pos;
use crate::keys::{Key, Kind, Status, Table};
use crate::marked::{Entry, Node, Yaml, clipped};
use crate::report::Report;
use crate::scalar::{Plain, Spelling};

/// The values of a mapping by key, of which only those are there that are what the table wants.
pub(crate) struct Fields<'n> {
    table: &'static Table,
    /// One for each key of the table.
    values: Vec<Option<&'n Node>>,
    /// Which keys were written, right or wrong.
    there: Vec<bool>,
    /// Keys with nothing behind them, and where: as good as not written, but for those that shut somebody out.
    blank: Vec<(&'static str, Pos)>,
    /// Where the mapping is.
    pub(crate) pos: Pos,
}

/// Holds a mapping against its table. `None` when it isn't a mapping; all else that is wrong is reported, and left out.
pub(crate) fn fields<'n>(node: &'n Node, table: &'static Table, report: &mut Report<'_>) -> Option<Fields<'n>> {
    let entries: &[Entry] = match &node.yaml {
        Yaml::Map(entries) => entries,
        // `Flow:` with nothing behind it is a mapping with everything at its default.
        _ if node.is_null() => &[],
        _ => {
            if !node.is_unfilled() {
                report.error(node.pos, node.shown(), format!("expected {}: a mapping of keys", table.what));
            }
            return None;
        }
    };
    let mut values = vec![None; table.keys.len()];
    let mut there = vec![false; table.keys.len()];
    let mut blank = Vec::new();
    for entry in entries {
        let Some((at, key)) = table.key(&entry.key) else {
            unknown_key(&entry.key, entry.key_pos, table, report);
            continue;
        };
        if entry.value.is_null() {
            blank.push((key.name, entry.key_pos));
            continue;
        }
        there[at] = true;
        if key.status == Status::Unused {
            if report.first_time(&format!("unused {}", key.name)) {
                report.warning(entry.key_pos, format!("{} of {} does nothing here", key.name, table.what), key.meaning);
            }
        } else if is(key, &entry.value, report) {
            values[at] = Some(&entry.value);
        }
    }
    for (at, key) in table.keys.iter().enumerate() {
        if key.default.is_empty() && !there[at] {
            let expected = format!("expected {}, {}", key.name, key.kind.words());
            report.error(node.pos, format!("{} without {}", table.what, key.name), expected);
        }
    }
    Some(Fields { table, values, there, blank, pos: node.pos })
}

fn unknown_key(name: &str, pos: Pos, table: &'static Table, report: &mut Report<'_>) {
    let names = || table.taught().map(|key| key.name);
    let hint = report.did_you_mean(name, names());
    let expected = format!("expected one of {}", names().collect::<Vec<_>>().join(", "));
    report.error_hint(pos, format!("\"{}\" is no key of {}", clipped(name), table.what), expected, hint);
}

/// Whether a value is what its key wants; if not, that is reported.
fn is(key: &Key, node: &Node, report: &mut Report<'_>) -> bool {
    if node.is_unfilled() {
        return false;
    }
    let good = match key.kind {
        Kind::Free | Kind::Loader(_) => return true,
        Kind::Text => node.text().is_some(),
        Kind::Bool => matches!(node.scalar().map(|scalar| scalar.plain()), Some(Plain::Bool(_))),
        Kind::Number(min, max) => number(node, key.name, report).is_some_and(|x| (min..=max).contains(&x)),
        Kind::Int(min, max) => {
            number(node, key.name, report);
            int(node).is_some_and(|n| (min..=max).contains(&n))
        }
        Kind::Word(words, spellings) => {
            let Some(text) = node.text() else { return wrong(key, node, None, report) };
            if words.contains(&text) {
                return true;
            }
            let meant = spellings.iter().find(|(other, _)| *other == text.to_lowercase()).map(|(_, meant)| *meant);
            let hint = match meant {
                Some(meant) => Some(format!("did you mean \"{meant}\"?")),
                None => report.did_you_mean(text, words.iter().copied()),
            };
            return wrong(key, node, hint, report);
        }
        Kind::Ip => ip(node).is_some(),
        Kind::Texts => texts(node).is_some(),
        Kind::TextOrTexts => node.text().is_some() || texts(node).is_some(),
        Kind::NumberOrPair => pair(node, key.name, report) || number(node, key.name, report).is_some(),
        Kind::One(_) | Kind::Named(_) => node.map().is_some(),
        Kind::Many(_) => node.seq().is_some(),
    };
    good || wrong(key, node, None, report)
}

fn wrong(key: &Key, node: &Node, hint: Option<String>, report: &mut Report<'_>) -> bool {
    let found = format!("{} = {}", key.name, node.shown());
    let hint = hint.or_else(|| quotes_hint(key, node));
    report.error_hint(node.pos, found, format!("expected {}", key.kind.words()), hint);
    false
}

/// What to do about text where a number or a yes belongs.
fn quotes_hint(key: &Key, node: &Node) -> Option<String> {
    let text = node.text()?;
    let plain = crate::scalar::plain(text);
    if matches!(key.kind, Kind::Ip) {
        return Some("names aren't looked up here: write it in numbers, like 127.0.0.1".to_owned());
    }
    let fits = match key.kind {
        Kind::Number(..) | Kind::NumberOrPair => matches!(plain, Plain::Int(..) | Plain::Float(..)),
        Kind::Int(..) => matches!(plain, Plain::Int(..)),
        Kind::Bool => matches!(plain, Plain::Bool(_)),
        _ => return None,
    };
    if matches!(plain, Plain::Float(x, _) if !x.is_finite()) {
        return Some("a number here is finite".to_owned());
    }
    if fits && node.scalar()?.plain() == Plain::Word {
        return Some("leave out the quotes".to_owned());
    }
    let bare = text.trim_start_matches('0');
    if text.starts_with('0') && !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit()) {
        return Some(format!("write {bare}"));
    }
    text.contains("${").then(|| "set the variable in the environment".to_owned())
}

/// A finite number, with a warning when its spelling isn't read the same everywhere.
fn number(node: &Node, what: &str, report: &mut Report<'_>) -> Option<f64> {
    let (x, spelling) = match node.scalar()?.plain() {
        Plain::Int(n, spelling) => (n as f64, spelling),
        Plain::Float(x, spelling) if x.is_finite() => (x, spelling),
        _ => return None,
    };
    let found = || format!("{what} = {}", node.shown());
    match spelling {
        Spelling::Common => {}
        Spelling::Octal => report.warning(node.pos, found(), format!("read in base 8, as {x}; write {x}")),
        Spelling::Sexagesimal => {
            report.warning(node.pos, found(), format!("read in base 60, as {x}, as YAML 1.1 does; write {x}"));
        }
        Spelling::NotYaml11 => {
            let plain = format!("{x:?}");
            let plain = if plain.contains('e') { "it with a point and a sign, like 1.0e+3".to_owned() } else { plain };
            let expected =
                format!("read as {}, but text for readers of YAML 1.1 such as pymscada; write {plain}", short(x));
            report.warning(node.pos, found(), expected);
        }
    }
    Some(x)
}

/// A number for a sentence: without a row of zeros.
pub(crate) fn short(x: f64) -> String {
    if x == 0.0 || (1e-5..1e15).contains(&x.abs()) { x.to_string() } else { format!("{x:e}") }
}

/// A number without a word about it.
pub(crate) fn plain_number(node: &Node) -> Option<f64> {
    match node.scalar()?.plain() {
        Plain::Int(n, _) => Some(n as f64),
        Plain::Float(x, _) if x.is_finite() => Some(x),
        _ => None,
    }
}

/// A whole number without a word about it.
pub(crate) fn int(node: &Node) -> Option<i64> {
    match node.scalar()?.plain() {
        Plain::Int(n, _) => i64::try_from(n).ok(),
        _ => None,
    }
}

fn ip(node: &Node) -> Option<std::net::IpAddr> {
    match node.text()? {
        "localhost" => Some(std::net::Ipv4Addr::LOCALHOST.into()),
        text => text.parse().ok(),
    }
}

fn texts(node: &Node) -> Option<Vec<String>> {
    node.seq()?.iter().map(|item| item.text().map(str::to_owned)).collect()
}

fn pair(node: &Node, what: &str, report: &mut Report<'_>) -> bool {
    let Some([from, to]) = node.seq() else { return false };
    number(from, what, report).is_some() && number(to, what, report).is_some()
}

impl<'n> Fields<'n> {
    /// The value of a key, if it is there and right.
    pub(crate) fn node(&self, name: &str) -> Option<&'n Node> {
        let (at, _) = self.table.key(name).expect("loaders ask for keys of their table");
        self.values[at]
    }

    /// Whether a key was written, be its value right or wrong.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.key(name).is_some_and(|(at, _)| self.there[at])
    }

    /// Where a key stands that has nothing behind it.
    pub(crate) fn blank(&self, name: &str) -> Option<Pos> {
        self.blank.iter().find(|(blank, _)| *blank == name).map(|(_, pos)| *pos)
    }

    /// Where the value of a key is, or the mapping.
    pub(crate) fn pos(&self, name: &str) -> Pos {
        self.node(name).map_or(self.pos, |node| node.pos)
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Option<&'n str> {
        self.node(name)?.text()
    }

    /// A number.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        plain_number(self.node(name)?)
    }

    /// A whole number; the table says which.
    pub(crate) fn int<N: TryFrom<i64>>(&self, name: &str) -> Option<N> {
        N::try_from(int(self.node(name)?)?).ok()
    }

    /// Yes or no.
    pub(crate) fn bool(&self, name: &str) -> Option<bool> {
        match self.node(name)?.scalar()?.plain() {
            Plain::Bool(is) => Some(is),
            _ => None,
        }
    }

    /// An address.
    pub(crate) fn ip(&self, name: &str) -> Option<std::net::IpAddr> {
        ip(self.node(name)?)
    }

    /// A list of texts, or one.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let node = self.node(name)?;
        texts(node).or_else(|| Some(vec![node.text()?.to_owned()]))
    }

    /// The items of a list.
    pub(crate) fn items(&self, name: &str) -> &'n [Node] {
        self.node(name).and_then(Node::seq).unwrap_or_default()
    }
}
