//! Erasing what is due, all at once.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::token::{Event, Swept};

use super::outside::{ID, Import, MATERIAL, find};
use super::tools::{edited, events, last, sql, token};
use crate::common::{Fixture, RW, TODAY, USER_PIN, attrs, returns, session};

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

/// Keys that came together expire together: a login erases a part, whatever their number, and what it
/// has left is unusable all the same, and goes with the next changes.
#[test]
fn a_login_erases_a_part_and_the_next_changes_the_rest() {
    const KEYS: usize = 800;
    let import = Import::new();
    let soon = (TODAY + 60).to_be_bytes();
    for id in 0..KEYS {
        let id = id.to_be_bytes();
        let template = attrs![CKA_ID => &id, CKA_TENON_EXPIRES_AT => &soon];
        import.import(MATERIAL, template).unwrap();
    }
    import.fixture.clock.set(TODAY + 60);
    let Fixture {
        module,
        session,
        clock,
        folder,
    } = import.fixture.reopened();
    let token = token(&module);
    let expired = || {
        let events = events(&module);
        events
            .iter()
            .filter(|event| **event == Event::Expire)
            .count()
    };
    let swept = token.login(false, USER_PIN).unwrap();
    assert!(swept.left && swept.materials < KEYS as u64, "{swept:?}");
    assert_eq!(expired() as u64, swept.materials);
    let last_one = (KEYS - 1).to_be_bytes();
    assert!(find(&session, &attrs![CKA_ID => &last_one]).is_empty());
    let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true];
    let mut changes = 0;
    while expired() < KEYS {
        session.create_object(&data).unwrap();
        changes += 1;
        assert!(changes < 10, "{} are left", KEYS - expired());
    }
    assert_eq!(token.sweep().unwrap(), Swept::default());
    token.verify_audit().unwrap();
    drop((clock, folder));
}

/// The damaged one is the first of its batch.
#[test]
fn a_batch_goes_on_behind_a_damaged_object() {
    let import = Import::new();
    let soon = (TODAY + 60).to_be_bytes();
    for id in 0..100_u64 {
        let id = id.to_be_bytes();
        let template = attrs![CKA_ID => &id, CKA_TENON_EXPIRES_AT => &soon];
        import.import(MATERIAL, template).unwrap();
    }
    let fixture = edited(import.fixture, |file| {
        sql(
            file,
            "UPDATE object SET mac = zeroblob(32) WHERE id % 40 = 5",
        );
    });
    fixture.clock.set(TODAY + 60);
    let swept = token(&fixture.module).sweep().unwrap();
    assert_eq!((swept.materials, swept.failed), (97, 3), "{swept:?}");
}
