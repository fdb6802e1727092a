//! Values as people type and read them.

use tag::{Reading, Sample, Timestamp, Value};

/// More bytes are counted, not shown: as many as the registers of one request hold.
const BYTES_MAX: usize = 250;

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
        Value::Bytes(bytes) if bytes.len() > BYTES_MAX => format!("{} bytes", bytes.len()),
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
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

    #[test]
    fn bytes_are_shown_so_that_a_change_is_seen() {
        assert_eq!(show(&Value::Bytes(vec![0, 0xFF, 0x41].into())), "00 ff 41");
        assert_eq!(show(&Value::Bytes(vec![0; 251].into())), "251 bytes");
    }
}
