//! The binding of a CKA_ID in a file that others have changed, and through the lives of a name.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::token::Handle;

use super::outside::{ID, Import, MATERIAL, OTHER, aes_template, oaep, oaep_blob, wrapping_key};
use super::tools::{edited, put_back, sql, token};
use crate::common::{RW, TODAY, USER_PIN, attrs, returns, session, with};

const DAY: u64 = 86_400;

/// The token again, its file edited by `statements`.
fn with_sql(import: Import, statements: &str) -> Import {
    let fixture = edited(import.fixture, |file| sql(file, statements));
    Import::over(fixture)
}

#[test]
fn no_index_row_stands_between_a_name_and_its_binding() {
    for statements in [
        "DELETE FROM posting",
        "DELETE FROM posting WHERE object = (SELECT max(id) FROM object)",
        "UPDATE posting SET value = CAST(substr(value, 2) || x'00' AS BLOB)",
    ] {
        let import = Import::new();
        let key = import.import(MATERIAL, vec![]).unwrap();
        let ciphertext = import.encrypt(key).unwrap();
        let import = with_sql(import, statements);
        returns!(import.import(OTHER, vec![]), CKR_TENON_MATERIAL_MISMATCH);
        let again = import.import(MATERIAL, vec![]).unwrap();
        assert_eq!(import.encrypt(again).unwrap(), ciphertext);
    }
}

fn external_template(private: bool) -> Vec<RawAttribute> {
    attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES,
        CKA_VALUE_LEN => 32 as ck::CK_ULONG, CKA_ID => ID, CKA_PRIVATE => private,
        CKA_ENCRYPT => true,
    ]
}

fn generate(import: &Import, private: bool) -> tenon_pkcs11::api::error::Result<Handle> {
    let request = super::outside::request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None);
    import
        .fixture
        .session
        .generate_key(request, &external_template(private))
}

#[test]
fn a_generated_external_key_is_found_by_its_name_without_an_index() {
    for private in [false, true] {
        let import = Import::new();
        let key = generate(&import, private).unwrap();
        let uid = import.value(key, ck::CKA_UNIQUE_ID);
        returns!(generate(&import, !private), CKR_TEMPLATE_INCONSISTENT);
        let import = with_sql(import, "DELETE FROM posting");
        returns!(generate(&import, private), CKR_TEMPLATE_INCONSISTENT);
        let imported = import.import(MATERIAL, vec![]).unwrap();
        assert_eq!(import.value(imported, ck::CKA_UNIQUE_ID), uid);
        returns!(import.import(OTHER, vec![]), CKR_TENON_MATERIAL_MISMATCH);
    }
}

#[test]
fn a_name_is_one_key_whatever_its_cka_private() {
    let import = Import::new();
    let open = import
        .import(MATERIAL, attrs![CKA_PRIVATE => false])
        .unwrap();
    returns!(
        import.import(OTHER, attrs![CKA_PRIVATE => true]),
        CKR_TENON_MATERIAL_MISMATCH
    );
    let same = import
        .import(MATERIAL, attrs![CKA_PRIVATE => true])
        .unwrap();
    assert_eq!(same, open);
    let other_name = import.import(OTHER, attrs![CKA_ID => "other"]).unwrap();
    assert_ne!(other_name, open);
}

/// Ends the key of a name: its scheduled deletion comes.
fn end(import: &Import, key: Handle, days: u64) {
    let at = (TODAY + days * DAY).to_be_bytes();
    let session = &import.fixture.session;
    session
        .set_attributes(key, &attrs![CKA_TENON_DELETION_AT => &at])
        .unwrap();
    import.fixture.clock.set(TODAY + days * DAY);
}

#[test]
fn each_life_of_a_name_has_a_uid_of_its_own_and_is_found() {
    let import = Import::new();
    let mut uids = Vec::new();
    for life in 1..=4 {
        let key = import.import(MATERIAL, vec![]).unwrap();
        uids.push(import.value(key, ck::CKA_UNIQUE_ID));
        end(&import, key, life * 8);
        // Of two lives the next begins before the sweep.
        if life % 2 == 0 {
            assert_eq!(token(&import.fixture.module).sweep().unwrap().keys, 2);
        }
    }
    let key = import.import(OTHER, vec![]).unwrap();
    uids.push(import.value(key, ck::CKA_UNIQUE_ID));
    token(&import.fixture.module).sweep().unwrap();
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), 5, "no uid is used twice");
    returns!(import.import(MATERIAL, vec![]), CKR_TENON_MATERIAL_MISMATCH);
    token(&import.fixture.module).verify_audit().unwrap();

    // The counts of the lives that have ended are not what finds the living key.
    let import = with_sql(
        import,
        "DELETE FROM meta WHERE name GLOB 'name.*'; DELETE FROM posting",
    );
    returns!(import.import(MATERIAL, vec![]), CKR_TENON_MATERIAL_MISMATCH);
    assert!(import.import(OTHER, vec![]).is_ok());
}

/// A key that was never bound is destroyed at once, so a client can end lives as fast as it calls.
#[test]
fn a_name_that_was_used_too_often_costs_no_other_name_much() {
    let import = Import::new();
    for _ in 0..256 {
        let key = generate(&import, true).unwrap();
        import.fixture.session.destroy_object(key).unwrap();
    }
    returns!(generate(&import, true), CKR_ATTRIBUTE_VALUE_INVALID);
    returns!(import.import(MATERIAL, vec![]), CKR_ATTRIBUTE_VALUE_INVALID);
    let other = import.import(OTHER, attrs![CKA_ID => "other"]).unwrap();
    assert!(import.encrypt(other).is_ok());
    token(&import.fixture.module).verify_audit().unwrap();
}

#[test]
fn a_bound_key_whose_rows_are_gone_is_not_forgotten() {
    let import = Import::new();
    import.import(MATERIAL, vec![]).unwrap();
    let import = with_sql(
        import,
        "PRAGMA foreign_keys = OFF; \
         DELETE FROM material WHERE object = (SELECT max(id) FROM object); \
         DELETE FROM posting WHERE object = (SELECT max(id) FROM object); \
         DELETE FROM object WHERE id = (SELECT max(id) FROM object)",
    );
    returns!(import.import(OTHER, vec![]), CKR_DEVICE_ERROR);
    returns!(generate(&import, true), CKR_DEVICE_ERROR);
    let other = import.import(OTHER, attrs![CKA_ID => "other"]).unwrap();
    assert!(import.encrypt(other).is_ok(), "other names go on");
}

#[test]
fn a_binding_that_was_put_back_from_before_it_is_not_forgotten() {
    for values in [&[][..], &["rows"]] {
        let import = Import::new();
        let import = Import::over(super::tools::copied(import.fixture, "before"));
        import.import(MATERIAL, vec![]).unwrap();
        let fixture = edited(import.fixture, |file| put_back(file, "before", values));
        returns!(
            Import::over(fixture).import(OTHER, vec![]),
            CKR_DEVICE_ERROR
        );
    }
}

#[test]
fn of_two_modules_that_import_at_once_one_binds() {
    let import = Import::new();
    let fixture = &import.fixture;
    let blobs = [MATERIAL, OTHER].map(|material| oaep_blob(material));
    let modules = [(); 2].map(|()| fixture.another());
    let sessions = modules.each_ref().map(|module| {
        let session = session(module, RW);
        session.login(ck::CKU_USER, USER_PIN).unwrap();
        let wrapping = wrapping_key(&session);
        (session, wrapping)
    });
    for round in 0..20_u8 {
        let id = [round + 1; 4];
        let template = with(aes_template(), attrs![CKA_ID => &id]);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let imports = sessions
                .iter()
                .zip(&blobs)
                .map(|((session, wrapping), blob)| {
                    let template = &template;
                    scope.spawn(move || {
                        session
                            .unwrap_key(oaep(), *wrapping, blob, template)
                            .map(drop)
                    })
                });
            let imports: Vec<_> = imports.collect();
            imports.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let bound = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(bound, 1, "{outcomes:?}");
    }
    token(&fixture.module).verify_audit().unwrap();
}
