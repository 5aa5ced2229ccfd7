use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{HkdfSalt, KbkdfPart, KbkdfPrf, Params, Request};
use tenon_pkcs11::api::token::Handle;

use super::cases::{cases, data, message};
use crate::common::{Calls, Fixture, attrs, full, returns, secret, with};

const TRANSPARENT: [ck::CK_MECHANISM_TYPE; 5] = [
    ck::CKM_CONCATENATE_BASE_AND_KEY,
    ck::CKM_CONCATENATE_BASE_AND_DATA,
    ck::CKM_CONCATENATE_DATA_AND_BASE,
    ck::CKM_XOR_BASE_AND_DATA,
    ck::CKM_EXTRACT_KEY_FROM_KEY,
];

fn open() -> Vec<RawAttribute> {
    attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true]
}

fn generic(fixture: &Fixture, changes: Vec<RawAttribute>) -> Handle {
    secret(&fixture.session, ck::CKK_GENERIC_SECRET, changes).private
}

fn value(fixture: &Fixture, key: Handle) -> Vec<u8> {
    match fixture.session.attributes(key, &[ck::CKA_VALUE]) {
        Ok(values) => match &values[..] {
            [Revealed::Value(value)] => value.clone(),
            other => panic!("no value: {other:?}"),
        },
        Err(error) => panic!("{error}"),
    }
}

fn flag(fixture: &Fixture, key: Handle, kind: ck::CK_ATTRIBUTE_TYPE) -> bool {
    let values = fixture.session.attributes(key, &[kind]).unwrap();
    values == [Revealed::Value(vec![1])]
}

/// Parameters with which `mechanism` derives from keys of 32 bytes.
fn params(mechanism: ck::CK_MECHANISM_TYPE, other: Handle) -> Params {
    match mechanism {
        ck::CKM_CONCATENATE_BASE_AND_KEY => Params::Key(other),
        ck::CKM_EXTRACT_KEY_FROM_KEY => Params::Extract(128),
        _ => data(32),
    }
}

fn derive(
    fixture: &Fixture,
    mechanism: ck::CK_MECHANISM_TYPE,
    base: Handle,
    template: &[RawAttribute],
) -> Result<Handle> {
    let request = fixture.request(mechanism, params(mechanism, base));
    fixture.session.derive_key(request, base, template)
}

#[test]
fn derived_keys_are_what_the_template_says() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for case in cases(|row| row.derive.is_some() && row.key_types.contains(&ck::CKK_AES)) {
        let name = case.name();
        let base = case.keys(&fixture).private;
        let request = || {
            case.request_with(match case.params {
                Params::Key(_) => Params::Key(base),
                _ => case.params.clone(),
            })
        };
        let template = attrs![CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE_LEN => 16, CKA_LABEL => "new"];
        let key = session
            .derive_key(request().unwrap(), base, &template)
            .unwrap();
        for (kind, expected) in [
            (ck::CKA_CLASS, ck::CKO_SECRET_KEY),
            (ck::CKA_KEY_TYPE, ck::CKK_AES),
            (ck::CKA_VALUE_LEN, 16),
            (ck::CKA_TENON_ORIGIN, ck::ORIGIN_IMPORTED),
            (ck::CKA_KEY_GEN_MECHANISM, ck::CK_UNAVAILABLE_INFORMATION),
        ] {
            let told = session.attributes(key, &[kind]).unwrap();
            let expected = Revealed::Value(expected.to_ne_bytes().to_vec());
            assert_eq!(told, [expected], "{name} {kind:#x}");
        }
        assert!(!flag(&fixture, key, ck::CKA_LOCAL), "{name}");
        let wrong = attrs![CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE_LEN => 17];
        let outcome = session.derive_key(request().unwrap(), base, &wrong);
        returns!(outcome, CKR_KEY_SIZE_RANGE, "{name}");
        let wrong = attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY];
        let outcome = session.derive_key(request().unwrap(), base, &wrong);
        returns!(outcome, CKR_TEMPLATE_INCONSISTENT, "{name}");
    }
}

#[test]
fn a_key_type_without_a_length_needs_one() {
    let fixture = Fixture::new();
    let base = generic(&fixture, open());
    let aes = attrs![CKA_KEY_TYPE => ck::CKK_AES];
    let outcome = derive(&fixture, ck::CKM_CONCATENATE_BASE_AND_DATA, base, &aes);
    returns!(outcome, CKR_TEMPLATE_INCOMPLETE);
    let outcome = derive(&fixture, ck::CKM_XOR_BASE_AND_DATA, base, &aes);
    returns!(outcome, CKR_OK);
}

#[test]
fn a_key_type_of_one_length_needs_none() {
    let fixture = Fixture::new();
    let base = generic(&fixture, open());
    let chacha = || with(open(), attrs![CKA_KEY_TYPE => ck::CKK_CHACHA20]);
    for mechanism in [
        ck::CKM_CONCATENATE_BASE_AND_DATA,
        ck::CKM_SHA512_KEY_DERIVATION,
        ck::CKM_SHAKE_256_KEY_DERIVATION,
    ] {
        let request = match mechanism {
            ck::CKM_CONCATENATE_BASE_AND_DATA => {
                fixture.request(mechanism, params(mechanism, base))
            }
            _ => fixture.plain(mechanism),
        };
        let key = fixture
            .session
            .derive_key(request, base, &chacha())
            .unwrap();
        assert_eq!(value(&fixture, key).len(), 32, "{mechanism:#x}");
    }
    let [case] = &cases(|row| row.id == ck::CKM_PKCS5_PBKD2)[..] else {
        panic!("one row")
    };
    let key = fixture
        .session
        .generate_key(case.request_with(case.params.clone()).unwrap(), &chacha());
    assert_eq!(value(&fixture, key.unwrap()).len(), 32);
}

#[test]
fn values_are_those_of_the_algorithms() {
    let fixture = Fixture::new();
    let base = generic(&fixture, open());
    let joined = [vec![0x5A; 32], message(32)];
    let key = derive(&fixture, ck::CKM_CONCATENATE_BASE_AND_DATA, base, &open()).unwrap();
    assert_eq!(value(&fixture, key), joined.concat());
    let key = derive(&fixture, ck::CKM_CONCATENATE_BASE_AND_KEY, base, &open()).unwrap();
    assert_eq!(value(&fixture, key), [0x5A; 64]);
    let request = fixture.plain(ck::CKM_SHA256_KEY_DERIVATION);
    let key = fixture.session.derive_key(request, base, &open()).unwrap();
    assert_eq!(value(&fixture, key), Hash::Sha256.digest(&[&[0x5A; 32]]));
}

/// Sections 6.43 and, for what must leave by trusted keys alone, SECURITY: a copy by way of a
/// derivation is guarded as its original.
#[test]
fn a_derived_key_that_holds_its_base_is_guarded_as_that() {
    let fixture = Fixture::new();
    for mechanism in TRANSPARENT {
        for (base, forbidden) in [
            (
                attrs![CKA_SENSITIVE => true],
                attrs![CKA_SENSITIVE => false],
            ),
            (
                attrs![CKA_EXTRACTABLE => false],
                attrs![CKA_EXTRACTABLE => true],
            ),
            (
                attrs![CKA_WRAP_WITH_TRUSTED => true],
                attrs![CKA_WRAP_WITH_TRUSTED => false],
            ),
        ] {
            let guard = base[0].kind;
            let base = generic(&fixture, with(open(), base));
            let len = attrs![CKA_VALUE_LEN => 32];
            let outcome = derive(&fixture, mechanism, base, &with(len, forbidden));
            returns!(outcome, CKR_TEMPLATE_INCONSISTENT, "{mechanism:#x}");
            let key = derive(&fixture, mechanism, base, &attrs![CKA_VALUE_LEN => 64]);
            let key = match mechanism {
                ck::CKM_XOR_BASE_AND_DATA | ck::CKM_EXTRACT_KEY_FROM_KEY => {
                    returns!(key, CKR_KEY_SIZE_RANGE, "{mechanism:#x}");
                    derive(&fixture, mechanism, base, &attrs![CKA_VALUE_LEN => 32]).unwrap()
                }
                _ => key.unwrap(),
            };
            let guarded = guard != ck::CKA_EXTRACTABLE;
            assert_eq!(flag(&fixture, key, guard), guarded, "{mechanism:#x}");
        }
    }
}

#[test]
fn a_second_key_guards_what_is_derived_too() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let base = generic(&fixture, open());
    let other = generic(
        &fixture,
        attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true],
    );
    let request = || fixture.request(ck::CKM_CONCATENATE_BASE_AND_KEY, Params::Key(other));
    let outcome = session.derive_key(request(), base, &open());
    returns!(outcome, CKR_TEMPLATE_INCONSISTENT);
    // 33 bytes would be the base key, which is known, and one of the other.
    let outcome = session.derive_key(request(), base, &attrs![CKA_VALUE_LEN => 33]);
    returns!(outcome, CKR_KEY_SIZE_RANGE);
    let outcome = session.derive_key(request(), base, &attrs![CKA_VALUE_LEN => 48]);
    returns!(outcome, CKR_OK);
    let kept = generic(&fixture, attrs![CKA_DERIVE => false]);
    let request = fixture.request(ck::CKM_CONCATENATE_BASE_AND_KEY, Params::Key(kept));
    let outcome = session.derive_key(request, base, &[]);
    returns!(outcome, CKR_KEY_FUNCTION_NOT_PERMITTED);
    let request = fixture.request(ck::CKM_CONCATENATE_BASE_AND_KEY, Params::Key(999_999));
    let outcome = session.derive_key(request, base, &[]);
    returns!(outcome, CKR_KEY_HANDLE_INVALID);
}

/// Whoever may use a key of one unknown byte finds that byte, and so the next.
#[test]
fn too_few_bytes_of_a_guarded_key_are_not_derived() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let guarded = generic(&fixture, attrs![CKA_EXTRACTABLE => false]);
    let readable = generic(&fixture, open());
    for (mechanism, params, few, enough) in [
        (ck::CKM_EXTRACT_KEY_FROM_KEY, Params::Extract(128), 15, 16),
        (ck::CKM_XOR_BASE_AND_DATA, data(32), 15, 16),
        (ck::CKM_XOR_BASE_AND_DATA, data(15), 15, 0),
        (ck::CKM_CONCATENATE_BASE_AND_DATA, data(32), 15, 16),
        (ck::CKM_CONCATENATE_DATA_AND_BASE, data(16), 31, 32),
    ] {
        let derive = |base, len: u64| {
            let request = fixture.request(mechanism, params.clone());
            session.derive_key(request, base, &attrs![CKA_VALUE_LEN => len])
        };
        returns!(derive(guarded, few), CKR_KEY_SIZE_RANGE, "{mechanism:#x}");
        returns!(derive(readable, few), CKR_OK, "{mechanism:#x}");
        if enough != 0 {
            returns!(derive(guarded, enough), CKR_OK, "{mechanism:#x}");
        }
    }
}

#[test]
fn one_way_functions_give_keys_of_any_kind() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let made = session
        .generate_key(
            fixture.plain(ck::CKM_GENERIC_SECRET_KEY_GEN),
            &attrs![CKA_VALUE_LEN => 32, CKA_DERIVE => true],
        )
        .unwrap();
    let created = generic(&fixture, attrs![CKA_SENSITIVE => true]);
    for (base, always) in [(made, true), (created, false)] {
        let derive = |template: &[RawAttribute]| {
            let request = fixture.plain(ck::CKM_SHA256_KEY_DERIVATION);
            session.derive_key(request, base, template).unwrap()
        };
        let key = derive(&[]);
        assert_eq!(flag(&fixture, key, ck::CKA_ALWAYS_SENSITIVE), always);
        assert_eq!(flag(&fixture, key, ck::CKA_NEVER_EXTRACTABLE), always);
        let key = derive(&open());
        assert_eq!(value(&fixture, key).len(), 32);
        assert!(!flag(&fixture, key, ck::CKA_ALWAYS_SENSITIVE));
        assert!(!flag(&fixture, key, ck::CKA_NEVER_EXTRACTABLE));
    }
}

#[test]
fn the_derive_template_decides() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let wanted = attrs![CKA_EXTRACTABLE => false, CKA_SIGN => true];
    let base = generic(&fixture, attrs![CKA_DERIVE_TEMPLATE => wanted]);
    let derive = |template: &[RawAttribute]| {
        let request = fixture.plain(ck::CKM_SHA256_KEY_DERIVATION);
        session.derive_key(request, base, template)
    };
    let key = derive(&attrs![CKA_VERIFY => true]).unwrap();
    assert!(flag(&fixture, key, ck::CKA_SIGN) && flag(&fixture, key, ck::CKA_VERIFY));
    returns!(derive(&attrs![CKA_SIGN => true]), CKR_OK);
    for contrary in [attrs![CKA_SIGN => false], open()] {
        returns!(derive(&contrary), CKR_TEMPLATE_INCONSISTENT);
    }
}

#[test]
fn hkdf_takes_its_salt_from_a_key() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let base = generic(&fixture, vec![]);
    let salt = generic(&fixture, vec![]);
    let derive = |salt, len: u64| {
        let params = Params::Hkdf {
            hash: Hash::Sha384,
            salt: Some(salt),
            info: b"info".to_vec(),
            expand: true,
        };
        let request = fixture.request(ck::CKM_HKDF_DERIVE, params);
        session.derive_key(request, base, &with(open(), attrs![CKA_VALUE_LEN => len]))
    };
    let by_key = value(&fixture, derive(HkdfSalt::Key(salt), 40).unwrap());
    let by_data = value(
        &fixture,
        derive(HkdfSalt::Data(vec![0x5A; 32]), 40).unwrap(),
    );
    assert_eq!(by_key, by_data);
    returns!(derive(HkdfSalt::Key(999_999), 40), CKR_KEY_HANDLE_INVALID);
    for len in [0, 255 * 48 + 1, u64::MAX] {
        returns!(
            derive(HkdfSalt::Key(salt), len),
            CKR_KEY_SIZE_RANGE,
            "{len}"
        );
    }
}

/// A key in the data is mixed in by HMAC. CMAC would give it away to whoever knows the base key.
#[test]
fn kbkdf_takes_keys_among_its_data() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let base = generic(&fixture, vec![]);
    let open_base = secret(session, ck::CKK_AES, open()).private;
    let other = generic(&fixture, attrs![CKA_SENSITIVE => true]);
    let [case] = &cases(|row| row.id == ck::CKM_SP800_108_COUNTER_KDF)[..] else {
        panic!("one mechanism counts");
    };
    let derive = |base, prf, part, len: u64| {
        let Params::Kbkdf(mut params) = case.params.clone() else {
            panic!("the parameters of another mechanism");
        };
        params.prf = prf;
        params.data.push(part);
        let request = Request::new(case.row, Params::Kbkdf(params))?;
        session.derive_key(request, base, &with(open(), attrs![CKA_VALUE_LEN => len]))
    };
    let hmac = KbkdfPrf::Hmac(Hash::Sha256);
    let bytes = || KbkdfPart::Bytes(vec![0x5A; 32]);
    let by_key = value(
        &fixture,
        derive(base, hmac, KbkdfPart::Key(other), 40).unwrap(),
    );
    let by_data = value(&fixture, derive(base, hmac, bytes(), 40).unwrap());
    assert_eq!(by_key, by_data);
    returns!(
        derive(base, hmac, KbkdfPart::Key(999_999), 40),
        CKR_KEY_HANDLE_INVALID
    );
    let unused = generic(&fixture, attrs![CKA_DERIVE => false]);
    returns!(
        derive(base, hmac, KbkdfPart::Key(unused), 40),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let cmac = KbkdfPrf::AesCmac;
    returns!(derive(open_base, cmac, bytes(), 40), CKR_OK);
    returns!(
        derive(open_base, cmac, KbkdfPart::Key(other), 40),
        CKR_MECHANISM_PARAM_INVALID
    );
    returns!(derive(base, cmac, bytes(), 40), CKR_KEY_TYPE_INCONSISTENT);
    for len in [0, u64::MAX] {
        returns!(
            derive(base, hmac, bytes(), len),
            CKR_KEY_SIZE_RANGE,
            "{len}"
        );
    }
}

/// Section 6.62.4: what CKM_HKDF_DERIVE puts into a key, CKM_HKDF_DATA shows.
#[test]
fn hkdf_makes_data_objects_too() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let [case] = &cases(|row| row.id == ck::CKM_HKDF_DATA)[..] else {
        panic!("HKDF makes data by one mechanism");
    };
    let base = generic(&fixture, attrs![CKA_EXTRACTABLE => false]);
    let make = |template: &[RawAttribute]| session.derive_key(case.request(), base, template);
    let data = make(&attrs![CKA_VALUE_LEN => 40, CKA_APPLICATION => "TLS"]).unwrap();
    let request = fixture.request(ck::CKM_HKDF_DERIVE, case.params.clone());
    let template = with(open(), attrs![CKA_VALUE_LEN => 40]);
    let key = session.derive_key(request, base, &template).unwrap();
    assert_eq!(value(&fixture, data), value(&fixture, key));
    let class = session.attributes(data, &[ck::CKA_CLASS]).unwrap();
    let expected = ck::CKO_DATA.to_ne_bytes().to_vec();
    assert_eq!(class, [Revealed::Value(expected)]);
    assert!(flag(&fixture, data, ck::CKA_PRIVATE));
    assert_eq!(value(&fixture, make(&[]).unwrap()).len(), 32);

    for foreign in [
        attrs![CKA_CLASS => ck::CKO_SECRET_KEY],
        attrs![CKA_KEY_TYPE => ck::CKK_AES],
        attrs![CKA_SENSITIVE => true],
    ] {
        returns!(make(&foreign), CKR_TEMPLATE_INCONSISTENT);
    }
    returns!(make(&attrs![CKA_VALUE => b"own"]), CKR_ATTRIBUTE_READ_ONLY);
    let request = fixture.request(ck::CKM_HKDF_DERIVE, case.params.clone());
    let outcome = session.derive_key(request, base, &attrs![CKA_CLASS => ck::CKO_DATA]);
    returns!(outcome, CKR_TEMPLATE_INCONSISTENT);
    // The base key wants keys that show nothing, so it gives no data.
    let wanted = attrs![CKA_SENSITIVE => true];
    let strict = generic(&fixture, attrs![CKA_DERIVE_TEMPLATE => wanted]);
    let outcome = session.derive_key(case.request(), strict, &[]);
    returns!(outcome, CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn derived_token_keys_are_kept() {
    let fixture = Fixture::new();
    let base = generic(&fixture, vec![]);
    let template = attrs![CKA_TOKEN => true, CKA_LABEL => "kept", CKA_ID => b"kept"];
    derive(&fixture, ck::CKM_XOR_BASE_AND_DATA, base, &template).unwrap();
    let fixture = fixture.reopened_as_user();
    fixture
        .session
        .find_init(&attrs![CKA_LABEL => "kept"])
        .unwrap();
    assert_eq!(fixture.session.find(9).unwrap().len(), 1);
}

/// Its value is as well known as the password, whatever the mechanism of its making.
#[test]
fn a_key_from_a_password_is_no_key_of_the_tokens_own() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let [case] = &cases(|row| row.id == ck::CKM_PKCS5_PBKD2)[..] else {
        panic!("PBKDF2 is one mechanism");
    };
    let make = |key_type: u64, len: u64| {
        let template = attrs![CKA_KEY_TYPE => key_type, CKA_VALUE_LEN => len];
        session.generate_key(case.request(), &with(template, open()))
    };
    let key = make(ck::CKK_AES, 32).unwrap();
    for kind in [
        ck::CKA_LOCAL,
        ck::CKA_ALWAYS_SENSITIVE,
        ck::CKA_NEVER_EXTRACTABLE,
    ] {
        assert!(!flag(&fixture, key, kind), "{kind:#x}");
    }
    assert_eq!(
        value(&fixture, key),
        value(&fixture, make(ck::CKK_GENERIC_SECRET, 32).unwrap())
    );
    returns!(make(ck::CKK_AES, 33), CKR_ATTRIBUTE_VALUE_INVALID);
    returns!(make(ck::CKK_GENERIC_SECRET, 4097), CKR_KEY_SIZE_RANGE);
    let without = attrs![CKA_KEY_TYPE => ck::CKK_AES];
    let outcome = session.generate_key(case.request(), &without);
    returns!(outcome, CKR_TEMPLATE_INCOMPLETE);
}

#[test]
fn only_keys_that_may_be_read_are_digested() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let readable = generic(&fixture, open());
    session.digest_init(fixture.plain(ck::CKM_SHA256)).unwrap();
    session.digest_update(b"before").unwrap();
    session.digest_key(readable).unwrap();
    session.digest_update(b"after").unwrap();
    let digest = full(|out| session.digest_final(out)).unwrap();
    let parts: [&[u8]; 3] = [b"before", &[0x5A; 32], b"after"];
    assert_eq!(digest, Hash::Sha256.digest(&parts));

    let public = crate::common::rsa_pair(session, vec![], vec![]);
    for (key, rv) in [
        (
            generic(&fixture, attrs![CKA_SENSITIVE => true]),
            "CKR_KEY_INDIGESTIBLE",
        ),
        (
            generic(&fixture, with(open(), attrs![CKA_EXTRACTABLE => false])),
            "CKR_KEY_INDIGESTIBLE",
        ),
        (public.public, "CKR_KEY_INDIGESTIBLE"),
        (public.private, "CKR_KEY_INDIGESTIBLE"),
        (999_999, "CKR_KEY_HANDLE_INVALID"),
    ] {
        session.digest_init(fixture.plain(ck::CKM_SHA256)).unwrap();
        assert_eq!(crate::common::rv(&session.digest_key(key)), rv);
        // What fails ends the digest.
        returns!(session.digest_update(b""), CKR_OPERATION_NOT_INITIALIZED);
    }
}
