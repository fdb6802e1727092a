//! A block of buckets of one tag and one level.

use tag::Timestamp;

use super::bytes::{Bytes, put};
use super::column;
use super::{FormatError, seal, unseal};
use crate::bucket::{Bucket, Values};

/// The block's form that this release writes.
const FORM: u8 = 1;

/// More buckets than a block of ours has: days in its span, or minutes, and some.
pub(crate) const BLOCK_MAX: usize = 512;

/// A block's bytes. `start` is where the block's window begins.
pub(crate) fn encode(tag: i64, start: Timestamp, buckets: &[Bucket]) -> Vec<u8> {
    let mut bytes = vec![FORM];
    put(&mut bytes, buckets.len() as u64);
    let mut ints = |number: &dyn Fn(&Bucket) -> u64| {
        let numbers: Vec<i64> = buckets.iter().map(|bucket| number(bucket) as i64).collect();
        column::put_ints(&mut bytes, &numbers);
    };
    ints(&|bucket| bucket.start.0 - start.0);
    ints(&|bucket| bucket.end.0 - bucket.start.0);
    ints(&|bucket| bucket.first_at.0 - bucket.start.0);
    ints(&|bucket| bucket.last_at.0 - bucket.start.0);
    ints(&|bucket| bucket.values.map_or(0, |values| values.count));
    ints(&|bucket| bucket.good_us);
    ints(&|bucket| bucket.gap_at.map_or(0, |gap| 1 + gap.0 - bucket.start.0));
    ints(&|bucket| u64::from(bucket.ends_good));
    let values: Vec<Values> = buckets.iter().filter_map(|bucket| bucket.values).collect();
    for part in [|v: &Values| v.min, |v: &Values| v.max, |v: &Values| v.first, |v: &Values| v.last, |v: &Values| v.mean]
    {
        let numbers: Vec<f64> = values.iter().map(part).collect();
        column::put_floats(&mut bytes, &numbers);
    }
    seal(bytes, [tag, start.0 as i64])
}

/// A block's buckets, in order of time.
pub(crate) fn decode(tag: i64, start: Timestamp, bytes: &[u8]) -> Result<Vec<Bucket>, FormatError> {
    let mut bytes = Bytes(unseal(bytes, [tag, start.0 as i64])?);
    match bytes.byte()? {
        FORM => {}
        form => return Err(FormatError::Newer(form)),
    }
    let count = bytes.count(BLOCK_MAX)?;
    let mut ints = || column::ints(&mut bytes, count);
    let [starts, lengths, firsts, lasts, counts, goods, gaps, ends] =
        [ints()?, ints()?, ints()?, ints()?, ints()?, ints()?, ints()?, ints()?];
    let valued = counts.iter().filter(|count| **count > 0).count();
    let mut floats = || column::floats(&mut bytes, valued);
    let [mins, maxs, first, last, means] = [floats()?, floats()?, floats()?, floats()?, floats()?];
    bytes.end()?;
    let time = |base: u64, since: i64| {
        let at = u64::try_from(since).ok().and_then(|since| base.checked_add(since));
        at.map(Timestamp).ok_or(FormatError::Nonsense("a time"))
    };
    let mut place = 0;
    let mut buckets = Vec::with_capacity(count);
    for i in 0..count {
        let begin = time(start.0, starts[i])?;
        let values = (counts[i] > 0).then(|| {
            let values = Values {
                count: counts[i] as u64,
                min: mins[place],
                max: maxs[place],
                first: first[place],
                last: last[place],
                mean: means[place],
            };
            place += 1;
            values
        });
        buckets.push(Bucket {
            start: begin,
            end: time(begin.0, lengths[i])?,
            first_at: time(begin.0, firsts[i])?,
            last_at: time(begin.0, lasts[i])?,
            values,
            good_us: goods[i].unsigned_abs(),
            gap_at: if gaps[i] > 0 { Some(time(begin.0, gaps[i] - 1)?) } else { None },
            ends_good: ends[i] == 1,
        });
    }
    Ok(buckets)
}
