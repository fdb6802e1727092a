//! A column of texts: each different one once, by what it doesn't share with the one before; then which of them each
//! record holds.

use std::collections::{HashMap, HashSet};

use super::bytes::{Bytes, put};
use super::column;
use super::{FormatError, Record};
use crate::entry::Point;
use crate::text::{TEXT_BYTES_MAX, Text};

/// The different texts of a chunk have at most so many bytes together: two of the longest. So a chunk is read in
/// a moment, and a damaged one costs no more.
pub(crate) const CHUNK_TEXT_BYTES_MAX: usize = 2 * TEXT_BYTES_MAX;

/// How many of these records, from the first on, have texts that fit one chunk. At least one.
pub(crate) fn fitting(records: &[Record]) -> usize {
    let (mut met, mut bytes) = (HashSet::new(), 0);
    let mut is_too_much = |record: &Record| {
        if let Point::Text(text) = &record.point {
            bytes += if met.insert(text.clone()) { text.bytes().len() } else { 0 };
        }
        bytes > CHUNK_TEXT_BYTES_MAX
    };
    records.iter().position(&mut is_too_much).unwrap_or(records.len())
}

/// Appends a column of texts.
pub(crate) fn put_texts(bytes: &mut Vec<u8>, texts: &[Text]) {
    let mut known: HashMap<&Text, i64> = HashMap::new();
    let mut different: Vec<&Text> = Vec::new();
    let mut place = |text| {
        *known.entry(text).or_insert_with(|| {
            different.push(text);
            different.len() as i64 - 1
        })
    };
    let places: Vec<i64> = texts.iter().map(&mut place).collect();
    let (mut codes, mut heads, mut tails, mut lengths) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut body, mut last): (Vec<u8>, &[u8]) = (Vec::new(), &[]);
    for text in &different {
        let own = text.bytes();
        let head = shared(own.iter().zip(last));
        let tail = shared(own[head..].iter().rev().zip(last[head..].iter().rev()));
        codes.push(i64::from(text.code()));
        heads.push(head as i64);
        tails.push(tail as i64);
        lengths.push(own.len() as i64);
        body.extend(&own[head..own.len() - tail]);
        last = own;
    }
    put(bytes, different.len() as u64);
    for numbers in [&places, &codes, &heads, &tails, &lengths] {
        column::put_ints(bytes, numbers);
    }
    put(bytes, body.len() as u64);
    bytes.extend(body);
}

/// Reads a column of so many texts.
pub(crate) fn texts(bytes: &mut Bytes<'_>, count: usize) -> Result<Vec<Text>, FormatError> {
    let different = bytes.count(count)?;
    let places = column::ints(bytes, count)?;
    let mut ints = || column::ints(bytes, different);
    let (codes, heads, tails, lengths) = (ints()?, ints()?, ints()?, ints()?);
    let mut body = bytes.block()?;
    let (mut known, mut last, mut left) = (Vec::with_capacity(different), Vec::new(), CHUNK_TEXT_BYTES_MAX);
    for (((code, head), tail), length) in codes.iter().zip(&heads).zip(&tails).zip(&lengths) {
        let size = |n: &i64, most| usize::try_from(*n).ok().filter(|n| *n <= most).ok_or(FormatError::Short);
        let length = size(length, left.min(TEXT_BYTES_MAX))?;
        left -= length;
        let head = size(head, length.min(last.len()))?;
        let tail = size(tail, (length - head).min(last.len() - head))?;
        let mut own = last[..head].to_vec();
        own.extend(body.take(length - head - tail)?);
        own.extend(&last[last.len() - tail..]);
        let code = u8::try_from(*code).ok();
        let text = code.and_then(|code| Text::from_code(code, &own)).ok_or(FormatError::Nonsense("a text"))?;
        known.push(text);
        last = own;
    }
    body.end()?;
    let text = |place: i64| usize::try_from(place).ok().and_then(|place| known.get(place).cloned());
    places.into_iter().map(|place| text(place).ok_or(FormatError::Nonsense("which text"))).collect()
}

/// The texts of one tag in a line of the log, each written once.
#[derive(Debug, Default)]
pub(crate) struct Met<'a>(HashMap<&'a Text, u64>);

impl<'a> Met<'a> {
    /// Appends a text: itself the first time, then which one it was.
    pub(crate) fn put(&mut self, bytes: &mut Vec<u8>, text: &'a Text) {
        let next = self.0.len() as u64 + 1;
        match self.0.get(text) {
            Some(place) => put(bytes, *place),
            None => {
                self.0.insert(text, next);
                put(bytes, 0);
                bytes.push(text.code());
                put(bytes, text.bytes().len() as u64);
                bytes.extend(text.bytes());
            }
        }
    }
}

/// Reads one text; `met` has those before it.
pub(crate) fn text(bytes: &mut Bytes<'_>, met: &mut Vec<Text>) -> Result<Text, FormatError> {
    let nonsense = FormatError::Nonsense("a text");
    let place = bytes.count(met.len())?;
    if let Some(place) = place.checked_sub(1) {
        return Ok(met[place].clone());
    }
    let code = bytes.byte()?;
    let text = Text::from_code(code, bytes.block()?.0).ok_or(nonsense)?;
    met.push(text.clone());
    Ok(text)
}

fn shared<'b>(pairs: impl Iterator<Item = (&'b u8, &'b u8)>) -> usize {
    pairs.take_while(|(a, b)| a == b).count()
}
