//! A damaged database is set aside, recording goes on in a new one, and what still reads is got back meanwhile.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use common::*;
use forebay_history::{Span, Status};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tag::Timestamp;

const COUNT: u64 = 60_000;

fn at(second: u64) -> Timestamp {
    Timestamp(START + second * SECOND)
}

fn all() -> Span {
    Span { from: Timestamp(0), to: Timestamp(u64::MAX) }
}

/// Two tags for most of a day, the last of it in the log.
fn fill(folder: &Path) {
    let store = open_at(folder, at(0));
    let written = AtomicU64::new(0);
    for part in (0..COUNT).collect::<Vec<_>>().chunks(2000) {
        let both = |i: &u64| [float(0, at(*i), (*i as f64 / 50.0).sin()), int(1, at(*i), *i as i64)];
        record(&store, &written, part.iter().flat_map(both).collect());
    }
    store.close(Vec::new());
}

fn status(store: &forebay_history::Store) -> Status {
    read(store, |reader| reader.status()).unwrap()
}

/// Overwrites whole pages with rubbish, but never the first, which says that the rest is a database: so many, or as many
/// as it takes until that is seen. (A page in the middle of a long blob costs that blob, and is no damage of the file.)
fn damage(path: &Path, pages: usize, rng: &mut StdRng) {
    let mut bytes = fs::read(path).unwrap();
    let is_sound = |path: &Path| {
        let said = rusqlite::Connection::open(path)
            .and_then(|conn| conn.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)));
        said.is_ok_and(|said| said == "ok")
    };
    for n in 0.. {
        if n >= pages && !is_sound(path) {
            break;
        }
        let page = rng.random_range(12..bytes.len() / 4096);
        rng.fill(&mut bytes[page * 4096..(page + 1) * 4096]);
        fs::write(path, &bytes).unwrap();
    }
}

fn until_done(store: &forebay_history::Store) -> Status {
    let deadline = now() + PATIENCE;
    loop {
        let status = status(store);
        if status.salvage.as_ref().is_some_and(|salvage| salvage.is_done) {
            return status;
        }
        assert!(now() < deadline, "{status:?}");
        std::thread::yield_now();
    }
}

#[test]
fn what_still_reads_is_got_back_while_recording_goes_on() {
    let mut rng = StdRng::seed_from_u64(seed());
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    damage(&folder.path().join("history.sqlite"), 4, &mut rng);
    let later = COUNT + 1000;
    let store = open_at(folder.path(), at(later));
    assert_eq!(store.generation(), 1, "the damage was seen");
    let written = AtomicU64::new(0);
    // Recording doesn't wait for the salvage; and what is recorded now counts for more than what is got back.
    record(&store, &written, (0..100).map(|i| int(1, at(later + i), -1)).collect());
    record(&store, &written, vec![int(1, at(5), -5)]);
    let salvage = until_done(&store).salvage.unwrap();
    assert_eq!(salvage.file, format!("history.sqlite.damaged-{}", at(later).0 / SECOND));
    assert!(salvage.lost > 0 && salvage.got > COUNT, "{salvage:?}");
    let counts = raw(&store, "count", all());
    let values: Vec<_> = counts.iter().filter_map(|(at, value)| Some((*at, (*value)?))).collect();
    for (at, value) in &values {
        let second = (at - START) / SECOND;
        let want = if second >= later {
            -1.0
        } else if second == 5 {
            -5.0
        } else {
            second as f64
        };
        assert_eq!(*value, want, "second {second}");
    }
    assert_eq!(values.iter().filter(|(_, value)| *value == -1.0).count(), 100);
    let levels = raw(&store, "level", all()).iter().filter(|(_, value)| value.is_some()).count();
    // The fifth may have been got back before it was given anew.
    let more = (values.len() + levels) as u64 - salvage.got;
    assert!(more == 100 || more == 101, "each once: {more}");
    assert!(counts.windows(2).any(|pair| pair[0].1.is_some() && pair[1].1.is_none()), "nobody recorded meanwhile");
    store.close(Vec::new());
    let again = open_at(folder.path(), at(later + 200));
    assert_eq!(status(&again).salvage, Some(salvage), "still told after a restart");
    fs::remove_file(folder.path().join(format!("history.sqlite.damaged-{}", at(later).0 / SECOND))).unwrap();
    assert_eq!(status(&again).salvage, None, "until a person has removed it");
    again.close(Vec::new());
}

/// Switched off in the middle of it: the next process goes on.
#[test]
fn an_interrupted_salvage_goes_on() {
    let mut rng = StdRng::seed_from_u64(seed());
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    damage(&folder.path().join("history.sqlite"), 1, &mut rng);
    let (mut starts, mut unfinished) = (0, 0);
    let done = loop {
        let store = open_at(folder.path(), at(COUNT + 1000 + starts));
        starts += 1;
        let found = status(&store);
        match &found.salvage {
            Some(salvage) if salvage.is_done => break store,
            Some(salvage) if salvage.got > 0 => unfinished += 1,
            _ => {}
        }
        assert!(starts < 1000, "{found:?}");
        let written = AtomicU64::new(0);
        record(&store, &written, vec![int(2, at(COUNT + 1000 + starts), starts as i64)]);
        store.close(Vec::new());
    };
    assert!(unfinished > 0, "none of {starts} starts found it begun");
    let counts = raw(&done, "count", all());
    let values = counts.iter().filter(|(_, value)| value.is_some()).count();
    assert!(values as u64 > COUNT * 9 / 10, "{values}");
    assert!(counts.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    done.close(Vec::new());
}

/// Nothing reads: that is said, and recording goes on.
#[test]
fn a_wreck_of_which_nothing_reads_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("history.sqlite"), vec![7; 100_000]).unwrap();
    let store = open_at(folder.path(), at(0));
    let salvage = until_done(&store).salvage.unwrap();
    assert_eq!((salvage.got, salvage.lost), (0, 1));
    record(&store, &AtomicU64::new(0), vec![int(1, at(1), 1)]);
    store.close(Vec::new());
}

/// The first page says what the file is and where its tables are: without it nothing reads, and yet nothing else is lost.
#[test]
fn a_destroyed_first_page_costs_nothing_else() {
    let mut rng = StdRng::seed_from_u64(seed());
    type Harm = fn(&mut [u8], &mut StdRng);
    let harms: [(&str, Harm); 2] = [("noise", |page, rng| rng.fill(page)), ("zeros", |page, _| page.fill(0))];
    for (what, harm) in harms {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        let path = folder.path().join("history.sqlite");
        let mut bytes = fs::read(&path).unwrap();
        harm(&mut bytes[..4096], &mut rng);
        fs::write(&path, &bytes).unwrap();
        let later = COUNT + 1000;
        let store = open_at(folder.path(), at(later));
        assert_eq!(store.generation(), 1, "{what}: the damage was seen");
        let salvage = until_done(&store).salvage.unwrap();
        assert_eq!(salvage.lost, 0, "{what}");
        assert!(salvage.got >= 2 * COUNT, "{what}: {salvage:?}");
        let span = Span { from: at(0), to: Timestamp(at(COUNT - 1).0 + 1) };
        let counts = raw(&store, "count", span);
        let want: Vec<_> = (0..COUNT).map(|second| (at(second).0, Some(second as f64))).collect();
        assert!(counts == want, "{what}: every record, {} of {COUNT}", counts.len());
        assert_eq!(raw(&store, "level", span).len() as u64, COUNT, "{what}");
        assert!(fs::read(folder.path().join(&salvage.file)).unwrap() == bytes, "{what}: the file stays as it was");
        store.close(Vec::new());
    }
}

/// What never was a database of ours gives nothing, and nothing is left beside it.
#[test]
fn rubbish_in_its_place_gives_nothing() {
    let mut rng = StdRng::seed_from_u64(seed());
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = vec![0; 4096 * 20];
    rng.fill(&mut bytes[..]);
    fs::write(folder.path().join("history.sqlite"), &bytes).unwrap();
    let store = open_at(folder.path(), at(5));
    let salvage = until_done(&store).salvage.unwrap();
    assert_eq!((salvage.got, salvage.lost), (0, 1));
    store.close(Vec::new());
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["history.lock".into(), "history.sqlite".into(), std::ffi::OsString::from(&salvage.file)]);
}
