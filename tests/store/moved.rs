//! The files of a store that is open, when somebody else replaces, removes or cuts them.

use std::fs;
use std::path::{Path, PathBuf};

use tenon_pkcs11::api::store::{Error, Options, Store};

use super::common::{Scratch, row, scratch, uid};

fn beside(path: &Path, end: &str) -> PathBuf {
    path.with_extension(format!("tenon{end}"))
}

fn open(path: &Path) -> Store {
    Store::open(path, &Options::default()).unwrap()
}

fn put(store: &Store, number: u64) -> super::common::Result<()> {
    store.write(|tx| tx.put(&row(number), &[]))
}

fn has(store: &Store, number: u64) -> bool {
    store.read(|s| s.object(&uid(number))).unwrap().is_some()
}

fn cut_off(path: &Path, length: u64) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

/// Object 1 is in the file and in `backup`; object 2 is in the log.
fn with_backup() -> (Scratch, PathBuf) {
    let s = scratch();
    put(&s.store, 1).unwrap();
    let backup = s.directory.path().join("backup");
    drop(s.store);
    fs::copy(&s.path, &backup).unwrap();
    let s = Scratch {
        store: open(&s.path),
        ..s
    };
    put(&s.store, 2).unwrap();
    (s, backup)
}

fn put_back(s: &Scratch, backup: &Path) {
    let new = s.path.with_file_name("new");
    fs::copy(backup, &new).unwrap();
    fs::rename(new, &s.path).unwrap();
}

#[track_caller]
fn is_given_up(s: &Scratch) {
    let moved = Err(Error::Moved(s.path.clone()));
    assert_eq!(put(&s.store, 3), moved);
    assert_eq!(s.store.read(|s| s.object(&uid(1))).map(drop), moved);
    assert!(s.store.is_gone());
}

#[test]
fn a_file_in_its_place_is_left_as_it_is() {
    let (s, backup) = with_backup();
    put_back(&s, &backup);
    is_given_up(&s);
    let second = open(&s.path);
    assert!(has(&second, 1) && !has(&second, 2));
    put(&second, 4).unwrap();
    is_given_up(&s);
    // Closing the old one folds nothing in and removes nothing.
    drop(s.store);
    assert!(beside(&s.path, "-wal.stale-1").exists());
    put(&second, 5).unwrap();
    drop(second);
    let third = open(&s.path);
    assert!(has(&third, 1) && !has(&third, 2) && !has(&third, 3));
    assert!(has(&third, 4) && has(&third, 5));
}

/// As after a crash: the log is there, and no process.
#[test]
fn a_stale_log_is_put_aside_without_a_witness() {
    let (s, backup) = with_backup();
    put_back(&s, &backup);
    std::mem::forget(s.store);
    let reader = Store::open(
        &s.path,
        &Options {
            read_only: true,
            ..Options::default()
        },
    );
    assert_eq!(
        reader.map(drop),
        Err(Error::StaleLog(beside(&s.path, "-wal")))
    );
    let again = open(&s.path);
    assert!(has(&again, 1) && !has(&again, 2));
}

#[test]
fn a_folder_copied_with_its_log_keeps_what_is_in_the_log() {
    let (s, _) = with_backup();
    let copy = s.directory.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(s.path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    assert!(has(&open(&copy.join("slot-0000.tenon")), 2));
    // The same where the copy takes the folder's place.
    let folder = s.path.parent().unwrap();
    fs::rename(folder, s.directory.path().join("moved")).unwrap();
    fs::rename(&copy, folder).unwrap();
    is_given_up(&s);
    assert!(has(&open(&s.path), 2));
}

#[test]
fn a_file_that_was_removed_takes_nothing() {
    for end in ["", "-wal", "-shm"] {
        let (s, _) = with_backup();
        fs::remove_file(beside(&s.path, end)).unwrap();
        is_given_up(&s);
        drop(s.store);
        assert!(!beside(&s.path, end).exists(), "{end}");
    }
}

#[test]
fn a_file_that_was_overwritten_in_place_is_noticed() {
    let other = scratch();
    put(&other.store, 9).unwrap();
    let foreign = other.path.clone();
    drop(other.store);
    for content in [fs::read(foreign).unwrap(), Vec::new(), vec![0xFF; 50_000]] {
        let (s, _) = with_backup();
        fs::write(&s.path, &content).unwrap();
        is_given_up(&s);
        drop(s.store);
        assert_eq!(fs::read(&s.path).unwrap(), content, "nothing was folded in");
    }
}

#[test]
fn a_log_that_was_cut_off_is_noticed() {
    let (s, _) = with_backup();
    put(&s.store, 3).unwrap();
    cut_off(&beside(&s.path, "-wal"), 0);
    is_given_up(&s);
}

#[test]
fn emptying_the_log_is_no_cut() {
    let (s, _) = with_backup();
    let second = open(&s.path);
    for number in 10..30 {
        let store = if number % 2 == 0 { &s.store } else { &second };
        put(store, number).unwrap();
        store
            .write(|tx| tx.put_material(&uid(number), &super::erasure::material()))
            .unwrap();
        store.write(|tx| tx.erase_material(&uid(number))).unwrap();
    }
    assert!(has(&s.store, 2) && has(&s.store, 29) && has(&second, 28));
}

#[test]
fn an_index_that_was_cut_off_is_filled_again() {
    for length in [0, 100, 5000] {
        let (s, _) = with_backup();
        for turn in 0..3 {
            cut_off(&beside(&s.path, "-shm"), length);
            assert!(has(&s.store, 1) && has(&s.store, 2), "{length}");
            cut_off(&beside(&s.path, "-shm"), length);
            put(&s.store, 3 + turn).unwrap();
        }
        let path = s.path.clone();
        drop(s.store);
        let again = open(&path);
        assert!((1..6).all(|number| has(&again, number)), "{length}");
    }
}

/// A backup that was made since the last change has the change count of the file. The log has another id.
#[test]
fn a_copy_with_the_same_change_count_is_noticed_and_the_right_file_can_be_put_back() {
    let s = scratch();
    put(&s.store, 1).unwrap();
    drop(s.store);
    let backup = fs::read(&s.path).unwrap();
    let s = Scratch {
        store: open(&s.path),
        ..s
    };
    let right = fs::read(&s.path).unwrap();
    put(&s.store, 2).unwrap();
    // The same bytes are the same file.
    fs::write(&s.path, &right).unwrap();
    assert!(has(&s.store, 2));
    fs::write(&s.path, &backup).unwrap();
    is_given_up(&s);
    drop(s.store);
    fs::write(&s.path, &right).unwrap();
    let again = open(&s.path);
    assert!(has(&again, 1) && has(&again, 2));
}

#[test]
fn a_fold_by_another_store_is_no_overwriting() {
    let (s, _) = with_backup();
    let second = open(&s.path);
    put(&second, 3).unwrap();
    second.give_back_space().unwrap();
    assert!(has(&s.store, 3));
    put(&s.store, 4).unwrap();
    assert!(has(&second, 4));
}

#[test]
fn a_link_to_the_folder_that_leads_elsewhere_is_noticed() {
    let s = scratch();
    put(&s.store, 1).unwrap();
    drop(s.store);
    let at = |name: &str| s.directory.path().join(name);
    fs::create_dir(at("other")).unwrap();
    fs::copy(&s.path, at("other/slot-0000.tenon")).unwrap();
    std::os::unix::fs::symlink("tokens", at("current")).unwrap();
    let path = at("current/slot-0000.tenon");
    let store = open(&path);
    put(&store, 2).unwrap();
    let relink = |target: &str| {
        std::os::unix::fs::symlink(target, at("new")).unwrap();
        fs::rename(at("new"), at("current")).unwrap();
    };
    // Another way to the same folder.
    relink("./tokens");
    put(&store, 3).unwrap();
    relink("other");
    assert_eq!(put(&store, 4), Err(Error::Moved(s.path.clone())));
    assert!(store.is_gone() && store.is_replaced());
    let second = open(&path);
    assert!(has(&second, 1) && !has(&second, 2));
    relink("nowhere");
    assert!(put(&second, 5).is_err() && second.is_gone());
}

#[test]
fn an_index_that_was_overwritten_with_earlier_content_is_noticed() {
    for read_first in [false, true] {
        let (s, _) = with_backup();
        let index = beside(&s.path, "-shm");
        let earlier = fs::read(&index).unwrap();
        put(&s.store, 10).unwrap();
        put(&s.store, 11).unwrap();
        fs::write(&index, earlier).unwrap();
        if read_first {
            let read = s.store.read(|s| s.object(&uid(11)));
            assert_eq!(read.map(drop), Err(Error::Moved(s.path.clone())));
        }
        is_given_up(&s);
        let path = s.path.clone();
        drop(s.store);
        let again = open(&path);
        assert!(
            has(&again, 10) && has(&again, 11),
            "nothing was overwritten"
        );
    }
}
