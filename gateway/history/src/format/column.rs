//! Columns of numbers: compressed by `pco`, or written plainly where that is shorter (a few numbers).

use pco::ChunkConfig;
use pco::data_types::Number as Pco;
use pco::wrapped::{FileCompressor, FileDecompressor};

use super::FormatError;
use super::bytes::{Bytes, put, put_signed};

/// More numbers than any column of ours has: a damaged count must not ask for all the memory.
pub(crate) const COLUMN_MAX: usize = 1 << 16;

/// How a column is written.
const PLAIN: u8 = 0;
const PCO: u8 = 1;

/// Below this, `pco`'s own description of a column is longer than the column.
const PCO_FROM: usize = 24;

/// Nearly as small as the best, at half its time.
const LEVEL: usize = 6;

/// Exact decimals up to this many places; powers of ten up to there are exact in a float.
const PLACES_MAX: u8 = 9;

/// A float's forms: eight bytes, four bytes, or from here on a decimal of so many places.
const RAW: u8 = 0;
const SINGLE: u8 = 1;
const DECIMAL: u8 = 2;
/// The first number that is no float's form.
pub(crate) const FLOAT_FORMS: u8 = DECIMAL + PLACES_MAX + 1;

/// Appends a column of integers.
pub(crate) fn put_ints(bytes: &mut Vec<u8>, numbers: &[i64]) {
    let mut plain = Vec::new();
    let mut last = 0_i64;
    for number in numbers {
        put_signed(&mut plain, number.wrapping_sub(last));
        last = *number;
    }
    put_shorter(bytes, plain, numbers);
}

/// Appends a column of floats, every bit of them.
pub(crate) fn put_floats(bytes: &mut Vec<u8>, numbers: &[f64]) {
    let mut plain = Vec::new();
    let mut last = Decimal::default();
    for number in numbers {
        put_float(&mut plain, *number, &mut last);
    }
    put_shorter(bytes, plain, numbers);
}

/// Reads a column of so many integers.
pub(crate) fn ints(bytes: &mut Bytes<'_>, count: usize) -> Result<Vec<i64>, FormatError> {
    let form = bytes.byte()?;
    let mut body = bytes.block()?;
    match form {
        PLAIN => {
            let mut last = 0_i64;
            let mut next = || {
                last = last.wrapping_add(body.signed()?);
                Ok(last)
            };
            (0..count).map(|_| next()).collect()
        }
        PCO => unpack(body.0, count),
        _ => Err(FormatError::Nonsense("a column's form")),
    }
}

/// Reads a column of so many floats.
pub(crate) fn floats(bytes: &mut Bytes<'_>, count: usize) -> Result<Vec<f64>, FormatError> {
    let form = bytes.byte()?;
    let mut body = bytes.block()?;
    match form {
        PLAIN => {
            let mut last = Decimal::default();
            (0..count).map(|_| float(&mut body, &mut last)).collect()
        }
        PCO => unpack(body.0, count),
        _ => Err(FormatError::Nonsense("a column's form")),
    }
}

/// The last decimal written: the next one is near it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Decimal(i64);

/// Appends one float: as a decimal where that is exact, since sensors count in tenths, else in four or eight bytes.
pub(crate) fn put_float(bytes: &mut Vec<u8>, number: f64, last: &mut Decimal) {
    let decimal = (0..=PLACES_MAX).find_map(|places| Some((places, decimal(number, places)?)));
    let single = number as f32;
    if let Some((places, count)) = decimal.filter(|(_, count)| count.abs_diff(last.0) < 1 << 27 || is_short(*count)) {
        bytes.push(DECIMAL + places);
        put_signed(bytes, count - last.0);
        last.0 = count;
    } else if f64::from(single).to_bits() == number.to_bits() {
        bytes.push(SINGLE);
        bytes.extend(single.to_le_bytes());
    } else {
        bytes.push(RAW);
        bytes.extend(number.to_le_bytes());
    }
}

/// A form, other than eight bytes, in which all of these are exact.
pub(crate) fn common_form(numbers: &[f64]) -> Option<u8> {
    let places = (0..=PLACES_MAX).find(|places| numbers.iter().all(|x| decimal(*x, *places).is_some_and(is_short)));
    let single = numbers.iter().all(|x| f64::from(*x as f32).to_bits() == x.to_bits());
    places.map(|places| DECIMAL + places).or(single.then_some(SINGLE))
}

/// Appends one float in a form in which it is exact, without saying which.
pub(crate) fn put_float_as(form: Option<u8>, bytes: &mut Vec<u8>, number: f64, last: &mut Decimal) {
    match form {
        Some(form) if form >= DECIMAL => {
            let count = decimal(number, form - DECIMAL).expect("the form was chosen for it");
            put_signed(bytes, count - last.0);
            last.0 = count;
        }
        Some(SINGLE) => bytes.extend((number as f32).to_le_bytes()),
        _ => bytes.extend(number.to_le_bytes()),
    }
}

/// A decimal is written as such where that takes up to four bytes.
fn is_short(count: i64) -> bool {
    count.abs() < 1 << 27
}

/// Reads one float; see [`put_float`].
pub(crate) fn float(bytes: &mut Bytes<'_>, last: &mut Decimal) -> Result<f64, FormatError> {
    let form = bytes.byte()?;
    float_of(form, bytes, last)
}

/// Reads one float whose form was read already.
pub(crate) fn float_of(form: u8, bytes: &mut Bytes<'_>, last: &mut Decimal) -> Result<f64, FormatError> {
    match form {
        RAW => Ok(f64::from_bits(bytes.word64()?)),
        SINGLE => Ok(f64::from(f32::from_bits(bytes.word32()?))),
        DECIMAL..FLOAT_FORMS => {
            let count = last.0.wrapping_add(bytes.signed()?);
            last.0 = count;
            Ok(count as f64 / power(form - DECIMAL))
        }
        _ => Err(FormatError::Nonsense("a float's form")),
    }
}

/// How many units of `places` decimals a number is, if exactly that many.
fn decimal(number: f64, places: u8) -> Option<i64> {
    let count = (number * power(places)).round();
    // Past this a float no longer tells whole numbers apart.
    let count = if count.abs() < 9e15 { count as i64 } else { return None };
    (((count as f64) / power(places)).to_bits() == number.to_bits()).then_some(count)
}

fn power(places: u8) -> f64 {
    10_f64.powi(places.into())
}

fn put_shorter<T: Pco>(bytes: &mut Vec<u8>, plain: Vec<u8>, numbers: &[T]) {
    let packed = (numbers.len() >= PCO_FROM).then(|| pack(numbers)).flatten();
    let (form, body) = match packed {
        Some(packed) if packed.len() < plain.len() => (PCO, packed),
        _ => (PLAIN, plain),
    };
    bytes.push(form);
    put(bytes, body.len() as u64);
    bytes.extend(body);
}

fn pack<T: Pco>(numbers: &[T]) -> Option<Vec<u8>> {
    let file = FileCompressor::default();
    let config = ChunkConfig::default().with_compression_level(LEVEL);
    let chunk = file.chunk_compressor(numbers, &config).ok()?;
    let bytes = file.write_header(Vec::new()).ok()?;
    let bytes = chunk.write_chunk_meta(bytes).ok()?;
    chunk.write_page(0, bytes).ok()
}

fn unpack<T: Pco + Default>(body: &[u8], count: usize) -> Result<Vec<T>, FormatError> {
    let wrong = |error: pco::errors::PcoError| FormatError::Numbers(error.to_string());
    if count > COLUMN_MAX {
        return Err(FormatError::Nonsense("a count past its bound"));
    }
    let mut numbers = vec![T::default(); count];
    let (file, body) = FileDecompressor::new(body).map_err(wrong)?;
    let (chunk, body) = file.chunk_decompressor::<T, _>(body).map_err(wrong)?;
    let done = chunk.page_decompressor(body, count).map_err(wrong)?.decompress(&mut numbers).map_err(wrong)?;
    if done.n_processed == count { Ok(numbers) } else { Err(FormatError::Short) }
}
