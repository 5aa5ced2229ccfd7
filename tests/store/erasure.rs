//! Erased material is gone from the files.

use std::fs;
use std::io::BufRead;
use std::path::Path;

use tenon_pkcs11::api::store::{MaterialRow, Options, Store};

use super::common::{Other, Result, Scratch, playing, row, say, scratch, uid};

const ONLOOKER: &str = "store::erasure::onlooker";
const KEY: &[u8] = b"the wrapped data key, found nowhere else";
const BLOB: &[u8] = b"the sealed material: ";

pub(super) fn material() -> MaterialRow {
    MaterialRow {
        data_key: KEY.to_vec(),
        // Long enough for pages of its own.
        sealed: BLOB.repeat(1000),
    }
}

fn with_material() -> Scratch {
    let s = scratch();
    s.store
        .write(|tx| {
            tx.put(&row(1), &[])?;
            tx.put_material(&uid(1), &material())
        })
        .unwrap();
    assert!(traces(&s.path) > 0, "the test would see nothing");
    s
}

/// How often parts of the material stand in the database and its log.
///
/// Reads copies made by the system: closing a descriptor of the database itself would drop SQLite's
/// locks on it.
fn traces(path: &Path) -> usize {
    let copies = tempfile::tempdir().unwrap();
    ["tenon", "tenon-wal"]
        .into_iter()
        .map(|end| {
            let file = path.with_extension(end);
            let copy = copies.path().join(end);
            let copied = std::process::Command::new("cp")
                .arg(&file)
                .arg(&copy)
                .status();
            assert!(copied.unwrap().success(), "{end}");
            let bytes = fs::read(copy).unwrap();
            [KEY, BLOB]
                .into_iter()
                .map(|part| bytes.windows(part.len()).filter(|w| *w == part).count())
                .sum::<usize>()
        })
        .sum()
}

#[test]
fn erasing_leaves_no_trace() {
    let s = with_material();
    assert_eq!(s.store.write(|tx| tx.erase_material(&uid(1))), Ok(true));
    assert_eq!(traces(&s.path), 0);
    assert_eq!(s.store.read(|s| s.material(&uid(1))), Ok(None));
    assert!(s.store.read(|s| s.object(&uid(1))).unwrap().is_some());
    assert_eq!(s.store.write(|tx| tx.erase_material(&uid(1))), Ok(false));
}

#[test]
fn removing_replacing_and_clearing_erase_too() {
    let s = with_material();
    s.store.write(|tx| tx.remove(&uid(1))).unwrap();
    assert_eq!(traces(&s.path), 0);

    let s = with_material();
    let other = MaterialRow {
        data_key: vec![1; 40],
        sealed: vec![2; 40],
    };
    s.store
        .write(|tx| tx.put_material(&uid(1), &other))
        .unwrap();
    assert_eq!(traces(&s.path), 0);
    assert_eq!(s.store.read(|s| s.material(&uid(1))), Ok(Some(other)));

    let s = with_material();
    s.store.write(|tx| tx.clear()).unwrap();
    assert_eq!(traces(&s.path), 0);
}

#[test]
fn a_reader_delays_the_end_of_erasing_to_the_next_write() {
    let s = with_material();
    s.store
        .read(|before| -> Result<()> {
            assert!(before.material(&uid(1))?.is_some());
            s.store.write(|tx| tx.erase_material(&uid(1)))?;
            assert!(traces(&s.path) > 0);
            assert!(before.material(&uid(1))?.is_some());
            Ok(())
        })
        .unwrap();
    // A write that changes nothing is enough.
    s.store.write(|tx| tx.object(&uid(1)).map(drop)).unwrap();
    assert_eq!(traces(&s.path), 0);
}

#[test]
fn another_process_ends_the_erasing_that_one_left() {
    let s = with_material();
    let second = Store::open(&s.path, &Options::default()).unwrap();
    second
        .read(|before| -> Result<()> {
            assert!(before.material(&uid(1))?.is_some());
            s.store.write(|tx| tx.erase_material(&uid(1)))?;
            Ok(())
        })
        .unwrap();
    drop(s.store);
    assert!(traces(&s.path) > 0);
    second.write_relaxed(|tx| tx.put(&row(2), &[])).unwrap();
    assert_eq!(traces(&s.path), 0);
    // The debt is struck off with the write after.
    second.write(|tx| tx.put(&row(3), &[])).unwrap();
    assert_eq!(second.read(|s| s.meta("store.erased")), Ok(None));
}

#[test]
fn opening_ends_it_as_well() {
    let s = with_material();
    let second = Store::open(&s.path, &Options::default()).unwrap();
    second
        .read(|before| -> Result<()> {
            assert!(before.material(&uid(1))?.is_some());
            s.store.write(|tx| tx.erase_material(&uid(1)))?;
            Ok(())
        })
        .unwrap();
    assert!(traces(&s.path) > 0);
    let third = Store::open(&s.path, &Options::default()).unwrap();
    assert_eq!(traces(&s.path), 0);
    drop(third);
}

/// Looks at one state of the store until it is told to stop.
#[test]
fn onlooker() {
    let Some(path) = playing(ONLOOKER) else {
        return;
    };
    let store = Store::open(&path, &Options::default()).unwrap();
    store
        .read(|before| -> Result<()> {
            assert!(before.material(&uid(1))?.is_some());
            say("looking");
            std::io::stdin().lock().lines().next();
            assert!(before.material(&uid(1))?.is_some());
            Ok(())
        })
        .unwrap();
    say("done");
}

#[test]
fn a_reader_in_another_process_only_delays_the_end_of_erasing() {
    for by_write in [true, false] {
        let s = with_material();
        let mut other = Other::start(ONLOOKER, &s.path);
        assert_eq!(other.hear().as_deref(), Some("looking"));
        s.store.write(|tx| tx.erase_material(&uid(1))).unwrap();
        s.store.finish_erasing().unwrap();
        assert!(traces(&s.path) > 0, "the reader still sees it");
        other.tell("");
        assert_eq!(other.hear().as_deref(), Some("done"));
        if by_write {
            s.store.write(|tx| tx.put(&row(2), &[])).unwrap();
        } else {
            s.store.finish_erasing().unwrap();
        }
        assert_eq!(traces(&s.path), 0);
        other.finish();
    }
}
