//! What `tenon byok wrap` makes, the openssl program opens.

use std::fs;

use serde_json::Value;

use super::openssl::{open_cipher, open_oaep, openssl, rsa_pair};
use crate::cli::common::{Answer, Desk, file_path};

/// Initial value of RFC 5649, as openssl takes it.
const KWP_IV: &str = "A65959A6";
const MODULUS_LEN: usize = 256;

/// A folder with the service's key pair `service` and a secret key in `secret.bin`.
fn desk() -> (Desk, Vec<u8>) {
    let desk = Desk::empty();
    rsa_pair(&desk, "service", 2048);
    let secret = openssl(&desk, &["rand", "32"]);
    desk.write("secret.bin", &secret);
    (desk, secret)
}

fn wrap(desk: &Desk, key: &str, algorithm: &str, more: &[&str]) -> Answer {
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
    wrap(&desk, &file_path("rsa.der"), long, &[]).refused(1, &["too long"]);
}

/// Makes `sm2.pem` and `sm2-public.pem`, a pair of the service, and `own.pem`.
fn sm2_pairs(desk: &Desk) {
    let curve = ["-pkeyopt", "ec_paramgen_curve:SM2", "-out"];
    for name in ["sm2.pem", "own.pem"] {
        openssl(
            desk,
            &[&["genpkey", "-algorithm", "EC"], &curve[..], &[name]].concat(),
        );
    }
    openssl(
        desk,
        &[
            "pkey",
            "-in",
            "sm2.pem",
            "-pubout",
            "-out",
            "sm2-public.pem",
        ],
    );
}

/// The message of an SM2 ciphertext in the file `blob`, which openssl takes in DER.
fn open_sm2(desk: &Desk, blob: &str) -> Vec<u8> {
    openssl(
        desk,
        &["pkeyutl", "-decrypt", "-inkey", "sm2.pem", "-in", blob],
    )
}

fn wrap_sm2(desk: &Desk, key: &str, algorithm: &str, more: &[&str]) -> Vec<u8> {
    let common = [
        "byok",
        "wrap",
        key,
        "-a",
        algorithm,
        "-k",
        "sm2-public.pem",
        "--form",
        "binary",
    ];
    desk.run(&[&common[..], more].concat())
        .ok()
        .bytes()
        .to_vec()
}

#[test]
fn sm2_of_secret_and_private_keys() {
    let (desk, secret) = desk();
    sm2_pairs(&desk);
    for name in ["SM2PKE", "SM2_ENCRYPT"] {
        desk.write("blob", wrap_sm2(&desk, "secret.bin", name, &["--der"]));
        assert_eq!(open_sm2(&desk, "blob"), secret, "{name}");
        let raw = wrap_sm2(&desk, "secret.bin", name, &[]);
        assert_eq!((raw[0], raw.len()), (4, 97 + 32));
    }
    let own = openssl(
        &desk,
        &[
            "pkcs8", "-topk8", "-nocrypt", "-in", "own.pem", "-outform", "DER",
        ],
    );
    desk.write("blob", wrap_sm2(&desk, "own.pem", "SM2PKE", &["--der"]));
    assert_eq!(open_sm2(&desk, "blob"), own);
    wrap(&desk, "secret.bin", "SM2PKE", &[]).refused(1, &["SM2"]);
    wrap(&desk, "secret.bin", "RSAES_PKCS1_V1_5", &["--der"]).refused(1, &["no DER"]);
}

#[test]
fn sm2_and_sm4_of_the_bare_scalar() {
    const NAME: &str = "SM2PKE_SM4_ECB";
    let (desk, _) = desk();
    sm2_pairs(&desk);
    let own = openssl(&desk, &["pkey", "-in", "own.pem", "-noout", "-text"]);
    let own = String::from_utf8(own).unwrap();
    let own = own
        .split_once("priv:")
        .unwrap()
        .1
        .split_once("pub:")
        .unwrap()
        .0;
    let scalar: String = own.chars().filter(char::is_ascii_hexdigit).collect();
    let blob = wrap_sm2(&desk, "own.pem", NAME, &["--der"]);
    let (head, tail) = blob.split_at(2 + usize::from(blob[1]));
    desk.write("head", head);
    desk.write("tail", tail);
    let inner = open_sm2(&desk, "head");
    assert_eq!(inner.len(), 16);
    let arguments = ["enc", "-d", "-sm4-ecb", "-nopad", "-in", "tail", "-K"];
    let inner: String = inner.iter().map(|byte| format!("{byte:02x}")).collect();
    let opened = openssl(&desk, &[&arguments[..], &[&inner]].concat());
    let opened: String = opened.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(opened, scalar);
    assert_eq!(wrap_sm2(&desk, "own.pem", NAME, &[]).len(), 97 + 16 + 32);
    let common = [
        "byok",
        "wrap",
        &file_path("ec.pem"),
        "-a",
        NAME,
        "-k",
        "sm2-public.pem",
    ];
    desk.run(&common).refused(1, &["SM2's alone"]);
}

#[test]
fn ecdh_wraps_what_only_the_partner_can_open() {
    let (desk, secret) = desk();
    for curve in ["P-256", "secp384r1"] {
        let curve = format!("ec_paramgen_curve:{curve}");
        let pair = [
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            &curve,
            "-out",
            "ec.pem",
        ];
        openssl(&desk, &pair);
        openssl(
            &desk,
            &["pkey", "-in", "ec.pem", "-pubout", "-out", "ec-public.pem"],
        );
        let common = ["byok", "wrap", "secret.bin", "-a", "CKM_ECDH_AES_KEY_WRAP"];
        let more = ["-k", "ec-public.pem", "--form", "binary"];
        let blob = desk.run(&[&common[..], &more].concat()).ok();
        assert_eq!(open_ecdh(&desk, blob.bytes()), secret, "{curve}");
    }
}

/// Opens point ‖ AES-KWP for the key `ec.pem`: X9.63 with SHA-256 of the shared secret is the AES key.
fn open_ecdh(desk: &Desk, blob: &[u8]) -> Vec<u8> {
    let own = openssl(
        desk,
        &["pkey", "-in", "ec.pem", "-pubout", "-outform", "DER"],
    );
    // The BIT STRING of SubjectPublicKeyInfo: no unused bits, then 04.
    let point_len = own.len() - own.windows(2).position(|pair| pair == [0, 4]).unwrap() - 1;
    let (point, tail) = blob.split_at(point_len);
    desk.write("peer.der", [&own[..own.len() - point_len], point].concat());
    desk.write("tail", tail);
    let derive = [
        "pkeyutl",
        "-derive",
        "-inkey",
        "ec.pem",
        "-peerkey",
        "peer.der",
        "-peerform",
        "DER",
    ];
    let shared = openssl(desk, &derive);
    let shared: String = shared.iter().map(|byte| format!("{byte:02x}")).collect();
    let shared = format!("hexsecret:{shared}");
    let kdf = [
        "kdf",
        "-keylen",
        "32",
        "-binary",
        "-kdfopt",
        "digest:SHA256",
        "-kdfopt",
        &shared,
        "X963KDF",
    ];
    let key = openssl(desk, &kdf);
    open_cipher(desk, "id-aes256-wrap-pad", &key, KWP_IV, "tail")
}
