//! One run of each fuzz target. The seeded test on stable calls the same functions.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use forebay_history::tools::{self, Brought};
use forebay_history::{Reader, Span, StoreError};
use tag::{Kind, TagName, Timestamp};

/// 2100-01-01 in µs: what is dated from then on is refused.
const TIME_END_US: u64 = 4_102_444_800_000_000;

/// Any bytes as one of pymscada's files: each whole record is taken or refused, what is taken can be read again, the last
/// of a repeated time counts, and the database is sound. Gives how many were taken.
pub(crate) fn dat(data: &[u8]) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let brought = bring(folder.path(), "level_1.dat", data).expect("a .dat is never refused whole");
    assert_eq!(brought.taken + brought.refused, data.len() as u64 / 16, "{brought:?}");
    assert_eq!(brought.remarks.len(), usize::from(data.len() % 16 > 0), "a cut record is said: {brought:?}");
    let mut model = BTreeMap::new();
    for record in data.chunks_exact(16) {
        let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
        let (at, value) = (number(&record[..8]), f64::from_bits(number(&record[8..])));
        if at < TIME_END_US && value.is_finite() {
            model.insert(at, value.to_bits());
        }
    }
    assert_eq!(kept(folder.path()), model);
    brought.taken
}

/// Any bytes as an export: taken, or refused with its line, and the database is sound. Gives how many were taken.
pub(crate) fn csv(data: &[u8]) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    match bring(folder.path(), "export.csv", data) {
        Ok(brought) => {
            assert!(kept(folder.path()).len() as u64 <= brought.taken);
            brought.taken
        }
        Err(StoreError::Import { .. } | StoreError::NoTag { .. }) => 0,
        Err(error) => panic!("{error}"),
    }
}

fn bring(folder: &Path, name: &str, data: &[u8]) -> Result<Brought, StoreError> {
    let file = folder.join(name);
    std::fs::write(&file, data).expect("a file");
    let kind_of = |tag: &TagName| match tag.as_str() {
        "level" => Some(Kind::Float),
        "word" => Some(Kind::Str),
        "status" => Some(Kind::Dict),
        _ => None,
    };
    let brought = tools::import(folder, &file, &kind_of, &mut |_, _| {});
    let found = tools::check(folder, &mut |_, _| {}).expect("a database");
    assert!(found.damaged.is_empty() && found.file.is_empty(), "{found:?}");
    brought
}

fn kept(folder: &Path) -> BTreeMap<u64, u64> {
    let (mut kept, level) = (BTreeMap::new(), TagName::parse("level").expect("a name"));
    let all = Span { from: Timestamp(0), to: Timestamp(u64::MAX) };
    let mut take = |at: Timestamp, point: &forebay_history::Point| {
        if let Some(number) = point.number() {
            assert!(kept.insert(at.0, number.as_f64().to_bits()).is_none(), "each time once");
        }
        ControlFlow::Continue(())
    };
    Reader::beside(folder).records(&level, all, &mut |at, point| take(at, &point)).expect("it can be read");
    kept
}
