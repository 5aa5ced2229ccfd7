//! Records move to files, and what was verified before is verified after.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::module::padded;
use tenon_pkcs11::api::token::{Archived, Event, Handle, Verified};

use super::tools::{edited, file, sql, token};
use crate::common::{Fixture, RO, SLOT, SO_PIN, USER_PIN, attrs, returns, rv, secret};

fn key(fixture: &Fixture, id: &str) -> Handle {
    let template = attrs![CKA_TOKEN => true, CKA_ID => id];
    secret(&fixture.session, ck::CKK_AES, template).public
}

fn label(fixture: &Fixture, key: Handle, label: &str) {
    let label = attrs![CKA_LABEL => label];
    fixture.session.set_attributes(key, &label).unwrap();
}

fn path(fixture: &Fixture, name: &str) -> PathBuf {
    fixture.folder.path().join(name)
}

fn archive(fixture: &Fixture, name: &str) -> Archived {
    let file = path(fixture, name);
    token(&fixture.module).archive_audit(&file, |_| ()).unwrap()
}

fn verify(fixture: &Fixture) -> Verified {
    token(&fixture.module).verify_audit().unwrap()
}

fn archives(fixture: &Fixture, names: &[&str]) -> Result<(u64, u64), String> {
    let files: Vec<_> = names.iter().map(|name| path(fixture, name)).collect();
    let verified = token(&fixture.module).verify_archives(&files);
    match verified {
        Ok(verified) => Ok((verified.first, verified.last)),
        Err(error) => {
            assert_eq!(ck::rv_name(error.rv), "CKR_DEVICE_ERROR");
            Err(error.to_string())
        }
    }
}

/// A token with three keys, one changed and one destroyed, whose records are in the file `a`.
fn archived() -> Fixture {
    let fixture = Fixture::new();
    let [one, two, _] = ["one", "two", "three"].map(|id| key(&fixture, id));
    label(&fixture, one, "changed");
    fixture.session.destroy_object(two).unwrap();
    let done = archive(&fixture, "a");
    assert_eq!((done.records, done.up_to), (6, 6));
    fixture
}

#[test]
fn the_chain_goes_on_from_file_to_file_to_token() {
    let fixture = archived();
    let whole = Verified {
        index_rows: verify(&fixture).index_rows,
        records: 2,
        archived: 6,
        objects: 2,
    };
    assert_eq!(verify(&fixture), whole);
    assert_eq!(archives(&fixture, &["a"]), Ok((1, 6)));
    let last = token(&fixture.module).audit(1, 100).unwrap().pop().unwrap();
    assert_eq!((last.1.event, last.1.number), (Event::Archive, Some(6)));
    let digest = tenon_pkcs11::api::crypto::hash::Hash::Sha256
        .digest(&[&fs::read(path(&fixture, "a")).unwrap()]);
    assert_eq!(last.1.digest.map(Vec::from), Some(digest));

    let fixture = fixture.reopened_as_user();
    let four = key(&fixture, "four");
    label(&fixture, four, "4");
    assert_eq!(archive(&fixture, "a").records, 3, "the same file goes on");
    assert_eq!(archives(&fixture, &["a"]), Ok((1, 9)));
    key(&fixture, "five");
    let done = archive(&fixture, "b");
    assert_eq!((done.records, done.up_to), (2, 11));
    let last = archive(&fixture, "b");
    assert_eq!(last.records, 1, "the record of the archiving itself");
    fixture.session.destroy_object(four).unwrap();
    assert_eq!(verify(&fixture).objects, 3);
    assert_eq!(archives(&fixture, &["a", "b"]), Ok((1, 12)));
    assert_eq!(archives(&fixture, &["b"]), Ok((10, 12)));
    let mut positions = Vec::new();
    for name in ["a", "b"] {
        let read = |position, _| {
            positions.push(position);
            Ok::<_, tenon_pkcs11::api::error::Error>(())
        };
        let file = path(&fixture, name);
        token(&fixture.module).read_archive(&file, read).unwrap();
    }
    assert_eq!(positions, (1..=12).collect::<Vec<_>>());
    let text = archives(&fixture, &["b", "a"]).unwrap_err();
    assert!(text.contains("another file is missing"), "{text}");
    archives(&fixture, &["a"]).unwrap_err();
}

#[test]
fn what_is_done_to_objects_whose_records_are_archived_is_found() {
    for (statement, what) in [
        (
            "UPDATE object SET sealed = CAST(sealed || x'00' AS BLOB) WHERE id = 1",
            "is another one",
        ),
        (
            "DELETE FROM posting WHERE object = 1; DELETE FROM material WHERE object = 1; \
             DELETE FROM object WHERE id = 1",
            "1 objects are there, and 2",
        ),
        (
            "UPDATE archived_object SET version = version + 1",
            "archived audit records",
        ),
        ("DELETE FROM archived_object", "archived audit records"),
        (
            "DELETE FROM meta WHERE name = 'audit.base'",
            "archived audit records",
        ),
        ("DELETE FROM audit WHERE seq = 7", "audit record 7"),
    ] {
        let fixture = edited(archived(), |file| sql(file, statement));
        let verified = token(&fixture.module).verify_audit();
        assert_eq!(rv(&verified), "CKR_DEVICE_ERROR", "{statement}");
        let text = verified.unwrap_err().to_string();
        // An object that fits no record may be met by what is kept of it, or by its number.
        let edited = text.contains("sealed object") || text.contains(what);
        assert!(edited, "{statement}: {text}");
    }
}

#[test]
fn what_is_done_to_an_archive_is_found() {
    let fixture = archived();
    let whole = fs::read(path(&fixture, "a")).unwrap();
    let write = |bytes: &[u8]| fs::write(path(&fixture, "a"), bytes).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        write(&bytes);
        archives(&fixture, &["a"]).unwrap_err();
    }
    for len in [7, 30, whole.len() / 2, whole.len() - 1] {
        write(&whole[..len]);
        archives(&fixture, &["a"]).unwrap_err();
        let file = path(&fixture, "a");
        let refused = token(&fixture.module).archive_audit(&file, |_| ());
        assert!(refused.is_err(), "{len} bytes");
    }
    write(&whole);
    assert_eq!(archives(&fixture, &["a"]), Ok((1, 6)));

    let other = archived();
    fs::write(path(&other, "b"), &whole).unwrap();
    let text = archives(&other, &["b"]).unwrap_err();
    assert!(text.contains("another token"), "{text}");
    let symlink = path(&other, "link");
    std::os::unix::fs::symlink(path(&other, "a"), &symlink).unwrap();
    let refused = token(&other.module).archive_audit(&symlink, |_| ());
    returns!(refused, CKR_DEVICE_ERROR);
}

/// The process was killed when the file had the records and the token had not let them go, or in the
/// middle of writing them.
#[test]
fn a_killed_archiving_loses_nothing_and_goes_on() {
    let fixture = archived();
    for id in ["x", "y", "z"] {
        key(&fixture, id);
    }
    let before = fixture.folder.path().join("before");
    let fixture = edited(fixture, |file| {
        fs::copy(file, &before).unwrap();
    });
    let empty = path(&fixture, "killed when it was made");
    fs::write(&empty, "").unwrap();
    token(&fixture.module)
        .archive_audit(&empty, |_| ())
        .unwrap();
    let fixture = edited(fixture, |file| {
        fs::copy(&before, file).unwrap();
    });
    archive(&fixture, "a");
    let appended = fs::read(path(&fixture, "a")).unwrap();
    // The token is as before, the file as after.
    let fixture = edited(fixture, |file| {
        fs::copy(&before, file).unwrap();
    });
    assert_eq!(archives(&fixture, &["a"]), Ok((1, 6)));
    assert_eq!(verify(&fixture).archived, 6);
    let mut torn = OpenOptions::new()
        .append(true)
        .open(path(&fixture, "a"))
        .unwrap();
    torn.write_all(&appended[appended.len() - 100..][..50])
        .unwrap();
    drop(torn);
    let done = archive(&fixture, "a");
    assert_eq!((done.records, done.up_to), (4, 10));
    assert_eq!(fs::read(path(&fixture, "a")).unwrap(), appended);
    assert_eq!(archives(&fixture, &["a"]), Ok((1, 10)));
    verify(&fixture);
}

#[test]
fn many_records_move_in_steps_and_the_file_shrinks() {
    let fixture = Fixture::new();
    let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true];
    for _ in 0..1300 {
        let object = fixture.session.create_object(&data).unwrap();
        fixture.session.destroy_object(object).unwrap();
    }
    let fixture = edited(fixture, |_| ());
    let size = || fs::metadata(file(fixture.folder.path())).unwrap().len();
    let before = size();
    let mut steps = Vec::new();
    let done = token(&fixture.module)
        .archive_audit(&path(&fixture, "a"), |moved| steps.push(moved))
        .unwrap();
    assert!(steps.len() > 2, "{steps:?}");
    assert_eq!((steps.last(), done.records), (Some(&2601), 2601));
    let after = size();
    assert!(after < before / 2, "{before} bytes, then {after}");
    assert_eq!(archives(&fixture, &["a"]), Ok((1, 2601)));
    assert_eq!(verify(&fixture).records, 2);
}

#[test]
fn an_anchor_goes_on_knowing_the_token() {
    let anchors = tempfile::tempdir().unwrap();
    let anchored = |config: &mut tenon_pkcs11::api::config::Config| {
        config.anchor = Some(anchors.path().to_owned());
    };
    let fixture = Fixture::configured(anchored);
    for id in ["one", "two"] {
        key(&fixture, id);
    }
    let anchor = fs::read_dir(anchors.path()).unwrap().next().unwrap();
    let anchor = anchor.unwrap().path();
    let behind = fs::read(&anchor).unwrap();
    for id in ["three", "four", "five"] {
        key(&fixture, id);
    }
    // As after a crash between the last commits and their notes.
    fs::write(&anchor, &behind).unwrap();
    assert_eq!(archive(&fixture, "a").up_to, 3, "what is noted stays");
    token(&fixture.module).check_anchor().unwrap();
    assert_eq!(archive(&fixture, "a").up_to, 7, "what the last note knows");
    let fixture = fixture.reopened_with(anchored);
    token(&fixture.module).check_anchor().unwrap();
    fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
    key(&fixture, "six");
    let status = token(&fixture.module).anchor_status().unwrap().unwrap();
    assert_eq!(status.refused, None);
    verify(&fixture);
}

#[test]
fn archiving_needs_a_login_a_writer_and_nobody_beside_it() {
    let fixture = archived();
    let held = fs::File::open(path(&fixture, "a")).unwrap();
    held.lock().unwrap();
    key(&fixture, "x");
    let into = |name: &str| token(&fixture.module).archive_audit(&path(&fixture, name), |_| ());
    returns!(into("a"), CKR_ACTION_PROHIBITED);
    drop(held);
    returns!(into("no/such/folder"), CKR_DEVICE_ERROR);
    let own = into("tokens/slot-0000.tenon").unwrap_err().to_string();
    assert!(own.contains("the token's own file"), "{own}");
    assert_eq!(verify(&fixture).archived, 6);
    fixture.session.logout().unwrap();
    returns!(into("a"), CKR_USER_NOT_LOGGED_IN);
    fixture.session.login(ck::CKU_SO, SO_PIN).unwrap();
    returns!(into("a"), CKR_OK, "the security officer archives too");
    fixture.session.logout().unwrap();
    fixture.module.close_all_sessions(SLOT).unwrap();
    fixture
        .module
        .init_token(SLOT, SO_PIN, &padded("anew"))
        .unwrap();
    let anew = fixture.open(RO);
    drop(anew);
    token(&fixture.module).login(true, SO_PIN).unwrap();
    let verified = token(&fixture.module).verify_audit().unwrap();
    assert_eq!((verified.records, verified.archived), (1, 0));
}
