//! The record is verified: what was done to the token's file by others is found.

use std::path::Path;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::store::{MaterialRow, Options, Row, Store, Uid};
use tenon_pkcs11::api::token::{Handle, Verified};

use super::tools::{edited, file, sql, token, uid};
use crate::common::{Fixture, SO_PIN, attrs, returns, rv, secret};

/// A token with two keys, of which the first was changed, and that one.
fn with_keys() -> (Fixture, Handle) {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let [one, _] = ["one", "two"].map(|id| {
        let template = attrs![CKA_TOKEN => true, CKA_ID => id];
        secret(session, ck::CKK_AES, template).public
    });
    session
        .set_attributes(one, &attrs![CKA_LABEL => "changed"])
        .unwrap();
    (fixture, one)
}

/// What is found wrong after `edit` had the file.
#[track_caller]
fn found(fixture: Fixture, edit: impl FnOnce(&Path)) -> String {
    let fixture = edited(fixture, edit);
    let verified = token(&fixture.module).verify_audit();
    assert_eq!(rv(&verified), "CKR_DEVICE_ERROR");
    verified.unwrap_err().to_string()
}

#[test]
fn an_untouched_record_is_genuine_to_user_and_officer() {
    let (fixture, _) = with_keys();
    let whole = Verified {
        records: 5,
        archived: 0,
        objects: 2,
        index_rows: 5,
    };
    let fixture = edited(fixture, |_| ());
    let token = token(&fixture.module);
    assert_eq!(token.verify_audit().unwrap(), whole);
    fixture.session.logout().unwrap();
    returns!(token.verify_audit(), CKR_USER_NOT_LOGGED_IN);
    fixture.session.login(ck::CKU_SO, SO_PIN).unwrap();
    assert_eq!(token.verify_audit().unwrap(), whole);
}

#[test]
fn what_is_done_to_records_is_found() {
    for (statement, what) in [
        (
            "UPDATE audit SET record = CAST(x'00' || substr(record, 2) AS BLOB) WHERE seq = 3",
            "audit record 3",
        ),
        (
            "UPDATE audit SET mac = zeroblob(32) WHERE seq = 2",
            "audit record 2",
        ),
        ("DELETE FROM audit WHERE seq = 3", "audit record 3"),
        ("DELETE FROM audit WHERE seq = 1", "audit record 1"),
        (
            "DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3",
            "audit record 3",
        ),
        (
            "UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; \
             UPDATE audit SET seq = 3 WHERE seq = 99",
            "audit record 2",
        ),
        (
            "DELETE FROM audit WHERE seq = 5",
            "the end of the audit record, after record 4",
        ),
        (
            "DELETE FROM audit",
            "the end of the audit record, after record 0",
        ),
        (
            "INSERT INTO audit SELECT 6, mac, record FROM audit WHERE seq = 5",
            "audit record 6",
        ),
        (
            "UPDATE meta SET value = zeroblob(32) WHERE name = 'audit.key'",
            "the end of the audit record, after record 5",
        ),
    ] {
        let (fixture, _) = with_keys();
        let found = found(fixture, |file| sql(file, statement));
        assert!(found.contains(what), "{statement}: {found}");
    }
}

/// The rows of an object, as they are now.
pub(crate) fn rows(fixture: &Fixture, uid: &Uid) -> (Row, MaterialRow) {
    let path = file(fixture.folder.path());
    let read_only = Options {
        read_only: true,
        ..Options::default()
    };
    Store::open(&path, &read_only)
        .unwrap()
        .read(|s| {
            let row = s.object(uid)?.unwrap();
            Ok::<_, tenon_pkcs11::api::store::Error>((row, s.material(uid)?.unwrap()))
        })
        .unwrap()
}

pub(crate) fn put(file: &Path, row: &Row, material: &MaterialRow) {
    let store = Store::open(file, &Options::default()).unwrap();
    store
        .write(|tx| {
            tx.put(row, &[])?;
            tx.put_material(&row.uid, material)
        })
        .unwrap();
}

#[test]
fn an_old_row_that_is_put_back_is_found() {
    let (fixture, one) = with_keys();
    let name = uid(&fixture.session, one);
    let (row, material) = rows(&fixture, &name);
    fixture
        .session
        .set_attributes(one, &attrs![CKA_ENCRYPT => false])
        .unwrap();
    let found = found(fixture, |file| put(file, &row, &material));
    assert!(found.contains("is an older one"), "{found}");
    let named = format!("{:032x}", u128::from_be_bytes(name));
    assert!(
        found.contains(&named) && found.contains("record 6"),
        "{found}"
    );
}

#[test]
fn a_destroyed_key_that_is_put_back_is_found() {
    let (fixture, one) = with_keys();
    let (row, material) = rows(&fixture, &uid(&fixture.session, one));
    fixture.session.destroy_object(one).unwrap();
    let found = found(fixture, |file| put(file, &row, &material));
    assert!(found.contains("is there again"), "{found}");
}

#[test]
fn objects_that_are_edited_added_or_gone_are_found() {
    let (fixture, _) = with_keys();
    let edit = "UPDATE object SET sealed = CAST(sealed || x'00' AS BLOB) WHERE id = 2";
    let text = found(fixture, |file| sql(file, edit));
    assert!(text.contains("is another one"), "{text}");

    let (fixture, _) = with_keys();
    let clear_column = "UPDATE object SET expires_at = 4000000000 WHERE id = 2";
    let text = found(fixture, |file| sql(file, clear_column));
    assert!(
        text.contains("sealed object") || text.contains("tag"),
        "{text}"
    );

    let (fixture, one) = with_keys();
    let (mut row, material) = rows(&fixture, &uid(&fixture.session, one));
    row.uid = [7; 16];
    let text = found(fixture, |file| put(file, &row, &material));
    assert!(text.contains("1 of 3 objects are newer"), "{text}");

    let (fixture, _) = with_keys();
    let remove = "DELETE FROM posting WHERE object = 2; DELETE FROM material WHERE object = 2; \
                  DELETE FROM object WHERE id = 2";
    let text = found(fixture, |file| sql(file, remove));
    assert!(text.contains("1 objects are there, and 2"), "{text}");
}
