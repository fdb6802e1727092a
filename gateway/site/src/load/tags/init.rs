//! What a tag starts with.

use tag::{Kind, TagDef, Value};

use crate::fields::{int, plain_number, short};
use crate::marked::{Node, Style};
use crate::report::Report;
use crate::scalar::Plain;

/// The value behind `init`, if it is one of the tag's.
pub(super) fn init(def: &TagDef, node: &Node, report: &mut Report<'_>) -> Option<Value> {
    let value = match def.kind {
        Kind::Int => int(node).map(Value::Int),
        Kind::Float => plain_number(node).map(Value::Float),
        Kind::Str => node.text().map(Value::from),
        Kind::Bytes => bytes(node).map(|bytes| Value::Bytes(bytes.into())),
        Kind::List => node.seq().map(|_| json(node, report)),
        Kind::Dict => node.map().map(|_| json(node, report)),
    };
    let Some(value) = value else {
        if node.is_unfilled() {
            return None;
        }
        let state = def.multi.as_ref().and_then(|states| states.iter().position(|state| Some(&**state) == node.text()));
        let (expected, hint) = match (def.kind, &def.multi) {
            (_, Some(states)) => (
                format!("expected the number of a state, 0 to {}", states.len().saturating_sub(1)),
                state.map(|at| format!("write {at} for {}", states[at])),
            ),
            (Kind::Int, _) => ("expected a whole number: the tag is an int".into(), whole(node)),
            (Kind::Float, _) => ("expected a number: the tag is a float".into(), quoted_number(node)),
            (Kind::Str, _) => ("expected text: the tag is a str".into(), None),
            (Kind::Bytes, _) => ("expected !!binary and base64: the tag is bytes".into(), None),
            (Kind::List, _) => ("expected a list: the tag is a list".into(), None),
            (Kind::Dict, _) => ("expected a mapping: the tag is a dict".into(), None),
        };
        report.error_hint(node.pos, format!("init = {}", node.shown()), expected, hint);
        return None;
    };
    if let Some(number) = value.as_f64() {
        let low = def.min.is_some_and(|min| number < min);
        if low || def.max.is_some_and(|max| number > max) {
            let found = format!("init = {} is {} the tag's limits", short(number), if low { "below" } else { "above" });
            if def.multi.is_some() {
                report.error(node.pos, found, "expected the number of a state");
            } else {
                report.warning(node.pos, found, "expected a value from min to max");
            }
        }
    }
    Some(value)
}

/// A hint for a number with decimals where a whole one belongs.
fn whole(node: &Node) -> Option<String> {
    match node.scalar()?.plain() {
        Plain::Float(x, _) if x.fract() == 0.0 && x.abs() < 1e15 => Some(format!("write {x}")),
        Plain::Float(..) => Some("or give the tag type: float".to_owned()),
        _ => quoted_number(node),
    }
}

fn quoted_number(node: &Node) -> Option<String> {
    let scalar = node.scalar()?;
    let number = matches!(crate::scalar::plain(&scalar.text), Plain::Int(..) | Plain::Float(..));
    (number && scalar.style == Style::Quoted).then(|| "leave out the quotes".to_owned())
}

fn json(node: &Node, report: &mut Report<'_>) -> Value {
    Value::Json(node.to_json(&[], report).to_string().into())
}

/// The bytes of a `!!binary` scalar.
fn bytes(node: &Node) -> Option<Vec<u8>> {
    let scalar = node.scalar().filter(|scalar| scalar.style == Style::Binary)?;
    let (mut out, mut bits, mut have) = (Vec::new(), 0u32, 0);
    for c in scalar.text.bytes().filter(|c| !c.is_ascii_whitespace() && *c != b'=') {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
            bits &= (1 << have) - 1;
        }
    }
    Some(out)
}
