//! ML-DSA: how keys come, what is read of them, and which signatures they make.

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::mldsa::{self, MlDsaMaterial, ParameterSet};
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::mechanism::{Hedge, Params, SignContext};
use tenon_pkcs11::api::token::Handle;

use crate::common::{Calls, Fixture, attrs, full, returns, secret, with};

const SETS: [(ParameterSet, u64); 3] = [
    (ParameterSet::MlDsa44, ck::CKP_ML_DSA_44),
    (ParameterSet::MlDsa65, ck::CKP_ML_DSA_65),
    (ParameterSet::MlDsa87, ck::CKP_ML_DSA_87),
];

fn value(fixture: &Fixture, key: Handle, kind: ck::CK_ATTRIBUTE_TYPE) -> Revealed {
    fixture.session.attributes(key, &[kind]).unwrap().remove(0)
}

fn is(bytes: &[u8]) -> Revealed {
    Revealed::Value(bytes.to_vec())
}

/// A private key that may be read.
fn create(fixture: &Fixture, set: u64, more: Vec<RawAttribute>) -> Result<Handle> {
    let template = attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_ML_DSA, CKA_PARAMETER_SET => set,
        CKA_TOKEN => true, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_SIGN => true,
    ];
    fixture.session.create_object(&with(template, more))
}

fn sign(fixture: &Fixture, key: Handle, hedge: Option<Hedge>) -> Result<Vec<u8>> {
    let context = SignContext {
        hedge,
        context: b"context".to_vec(),
    };
    let request = fixture.request(ck::CKM_ML_DSA, Params::SignContext(context));
    fixture.session.sign_init(request, key)?;
    full(|out| fixture.session.sign(b"message", out))
}

#[test]
fn keys_come_as_a_seed_or_expanded_or_both() {
    let fixture = Fixture::new();
    for (set, number) in SETS {
        let key = mldsa::generate(set).unwrap();
        let [seed, expanded]: [&[u8]; 2] = [&key.seed, &key.expanded];
        let spki = Material::pair(key.clone()).spki().unwrap();
        for (template, known) in [
            (attrs![CKA_SEED => seed], seed),
            (attrs![CKA_VALUE => expanded], &[]),
            (attrs![CKA_SEED => seed, CKA_VALUE => expanded], seed),
        ] {
            let made = create(&fixture, number, template).unwrap();
            assert_eq!(value(&fixture, made, ck::CKA_SEED), is(known));
            assert_eq!(value(&fixture, made, ck::CKA_VALUE), is(expanded));
            assert_eq!(value(&fixture, made, ck::CKA_PUBLIC_KEY_INFO), is(&spki));
            let number = is(&number.to_ne_bytes());
            assert_eq!(value(&fixture, made, ck::CKA_PARAMETER_SET), number);
            assert!(sign(&fixture, made, Some(Hedge::Deterministic)).is_ok());
        }
        let other = mldsa::generate(set).unwrap();
        for wrong in [
            attrs![CKA_SEED => seed, CKA_VALUE => &*other.expanded],
            attrs![CKA_SEED => &seed[1..]],
            attrs![CKA_VALUE => &expanded[1..]],
        ] {
            returns!(create(&fixture, number, wrong), CKR_ATTRIBUTE_VALUE_INVALID);
        }
        let none = create(&fixture, number, vec![]);
        returns!(none, CKR_TEMPLATE_INCOMPLETE);
    }
    let seed = attrs![CKA_SEED => &[7; 32]];
    returns!(create(&fixture, 4, seed), CKR_PARAMETER_SET_NOT_SUPPORTED);
}

#[test]
fn a_generated_pair_is_kept_and_says_what_it_is() {
    let fixture = Fixture::new();
    let (public, private) = fixture
        .session
        .generate_key_pair(
            fixture.plain(ck::CKM_ML_DSA_KEY_PAIR_GEN),
            &attrs![CKA_PARAMETER_SET => ck::CKP_ML_DSA_65, CKA_TOKEN => true, CKA_ID => b"id"],
            &attrs![
                CKA_TOKEN => true, CKA_ID => b"id", CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
            ],
        )
        .unwrap();
    let set = is(&ck::CKP_ML_DSA_65.to_ne_bytes());
    for key in [public, private] {
        assert_eq!(value(&fixture, key, ck::CKA_PARAMETER_SET), set);
        assert_eq!(value(&fixture, key, ck::CKA_LOCAL), is(&[1]));
    }
    let Revealed::Value(seed) = value(&fixture, private, ck::CKA_SEED) else {
        panic!("no seed");
    };
    let again = MlDsaMaterial::from_seed(ParameterSet::MlDsa65, &seed).unwrap();
    assert_eq!(value(&fixture, private, ck::CKA_VALUE), is(&again.expanded));
    assert_eq!(value(&fixture, public, ck::CKA_VALUE), is(&again.public));
    let signature = sign(&fixture, private, Some(Hedge::Deterministic)).unwrap();

    let fixture = fixture.reopened_as_user();
    let find = |class: u64| {
        let template = attrs![
            CKA_CLASS => class, CKA_KEY_TYPE => ck::CKK_ML_DSA,
            CKA_PARAMETER_SET => ck::CKP_ML_DSA_65, CKA_ID => b"id",
        ];
        fixture.session.find_init(&template).unwrap();
        let found = fixture.session.find(10).unwrap();
        fixture.session.find_final().unwrap();
        found
    };
    let [private] = find(ck::CKO_PRIVATE_KEY)[..] else {
        panic!("not one private key");
    };
    assert_eq!(find(ck::CKO_PUBLIC_KEY).len(), 1);
    let again = sign(&fixture, private, Some(Hedge::Deterministic)).unwrap();
    assert!(again == signature, "another signature after a restart");
}

#[test]
fn the_hedge_type_says_whether_signatures_differ() {
    let fixture = Fixture::new();
    let key = create(&fixture, ck::CKP_ML_DSA_44, attrs![CKA_SEED => &[7; 32]]).unwrap();
    for (hedge, differ) in [
        (Hedge::Preferred, true),
        (Hedge::Required, true),
        (Hedge::Deterministic, false),
    ] {
        let two = [0; 2].map(|_| sign(&fixture, key, Some(hedge)).unwrap());
        assert_eq!(two[0] != two[1], differ, "{hedge:?}");
    }
    returns!(sign(&fixture, key, None), CKR_MECHANISM_PARAM_INVALID);
    // A verification ignores it.
    let public = MlDsaMaterial::from_seed(ParameterSet::MlDsa44, &[7; 32]).unwrap();
    let template = attrs![
        CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_ML_DSA,
        CKA_PARAMETER_SET => ck::CKP_ML_DSA_44, CKA_VALUE => &public.public,
    ];
    let public = fixture.session.create_object(&template).unwrap();
    let signature = sign(&fixture, key, Some(Hedge::Preferred)).unwrap();
    for (context, outcome) in [(&b"context"[..], "CKR_OK"), (b"", "CKR_SIGNATURE_INVALID")] {
        let context = SignContext {
            hedge: None,
            context: context.to_vec(),
        };
        let request = fixture.request(ck::CKM_ML_DSA, Params::SignContext(context));
        fixture.session.verify_init(request, public).unwrap();
        let verified = fixture.session.verify(b"message", &signature);
        assert_eq!(crate::common::rv(&verified), outcome);
    }
}

/// RFC 9881: a wrapped key is PKCS #8 of its seed.
#[test]
fn a_wrapped_key_comes_back_with_its_seed() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let wrapping = secret(session, ck::CKK_AES, vec![]).public;
    let plain = || fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
    for (set, number) in SETS {
        let key = mldsa::generate(set).unwrap();
        for given in [
            attrs![CKA_SEED => &*key.seed],
            attrs![CKA_VALUE => &*key.expanded],
        ] {
            let made = create(&fixture, number, given).unwrap();
            let blob = full(|out| session.wrap_key(plain(), wrapping, made, out)).unwrap();
            let template = attrs![
                CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_ML_DSA,
                CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
            ];
            let back = session.unwrap_key(plain(), wrapping, &blob, &template);
            let back = back.unwrap();
            for kind in [ck::CKA_SEED, ck::CKA_VALUE, ck::CKA_PUBLIC_KEY_INFO] {
                assert_eq!(value(&fixture, back, kind), value(&fixture, made, kind));
            }
            let other = with(template, attrs![CKA_PARAMETER_SET => number % 3 + 1]);
            let refused = session.unwrap_key(plain(), wrapping, &blob, &other);
            returns!(refused, CKR_WRAPPED_KEY_INVALID);
        }
    }
}
