use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::ec::{self, Curve};
use tenon_pkcs11::api::keytype::Material;

use crate::common::{Calls, Fixture, attrs, full, returns, rsa_material, rv, with};

fn certificate() -> Vec<RawAttribute> {
    attrs![
        CKA_CLASS => ck::CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE => ck::CKC_X_509,
        CKA_SUBJECT => b"subject", CKA_VALUE => b"certificate",
    ]
}

#[test]
fn data_and_certificates() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let data = attrs![
        CKA_CLASS => ck::CKO_DATA, CKA_APPLICATION => "app", CKA_OBJECT_ID => b"oid",
        CKA_VALUE => b"value", CKA_TOKEN => true,
    ];
    let data = session.create_object(&data).unwrap();
    let read = session
        .attributes(data, &[ck::CKA_VALUE, ck::CKA_OBJECT_ID])
        .unwrap();
    assert_eq!(
        read,
        [b"value".to_vec(), b"oid".to_vec()].map(Revealed::Value)
    );

    let made = session.create_object(&certificate()).unwrap();
    let read = session
        .attributes(made, &[ck::CKA_VALUE, ck::CKA_TRUSTED])
        .unwrap();
    assert_eq!(
        read,
        [b"certificate".to_vec(), vec![0]].map(Revealed::Value)
    );

    let refused = |template: Vec<RawAttribute>| session.create_object(&template);
    returns!(refused(vec![]), CKR_TEMPLATE_INCOMPLETE);
    returns!(
        refused(attrs![CKA_CLASS => 77]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    returns!(
        refused(with(certificate(), attrs![CKA_VALUE => b""])),
        CKR_TEMPLATE_INCOMPLETE
    );
    returns!(
        refused(with(certificate(), attrs![CKA_TRUSTED => true])),
        CKR_ATTRIBUTE_READ_ONLY
    );
    returns!(
        refused(with(certificate(), attrs![CKA_SIGN => true])),
        CKR_TEMPLATE_INCONSISTENT
    );
}

#[test]
fn rsa_private_keys_of_every_completeness_work_alike() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = rsa_material();
    let least = || {
        attrs![
            CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_RSA, CKA_SIGN => true,
            CKA_MODULUS => &key.n, CKA_PUBLIC_EXPONENT => &key.e,
            CKA_PRIVATE_EXPONENT => &*key.d,
        ]
    };
    let primes = || attrs![CKA_PRIME_1 => &*key.p, CKA_PRIME_2 => &*key.q];
    let crt = || {
        attrs![
            CKA_EXPONENT_1 => &*key.dp, CKA_EXPONENT_2 => &*key.dq, CKA_COEFFICIENT => &*key.qinv,
        ]
    };
    let complete = with(with(least(), primes()), crt());
    let without_e = attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_RSA, CKA_SIGN => true,
        CKA_MODULUS => &key.n, CKA_PRIVATE_EXPONENT => &*key.d,
    ];
    let without_e = with(without_e, primes());
    let computed = session.create_object(&without_e).unwrap();
    let read = session.attributes(computed, &[ck::CKA_PUBLIC_EXPONENT]);
    assert_eq!(read.unwrap(), [Revealed::Value(key.e.clone())]);
    let signatures: Vec<_> = [least(), with(least(), primes()), complete, without_e]
        .into_iter()
        .map(|template| {
            let made = session.create_object(&template).unwrap();
            session
                .sign_init(fixture.plain(ck::CKM_SHA256_RSA_PKCS), made)
                .unwrap();
            full(|out| session.sign(b"text", out)).unwrap()
        })
        .collect();
    assert!(
        signatures
            .iter()
            .all(|signature| *signature == signatures[0])
    );

    let refused = |changes| session.create_object(&with(with(least(), primes()), changes));
    let mut other = key.n.clone();
    other[100] ^= 1;
    returns!(
        refused(attrs![CKA_MODULUS => &other]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    returns!(
        refused(attrs![CKA_PUBLIC_EXPONENT => &[3]]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    returns!(
        refused(attrs![CKA_PUBLIC_EXPONENT => &[1]]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    returns!(
        refused(attrs![CKA_PRIVATE_EXPONENT => &[5]]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    for contradiction in [
        attrs![CKA_EXPONENT_1 => &*key.dq],
        attrs![CKA_EXPONENT_2 => &*key.dp],
        attrs![CKA_COEFFICIENT => &[5]],
    ] {
        returns!(refused(contradiction), CKR_ATTRIBUTE_VALUE_INVALID);
    }
    returns!(
        refused(attrs![CKA_PUBLIC_EXPONENT => b"", CKA_PRIME_1 => &[1]]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    returns!(
        refused(attrs![CKA_PRIME_2 => &*key.p]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    returns!(
        refused(attrs![CKA_PRIVATE_EXPONENT => b""]),
        CKR_TEMPLATE_INCOMPLETE
    );
    session
        .find_init(&attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY])
        .unwrap();
    assert_eq!(
        session.find(10).unwrap().len(),
        5,
        "what was refused left nothing behind"
    );
}

#[test]
fn rsa_public_keys() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = rsa_material();
    let template = || {
        attrs![
            CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_RSA, CKA_MODULUS => &key.n,
            CKA_PUBLIC_EXPONENT => &key.e,
        ]
    };
    let made = session.create_object(&template()).unwrap();
    let read = session
        .attributes(made, &[ck::CKA_MODULUS, ck::CKA_MODULUS_BITS])
        .unwrap();
    let bits = 2048_u64.to_ne_bytes().to_vec();
    assert_eq!(read, [key.n.clone(), bits].map(Revealed::Value));
    let refused = |changes| session.create_object(&with(template(), changes));
    returns!(
        refused(attrs![CKA_PUBLIC_EXPONENT => &[1]]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    returns!(
        refused(attrs![CKA_MODULUS => &[0xFF; 64]]),
        CKR_KEY_SIZE_RANGE
    );
    returns!(
        refused(attrs![CKA_MODULUS_BITS => 2048]),
        CKR_ATTRIBUTE_READ_ONLY
    );
}

#[test]
fn numbers_lose_the_zeros_before_them() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = rsa_material();
    let padded = |number: &[u8]| [&[0, 0][..], number].concat();
    let template = attrs![
        CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_RSA, CKA_TOKEN => true,
        CKA_MODULUS => &padded(&key.n), CKA_PUBLIC_EXPONENT => &padded(&key.e),
    ];
    let made = session.create_object(&template).unwrap();
    let kinds = [ck::CKA_MODULUS, ck::CKA_PUBLIC_EXPONENT];
    let read = session.attributes(made, &kinds).unwrap();
    assert_eq!(read, [key.n.clone(), key.e.clone()].map(Revealed::Value));
    session
        .find_init(&attrs![CKA_MODULUS => &key.n, CKA_PUBLIC_EXPONENT => &key.e])
        .unwrap();
    assert_eq!(session.find(10).unwrap(), [made]);
}

#[test]
fn a_public_key_info_that_is_given_must_be_the_keys() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let rsa = rsa_material();
    let (one, other) = (
        ec::generate(Curve::P256).unwrap(),
        ec::generate(Curve::P256).unwrap(),
    );
    let templates = [
        attrs![
            CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_RSA, CKA_MODULUS => &rsa.n,
            CKA_PUBLIC_EXPONENT => &rsa.e,
        ],
        attrs![
            CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_RSA, CKA_MODULUS => &rsa.n,
            CKA_PUBLIC_EXPONENT => &rsa.e, CKA_PRIVATE_EXPONENT => &*rsa.d,
        ],
        attrs![
            CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_EC,
            CKA_EC_PARAMS => one.curve.params(), CKA_EC_POINT => &one.point,
        ],
        attrs![
            CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC,
            CKA_EC_PARAMS => one.curve.params(), CKA_VALUE => &*one.scalar,
        ],
    ];
    let wrong = Material::pair(other).spki().unwrap();
    for mut template in templates {
        let made = session.create_object(&template).unwrap();
        let read = session.attributes(made, &[ck::CKA_PUBLIC_KEY_INFO]);
        let [Revealed::Value(right)] = &read.unwrap()[..] else {
            panic!("it is shown");
        };
        for (given, wanted) in [
            (right.clone(), "CKR_OK"),
            (Vec::new(), "CKR_OK"),
            (wrong.clone(), "CKR_ATTRIBUTE_VALUE_INVALID"),
            (b"no DER".to_vec(), "CKR_ATTRIBUTE_VALUE_INVALID"),
        ] {
            template = with(template, attrs![CKA_PUBLIC_KEY_INFO => &given]);
            assert_eq!(rv(&session.create_object(&template)), wanted);
        }
    }
}

#[test]
fn ec_keys_with_and_without_what_can_be_computed() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for curve in [Curve::P256, Curve::P384, Curve::Secp256k1] {
        let key = ec::generate(curve).unwrap();
        let len = u8::try_from(key.point.len()).unwrap();
        let wrapped = [&[0x04, len][..], &key.point].concat();
        let private = |changes| {
            let template = attrs![
                CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC, CKA_SIGN => true,
                CKA_EC_PARAMS => curve.params(), CKA_VALUE => &*key.scalar,
            ];
            session.create_object(&with(template, changes))
        };
        let public = |changes| {
            let template = attrs![
                CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_EC,
                CKA_EC_PARAMS => curve.params(), CKA_EC_POINT => &wrapped,
            ];
            session.create_object(&with(template, changes))
        };
        let verifiers = [
            public(vec![]).unwrap(),
            public(attrs![CKA_EC_POINT => &key.point]).unwrap(),
        ];
        for signer in [
            private(vec![]).unwrap(),
            private(attrs![CKA_EC_POINT => &wrapped]).unwrap(),
            private(attrs![CKA_VALUE => &[&[0; 3][..], &key.scalar].concat()]).unwrap(),
        ] {
            session
                .sign_init(fixture.plain(ck::CKM_ECDSA_SHA256), signer)
                .unwrap();
            let signature = full(|out| session.sign(b"text", out)).unwrap();
            for verifier in verifiers {
                session
                    .verify_init(fixture.plain(ck::CKM_ECDSA_SHA256), verifier)
                    .unwrap();
                returns!(session.verify(b"text", &signature), CKR_OK, "{curve:?}");
            }
            for same in verifiers.into_iter().chain([signer]) {
                let point = session.attributes(same, &[ck::CKA_EC_POINT]).unwrap();
                assert_eq!(point, [Revealed::Value(wrapped.clone())], "{curve:?}");
            }
        }
        let mut off = wrapped.clone();
        off[20] ^= 1;
        returns!(
            public(attrs![CKA_EC_POINT => &off]),
            CKR_ATTRIBUTE_VALUE_INVALID
        );
        returns!(
            public(attrs![CKA_EC_POINT => &[4, 1, 0]]),
            CKR_ATTRIBUTE_VALUE_INVALID
        );
        returns!(
            private(attrs![CKA_EC_POINT => &off]),
            CKR_ATTRIBUTE_VALUE_INVALID
        );
        returns!(
            private(attrs![CKA_VALUE => &[0; 32]]),
            CKR_ATTRIBUTE_VALUE_INVALID
        );
        returns!(
            private(attrs![CKA_VALUE => &[0xFF; 48]]),
            CKR_ATTRIBUTE_VALUE_INVALID
        );
        let p192 = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x01];
        for (params, wanted) in [
            (&p192[..], "CKR_CURVE_NOT_SUPPORTED"),
            (&[0x05, 0x00], "CKR_DOMAIN_PARAMS_INVALID"),
        ] {
            let made = private(attrs![CKA_EC_PARAMS => params]);
            assert_eq!(rv(&made), wanted);
            assert_eq!(rv(&public(attrs![CKA_EC_PARAMS => params])), wanted);
        }
    }
}

#[test]
fn secret_keys() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let create = |changes| {
        let template = attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE => &[1; 16],
        ];
        session.create_object(&with(template, changes))
    };
    returns!(create(vec![]), CKR_OK);
    for len in [0, 15, 17, 33] {
        returns!(
            create(attrs![CKA_VALUE => &vec![1; len]]),
            CKR_ATTRIBUTE_VALUE_INVALID,
            "{len}"
        );
    }
    let generic = attrs![CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET, CKA_VALUE => &[1; 5]];
    returns!(create(generic), CKR_OK);
    let empty = attrs![CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET, CKA_VALUE => b""];
    returns!(create(empty), CKR_TEMPLATE_INCOMPLETE);
    returns!(create(attrs![CKA_VALUE_LEN => 16]), CKR_ATTRIBUTE_READ_ONLY);
    returns!(create(attrs![CKA_LOCAL => true]), CKR_ATTRIBUTE_READ_ONLY);
    returns!(
        create(attrs![CKA_CHECK_VALUE => &[1, 2, 3]]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    returns!(create(attrs![CKA_CHECK_VALUE => b""]), CKR_OK);
    returns!(create(attrs![CKA_TRUSTED => true]), CKR_ATTRIBUTE_READ_ONLY);
}
