//! The token below the C functions, and its file below the token.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tenon_pkcs11::api::attr::Revealed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::module::Module;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::store::Uid;
use tenon_pkcs11::api::token::{AuditEntry, Event, Handle, Token};

use crate::common::{Fixture, SLOT};

pub(crate) fn token(module: &Module) -> Arc<Token> {
    module.token(SLOT).unwrap()
}

/// Every record, as whoever is logged in reads it.
pub(crate) fn records(module: &Module) -> Vec<AuditEntry> {
    let records = token(module).audit(1, 1_000_000).unwrap();
    assert!(
        (1..)
            .zip(&records)
            .all(|(at, (position, _))| at == *position)
    );
    records.into_iter().map(|(_, entry)| entry).collect()
}

/// The last record.
pub(crate) fn last(module: &Module) -> AuditEntry {
    records(module).pop().unwrap()
}

pub(crate) fn events(module: &Module) -> Vec<Event> {
    let records = records(module);
    records.into_iter().map(|entry| entry.event).collect()
}

/// The name of an object.
pub(crate) fn uid(session: &Session, handle: Handle) -> Uid {
    let mut read = session.attributes(handle, &[ck::CKA_UNIQUE_ID]).unwrap();
    let Revealed::Value(text) = read.remove(0) else {
        panic!("the name is shown");
    };
    let text = String::from_utf8(text).unwrap();
    u128::from_str_radix(&text, 16).unwrap().to_be_bytes()
}

/// Where the token's file is.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("tokens/slot-0000.tenon")
}

/// Closes the token, lets `edit` have its file, and opens it again for the user.
pub(crate) fn edited(fixture: Fixture, edit: impl FnOnce(&Path)) -> Fixture {
    let Fixture {
        module,
        session,
        clock,
        folder,
    } = fixture;
    drop((session, module));
    edit(&file(folder.path()));
    let module = crate::common::open(&folder, &clock, |_| ()).unwrap();
    let session = crate::common::session(&module, crate::common::RW);
    session
        .login(ck::CKU_USER, crate::common::USER_PIN)
        .unwrap();
    Fixture {
        module,
        session,
        clock,
        folder,
    }
}

/// Runs SQL on a token's file that nobody has open.
pub(crate) fn sql(file: &Path, statements: &str) {
    let conn = rusqlite::Connection::open(file).unwrap();
    conn.execute_batch(statements).unwrap();
}

/// Takes a copy of the closed token's file to `name` beside it.
pub(crate) fn copied(fixture: Fixture, name: &str) -> Fixture {
    edited(fixture, |file| {
        std::fs::copy(file, file.with_file_name(name)).unwrap();
    })
}

/// Puts back the objects with their index and material, and the `values` of the token, as they were
/// in the copy `name`.
pub(crate) fn put_back(file: &Path, name: &str, values: &[&str]) {
    let copy = file.with_file_name(name);
    let mut statements = format!(
        "PRAGMA foreign_keys = OFF; ATTACH '{}' AS copy;
         DELETE FROM main.posting; DELETE FROM main.material; DELETE FROM main.object;
         INSERT INTO main.object SELECT * FROM copy.object;
         INSERT INTO main.material SELECT * FROM copy.material;
         INSERT INTO main.posting SELECT * FROM copy.posting;",
        copy.display()
    );
    for value in values {
        statements +=
            &format!("REPLACE INTO main.meta SELECT * FROM copy.meta WHERE name = '{value}';");
    }
    sql(file, &statements);
}
