//! Proofs that a key's owner checks without a token, and each way in which an operator could swap
//! something (BYOK section 7).

use std::fs;

use serde_json::json;

use super::common::{byok, create, desk};
use super::openssl::{openssl, rsa_pair};
use crate::cli::common::{Answer, Desk, text};

const NAME: &str = "RSA_AES_KEY_WRAP_SHA_256";

/// A token whose owner kept its attestation key in `kept.pem`, with the keys `owner.pem` and `thief.pem`.
fn owners_desk() -> Desk {
    let desk = desk();
    byok(&desk, &["attestation-key", "-o", "kept.pem"]).ok();
    for key in ["owner.pem", "thief.pem"] {
        let p256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
        openssl(&desk, &[&["genpkey"], &p256[..], &["-out", key]].concat());
    }
    desk
}

/// Makes a key, and its parameters in files that are called `id` where it says ID.
fn parameters(desk: &Desk, profile: &str, spec: &str) -> String {
    let id = create(desk, &["--profile", profile, "--spec", spec]);
    byok(desk, &["parameters", "k", "--algorithm", NAME]).ok();
    id
}

fn named(name: &str, id: &str) -> String {
    name.replace("ID", id)
}

fn check_parameters(desk: &Desk, id: &str, more: &[&str]) -> Answer {
    let statement = named("wrapping-statement_ID.json", id);
    let known = [
        "check-parameters",
        &statement,
        "--attestation-key",
        "kept.pem",
    ];
    byok(desk, &[&known[..], more].concat())
}

/// Wraps `key` and imports it.
fn bring(desk: &Desk, id: &str, key: &str, nonce: &str) {
    let public = named("publickey_ID.pem", id);
    let _ = fs::remove_file(desk.path("blob.txt"));
    let wrap = ["wrap", key, "-k", &public, "-a", NAME, "-o", "blob.txt"];
    byok(desk, &wrap).ok();
    let import = [
        "import",
        "k",
        "blob.txt",
        "--nonce",
        nonce,
        "--expires",
        "never",
    ];
    byok(desk, &import).ok();
}

fn receipt(desk: &Desk) {
    byok(desk, &["receipt", "k", "--replace"]).ok();
}

fn check_receipt(desk: &Desk, key: &str, id: &str, more: &[&str]) -> Answer {
    let receipt = named("receipt_ID.json", id);
    let known = [
        "check-receipt",
        key,
        "--receipt",
        &receipt,
        "--attestation-key",
        "kept.pem",
    ];
    // No token: neither its folder nor a PIN.
    let none = [
        ("TENON_DIRECTORIES_TOKENDIR", "/nowhere"),
        ("TENON_PIN", ""),
    ];
    desk.run_with(&none, &[&["byok"], &known[..], more].concat())
}

#[test]
fn a_nonce_that_is_none_is_wrong_usage() {
    let desk = owners_desk();
    let id = parameters(&desk, "aws", "ECC_NIST_P256");
    for nonce in ["", "0", "xy"] {
        check_receipt(&desk, "owner.pem", &id, &["--nonce", nonce]).refused(2, &["hexadecimal"]);
    }
}

#[test]
fn an_owner_checks_the_wrapping_key_before_wrapping() {
    let desk = owners_desk();
    let id = parameters(&desk, "aws", "ECC_NIST_P256");
    let public = named("publickey_ID.pem", &id);
    let all = [
        "-k",
        &public,
        "--algorithm",
        NAME,
        "--key-id",
        &id,
        "--spec",
        "EC_P256",
    ];
    let said = check_parameters(&desk, &id, &all).ok().out();
    assert!(said.contains("The wrapping key is the token's"), "{said}");
    assert!(said.contains("profile aws, independence raw"), "{said}");
    assert!(!said.contains("not checked"), "{said}");
    let some = ["-k", &public, "--spec", "EC_P256"];
    let said = check_parameters(&desk, &id, &some).ok().out();
    let left_out = "not checked: --algorithm, --key-id\n";
    assert!(said.contains(left_out), "{said}");
    let answer = check_parameters(&desk, &id, &["-k", &public, "--json"]).json();
    assert_eq!(
        answer["NotChecked"],
        json!(["--algorithm", "--spec", "--key-id"])
    );
    let der = named("publickey_ID.bin", &id);
    let digits = id.replace('-', "").to_uppercase();
    check_parameters(&desk, &id, &["-k", &der, "--key-id", &digits]).ok();

    // Swap 1: another wrapping key.
    rsa_pair(&desk, "operator", 2048);
    check_parameters(&desk, &id, &["-k", "operator-public.pem"])
        .refused(1, &["wrapping key", "another one"]);
    // Swap 2: the statement of another wrapping key of the same token, for another key.
    byok(
        &desk,
        &["create", "--spec", "EC_P256", "--alias", "weak", "--json"],
    )
    .ok();
    let weak = desk.run(&["byok", "parameters", "weak", "--json"]).json();
    desk.write("weak.json", text(&weak, "WrappingStatement"));
    desk.write("weak.sig", text(&weak, "WrappingStatementSignature"));
    desk.write("weak.pub", text(&weak, "PublicKey"));
    let statement = [
        "check-parameters",
        "weak.json",
        "--attestation-key",
        "kept.pem",
    ];
    let with = |more: &[&str]| byok(&desk, &[&statement[..], more].concat());
    with(&["-k", &public]).refused(1, &["wrapping key"]);
    with(&["-k", "weak.pub", "--key-id", &id]).refused(1, &["KeyId", &id.replace('-', "")]);
    with(&["-k", "weak.pub"]).ok();
    // Swap 3: another algorithm, another spec.
    check_parameters(
        &desk,
        &id,
        &["-k", &public, "--algorithm", "RSAES_OAEP_SHA_1"],
    )
    .refused(1, &["wrapping algorithm", NAME]);
    check_parameters(&desk, &id, &["-k", &public, "--spec", "RSA_2048"])
        .refused(1, &["spec", "P-256"]);
    // Swap 4: a changed statement.
    let file = named("wrapping-statement_ID.json", &id);
    let content = fs::read_to_string(desk.path(&file)).unwrap();
    let later = content.replace("\"extractable\":false", "\"extractable\":true");
    assert_ne!(content, later);
    desk.write(&file, &later);
    check_parameters(&desk, &id, &["-k", &public]).refused(1, &["signature", "changed"]);
    desk.write(&file, &content);
    // Swap 5: another attestation key; a key that is none.
    let other = self::desk();
    byok(&other, &["attestation-key", "-o", "kept.pem"]).ok();
    let stranger = fs::read_to_string(other.path("kept.pem")).unwrap();
    let kept = fs::read_to_string(desk.path("kept.pem")).unwrap();
    desk.write("kept.pem", &stranger);
    check_parameters(&desk, &id, &["-k", &public]).refused(1, &["another token"]);
    desk.write("kept.pem", fs::read_to_string(desk.path(&public)).unwrap());
    check_parameters(&desk, &id, &["-k", &public]).refused(1, &["no attestation key"]);
    desk.write("kept.pem", &kept);
    // Swap 6: the receipt in place of the statement.
    bring(&desk, &id, "owner.pem", "01");
    receipt(&desk);
    let receipt = named("receipt_ID.json", &id);
    let wrong = [
        "check-parameters",
        &receipt,
        "--attestation-key",
        "kept.pem",
        "-k",
        &public,
    ];
    byok(&desk, &wrong).refused(1, &["kind of statement"]);
}

/// Swap 3 again: a wrapping key of another size than the name of the algorithm says.
#[test]
fn the_size_in_an_algorithms_name_is_checked() {
    let desk = owners_desk();
    let id = create(&desk, &["--profile", "google", "--spec", "AES_256"]);
    let public = named("publickey_ID.pem", &id);
    for digest in ["SHA256", "SHA256_AES_256", "SHA1_AES_256"] {
        for (bits, other) in [("3072", "4096"), ("4096", "3072")] {
            let name = |bits| format!("RSA_OAEP_{bits}_{digest}");
            let request = ["parameters", "k", "--replace", "-a", &name(bits)];
            byok(&desk, &request).ok();
            let check = |name: &str| check_parameters(&desk, &id, &["-k", &public, "-a", name]);
            let said = check(&name(bits)).ok().out();
            assert!(said.contains(&format!("{bits} bits")), "{said}");
            let wanted = format!("of {other} bits, not of {bits}");
            check(&name(other)).refused(1, &[&wanted]);
            // A name that says no size fits both.
            let general = match digest {
                "SHA256" => "RSAES_OAEP_SHA_256",
                "SHA256_AES_256" => "RSA_AES_KEY_WRAP_SHA_256",
                _ => "CKM_RSA_AES_KEY_WRAP",
            };
            check(general).ok();
        }
    }
    // Neither kinds of keys nor hashes stand for one another.
    byok(&desk, &["update", "k", "--alias", "first"]).ok();
    let id = create(&desk, &["--spec", "AES_256"]);
    let public = named("publickey_ID.pem", &id);
    let names = [
        "HPKE_XWING",
        "HPKE_ML_KEM_768",
        "HPKE_ML_KEM_1024",
        "SM2_ENCRYPT",
        "RSAES_OAEP_SHA_384",
        "RSA_OAEP_4096_SHA256_AES_256",
    ];
    for asked in names {
        byok(&desk, &["parameters", "k", "--replace", "-a", asked]).ok();
        for name in names {
            let answer = check_parameters(&desk, &id, &["-k", &public, "-a", name]);
            if name == asked {
                answer.ok();
            } else {
                answer.refused(1, &["wrapping algorithm"]);
            }
        }
        check_parameters(&desk, &id, &["-k", &public, "-a", "CKM_ECDH_AES_KEY_WRAP"])
            .refused(1, &["wrapping alone"]);
    }
}

#[test]
fn an_owner_checks_a_receipt_of_a_private_key() {
    let desk = owners_desk();
    let id = parameters(&desk, "aws", "ECC_NIST_P256");
    let public = named("publickey_ID.pem", &id);
    receipt(&desk);
    check_receipt(&desk, "owner.pem", &id, &[]).refused(1, &["nothing was imported"]);
    bring(&desk, &id, "owner.pem", "0102");
    receipt(&desk);
    let all = [
        "--nonce", "0102", "--blob", "blob.txt", "-k", &public, "--key-id", &id,
    ];
    let said = check_receipt(&desk, "owner.pem", &id, &all).ok().out();
    assert!(said.contains("has this key"), "{said}");
    assert!(!said.contains("not checked"), "{said}");
    let said = check_receipt(&desk, "owner.pem", &id, &[]).ok().out();
    assert!(said.contains("not checked: --nonce, --blob"), "{said}");
    // The wrapped blob as bytes is the same blob as in Base64.
    openssl(
        &desk,
        &[
            "enc", "-d", "-base64", "-A", "-in", "blob.txt", "-out", "blob.bin",
        ],
    );
    check_receipt(&desk, "owner.pem", &id, &["--blob", "blob.bin"]).ok();

    // Swap 7: another key was imported.
    check_receipt(&desk, "thief.pem", &id, &[]).refused(1, &["imported key"]);
    check_receipt(&desk, "secret.bin", &id, &[]).refused(1, &["imported key"]);
    // Swap 8: an older receipt, which has another nonce.
    check_receipt(&desk, "owner.pem", &id, &["--nonce", "0103"]).refused(1, &["nonce", "0102"]);
    // Swap 9: the same key came by another blob, or under another wrapping key.
    let wrap = [
        "wrap",
        "owner.pem",
        "-k",
        &public,
        "-a",
        NAME,
        "-o",
        "other.txt",
    ];
    byok(&desk, &wrap).ok();
    check_receipt(&desk, "owner.pem", &id, &["--blob", "other.txt"]).refused(1, &["blob"]);
    rsa_pair(&desk, "operator", 2048);
    check_receipt(&desk, "owner.pem", &id, &["-k", "operator-public.pem"])
        .refused(1, &["wrapping key"]);
    // Swap 10: the receipt of another external key of the same token.
    byok(&desk, &["update", "k", "--alias", "first"]).ok();
    let second = parameters(&desk, "aws", "ECC_NIST_P256");
    bring(&desk, &second, "owner.pem", "0102");
    receipt(&desk);
    check_receipt(&desk, "owner.pem", &second, &["--key-id", &id]).refused(1, &["KeyId"]);
    // Swap 11: receipt and signature of two receipts; a changed receipt.
    let signature = named("receipt_ID.sig", &second);
    check_receipt(&desk, "owner.pem", &id, &["--signature", &signature]).refused(1, &["signature"]);
    let file = named("receipt_ID.json", &id);
    let content = fs::read_to_string(desk.path(&file)).unwrap();
    desk.write(&file, content.replace("0102", "0103"));
    check_receipt(&desk, "owner.pem", &id, &["--nonce", "0103"]).refused(1, &["signature"]);
    desk.write(&file, &content);
    // Swap 12: the attestation key that came with the receipt in place of the kept one.
    let other = self::desk();
    byok(&other, &["attestation-key", "-o", "kept.pem"]).ok();
    desk.write(
        "kept.pem",
        fs::read_to_string(other.path("kept.pem")).unwrap(),
    );
    check_receipt(&desk, "owner.pem", &id, &[]).refused(1, &["another token"]);
}

#[test]
fn an_owner_checks_a_receipt_of_a_secret_key() {
    let desk = owners_desk();
    let id = parameters(&desk, "aws", "SYMMETRIC_DEFAULT");
    bring(&desk, &id, "secret.bin", "aa");
    receipt(&desk);
    let answer = check_receipt(&desk, "secret.bin", &id, &["--nonce", "AA", "--json"]).json();
    assert_eq!(
        answer["Receipt"]["material_proof"].as_str().unwrap().len(),
        64
    );
    openssl(&desk, &["rand", "-out", "other.bin", "32"]);
    // Swap 13: another secret key; the owner alone can tell.
    check_receipt(&desk, "other.bin", &id, &[]).refused(1, &["imported key"]);
    check_receipt(&desk, "owner.pem", &id, &[]).refused(1, &["imported key"]);
    // Swap 14: an end for an import, or an import for an end.
    let ended = |key: &str| check_receipt(&desk, key, &id, &["--ended"]);
    ended("secret.bin").refused(1, &["kind of statement"]);
    let serial = text(&answer["Receipt"], "serial").to_owned();
    check_receipt(&desk, "secret.bin", &id, &["--serial", &serial]).ok();
    check_receipt(&desk, "secret.bin", &id, &["--serial", "0000000000000000"])
        .refused(1, &["serial number"]);
    byok(&desk, &["delete-material", "k", "--yes"]).ok();
    receipt(&desk);
    check_receipt(&desk, "secret.bin", &id, &[]).refused(1, &["kind of statement"]);
    let said = check_receipt(&desk, "secret.bin", &id, &["--ended"])
        .ok()
        .out();
    assert!(said.contains("(deleted), and is erased"), "{said}");
    check_receipt(&desk, "other.bin", &id, &["--ended"]).refused(1, &["imported key"]);
}
