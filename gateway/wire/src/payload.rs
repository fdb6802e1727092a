//! How a value is laid in bytes: a type byte, then the value. Both protocols carry these; the bus never looks inside.
//!
//! Source: pymscada's bus (`INT` 1, `FLOAT` 2, `STR` 3, `BYTES` 4, `JSON` 5; integers big-endian). Empty: no value.

use tag::{Fault, Reading, Value};

/// Type byte of an integer.
pub const INT: u8 = 1;
/// Type byte of a float.
pub const FLOAT: u8 = 2;
/// Type byte of a text.
pub const STR: u8 = 3;
/// Type byte of raw bytes.
pub const BYTES: u8 = 4;
/// Type byte of a list or mapping as JSON.
pub const JSON: u8 = 5;

/// Why bytes are not a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPayload {
    /// A type byte past [`JSON`], or 0.
    #[error("unknown value type {0}")]
    UnknownType(u8),
    /// An integer or float that hasn't 8 bytes.
    #[error("a number of {0} bytes, expected 8")]
    Length(usize),
    /// Text that isn't UTF-8.
    #[error("text that isn't UTF-8")]
    NotUtf8,
}

/// How many bytes [`encode`] appends.
pub fn length(value: &Value) -> usize {
    1 + match value {
        Value::Int(_) | Value::Float(_) => 8,
        Value::Text(text) | Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
    }
}

/// Appends a value's bytes.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Int(n) => put_number(INT, n.to_be_bytes(), out),
        Value::Float(x) => put_number(FLOAT, x.to_be_bytes(), out),
        Value::Text(text) => {
            out.push(STR);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(BYTES);
            out.extend_from_slice(bytes);
        }
        Value::Json(text) => {
            out.push(JSON);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// In one piece: a poll may bring hundreds.
fn put_number(kind: u8, [a, b, c, d, e, f, g, h]: [u8; 8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[kind, a, b, c, d, e, f, g, h]);
}

/// A value's bytes on their own.
pub fn to_bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(length(value));
    encode(value, &mut out);
    out
}

/// What bytes stand for; `None` for no bytes: no value. Floats may be NaN here: [`reading`] is the door for them.
pub fn decode(bytes: &[u8]) -> Result<Option<Value>, BadPayload> {
    let Some((&kind, rest)) = bytes.split_first() else { return Ok(None) };
    let eight = || <[u8; 8]>::try_from(rest).map_err(|_| BadPayload::Length(rest.len()));
    let text = || std::str::from_utf8(rest).map_err(|_| BadPayload::NotUtf8);
    Ok(Some(match kind {
        INT => Value::Int(i64::from_be_bytes(eight()?)),
        FLOAT => Value::Float(f64::from_be_bytes(eight()?)),
        STR => Value::Text(text()?.into()),
        BYTES => Value::Bytes(rest.into()),
        JSON => Value::Json(text()?.into()),
        other => return Err(BadPayload::UnknownType(other)),
    }))
}

/// A reading out of a payload and a quality: 0 is good, else a fault's code and detail. What no reader could take for a
/// value (NaN, infinity, a broken payload) becomes [`Fault::OutOfRange`] or [`Fault::BadReply`].
pub fn reading(quality: u8, detail: u8, payload: &[u8]) -> Reading {
    // A code of a later release still says "not good".
    let fault = (quality != 0).then(|| Fault::from_code(quality, detail).unwrap_or(Fault::Stale));
    match (decode(payload), fault) {
        (Ok(None), fault) => Reading::Missing(fault.unwrap_or(Fault::NeverSet)),
        (Ok(Some(Value::Float(x))), _) if !x.is_finite() => Reading::Missing(Fault::OutOfRange),
        (Ok(Some(value)), None) => Reading::Good(value),
        (Ok(Some(last)), Some(because)) => Reading::Held { last, because },
        (Err(_), _) => Reading::Missing(Fault::BadReply),
    }
}

/// A reading as quality, detail and payload: the other way of [`reading`].
pub fn of_reading(reading: &Reading, out: &mut Vec<u8>) -> (u8, u8) {
    if let Some(value) = reading.any_value() {
        encode(value, out);
    }
    quality_of(reading)
}

/// A reading's quality and detail.
pub fn quality_of(reading: &Reading) -> (u8, u8) {
    reading.fault().map_or((0, 0), Fault::to_code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Value::Float),
            ".*".prop_map(|s| Value::Text(s.into())),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(|b| Value::Bytes(b.into())),
            Just(Value::Json("{\"a\": 1}".into())),
        ]
    }

    proptest! {
        #[test]
        fn values_go_there_and_back(value in any_value()) {
            prop_assert_eq!(to_bytes(&value).len(), length(&value));
            prop_assert_eq!(decode(&to_bytes(&value)), Ok(Some(value.clone())));
            prop_assert_eq!(reading(0, 0, &to_bytes(&value)), Reading::Good(value));
        }

        #[test]
        fn any_bytes_are_a_reading(quality: u8, detail: u8, bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let reading = reading(quality, detail, &bytes);
            prop_assert!(quality == 0 || reading.good().is_none());
        }
    }

    #[test]
    fn a_nan_is_never_a_value() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let bytes = to_bytes(&Value::Float(x));
            assert_eq!(reading(0, 0, &bytes), Reading::Missing(Fault::OutOfRange));
            assert_eq!(reading(3, 0, &bytes), Reading::Missing(Fault::OutOfRange));
        }
    }

    #[test]
    fn golden_bytes_of_pymscadas_documentation() {
        assert_eq!(to_bytes(&Value::Int(-5)), b"\x01\xff\xff\xff\xff\xff\xff\xff\xfb");
        assert_eq!(to_bytes(&Value::Float(1.5)), b"\x02\x3f\xf8\0\0\0\0\0\0");
        assert_eq!(to_bytes(&Value::from("ok")), b"\x03ok");
    }
}
