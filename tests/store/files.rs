//! What may stand where the store's file should be.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use tenon_pkcs11::api::store::{Error, Generation, Options, Row, Store};

use super::common::{Result, row, scratch, uid};

const READ_ONLY: Options = Options {
    read_only: true,
    busy_timeout: Duration::from_secs(10),
};

fn open(path: &Path) -> Result<()> {
    Store::open(path, &Options::default()).map(drop)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_are_the_owner_s_alone() {
    let s = scratch();
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
    let parent = s.path.parent().unwrap();
    assert_eq!(mode(parent), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(parent).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    let expected = ["gen", "lock", "reserve", "tenon", "tenon-shm", "tenon-wal"];
    assert_eq!(names, expected.map(|end| format!("slot-0000.{end}")));
}

#[test]
fn links_are_refused_in_place_of_the_file_and_followed_above_it() {
    let s = scratch();
    drop(s.store);
    let link = s.path.with_file_name("slot-0001.tenon");
    symlink(&s.path, &link).unwrap();
    assert_eq!(open(&link), Err(Error::Symlink(link.clone())));
    assert!(matches!(
        Store::create(&link).map(drop),
        Err(Error::Exists(_))
    ));
    let dangling = s.path.with_file_name("slot-0002.tenon");
    symlink(s.directory.path().join("nowhere"), &dangling).unwrap();
    assert!(matches!(
        Store::create(&dangling).map(drop),
        Err(Error::Exists(_))
    ));
    assert!(!s.directory.path().join("nowhere").exists());

    let elsewhere = s.directory.path().join("linked");
    symlink(s.path.parent().unwrap(), &elsewhere).unwrap();
    assert_eq!(open(&elsewhere.join("slot-0000.tenon")), Ok(()));
}

#[test]
fn creating_never_touches_what_is_there() {
    let s = scratch();
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
    let again = Store::create(&s.path).map(drop);
    assert!(matches!(again, Err(Error::Exists(_))), "{again:?}");
    assert!(s.store.read(|s| s.object(&uid(1))).unwrap().is_some());
    // Nor does it leave drafts behind.
    let names = fs::read_dir(s.path.parent().unwrap()).unwrap();
    for name in names {
        let name = name.unwrap().file_name().into_string().unwrap();
        assert!(name.starts_with("slot-0000."), "{name}");
    }
}

#[test]
fn one_of_many_creators_wins() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("slot-0000.tenon");
    let made: Vec<_> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Store::create(&path)))
            .collect();
        makers.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 7));
    for refused in lost {
        assert!(matches!(refused, Err(Error::Exists(_))), "{refused:?}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);

    assert_eq!(
        open(&at("nothing.tenon")),
        Err(Error::NotFound(at("nothing.tenon")))
    );
    assert!(matches!(
        open(&at("no/directory.tenon")),
        Err(Error::NotFound(_))
    ));
    fs::create_dir(at("directory.tenon")).unwrap();
    assert!(matches!(
        open(&at("directory.tenon")),
        Err(Error::NotAFile(_))
    ));
    assert!(matches!(open(Path::new("/")), Err(Error::NotAFile(_))));
    fs::write(at("empty.tenon"), []).unwrap();
    assert!(matches!(open(&at("empty.tenon")), Err(Error::NotAToken(_))));
    fs::write(at("text.tenon"), "not a database ".repeat(1000)).unwrap();
    assert!(matches!(open(&at("text.tenon")), Err(Error::NotAToken(_))));
    let other = rusqlite::Connection::open(at("other.tenon")).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(other);
    assert!(matches!(open(&at("other.tenon")), Err(Error::NotAToken(_))));
}

#[test]
fn a_later_schema_is_refused_by_name() {
    let s = scratch();
    drop(s.store);
    let later = rusqlite::Connection::open(&s.path).unwrap();
    later.pragma_update(None, "user_version", 7).unwrap();
    assert_eq!(open(&s.path), Err(Error::SchemaTooNew(7)));
    let refused = Store::open(&s.path, &READ_ONLY).map(drop);
    assert_eq!(refused, Err(Error::SchemaTooNew(7)));
}

#[test]
fn an_upgrade_by_another_process_stops_the_writers_of_this_one() {
    let s = scratch();
    let later = rusqlite::Connection::open(&s.path).unwrap();
    later.pragma_update(None, "user_version", 7).unwrap();
    let refused = s.store.write(|tx| tx.put(&row(1), &[]));
    assert_eq!(refused, Err(Error::SchemaTooNew(7)));
    assert_eq!(s.store.generation(), Generation::Settled(0));
}

#[test]
fn a_read_only_store_reads_and_follows_others() {
    let s = scratch();
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
    let reader = Store::open(&s.path, &READ_ONLY).unwrap();
    assert!(reader.read(|s| s.object(&uid(1))).unwrap().is_some());
    assert_eq!(
        reader.write(|tx| tx.put(&row(2), &[])),
        Err(Error::ReadOnly)
    );
    s.store.write(|tx| tx.put(&row(2), &[])).unwrap();
    assert_eq!(reader.generation(), Generation::Settled(2));
    assert!(reader.read(|s| s.object(&uid(2))).unwrap().is_some());
}

#[test]
fn damage_is_an_error_and_not_an_answer() {
    let s = scratch();
    s.store
        .write(|tx| (0..500).try_for_each(|number| tx.put(&row(number), &[])))
        .unwrap();
    let path = s.path.clone();
    drop(s.store);
    let mut bytes = fs::read(&path).unwrap();
    bytes[2 * 4096..].fill(0x5A);
    fs::write(&path, bytes).unwrap();
    let found = Store::open(&path, &Options::default())
        .and_then(|store| store.read(|s| s.object(&uid(250))));
    assert!(matches!(found, Err(Error::Corrupt(_))), "{found:?}");
}

#[test]
fn two_stores_on_one_file_in_one_process_lose_nothing() {
    let s = scratch();
    let second = Store::open(&s.path, &Options::default()).unwrap();
    std::thread::scope(|scope| {
        for (offset, store) in [(0, &s.store), (1, &second)] {
            scope.spawn(move || {
                for number in 0..40 {
                    store
                        .write(|tx| tx.put(&row(number * 2 + offset), &[]))
                        .unwrap();
                }
            });
        }
    });
    drop(second);
    s.store.write(|tx| tx.put(&row(80), &[])).unwrap();
    assert_eq!(s.store.read(|s| s.count(&Default::default())), Ok(81));
    assert_eq!(s.store.generation(), Generation::Settled(81));
}

#[test]
fn a_lock_held_too_long_is_busy() {
    let s = scratch();
    let hurried = Store::open(
        &s.path,
        &Options {
            read_only: false,
            busy_timeout: Duration::from_millis(20),
        },
    )
    .unwrap();
    let inner = s.store.write(|tx| {
        tx.put(&row(1), &[])?;
        Ok::<_, Error>(hurried.write(|tx| tx.put(&row(2), &[])))
    });
    assert_eq!(inner, Ok(Err(Error::Busy)));
    hurried.write(|tx| tx.put(&row(2), &[])).unwrap();
    assert_eq!(s.store.generation(), Generation::Settled(2));
}

/// Fills the disk, so it needs one of its own: `TENON_SMALL_DISK` names a directory on it.
#[test]
fn a_full_disk_refuses_and_recovers() {
    let Some(disk) = std::env::var_os("TENON_SMALL_DISK") else {
        println!("not run: TENON_SMALL_DISK is not set");
        return;
    };
    let directory = tempfile::tempdir_in(disk).unwrap();
    let path = directory.path().join("slot-0000.tenon");
    let filler = directory.path().join("filler");
    let store = Store::create(&path).unwrap();
    fs::write(&filler, vec![1; 400_000]).unwrap();
    let large = |number| Row {
        sealed: vec![0xA5; 10_000],
        ..row(number)
    };
    let mut stored = 0;
    let refused = loop {
        match store.write(|tx| tx.put(&large(stored), &[])) {
            Ok(()) => stored += 1,
            Err(e) => break e,
        }
    };
    assert_eq!(refused, Error::Full);
    assert!(stored > 5);
    for number in 0..stored {
        assert_eq!(
            store.read(|s| s.object(&uid(number))),
            Ok(Some(large(number)))
        );
    }
    assert_eq!(store.generation(), Generation::Settled(stored));

    let remove = |number| store.write(|tx| tx.remove(&uid(number)));
    assert_eq!(remove(0), Err(Error::Full));
    let reserve = path.with_extension("reserve");
    for number in 0..stored {
        assert_eq!(store.with_reserve(|| remove(number)), Ok(true), "{number}");
        assert!(fs::metadata(&reserve).unwrap().len() > 0, "{number}");
    }
    // What was removed made room in the database, none on the disk.
    let refused =
        (0..stored).find_map(|number| store.write(|tx| tx.put(&large(number), &[])).err());
    assert_eq!(refused, Some(Error::Full));

    fs::remove_file(filler).unwrap();
    store.write(|tx| tx.put(&large(0), &[])).unwrap();
}

/// Needs a mount: `TENON_READ_ONLY_DISK` and `TENON_READ_ONLY_DISK_SOURCE` name one directory, the
/// former through a read-only mount.
#[test]
fn read_only_media_are_read() {
    let [Some(disk), Some(source)] =
        ["TENON_READ_ONLY_DISK", "TENON_READ_ONLY_DISK_SOURCE"].map(std::env::var_os)
    else {
        println!("not run: TENON_READ_ONLY_DISK is not set");
        return;
    };
    let directory = tempfile::tempdir_in(source).unwrap();
    let store = Store::create(&directory.path().join("slot-0000.tenon")).unwrap();
    store.write(|tx| tx.put(&row(1), &[])).unwrap();
    drop(store);

    let seen = Path::new(&disk).join(directory.path().file_name().unwrap());
    let path = seen.join("slot-0000.tenon");
    assert_eq!(open(&path), Err(Error::ReadOnly));
    let store = Store::open(&path, &READ_ONLY).unwrap();
    assert!(store.read(|s| s.object(&uid(1))).unwrap().is_some());
    assert_eq!(store.generation(), Generation::Settled(1));
    assert_eq!(store.write(|tx| tx.put(&row(2), &[])), Err(Error::ReadOnly));
    let refused = Store::create(&seen.join("slot-0001.tenon")).map(drop);
    assert_eq!(refused, Err(Error::ReadOnly));
}
