//! C_SetAttributeValue, C_CopyObject, C_DestroyObject.

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;

use crate::common::{Calls, Fixture, SO_PIN, attrs, full, returns, secret};

#[test]
fn keys_become_stricter_never_laxer() {
    for token in [false, true] {
        let fixture = Fixture::new();
        let session = &fixture.session;
        let changes = attrs![CKA_TOKEN => token, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
        let key = secret(session, ck::CKK_AES, changes).private;
        let set = |template: Vec<RawAttribute>| session.set_attributes(key, &template);
        returns!(set(attrs![CKA_SENSITIVE => true]), CKR_OK);
        returns!(set(attrs![CKA_SENSITIVE => false]), CKR_ATTRIBUTE_READ_ONLY);
        returns!(set(attrs![CKA_EXTRACTABLE => false]), CKR_OK);
        returns!(
            set(attrs![CKA_EXTRACTABLE => true]),
            CKR_ATTRIBUTE_READ_ONLY
        );
        returns!(set(attrs![CKA_WRAP_WITH_TRUSTED => true]), CKR_OK);
        returns!(
            set(attrs![CKA_WRAP_WITH_TRUSTED => false]),
            CKR_ATTRIBUTE_READ_ONLY
        );
        returns!(set(attrs![CKA_COPYABLE => false]), CKR_OK);
        returns!(set(attrs![CKA_COPYABLE => true]), CKR_ATTRIBUTE_READ_ONLY);
        returns!(set(attrs![CKA_TRUSTED => true]), CKR_ATTRIBUTE_READ_ONLY);
        returns!(
            set(attrs![CKA_CLASS => ck::CKO_DATA]),
            CKR_ATTRIBUTE_READ_ONLY
        );
        returns!(set(attrs![CKA_MODULUS => b"n"]), CKR_TEMPLATE_INCONSISTENT);
        returns!(set(attrs![CKA_SIGN => &[7]]), CKR_ATTRIBUTE_VALUE_INVALID);
        returns!(session.copy_object(key, &[]), CKR_ACTION_PROHIBITED);
        let read = session
            .attributes(key, &[ck::CKA_VALUE, ck::CKA_SENSITIVE])
            .unwrap();
        assert_eq!(read, [Revealed::Sensitive, Revealed::Value(vec![1])]);
    }
}

#[test]
fn a_refused_template_changes_nothing() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = secret(session, ck::CKK_AES, attrs![CKA_TOKEN => true]).private;
    let refused = attrs![CKA_LABEL => "new", CKA_LOCAL => true];
    returns!(
        session.set_attributes(key, &refused),
        CKR_ATTRIBUTE_READ_ONLY
    );
    let read = session.attributes(key, &[ck::CKA_LABEL]).unwrap();
    assert_eq!(read, [Revealed::Value(vec![])]);
}

#[test]
fn what_must_not_change_or_go_does_not() {
    for token in [false, true] {
        let fixture = Fixture::new();
        let session = &fixture.session;
        let make = |mut template: Vec<RawAttribute>| {
            template.extend(attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => token]);
            session.create_object(&template).unwrap()
        };
        let fixed = make(attrs![CKA_MODIFIABLE => false]);
        let label = attrs![CKA_LABEL => "x"];
        returns!(session.set_attributes(fixed, &label), CKR_ACTION_PROHIBITED);
        returns!(session.destroy_object(fixed), CKR_OK);
        returns!(session.destroy_object(fixed), CKR_OBJECT_HANDLE_INVALID);

        let lasting = make(attrs![CKA_DESTROYABLE => false]);
        returns!(session.set_attributes(lasting, &label), CKR_OK);
        returns!(session.destroy_object(lasting), CKR_ACTION_PROHIBITED);
        returns!(session.object_size(lasting), CKR_OK);
    }
}

#[test]
fn copies_live_where_they_are_told_to_and_work() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for (from, to) in [(false, true), (true, false), (true, true), (false, false)] {
        let key = secret(session, ck::CKK_AES, attrs![CKA_TOKEN => from]).private;
        let changes = attrs![CKA_TOKEN => to, CKA_LABEL => "copy", CKA_DECRYPT => false];
        let copy = session.copy_object(key, &changes).unwrap();
        session.destroy_object(key).unwrap();
        let read = session
            .attributes(copy, &[ck::CKA_TOKEN, ck::CKA_LABEL])
            .unwrap();
        assert_eq!(
            read,
            [vec![u8::from(to)], b"copy".to_vec()].map(Revealed::Value)
        );
        let ecb = || fixture.plain(ck::CKM_AES_ECB);
        returns!(
            session.decrypt_init(ecb(), copy),
            CKR_KEY_FUNCTION_NOT_PERMITTED
        );
        session.encrypt_init(ecb(), copy).unwrap();
        returns!(full(|out| session.encrypt(&[0; 16], out)), CKR_OK);
    }
    let key = secret(session, ck::CKK_AES, attrs![CKA_SENSITIVE => true]).private;
    let copy = |changes: Vec<RawAttribute>| session.copy_object(key, &changes);
    returns!(
        copy(attrs![CKA_SENSITIVE => false]),
        CKR_ATTRIBUTE_READ_ONLY
    );
    returns!(
        copy(attrs![CKA_EXTRACTABLE => true]),
        CKR_ATTRIBUTE_READ_ONLY
    );
    returns!(copy(attrs![CKA_PRIVATE => false]), CKR_ATTRIBUTE_READ_ONLY);
    returns!(
        copy(attrs![CKA_KEY_TYPE => ck::CKK_RSA]),
        CKR_ATTRIBUTE_READ_ONLY
    );
    returns!(session.copy_object(0, &[]), CKR_OBJECT_HANDLE_INVALID);
}

#[test]
fn changes_are_there_after_reopening() {
    let fixture = Fixture::new();
    let kept = attrs![CKA_TOKEN => true, CKA_LABEL => "kept"];
    let gone = attrs![CKA_TOKEN => true, CKA_LABEL => "gone"];
    let key = secret(&fixture.session, ck::CKK_AES, kept).private;
    let destroyed = secret(&fixture.session, ck::CKK_AES, gone).private;
    let template = attrs![CKA_LABEL => "changed", CKA_DECRYPT => false, CKA_END_DATE => "20300101"];
    fixture.session.set_attributes(key, &template).unwrap();
    fixture.session.destroy_object(destroyed).unwrap();

    let fixture = fixture.reopened_as_user();
    let session = &fixture.session;
    session.find_init(&[]).unwrap();
    let [key] = session.find(10).unwrap()[..] else {
        panic!("one object is left");
    };
    let read = session.attributes(key, &[ck::CKA_LABEL, ck::CKA_DECRYPT, ck::CKA_END_DATE]);
    let expected = [b"changed".to_vec(), vec![0], b"20300101".to_vec()].map(Revealed::Value);
    assert_eq!(read.unwrap(), expected);
    session
        .sign_init(fixture.plain(ck::CKM_SHA256_HMAC), key)
        .unwrap();
    returns!(full(|out| session.sign(b"text", out)), CKR_OK);
}

#[test]
fn the_officer_trusts_wrapping_keys() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let template = attrs![
        CKA_TOKEN => true, CKA_MODULUS_BITS => 2048, CKA_WRAP => true, CKA_ENCRYPT => false,
        CKA_ID => b"trusted",
    ];
    let mechanism = fixture.plain(ck::CKM_RSA_PKCS_KEY_PAIR_GEN);
    let (public, _) = session
        .generate_key_pair(mechanism, &template, &[])
        .unwrap();
    let trust = attrs![CKA_TRUSTED => true];
    returns!(
        session.set_attributes(public, &trust),
        CKR_ATTRIBUTE_READ_ONLY
    );
    session.logout().unwrap();
    session.login(ck::CKU_SO, SO_PIN).unwrap();
    returns!(session.set_attributes(public, &trust), CKR_OK);
    let encrypt = attrs![CKA_ENCRYPT => true];
    returns!(
        session.set_attributes(public, &encrypt),
        CKR_TEMPLATE_INCONSISTENT
    );
    let wrap = attrs![CKA_WRAP => false];
    returns!(
        session.set_attributes(public, &wrap),
        CKR_ATTRIBUTE_READ_ONLY
    );
}

/// Fills the disk, so it needs one of its own: `TENON_SMALL_DISK` names a directory on it.
#[test]
fn a_full_disk_keeps_nothing_from_being_destroyed() {
    let Some(disk) = std::env::var_os("TENON_SMALL_DISK") else {
        println!("not run: TENON_SMALL_DISK is not set");
        return;
    };
    let directory = tempfile::tempdir_in(disk).unwrap();
    let fixture = Fixture::configured(|config| config.token_dir = directory.path().join("tokens"));
    let session = &fixture.session;
    let key = secret(session, ck::CKK_AES, attrs![CKA_TOKEN => true]).private;
    let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_VALUE => &[7; 20_000]];
    let mut made = vec![key];
    let refused = loop {
        match session.create_object(&data) {
            Ok(object) => made.push(object),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.rv, ck::CKR_DEVICE_MEMORY);
    assert!(made.len() > 5);
    for object in made {
        returns!(session.destroy_object(object), CKR_OK);
        returns!(session.destroy_object(object), CKR_OBJECT_HANDLE_INVALID);
    }
    let fixture = Fixture {
        folder: directory,
        ..fixture
    };
    let fixture = fixture.reopened_as_user();
    fixture.session.find_init(&[]).unwrap();
    assert!(fixture.session.find(9).unwrap().is_empty());
}
