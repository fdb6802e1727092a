//! What was recorded as plain maps, and rows reckoned from it record by record.

use std::collections::{BTreeMap, BTreeSet};

use forebay_history::{Entry, Number};

#[derive(Default)]
pub(crate) struct Model {
    tags: [BTreeMap<u64, Option<f64>>; 3],
    pub(crate) gaps_of_all: BTreeSet<u64>,
}

impl Model {
    pub(crate) fn insert(&mut self, tag: usize, at: u64, entry: &Entry) {
        let value = entry.point.number().map(Number::as_f64);
        self.tags[tag].insert(at, value);
    }

    pub(crate) fn newest(&self) -> u64 {
        self.tags.iter().filter_map(|tag| tag.keys().next_back()).copied().max().unwrap_or(0)
    }

    /// All of a tag's records and the gaps of all; at the same time the gap comes after.
    pub(crate) fn course(&self, tag: usize) -> Vec<(u64, Option<f64>)> {
        let own = self.tags[tag].iter().map(|(at, value)| (*at, *value));
        let mut all: Vec<_> = own.chain(self.gaps_of_all.iter().map(|at| (*at, None))).collect();
        all.sort_by_key(|(at, _)| *at);
        all
    }
}

/// The reckoning: no rollups, no chunks, one stretch of time after the other.
pub(crate) mod plain {
    use std::collections::BTreeMap;

    use forebay_history::{Counted, Every, Lasted, Rolled, Span};
    use jiff::ToSpan;
    use jiff::tz::TimeZone;
    use tag::Timestamp;

    use super::Model;

    /// The rows that a span touches.
    fn rows(zone: &TimeZone, span: Span, every: Every) -> Vec<Span> {
        let fixed = match every {
            Every::Minute => 60_000_000,
            Every::Quarter => 900_000_000,
            Every::Hour => 3_600_000_000,
            Every::Day => 1,
        };
        let mut rows = Vec::new();
        if every != Every::Day {
            let mut from = span.from.0 - span.from.0 % fixed;
            while from < span.to.0 {
                rows.push(Span { from: Timestamp(from), to: Timestamp(from + fixed) });
                from += fixed;
            }
            return rows;
        }
        let instant = jiff::Timestamp::from_microsecond(span.from.0 as i64).unwrap();
        let mut day = instant.to_zoned(zone.clone()).start_of_day().unwrap();
        while (day.timestamp().as_microsecond() as u64) < span.to.0 {
            let next = day.checked_add(1.day()).unwrap().start_of_day().unwrap();
            let us = |day: &jiff::Zoned| Timestamp(day.timestamp().as_microsecond() as u64);
            rows.push(Span { from: us(&day), to: us(&next) });
            day = next;
        }
        rows
    }

    /// What held in a row: each value with how long, also those that only began in it.
    struct Row {
        /// Value, µs, and whether it is a sample of the row.
        held: Vec<(f64, u64, bool)>,
    }

    fn row(course: &[(u64, Option<f64>)], span: Span, now: Timestamp) -> Row {
        let mut held = Vec::new();
        let first = course.partition_point(|(at, _)| *at < span.from.0).saturating_sub(1);
        for (i, (at, value)) in course.iter().enumerate().skip(first) {
            if *at >= span.to.0 {
                break;
            }
            let Some(value) = value else { continue };
            let last = course.get(i + 1).map_or(now.0.max(*at), |(next, _)| *next);
            let us = last.min(span.to.0).saturating_sub((*at).max(span.from.0));
            let is_own = *at >= span.from.0;
            if is_own || us > 0 {
                held.push((*value, us, is_own));
            }
        }
        Row { held }
    }

    pub(crate) fn buckets(
        model: &Model,
        tag: usize,
        zone: &TimeZone,
        span: Span,
        every: Every,
        now: Timestamp,
    ) -> Vec<Rolled> {
        let course = model.course(tag);
        let rolled = |span| {
            let held = row(&course, span, now).held;
            let values = || held.iter().map(|(value, ..)| *value);
            let good_us = held.iter().map(|(_, us, _)| us).sum::<u64>();
            let area: f64 = held.iter().map(|(value, us, _)| value * *us as f64).sum();
            let mean = if good_us > 0 { area / good_us as f64 } else { values().sum::<f64>() / held.len() as f64 };
            Rolled {
                span,
                count: held.iter().filter(|(_, _, own)| *own).count() as u64,
                min: values().reduce(f64::min),
                max: values().reduce(f64::max),
                mean: (!held.is_empty()).then_some(mean),
                first: values().next(),
                last: values().next_back(),
                good_us,
            }
        };
        rows(zone, span, every).into_iter().map(rolled).collect()
    }

    pub(crate) fn counts(
        model: &Model,
        tag: usize,
        zone: &TimeZone,
        span: Span,
        every: Every,
        _: Timestamp,
        modulus: f64,
    ) -> Vec<Counted> {
        let values: Vec<(u64, f64)> =
            model.course(tag).into_iter().filter_map(|(at, value)| Some((at, value?))).collect();
        let counted = |span: Span| {
            let mut row = Counted { span, count: 0, increase: 0.0, rollovers: 0, resets: 0, last: None };
            let first = values.partition_point(|(at, _)| *at < span.from.0);
            let last = values.partition_point(|(at, _)| *at < span.to.0);
            for i in first..last {
                let to = values[i].1;
                (row.count, row.last) = (row.count + 1, Some(to));
                let Some(from) = i.checked_sub(1).map(|i| values[i].1) else { continue };
                if to < from && from - to > modulus / 2.0 && from < modulus {
                    row.rollovers += 1;
                    row.increase += to + modulus - from;
                } else if to < from && to * 2.0 <= from {
                    row.resets += 1;
                    row.increase += to;
                } else {
                    row.increase += to - from;
                }
            }
            row
        };
        rows(zone, span, every).into_iter().map(counted).collect()
    }

    pub(crate) fn states(
        model: &Model,
        tag: usize,
        zone: &TimeZone,
        span: Span,
        every: Every,
        now: Timestamp,
    ) -> Vec<Lasted> {
        let course = model.course(tag);
        let lasted = |span| {
            let mut states = BTreeMap::new();
            let held = row(&course, span, now).held;
            for (value, us, _) in held.iter().filter(|(_, us, _)| *us > 0) {
                *states.entry(*value as i64).or_default() += us;
            }
            let count = held.iter().filter(|(_, _, own)| *own).count() as u64;
            Lasted { span, count, states, unsure_us: 0 }
        };
        rows(zone, span, every).into_iter().map(lasted).collect()
    }
}
