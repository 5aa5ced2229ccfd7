use super::super::algorithm::{ALGORITHMS, WrappingKey};
use super::super::metadata::Metadata;
use super::*;
use crate::keytype::{Curve, Spec};

const ENCRYPT: Usage = Usage::ENCRYPT;
const SIGN: Usage = Usage::SIGN;

fn of(name: &str) -> &'static Profile {
    find(name.as_bytes()).unwrap()
}

/// Names of the wrapping algorithms for a spec, and of the wrapping keys, in the order of the table.
fn ways(name: &str, spec: Spec) -> (Vec<u64>, Vec<String>) {
    let keys = [
        WrappingKey::Rsa(2048),
        WrappingKey::Rsa(3072),
        WrappingKey::Rsa(4096),
        WrappingKey::Sm2,
    ];
    let mut numbers = Vec::new();
    let mut wrapping = Vec::new();
    for algorithm in ALGORITHMS {
        for key in keys {
            if of(name).may_wrap(algorithm, key, spec).is_ok() {
                numbers.push(algorithm.number);
                wrapping.push(key.to_string());
            }
        }
    }
    numbers.dedup();
    wrapping.sort();
    wrapping.dedup();
    (numbers, wrapping)
}

/// Written by hand from section 5 of the rules.
#[test]
fn each_service_has_its_ways() {
    let rsa = Spec::Rsa(2048);
    let cases: &[(&str, Spec, &[u64], &[&str])] = &[
        ("alibaba-default", Spec::Aes(256), &[1, 2, 3], &["RSA-2048"]),
        ("alibaba-software", Spec::Aes(256), &[2, 3], &["RSA-2048"]),
        ("alibaba-software", rsa, &[6], &["RSA-2048"]),
        (
            "alibaba-hardware",
            Spec::Ec(Curve::P256),
            &[6],
            &["RSA-2048"],
        ),
        (
            "alibaba-hardware",
            Spec::Ec(Curve::Sm2),
            &[6, 7],
            &["RSA-2048", "SM2"],
        ),
        (
            "huawei",
            Spec::Aes(256),
            &[2, 8],
            &["RSA-2048", "RSA-3072", "RSA-4096", "SM2"],
        ),
        ("huawei", rsa, &[5], &["RSA-2048", "RSA-3072", "RSA-4096"]),
        (
            "aws",
            Spec::Hmac(256),
            &[1, 2, 4, 5, 8],
            &["RSA-2048", "RSA-3072", "RSA-4096", "SM2"],
        ),
        (
            "aws",
            Spec::Ec(Curve::Ed25519),
            &[1, 2, 4, 5],
            &["RSA-2048", "RSA-3072", "RSA-4096"],
        ),
        ("ibm", Spec::Aes(192), &[2, 4, 5], &["RSA-4096"]),
        ("aws", rsa, &[4, 5], &["RSA-2048", "RSA-3072", "RSA-4096"]),
        (
            "google",
            Spec::Aes(256),
            &[2, 4, 5],
            &["RSA-3072", "RSA-4096"],
        ),
        (
            "azure",
            Spec::Ec(Curve::P521),
            &[4],
            &["RSA-2048", "RSA-3072", "RSA-4096"],
        ),
        ("tencent", Spec::Sm4, &[1, 2, 3], &["RSA-2048"]),
        ("oci", Spec::Aes(128), &[2, 5], &["RSA-4096"]),
        ("oci", rsa, &[5], &["RSA-4096"]),
        (
            "vault",
            Spec::Ec(Curve::Ed25519),
            &[4, 5, 9, 10, 11],
            &["RSA-4096"],
        ),
    ];
    for (name, spec, numbers, keys) in cases {
        let (found, wrapping) = ways(name, *spec);
        assert_eq!(found, *numbers, "{name} {spec}");
        assert_eq!(wrapping, *keys, "{name} {spec}");
    }
}

#[test]
fn each_service_has_its_keys() {
    let refused = |name: &str, spec, usage| of(name).may_create(spec, usage).err();
    let fits = |name, spec, usage| assert_eq!(refused(name, spec, usage), None, "{name} {spec}");
    let lacks = |name, spec| {
        assert_eq!(
            refused(name, spec, SIGN),
            Some(Rule::Spec(spec)),
            "{name} {spec}"
        );
    };
    fits("alibaba-hardware", Spec::Aes(128), SIGN);
    fits("alibaba-hardware", Spec::Rsa(4096), ENCRYPT);
    lacks("alibaba-software", Spec::Rsa(4096));
    lacks("alibaba-software", Spec::Aes(128));
    lacks("alibaba-default", Spec::Rsa(2048));
    lacks("huawei", Spec::Hmac(256));
    for spec in [Curve::Secp256k1, Curve::Ed25519, Curve::Sm2] {
        fits("huawei", Spec::Ec(spec), SIGN);
    }
    fits("huawei", Spec::Sm4, ENCRYPT);
    lacks("huawei", Spec::Ec(Curve::P521));
    fits("aws", Spec::Hmac(512), SIGN);
    fits("aws", Spec::Hmac(224), SIGN);
    lacks("aws", Spec::Hmac(160));
    lacks("aws", Spec::Hmac(520));
    fits("aws", Spec::Ec(Curve::Ed25519), SIGN);
    fits("aws", Spec::Ec(Curve::Sm2), ENCRYPT);
    lacks("aws", Spec::Aes(128));
    fits("google", Spec::Ec(Curve::Ed25519), SIGN);
    lacks("vault", Spec::Hmac(248));
    fits("vault", Spec::Hmac(4096), SIGN);
    lacks("vault", Spec::Hmac(4104));
    lacks("ibm", Spec::Rsa(2048));
    fits("google", Spec::Aes(128), ENCRYPT);
    lacks("google", Spec::Ec(Curve::P521));
    lacks("azure", Spec::Hmac(256));
    fits("tencent", Spec::Sm4, ENCRYPT);
    lacks("oci", Spec::Ec(Curve::P256));
    fits("vault", Spec::Ec(Curve::Ed25519), SIGN);
    fits("open", Spec::Ec(Curve::Sm2), ENCRYPT);
    let both = Usage {
        encrypt: true,
        sign: true,
    };
    fits("open", Spec::Rsa(2048), both);
    for (name, spec, usage) in [
        ("aws", Spec::Rsa(2048), both),
        ("aws", Spec::Aes(256), SIGN),
        ("huawei", Spec::Ec(Curve::P256), ENCRYPT),
        ("huawei", Spec::Ec(Curve::Sm2), ENCRYPT),
        ("aws", Spec::Hmac(256), ENCRYPT),
    ] {
        assert_eq!(
            refused(name, spec, usage),
            Some(Rule::Usage(spec)),
            "{name}"
        );
    }
}

#[test]
fn jobs_live_as_long_as_the_service_says() {
    for (name, life) in [
        ("open", 86_400),
        ("huawei", 86_400),
        ("google", 3 * 86_400),
        ("ibm", 600),
    ] {
        assert_eq!(of(name).job_ends(None, 1000), Ok(1000 + life), "{name}");
    }
    for name in ["azure", "oci", "vault"] {
        assert_eq!(of(name).job_ends(None, 1000), Ok(0), "{name}");
        let asked = of(name).job_ends(Some(1300), 1000);
        assert_eq!(asked, Err(Rule::JobLifeFixed));
    }
    for (life, fits) in [
        (299, false),
        (300, true),
        (86_400, true),
        (86_401, false),
        (0, false),
    ] {
        let ends = of("ibm").job_ends(Some(1000 + life), 1000);
        assert_eq!(ends.is_ok(), fits, "{life}");
    }
    assert_eq!(of("ibm").job_ends(Some(0), 1000), Err(Rule::JobLife));
}

#[test]
fn symmetric_keys_of_three_services_rotate() {
    let rotating: Vec<_> = all()
        .filter(|profile| profile.may_rotate(Spec::Aes(256)).is_ok())
        .map(|profile| profile.name)
        .collect();
    assert_eq!(rotating, ["alibaba-software", "aws", "oci"]);
    assert!(all().all(|profile| profile.may_rotate(Spec::Rsa(2048)).is_err()));
}

#[test]
fn metadata_follows_the_service() {
    use std::collections::BTreeMap;
    let tags = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let alibaba = Metadata::Alibaba;
    assert!(alibaba.alias("alias/pay-ments_1").is_ok());
    assert!(alibaba.alias("alias:x").is_err());
    assert!(alibaba.tags(&tags(&[("team", "a@b.c: d")])).is_ok());
    assert!(alibaba.tags(&tags(&[("acs:x", "1")])).is_err());
    assert!(alibaba.tags(&tags(&[("aliyunx", "1")])).is_err());
    assert!(alibaba.tags(&tags(&[("team", "a#b")])).is_err());
    assert!(alibaba.tags(&tags(&[(&"k".repeat(129), "1")])).is_err());
    let many: Vec<_> = (0..21).map(|n| n.to_string()).collect();
    let many: Vec<_> = many.iter().map(|n| (n.as_str(), "")).collect();
    assert!(alibaba.tags(&tags(&many[..20])).is_ok());
    assert!(alibaba.tags(&tags(&many)).is_err());
    let huawei = Metadata::Huawei;
    assert!(huawei.alias(&"a:".repeat(127)).is_ok());
    assert!(huawei.alias(&"a".repeat(256)).is_err());
    assert!(huawei.alias("a b").is_err());
    assert!(huawei.description(&"x".repeat(255)).is_ok());
    assert!(huawei.description(&"x".repeat(256)).is_err());
    assert!(huawei.tags(&tags(&many)).is_err());
    assert!(Metadata::Free.tags(&tags(&many)).is_ok());
    for rules in [alibaba, huawei, Metadata::Free] {
        assert!(rules.tags(&tags(&[("", "1")])).is_err(), "{rules:?}");
    }
}

#[test]
fn a_tag_has_one_value() {
    use super::super::parse_tags;
    assert_eq!(
        parse_tags(br#"{"a":"1","b":"2"}"#).map(|tags| tags.len()),
        Some(2)
    );
    assert_eq!(parse_tags(b"{}").map(|tags| tags.len()), Some(0));
    for json in [
        &br#"{"a":"1","a":"2"}"#[..],
        br#"{"a":"1","a":"1"}"#,
        br#"{"a":"1","\u0061":"2"}"#,
        br#"{"a":1}"#,
        br#"{"a":{"b":"c"}}"#,
        b"[]",
        b"",
        b"{} {}",
    ] {
        assert_eq!(parse_tags(json), None, "{json:?}");
    }
}

#[test]
fn material_of_p521_does_not_fit_by_oaep_under_2048_bits() {
    let p521 = Spec::Ec(Curve::P521);
    let refused = |number: usize, bits| {
        let way = &ALGORITHMS[number - 1];
        of("aws")
            .may_wrap(way, WrappingKey::Rsa(bits), p521)
            .is_err()
    };
    assert!(refused(1, 2048) && refused(2, 2048));
    assert!(!refused(2, 3072) && !refused(5, 2048));
}

#[test]
fn keys_are_deleted_in_the_services_window() {
    const DAY: u64 = 86_400;
    for (name, least, most) in [
        ("alibaba-default", 7, 30),
        ("alibaba-software", 7, 30),
        ("huawei", 7, 1096),
        ("google", 1, 120),
        ("azure", 7, 90),
        ("aws", 7, 30),
        ("open", 7, 30),
    ] {
        let at = |days| of(name).may_delete_at(1000 + days * DAY, 1000);
        assert_eq!((at(least), at(most)), (Ok(()), Ok(())), "{name}");
        assert_eq!(at(least - 1), Err(Rule::Deletion), "{name}");
        assert_eq!(at(most + 1), Err(Rule::Deletion), "{name}");
        let before = |seconds| of(name).may_delete_at(1000 + least * DAY - seconds, 1000);
        assert_eq!((before(60), before(61)), (Ok(()), Err(Rule::Deletion)));
        let refusal = of(name).refusal(Rule::Deletion);
        assert!(
            refusal.contains(&format!("{least} to {most} days")),
            "{refusal}"
        );
    }
}

#[test]
fn a_refusal_names_what_there_is() {
    let said = |name: &str, rule| of(name).refusal(rule);
    let aws = said("aws", Rule::Spec(Spec::Aes(128)));
    for name in [
        "AWS KMS",
        "AES-128",
        "SYMMETRIC_DEFAULT",
        "HMAC_224",
        "ECC_NIST_EDWARDS25519",
    ] {
        assert!(aws.contains(name), "{aws}");
    }
    let google = said(
        "google",
        Rule::Wrapping("RSAES_PKCS1_V1_5", Spec::Rsa(2048)),
    );
    assert!(google.contains("RSA_OAEP_3072_SHA256_AES_256"), "{google}");
    assert!(
        !google.contains("RSA_OAEP_3072_SHA256,"),
        "no RSA key by it: {google}"
    );
    let key = Rule::WrappingKey(&ALGORITHMS[4], WrappingKey::Rsa(2048), Spec::Aes(256));
    let oci = said("oci", key);
    assert!(
        oci.contains("RSA-2048") && oci.contains("takes RSA-4096"),
        "{oci}"
    );
    assert!(said("aws", Rule::ManyKeys).contains("leave `--every-key` out"));
    for (name, way) in [
        ("alibaba-hardware", "make a new external key"),
        ("oci", "tenon byok rotate"),
        ("google", "Each import of other material makes a version"),
    ] {
        let next = said(name, Rule::NextMaterial);
        assert!(
            next.contains("`--new-material`") && next.contains(way),
            "{next}"
        );
    }
    assert!(said("aws", Rule::ExpiryMaximum).contains("365 days"));
    assert!(said("tencent", Rule::ExpiryMaximum).contains("2147443200"));
    assert!(said("huawei", Rule::Usage(Spec::Aes(256))).ends_with("ENCRYPT_DECRYPT"));
}

#[test]
fn names_of_services_are_read_and_given_back() {
    for (text, profile, spec, usage, name) in [
        (
            "symmetric-default",
            "aws",
            Spec::Aes(256),
            ENCRYPT,
            "SYMMETRIC_DEFAULT",
        ),
        (
            "aliyun_aes_192",
            "alibaba-hardware",
            Spec::Aes(192),
            SIGN,
            "Aliyun_AES_192",
        ),
        (
            "AES256_GCM96",
            "vault",
            Spec::Aes(256),
            ENCRYPT,
            "aes256-gcm96",
        ),
        (
            "ecdsa-p384",
            "vault",
            Spec::Ec(Curve::P384),
            SIGN,
            "ecdsa-p384",
        ),
        (
            "p-256k",
            "azure",
            Spec::Ec(Curve::Secp256k1),
            SIGN,
            "P-256K",
        ),
        (
            "ec-sign-p256-sha256",
            "google",
            Spec::Ec(Curve::P256),
            SIGN,
            "EC_SIGN_P256_SHA256",
        ),
        (
            "rsa_decrypt_oaep_3072_sha256",
            "google",
            Spec::Rsa(3072),
            ENCRYPT,
            "RSA_DECRYPT_OAEP_3072_SHA256",
        ),
        (
            "SECP256K1",
            "huawei",
            Spec::Ec(Curve::Secp256k1),
            SIGN,
            "SECP256K1",
        ),
        ("rsa_4096", "oci", Spec::Rsa(4096), SIGN, "RSA_4096"),
    ] {
        assert_eq!(read_spec(text).unwrap().spec, spec, "{text}");
        assert_eq!(of(profile).spec_name(spec, usage), name, "{text}");
    }
    assert_eq!(
        read_spec("EC_SECP256K1").unwrap().spec,
        Spec::Ec(Curve::Secp256k1)
    );
    // A type that says no size is shown by the name of the size that it has.
    for (text, name) in [
        ("hmac", "HMAC_256"),
        ("EC-HSM", "P-256"),
        ("OCT", "AES_256"),
    ] {
        assert_eq!(read_spec(text).unwrap().name, name, "{text}");
    }
    assert_eq!(read_spec("okp"), None);
    // A name stands for one spec, whoever uses it.
    for known in all().flat_map(|profile| profile.spec_names) {
        let read = read_spec(&known.name).unwrap();
        assert_eq!(
            (read.spec, read.encrypts),
            (known.spec, known.encrypts),
            "{}",
            known.name
        );
    }
    for profile in all() {
        for spec in profile.specs() {
            assert!(!profile.ways(spec).is_empty(), "{} {spec}", profile.name);
            for usage in profile.usages(spec) {
                let name = profile.spec_name(spec, usage);
                assert_eq!(read_spec(&name).unwrap().spec, spec, "{name}");
            }
        }
    }
}

/// What keys of this spec can be for, whatever a service makes of it.
fn possible(spec: Spec, usage: Usage) -> bool {
    match spec {
        Spec::Aes(_) | Spec::Sm4 | Spec::Rsa(_) | Spec::Ec(Curve::Sm2) => true,
        Spec::Hmac(_) | Spec::Ec(_) | Spec::MlDsa(_) => !usage.encrypt,
    }
}

/// Names, usages and wrapping algorithms belong to the spec that they stand beside.
#[test]
fn no_row_has_a_name_or_an_algorithm_of_other_keys() {
    let says = |name: &str, words: &[&str]| {
        let name = name.to_ascii_uppercase();
        words.iter().any(|word| name.contains(word))
    };
    for (profile, spec) in all().flat_map(|of| of.specs().into_iter().map(move |spec| (of, spec))) {
        let row = format!("{} {spec}", profile.name);
        assert!(!profile.usages(spec).is_empty(), "{row}");
        for usage in profile.usages(spec) {
            assert!(
                possible(spec, usage) && usage.encrypt != usage.sign,
                "{row} {usage:?}"
            );
            let word = profile.usage_name(Some(spec), usage);
            assert_eq!(read_usage(&word), Some(usage), "{row} {word}");
            let of_hmac = is_usage_of_hmac(&word);
            assert!(!of_hmac || matches!(spec, Spec::Hmac(_)), "{row} {word}");
            for name in profile.spec_names_of(spec, usage) {
                let known = read_spec(&name).unwrap();
                assert_eq!(known.spec, spec, "{row} {name}");
                assert_ne!(known.encrypts, Some(usage.sign), "{row} {name}");
                assert!(
                    usage.sign || !says(&name, &["SIGN", "HMAC", "ECDSA"]),
                    "{row} {name}"
                );
                assert!(
                    usage.encrypt || !says(&name, &["CRYPT", "_GCM", "-GCM"]),
                    "{row} {name}"
                );
                if let Spec::Rsa(bits) = spec {
                    assert!(name.contains(&bits.to_string()), "{row} {name}");
                }
            }
        }
        for (algorithm, keys) in profile.ways(spec) {
            assert!(algorithm.carries(spec), "{row} {}", algorithm.name);
            for key in keys {
                let name = profile.algorithm_name(algorithm, key);
                let fits = match key {
                    WrappingKey::Rsa(bits) => {
                        let sizes = ["2048", "3072", "4096"];
                        let others = sizes.into_iter().filter(|size| *size != bits.to_string());
                        says(name, &["RSA"]) && !says(name, &others.collect::<Vec<_>>())
                    }
                    WrappingKey::Sm2 => says(name, &["SM2"]),
                    WrappingKey::XWing => says(name, &["XWING"]),
                    WrappingKey::MlKem(_) => says(name, &[&*profile.wrapping_key_name(key)]),
                };
                assert!(fits, "{row} {name} {key}");
            }
        }
    }
}

#[test]
fn each_row_names_its_documents() {
    for profile in all().filter(|profile| profile.name != "open") {
        assert!(!profile.source.documents.is_empty(), "{}", profile.name);
        assert_eq!(
            profile.source.read.len(),
            "2026-11-29".len(),
            "{}",
            profile.name
        );
    }
}
