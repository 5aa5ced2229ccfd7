//! The search index in a file that others have changed: no search answers another object, and
//! verifying finds what is wrong.

use std::env;
use std::process::Command;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::config::{LogLevel, LogTarget};
use tenon_pkcs11::api::token::Handle;

use super::outside::find;
use super::tools::{edited, sql, token};
use crate::common::{Fixture, RW, USER_PIN, attrs, open, rv, secret, session};

/// A token with the keys "alice" (object 1) and "bob" (object 2), named in label and CKA_ID, in whose
/// file `statements` were run.
fn with_index(private: bool, statements: &str) -> Fixture {
    let fixture = Fixture::new();
    for name in ["alice", "bob"] {
        let template = attrs![
            CKA_TOKEN => true, CKA_PRIVATE => private, CKA_LABEL => name, CKA_ID => name,
        ];
        secret(&fixture.session, ck::CKK_AES, template);
    }
    edited(fixture, |file| sql(file, statements))
}

fn by_label(fixture: &Fixture, name: &str) -> Vec<Handle> {
    find(&fixture.session, &attrs![CKA_LABEL => name])
}

/// Set in the process of a test that runs alone.
const ALONE: &str = "TENON_TEST_ALONE";

const SWAP: &str = "UPDATE posting SET object = 3 - object";

#[test]
fn swapped_index_rows_answer_no_other_key() {
    for private in [false, true] {
        let fixture = with_index(private, SWAP);
        let session = &fixture.session;
        for name in ["alice", "bob"] {
            for template in [
                attrs![CKA_LABEL => name],
                attrs![CKA_ID => name],
                attrs![CKA_LABEL => name, CKA_ENCRYPT => true],
                attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_ID => name],
            ] {
                assert_eq!(find(session, &template), [0; 0], "{name}, {private}");
            }
        }
        let keys = find(session, &attrs![CKA_CLASS => ck::CKO_SECRET_KEY]);
        assert_eq!(keys.len(), 2, "the keys themselves are untouched");
    }
}

#[test]
fn an_index_row_that_was_added_answers_no_other_key() {
    let fixture = with_index(
        true,
        "INSERT OR IGNORE INTO posting SELECT value, 3 - object FROM posting",
    );
    let keys = find(&fixture.session, &attrs![CKA_CLASS => ck::CKO_SECRET_KEY]);
    for name in ["alice", "bob"] {
        let found = by_label(&fixture, name);
        assert_eq!(found.len(), 1, "{name}");
        assert!(keys.contains(&found[0]));
    }
    assert_ne!(by_label(&fixture, "alice"), by_label(&fixture, "bob"));
}

/// More candidates than a search keeps in memory are compared one by one.
#[test]
fn of_many_candidates_each_is_compared() {
    let fixture = Fixture::new();
    for _ in 0..300 {
        let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_LABEL => "many"];
        fixture.session.create_object(&data).unwrap();
    }
    let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_LABEL => "other"];
    fixture.session.create_object(&data).unwrap();
    let fixture = edited(fixture, |file| {
        sql(
            file,
            "INSERT OR IGNORE INTO posting SELECT value, (SELECT max(id) FROM object) FROM posting \
             WHERE object = 1",
        );
    });
    assert_eq!(by_label(&fixture, "many").len(), 300);
    assert_eq!(by_label(&fixture, "other").len(), 1);
}

/// One line tells of it, however many objects it is about. A process has one log, which every test that
/// opens a module sets: this one runs in a process of its own.
#[test]
fn the_log_says_once_what_was_left_out() {
    if env::var_os(ALONE).is_none() {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "index::the_log_says_once_what_was_left_out"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && out.contains("1 passed"), "{out}");
        return;
    }
    let fixture = with_index(true, SWAP);
    let Fixture {
        module,
        session: old,
        clock,
        folder,
    } = fixture;
    drop((old, module));
    let log = folder.path().join("log");
    let module = open(&folder, &clock, |config| {
        config.log_target = LogTarget::File(log.clone());
        config.log_level = LogLevel::Error;
    })
    .unwrap();
    let session = session(&module, RW);
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    assert_eq!(find(&session, &attrs![CKA_LABEL => "alice"]), [0; 0]);
    let lines = std::fs::read_to_string(log).unwrap();
    let told = |line: &&str| line.contains("search index") && line.contains("tenon audit verify");
    assert_eq!(lines.lines().filter(told).count(), 1, "{lines}");
    assert!(!lines.contains("alice"), "no value of a private object");
}

#[test]
fn verifying_finds_every_wrong_index_row() {
    for (statement, what) in [
        (SWAP, "3 rows are missing, and 3 are of other values"),
        (
            "DELETE FROM posting WHERE value = (SELECT min(value) FROM posting WHERE object = 1)",
            "1 rows are missing, and 0",
        ),
        (
            "INSERT INTO posting VALUES (zeroblob(16), 2)",
            "0 rows are missing, and 1",
        ),
        (
            "PRAGMA foreign_keys = OFF; INSERT INTO posting VALUES (zeroblob(16), 77)",
            "7 index rows are there, and the objects have 6",
        ),
        (
            "UPDATE object SET hidden = 1 WHERE id = 1",
            "authentication tag",
        ),
        (
            "UPDATE object SET class = 2 WHERE id = 1",
            "authentication tag",
        ),
        (
            "UPDATE object SET expires_at = 1 WHERE id = 2",
            "authentication tag",
        ),
        (
            "DELETE FROM material WHERE object = 1",
            "a key's material, which is missing",
        ),
        (
            "UPDATE material SET data_key = (SELECT data_key FROM material WHERE object = 2) \
             WHERE object = 1",
            "a key's sealed material",
        ),
    ] {
        let fixture = with_index(true, statement);
        let verified = token(&fixture.module).verify_audit();
        assert_eq!(rv(&verified), "CKR_DEVICE_ERROR", "{statement}");
        let found = verified.unwrap_err().to_string();
        assert!(found.contains(what), "{statement}: {found}");
    }
}

#[test]
fn verifying_finds_a_damaged_index_of_sqlite() {
    // The entries of this index are then those of another column; SQLite's own check alone can tell.
    let statement = "PRAGMA writable_schema = ON; \
         UPDATE sqlite_schema SET sql = 'CREATE INDEX object_head ON object (private, class, key_type, id, uid, hidden, format, deletion_at)' \
         WHERE name = 'object_head'; \
         PRAGMA writable_schema = OFF";
    let fixture = Fixture::new();
    secret(&fixture.session, ck::CKK_AES, attrs![CKA_TOKEN => true]);
    let fixture = edited(fixture, |file| sql(file, statement));
    let found = token(&fixture.module).verify_audit().unwrap_err();
    let found = found.to_string();
    assert!(
        found.contains("SQLite's check") && found.contains("object_head"),
        "{found}"
    );
}
