//! What the profiles of the services allow.

use std::fs;

use serde_json::Value;

use super::common::{bring, byok, create, desk, metadata};
use crate::cli::common::text;

#[test]
fn profiles_refuse_in_the_services_name() {
    let desk = desk();
    byok(
        &desk,
        &["create", "--profile", "google", "--spec", "EC_P521"],
    )
    .refused(1, &["Google", "P-521"]);
    byok(&desk, &["create", "--profile", "nobody", "--spec", "SM4"]).refused(2, &["tencent"]);
    create(&desk, &["--profile", "google", "--spec", "AES_256"]);
    for (more, words) in [
        (
            ["--algorithm", "RSAES_OAEP_SHA_1"],
            ["Google", "RSAES_OAEP_SHA_1"],
        ),
        (["--key-spec", "RSA_2048"], ["Google", "RSA-2048"]),
        (
            ["--algorithm", "RSAES_OAEP_SHA3_256"],
            ["wrapping alone", "SHA3"],
        ),
    ] {
        byok(&desk, &[&["parameters", "k"], &more[..]].concat()).refused(1, &words);
    }
    byok(&desk, &["parameters", "k", "-d", "absent"]).refused(1, &["absent is no folder"]);
    assert!(fs::read_dir(desk.folder.path()).unwrap().count() < 4);
    let named = ["--algorithm", "rsa-oaep-4096-sha256-aes-256", "--json"];
    let answer = desk.run(&[&["byok", "parameters", "k"], &named[..]].concat());
    let answer = answer.json();
    assert_eq!(text(&answer, "WrappingKeySpec"), "RSA_4096");
    assert_eq!(
        text(&answer, "WrappingAlgorithm"),
        "RSA_OAEP_4096_SHA256_AES_256"
    );
    assert!(text(&answer, "TokenExpireTime").ends_with('Z'));
}

#[test]
fn a_key_keeps_the_name_that_its_spec_was_made_with() {
    let desk = desk();
    for (profile, spec, shown, usage) in [
        (
            "aws",
            "symmetric-default",
            "SYMMETRIC_DEFAULT",
            "ENCRYPT_DECRYPT",
        ),
        ("aws", "AES_256", "AES_256", "ENCRYPT_DECRYPT"),
        ("vault", "ecdsa-p256", "ecdsa-p256", "SIGN_VERIFY"),
        (
            "google",
            "ec-sign-p256-sha256",
            "EC_SIGN_P256_SHA256",
            "ASYMMETRIC_SIGN",
        ),
        (
            "google",
            "RSA_DECRYPT_OAEP_2048_SHA256",
            "RSA_DECRYPT_OAEP_2048_SHA256",
            "ASYMMETRIC_DECRYPT",
        ),
        ("alibaba-software", "EC_SM2", "EC_SM2", "SIGN/VERIFY"),
        (
            "alibaba-default",
            "Aliyun_AES_256",
            "Aliyun_AES_256",
            "ENCRYPT/DECRYPT",
        ),
        ("aws", "HMAC_384", "HMAC_384", "GENERATE_VERIFY_MAC"),
        ("google", "HMAC_SHA256", "HMAC_SHA256", "MAC"),
        ("azure", "P-256K", "P-256K", "SIGN_VERIFY"),
    ] {
        let made = desk.run(&[
            "byok",
            "create",
            "--profile",
            profile,
            "--spec",
            spec,
            "--json",
        ]);
        let key = &made.json()["KeyMetadata"];
        let described = metadata(&desk, &["describe", text(key, "KeyId")]);
        let listed = desk.run(&["byok", "list", "--login", "--json"]).json();
        let listed = listed["Keys"].as_array().unwrap().iter();
        let listed: Vec<_> = listed
            .filter(|other| other["KeyId"] == key["KeyId"])
            .collect();
        for key in [key, &described, listed[0]] {
            assert_eq!(text(key, "KeySpec"), shown);
            assert_eq!(text(key, "KeyUsage"), usage, "{spec}");
        }
        for command in [&["describe", text(key, "KeyId")][..], &["list", "--login"]] {
            let said = byok(&desk, command).ok().out();
            assert!(said.contains(usage), "{said}");
        }
    }
    let contrary = ["--spec", "EC_SIGN_ED25519", "--usage", "ENCRYPT_DECRYPT"];
    byok(
        &desk,
        &[&["create", "--profile", "google"], &contrary[..]].concat(),
    )
    .refused(1, &["CKR_TEMPLATE_INCONSISTENT"]);
}

#[test]
fn a_material_id_of_aws_has_64_digits() {
    let desk = desk();
    create(&desk, &["--profile", "aws", "--spec", "SYMMETRIC_DEFAULT"]);
    bring(
        &desk,
        "secret.bin",
        "RSAES_OAEP_SHA_256",
        &["--expires", "never"],
    )
    .ok();
    let key = metadata(&desk, &["describe", "k"]);
    let id = text(&key, "KeyMaterialId");
    assert_eq!(id.len(), 64);
    let versions = desk.run(&["byok", "versions", "k", "--json"]).json();
    assert_eq!(text(&versions["KeyVersions"][0], "KeyMaterialId"), id);
}

#[test]
fn profiles_are_shown() {
    let desk = desk();
    let list = byok(&desk, &["profiles"]).ok().out();
    for name in ["alibaba-hardware", "ibm", "7 to 1096 days", "365 d at most"] {
        assert!(list.contains(name), "{list}");
    }
    let google = byok(&desk, &["profiles", "google"]).ok().out();
    for name in [
        "EC_SIGN_ED25519",
        "RSA_OAEP_3072_SHA256_AES_256",
        "RSA_3072",
        "MAC",
        "1 to 120 days",
        "every key of the profile",
        "importJobs, read on 20",
    ] {
        assert!(google.contains(name), "{google}");
    }
    // A name that says what its keys are for stands beside that use alone.
    let google = desk.run(&["byok", "profiles", "google", "--json"]).json();
    for row in google["KeySpecs"].as_array().unwrap() {
        let names = row["KeySpecNames"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|name| name.as_str().unwrap()).collect();
        let said = |word: &str| names.iter().any(|name| name.contains(word));
        for (word, usage) in [
            ("SIGN", "ASYMMETRIC_SIGN"),
            ("DECRYPT", "ASYMMETRIC_DECRYPT"),
            ("SYMMETRIC_ENCRYPTION", "ENCRYPT_DECRYPT"),
            ("HMAC", "MAC"),
        ] {
            let usages = serde_json::json!([usage]);
            assert!(!said(word) || row["KeyUsages"] == usages, "{row}");
        }
        assert!(!said("_SIGN_") || !said("_DECRYPT_"), "{row}");
    }
    let aws = desk.run(&["byok", "profiles", "aws", "--json"]).json();
    let specs = aws["KeySpecs"].as_array().unwrap();
    let named = |name: &str| specs.iter().find(|spec| spec["KeySpec"] == name).unwrap();
    let hmac = named("HMAC_224");
    assert_eq!(
        hmac["KeyUsages"],
        serde_json::json!(["GENERATE_VERIFY_MAC"])
    );
    let keys = |spec: &Value, algorithm: &str| {
        let ways = spec["WrappingAlgorithms"].as_array().unwrap().iter();
        let mut ways = ways.filter(|way| way["WrappingAlgorithm"] == algorithm);
        ways.next().unwrap()["WrappingKeySpecs"].clone()
    };
    let rsa = serde_json::json!(["ENCRYPT_DECRYPT", "SIGN_VERIFY"]);
    assert_eq!(named("RSA_2048")["KeyUsages"], rsa);
    let p521 = keys(named("ECC_NIST_P521"), "RSAES_OAEP_SHA_256");
    assert_eq!(p521, serde_json::json!(["RSA_3072", "RSA_4096"]));
    assert_eq!(keys(named("SM2"), "SM2PKE"), serde_json::json!(["SM2"]));
    assert_eq!(aws["PendingWindowInDays"]["Max"], 30);
    assert_eq!(aws["ExpiryMustBeNamed"], true);
    let all = desk.run(&["byok", "profiles", "--json"]).json();
    assert_eq!(all["Profiles"].as_array().unwrap().len(), 12);
}

#[test]
fn deletion_comes_in_the_days_of_the_service() {
    let desk = desk();
    let schedule = |alias: &str, days: &str| {
        byok(
            &desk,
            &["schedule-deletion", alias, "--days", days, "--yes"],
        )
    };
    byok(
        &desk,
        &[
            "create",
            "--profile",
            "huawei",
            "--spec",
            "ED25519",
            "--alias",
            "h",
        ],
    )
    .ok();
    schedule("h", "6").refused(1, &["Huawei", "7 to 1096 days"]);
    schedule("h", "1096").ok();
    create(
        &desk,
        &["--profile", "alibaba-default", "--spec", "AES_256"],
    );
    schedule("k", "31").refused(1, &["Alibaba", "7 to 30 days"]);
    schedule("k", "0").refused(2, &["from 1 to 1096"]);
    schedule("k", "30").ok();
}

#[test]
fn one_request_of_a_service_serves_every_key_of_the_profile() {
    let desk = desk();
    let google = [
        "create",
        "--profile",
        "google",
        "--spec",
        "AES_256",
        "--alias",
    ];
    for alias in ["one", "two"] {
        byok(&desk, &[&google[..], &[alias]].concat()).ok();
    }
    let request = ["parameters", "one", "--every-key", "--json"];
    let answer = desk.run(&[&["byok"], &request[..]].concat()).json();
    desk.write("public.txt", text(&answer, "PublicKey"));
    desk.write("token.txt", text(&answer, "ImportToken"));
    let name = text(&answer, "WrappingAlgorithm");
    let wrap = [
        "wrap",
        "secret.bin",
        "-k",
        "public.txt",
        "-a",
        name,
        "-o",
        "blob.txt",
    ];
    byok(&desk, &wrap).ok();
    byok(
        &desk,
        &["import", "two", "blob.txt", "--import-token", "token.txt"],
    )
    .ok();
    byok(
        &desk,
        &["import", "one", "blob.txt", "--import-token", "token.txt"],
    )
    .ok();
    create(&desk, &["--profile", "azure", "--spec", "AES_256"]);
    byok(
        &desk,
        &["import", "k", "blob.txt", "--import-token", "token.txt"],
    )
    .refused(1, &["wrapping key of this import token is gone"]);
    byok(
        &desk,
        &[
            "create",
            "--profile",
            "aws",
            "--spec",
            "AES_256",
            "--alias",
            "a",
        ],
    )
    .ok();
    byok(&desk, &["parameters", "a", "--every-key"])
        .refused(1, &["AWS", "leave `--every-key` out"]);
}

#[test]
fn the_usage_of_hmac_keys_is_theirs_alone_and_they_have_no_other() {
    let desk = desk();
    for (profile, spec, word, allowed) in [
        ("open", "AES_256", "GENERATE_VERIFY_MAC", "ENCRYPT_DECRYPT"),
        ("aws", "RSA_2048", "generate-verify-mac", "SIGN_VERIFY"),
        ("google", "EC_P256", "MAC", "ASYMMETRIC_SIGN"),
        ("open", "HMAC_256", "SIGN_VERIFY", "GENERATE_VERIFY_MAC"),
        ("aws", "HMAC_512", "sign/verify", "GENERATE_VERIFY_MAC"),
        ("google", "HMAC_SHA256", "ASYMMETRIC_SIGN", "MAC"),
    ] {
        let words = [
            "create",
            "--profile",
            profile,
            "--spec",
            spec,
            "--usage",
            word,
        ];
        byok(&desk, &words).refused(1, &[word, "HMAC", allowed]);
    }
    let words = [
        "create",
        "--profile",
        "aws",
        "--usage",
        "GENERATE_VERIFY_MAC",
    ];
    byok(&desk, &[&words[..], &["--spec", "HMAC_256"]].concat()).ok();
    // A generated key is not imported, and the refusal does not say so.
    let words = [
        "create",
        "--profile",
        "google",
        "--spec",
        "ecdsa-p521",
        "--origin",
        "generated",
    ];
    let answer = byok(&desk, &words);
    answer.refused(1, &["has no", "P-521", "EC_SIGN_P256_SHA256"]);
}
