//! What `tenon byok wrap` makes, the openssl program opens.

use std::fs;

use serde_json::Value;

use super::openssl::{open_cipher, open_oaep, openssl, rsa_pair};
use crate::cli::common::{Answer, Desk, file_path};

/// Initial value of RFC 5649, as openssl takes it.
pub(super) const KWP_IV: &str = "A65959A6";
const MODULUS_LEN: usize = 256;

/// A folder with the service's key pair `service` and a secret key in `secret.bin`.
pub(super) fn desk() -> (Desk, Vec<u8>) {
    let desk = Desk::empty();
    rsa_pair(&desk, "service", 2048);
    let secret = openssl(&desk, &["rand", "32"]);
    desk.write("secret.bin", &secret);
    (desk, secret)
}

pub(super) fn wrap(desk: &Desk, key: &str, algorithm: &str, more: &[&str]) -> Answer {
    let common = [
        "byok",
        "wrap",
        key,
        "--algorithm",
        algorithm,
        "--public-key",
        "service-public.pem",
    ];
    desk.run(&[&common[..], more].concat())
}

/// Wraps into a new file of the bytes themselves.
fn wrap_to(desk: &Desk, key: &str, algorithm: &str, file: &str, more: &[&str]) {
    let _ = fs::remove_file(desk.path(file));
    let to = ["--form", "binary", "--output", file];
    wrap(desk, key, algorithm, &[&to[..], more].concat()).ok();
}

/// Cuts the file `blob` behind the encrypted inner key.
fn cut(desk: &Desk, blob: &str) {
    let bytes = fs::read(desk.path(blob)).unwrap();
    let (head, tail) = bytes.split_at(MODULUS_LEN);
    desk.write("head", head);
    desk.write("tail", tail);
}

/// PKCS #8 DER of a key in `files/`.
fn pkcs8(desk: &Desk, name: &str) -> Vec<u8> {
    let path = file_path(name);
    let arguments = [
        "pkcs8", "-topk8", "-nocrypt", "-in", &path, "-outform", "DER",
    ];
    openssl(desk, &arguments)
}

#[test]
fn oaep_with_every_hash() {
    let (desk, secret) = desk();
    for (name, hash) in [
        ("RSAES_OAEP_SHA_1", "sha1"),
        ("RSAES_OAEP_SHA_224", "sha224"),
        ("RSAES_OAEP_SHA_256", "sha256"),
        ("rsaes-oaep-sha-384", "sha384"),
        ("RSAES_OAEP_SHA_512", "sha512"),
        ("RSAES_OAEP_SHA3_256", "sha3-256"),
        ("RSA_OAEP_SHA256", "sha256"),
    ] {
        wrap_to(&desk, "secret.bin", name, "blob", &[]);
        let opened = open_oaep(&desk, "service", hash, hash, "blob");
        assert_eq!(opened, secret, "{name}");
    }
    let java = ["--mgf1", "sha1"];
    wrap_to(&desk, "secret.bin", "RSAES_OAEP_SHA_256", "blob", &java);
    assert_eq!(
        open_oaep(&desk, "service", "sha256", "sha1", "blob"),
        secret
    );
}

#[test]
fn pkcs1() {
    let (desk, secret) = desk();
    wrap_to(&desk, "secret.bin", "RSAES_PKCS1_V1_5", "blob", &[]);
    let opened = openssl(
        &desk,
        &[
            "pkeyutl",
            "-decrypt",
            "-inkey",
            "service.pem",
            "-in",
            "blob",
        ],
    );
    assert_eq!(opened, secret);
    wrap(&desk, &file_path("ec.der"), "RSAES_PKCS1_V1_5", &[]).refused(1, &["secret keys alone"]);
}

#[test]
fn rsa_aes_key_wrap_of_secret_and_private_keys() {
    let (desk, secret) = desk();
    for (name, hash) in [
        ("RSA_AES_KEY_WRAP_SHA_1", "sha1"),
        ("RSA_AES_KEY_WRAP_SHA_224", "sha224"),
        ("RSA_AES_KEY_WRAP_SHA_256", "sha256"),
        ("RSA_AES_KEY_WRAP_SHA_384", "sha384"),
        ("RSA_AES_KEY_WRAP_SHA_512", "sha512"),
        ("CKM_RSA_AES_KEY_WRAP", "sha1"),
        ("RSA_OAEP_AES_SHA256", "sha256"),
    ] {
        for (key, clear) in [
            ("secret.bin", secret.clone()),
            (&file_path("rsa-traditional.pem"), pkcs8(&desk, "rsa.pem")),
        ] {
            wrap_to(&desk, key, name, "blob", &[]);
            cut(&desk, "blob");
            let inner = open_oaep(&desk, "service", hash, hash, "head");
            assert_eq!(inner.len(), 32, "{name}");
            let opened = open_cipher(&desk, "id-aes256-wrap-pad", &inner, KWP_IV, "tail");
            assert_eq!(opened, clear, "{name}");
        }
    }
}

#[test]
fn alibabas_composite() {
    const NAME: &str = "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD";
    let (desk, _) = desk();
    for key in ["ec.pem", "rsa.der"] {
        wrap_to(&desk, &file_path(key), NAME, "blob", &[]);
        cut(&desk, "blob");
        let inner = open_oaep(&desk, "service", "sha256", "sha256", "head");
        let opened = open_cipher(&desk, "aes-256-ecb", &inner, "", "tail");
        assert_eq!(opened, pkcs8(&desk, &key.replace(".der", ".pem")), "{key}");
    }
    wrap(&desk, "secret.bin", NAME, &[]).refused(1, &["private keys alone"]);
}

#[test]
fn huaweis_two_files() {
    let (desk, _) = desk();
    let two = [
        "--form",
        "binary",
        "--output",
        "EncryptedKeyMaterial.bin",
        "-o",
        "out_private.der",
    ];
    let key = file_path("ec.pem");
    wrap(&desk, &key, "RSA_AES_KEY_WRAP_SHA_256", &two).ok();
    let inner = open_oaep(
        &desk,
        "service",
        "sha256",
        "sha256",
        "EncryptedKeyMaterial.bin",
    );
    let cipher = "id-aes256-wrap-pad";
    let opened = open_cipher(&desk, cipher, &inner, KWP_IV, "out_private.der");
    assert_eq!(opened, pkcs8(&desk, "ec.pem"));
    wrap(&desk, &key, "RSA_AES_KEY_WRAP_SHA_256", &two).refused(1, &["cannot make"]);
    let two = ["-o", "x", "-o", "y"];
    wrap(&desk, "secret.bin", "RSAES_OAEP_SHA_256", &two).refused(1, &["one part"]);
}

#[test]
fn azures_file() {
    let (desk, secret) = desk();
    let kid = "https://vault.example/keys/kek/1";
    let form = ["--form", "byok"];
    wrap(&desk, "secret.bin", "CKM_RSA_AES_KEY_WRAP", &form).refused(2, &["--kid"]);
    let form = ["--form", "byok", "--kid", kid];
    wrap(&desk, "secret.bin", "RSAES_OAEP_SHA_1", &form).refused(1, &["CKM_RSA_AES_KEY_WRAP"]);
    let answer = wrap(&desk, "secret.bin", "CKM_RSA_AES_KEY_WRAP", &form).ok();
    let json: Value = serde_json::from_str(&answer.out()).unwrap();
    assert_eq!(json["schema_version"], "1.0.0");
    assert_eq!(json["header"]["kid"], kid);
    let text = json["ciphertext"].as_str().unwrap();
    assert!(!text.contains(['+', '/', '=']), "{text}");
    let padded = text.replace('-', "+").replace('_', "/") + &"==="[..(4 - text.len() % 4) % 4];
    desk.write("text", padded);
    let decode = ["enc", "-d", "-base64", "-A", "-in", "text", "-out", "blob"];
    openssl(&desk, &decode);
    cut(&desk, "blob");
    let inner = open_oaep(&desk, "service", "sha1", "sha1", "head");
    let opened = open_cipher(&desk, "id-aes256-wrap-pad", &inner, KWP_IV, "tail");
    assert_eq!(opened, secret);
}

#[test]
fn keys_and_public_keys_are_read_as_they_come() {
    let (desk, secret) = desk();
    let der = fs::read(desk.path("service-public.der")).unwrap();
    openssl(
        &desk,
        &[
            "enc",
            "-base64",
            "-A",
            "-in",
            "service-public.der",
            "-out",
            "service-public.txt",
        ],
    );
    let digits: String = secret.iter().map(|byte| format!("{byte:02X}")).collect();
    desk.write("secret.hex", format!("{digits}\n"));
    for (public, key, more) in [
        ("service-public.der", "secret.bin", &[][..]),
        ("service-public.txt", "secret.hex", &["--hex"]),
    ] {
        let common = [
            "byok",
            "wrap",
            key,
            "-a",
            "RSAES_OAEP_SHA_256",
            "-k",
            public,
        ];
        let out = desk.run(&[&common[..], more].concat()).ok().out();
        desk.write("blob.txt", &out);
        assert_eq!(out.lines().count(), 1);
        openssl(
            &desk,
            &[
                "enc", "-d", "-base64", "-A", "-in", "blob.txt", "-out", "blob",
            ],
        );
        let opened = open_oaep(&desk, "service", "sha256", "sha256", "blob");
        assert_eq!(opened, secret, "{public}");
    }
    wrap(&desk, "secret.hex", "RSAES_OAEP_SHA_256", &[]).refused(1, &["is text", "--hex"]);
    desk.write("broken.der", &der[..der.len() - 1]);
    for broken in ["broken.der", "secret.bin", "service.pem", "absent"] {
        let common = ["byok", "wrap", "secret.bin", "-a", "RSAES_OAEP_SHA_256"];
        desk.run(&[&common[..], &["-k", broken]].concat())
            .refused(1, &[broken]);
    }
}

#[test]
fn names_that_fix_a_size_insist_on_it() {
    let (desk, _) = desk();
    wrap(&desk, "secret.bin", "RSA_OAEP_3072_SHA256_AES_256", &[]).refused(1, &["3072", "2048"]);
    wrap(&desk, "secret.bin", "ROT13", &[]).refused(2, &["RSA_OAEP_4096_SHA1_AES_256"]);
    let long = "RSAES_OAEP_SHA_256";
    wrap(&desk, &file_path("rsa.der"), long, &[]).refused(
        1,
        &[
            "1217 bytes",
            "takes 190 at most",
            "RSA_AES_KEY_WRAP_SHA_256",
        ],
    );
}
