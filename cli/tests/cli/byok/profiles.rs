//! What the profiles of the services allow.

use std::fs;

use super::common::{byok, create, desk};
use crate::cli::common::text;

#[test]
fn profiles_refuse_in_the_services_name() {
    let desk = desk();
    byok(
        &desk,
        &["create", "--profile", "google", "--spec", "EC_P521"],
    )
    .refused(1, &["Google", "P-521"]);
    byok(&desk, &["create", "--profile", "ibm", "--spec", "SM4"]).refused(2, &["tencent"]);
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
        "RSA_AES_KEY_WRAP_SHA_256"
    );
    assert!(text(&answer, "TokenExpireTime").ends_with('Z'));
}
