//! A key in shares, from its owner's file to the token: each custodian wraps and sends his own.

use std::fs;

use serde_json::json;

use super::common::{byok, create, desk, metadata, state};
use super::openssl::openssl;
use crate::cli::common::{Answer, Desk, text};

const NAME: &str = "RSA_AES_KEY_WRAP_SHA_256";

/// Splits `key`, makes a key of the alias `k` that takes its shares, and asks for parameters. Gives the KeyId.
fn shared(desk: &Desk, key: &str, spec: &str, [shares, threshold]: [&str; 2]) -> String {
    let split = ["byok", "split", key, "--shares", shares, "--threshold"];
    let split = desk
        .run(&[&split[..], &[threshold, "--json"]].concat())
        .json();
    let arguments = [
        "--spec",
        spec,
        "--shares",
        text(&split, "Shares"),
        "--check-value",
        text(&split, "CheckValue"),
    ];
    let id = create(desk, &arguments);
    byok(desk, &["parameters", "k", "--algorithm", NAME]).ok();
    id
}

fn share(number: u8, of: u8) -> String {
    format!("share_{number}_of_{of}.txt")
}

fn send(desk: &Desk, id: &str, file: &str, number: u8) -> Answer {
    let (public, blob) = (format!("publickey_{id}.pem"), format!("blob{number}"));
    let _ = fs::remove_file(desk.path(&blob));
    let wrap = ["wrap", file, "-k", &public, "-a", NAME, "-o", &blob];
    byok(desk, &wrap).ok();
    let number = number.to_string();
    byok(desk, &["import", "k", &blob, "--share", &number])
}

#[test]
fn two_of_three_custodians_bring_a_key() {
    let desk = desk();
    byok(&desk, &["attestation-key", "-o", "kept.pem"]).ok();
    let id = shared(&desk, "secret.bin", "AES_256", ["3", "2"]);
    let said = send(&desk, &id, &share(3, 3), 3).ok().out();
    assert!(said.contains("Share 3 of k came"), "{said}");
    assert!(said.contains("waiting: 3"), "{said}");
    let said = send(&desk, &id, &share(3, 3), 3).ok().out();
    assert!(said.contains("had come already"), "{said}");
    assert_eq!(state(&desk), "PendingImport");
    let described = metadata(&desk, &["describe", "k"]);
    assert_eq!(
        described["Shares"],
        json!({ "Needed": 2, "Of": 3, "Waiting": [3] })
    );
    let shown = byok(&desk, &["describe", "k"]).ok().out();
    assert!(
        shown.contains("2 of 3 make the material; waiting: 3"),
        "{shown}"
    );
    send(&desk, &id, &share(1, 3), 1).ok();
    assert_eq!(state(&desk), "Enabled");

    byok(&desk, &["receipt", "k"]).ok();
    let receipt = format!("receipt_{id}.json");
    let check = |key: &str, more: &[&str]| {
        let known = ["check-receipt", key, "--receipt", &receipt];
        let known = [&known[..], &["--attestation-key", "kept.pem"], more].concat();
        byok(&desk, &known)
    };
    check("secret.bin", &[]).ok();
    let public = format!("publickey_{id}.pem");
    check(&share(1, 3), &["--blob", "blob1", "-k", &public]).ok();
    check(&share(3, 3), &["--blob", "blob3"]).ok();
    check(&share(3, 3), &["--blob", "blob1"]).refused(1, &["blob", "another one"]);
    check(&share(2, 3), &[]).refused(1, &["share 2 did not make"]);
    let swapped = fs::read_to_string(desk.path(&share(1, 3))).unwrap();
    desk.write(
        "swapped.txt",
        swapped.replace("\nshare: 1\n", "\nshare: 3\n"),
    );
    check("swapped.txt", &[]).refused(1, &["imported key", "another one"]);
}

#[test]
fn all_custodians_bring_a_private_key_and_a_wrong_share_is_told() {
    let desk = desk();
    let p256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    openssl(
        &desk,
        &[&["genpkey"], &p256[..], &["-out", "key.pem"]].concat(),
    );
    let id = shared(&desk, "key.pem", "EC_P256", ["2", "2"]);
    // The share of another sharing of the same key.
    fs::create_dir(desk.path("again")).unwrap();
    let again = ["split", "key.pem", "--shares", "2", "--directory", "again"];
    byok(&desk, &again).ok();
    send(&desk, &id, &format!("again/{}", share(1, 2)), 1).ok();
    send(&desk, &id, &share(2, 2), 2).refused(1, &["do not make", "delete-material"]);
    send(&desk, &id, &share(1, 2), 1).refused(1, &["another share", "delete-material"]);
    byok(&desk, &["delete-material", "k", "--yes"]).ok();
    let waiting = metadata(&desk, &["describe", "k"])["Shares"]["Waiting"].take();
    assert_eq!(waiting, json!([]));
    for number in [2, 1] {
        send(&desk, &id, &share(number, 2), number).ok();
    }
    assert_eq!(state(&desk), "Enabled");
}

#[test]
fn what_is_wrong_with_shares_is_said() {
    let desk = desk();
    for count in ["1/2", "3/2", "2", "x/3", "2/256"] {
        let create = [
            "create",
            "--spec",
            "AES_256",
            "--check-value",
            "0102030405060708",
        ];
        let create = [&create[..], &["--shares", count]].concat();
        byok(&desk, &create).refused(2, &["--shares"]);
    }
    byok(&desk, &["create", "--spec", "AES_256", "--shares", "2/3"]).refused(2, &["--check-value"]);
    byok(&desk, &["split", "secret.bin", "--shares", "1"]).refused(1, &["at least 2"]);
    let id = shared(&desk, "secret.bin", "AES_256", ["2", "2"]);
    byok(&desk, &["split", "secret.bin", "--shares", "2"]).refused(1, &["share_1_of_2.txt"]);
    // Shares of a split that failed join with those of no other, so none stays.
    desk.write("share_3_of_3.txt", "of somebody else");
    byok(&desk, &["split", "secret.bin", "--shares", "3"]).refused(1, &["share_3_of_3.txt"]);
    for (number, stays) in [(1, false), (2, false), (3, true)] {
        let file = desk.path(&format!("share_{number}_of_3.txt"));
        assert_eq!(file.exists(), stays, "{number}");
    }
    send(&desk, &id, &share(1, 2), 3).refused(1, &["numbers 1 to 2"]);
    byok(&desk, &["import", "k", "blob3"]).refused(1, &["--share"]);
    let public = format!("publickey_{id}.pem");
    let file = share(1, 2);
    let wrap = ["wrap", &file, "-k", &public, "-a", "RSAES_PKCS1_V1_5"];
    byok(&desk, &wrap).refused(1, &["does not prove"]);
    let value = |file: &str| {
        let text = fs::read_to_string(desk.path(file)).unwrap();
        text.lines().last().unwrap().to_owned()
    };
    let text = fs::read_to_string(desk.path(&file)).unwrap();
    let other = text.replace(&value(&file), &value(&share(2, 2)));
    desk.write("typo.txt", &other);
    let wrap = ["wrap", "typo.txt", "-k", &public, "-a", NAME];
    byok(&desk, &wrap).refused(1, &["damaged"]);
}
