//! A limit on the length of files, in a process that has it.

use rustix::process::{Resource, Rlimit, setrlimit};
use tenon_pkcs11::api::store::{Error, Options, Store};

use super::common::{Other, playing, row, scratch};

const LIMITED: &str = "store::limits::limited";
/// Bytes that a file of this process may have. The reserve, and the log at its usual length, do not fit.
const LIMIT: u64 = 1 << 20;
/// Changes whose log would be several times as long, in a database that fits.
const CHANGES: u64 = 400;

#[test]
fn limited() {
    let Some(path) = playing(LIMITED) else { return };
    let limit = Rlimit {
        current: Some(LIMIT),
        maximum: Some(LIMIT),
    };
    setrlimit(Resource::Fsize, limit).unwrap();
    let store = Store::open(&path, &Options::default()).unwrap();
    for number in 0..CHANGES {
        store.write(|tx| tx.put(&row(number % 100), &[])).unwrap();
    }
    let mut large = row(1000);
    large.sealed = vec![1; usize::try_from(LIMIT).unwrap() * 2];
    assert_eq!(store.write(|tx| tx.put(&large, &[])), Err(Error::Full));
    store.write(|tx| tx.put(&row(1001), &[])).unwrap();
}

#[test]
fn a_process_below_a_limit_goes_on_with_shorter_files() {
    let s = scratch();
    drop(s.store);
    let reserve = s.path.with_extension("reserve");
    std::fs::remove_file(&reserve).unwrap();
    Other::start(LIMITED, &s.path).finish();
    assert_eq!(std::fs::metadata(&reserve).map_or(0, |m| m.len()), 0);
    let again = Store::open(&s.path, &Options::default()).unwrap();
    let found = again.read(|s| s.object(&super::common::uid(1001))).unwrap();
    assert!(found.is_some());
    assert!(std::fs::metadata(&reserve).unwrap().len() > LIMIT);
}
