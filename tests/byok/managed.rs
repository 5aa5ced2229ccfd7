//! BYOK rule 6: managed keys, which the token generates with a profile.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::token::Handle;

use super::envelope::{open, seal};
use super::jobs::{self, external};
use super::outside::{ID, Import, MATERIAL, find};
use crate::common::{
    Calls, Fixture, RO, RW, SLOT, TODAY, USER_PIN, attrs, bytes, full, number, returns, session,
    state, with,
};

const DAY: u64 = 86_400;

fn template() -> Vec<RawAttribute> {
    attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_VALUE_LEN => 32_u64, CKA_LABEL => "managed",
        CKA_TENON_PROFILE => "alibaba-default",
    ]
}

fn generate(token: &Fixture, changes: Vec<RawAttribute>) -> Result<Handle> {
    let request = token.plain(ck::CKM_AES_KEY_GEN);
    token
        .session
        .generate_key(request, &with(template(), changes))
}

fn schedule(token: &Fixture, key: Handle, at: u64) -> Result<()> {
    let change = attrs![CKA_TENON_DELETION_AT => &at.to_be_bytes()];
    token.session.set_attributes(key, &change)
}

#[test]
fn a_generated_key_with_a_profile_lives_as_a_services_key() {
    let token = Fixture::new();
    let session = &token.session;
    let key = generate(
        &token,
        attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true],
    )
    .unwrap();
    let flag = |kind| bytes(session, key, kind) == [1];
    let origin = number(session, key, ck::CKA_TENON_ORIGIN);
    assert_eq!(origin, ck::ORIGIN_GENERATED);
    assert_eq!(state(&token.session, key), ck::STATE_ENABLED);
    for kind in [
        ck::CKA_TOKEN,
        ck::CKA_SENSITIVE,
        ck::CKA_LOCAL,
        ck::CKA_ALWAYS_SENSITIVE,
        ck::CKA_NEVER_EXTRACTABLE,
        ck::CKA_ENCRYPT,
        ck::CKA_DECRYPT,
    ] {
        assert!(flag(kind), "{kind:#x}");
    }
    for kind in [
        ck::CKA_EXTRACTABLE,
        ck::CKA_COPYABLE,
        ck::CKA_SIGN,
        ck::CKA_DERIVE,
    ] {
        assert!(!flag(kind), "{kind:#x}");
    }
    returns!(session.copy_object(key, &[]), CKR_ACTION_PROHIBITED);
    let sealed = seal(session, key, b"text").unwrap();
    assert_eq!(
        sealed[17..33],
        bytes(session, key, ck::CKA_TENON_MATERIAL_ID)
    );

    session
        .set_attributes(key, &attrs![CKA_TENON_DISABLED => true])
        .unwrap();
    assert_eq!(state(&token.session, key), ck::STATE_DISABLED);
    returns!(open(session, key, &sealed), CKR_KEY_FUNCTION_NOT_PERMITTED);
    session
        .set_attributes(key, &attrs![CKA_TENON_DISABLED => false])
        .unwrap();
    let refused = session.destroy_object(key);
    returns!(refused, CKR_ACTION_PROHIBITED);
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("schedule-deletion"), "{why}");

    schedule(&token, key, TODAY + 8 * DAY).unwrap();
    assert_eq!(state(&token.session, key), ck::STATE_PENDING_DELETION);
    returns!(open(session, key, &sealed), CKR_KEY_FUNCTION_NOT_PERMITTED);
    returns!(session.destroy_object(key), CKR_ACTION_PROHIBITED);
    schedule(&token, key, 0).unwrap();
    assert_eq!(open(session, key, &sealed).unwrap(), b"text");
    let found = find(session, &attrs![CKA_TENON_KEY_STATE => ck::STATE_ENABLED]);
    assert_eq!(found, [key]);
}

#[test]
fn nothing_comes_into_a_managed_key_and_nothing_ends_it() {
    let token = Fixture::new();
    let session = &token.session;
    let key = generate(&token, attrs![CKA_ID => ID]).unwrap();
    returns!(
        jobs::job(session, key, 2).map(drop),
        CKR_TEMPLATE_INCONSISTENT
    );
    returns!(session.rotate(key, true), CKR_TEMPLATE_INCONSISTENT);
    returns!(session.receipt(key), CKR_TEMPLATE_INCONSISTENT);
    let expiry = (TODAY + DAY).to_be_bytes();
    returns!(
        session.set_attributes(key, &attrs![CKA_TENON_EXPIRES_AT => &expiry]),
        CKR_ATTRIBUTE_READ_ONLY
    );
    for fixed in [
        attrs![CKA_ID => b"other"],
        attrs![CKA_SIGN => true],
        attrs![CKA_TENON_PROFILE => "open"],
        attrs![CKA_COPYABLE => false],
        attrs![CKA_DERIVE => true],
        attrs![CKA_TENON_ORIGIN => ck::ORIGIN_IMPORTED],
    ] {
        returns!(
            session.set_attributes(key, &fixed),
            CKR_ATTRIBUTE_READ_ONLY,
            "{fixed:?}"
        );
    }
    for free in [
        attrs![CKA_LABEL => "other"],
        attrs![CKA_TENON_DESCRIPTION => "words", CKA_TENON_TAGS => r#"{"a":"b"}"#],
    ] {
        returns!(session.set_attributes(key, &free), CKR_OK, "{free:?}");
    }
    let spaced = attrs![CKA_LABEL => "no alias here"];
    returns!(
        session.set_attributes(key, &spaced),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
}

#[test]
fn what_a_template_of_a_managed_key_may_not_say() {
    let token = Fixture::new();
    for (changes, expected) in [
        (attrs![CKA_TOKEN => false], "CKR_TEMPLATE_INCONSISTENT"),
        (
            attrs![CKA_TENON_REQUIRE_TOKEN => true],
            "CKR_TEMPLATE_INCONSISTENT",
        ),
        (attrs![CKA_VALUE_LEN => 16_u64], "CKR_TEMPLATE_INCONSISTENT"),
        (attrs![CKA_SIGN => true], "CKR_TEMPLATE_INCONSISTENT"),
        (
            attrs![CKA_TENON_PROFILE => "nobody"],
            "CKR_ATTRIBUTE_VALUE_INVALID",
        ),
        (attrs![CKA_LABEL => "a b"], "CKR_ATTRIBUTE_VALUE_INVALID"),
        (attrs![CKA_TENON_TAGS => "{"], "CKR_ATTRIBUTE_VALUE_INVALID"),
        (
            attrs![CKA_TENON_EXPIRES_AT => &[0; 8]],
            "CKR_ATTRIBUTE_READ_ONLY",
        ),
    ] {
        let outcome = generate(&token, changes.clone());
        assert_eq!(crate::common::rv(&outcome), expected, "{changes:?}");
    }
    let session_object = generate(&token, attrs![CKA_TOKEN => false]);
    let said = session_object.unwrap_err().to_string();
    assert!(said.contains("token object: leave CKA_TOKEN out"), "{said}");
    let plain = attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_VALUE_LEN => 32_u64, CKA_TENON_DESCRIPTION => "no profile",
    ];
    let request = token.plain(ck::CKM_AES_KEY_GEN);
    returns!(
        token.session.generate_key(request, &plain),
        CKR_TEMPLATE_INCONSISTENT
    );
    assert!(find(&token.session, &[]).is_empty(), "none is left behind");
}

fn pair(
    token: &Fixture,
    public: Vec<RawAttribute>,
    private: Vec<RawAttribute>,
) -> Result<(Handle, Handle)> {
    token.session.generate_key_pair(
        token.plain(ck::CKM_EC_KEY_PAIR_GEN),
        &with(
            attrs![CKA_EC_PARAMS => tenon_pkcs11::api::crypto::ec::Curve::P256.params()],
            public,
        ),
        &private,
    )
}

#[test]
fn a_managed_pair_is_its_private_half() {
    let token = Fixture::new();
    let session = &token.session;
    let profile = || attrs![CKA_TENON_PROFILE => "aws", CKA_LABEL => "pay"];
    returns!(
        pair(&token, attrs![CKA_TENON_PROFILE => "aws"], vec![]),
        CKR_TEMPLATE_INCONSISTENT,
        "a public half has no life of its own"
    );
    returns!(
        pair(&token, attrs![CKA_ENCRYPT => true], profile()),
        CKR_TEMPLATE_INCONSISTENT,
        "P-256 does not encrypt"
    );
    let sign = attrs![CKA_TOKEN => true, CKA_VERIFY => true];
    let (public, private) = pair(&token, sign, profile()).unwrap();
    assert_eq!(state(&token.session, private), ck::STATE_ENABLED);
    let ecdsa = || token.plain(ck::CKM_ECDSA_SHA256);
    session.sign_init(ecdsa(), private).unwrap();
    let signature = full(|out| session.sign(b"message", out)).unwrap();
    session.verify_init(ecdsa(), public).unwrap();
    session.verify(b"message", &signature).unwrap();

    returns!(session.destroy_object(private), CKR_ACTION_PROHIBITED);
    session.destroy_object(public).unwrap();
    session.sign_init(ecdsa(), private).unwrap();
    full(|out| session.sign(b"message", out)).unwrap();
    assert!(!bytes(session, private, ck::CKA_PUBLIC_KEY_INFO).is_empty());
    session
        .set_attributes(private, &attrs![CKA_TENON_DISABLED => true])
        .unwrap();
    returns!(
        session.sign_init(ecdsa(), private),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
}

#[test]
fn at_its_time_a_managed_key_is_gone_in_every_process() {
    let token = Fixture::new();
    let key = generate(&token, vec![]).unwrap();
    let uid = bytes(&token.session, key, ck::CKA_UNIQUE_ID);
    let module = token.another();
    let elsewhere = session(&module, RW);
    elsewhere.login(ck::CKU_USER, USER_PIN).unwrap();
    let there = find(&elsewhere, &attrs![CKA_UNIQUE_ID => &uid])[0];
    elsewhere
        .encrypt_init(super::envelope::envelope(b""), there)
        .unwrap();
    let due = TODAY + 7 * DAY;
    schedule(&token, key, due).unwrap();
    let begun = full(|out| elsewhere.encrypt(b"text", out));
    returns!(begun, CKR_KEY_FUNCTION_NOT_PERMITTED);
    token.clock.set(due);
    let swept = token.module.token(SLOT).unwrap().sweep().unwrap();
    assert_eq!((swept.keys, swept.materials), (1, 0));
    returns!(schedule(&token, key, 0), CKR_OBJECT_HANDLE_INVALID);
    returns!(seal(&elsewhere, there, b"x"), CKR_KEY_HANDLE_INVALID);
    assert!(find(&token.session, &attrs![CKA_UNIQUE_ID => &uid]).is_empty());
    let reading = token.open(RO);
    assert!(find(&reading, &attrs![CKA_LABEL => "managed"]).is_empty());
}

#[test]
fn monitors_see_managed_keys_without_a_login() {
    let token = Fixture::new();
    let key = generate(&token, vec![]).unwrap();
    external(&token.session, attrs![CKA_LABEL => "waits"]).unwrap();
    let sealed = token.module.token(SLOT).unwrap().sealed_keys().unwrap();
    let mut known: Vec<_> = sealed
        .iter()
        .map(|key| (key.generated, key.bound, key.state.number().unwrap()))
        .collect();
    known.sort_unstable();
    assert_eq!(
        known,
        [
            (false, false, ck::STATE_PENDING_IMPORT),
            (true, true, state(&token.session, key)),
        ]
    );
}

/// BYOK rule 12b.
#[test]
fn no_managed_key_takes_a_bound_id() {
    let token = Import::new();
    token.import(MATERIAL, vec![]).unwrap();
    returns!(
        generate(&token.fixture, attrs![CKA_ID => ID]),
        CKR_TEMPLATE_INCONSISTENT
    );
}

/// BYOK rule 12a.
#[test]
fn an_alias_is_one_key() {
    let token = Fixture::new();
    let session = &token.session;
    let aws = |label: &str| attrs![CKA_TENON_PROFILE => "aws", CKA_LABEL => label];
    let first = generate(&token, aws("one")).unwrap();
    returns!(generate(&token, aws("one")), CKR_TEMPLATE_INCONSISTENT);
    returns!(external(session, aws("one")), CKR_TEMPLATE_INCONSISTENT);
    let second = external(session, aws("two")).unwrap();
    let rename = attrs![CKA_LABEL => "one"];
    returns!(
        session.set_attributes(second, &rename),
        CKR_TEMPLATE_INCONSISTENT
    );
    let job = jobs::job(session, second, 2).unwrap();
    let (mechanism, blob) = job.owner.wrap(2, MATERIAL);
    let import = |label: &str| {
        let request = super::outside::request(mechanism, Params::None);
        let template = with(
            jobs::aes(),
            attrs![CKA_LABEL => label, CKA_TENON_EXPIRES_AT => &[0; 8]],
        );
        session.unwrap_key(request, job.private, &blob, &template)
    };
    returns!(import("one"), CKR_TEMPLATE_INCONSISTENT);
    returns!(import("two"), CKR_OK, "its own");
    // A key of profile `open` may share its label with its like alone.
    let open = |label: &str| external(session, attrs![CKA_LABEL => label]);
    returns!(open("one"), CKR_TEMPLATE_INCONSISTENT);
    let third = open("three").unwrap();
    returns!(open("three"), CKR_OK);
    returns!(
        session.set_attributes(third, &rename),
        CKR_TEMPLATE_INCONSISTENT
    );
    returns!(generate(&token, aws("three")), CKR_TEMPLATE_INCONSISTENT);
    crate::common::secret(session, ck::CKK_AES, attrs![CKA_LABEL => "one"]);
    generate(&token, attrs![CKA_LABEL => ""]).unwrap();
    generate(&token, attrs![CKA_LABEL => ""]).unwrap();

    let due = TODAY + 7 * DAY;
    schedule(&token, first, due).unwrap();
    returns!(
        generate(&token, aws("one")),
        CKR_TEMPLATE_INCONSISTENT,
        "it lives"
    );
    token.clock.set(due);
    returns!(generate(&token, aws("one")), CKR_OK, "the other is gone");
}
