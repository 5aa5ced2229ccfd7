//! Import requests from the command line: their tokens, and ending them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tenon_pkcs11::api::clock::utc;

use super::common::{byok, create, desk, metadata, now};
use crate::cli::common::{Desk, flat, text};

const NAME: &str = "RSAES_OAEP_SHA_256";

/// Requests parameters for the key `k`, and wraps the secret with them; the RequestId.
fn request(desk: &Desk, folder: &str) -> String {
    fs::create_dir_all(desk.path(folder)).unwrap();
    let request = ["parameters", "k", "-a", NAME, "-d", folder, "--json"];
    let answer = byok(desk, &request).ok().json();
    let public = format!("{folder}/publickey_{}.pem", text(&answer, "KeyId"));
    let blob = format!("{folder}/blob");
    let wrap = [
        "wrap",
        "secret.bin",
        "--raw",
        "-a",
        NAME,
        "--public-key",
        &public,
        "--output",
        &blob,
    ];
    byok(desk, &wrap).ok();
    let mode = |name: String| fs::metadata(desk.path(&name)).unwrap().permissions().mode() & 0o777;
    let token = format!("{folder}/token_{}.txt", text(&answer, "KeyId"));
    assert_eq!(mode(token), 0o600, "the token is for who asked for it");
    text(&answer, "RequestId").to_owned()
}

#[test]
fn requests_are_listed_and_ended() {
    let desk = desk();
    let key = create(&desk, &["--profile", "tencent", "--spec", "AES_256"]);
    let [one, two] = ["one", "two"].map(|folder| request(&desk, folder));
    let list = || byok(&desk, &["requests", "k", "--json"]).ok().json()["Requests"].take();
    let listed = list();
    let ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|at| text(at, "RequestId"))
        .collect();
    assert!(ids.len() == 2 && ids.contains(&&*one) && ids.contains(&&*two));
    assert_eq!(text(&listed[0], "KeyId"), key);
    assert_eq!(text(&listed[0], "WrappingAlgorithm"), NAME);
    let found = desk.objects(&["--id", &one]);
    assert_eq!(found.len(), 2, "both halves have the CKA_ID: {found:?}");
    assert_eq!(text(&found[0], "label"), "import of k");

    byok(&desk, &["requests", "--revoke", "77", "--yes"]).refused(1, &["RequestId 77"]);
    byok(&desk, &["requests", "--revoke", &one]).refused(1, &["--yes"]);
    byok(&desk, &["requests", "--revoke", &one, "--yes"]).ok();
    assert!(
        desk.objects(&["--id", &one]).is_empty(),
        "and its public half"
    );
    assert_eq!(list().as_array().unwrap().len(), 1);
    byok(&desk, &["import", "k", "one/blob"]).refused(1, &["gone", "tenon byok parameters"]);
    byok(&desk, &["import", "k", "two/blob"]).ok();
    byok(&desk, &["requests", "--revoke-all", "--yes"]).ok();
    assert!(list().as_array().unwrap().is_empty());
}

#[test]
fn requests_are_shown_in_the_services_words() {
    let desk = desk();
    let key = create(&desk, &["--profile", "google", "--spec", "AES_256"]);
    for (name, wrapping, more) in [
        (
            "RSA_OAEP_4096_SHA256_AES_256",
            "RSA_4096",
            &["--every-key"][..],
        ),
        ("RSA_OAEP_3072_SHA256", "RSA_3072", &[]),
        (
            "HPKE_KEM_ML_KEM_768_HKDF_SHA256_AES_256_GCM",
            "ML_KEM_768",
            &["--every-key"],
        ),
        ("HPKE_KEM_XWING_HKDF_SHA256_AES_256_GCM", "XWING", &[]),
    ] {
        let ask = ["parameters", "k", "-a", name, "--json"];
        let made = byok(&desk, &[&ask[..], more].concat()).ok().json();
        let listed = byok(&desk, &["requests", "--json"]).ok().json();
        let listed = listed["Requests"].as_array().unwrap().iter();
        let mut own = listed.filter(|request| request["RequestId"] == made["RequestId"]);
        let own = own.next().unwrap();
        let every = !more.is_empty();
        let id = if every { "" } else { key.as_str() };
        let expected = [
            ("WrappingAlgorithm", name),
            ("WrappingKeySpec", wrapping),
            ("Profile", "google"),
            ("KeyId", id),
        ];
        for (field, value) in expected {
            assert_eq!(text(own, field), value, "{name}");
        }
        assert_eq!(own["EveryKey"], every);
        let said = byok(&desk, &["requests"]).ok().out();
        // A row, and the further lines of it, which are indented.
        let rows = said.replace("\n ", " ");
        let row = rows
            .lines()
            .find(|line| line.starts_with(text(&made, "RequestId")));
        let whom = if every { "every key" } else { &*key };
        let row = row.unwrap();
        for word in [whom, "google", name, wrapping] {
            assert!(row.contains(word), "{row}");
        }
    }
    // Those for the key alone.
    let own = byok(&desk, &["requests", "k", "--json"]).ok().json();
    assert_eq!(own["Requests"].as_array().unwrap().len(), 2);
}

#[test]
fn the_life_of_a_request_is_asked_for_where_the_service_allows_it() {
    let desk = desk();
    create(&desk, &["--profile", "ibm", "--spec", "AES_256"]);
    let ask = |life: &str| byok(&desk, &["parameters", "k", "--valid", life, "--json"]);
    for life in ["4m", "25h"] {
        ask(life).refused(1, &["IBM", "300 to 86400 seconds"]);
    }
    for (life, seconds) in [("5m", 300), ("24h", 86_400)] {
        let before = now();
        let answer = ask(life).ok().json();
        let ends = text(&answer, "TokenExpireTime");
        let (soonest, latest) = (utc(before + seconds), utc(now() + seconds + 2));
        assert!(*soonest <= *ends && *ends <= *latest, "{life}: {ends}");
    }
    byok(&desk, &["update", "k", "--alias", "of-ibm"]).ok();
    create(&desk, &["--profile", "aws", "--spec", "AES_256"]);
    ask("5m").refused(1, &["AWS", "--valid"]);
}

#[test]
fn a_services_key_takes_material_with_its_token() {
    let desk = desk();
    create(&desk, &["--profile", "tencent", "--spec", "AES_256"]);
    request(&desk, "folder");
    fs::copy(desk.path("folder/blob"), desk.path("blob")).unwrap();
    byok(&desk, &["import", "k", "blob"]).refused(1, &["token_", "--without-token"]);
    let said = byok(&desk, &["import", "k", "folder/blob"]).ok().out();
    assert!(said.contains("expires: never"), "{said}");
    let said = byok(
        &desk,
        &["import", "k", "blob", "--without-token", "--expires", "2d"],
    )
    .ok();
    assert!(said.out().contains("(in "), "the expiry that was set");
    let shown = metadata(&desk, &["describe", "k"]);
    assert_ne!(shown["KeyMaterialExpireUnix"], 0);
    let list = ["audit", "list", "--login", "--json"];
    let records = desk.run(&list).json();
    let records = records.as_array().unwrap();
    let imports = records.iter().filter(|record| record["event"] == "import");
    let tokens: Vec<_> = imports.map(|record| &record["import_token"]).collect();
    assert_eq!(tokens, [true, false], "on record");
    let said = flat(&desk.run(&list[..3]).ok().out());
    let without = said.matches("without an import token");
    assert_eq!(without.count(), 1, "{said}");
}

#[test]
fn a_bad_blob_is_explained() {
    let desk = desk();
    create(&desk, &["--profile", "tencent", "--spec", "AES_256"]);
    request(&desk, "folder");
    desk.write("folder/bad", [7; 256]);
    desk.write("folder/short", [7; 255]);
    for (file, bytes) in [("folder/bad", "256 bytes"), ("folder/short", "255 bytes")] {
        byok(&desk, &["import", "k", file]).refused(1, &[bytes, NAME, "AES-256", "Usual causes"]);
    }
    byok(&desk, &["import", "k", "folder/blob"]).ok();
    byok(&desk, &["import", "k", "folder/bad"]).refused(1, &["than the key is bound to"]);
    // Of a key that needs no import token, each open request is tried.
    byok(&desk, &["create", "--spec", "AES_256", "--alias", "open"]).ok();
    for name in [NAME, "RSA_AES_KEY_WRAP_SHA_256"] {
        let words = ["parameters", "open", "--algorithm", name, "--json"];
        byok(&desk, &words).ok();
    }
    let refused = byok(&desk, &["import", "open", "folder/blob"]);
    refused.refused(
        1,
        &[
            "None of the 2 open requests",
            NAME,
            "RSA_AES_KEY_WRAP_SHA_256",
            "--import-token",
        ],
    );
}
