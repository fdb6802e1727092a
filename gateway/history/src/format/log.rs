//! A line of the log: what one flush made durable, of all tags, in the order it came per tag.
//!
//! Records wait here until their tag has a chunk's worth of them. So a flush is one row, whatever it holds.

use std::collections::BTreeMap;

use tag::Timestamp;

use super::bytes::{Bytes, put, put_signed};
use super::column::{self, Decimal, FLOAT_FORMS};
use super::texts::{self, Met};
use super::{FormatError, Record, seal, unseal};
use crate::entry::{Cause, Number, Point};

/// The line's form that this release writes.
const FORM: u8 = 1;

/// Points that are no floats.
const INT: u8 = FLOAT_FORMS;
const GAP: u8 = FLOAT_FORMS + 1;

/// In place of one form for all of a tag's records: each has its own.
const EACH: u8 = FLOAT_FORMS + 2;

/// A text.
const TEXT: u8 = FLOAT_FORMS + 3;

/// The units times may be counted in, in µs.
const UNITS: [u64; 3] = [1_000_000, 1000, 1];

/// More records than a line of ours ever has.
const LINE_MAX: usize = 1 << 22;

/// What a line holds: each tag's records in the order they came.
pub(crate) type Line = BTreeMap<i64, Vec<Record>>;

/// A line's bytes.
pub(crate) fn encode(seq: i64, line: &Line) -> Vec<u8> {
    let all = || line.values().flatten();
    let unit = (0..UNITS.len()).find(|unit| all().all(|record| record.at.0 % UNITS[*unit] == 0));
    let unit = unit.expect("every time is a number of µs");
    let base = all().map(|record| record.at.0).min().unwrap_or(0) / UNITS[unit];
    let mut bytes = vec![FORM, unit as u8];
    put(&mut bytes, base);
    put(&mut bytes, line.len() as u64);
    let (mut last_tag, mut start) = (-1, 0_i64);
    for (tag, records) in line {
        put(&mut bytes, (tag - last_tag - 1) as u64);
        last_tag = *tag;
        put(&mut bytes, records.len() as u64);
        let same = same_form(records);
        bytes.push(same.unwrap_or(EACH));
        let (mut last, mut step, mut int, mut decimal) = (start, 0, 0_i64, Decimal::default());
        let mut met = Met::default();
        for (i, record) in records.iter().enumerate() {
            let time = (record.at.0 / UNITS[unit] - base) as i64;
            put_signed(&mut bytes, time - last - step);
            step = if i == 0 { 0 } else { time - last };
            last = time;
            if i == 0 {
                start = time;
            }
            match &record.point {
                Point::Value(Number::Float(x)) if same.is_none() => column::put_float(&mut bytes, *x, &mut decimal),
                Point::Value(Number::Float(x)) => column::put_float_as(same, &mut bytes, *x, &mut decimal),
                Point::Value(Number::Int(n)) => {
                    bytes.extend(same.is_none().then_some(INT));
                    put_signed(&mut bytes, n.wrapping_sub(int));
                    int = *n;
                }
                Point::Text(text) => {
                    bytes.extend(same.is_none().then_some(TEXT));
                    met.put(&mut bytes, text);
                }
                Point::Gap(cause) => {
                    bytes.push(GAP);
                    put(&mut bytes, cause.to_code() as u64);
                }
            }
        }
    }
    seal(bytes, [seq, 0])
}

/// The form all of these can be written in, said once: integers, texts, or floats of as many places as the longest needs,
/// or singles.
fn same_form(records: &[Record]) -> Option<u8> {
    let mut floats = Vec::with_capacity(records.len());
    let (mut ints, mut texts) = (0, 0);
    for record in records {
        match record.point {
            Point::Value(Number::Int(_)) => ints += 1,
            Point::Value(Number::Float(x)) => floats.push(x),
            Point::Text(_) => texts += 1,
            Point::Gap(_) => return None,
        }
    }
    match (ints, floats.len(), texts) {
        (_, 0, 0) => Some(INT),
        (0, _, 0) => column::common_form(&floats),
        (0, 0, _) => Some(TEXT),
        _ => None,
    }
}

/// What a line holds.
pub(crate) fn decode(seq: i64, bytes: &[u8]) -> Result<Line, FormatError> {
    let mut bytes = Bytes(unseal(bytes, [seq, 0])?);
    match bytes.byte()? {
        FORM => {}
        form => return Err(FormatError::Newer(form)),
    }
    let unit = *UNITS.get(usize::from(bytes.byte()?)).ok_or(FormatError::Nonsense("a unit of time"))?;
    let base = bytes.number()?;
    let tags = bytes.count(LINE_MAX)?;
    let mut line = Line::new();
    let (mut last_tag, mut start) = (-1_i64, 0_i64);
    for _ in 0..tags {
        let skipped = i64::try_from(bytes.number()?).map_err(|_| FormatError::Nonsense("a tag's number"))?;
        last_tag = last_tag.checked_add(skipped).and_then(|tag| tag.checked_add(1)).ok_or(FormatError::Short)?;
        let count = bytes.count(LINE_MAX.min(bytes.0.len()))?;
        let same = Some(bytes.byte()?).filter(|form| *form != EACH);
        let (mut last, mut step, mut int, mut decimal) = (start, 0_i64, 0_i64, Decimal::default());
        let (mut records, mut met) = (Vec::with_capacity(count), Vec::new());
        for i in 0..count {
            let time = last.wrapping_add(step).wrapping_add(bytes.signed()?);
            step = if i == 0 { 0 } else { time.wrapping_sub(last) };
            last = time;
            if i == 0 {
                start = time;
            }
            let time = u64::try_from(time).ok().and_then(|time| time.checked_add(base)?.checked_mul(unit));
            let at = Timestamp(time.ok_or(FormatError::Nonsense("a time"))?);
            let form = match same {
                Some(form) => form,
                None => bytes.byte()?,
            };
            let point = match form {
                INT => {
                    int = int.wrapping_add(bytes.signed()?);
                    Point::Value(Number::Int(int))
                }
                GAP => Point::Gap(Cause::from_code(bytes.number()?)),
                TEXT => Point::Text(texts::text(&mut bytes, &mut met)?),
                form => Point::Value(Number::Float(column::float_of(form, &mut bytes, &mut decimal)?)),
            };
            records.push(Record { at, point });
        }
        line.insert(last_tag, records);
    }
    bytes.end()?;
    Ok(line)
}
