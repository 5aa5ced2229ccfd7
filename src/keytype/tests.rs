use super::*;
use crate::ck;

#[test]
fn every_number_and_name_is_once_in_the_table() {
    for row in all() {
        assert!(row.name.starts_with("CKK_"), "{}", row.name);
        let same = all().filter(|other| other.id == row.id || other.name == row.name);
        assert_eq!(same.count(), 1, "{}", row.name);
        assert_eq!(find(row.id).map(|found| found.name), Some(row.name));
    }
    assert!(find(ck::CKK_CAST128).is_none());
}

#[test]
fn the_lists_are_those_of_the_rows() {
    let ids = |secret| -> Vec<_> {
        let of_form = all().filter(|row| row.is_secret() == secret);
        of_form.map(|row| row.id).collect()
    };
    assert_eq!(PAIRS, ids(false));
    assert_eq!([SECRETS, OTP].concat(), ids(true));
    let external = all().filter(|row| row.spec.is_some());
    assert_eq!(EXTERNAL, external.map(|row| row.id).collect::<Vec<_>>());
    for id in EXTERNAL_SECRETS {
        assert!(EXTERNAL.contains(id) && SECRETS.contains(id), "{id:#x}");
    }
}

#[test]
fn what_a_key_holds_is_that_of_its_class() {
    for row in all() {
        let of = |class| row.components(class).len();
        assert_eq!(of(ck::CKO_PUBLIC_KEY) > 0, !row.is_secret());
        assert_eq!(of(ck::CKO_PRIVATE_KEY) > 0, !row.is_secret());
        let secret = of(ck::CKO_SECRET_KEY) + of(ck::CKO_OTP_KEY);
        assert_eq!(secret > 0, row.is_secret());
        assert_eq!(of(ck::CKO_DATA), 0);
        let hidden = row
            .held
            .iter()
            .any(|component| component.reveal == Showing::UnlessSensitive);
        assert!(hidden, "{} holds no key material", row.name);
        let shown = |component: &Component| component.reveal == Showing::Always;
        assert!(row.public.iter().all(shown), "{}", row.name);
    }
}

#[test]
fn rsa_specs_are_of_the_modulus_or_of_what_is_asked_for() {
    for bits in [2048, 3072, 4096] {
        let asked = Spec::of(ck::CKK_RSA, &[(ck::CKA_MODULUS_BITS, bits)]);
        assert_eq!(asked, Some(Spec::Rsa(bits)));
    }
    assert_eq!(Spec::of(ck::CKK_RSA, &[(ck::CKA_MODULUS_BITS, 1024)]), None);
    assert_eq!(modulus_bits(&[1, 0]), 9);
}

#[test]
fn an_hmac_key_of_each_hash_can_be_an_external_key() {
    let hmac: Vec<_> = all()
        .filter(|row| row.name.contains("SHA") && row.name.ends_with("_HMAC"))
        .collect();
    assert_eq!(hmac.len(), 11);
    for row in hmac {
        let of = |len| Spec::of(row.id, &[(ck::CKA_VALUE_LEN, len)]);
        assert_eq!(of(32), Some(Spec::Hmac(256)), "{}", row.name);
        assert_eq!([of(0), of(1025)], [None, None], "{}", row.name);
    }
}

#[test]
fn keys_are_read_by_their_names_and_called_so() {
    let bytes = |bytes: &[u8]| PublicValue::Bytes(bytes.to_vec());
    let p256 = b"\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07";
    for (text, key_type, size, shown) in [
        ("aes:256", ck::CKK_AES, PublicValue::Ulong(32), "aes:256"),
        ("sm4", ck::CKK_TENON_SM4, PublicValue::Ulong(16), "sm4"),
        (
            "generic:77",
            ck::CKK_GENERIC_SECRET,
            PublicValue::Ulong(77),
            "generic:77",
        ),
        (
            "rsa:3072",
            ck::CKK_RSA,
            PublicValue::Ulong(3072),
            "rsa:3072",
        ),
        (
            "ec:P-256",
            ck::CKK_EC,
            bytes(b"\x13\x05P-256"),
            "ec:secp256r1",
        ),
        (
            "sm2",
            ck::CKK_EC,
            bytes(crate::crypto::ec::Curve::Sm2.params()),
            "ec:sm2p256v1",
        ),
        (
            "ml-dsa-87",
            ck::CKK_ML_DSA,
            PublicValue::Ulong(3),
            "ml-dsa-87",
        ),
        (
            "slh-dsa-shake-256f",
            ck::CKK_SLH_DSA,
            PublicValue::Ulong(12),
            "slh-dsa-shake-256f",
        ),
        (
            "ed25519",
            ck::CKK_EC_EDWARDS,
            bytes(b"\x06\x03\x2B\x65\x70"),
            "ed25519",
        ),
    ] {
        let named = NamedKey::parse(text).unwrap();
        assert_eq!(named.key_type.id, key_type, "{text}");
        assert_eq!(named.size, size, "{text}");
        let values = vec![(named.key_type.size, size)];
        assert_eq!(name_of(key_type, &values), shown, "{text}");
    }
    let values = vec![(ck::CKA_EC_PARAMS, bytes(p256))];
    assert_eq!(name_of(ck::CKK_EC, &values), "ec:secp256r1");
    assert_eq!(name_of(ck::CKK_HKDF, &values), "HKDF");
    assert_eq!(name_of(ck::CKK_CAST128, &values), "type 0x18");
    for bad in [
        "",
        "sm2:256",
        "aes",
        "aes:100",
        "aes:7",
        "rsa:",
        "rsa:x",
        "ec",
        "ec:",
        "des:64",
        "secp256k1:1",
    ] {
        assert!(NamedKey::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_named_key_is_made_by_a_mechanism_for_its_type() {
    for row in all() {
        for name in row.names {
            let mechanism = crate::mechanism::find(name.made_by).unwrap();
            assert!(mechanism.key_types.contains(&row.id), "{}", name.word);
            let makes = match row.is_secret() {
                true => mechanism.generate.is_some(),
                false => mechanism.generate_pair.is_some(),
            };
            assert!(makes, "{}", name.word);
            let same = all().flat_map(|row| row.names);
            let same = same.filter(|other| other.word == name.word);
            assert_eq!(same.count(), 1, "{}", name.word);
        }
    }
}

#[test]
fn each_spec_is_read_by_all_its_names_and_makes_keys_of_its_own() {
    for row in all() {
        for (name, spec) in row.spec_names {
            assert_eq!(Spec::named(name), Some(*spec), "{name}");
            let (key_type, size, value) = spec.attributes();
            assert_eq!((key_type, size), (row.id, row.size), "{name}");
            let values = vec![(size, value)];
            assert_eq!(Spec::of(key_type, &values), Some(*spec), "{name}");
            let made_by = match spec {
                Spec::Ec(Curve::Sm2) => Some(ck::CKM_TENON_SM2_KEY_PAIR_GEN),
                _ => Some(row.names[0].made_by),
            };
            assert_eq!(row.made_by(&values), made_by, "{name}");
        }
    }
    assert_eq!(Spec::named("HMAC_512"), Some(Spec::Hmac(512)));
    assert_eq!(Spec::Hmac(512).name(), "HMAC_512");
    assert_eq!(Spec::Aes(256).name(), "AES_256");
    assert_eq!(Spec::Ec(Curve::P256).name(), "EC_P256");
}

#[test]
fn public_keys_are_read_as_their_pairs_describe_them() {
    use crate::crypto::{dh, dsa, ec, mldsa, mlkem, okp, rsa, slhdsa, xwing};
    for material in [
        Material::pair(rsa::generate(1024, &[1, 0, 1]).unwrap()),
        Material::pair(ec::generate(ec::Curve::P384).unwrap()),
        Material::pair(okp::generate(okp::Curve::X25519).unwrap()),
        Material::pair(mldsa::generate(mldsa::ParameterSet::MlDsa65).unwrap()),
        Material::pair(mlkem::generate(mlkem::ParameterSet::MlKem768).unwrap()),
        Material::pair(slhdsa::generate(slhdsa::ParameterSet::Shake128f).unwrap()),
        Material::pair(xwing::generate().unwrap()),
        Material::pair({
            let [p, g] = dh::Group::of_rfc3526(2048).unwrap().unwrap().numbers();
            dh::generate(&p, &g, None).unwrap()
        }),
        Material::pair({
            let group = dsa::Group::generate(1024, None).unwrap().unwrap();
            dsa::generate(&group).unwrap()
        }),
    ] {
        let Material::Pair(pair) = &material else {
            panic!("no pair");
        };
        let spki = pair.spki().unwrap();
        let (row, values) = from_spki(&spki).unwrap();
        assert_eq!(row.id, pair.key_type());
        let described = pair.describe_public().unwrap();
        assert!(values.iter().all(|value| described.contains(value)));
        assert_eq!(
            public_key(&spki).unwrap().bits(),
            material.ready(None).unwrap().bits()
        );
        let longer = [&spki[..], &[0]].concat();
        assert!(from_spki(&longer).is_err());
    }
}
