//! How a value that is no number is written, and read back exactly.
//!
//! | value | in CSV | in JSON |
//! |---|---|---|
//! | text | a JSON string: `"on\nagain"` | the same |
//! | list, mapping | its JSON as it came | the same, as JSON and no string |
//! | other JSON | `json:` and it, as it came | the same, as JSON |
//! | bytes | `base64:` and them | `{"base64":"…"}` |
//!
//! A field of CSV that holds a comma, a quote or the end of a line is in quotes, as always. What calls itself JSON and is
//! none is a string in JSON.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde_json::{Value as Json, json};
use tag::{ExceptionCode, Fault, Kind, Value};

use crate::entry::{Cause, Number, Point};
use crate::text::Text;

/// What stands before what isn't plainly a text, a list or a mapping.
const AS_JSON: &str = "json:";
const AS_BYTES: &str = "base64:";

/// A text as JSON.
pub(crate) fn json_of(text: &Text) -> Cow<'_, str> {
    match text.value() {
        Value::Json(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => Cow::Borrowed(text),
        Value::Json(text) | Value::Text(text) => Json::from(&**text).to_string().into(),
        _ => json!({ "base64": STANDARD.encode(text.bytes()) }).to_string().into(),
    }
}

/// A text as a field of CSV, not in quotes yet.
pub(crate) fn field_of(text: &Text) -> Cow<'_, str> {
    match text.value() {
        Value::Json(text) if text.starts_with(['{', '[']) => Cow::Borrowed(text),
        Value::Json(text) => format!("{AS_JSON}{text}").into(),
        Value::Text(text) => Json::from(&**text).to_string().into(),
        _ => format!("{AS_BYTES}{}", STANDARD.encode(text.bytes())).into(),
    }
}

/// A field of CSV as a tag of this kind keeps it; `None` if it can't. `why` is what the field of the quality says.
pub(crate) fn point_of(field: &str, why: &str, kind: Kind) -> Option<Point> {
    let text = |value: Value| Point::of(&value, kind).ok();
    match field.chars().next() {
        None => Some(Point::Gap(cause_of(why))),
        Some('"') => text(Value::Text(serde_json::from_str::<String>(field).ok()?.into())),
        Some('{' | '[') => text(Value::Json(field.into())),
        Some(_) => {
            if let Some(json) = field.strip_prefix(AS_JSON) {
                return text(Value::Json(json.into()));
            }
            if let Some(bytes) = field.strip_prefix(AS_BYTES) {
                return text(Value::Bytes(STANDARD.decode(bytes).ok()?.into()));
            }
            number_of(field, kind).map(Point::Value)
        }
    }
}

fn number_of(field: &str, kind: Kind) -> Option<Number> {
    let whole = || field.parse().ok().map(Number::Int);
    let float = || field.parse().ok().filter(|x: &f64| x.is_finite()).map(Number::Float);
    match kind {
        Kind::Int => whole(),
        Kind::Float => float(),
        // A float is written with a point or an exponent.
        Kind::Str | Kind::Bytes | Kind::List | Kind::Dict => whole().or_else(float),
    }
}

/// Why nothing is known, in words.
pub(crate) fn words(cause: Cause) -> String {
    match cause {
        Cause::NotRecorded => "not recorded".into(),
        Cause::TooLong => "too long to be kept".into(),
        Cause::Fault(fault) => fault.to_string(),
    }
}

/// The cause behind the words; others are not recorded.
fn cause_of(why: &str) -> Cause {
    let is_it = |cause: &Cause| words(*cause) == why;
    let refused = (0..=u8::MAX).map(|code| Cause::Fault(Fault::Refused(ExceptionCode(code))));
    let faults = (1..=u8::MAX).filter_map(|code| Fault::from_code(code, 0)).map(Cause::Fault);
    if why == words(Cause::NotRecorded) {
        return Cause::NotRecorded;
    }
    faults.chain(refused).chain([Cause::TooLong]).find(is_it).unwrap_or(Cause::NotRecorded)
}
