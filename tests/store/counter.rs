//! The change counter, when its file is not as it was left.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tenon_pkcs11::api::store::{Error, Generation, Options, Store, Tx};

use super::common::{self, row, scratch, uid};

fn counter_of(path: &Path) -> PathBuf {
    path.with_extension("gen")
}

/// As another process would. A store that was alone believes what it saw for 50 ms of the system's monotonic
/// clock, by which processes wait for each other (`store/file/counter.rs`); afterwards it looks again.
fn set(path: &Path, number: u64) {
    let file = fs::OpenOptions::new()
        .write(true)
        .open(counter_of(path))
        .unwrap();
    file.write_all_at(&number.to_ne_bytes(), 0).unwrap();
    std::thread::sleep(Duration::from_millis(100));
}

fn open(path: &Path) -> Store {
    Store::open(path, &Options::default()).unwrap()
}

#[test]
fn each_change_counts_once() {
    let s = scratch();
    assert_eq!(s.store.generation(), Generation::Settled(0));
    for number in 1..=5 {
        s.store.write(|tx| tx.put(&row(number), &[])).unwrap();
        assert_eq!(s.store.generation(), Generation::Settled(number));
        assert_eq!(s.store.read(|s| s.generation()), Ok(number));
    }
    s.store.write_relaxed(|tx| tx.put(&row(6), &[])).unwrap();
    assert_eq!(s.store.generation(), Generation::Settled(6));
}

#[test]
fn a_writer_that_died_is_settled_by_the_next() {
    let s = scratch();
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
    // It died before its commit, and after it.
    for odd in [3, 1] {
        set(&s.path, odd);
        assert_eq!(s.store.generation(), Generation::Unsettled);
        let before = s.store.read(|s| s.generation()).unwrap();
        s.store.write(|tx| tx.put(&row(2), &[])).unwrap();
        assert_eq!(s.store.generation(), Generation::Settled(before + 1));
    }
    set(&s.path, 7);
    let again = open(&s.path);
    assert_eq!(again.generation(), Generation::Settled(3));
    assert_eq!(s.store.generation(), Generation::Settled(3));
}

#[test]
fn a_copied_database_with_another_counter_is_settled() {
    let s = scratch();
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
    let path = s.path.clone();
    drop(s.store);
    for (stale, label) in [(8, "ahead"), (0, "behind"), (2, "equal"), (9, "odd")] {
        set(&path, stale);
        let store = open(&path);
        assert_eq!(store.generation(), Generation::Settled(1), "{label}");
    }
}

#[test]
fn a_lost_or_short_counter_is_made_anew() {
    let s = scratch();
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
    let path = s.path.clone();
    drop(s.store);
    let counter = counter_of(&path);

    fs::remove_file(&counter).unwrap();
    let reader = Store::open(
        &path,
        &Options {
            read_only: true,
            ..Options::default()
        },
    )
    .unwrap();
    assert_eq!(reader.generation(), Generation::Unsettled);
    assert!(!counter.exists());
    let store = open(&path);
    assert_eq!(store.generation(), Generation::Settled(1));
    let mode = fs::metadata(&counter).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(store);

    fs::write(&counter, [1, 2, 3]).unwrap();
    assert_eq!(open(&path).generation(), Generation::Settled(1));
}

#[test]
fn processes_that_find_no_counter_share_the_one_that_is_made() {
    let s = scratch();
    drop(s.store);
    for _ in 0..20 {
        fs::remove_file(counter_of(&s.path)).unwrap();
        let stores: Vec<_> = std::thread::scope(|scope| {
            let openers: Vec<_> = (0..4).map(|_| scope.spawn(|| open(&s.path))).collect();
            openers.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let before = stores[0].read(|s| s.generation()).unwrap();
        stores[0].write(|tx| tx.put(&row(1), &[])).unwrap();
        for store in &stores {
            assert_eq!(store.generation(), Generation::Settled(before + 1));
        }
    }
}

/// Whatever becomes of the file while it is in use, no process dies, and none misses a change.
#[test]
fn a_counter_that_others_destroy_hides_no_change() {
    type Destroy = fn(&Path);
    let ways: [Destroy; 5] = [
        |path| {
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(0)
                .unwrap()
        },
        |path| {
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(20)
                .unwrap()
        },
        |path| fs::write(path, [0xFF; 4096]).unwrap(),
        |path| fs::remove_file(path).unwrap(),
        |path| {
            fs::copy(path, path.with_extension("copy")).unwrap();
            fs::rename(path.with_extension("copy"), path).unwrap();
        },
    ];
    for (number, destroy) in ways.iter().enumerate() {
        let s = scratch();
        let second = open(&s.path);
        s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
        assert_eq!(second.generation(), Generation::Settled(1));
        destroy(&counter_of(&s.path));
        let third = open(&s.path);
        for generation in 2..5 {
            for store in [&s.store, &second, &third] {
                let before = [&s.store, &second, &third].map(Store::generation);
                let stale = store.read(|s| s.generation()).unwrap();
                store.write(|tx| tx.put(&row(generation), &[])).unwrap();
                for (before, after) in before
                    .into_iter()
                    .zip([&s.store, &second, &third].map(Store::generation))
                {
                    assert_ne!(
                        after,
                        Generation::Settled(stale),
                        "way {number}: {before:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_link_in_place_of_the_counter_is_refused() {
    let s = scratch();
    drop(s.store);
    let counter = counter_of(&s.path);
    let target = s.directory.path().join("target");
    fs::rename(&counter, &target).unwrap();
    std::os::unix::fs::symlink(&target, &counter).unwrap();
    let refused = Store::open(&s.path, &Options::default()).map(drop);
    assert!(matches!(refused, Err(Error::Symlink(_))), "{refused:?}");
}

#[test]
fn a_database_is_never_its_own_counter() {
    let directory = tempfile::tempdir().unwrap();
    let refused = Store::create(&directory.path().join("token.gen")).map(drop);
    assert!(matches!(refused, Err(Error::NotAToken(_))), "{refused:?}");
}

/// What a change touches, as another process learns it.
#[test]
fn a_change_touches_its_own_keys_alone() {
    let s = scratch();
    let other = open(&s.path);
    let (one, two) = (uid(1), uid(2));
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
    s.store.write(|tx| tx.set_meta("name", b"value")).unwrap();
    let since = other.read(|s| s.generation()).unwrap();
    assert_eq!(other.untouched(&[&one, b"name"], since), Some(since));

    s.store.write(|tx| tx.put(&row(2), &[])).unwrap();
    s.store.write(|tx| tx.set_meta("name", b"value")).unwrap();
    assert_eq!(other.untouched(&[&one], since), Some(since + 2));
    assert_eq!(other.untouched(&[b"name"], since), Some(since + 2));
    assert_eq!(other.untouched(&[&two], since), None);
    assert_eq!(other.untouched(&[&one, &two], since), None);
    assert_eq!(other.untouched(&[&two], since + 1), Some(since + 2));

    s.store.write(|tx| tx.set_meta("name", b"other")).unwrap();
    assert_eq!(other.untouched(&[b"name"], since + 2), None);
    type Change = fn(&Tx<'_>) -> common::Result<()>;
    let changes: [Change; 4] = [
        |tx| tx.erase_material(&uid(1)).map(drop),
        |tx| tx.put(&row(1), &[]),
        |tx| tx.remove(&uid(1)).map(drop),
        |tx| tx.clear(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let since = other.read(|s| s.generation()).unwrap();
        s.store
            .write(|tx| {
                tx.set_meta("changed", &[u8::try_from(number).unwrap()])?;
                change(tx)
            })
            .unwrap();
        assert_eq!(other.untouched(&[&one], since), None, "change {number}");
    }
}

/// Between the announcement of a change and its end, as after the death of its writer, only what it touches is in
/// doubt. Without the marks everything is.
#[test]
fn marks_that_are_missing_leave_everything_in_doubt() {
    let s = scratch();
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
    s.store.write(|tx| tx.put(&row(2), &[])).unwrap();
    set(&s.path, 3);
    assert_eq!(s.store.generation(), Generation::Unsettled);
    assert_eq!(s.store.untouched(&[&uid(1)], 1), Some(1));
    assert_eq!(s.store.untouched(&[&uid(2)], 1), None);
    set(&s.path, 5);
    assert_eq!(s.store.untouched(&[&uid(1)], 1), None, "no mark of it");
    let file = fs::File::options().write(true).open(counter_of(&s.path));
    file.unwrap().set_len(16).unwrap();
    set(&s.path, 4);
    assert_eq!(s.store.untouched(&[&uid(1)], 1), None);
}
