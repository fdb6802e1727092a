//! Files that are taken away, replaced or blocked by a person, or by what a person started.

use super::*;

/// Waits until a store that lost its file has recorded into a new one.
fn records_anew(store: &Store, second: u64) {
    record(store, vec![level(second, second as f64)]);
    let found = levels(store);
    assert_eq!(found.last(), Some(&(second, Some(second as f64))), "{found:?}");
    // Said when all is done that comes with the first write.
    until(store, "all is well", &|status| status.failing.is_none());
}

fn until(store: &Store, what: &str, good: &dyn Fn(&Status) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !good(&status(store)) {
        assert!(Instant::now() < deadline, "{what}: {:?}", status(store));
        thread::yield_now();
    }
}

/// What is done to a store of twenty records that is open.
fn harmed(harm: impl FnOnce(&Path)) -> (TempDir, Store) {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    for second in 1..=20 {
        record(&store, vec![level(second, second as f64)]);
    }
    harm(folder.path());
    records_anew(&store, 30);
    assert_eq!(store.generation(), 1, "what is known is said again");
    (folder, store)
}

#[test]
fn a_store_that_is_removed_while_it_is_open_is_begun_anew() {
    let removed = |folder: &Path| fs::remove_dir_all(folder).unwrap();
    let file = |folder: &Path| fs::remove_file(folder.join("history.sqlite")).unwrap();
    let emptied = |folder: &Path| fs::write(folder.join("history.sqlite"), "").unwrap();
    let harms: [fn(&Path); 3] = [removed, file, emptied];
    for (what, harm) in ["all of it", "its file", "emptied"].into_iter().zip(harms) {
        let (folder, store) = harmed(harm);
        records_anew(&store, 31);
        assert_eq!(store.generation(), 1, "{what}: once");
        store.close(Vec::new());
        let store = open(folder.path());
        let found = levels(&store);
        assert!(found.contains(&(30, Some(30.0))), "{what}: the next process finds it: {found:?}");
        store.close(Vec::new());
    }
}

/// A backup is moved over the open file: it is set aside, and what is in it is got back.
#[test]
fn a_store_that_is_replaced_while_it_is_open_is_got_back() {
    let (folder, store) = harmed(|folder| {
        let backup = folder.join("backup");
        rusqlite::Connection::open(folder.join("history.sqlite"))
            .unwrap()
            .execute("VACUUM INTO ?1", [backup.to_str().unwrap()])
            .unwrap();
        fs::rename(backup, folder.join("history.sqlite")).unwrap();
    });
    until(&store, "it is got back", &|status| status.salvage.as_ref().is_some_and(|salvage| salvage.is_done));
    let values: Vec<_> = levels(&store).into_iter().filter_map(|(second, value)| value.map(|_| second)).collect();
    assert_eq!(values, (1..=20).chain([30]).collect::<Vec<_>>());
    store.close(Vec::new());
    drop(folder);
}

/// The lock's file is removed and another process takes the store: the first one stops writing and says why, and goes on
/// when the other has ended.
#[test]
fn two_never_write_even_if_the_lock_s_file_was_removed() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    record(&store, vec![level(1, 1.0)]);
    fs::remove_file(folder.path().join("history.lock")).unwrap();
    let other = Lock::take(folder.path()).unwrap();
    store.record(Batch { entries: vec![level(2, 2.0)] }).unwrap();
    until(&store, "it says so", &|status| status.failing.as_ref().is_some_and(|why| why.contains("in use")));
    assert_eq!(status(&store).written, 1);
    drop(other);
    until(&store, "it goes on", &|status| status.failing.is_none() && status.written == 2);
    store.close(Vec::new());
}

/// A folder where the database should be: it is set aside, and recording begins.
#[test]
fn a_folder_in_the_file_s_place_is_set_aside() {
    let folder = TempDir::new().unwrap();
    let wrong = folder.path().join("history.sqlite");
    fs::create_dir(&wrong).unwrap();
    fs::write(wrong.join("note"), "mine").unwrap();
    let store = open(folder.path());
    records_anew(&store, 5);
    store.close(Vec::new());
    let aside = folder.path().join(format!("history.sqlite.damaged-{}", START / SECOND + 1000));
    assert_eq!(fs::read_to_string(aside.join("note")).unwrap(), "mine");
}

#[test]
fn what_a_person_must_mend_is_said_at_the_start() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("history.lock")).unwrap();
    let refused = Store::open(config(folder.path()), ManualClock::at(at(0))).unwrap_err();
    assert!(matches!(refused, StoreError::Lock { .. }), "{refused:?}");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = Store::open(config(&file), ManualClock::at(at(0))).unwrap_err();
    assert!(matches!(refused, StoreError::Folder { .. }), "{refused:?}");
}
