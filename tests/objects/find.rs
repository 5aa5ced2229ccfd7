use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::token::Handle;

use crate::common::{
    Fixture, ToAttribute, attrs, ec_material, ec_pair, rsa_material, rsa_pair, secret,
};

fn find(fixture: &Fixture, template: &[RawAttribute]) -> Vec<Handle> {
    fixture.session.find_init(template).unwrap();
    let mut found = fixture.session.find(1000).unwrap();
    fixture.session.find_final().unwrap();
    found.sort_unstable();
    found
}

/// One of each: data, certificate, RSA pair, EC pair, AES key; then another AES key.
fn populate(fixture: &Fixture, token: bool, private: bool) -> Vec<Handle> {
    let session = &fixture.session;
    let place =
        |label: &str| attrs![CKA_TOKEN => token, CKA_PRIVATE => private, CKA_LABEL => label];
    let create = |label: &str, mut template: Vec<RawAttribute>| {
        template.extend(place(label));
        session.create_object(&template).unwrap()
    };
    let named = |label: &str, id: &[u8]| {
        let mut template = place(label);
        template.extend(attrs![CKA_ID => id, CKA_SUBJECT => b"cn"]);
        template
    };
    let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_APPLICATION => "app", CKA_OBJECT_ID => b"o"];
    let certificate = attrs![
        CKA_CLASS => ck::CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE => ck::CKC_X_509,
        CKA_SUBJECT => b"cn", CKA_ISSUER => b"ca", CKA_SERIAL_NUMBER => b"7", CKA_VALUE => b"der",
        CKA_ID => b"rsa",
    ];
    let rsa = rsa_pair(session, named("public", b"rsa"), named("private", b"rsa"));
    let ec = ec_pair(session, named("public", b"ec"), named("private", b"ec"));
    let aes = |label: &str, sign: bool| {
        let mut template = place(label);
        template.extend(attrs![CKA_ID => b"aes", CKA_SIGN => sign]);
        secret(session, ck::CKK_AES, template).private
    };
    vec![
        create("data", data),
        create("certificate", certificate),
        rsa.public,
        rsa.private,
        ec.public,
        ec.private,
        aes("secret", true),
        aes("secret", false),
    ]
}

#[test]
fn every_searchable_attribute_finds_its_objects() {
    for (token, private) in [(false, false), (false, true), (true, false), (true, true)] {
        let fixture = Fixture::new();
        let all = populate(&fixture, token, private);
        let value = |of: usize, kind| {
            let mut read = fixture.session.attributes(all[of], &[kind]).unwrap();
            let Revealed::Value(value) = read.remove(0) else {
                panic!("{kind:#x} is shown");
            };
            value.as_slice().attribute(kind)
        };
        for (template, expected) in [
            (attrs![], &[0, 1, 2, 3, 4, 5, 6, 7][..]),
            (attrs![CKA_CLASS => ck::CKO_DATA], &[0]),
            (attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY], &[3, 5]),
            (
                attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC],
                &[5],
            ),
            (attrs![CKA_KEY_TYPE => ck::CKK_RSA], &[2, 3]),
            (attrs![CKA_LABEL => "secret"], &[6, 7]),
            (attrs![CKA_LABEL => "secre"], &[]),
            (attrs![CKA_LABEL => "secret\0"], &[]),
            (attrs![CKA_LABEL => ""], &[]),
            (attrs![CKA_ID => b"rsa"], &[1, 2, 3]),
            (
                attrs![CKA_ID => b"rsa", CKA_CLASS => ck::CKO_CERTIFICATE],
                &[1],
            ),
            (attrs![CKA_ID => b"rsa", CKA_LABEL => "secret"], &[]),
            (attrs![CKA_SUBJECT => b"cn"], &[1, 2, 3, 4, 5]),
            (attrs![CKA_ISSUER => b"ca", CKA_SERIAL_NUMBER => b"7"], &[1]),
            (attrs![CKA_ISSUER => b"ca", CKA_SERIAL_NUMBER => b"8"], &[]),
            (attrs![CKA_APPLICATION => "app"], &[0]),
            (attrs![CKA_OBJECT_ID => b"o"], &[0]),
            (attrs![CKA_VALUE => b"der"], &[1]),
            (attrs![CKA_SIGN => true], &[3, 5, 6]),
            (attrs![CKA_SIGN => false], &[7]),
            (attrs![CKA_SIGN => false, CKA_ID => b"aes"], &[7]),
            (attrs![CKA_SIGN => false, CKA_ID => b"rsa"], &[]),
            (attrs![CKA_SENSITIVE => false], &[3, 5, 6, 7]),
            (attrs![CKA_TOKEN => token], &[0, 1, 2, 3, 4, 5, 6, 7]),
            (attrs![CKA_TOKEN => !token], &[]),
            (attrs![CKA_PRIVATE => private], &[0, 1, 2, 3, 4, 5, 6, 7]),
            (attrs![CKA_PRIVATE => !private], &[]),
            (attrs![CKA_VALUE_LEN => 32], &[6, 7]),
            (
                attrs![CKA_TENON_ORIGIN => ck::ORIGIN_IMPORTED],
                &[3, 5, 6, 7],
            ),
            (attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL], &[]),
            (vec![value(2, ck::CKA_MODULUS)], &[2, 3]),
            (vec![value(5, ck::CKA_EC_POINT)], &[4, 5]),
            (vec![value(4, ck::CKA_EC_PARAMS)], &[4, 5]),
            (vec![value(6, ck::CKA_CHECK_VALUE)], &[6, 7]),
            (vec![value(7, ck::CKA_UNIQUE_ID)], &[7]),
        ] {
            let mut expected: Vec<_> = expected.iter().map(|place| all[*place]).collect();
            expected.sort_unstable();
            let found = find(&fixture, &template);
            assert_eq!(
                found, expected,
                "{template:?}, token {token}, private {private}"
            );
        }
    }
}

/// Searching by a value that cannot be read would be an oracle for it.
#[test]
fn key_material_finds_the_keys_whose_value_can_be_read() {
    let fixture = Fixture::new();
    let mut readable = Vec::new();
    for token in [false, true] {
        for (sensitive, extractable) in [(true, false), (true, true), (false, false), (false, true)]
        {
            let changes = attrs![
                CKA_TOKEN => token, CKA_SENSITIVE => sensitive, CKA_EXTRACTABLE => extractable,
            ];
            let key = secret(&fixture.session, ck::CKK_AES, changes).private;
            readable.extend((!sensitive && extractable).then_some(key));
        }
    }
    readable.sort_unstable();
    let by_value = attrs![CKA_VALUE => &[0x5A; 32]];
    assert_eq!(find(&fixture, &by_value), readable);
    let with_class = attrs![CKA_VALUE => &[0x5A; 32], CKA_CLASS => ck::CKO_SECRET_KEY];
    assert_eq!(find(&fixture, &with_class), readable);
    assert!(find(&fixture, &attrs![CKA_VALUE => &[0x5A; 31]]).is_empty());
    let primes = attrs![CKA_PRIME_1 => b"p"];
    assert!(find(&fixture, &primes).is_empty());
}

#[test]
fn nonsense_finds_nothing_and_is_no_error() {
    let fixture = Fixture::new();
    populate(&fixture, true, true);
    for template in [
        vec![true.attribute(0x7FFF_0000)],
        attrs![CKA_CLASS => ck::CKO_DATA, CKA_CLASS => ck::CKO_CERTIFICATE],
        attrs![CKA_CLASS => b"abc"],
        attrs![CKA_TOKEN => &[2]],
        attrs![CKA_CLASS => 99],
        attrs![CKA_MODULUS => b"", CKA_CLASS => ck::CKO_DATA],
    ] {
        assert!(find(&fixture, &template).is_empty(), "{template:?}");
    }
    assert_eq!(find(&fixture, &[]).len(), 8);
}

#[test]
fn changes_move_an_object_in_the_index() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = secret(
        session,
        ck::CKK_AES,
        attrs![CKA_TOKEN => true, CKA_LABEL => "old"],
    )
    .private;
    session
        .set_attributes(key, &attrs![CKA_LABEL => "new", CKA_ID => b"id"])
        .unwrap();
    assert!(find(&fixture, &attrs![CKA_LABEL => "old"]).is_empty());
    assert_eq!(find(&fixture, &attrs![CKA_LABEL => "new"]), [key]);
    assert_eq!(find(&fixture, &attrs![CKA_ID => b"id"]), [key]);
    session.destroy_object(key).unwrap();
    assert!(find(&fixture, &attrs![CKA_ID => b"id"]).is_empty());
}

/// The forms in which C_CreateObject takes a public key's components find it, too.
#[test]
fn components_find_their_keys_in_every_form() {
    let (rsa, ec) = (rsa_material(), ec_material());
    let zeros = |number: &[u8]| [&[0, 0][..], number].concat();
    let half = ec.curve.field_len();
    let compressed = [&[2 + (ec.point[2 * half] & 1)], &ec.point[1..=half]].concat();
    let other_sign = [&[compressed[0] ^ 1], &compressed[1..]].concat();
    let octets = |point: &[u8]| {
        let len = u8::try_from(point.len()).unwrap();
        [&[4, len], point].concat()
    };
    let (params, named) = (ec.curve.params(), b"\x13\x05P-256");
    for (token, private) in [(false, true), (true, false), (true, true)] {
        let fixture = Fixture::new();
        let all = populate(&fixture, token, private);
        for (template, expected) in [
            (attrs![CKA_MODULUS => &zeros(&rsa.n)], &[2, 3][..]),
            (
                attrs![CKA_KEY_TYPE => ck::CKK_RSA, CKA_PUBLIC_EXPONENT => &zeros(&rsa.e)],
                &[2, 3],
            ),
            (
                attrs![
                    CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_MODULUS => &zeros(&rsa.n),
                    CKA_PUBLIC_EXPONENT => &zeros(&rsa.e),
                ],
                &[2],
            ),
            (attrs![CKA_MODULUS => &zeros(&rsa.n[1..])], &[]),
            (attrs![CKA_EC_POINT => &ec.point], &[4, 5]),
            (attrs![CKA_EC_PARAMS => named], &[4, 5]),
            (
                attrs![CKA_EC_PARAMS => params, CKA_EC_POINT => &compressed],
                &[4, 5],
            ),
            (
                attrs![
                    CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC,
                    CKA_EC_PARAMS => named, CKA_EC_POINT => &octets(&compressed),
                ],
                &[5],
            ),
            (attrs![CKA_EC_PARAMS => b"\x13\x05P-384"], &[]),
            // Without a curve it may be a point of each that has it.
            (attrs![CKA_EC_POINT => &compressed], &[4, 5]),
            (attrs![CKA_EC_POINT => &octets(&compressed)], &[4, 5]),
            (
                attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_EC_POINT => &compressed],
                &[4],
            ),
            (
                attrs![CKA_EC_PARAMS => b"\x13\x05P-384", CKA_EC_POINT => &compressed],
                &[],
            ),
            (attrs![CKA_EC_POINT => &other_sign], &[]),
        ] {
            let mut expected: Vec<_> = expected.iter().map(|place| all[*place]).collect();
            expected.sort_unstable();
            assert_eq!(find(&fixture, &template), expected, "{template:?}, {token}");
        }
    }
}

#[test]
fn edwards_points_find_their_keys_bare_and_in_der() {
    let fixture = Fixture::new();
    let mut point = [7; 32];
    // Bare bytes of a point that begin as DER does.
    (point[0], point[1], point[2]) = (4, 30, 1);
    let der = [&[4, 32][..], &point].concat();
    let params = b"\x13\x0Cedwards25519";
    let key = attrs![
        CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_EC_EDWARDS,
        CKA_EC_PARAMS => params, CKA_EC_POINT => &der,
    ];
    let key = fixture.session.create_object(&key).unwrap();
    for template in [
        attrs![CKA_EC_POINT => &point],
        attrs![CKA_EC_POINT => &der],
        attrs![CKA_EC_PARAMS => params],
        attrs![CKA_EC_PARAMS => params, CKA_EC_POINT => &point],
        attrs![CKA_KEY_TYPE => ck::CKK_EC_EDWARDS, CKA_EC_POINT => &point],
    ] {
        assert_eq!(find(&fixture, &template), [key], "{template:?}");
    }
    let other = attrs![CKA_KEY_TYPE => ck::CKK_EC_MONTGOMERY, CKA_EC_POINT => &point];
    assert!(find(&fixture, &other).is_empty());
}
