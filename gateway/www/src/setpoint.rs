//! What a page may set: a JSON value and what the site says of the tag, turned into a [`Value`] or a refusal in words.
//!
//! Pure. The page checks too, for the person's sake; this check is the one that counts on our side, and the owner
//! checks again.

use std::time::Duration;

use serde_json::Value as Json;
use tag::{Kind, Value};

use crate::PageTag;

/// A write that hasn't reached the device by then is useless: the person has looked away (invariant 7).
pub const WRITE_EXPIRES: Duration = Duration::from_secs(5);

/// The longest text that may be set, in bytes: a paragraph; more than any field device takes.
pub const TEXT_BYTES_MAX: usize = 4096;

/// The largest number up to which JavaScript counts without gaps; beyond it the page sends digits in a string.
const COUNTS_TO: f64 = 9_007_199_254_740_992.0;

/// The value to write, or why not.
pub fn check(tag: &PageTag, value: &Json) -> Result<Value, String> {
    if !tag.set {
        return Err("no page offers this tag to be set".into());
    }
    let def = &tag.def;
    if let Some(states) = &def.multi {
        let state = whole(value)?;
        let count = states.len() as i64;
        return if (0..count).contains(&state) {
            Ok(Value::Int(state))
        } else {
            Err(format!("no state {state}: there are 0 to {}", count - 1))
        };
    }
    match def.kind {
        Kind::Int => {
            let number = whole(value)?;
            // Exact for every limit a person writes; a limit beyond 2^53 is only as exact as a float is.
            within(number as f64, def.min, def.max, |limit| format!("{limit}"))?;
            Ok(Value::Int(number))
        }
        Kind::Float => {
            let number = value.as_f64().filter(|number| number.is_finite()).ok_or("not a number")?;
            within(number, def.min, def.max, |limit| format!("{limit:?}"))?;
            Ok(Value::Float(number))
        }
        Kind::Str => {
            let text = value.as_str().ok_or("not a text")?;
            if text.len() > TEXT_BYTES_MAX {
                return Err(format!("too long: {} bytes, at most {TEXT_BYTES_MAX}", text.len()));
            }
            Ok(Value::Text(text.into()))
        }
        Kind::Dict if value.is_object() => Ok(Value::Json(value.to_string().into())),
        Kind::Dict => Err("not a dict".into()),
        Kind::List if value.is_array() => Ok(Value::Json(value.to_string().into())),
        Kind::List => Err("not a list".into()),
        Kind::Bytes => Err("bytes can't be set from a page".into()),
    }
}

fn whole(value: &Json) -> Result<i64, String> {
    let exact = match value {
        Json::String(digits) => digits.parse().ok(),
        Json::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            (float.fract() == 0.0 && float.abs() <= COUNTS_TO).then_some(float as i64)
        }),
        _ => None,
    };
    exact.ok_or_else(|| "not a whole number".to_owned())
}

fn within(number: f64, min: Option<f64>, max: Option<f64>, words: impl Fn(f64) -> String) -> Result<(), String> {
    match (min, max) {
        (Some(min), _) if number < min => Err(format!("under min {}", words(min))),
        (_, Some(max)) if number > max => Err(format!("over max {}", words(max))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tag::{TagDef, TagName};

    use super::*;

    fn tag(kind: Kind) -> PageTag {
        let mut def = TagDef::new(TagName::parse("x").unwrap(), kind);
        (def.min, def.max) = (Some(-1.0), Some(10.0));
        PageTag { def, set: true, source: None }
    }

    #[test]
    fn each_kind_takes_its_own_and_says_why_not() {
        let multi = {
            let mut tag = tag(Kind::Int);
            tag.def.multi = Some(vec!["Off".into(), "On".into()]);
            tag
        };
        let unlimited = {
            let mut tag = tag(Kind::Int);
            (tag.def.min, tag.def.max) = (None, None);
            tag
        };
        let closed = PageTag { set: false, ..tag(Kind::Int) };
        let table: Vec<(&PageTag, Json, Result<Value, &str>)> = vec![
            (&multi, json!(1), Ok(Value::Int(1))),
            (&multi, json!(2), Err("no state 2: there are 0 to 1")),
            (&multi, json!(-1), Err("no state -1: there are 0 to 1")),
            (&multi, json!("On"), Err("not a whole number")),
            (&unlimited, json!("9223372036854775807"), Ok(Value::Int(i64::MAX))),
            (&unlimited, json!(9_223_372_036_854_775_808_u64), Err("not a whole number")),
            (&unlimited, json!(12.0), Ok(Value::Int(12))),
            (&unlimited, json!(1e300), Err("not a whole number")),
            (&unlimited, json!(true), Err("not a whole number")),
            (&closed, json!(1), Err("no page offers this tag to be set")),
        ];
        for (tag, value, expected) in table {
            assert_eq!(check(tag, &value), expected.map_err(str::to_owned), "{value}");
        }
        let table = [
            (Kind::Int, json!(10), Ok(Value::Int(10))),
            (Kind::Int, json!(10.5), Err("not a whole number")),
            (Kind::Int, json!(11), Err("over max 10")),
            (Kind::Int, json!(-2), Err("under min -1")),
            (Kind::Int, json!(null), Err("not a whole number")),
            (Kind::Float, json!(9), Ok(Value::Float(9.0))),
            (Kind::Float, json!(10.01), Err("over max 10.0")),
            (Kind::Float, json!(-1.5), Err("under min -1.0")),
            (Kind::Float, json!("9"), Err("not a number")),
            (Kind::Str, json!("night"), Ok("night".into())),
            (Kind::Str, json!(5), Err("not a text")),
            (Kind::Dict, json!({"a": [1]}), Ok(Value::Json("{\"a\":[1]}".into()))),
            (Kind::Dict, json!([]), Err("not a dict")),
            (Kind::List, json!([1]), Ok(Value::Json("[1]".into()))),
            (Kind::List, json!({}), Err("not a list")),
            (Kind::Bytes, json!("00"), Err("bytes can't be set from a page")),
        ];
        for (kind, value, expected) in table {
            assert_eq!(check(&tag(kind), &value), expected.map_err(str::to_owned), "{kind:?} {value}");
        }
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        assert_eq!(check(&tag(Kind::Str), &json!(long)), Err("too long: 4097 bytes, at most 4096".to_owned()));
    }
}
