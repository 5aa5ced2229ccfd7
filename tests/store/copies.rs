//! A store in one file.

use std::fs;

use tenon_pkcs11::api::store::{Error, FileCopy, MaterialRow, Options, SearchConditions, Store};

use super::common::{Result, damage, row, scratch, uid};

const SECRET: &[u8] = b"the sealed material, found nowhere else ";

fn copy(store: &Store, name: &str) -> std::path::PathBuf {
    let target = store.file().unwrap().with_file_name(name);
    let copy = store.copy(&target, Box::new(|_, _| ())).unwrap();
    copy.open().map(drop).unwrap();
    copy.publish(true).unwrap();
    target
}

fn has_secret(file: &std::path::Path) -> bool {
    let bytes = fs::read(file).unwrap();
    bytes.windows(SECRET.len()).any(|part| part == SECRET)
}

/// BYOK rule 5: a backup does not bring back what was erased, nor what is still in the log.
#[test]
fn erased_material_is_not_in_a_copy() {
    let s = scratch();
    for number in 1..=40 {
        let material = MaterialRow {
            data_key: SECRET.to_vec(),
            sealed: SECRET.repeat(200),
        };
        let put = |tx: &tenon_pkcs11::api::store::Tx<'_>| {
            tx.put(&row(number), &[])?;
            tx.put_material(&uid(number), &material)
        };
        s.store.write(put).unwrap();
    }
    assert!(
        has_secret(&copy(&s.store, "before")),
        "the test would see nothing"
    );
    s.store
        .read(|before| -> Result<()> {
            assert!(before.material(&uid(1))?.is_some());
            // This reader keeps the log from being emptied, and the erasing from being ended.
            for number in 1..=40 {
                s.store.write(|tx| tx.remove(&uid(number)))?;
            }
            assert!(!has_secret(&copy(&s.store, "after")));
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_copy_is_one_state_and_goes_on_by_itself() {
    let s = scratch();
    s.store.write(|tx| tx.put(&row(1), &[[1; 16]])).unwrap();
    let target = copy(&s.store, "slot-0009.tenon");
    s.store.write(|tx| tx.put(&row(2), &[])).unwrap();
    assert_eq!(damage(&target), Vec::<String>::new());
    let copied = Store::open(&target, &Options::default()).unwrap();
    assert_eq!(copied.read(|s| s.generation()), Ok(1));
    assert_eq!(
        copied.read(|s| s.count(&SearchConditions::default())),
        Ok(1)
    );
    copied.write(|tx| tx.put(&row(3), &[])).unwrap();
    assert_eq!(
        copied.read(|s| s.count(&SearchConditions::default())),
        Ok(2)
    );
}

#[test]
fn a_copy_that_is_dropped_leaves_nothing() {
    let s = scratch();
    let folder = s.path.parent().unwrap();
    let names = || fs::read_dir(folder).unwrap().count();
    let before = names();
    let target = folder.join("copy");
    drop(s.store.copy(&target, Box::new(|_, _| ())).unwrap());
    assert_eq!(names(), before);
    fs::write(&target, b"precious").unwrap();
    let copy = s.store.copy(&target, Box::new(|_, _| ())).unwrap();
    assert_eq!(copy.publish(false), Err(Error::Exists(target.clone())));
    assert_eq!(fs::read(&target).unwrap(), b"precious");
}

#[test]
fn a_copy_removes_what_a_killed_one_left_and_no_copy_in_work() {
    let s = scratch();
    let folder = s.path.parent().unwrap();
    let target = folder.join("copy");
    let copy = || s.store.copy(&target, Box::new(|_, _| ())).unwrap();
    let left = [".copy.4194304.0.new", ".copy.4194304.0.new-journal"].map(|name| folder.join(name));
    for path in &left {
        fs::write(path, SECRET).unwrap();
    }
    let (first, second) = (copy(), copy());
    assert!(left.iter().all(|path| !path.exists()));
    first.publish(false).unwrap();
    second.publish(true).unwrap();
}

/// Also by an idle store of this very process.
#[test]
fn a_store_in_use_is_not_replaced() {
    let s = scratch();
    let target = copy(&s.store, "backup");
    let again = || FileCopy::of_file(&target, &s.path, Box::new(|_, _| ())).unwrap();
    let in_use = Err(Error::InUse(None));
    assert_eq!(FileCopy::check_unused(&s.path), in_use);
    assert_eq!(again().install(), in_use);
    let reader = Store::open(
        &s.path,
        &Options {
            read_only: true,
            ..Options::default()
        },
    )
    .unwrap();
    drop(s.store);
    assert_eq!(again().install(), in_use);
    drop(reader);
    again().install().unwrap();
    Store::open(&s.path, &Options::default()).map(drop).unwrap();
}
