//! BYOK rules 2, 4, 5, 6, 9, 12 and 13, through the states of an external key.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::Clock;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use super::jobs::{aes, external, job};
use super::outside::{ID, Import, MATERIAL, OTHER, find, oaep, oaep_blob, request};
use crate::common::{Calls, Fixture, RW, SLOT, TODAY, USER_PIN, attrs, bytes, full, returns, with};

const DAY: u64 = 86_400;

fn now(token: &Import) -> u64 {
    token.fixture.clock.now()
}

fn set(token: &Import, key: Handle, changes: Vec<RawAttribute>) -> Result<()> {
    token.fixture.session.set_attributes(key, &changes)
}

fn schedule(token: &Import, key: Handle, at: u64) -> Result<()> {
    set(
        token,
        key,
        attrs![CKA_TENON_DELETION_AT => &at.to_be_bytes()],
    )
}

#[test]
fn rule_2_a_disabled_key_stays_disabled() {
    let token = Import::new();
    let key = token.import(MATERIAL, vec![]).unwrap();
    set(&token, key, attrs![CKA_TENON_DISABLED => true]).unwrap();
    assert_eq!(token.state(key), ck::STATE_DISABLED);
    let expiry = (TODAY + DAY).to_be_bytes();
    let again = token.import(MATERIAL, attrs![CKA_TENON_EXPIRES_AT => &expiry]);
    assert_eq!(again.unwrap(), key);
    assert_eq!(token.state(key), ck::STATE_DISABLED);
    assert_eq!(token.value(key, ck::CKA_TENON_EXPIRES_AT), expiry);
    returns!(token.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    token.fixture.session.destroy_object(key).unwrap();
    let key = token.import(MATERIAL, vec![]).unwrap();
    assert_eq!(token.state(key), ck::STATE_DISABLED);
    set(&token, key, attrs![CKA_TENON_DISABLED => false]).unwrap();
    assert!(token.encrypt(key).is_ok());
}

#[test]
fn rule_2_without_an_expiry_it_is_the_default_of_the_profile() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, attrs![CKA_TENON_PROFILE => "huawei"]).unwrap();
    let job = job(session, key, 2).unwrap();
    let import = |changes| {
        let (mechanism, blob) = job.owner.wrap(2, MATERIAL);
        let template = with(aes(), changes);
        session
            .unwrap_key(
                request(mechanism, Params::None),
                job.private,
                &blob,
                &template,
            )
            .unwrap();
        let value = bytes(session, key, ck::CKA_TENON_EXPIRES_AT);
        u64::from_be_bytes(value.try_into().unwrap())
    };
    let later = (TODAY + 9 * DAY).to_be_bytes();
    assert_eq!(import(vec![]), TODAY + DAY);
    assert_eq!(
        import(attrs![CKA_TENON_EXPIRES_AT => &later]),
        TODAY + 9 * DAY
    );
    assert_eq!(import(attrs![CKA_TENON_EXPIRES_AT => &[0; 8]]), 0);
    assert_eq!(import(vec![]), TODAY + DAY, "never the old one");
}

/// Every entry into a key's use, and every later step of it.
#[test]
fn rule_4_every_entry_and_every_step_refuses() {
    let token = Import::new();
    let session = &token.fixture.session;
    let template = attrs![
        CKA_SIGN => true, CKA_VERIFY => true, CKA_WRAP => true, CKA_UNWRAP => true,
    ];
    let fresh = || {
        token
            .import(
                MATERIAL,
                with(
                    with(super::outside::aes_template(), template.clone()),
                    attrs![CKA_TENON_EXPIRES_AT => &(now(&token) + 60).to_be_bytes()],
                ),
            )
            .unwrap()
    };
    let key = fresh();
    let cbc = || request(ck::CKM_AES_CBC_PAD, Params::Iv(vec![0; 16].into()));
    let cmac = || request(ck::CKM_AES_CMAC, Params::None);
    let kwp = || request(ck::CKM_AES_KEY_WRAP_KWP, Params::None);
    let text = {
        session.encrypt_init(cbc(), key).unwrap();
        full(|out| session.encrypt(&[1; 40], out)).unwrap()
    };
    let mac = {
        session.sign_init(cmac(), key).unwrap();
        full(|out| session.sign(b"message", out)).unwrap()
    };
    let secret = session
        .create_object(&attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES,
            CKA_VALUE => &[5; 16], CKA_EXTRACTABLE => true,
        ])
        .unwrap();
    let wrapped = full(|out| session.wrap_key(kwp(), key, secret, out)).unwrap();

    type Step<'a> = (
        &'a str,
        Box<dyn Fn(Handle) -> Result<()> + 'a>,
        Box<dyn Fn() -> Result<()> + 'a>,
    );
    let nothing = || Box::new(|| Ok(())) as Box<dyn Fn() -> Result<()>>;
    let steps: Vec<Step<'_>> = vec![
        (
            "encrypt",
            Box::new(|key| session.encrypt_init(cbc(), key)),
            Box::new(|| full(|out| session.encrypt(&[1; 16], out)).map(drop)),
        ),
        (
            "encrypt update",
            Box::new(|key| session.encrypt_init(cbc(), key)),
            Box::new(|| full(|out| session.encrypt_update(&[1; 16], out)).map(drop)),
        ),
        (
            "encrypt final",
            Box::new(|key| {
                session.encrypt_init(cbc(), key)?;
                full(|out| session.encrypt_update(&[1; 5], out)).map(drop)
            }),
            Box::new(|| full(|out| session.encrypt_final(out)).map(drop)),
        ),
        (
            "decrypt",
            Box::new(|key| session.decrypt_init(cbc(), key)),
            Box::new(|| full(|out| session.decrypt(&text, out)).map(drop)),
        ),
        (
            "decrypt update",
            Box::new(|key| session.decrypt_init(cbc(), key)),
            Box::new(|| full(|out| session.decrypt_update(&text, out)).map(drop)),
        ),
        (
            "decrypt final",
            Box::new(|key| {
                session.decrypt_init(cbc(), key)?;
                full(|out| session.decrypt_update(&text, out)).map(drop)
            }),
            Box::new(|| full(|out| session.decrypt_final(out)).map(drop)),
        ),
        (
            "sign",
            Box::new(|key| session.sign_init(cmac(), key)),
            Box::new(|| full(|out| session.sign(b"message", out)).map(drop)),
        ),
        (
            "sign update",
            Box::new(|key| session.sign_init(cmac(), key)),
            Box::new(|| session.sign_update(b"message")),
        ),
        (
            "sign final",
            Box::new(|key| {
                session.sign_init(cmac(), key)?;
                session.sign_update(b"message")
            }),
            Box::new(|| full(|out| session.sign_final(out)).map(drop)),
        ),
        (
            "verify",
            Box::new(|key| session.verify_init(cmac(), key)),
            Box::new(|| session.verify(b"message", &mac)),
        ),
        (
            "verify update",
            Box::new(|key| session.verify_init(cmac(), key)),
            Box::new(|| session.verify_update(b"message")),
        ),
        (
            "verify final",
            Box::new(|key| {
                session.verify_init(cmac(), key)?;
                session.verify_update(b"message")
            }),
            Box::new(|| session.verify_final(&mac)),
        ),
        (
            "wrap",
            Box::new(|key| full(|out| session.wrap_key(kwp(), key, secret, out)).map(drop)),
            nothing(),
        ),
        (
            "unwrap",
            Box::new(|key| session.unwrap_key(kwp(), key, &wrapped, &aes()).map(drop)),
            nothing(),
        ),
    ];
    for (name, begin, go_on) in &steps {
        let key = fresh();
        returns!(begin(key), CKR_OK, "{name}");
        token.fixture.clock.set(now(&token) + 60);
        if !matches!(*name, "wrap" | "unwrap") {
            returns!(
                go_on(),
                CKR_KEY_FUNCTION_NOT_PERMITTED,
                "{name} after the expiry"
            );
            returns!(
                go_on(),
                CKR_OPERATION_NOT_INITIALIZED,
                "{name}: it has ended"
            );
        }
        returns!(
            begin(key),
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            "{name} of an expired key"
        );
    }
}

#[test]
fn rule_5_what_destroying_does() {
    let token = Import::new();
    let session = &token.fixture.session;
    let unbound = external(session, vec![]).unwrap();
    let uid = bytes(session, unbound, ck::CKA_UNIQUE_ID);
    session.destroy_object(unbound).unwrap();
    assert!(
        token.find(&attrs![CKA_UNIQUE_ID => &uid]).is_empty(),
        "it goes whole"
    );

    let key = token.import(MATERIAL, vec![]).unwrap();
    let uid = token.value(key, ck::CKA_UNIQUE_ID);
    let again = || token.find(&attrs![CKA_UNIQUE_ID => &uid])[0];
    let material_id = token.value(key, ck::CKA_TENON_MATERIAL_ID);
    schedule(&token, key, TODAY + 8 * DAY).unwrap();
    session.destroy_object(key).unwrap();
    let key = again();
    assert_eq!(token.state(key), ck::STATE_PENDING_DELETION);
    schedule(&token, key, 0).unwrap();
    assert_eq!(token.state(key), ck::STATE_PENDING_IMPORT);
    session.destroy_object(key).unwrap();
    let key = again();
    assert_eq!(token.state(key), ck::STATE_PENDING_IMPORT, "left as it is");
    let key = {
        let back = token.import(MATERIAL, vec![]).unwrap();
        assert_eq!(back, key);
        back
    };
    assert_eq!(token.value(key, ck::CKA_TENON_MATERIAL_ID), material_id);
}

#[test]
fn rule_6_a_key_dies_by_schedule_alone() {
    let token = Import::new();
    let key = token.import(MATERIAL, vec![]).unwrap();
    let uid = token.value(key, ck::CKA_UNIQUE_ID);
    for outside in [1, TODAY, TODAY + 7 * DAY - 61, TODAY + 30 * DAY + 1] {
        returns!(
            schedule(&token, key, outside),
            CKR_ATTRIBUTE_VALUE_INVALID,
            "{outside}"
        );
    }
    // A caller adds seven days to a time up to a minute before the token reads its clock.
    schedule(&token, key, TODAY + 7 * DAY - 60).unwrap();
    schedule(&token, key, 0).unwrap();
    let due = TODAY + 7 * DAY;
    schedule(&token, key, due).unwrap();
    assert_eq!(token.state(key), ck::STATE_PENDING_DELETION);
    returns!(token.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    returns!(
        token.import(MATERIAL, vec![]),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    returns!(token.import(OTHER, vec![]), CKR_KEY_FUNCTION_NOT_PERMITTED);
    schedule(&token, key, 0).unwrap();
    assert_eq!(
        token.state(key),
        ck::STATE_ENABLED,
        "the derived state is back"
    );
    schedule(&token, key, due).unwrap();
    token.fixture.clock.set(due - 1);
    assert_eq!(token.state(key), ck::STATE_PENDING_DELETION);
    token.fixture.clock.set(due);
    returns!(schedule(&token, key, 0), CKR_OBJECT_HANDLE_INVALID);
    returns!(token.encrypt(key), CKR_KEY_HANDLE_INVALID);
    returns!(
        token.fixture.session.object_size(key),
        CKR_OBJECT_HANDLE_INVALID
    );
    assert!(token.find(&attrs![CKA_UNIQUE_ID => &uid]).is_empty());
    let token = Import::over(token.fixture.reopened_as_user());
    assert!(token.find(&attrs![CKA_UNIQUE_ID => &uid]).is_empty());
    let another = token.import(OTHER, vec![]).unwrap();
    assert_ne!(
        token.value(another, ck::CKA_UNIQUE_ID),
        uid,
        "its name is never used again"
    );
}

/// A key whose deletion has come, and which nobody has touched since, is in nobody's way.
#[test]
fn rule_6_a_deleted_key_leaves_its_id_to_the_next() {
    let token = Import::new();
    let key = token.import(MATERIAL, vec![]).unwrap();
    let uid = token.value(key, ck::CKA_UNIQUE_ID);
    schedule(&token, key, TODAY + 7 * DAY).unwrap();
    token.fixture.clock.set(TODAY + 7 * DAY);
    let next = token.import(OTHER, vec![]).unwrap();
    assert_ne!(token.value(next, ck::CKA_UNIQUE_ID), uid);

    schedule(&token, next, TODAY + 14 * DAY).unwrap();
    token.fixture.clock.set(TODAY + 600 * DAY);
    returns!(
        token.import(MATERIAL, vec![]),
        CKR_KEY_FUNCTION_NOT_PERMITTED,
        "not while the clock may be wrong"
    );
}

#[test]
fn rule_9_usage_is_fixed_at_creation() {
    let token = Fixture::new();
    let session = &token.session;
    let usages = |key| {
        [
            ck::CKA_ENCRYPT,
            ck::CKA_DECRYPT,
            ck::CKA_SIGN,
            ck::CKA_VERIFY,
        ]
        .map(|kind| bytes(session, key, kind) == [1])
    };
    let none = || crate::common::no_uses();
    for (kind, expected) in [
        (attrs![CKA_ENCRYPT => true], [true, true, false, false]),
        (attrs![CKA_DECRYPT => true], [true, true, false, false]),
        (attrs![CKA_SIGN => true], [false, false, true, true]),
        (attrs![CKA_VERIFY => true], [false, false, true, true]),
    ] {
        let key = external(
            session,
            with(with(none(), attrs![CKA_DERIVE => false]), kind),
        )
        .unwrap();
        assert_eq!(usages(key), expected);
        for fixed in [
            attrs![CKA_ENCRYPT => true],
            attrs![CKA_SIGN => true],
            attrs![CKA_WRAP => true],
            attrs![CKA_DERIVE => true],
        ] {
            returns!(session.set_attributes(key, &fixed), CKR_ATTRIBUTE_READ_ONLY);
        }
    }
    let both =
        attrs![CKA_ENCRYPT => true, CKA_SIGN => true, CKA_TENON_PROFILE => "alibaba-hardware"];
    returns!(external(session, both), CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn rule_11_a_key_without_live_material_is_hidden() {
    let token = Import::new();
    let expiry = (TODAY + 60).to_be_bytes();
    let named = attrs![CKA_LABEL => "mine", CKA_TENON_EXPIRES_AT => &expiry];
    let key = token.import(MATERIAL, named).unwrap();
    let uid = token.value(key, ck::CKA_UNIQUE_ID);
    let ordinary = || {
        [
            attrs![],
            attrs![CKA_CLASS => ck::CKO_SECRET_KEY],
            attrs![CKA_KEY_TYPE => ck::CKK_AES],
            attrs![CKA_ID => ID],
            attrs![CKA_LABEL => "mine"],
        ]
    };
    for template in ordinary() {
        assert!(token.find(&template).contains(&key), "{template:?}");
    }
    token.fixture.clock.set(TODAY + 60);
    for template in ordinary() {
        assert!(!token.find(&template).contains(&key), "{template:?}");
    }
    for template in [
        attrs![CKA_UNIQUE_ID => &uid],
        attrs![CKA_ID => ID, CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL],
        attrs![CKA_TENON_KEY_STATE => ck::STATE_PENDING_IMPORT],
    ] {
        assert_eq!(token.find(&template), [key], "{template:?}");
    }
    assert_eq!(
        token.value(key, ck::CKA_LABEL),
        b"mine",
        "the handle is valid"
    );
    returns!(token.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_eq!(token.import(MATERIAL, vec![]).unwrap(), key);
    assert!(token.find(&attrs![CKA_ID => ID]).contains(&key));
}

#[test]
fn rule_12_every_change_is_one_record() {
    let token = Import::new();
    let audited = token.fixture.module.token(SLOT).unwrap();
    let count = || audited.audit_end().unwrap();
    let one = |what: &str, before: u64| assert_eq!(count(), before + 1, "{what}");
    let before = count();
    let key = token.import(MATERIAL, vec![]).unwrap();
    one("import", before);
    let before = count();
    token.import(OTHER, vec![]).unwrap_err();
    one("refused import", before);
    let before = count();
    set(
        &token,
        key,
        attrs![CKA_TENON_DISABLED => true, CKA_LABEL => "x"],
    )
    .unwrap();
    one("change", before);
    let before = count();
    token.fixture.session.destroy_object(key).unwrap();
    one("deleted material", before);
}

#[test]
fn rule_13_what_is_false_stays_false() {
    let token = Fixture::new();
    let session = &token.session;
    let asked = attrs![CKA_COPYABLE => true, CKA_EXTRACTABLE => true, CKA_SENSITIVE => false];
    let key = external(session, asked).unwrap();
    for kind in [
        ck::CKA_COPYABLE,
        ck::CKA_DERIVE,
        ck::CKA_EXTRACTABLE,
        ck::CKA_LOCAL,
    ] {
        assert_eq!(bytes(session, key, kind), [0], "{kind:#x}");
    }
    returns!(session.copy_object(key, &[]), CKR_ACTION_PROHIBITED);
    for fixed in [
        attrs![CKA_MODIFIABLE => true],
        attrs![CKA_ID => b"\x09"],
        attrs![CKA_TENON_PROFILE => "aws"],
        attrs![CKA_TENON_REQUIRE_TOKEN => false],
        attrs![CKA_WRAP_WITH_TRUSTED => true],
    ] {
        returns!(
            session.set_attributes(key, &fixed),
            CKR_ATTRIBUTE_READ_ONLY,
            "{fixed:?}"
        );
    }
}

/// As Java's KeyStore stores keys: it unwraps into the session, and copies that to the token.
#[test]
fn a_session_key_may_be_copied_to_the_token_unbound() {
    let token = Import::new();
    let session = &token.fixture.session;
    let template = with(super::outside::aes_template(), attrs![CKA_TOKEN => false]);
    let key = token
        .unwrap(oaep(), &oaep_blob(MATERIAL), &template)
        .unwrap();
    let stored = session
        .copy_object(key, &attrs![CKA_TOKEN => true])
        .unwrap();
    let origin = bytes(session, stored, ck::CKA_TENON_ORIGIN);
    assert_eq!(origin, ck::ORIGIN_IMPORTED.to_ne_bytes());
    assert!(
        token.import(OTHER, vec![]).is_ok(),
        "its CKA_ID is not bound"
    );
}

#[test]
fn a_copy_of_the_file_keeps_the_binding() {
    let token = Import::new();
    token.import(MATERIAL, vec![]).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let [from, to] = [token.fixture.folder.path(), elsewhere.path()].map(|at| at.join("tokens"));
    std::fs::create_dir(&to).unwrap();
    for entry in std::fs::read_dir(&from).unwrap() {
        let file = entry.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    let copy = crate::common::open(&elsewhere, &token.fixture.clock, |_| ()).unwrap();
    let there = crate::common::session(&copy, RW);
    there.login(ck::CKU_USER, USER_PIN).unwrap();
    let wrapping = super::outside::wrapping_key(&there);
    let unwrap = |session: &Session, material: &[u8]| {
        let template = super::outside::aes_template();
        session.unwrap_key(oaep(), wrapping, &oaep_blob(material), &template)
    };
    returns!(unwrap(&there, OTHER), CKR_TENON_MATERIAL_MISMATCH);
    assert!(unwrap(&there, MATERIAL).is_ok());
    assert_eq!(find(&there, &attrs![CKA_ID => ID]).len(), 1);
}
