//! The key that something is done with obeys its dates and its expiry as much as the key that does
//! it, and what is made of it ends when it ends (BYOK, rules 4 and section 6).

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{HkdfSalt, Params};
use tenon_pkcs11::api::token::Handle;

use crate::common::{Calls, Fixture, TODAY, attrs, full, okp_pair, returns, secret, with};
use tenon_pkcs11::api::crypto::okp;

const DAY: u64 = 86_400;
/// `TODAY`, and the days beside it.
const YESTERDAY: &str = "20270114";
const TODAYS: &str = "20270115";
const TOMORROW: &str = "20270116";

fn generic(fixture: &Fixture, changes: Vec<RawAttribute>) -> Handle {
    let open = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let template = with(open, changes);
    secret(&fixture.session, ck::CKK_GENERIC_SECRET, template).private
}

/// A key that expires at `at`, by C_UnwrapKey's template.
fn expiring(fixture: &Fixture, token: bool, at: u64) -> Handle {
    let session = &fixture.session;
    let wrapping = secret(session, ck::CKK_AES, vec![]).public;
    let request = || fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
    let key = generic(fixture, vec![]);
    let blob = full(|out| session.wrap_key(request(), wrapping, key, out)).unwrap();
    let template = attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
        CKA_TOKEN => token, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_DERIVE => true,
        CKA_SIGN => true, CKA_TENON_EXPIRES_AT => &at.to_be_bytes(),
    ];
    session
        .unwrap_key(request(), wrapping, &blob, &template)
        .unwrap()
}

fn wrap(fixture: &Fixture, key: Handle) -> Result<Vec<u8>> {
    let session = &fixture.session;
    let wrapping = secret(session, ck::CKK_AES, vec![]).public;
    let request = fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
    full(|out| session.wrap_key(request, wrapping, key, out))
}

fn hash(fixture: &Fixture, base: Handle, template: &[RawAttribute]) -> Result<Handle> {
    let request = fixture.plain(ck::CKM_SHA256_KEY_DERIVATION);
    fixture.session.derive_key(request, base, template)
}

fn join(fixture: &Fixture, base: Handle, other: Handle) -> Result<Handle> {
    let request = fixture.request(ck::CKM_CONCATENATE_BASE_AND_KEY, Params::Key(other));
    fixture.session.derive_key(request, base, &[])
}

fn salted(fixture: &Fixture, base: Handle, salt: Handle) -> Result<Handle> {
    let params = Params::Hkdf {
        hash: Hash::Sha256,
        salt: Some(HkdfSalt::Key(salt)),
        info: Vec::new(),
        expand: true,
    };
    let request = fixture.request(ck::CKM_HKDF_DERIVE, params);
    fixture.session.derive_key(request, base, &[])
}

fn digest(fixture: &Fixture, key: Handle) -> Result<()> {
    fixture
        .session
        .digest_init(fixture.plain(ck::CKM_SHA256))
        .unwrap();
    let outcome = fixture.session.digest_key(key);
    fixture.session.cancel(ck::CKF_DIGEST);
    outcome
}

fn sign(fixture: &Fixture, key: Handle) -> Result<Vec<u8>> {
    fixture
        .session
        .sign_init(fixture.plain(ck::CKM_SHA256_HMAC), key)?;
    full(|out| fixture.session.sign(b"", out))
}

/// What every call that works with the value of `key` answers.
fn outcomes(fixture: &Fixture, key: Handle) -> Vec<(&'static str, Result<()>)> {
    let session = &fixture.session;
    let other = generic(fixture, vec![]);
    vec![
        ("C_WrapKey", wrap(fixture, key).map(drop)),
        ("C_CopyObject", session.copy_object(key, &[]).map(drop)),
        (
            "C_CopyObject to the token",
            session
                .copy_object(key, &attrs![CKA_TOKEN => true])
                .map(drop),
        ),
        ("C_DigestKey", digest(fixture, key)),
        ("C_DeriveKey", hash(fixture, key, &[]).map(drop)),
        ("its base", join(fixture, key, other).map(drop)),
        ("its other key", join(fixture, other, key).map(drop)),
        ("its salt", salted(fixture, other, key).map(drop)),
    ]
}

fn date(fixture: &Fixture, key: Handle, kind: ck::CK_ATTRIBUTE_TYPE) -> Vec<u8> {
    match &fixture.session.attributes(key, &[kind]).unwrap()[..] {
        [Revealed::Value(value)] => value.clone(),
        other => panic!("{other:?}"),
    }
}

fn is_read(fixture: &Fixture, key: Handle) -> bool {
    let kinds = [ck::CKA_LABEL, ck::CKA_VALUE];
    match &fixture.session.attributes(key, &kinds).unwrap()[..] {
        [Revealed::Value(_), Revealed::Value(_)] => true,
        [Revealed::Value(_), Revealed::Sensitive] => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_out_of_time_is_no_object_of_a_call() {
    for token in [false, true] {
        let fixture = Fixture::new();
        let dated = |kind, value: &str| {
            let date = crate::common::ToAttribute::attribute(value, kind);
            generic(&fixture, with(attrs![CKA_TOKEN => token], vec![date]))
        };
        let ended = dated(ck::CKA_END_DATE, YESTERDAY);
        let to_come = dated(ck::CKA_START_DATE, TOMORROW);
        let last_day = dated(ck::CKA_END_DATE, TODAYS);
        let expiring = expiring(&fixture, token, TODAY + 5);
        for key in [last_day, expiring] {
            for (call, outcome) in outcomes(&fixture, key) {
                returns!(outcome, CKR_OK, "{call}");
            }
            assert!(is_read(&fixture, key));
        }
        fixture.clock.set(TODAY + 5);
        for (key, why) in [
            (ended, "ended"),
            (to_come, "to come"),
            (expiring, "expired"),
        ] {
            for (call, outcome) in outcomes(&fixture, key) {
                returns!(outcome, CKR_KEY_FUNCTION_NOT_PERMITTED, "{call} {why}");
            }
            assert!(!is_read(&fixture, key), "the value {why}");
        }
    }
}

/// BYOK section 1: a refusal because of time commits the clock mark before it is answered.
#[test]
fn a_clock_turned_back_after_a_refusal_revives_nothing() {
    type Call = fn(&Fixture, Handle) -> Result<()>;
    let calls: [Call; 3] = [
        |fixture, key| wrap(fixture, key).map(drop),
        |fixture, key| fixture.session.copy_object(key, &[]).map(drop),
        |fixture, key| hash(fixture, key, &[]).map(drop),
    ];
    for call in calls {
        let fixture = Fixture::new();
        let template = attrs![CKA_TOKEN => true, CKA_END_DATE => TODAYS, CKA_ID => b"old"];
        let key = generic(&fixture, template);
        fixture.clock.set(TODAY + DAY);
        returns!(call(&fixture, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
        let fixture = fixture.reopened_as_user();
        fixture.clock.set(TODAY);
        fixture
            .session
            .find_init(&attrs![CKA_ID => b"old"])
            .unwrap();
        let key = fixture.session.find(1).unwrap()[0];
        returns!(call(&fixture, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    }
}

#[test]
fn what_is_made_of_a_key_ends_in_the_same_second() {
    for token in [false, true] {
        let fixture = Fixture::new();
        let session = &fixture.session;
        let key = expiring(&fixture, token, TODAY + 5);
        let other = generic(&fixture, attrs![CKA_END_DATE => TOMORROW]);
        let kept = attrs![CKA_TOKEN => true];
        let made = [
            session.copy_object(key, &[]).unwrap(),
            session.copy_object(key, &kept).unwrap(),
            hash(&fixture, key, &attrs![CKA_DERIVE => true]).unwrap(),
            hash(&fixture, key, &kept).unwrap(),
            join(&fixture, other, key).unwrap(),
            salted(&fixture, other, key).unwrap(),
        ];
        // And what is made of that.
        let again = [
            hash(&fixture, made[2], &[]).unwrap(),
            session.copy_object(made[3], &[]).unwrap(),
        ];
        for key in made.into_iter().chain(again) {
            let expires = date(&fixture, key, ck::CKA_TENON_EXPIRES_AT);
            assert_eq!(expires, (TODAY + 5).to_be_bytes());
            session
                .set_attributes(key, &attrs![CKA_SIGN => true])
                .unwrap();
            returns!(sign(&fixture, key), CKR_OK);
        }
        fixture.clock.set(TODAY + 4);
        for key in made.into_iter().chain(again) {
            returns!(sign(&fixture, key), CKR_OK);
        }
        fixture.clock.set(TODAY + 5);
        for key in made.into_iter().chain(again) {
            returns!(sign(&fixture, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
        }
    }
}

#[test]
fn derived_keys_have_the_strictest_dates_of_their_parents() {
    let fixture = Fixture::new();
    let one = attrs![CKA_START_DATE => "20260101", CKA_END_DATE => "20300101"];
    let two = attrs![CKA_START_DATE => "20270101", CKA_END_DATE => "20280101"];
    let (one, two) = (generic(&fixture, one), generic(&fixture, two));
    let dates = |key| {
        [ck::CKA_START_DATE, ck::CKA_END_DATE].map(|kind| {
            let date = date(&fixture, key, kind);
            String::from_utf8(date).unwrap()
        })
    };
    for joined in [join(&fixture, one, two), join(&fixture, two, one)] {
        assert_eq!(dates(joined.unwrap()), ["20270101", "20280101"]);
    }
    let stricter = attrs![CKA_START_DATE => "20270110", CKA_END_DATE => "20270120"];
    let key = hash(&fixture, one, &stricter).unwrap();
    assert_eq!(dates(key), ["20270110", "20270120"]);
    let none = attrs![CKA_START_DATE => b"", CKA_END_DATE => b"00000000"];
    let key = hash(&fixture, one, &none).unwrap();
    assert_eq!(dates(key), ["20260101", "20300101"]);
    for laxer in [
        attrs![CKA_END_DATE => "20300102"],
        attrs![CKA_START_DATE => "20251231"],
        attrs![CKA_START_DATE => "20310101"],
    ] {
        returns!(hash(&fixture, one, &laxer), CKR_TEMPLATE_INCONSISTENT);
    }
    let session = &fixture.session;
    let later = attrs![CKA_END_DATE => "20300102"];
    returns!(session.copy_object(one, &later), CKR_ATTRIBUTE_READ_ONLY);
    let sooner = attrs![CKA_START_DATE => "20251231"];
    returns!(session.copy_object(one, &sooner), CKR_ATTRIBUTE_READ_ONLY);
}

/// A private key gives its end to the secrets that it agrees on; a public key has no end.
#[test]
fn a_private_key_gives_its_end_and_its_public_half_has_none() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let ends = || attrs![CKA_END_DATE => TODAYS];
    let pair = okp_pair(session, okp::Curve::X25519, ends(), ends());
    let [Revealed::Value(point)] = &session
        .attributes(pair.public, &[ck::CKA_EC_POINT])
        .unwrap()[..]
    else {
        panic!("a public key shows its point");
    };
    let derive = || {
        let params = Params::Ecdh(tenon_pkcs11::api::mechanism::Ecdh {
            kdf: None,
            shared_data: Vec::new(),
            public_data: point.clone(),
        });
        session.derive_key(
            fixture.request(ck::CKM_ECDH1_DERIVE, params),
            pair.private,
            &[],
        )
    };
    let key = derive().unwrap();
    assert_eq!(date(&fixture, key, ck::CKA_END_DATE), TODAYS.as_bytes());
    fixture.clock.set(TODAY + DAY);
    returns!(derive(), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let copied = session.copy_object(pair.private, &[]);
    returns!(copied, CKR_KEY_FUNCTION_NOT_PERMITTED);
    let later = attrs![CKA_END_DATE => "20300101"];
    returns!(session.copy_object(pair.public, &later), CKR_OK);
    returns!(wrap(&fixture, pair.private), CKR_KEY_UNEXTRACTABLE);
}

#[test]
fn dates_alone_do_not_count_where_the_configuration_says_so() {
    let fixture = Fixture::configured(|config| config.enforce_dates = false);
    let ended = generic(&fixture, attrs![CKA_END_DATE => YESTERDAY]);
    for (call, outcome) in outcomes(&fixture, ended) {
        returns!(outcome, CKR_OK, "{call}");
    }
    let expired = expiring(&fixture, false, TODAY + 5);
    fixture.clock.set(TODAY + 5);
    for (call, outcome) in outcomes(&fixture, expired) {
        returns!(outcome, CKR_KEY_FUNCTION_NOT_PERMITTED, "{call}");
    }
}
