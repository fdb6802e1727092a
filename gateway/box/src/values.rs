//! Values as people type and read them.

use tag::{Reading, Sample, Timestamp, Value};

/// What a typed text means: JSON for lists and mappings, a whole number, a number, else text.
pub(crate) fn parse(text: &str, as_text: bool) -> Value {
    if as_text {
        return Value::from(text);
    }
    if let Ok(n) = text.parse::<i64>() {
        return Value::Int(n);
    }
    if let Some(value) = text.parse().ok().and_then(Value::finite) {
        return value;
    }
    if text.starts_with(['{', '[']) {
        return Value::Json(text.into());
    }
    Value::from(text)
}

/// A value as text.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Int(n) => n.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Json(text) => text.to_string(),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
    }
}

/// A tag's line: name, value, quality, when.
pub(crate) fn show_sample(name: &str, sample: &Sample, now: Timestamp) -> String {
    let age = now.micros_since(sample.at) as f64 / 1e6;
    match &sample.reading {
        Reading::Good(value) => format!("{name}  {}  good  {}", show(value), sample.at),
        Reading::Held { last, because } => {
            format!("{name}  {}  held: {because}, last value {age:.0} s old  {}", show(last), sample.at)
        }
        Reading::Missing(why) => format!("{name}  -  missing: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_the_values_they_look_like() {
        assert_eq!(parse("-5", false), Value::Int(-5));
        assert_eq!(parse("2.5", false), Value::Float(2.5));
        assert_eq!(parse("nan", false), Value::from("nan"), "no number is text, never a NaN");
        assert_eq!(parse("[1, 2]", false), Value::Json("[1, 2]".into()));
        assert_eq!(parse("5", true), Value::from("5"));
    }
}
