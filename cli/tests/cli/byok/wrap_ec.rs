//! What `tenon byok wrap` makes for SM2 and EC keys, the openssl program opens.

use super::openssl::{ec_key, open_cipher, openssl};
use super::wrap::{KWP_IV, desk, wrap};
use crate::cli::common::{Desk, file_path};

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
        ec_key(&desk, curve);
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
