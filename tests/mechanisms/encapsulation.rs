//! C_EncapsulateKey and C_DecapsulateKey by every mechanism that has them.

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::mlkem::{self, ParameterSet};
use tenon_pkcs11::api::crypto::okp;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{Params, Request};
use tenon_pkcs11::api::out::Out;
use tenon_pkcs11::api::token::Handle;

use super::cases::{Case, cases};
use crate::common::{
    Fixture, Pair, attrs, ec_material, ec_pair, exactly, full, ml_kem_pair, needed, okp_pair,
    returns, rsa_pair, with,
};

/// The mechanism's parameter without the other party's key, which an encapsulation makes itself.
fn request(case: &Case) -> Request {
    let mut request = case.request();
    if let Params::Ecdh(ecdh) = &mut request.params {
        ecdh.public_data.clear();
    }
    if let Params::PublicValue(_) = request.params {
        request.params = Params::None;
    }
    request
}

/// A secret that may be read.
fn open(more: Vec<RawAttribute>) -> Vec<RawAttribute> {
    with(
        attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true],
        more,
    )
}

fn value(fixture: &Fixture, key: Handle, kind: ck::CK_ATTRIBUTE_TYPE) -> Revealed {
    fixture.session.attributes(key, &[kind]).unwrap().remove(0)
}

/// The ciphertext and the key of an encapsulation.
fn encapsulate(
    fixture: &Fixture,
    request: &Request,
    public: Handle,
    template: &[RawAttribute],
) -> Result<(Vec<u8>, Handle)> {
    let mut made = None;
    let session = &fixture.session;
    let ciphertext = full(|out| {
        made = session.encapsulate_key(request.clone(), public, template, out)?;
        Ok(())
    })?;
    Ok((ciphertext, made.unwrap()))
}

#[test]
fn both_parties_get_the_same_key() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for case in cases(|row| row.kem.is_some()) {
        let (name, keys, request) = (case.name(), case.keys(&fixture), request(&case));
        for (key_type, len) in [
            (ck::CKK_AES, 16),
            (ck::CKK_AES, 32),
            (ck::CKK_GENERIC_SECRET, 24),
        ] {
            let template = open(attrs![CKA_KEY_TYPE => key_type, CKA_VALUE_LEN => len]);
            let (ciphertext, one) =
                encapsulate(&fixture, &request, keys.public, &template).unwrap();
            let two = session
                .decapsulate_key(request.clone(), keys.private, &ciphertext, &template)
                .unwrap();
            let secret = value(&fixture, one, ck::CKA_VALUE);
            assert_eq!(secret, value(&fixture, two, ck::CKA_VALUE), "{name}");
            for key in [one, two] {
                let len = Revealed::Value(len.to_ne_bytes().to_vec());
                assert_eq!(value(&fixture, key, ck::CKA_VALUE_LEN), len, "{name}");
                for never in [
                    ck::CKA_LOCAL,
                    ck::CKA_ALWAYS_SENSITIVE,
                    ck::CKA_NEVER_EXTRACTABLE,
                ] {
                    let no = Revealed::Value(vec![0]);
                    assert_eq!(value(&fixture, key, never), no, "{name}");
                }
            }
            let (_, other) = encapsulate(&fixture, &request, keys.public, &template).unwrap();
            assert_ne!(secret, value(&fixture, other, ck::CKA_VALUE), "{name}");
        }
    }
}

#[test]
fn a_length_query_and_a_short_buffer_make_no_key() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let count = || {
        session.find_init(&[]).unwrap();
        let found = session.find(1000).unwrap().len();
        session.find_final().unwrap();
        found
    };
    for case in cases(|row| row.kem.is_some()) {
        let (name, keys, request) = (case.name(), case.keys(&fixture), request(&case));
        let template = attrs![CKA_VALUE_LEN => 32];
        let before = count();
        let call = |out: &mut Out<'_>| {
            let made = session.encapsulate_key(request.clone(), keys.public, &template, out);
            made.map(drop)
        };
        let len = needed(call).unwrap();
        returns!(exactly(len - 1, call), CKR_BUFFER_TOO_SMALL, "{name}");
        assert_eq!(count(), before, "{name}");
        assert_eq!(exactly(len, call).unwrap().len(), len, "{name}");
        assert_eq!(count(), before + 1, "{name}");
    }
}

#[test]
fn keys_on_the_token_and_keys_of_x25519() {
    let fixture = Fixture::new();
    let pair = |of: u8| -> Pair {
        let token = || attrs![CKA_TOKEN => true, CKA_LABEL => "kem"];
        match of {
            0 => ml_kem_pair(&fixture.session, token(), token()),
            1 => okp_pair(&fixture.session, okp::Curve::X25519, token(), token()),
            _ => ec_pair(&fixture.session, token(), token()),
        }
    };
    let ecdh = super::cases::ecdh(None, &[]);
    for (of, id, params) in [
        (0, ck::CKM_ML_KEM, Params::None),
        (1, ck::CKM_ECDH1_DERIVE, ecdh.clone()),
        (2, ck::CKM_ECDH1_DERIVE, ecdh),
    ] {
        let keys = pair(of);
        let request = fixture.request(id, params);
        let template = attrs![
            CKA_TOKEN => true, CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE_LEN => 32,
            CKA_ENCRYPT => true,
        ];
        let (ciphertext, one) = encapsulate(&fixture, &request, keys.public, &template).unwrap();
        let two = fixture
            .session
            .decapsulate_key(request, keys.private, &ciphertext, &template);
        let check = |key| value(&fixture, key, ck::CKA_CHECK_VALUE);
        assert_eq!(check(one), check(two.unwrap()));
    }
}

#[test]
fn wrong_ciphertexts() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let template = open(attrs![CKA_VALUE_LEN => 32]);
    for case in cases(|row| row.kem.is_some()) {
        let (name, keys, request) = (case.name(), case.keys(&fixture), request(&case));
        let decapsulate =
            |blob: &[u8]| session.decapsulate_key(request.clone(), keys.private, blob, &template);
        let (ciphertext, right) = encapsulate(&fixture, &request, keys.public, &template).unwrap();
        for wrong in [&[][..], &ciphertext[..7], &ciphertext[1..]] {
            returns!(decapsulate(wrong), CKR_WRAPPED_KEY_LEN_RANGE, "{name}");
        }
        let mut changed = ciphertext.clone();
        changed[40] ^= 1;
        if name == "CKM_DH_PKCS_DERIVE" {
            // A changed public value is mostly one of another key; this number is above every prime.
            changed.fill(0xFF);
        }
        let outcome = decapsulate(&changed);
        match name {
            // Nobody sees that it is wrong: another key comes out, always the same.
            "CKM_ML_KEM" | "CKM_RSA_PKCS" => {
                let [one, two] = [outcome, decapsulate(&changed)]
                    .map(|key| value(&fixture, key.unwrap(), ck::CKA_VALUE));
                assert_eq!(one, two, "{name}");
                assert_ne!(one, value(&fixture, right, ck::CKA_VALUE), "{name}");
            }
            _ => returns!(outcome, CKR_WRAPPED_KEY_INVALID, "{name}"),
        }
    }
}

#[test]
fn templates_of_the_keys_are_kept() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let only_aes = attrs![CKA_KEY_TYPE => ck::CKK_AES];
    let stays = attrs![CKA_EXTRACTABLE => false];
    let keys = ml_kem_pair(
        session,
        attrs![CKA_ENCAPSULATE_TEMPLATE => only_aes],
        attrs![CKA_DECAPSULATE_TEMPLATE => stays],
    );
    let request = fixture.plain(ck::CKM_ML_KEM);
    let refused = encapsulate(&fixture, &request, keys.public, &[]);
    returns!(refused, CKR_KEY_HANDLE_INVALID);
    let aes = attrs![CKA_KEY_TYPE => ck::CKK_AES];
    let (ciphertext, _) = encapsulate(&fixture, &request, keys.public, &aes).unwrap();
    let decapsulate = |template: Vec<RawAttribute>| {
        session.decapsulate_key(request.clone(), keys.private, &ciphertext, &template)
    };
    returns!(
        decapsulate(attrs![CKA_EXTRACTABLE => true]),
        CKR_TEMPLATE_INCONSISTENT
    );
    let key = decapsulate(vec![]).unwrap();
    let no = Revealed::Value(vec![0]);
    assert_eq!(value(&fixture, key, ck::CKA_EXTRACTABLE), no);
}

/// Decapsulated twice, with two lengths, the same secret must not tell its last bytes.
#[test]
fn a_closed_secret_is_cut_as_a_derived_one() {
    let fixture = Fixture::new();
    let keys = ml_kem_pair(&fixture.session, vec![], vec![]);
    let request = fixture.plain(ck::CKM_ML_KEM);
    let (ciphertext, _) = encapsulate(&fixture, &request, keys.public, &[]).unwrap();
    for (len, outcome) in [
        (32, "CKR_OK"),
        (24, "CKR_OK"),
        (16, "CKR_OK"),
        (31, "CKR_KEY_SIZE_RANGE"),
        (8, "CKR_KEY_SIZE_RANGE"),
        (33, "CKR_KEY_SIZE_RANGE"),
        (0, "CKR_KEY_SIZE_RANGE"),
    ] {
        let template = attrs![CKA_VALUE_LEN => len];
        let made =
            fixture
                .session
                .decapsulate_key(request.clone(), keys.private, &ciphertext, &template);
        assert_eq!(crate::common::rv(&made), outcome, "{len}");
    }
}

/// What opens what the key unwraps is refused, as in C_DeriveKey.
#[test]
fn an_unwrapping_key_does_not_agree_by_encapsulation() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let unwraps = attrs![
        CKA_UNWRAP => true, CKA_DECRYPT => false, CKA_SIGN => false, CKA_DERIVE => false,
    ];
    let keys = ec_pair(session, vec![], unwraps);
    let ecdh = fixture.request(ck::CKM_ECDH1_DERIVE, super::cases::ecdh(None, &[]));
    let point = &ec_material().point;
    let refused = session.decapsulate_key(ecdh, keys.private, point, &[]);
    returns!(refused, CKR_KEY_FUNCTION_NOT_PERMITTED);
    // RSA opens nothing by an encapsulation that it does not unwrap anyway.
    let rsa = rsa_pair(session, vec![], attrs![CKA_DECRYPT => false]);
    let request = fixture.plain(ck::CKM_RSA_PKCS);
    let template = attrs![CKA_VALUE_LEN => 32];
    let (ciphertext, _) = encapsulate(&fixture, &request, rsa.public, &template).unwrap();
    let opened = session.decapsulate_key(request, rsa.private, &ciphertext, &template);
    assert!(opened.is_ok());
}

#[test]
fn ml_kem_keys_come_as_a_seed_or_expanded_or_both() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for (set, number) in ParameterSet::ALL.into_iter().zip(1_u64..) {
        let key = mlkem::generate(set).unwrap();
        let [seed, expanded]: [&[u8]; 2] = [&key.seed, &key.expanded];
        let create = |more| {
            let template = attrs![
                CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_ML_KEM,
                CKA_PARAMETER_SET => number, CKA_TOKEN => true, CKA_SENSITIVE => false,
                CKA_EXTRACTABLE => true,
            ];
            session.create_object(&with(template, more))
        };
        for (given, known) in [
            (attrs![CKA_SEED => seed], seed),
            (attrs![CKA_VALUE => expanded], &[]),
            (attrs![CKA_SEED => seed, CKA_VALUE => expanded], seed),
        ] {
            let made = create(given).unwrap();
            let is = |bytes: &[u8]| Revealed::Value(bytes.to_vec());
            assert_eq!(value(&fixture, made, ck::CKA_SEED), is(known));
            assert_eq!(value(&fixture, made, ck::CKA_VALUE), is(expanded));
            // What a key of this type does by default.
            assert_eq!(value(&fixture, made, ck::CKA_DECAPSULATE), is(&[1]));
        }
        let other = mlkem::generate(set).unwrap();
        for wrong in [
            attrs![CKA_SEED => seed, CKA_VALUE => &*other.expanded],
            attrs![CKA_SEED => &seed[1..]],
            attrs![CKA_VALUE => &expanded[1..]],
        ] {
            returns!(create(wrong), CKR_ATTRIBUTE_VALUE_INVALID);
        }
        returns!(create(vec![]), CKR_TEMPLATE_INCOMPLETE);
    }
}

#[test]
fn a_generated_ml_kem_pair_encapsulates_after_a_restart() {
    let fixture = Fixture::new();
    let request = fixture.plain(ck::CKM_ML_KEM_KEY_PAIR_GEN);
    let token = attrs![CKA_TOKEN => true];
    for set in 1..=3_u64 {
        let public = with(token.clone(), attrs![CKA_PARAMETER_SET => set]);
        let made = fixture
            .session
            .generate_key_pair(request.clone(), &public, &token);
        assert!(made.is_ok());
    }
    let wrong = attrs![CKA_PARAMETER_SET => 4];
    let refused = fixture.session.generate_key_pair(request, &wrong, &[]);
    returns!(refused, CKR_PARAMETER_SET_NOT_SUPPORTED);
    let fixture = fixture.reopened_as_user();
    let session = &fixture.session;
    for set in 1..=3_u64 {
        let [public, private] = [ck::CKO_PUBLIC_KEY, ck::CKO_PRIVATE_KEY].map(|class| {
            let template = attrs![CKA_CLASS => class, CKA_PARAMETER_SET => set];
            session.find_init(&template).unwrap();
            let found = session.find(10).unwrap();
            session.find_final().unwrap();
            let [key] = found[..] else {
                panic!("{found:?}");
            };
            key
        });
        let request = fixture.plain(ck::CKM_ML_KEM);
        let template = open(vec![]);
        let (ciphertext, one) = encapsulate(&fixture, &request, public, &template).unwrap();
        let two = session.decapsulate_key(request, private, &ciphertext, &template);
        assert_eq!(
            value(&fixture, one, ck::CKA_VALUE),
            value(&fixture, two.unwrap(), ck::CKA_VALUE)
        );
    }
}
