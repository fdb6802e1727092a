//! What the tests of texts share.

use std::ops::ControlFlow;
use std::path::Path;

use forebay_history as history;
use history::{Entry, Point, Span, Store, StoreConfig, Text, Whom};
use shell::ManualClock;
use tag::{Kind, Timestamp, Value};

use super::common::*;

pub(crate) const TAGS: [(&str, Kind); 4] =
    [("word", Kind::Str), ("status", Kind::Dict), ("raw", Kind::Bytes), ("level", Kind::Float)];

pub(crate) fn open(folder: &Path, now: u64) -> Store {
    let tags = TAGS.map(|(tag, kind)| (name(tag), kind)).to_vec();
    Store::open(StoreConfig::new(folder.into(), tags), ManualClock::at(Timestamp(now))).unwrap()
}

pub(crate) fn all() -> Span {
    Span { from: Timestamp(0), to: Timestamp(u64::MAX) }
}

pub(crate) fn at(second: u64) -> Timestamp {
    Timestamp(START + second * SECOND)
}

pub(crate) fn text(value: &Value) -> Point {
    Point::Text(Text::of(value).unwrap())
}

pub(crate) fn word(word: &str) -> Point {
    text(&Value::from(word))
}

pub(crate) fn entry(tag: u32, at: Timestamp, point: Point) -> Entry {
    Entry { whom: Whom::Tag(history::TagNo(tag)), at, point }
}

/// Every record of a tag in a span, as it is.
pub(crate) fn records(store: &Store, tag: &str, span: Span) -> Vec<(u64, Point)> {
    let tag = name(tag);
    let all = read(store, move |reader| {
        let mut found = Vec::new();
        let known = reader.records(&tag, span, &mut |at, point| {
            found.push((at.0, point));
            ControlFlow::Continue(())
        })?;
        assert!(known);
        Ok(found)
    });
    all.unwrap()
}
