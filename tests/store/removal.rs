//! Removing a store.

use std::fs;
use std::os::unix::fs::symlink;

use tenon_pkcs11::api::store::{Error, Options, Store, remove};

use super::common::{Other, playing, row, say, scratch};

const OPENER: &str = "store::removal::opener";

/// Holds the store open, and does nothing with it.
#[test]
fn opener() {
    let Some(path) = playing(OPENER) else { return };
    let store = Store::open(&path, &Options::default()).unwrap();
    say(std::process::id());
    std::thread::sleep(std::time::Duration::from_secs(60));
    drop(store);
}

#[test]
fn nothing_is_removed_while_a_process_has_it_open() {
    let s = scratch();
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
    drop(s.store);
    let mut other = Other::start(OPENER, &s.path);
    let process: u32 = other.hear().unwrap().parse().unwrap();
    assert_eq!(remove(&s.path), Err(Error::InUse(Some(process))));
    assert!(s.path.exists() && s.path.with_extension("gen").exists());

    other.kill();
    remove(&s.path).unwrap();
    let left = fs::read_dir(s.path.parent().unwrap()).unwrap().count();
    assert_eq!(left, 0, "no file is left");
    assert_eq!(remove(&s.path), Err(Error::NotFound(s.path.clone())));
}

#[test]
fn whatever_is_in_the_file_it_can_be_removed_and_a_link_cannot() {
    let s = scratch();
    drop(s.store);
    fs::write(&s.path, b"no database").unwrap();
    let link = s.path.with_file_name("slot-0001.tenon");
    symlink(&s.path, &link).unwrap();
    assert_eq!(remove(&link), Err(Error::Symlink(link.clone())));
    remove(&s.path).unwrap();
    assert!(!s.path.exists());
    fs::remove_file(&link).unwrap();
    let store = Store::create(&s.path).unwrap();
    store.write(|tx| tx.put(&row(1), &[])).unwrap();
}

/// The database goes last, so that nothing is left without it.
#[test]
fn a_removal_that_ends_half_way_leaves_the_database() {
    for file in ["tenon-wal", "tenon-shm", "gen", "reserve", "lock"] {
        let s = scratch();
        s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
        drop(s.store);
        // What cannot be unlinked ends it.
        let beside = s.path.with_file_name(format!("slot-0000.{file}"));
        fs::remove_file(&beside).unwrap();
        fs::create_dir(&beside).unwrap();
        assert!(remove(&s.path).is_err(), "{file}");
        assert!(s.path.exists(), "{file}");
    }
}
