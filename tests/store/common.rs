use std::path::PathBuf;

use tempfile::TempDir;
use tenon_pkcs11::store::{Posting, Row, Store, Uid};

pub(super) type Result<T> = tenon_pkcs11::store::Result<T>;

/// A store in a directory of its own, which goes when this is dropped.
pub(super) struct Scratch {
    pub(super) store: Store,
    pub(super) path: PathBuf,
    pub(super) directory: TempDir,
}

pub(super) fn scratch() -> Scratch {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens").join("slot-0000.tenon");
    let store = Store::create(&path).unwrap();
    Scratch {
        store,
        path,
        directory,
    }
}

pub(super) fn uid(number: u64) -> Uid {
    u128::from(number).to_be_bytes()
}

pub(super) fn posting(number: u64) -> Posting {
    // Spread as a keyed hash is.
    u128::from(number)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
        .to_be_bytes()
}

pub(super) fn row(number: u64) -> Row {
    Row {
        uid: uid(number),
        class: 4,
        key_type: Some(0x1F),
        private: false,
        hidden: false,
        expires_at: 0,
        deletion_at: 0,
        version: 1,
        format: 1,
        sealed: format!("sealed {number}").into_bytes(),
        mac: Vec::new(),
    }
}
