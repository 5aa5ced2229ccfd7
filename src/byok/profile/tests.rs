use super::*;

const ENCRYPT: Usage = Usage {
    encrypt: true,
    sign: false,
};
const SIGN: Usage = Usage {
    encrypt: false,
    sign: true,
};

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
    for algorithm in super::super::ALGORITHMS {
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
            &[2],
            &["RSA-2048", "RSA-3072", "RSA-4096"],
        ),
        ("huawei", rsa, &[5], &["RSA-2048", "RSA-3072", "RSA-4096"]),
        (
            "aws",
            Spec::Hmac(256),
            &[1, 2, 4, 5],
            &["RSA-2048", "RSA-3072", "RSA-4096"],
        ),
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
    lacks("huawei", Spec::Ec(Curve::Secp256k1));
    fits("aws", Spec::Hmac(512), SIGN);
    lacks("aws", Spec::Aes(128));
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
    for (name, life) in [("open", 86_400), ("huawei", 86_400), ("google", 3 * 86_400)] {
        assert_eq!(of(name).job_ends(1000), 1000 + life, "{name}");
    }
    for name in ["azure", "oci", "vault"] {
        assert_eq!(of(name).job_ends(1000), 0, "{name}");
    }
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
