//! Files that are cut, damaged or not ours.

use super::*;

/// The log is cut at every length a power cut could leave: what is there opens, and is a beginning of what was written.
#[test]
fn a_torn_log_costs_only_its_end() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    for second in 1..=20 {
        record(&store, vec![level(second, second as f64)]);
    }
    let whole = fs::read(folder.path().join("history.sqlite")).unwrap();
    let log = fs::read(folder.path().join("history.sqlite-wal")).unwrap();
    store.close(Vec::new());
    let mut most = 0;
    for cut in (0..=log.len()).step_by(log.len() / 25) {
        let copy = TempDir::new().unwrap();
        fs::write(copy.path().join("history.sqlite"), &whole).unwrap();
        fs::write(copy.path().join("history.sqlite-wal"), &log[..cut]).unwrap();
        let store = open(copy.path());
        let found = levels(&store);
        let want: Vec<_> = (1..=found.len() as u64).map(|second| (second, Some(second as f64))).collect();
        assert_eq!(found, want, "log cut at {cut}");
        assert!(found.len() >= most, "a longer log holds no less");
        most = found.len();
        let aside = fs::read_dir(copy.path())
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains("damaged"));
        assert_eq!(aside.count(), 0, "a torn log is no damage");
        store.close(Vec::new());
    }
    assert!(most >= 18, "saw only {most}");
}

#[test]
fn a_damaged_database_is_set_aside() {
    let big = || {
        let folder = TempDir::new().unwrap();
        let store = open(folder.path());
        record(&store, (0..2000).map(|second| level(second, second as f64 + 0.1)).collect());
        store.close(Vec::new());
        folder
    };
    type Harm = fn(&mut Vec<u8>);
    let harms: [(&str, Harm); 3] = [
        ("no database at all", |bytes| bytes[..16].copy_from_slice(b"something else! ")),
        ("a page of noise", |bytes| bytes[4096 * 5..4096 * 8].fill(0x5a)),
        ("cut in the middle", |bytes| bytes.truncate(4096 * 6)),
    ];
    for (what, harm) in harms {
        let folder = big();
        let path = folder.path().join("history.sqlite");
        let mut bytes = fs::read(&path).unwrap();
        harm(&mut bytes);
        fs::write(&path, &bytes).unwrap();

        let store = open_at(folder.path(), 5000);
        assert_eq!(store.generation(), 1, "{what}");
        record(&store, vec![level(5001, 1.0)]);
        let mut found = levels(&store);
        assert_eq!(found.pop(), Some((5001, Some(1.0))), "{what}: recording goes on");
        // What the damage left is brought back in the background, perhaps already, with a gap behind it; and nothing else.
        let was = |&(second, value): &(u64, Option<f64>)| value.is_none_or(|value| value == second as f64 + 0.1);
        assert!(found.iter().all(was) && found.len() <= 2001, "{what}: {found:?}");
        store.close(Vec::new());
        let aside = folder.path().join(format!("history.sqlite.damaged-{}", START / SECOND + 5000));
        assert!(fs::read(aside).unwrap() == bytes, "{what}: kept as it was");
    }
}

#[test]
fn a_foreign_database_is_set_aside_and_a_newer_one_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.sqlite");
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(foreign);
    let store = open(folder.path());
    assert_eq!(store.generation(), 1);
    store.close(Vec::new());

    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 5).unwrap();
    let refused = Store::open(config(folder.path()), ManualClock::at(at(0)));
    assert!(matches!(refused, Err(StoreError::Newer { found: 5, known: 4, .. })), "{refused:?}");
}
