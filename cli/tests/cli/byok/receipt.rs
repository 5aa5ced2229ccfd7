//! Receipts, verified by openssl; versions of a key that rotates.

use std::fs;

use serde_json::Value;

use super::common::{bring, byok, create, desk, metadata};
use super::openssl::openssl;
use crate::cli::common::{Desk, text};

#[test]
fn openssl_verifies_a_receipt() {
    let desk = desk();
    desk.run_with(
        &[("TENON_PIN", "")],
        &["byok", "attestation-key", "-o", "known.pem"],
    )
    .ok();
    let id = create(&desk, &["--spec", "AES_256"]);
    bring(&desk, "secret.bin", "RSAES_OAEP_SHA_256", &[]).ok();
    let said = byok(&desk, &["receipt", "k"]).ok().out();
    let line = said
        .lines()
        .find(|line| line.starts_with("openssl "))
        .unwrap();
    let words: Vec<_> = line.split(' ').skip(1).collect();
    openssl(&desk, &words);
    byok(&desk, &["receipt", "k"]).refused(1, &["is there already"]);
    byok(&desk, &["receipt", "gone"]).refused(1, &["is called gone", "KeyId", "--archive"]);

    let [statement, signature, key] = ["receipt_ID.json", "receipt_ID.sig", "attestation_ID.pem"]
        .map(|name| name.replace("ID", &id));
    let read = |name: &str| fs::read(desk.path(name)).unwrap();
    assert_eq!(read(&key), read("known.pem"));
    let stated: Value = serde_json::from_slice(&read(&statement)).unwrap();
    assert_eq!(text(&stated, "uid"), id.replace('-', ""));
    assert_eq!(text(&stated, "spec"), "AES-256");
    assert_eq!(text(&stated, "algorithm"), "RSAES_OAEP_SHA_256");
    assert_eq!(stated["extractable"], false);

    let answer = desk.run(&["byok", "receipt", "k", "--json"]).json();
    let again: Value = serde_json::from_str(text(&answer, "Statement")).unwrap();
    assert_eq!(again["material_id"], stated["material_id"]);
    desk.write("statement", text(&answer, "Statement"));
    desk.write("base64", text(&answer, "Signature"));
    let decode = [
        "enc", "-d", "-base64", "-A", "-in", "base64", "-out", &signature,
    ];
    openssl(&desk, &decode);
    let verify = [
        "dgst",
        "-sha256",
        "-verify",
        "known.pem",
        "-signature",
        &signature,
    ];
    openssl(&desk, &[&verify[..], &["statement"]].concat());
}

/// Material, state and whether it is current, of each version.
fn versions(desk: &Desk) -> Vec<(String, String, bool)> {
    let answer = desk.run(&["byok", "versions", "k", "--json"]).json();
    let versions = answer["KeyVersions"].as_array().unwrap().iter();
    let version = |version: &Value| {
        let [material, state] =
            ["KeyMaterialId", "KeyState"].map(|name| text(version, name).to_owned());
        (material, state, version["Current"] == true)
    };
    versions.map(version).collect()
}

#[test]
fn a_key_that_rotates_has_versions() {
    const NAME: &str = "RSAES_OAEP_SHA_256";
    let desk = desk();
    let id = create(
        &desk,
        &["--profile", "alibaba-software", "--spec", "AES_256"],
    );
    bring(&desk, "secret.bin", NAME, &[]).ok();
    let material = |desk: &Desk| {
        let key = metadata(desk, &["describe", "k"]);
        text(&key, "KeyMaterialId").to_owned()
    };
    let first = material(&desk);
    openssl(&desk, &["rand", "-out", "other.bin", "32"]);
    bring(&desk, "other.bin", NAME, &[]).refused(1, &["CKR_TENON_MATERIAL_MISMATCH"]);

    byok(&desk, &["rotate", "k"]).ok();
    byok(&desk, &["rotate", "k"]).refused(1, &["CKR_KEY_FUNCTION_NOT_PERMITTED"]);
    assert_eq!(material(&desk), first, "as it was until then");
    let enabled = || "Enabled".to_owned();
    let waiting = (String::new(), "PendingImport".to_owned(), false);
    assert_eq!(versions(&desk), [(first.clone(), enabled(), true), waiting]);

    bring(&desk, "other.bin", NAME, &[]).ok();
    let second = material(&desk);
    assert_ne!(second, first);
    assert_eq!(
        versions(&desk),
        [(first, enabled(), false), (second, enabled(), true)]
    );
    assert_eq!(text(&metadata(&desk, &["describe", "k"]), "KeyId"), id);
    let table = byok(&desk, &["versions", "k"]).ok().out();
    let rows = table.lines().filter(|line| line.contains(" Enabled "));
    assert_eq!(rows.count(), 2, "{table}");

    byok(&desk, &["update", "k", "--alias", "old"]).ok();
    create(&desk, &["--profile", "huawei", "--spec", "AES_256"]);
    bring(&desk, "secret.bin", NAME, &[]).ok();
    byok(&desk, &["rotate", "k"]).refused(1, &["Huawei", "does not rotate"]);
}
