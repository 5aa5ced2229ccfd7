//! Erasing what is due, all at once.

use tenon_pkcs11::ck;
use tenon_pkcs11::token::{Event, Swept};

use super::outside::{ID, Import, MATERIAL};
use super::tools::{edited, events, last, sql, token};
use crate::common::{RW, TODAY, USER_PIN, attrs, returns, session};

const DAY: u64 = 86_400;

#[test]
fn a_sweep_erases_what_is_due_and_counts_it() {
    let import = Import::new();
    let session = &import.fixture.session;
    let soon = (TODAY + 60).to_be_bytes();
    for id in ["a", "b"] {
        let template = attrs![CKA_ID => id, CKA_TENON_EXPIRES_AT => &soon];
        import.import(MATERIAL, template).unwrap();
    }
    let doomed = import.import(MATERIAL, vec![]).unwrap();
    let day = (TODAY + 7 * DAY).to_be_bytes();
    session
        .set_attributes(doomed, &attrs![CKA_TENON_DELETION_AT => &day])
        .unwrap();
    let name = import.value(doomed, ck::CKA_UNIQUE_ID);
    let token = token(&import.fixture.module);
    assert_eq!(token.sweep().unwrap(), Swept::default());
    import.fixture.clock.set(TODAY + 60);
    let materials = Swept {
        materials: 2,
        ..Swept::default()
    };
    assert_eq!(token.sweep().unwrap(), materials);
    import.fixture.clock.set(TODAY + 7 * DAY);
    let keys = Swept {
        keys: 1,
        ..Swept::default()
    };
    assert_eq!(token.sweep().unwrap(), keys);
    assert_eq!(last(&import.fixture.module).event, Event::Delete);
    assert!(import.find(&attrs![CKA_UNIQUE_ID => &name]).is_empty());
    assert!(import.find(&attrs![CKA_ID => ID]).is_empty());
    assert_eq!(token.sweep().unwrap(), Swept::default());
    token.verify_audit().unwrap();
}

#[test]
fn a_deleted_key_goes_at_the_next_touch() {
    let import = Import::new();
    let key = import.import(MATERIAL, vec![]).unwrap();
    let day = (TODAY + 7 * DAY).to_be_bytes();
    import
        .fixture
        .session
        .set_attributes(key, &attrs![CKA_TENON_DELETION_AT => &day])
        .unwrap();
    import.fixture.clock.set(TODAY + 7 * DAY);
    returns!(import.encrypt(key), CKR_KEY_HANDLE_INVALID);
    assert_eq!(last(&import.fixture.module).event, Event::Delete);
}

#[test]
fn a_sweep_needs_a_login() {
    let import = Import::new();
    import.fixture.session.logout().unwrap();
    let token = token(&import.fixture.module);
    returns!(token.sweep(), CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn one_damaged_object_keeps_neither_the_others_nor_the_login() {
    let import = Import::new();
    let soon = (TODAY + 60).to_be_bytes();
    for id in ["a", "b"] {
        let template = attrs![CKA_ID => id, CKA_TENON_EXPIRES_AT => &soon];
        import.import(MATERIAL, template).unwrap();
    }
    import.fixture.clock.set(TODAY + 60);
    let fixture = edited(import.fixture, |file| {
        sql(
            file,
            "UPDATE object SET mac = zeroblob(32) WHERE id = (SELECT min(id) FROM object)",
        );
    });
    let expired = events(&fixture.module);
    let expired = expired.iter().filter(|event| **event == Event::Expire);
    assert_eq!(expired.count(), 1, "the login has swept");
    let failed = Swept {
        failed: 1,
        ..Swept::default()
    };
    assert_eq!(token(&fixture.module).sweep().unwrap(), failed);
    let again = session(&fixture.another(), RW);
    returns!(again.login(ck::CKU_USER, USER_PIN), CKR_OK);
}
