use tenon_pkcs11::api::attr::Revealed;
use tenon_pkcs11::api::ck;

use crate::common::{Fixture, attrs, ec_pair, returns, rsa_material, rsa_pair, secret};

#[test]
fn a_value_is_read_only_when_it_is_neither_sensitive_nor_unextractable() {
    for token in [false, true] {
        let fixture = Fixture::new();
        let session = &fixture.session;
        for sensitive in [false, true] {
            for extractable in [false, true] {
                let changes = || {
                    attrs![
                        CKA_TOKEN => token, CKA_SENSITIVE => sensitive,
                        CKA_EXTRACTABLE => extractable,
                    ]
                };
                let open = !sensitive && extractable;
                let aes = secret(session, ck::CKK_AES, changes()).private;
                let rsa = rsa_pair(session, vec![], changes()).private;
                let ec = ec_pair(session, vec![], changes()).private;
                for (key, kind) in [
                    (aes, ck::CKA_VALUE),
                    (ec, ck::CKA_VALUE),
                    (rsa, ck::CKA_PRIVATE_EXPONENT),
                    (rsa, ck::CKA_PRIME_1),
                    (rsa, ck::CKA_PRIME_2),
                    (rsa, ck::CKA_EXPONENT_1),
                    (rsa, ck::CKA_EXPONENT_2),
                    (rsa, ck::CKA_COEFFICIENT),
                ] {
                    let context =
                        format!("{kind:#x}, sensitive {sensitive}, extractable {extractable}");
                    let read = session.attributes(key, &[kind, ck::CKA_CLASS]).unwrap();
                    assert!(matches!(read[1], Revealed::Value(_)), "{context}");
                    match &read[0] {
                        Revealed::Value(value) => assert!(open && !value.is_empty(), "{context}"),
                        other => assert!(!open && *other == Revealed::Sensitive, "{context}"),
                    }
                }
            }
        }
    }
}

#[test]
fn open_values_are_the_right_ones() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let open = || attrs![CKA_TOKEN => true, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let aes = secret(session, ck::CKK_AES, open()).private;
    let read = session.attributes(aes, &[ck::CKA_VALUE]).unwrap();
    assert_eq!(read, [Revealed::Value(vec![0x5A; 32])]);

    let key = rsa_material();
    let rsa = rsa_pair(session, vec![], open()).private;
    for (kind, value) in [
        (ck::CKA_PRIVATE_EXPONENT, &key.d),
        (ck::CKA_PRIME_1, &key.p),
        (ck::CKA_PRIME_2, &key.q),
        (ck::CKA_EXPONENT_1, &key.dp),
        (ck::CKA_EXPONENT_2, &key.dq),
        (ck::CKA_COEFFICIENT, &key.qinv),
    ] {
        let read = session.attributes(rsa, &[kind]).unwrap();
        assert_eq!(read, [Revealed::Value(value.to_vec())], "{kind:#x}");
    }
}

#[test]
fn each_attribute_is_answered_for_itself() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = secret(session, ck::CKK_AES, vec![]).private;
    let kinds = [
        ck::CKA_VALUE,
        ck::CKA_KEY_TYPE,
        ck::CKA_MODULUS,
        0x7FFF_0000,
        ck::CKA_ALLOWED_MECHANISMS,
        ck::CKA_VALUE_LEN,
    ];
    let expected = [
        Revealed::Sensitive,
        Revealed::Value(ck::CKK_AES.to_ne_bytes().to_vec()),
        Revealed::Invalid,
        Revealed::Invalid,
        Revealed::Value(vec![]),
        Revealed::Value(32_u64.to_ne_bytes().to_vec()),
    ];
    assert_eq!(session.attributes(key, &kinds).unwrap(), expected);
    returns!(session.attributes(0, &kinds), CKR_OBJECT_HANDLE_INVALID);
    assert_eq!(session.attributes(key, &[]).unwrap(), []);
}

/// What the tables of common key attributes (sections 4.7 to 4.10) have beyond numbers and flags.
const OF_KEYS: [u64; 5] = [
    ck::CKA_ALLOWED_MECHANISMS,
    ck::CKA_START_DATE,
    ck::CKA_END_DATE,
    ck::CKA_ID,
    ck::CKA_LABEL,
];

#[test]
fn attributes_that_no_template_named_read_as_empty() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for token in [false, true] {
        let pair = rsa_pair(
            session,
            attrs![CKA_TOKEN => token],
            attrs![CKA_TOKEN => token],
        );
        let aes = secret(session, ck::CKK_AES, attrs![CKA_TOKEN => token]).private;
        let of_public = [
            ck::CKA_SUBJECT,
            ck::CKA_WRAP_TEMPLATE,
            ck::CKA_ENCAPSULATE_TEMPLATE,
        ];
        let of_private = [
            ck::CKA_SUBJECT,
            ck::CKA_UNWRAP_TEMPLATE,
            ck::CKA_DERIVE_TEMPLATE,
            ck::CKA_DECAPSULATE_TEMPLATE,
        ];
        let of_secret = [
            ck::CKA_WRAP_TEMPLATE,
            ck::CKA_UNWRAP_TEMPLATE,
            ck::CKA_DERIVE_TEMPLATE,
        ];
        for (key, more) in [
            (pair.public, &of_public[..]),
            (pair.private, &of_private),
            (aes, &of_secret),
        ] {
            for kind in OF_KEYS.iter().chain(more) {
                let read = session.attributes(key, &[*kind]).unwrap();
                let empty = match read.as_slice() {
                    [Revealed::Value(value)] => value.is_empty(),
                    [Revealed::Template(entries)] => entries.is_empty(),
                    _ => false,
                };
                assert!(empty, "{kind:#x}: {read:?}");
            }
            let flags = session.attributes(key, &[ck::CKA_OBJECT_VALIDATION_FLAGS]);
            assert_eq!(
                flags.unwrap(),
                [Revealed::Value(0_u64.to_ne_bytes().to_vec())]
            );
        }
        // An attribute of another class stays unknown.
        for (key, kind) in [
            (pair.public, ck::CKA_UNWRAP_TEMPLATE),
            (pair.private, ck::CKA_WRAP_TEMPLATE),
            (aes, ck::CKA_DECAPSULATE_TEMPLATE),
        ] {
            let read = session.attributes(key, &[kind]).unwrap();
            assert_eq!(read, [Revealed::Invalid], "{kind:#x}");
        }
    }
}

/// An attribute that reads as empty is found as such.
#[test]
fn unset_attributes_are_found_by_their_empty_value() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let free = secret(session, ck::CKK_AES, vec![]).private;
    let bound = attrs![CKA_ALLOWED_MECHANISMS => [ck::CKM_AES_GCM]];
    let bound = secret(session, ck::CKK_AES, bound).private;
    for (wanted, found) in [
        (attrs![CKA_ALLOWED_MECHANISMS => []], free),
        (attrs![CKA_ALLOWED_MECHANISMS => [ck::CKM_AES_GCM]], bound),
    ] {
        session.find_init(&wanted).unwrap();
        let keys = session.find(10).unwrap();
        session.find_final().unwrap();
        assert_eq!(keys, [found]);
    }
}

#[test]
fn nested_templates_come_back() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let nested = attrs![CKA_WRAP_TEMPLATE => attrs![CKA_SIGN => true, CKA_LABEL => "only"]];
    let key = secret(session, ck::CKK_AES, nested).private;
    let read = session.attributes(key, &[ck::CKA_WRAP_TEMPLATE]).unwrap();
    let expected = Revealed::Template(vec![
        (ck::CKA_LABEL, Revealed::Value(b"only".to_vec())),
        (ck::CKA_SIGN, Revealed::Value(vec![1])),
    ]);
    assert_eq!(read, [expected]);
}

#[test]
fn sizes_grow_with_what_is_stored() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let data = |len| {
        let template = attrs![CKA_CLASS => ck::CKO_DATA, CKA_VALUE => &vec![0; len]];
        session
            .object_size(session.create_object(&template).unwrap())
            .unwrap()
    };
    assert_eq!(data(2000) - data(1000), 1000);
    returns!(session.object_size(0), CKR_OBJECT_HANDLE_INVALID);
}
