//! A chunk: up to some thousand records of one tag in order of time, each time once.

use tag::Timestamp;

use super::bytes::{Bytes, put};
use super::column::{self, COLUMN_MAX};
use super::{FormatError, Record, seal, texts, unseal};
use crate::entry::{Cause, Number, Point};

/// The chunk's form that this release writes.
const FORM: u8 = 1;

/// What its values are; several of them where the tag's type was changed in between.
const INTS: u8 = 1;
const FLOATS: u8 = 2;
const TEXTS: u8 = 4;
const ALL: u8 = INTS | FLOATS | TEXTS;

/// In a chunk of several: what each value is.
const IS_FLOAT: i64 = 0;
const IS_INT: i64 = 1;
const IS_TEXT: i64 = 2;

/// The most records of a chunk: most signals then take a little less than a quarter of a page of flash, and four share
/// one. A damaged chunk costs a quarter of an hour at one record a second.
pub(crate) const CHUNK_MAX: usize = 900;

/// A chunk past this many bytes is cut in smaller ones, so that four share a page.
pub(crate) const CHUNK_BYTES_MAX: usize = 990;

/// A chunk's bytes. Times must rise.
pub(crate) fn encode(tag: i64, records: &[Record]) -> Vec<u8> {
    let first = records.first().expect("a chunk has records").at;
    let times: Vec<i64> = records.iter().map(|record| (record.at.0 - first.0) as i64).collect();
    let (mut types, mut ints, mut floats, mut texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for record in records {
        match &record.point {
            Point::Value(Number::Int(n)) => {
                types.push(IS_INT);
                ints.push(*n);
            }
            Point::Value(Number::Float(x)) => {
                types.push(IS_FLOAT);
                floats.push(*x);
            }
            Point::Text(text) => {
                types.push(IS_TEXT);
                texts.push(text.clone());
            }
            Point::Gap(_) => {}
        }
    }
    let is_any = |is_empty: bool, kind| if is_empty { 0 } else { kind };
    let kind = is_any(ints.is_empty(), INTS) | is_any(floats.is_empty(), FLOATS) | is_any(texts.is_empty(), TEXTS);
    let mut bytes = vec![FORM, kind];
    put(&mut bytes, records.len() as u64);
    column::put_ints(&mut bytes, &times);
    put_gaps(&mut bytes, records);
    if kind.count_ones() > 1 {
        column::put_ints(&mut bytes, &types);
        put(&mut bytes, ints.len() as u64);
        if kind & TEXTS > 0 {
            put(&mut bytes, texts.len() as u64);
        }
    }
    if !ints.is_empty() {
        column::put_ints(&mut bytes, &ints);
    }
    if !floats.is_empty() {
        column::put_floats(&mut bytes, &floats);
    }
    if !texts.is_empty() {
        texts::put_texts(&mut bytes, &texts);
    }
    seal(bytes, [tag, first.0 as i64])
}

/// A chunk's records, in order of time.
pub(crate) fn decode(tag: i64, first: Timestamp, bytes: &[u8]) -> Result<Vec<Record>, FormatError> {
    let mut bytes = Bytes(unseal(bytes, [tag, first.0 as i64])?);
    match bytes.byte()? {
        FORM => {}
        form => return Err(FormatError::Newer(form)),
    }
    let kind = bytes.byte()?;
    let count = bytes.count(COLUMN_MAX)?;
    let times = column::ints(&mut bytes, count)?;
    let gaps = gaps(&mut bytes, count)?;
    let values = count - gaps.len();
    let (types, int_count, text_count) = match kind {
        0 if values == 0 => (Vec::new(), 0, 0),
        INTS => (Vec::new(), values, 0),
        FLOATS => (Vec::new(), 0, 0),
        TEXTS => (Vec::new(), 0, values),
        3..=ALL => {
            let types = column::ints(&mut bytes, values)?;
            let ints = bytes.count(values)?;
            (types, ints, if kind & TEXTS > 0 { bytes.count(values - ints)? } else { 0 })
        }
        _ => return Err(FormatError::Nonsense("what the values are")),
    };
    let float_count = values - int_count - text_count;
    let ints = if int_count > 0 { column::ints(&mut bytes, int_count)? } else { Vec::new() };
    let floats = if float_count > 0 { column::floats(&mut bytes, float_count)? } else { Vec::new() };
    let texts = if text_count > 0 { texts::texts(&mut bytes, text_count)? } else { Vec::new() };
    bytes.end()?;
    let int = |n: i64| Point::Value(Number::Int(n));
    let float = |x: f64| Point::Value(Number::Float(x));
    // Nearly every chunk is of one type and without a gap.
    if gaps.is_empty() && kind == INTS {
        return rising(first, times, ints.into_iter().map(int));
    }
    if gaps.is_empty() && kind == FLOATS {
        return rising(first, times, floats.into_iter().map(float));
    }
    let (mut ints, mut floats, mut texts) = (ints.into_iter(), floats.into_iter(), texts.into_iter());
    let mut types = types.into_iter();
    let of_one = match kind {
        INTS => IS_INT,
        TEXTS => IS_TEXT,
        _ => IS_FLOAT,
    };
    let mut gaps = gaps.into_iter().peekable();
    let points = (0..count).map_while(|place| {
        if let Some((_, cause)) = gaps.next_if(|(at, _)| *at == place) {
            return Some(Point::Gap(cause));
        }
        match if kind.count_ones() > 1 { types.next()? } else { of_one } {
            IS_INT => ints.next().map(int),
            IS_TEXT => texts.next().map(Point::Text),
            _ => floats.next().map(float),
        }
    });
    rising(first, times, points)
}

/// Records at these times since the first, which must rise, with these points, of which there must be as many.
fn rising(
    first: Timestamp,
    times: Vec<i64>,
    mut points: impl Iterator<Item = Point>,
) -> Result<Vec<Record>, FormatError> {
    let mut records = Vec::with_capacity(times.len());
    let mut last = None;
    for time in times {
        let since = u64::try_from(time).ok().and_then(|time| first.0.checked_add(time));
        let at =
            since.filter(|at| last.is_none_or(|last| last < *at)).ok_or(FormatError::Nonsense("times must rise"))?;
        last = Some(at);
        let point = points.next().ok_or(FormatError::Short)?;
        records.push(Record { at: Timestamp(at), point });
    }
    Ok(records)
}

fn put_gaps(bytes: &mut Vec<u8>, records: &[Record]) {
    let gaps = records.iter().enumerate().filter_map(|(place, record)| match record.point {
        Point::Gap(cause) => Some((place, cause)),
        Point::Value(_) | Point::Text(_) => None,
    });
    let gaps: Vec<_> = gaps.collect();
    put(bytes, gaps.len() as u64);
    let mut next = 0;
    for (place, cause) in gaps {
        put(bytes, (place - next) as u64);
        put(bytes, cause.to_code() as u64);
        next = place + 1;
    }
}

fn gaps(bytes: &mut Bytes<'_>, records: usize) -> Result<Vec<(usize, Cause)>, FormatError> {
    let count = bytes.count(records)?;
    let mut next = 0;
    let mut one = || {
        let place = next + bytes.count(records)?;
        next = place + 1;
        let cause = Cause::from_code(bytes.number()?);
        if place < records { Ok((place, cause)) } else { Err(FormatError::Nonsense("a gap past the end")) }
    };
    (0..count).map(|_| one()).collect()
}
