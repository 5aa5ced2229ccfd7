//! The life of external keys from the command line.

use std::fs;

use serde_json::{Value, json};
use tenon_pkcs11::clock::{Clock, SystemClock};

use super::openssl::openssl;
use crate::cli::common::{Answer, Desk, file, file_path, text};

const DAY: u64 = 86_400;

/// A token, and a secret key in `secret.bin`.
fn desk() -> Desk {
    let desk = Desk::new();
    openssl(&desk, &["rand", "-out", "secret.bin", "32"]);
    desk
}

/// KeyMetadata of what `byok` answers.
#[track_caller]
fn metadata(desk: &Desk, arguments: &[&str]) -> Value {
    let arguments = [&["byok"], arguments, &["--json"]].concat();
    desk.run(&arguments).json()["KeyMetadata"].take()
}

fn byok(desk: &Desk, arguments: &[&str]) -> Answer {
    desk.run(&[&["byok"], arguments].concat())
}

/// Makes a key of the alias `k`, and gives its KeyId.
fn create(desk: &Desk, arguments: &[&str]) -> String {
    let arguments = [&["create", "--alias", "k"], arguments].concat();
    text(&metadata(desk, &arguments), "KeyId").to_owned()
}

/// Requests parameters for the key `k`, wraps `key` with them, and imports the blob.
fn bring(desk: &Desk, key: &str, algorithm: &str, more: &[&str]) -> Answer {
    let request = [
        "parameters",
        "k",
        "--replace",
        "--directory",
        ".",
        "--algorithm",
        algorithm,
        "--json",
    ];
    let answer = desk.run(&[&["byok"], &request[..]].concat()).json();
    let id = text(&answer, "KeyId");
    let public = format!("publickey_{id}.pem");
    let token = format!("token_{id}.txt");
    let _ = fs::remove_file(desk.path("blob.txt"));
    let wrap = [
        "wrap",
        key,
        "--algorithm",
        algorithm,
        "--public-key",
        &public,
        "--output",
        "blob.txt",
    ];
    byok(desk, &wrap).ok();
    let import = ["import", "k", "blob.txt", "--import-token", &token];
    byok(desk, &[&import[..], more].concat())
}

fn state(desk: &Desk) -> String {
    text(&metadata(desk, &["describe", "k"]), "KeyState").to_owned()
}

fn now() -> u64 {
    SystemClock.now()
}

#[test]
fn a_symmetric_key_from_creation_to_deletion() {
    let desk = desk();
    let made = metadata(
        &desk,
        &[
            "create",
            "--profile",
            "alibaba-hardware",
            "--spec",
            "Aliyun_AES_256",
            "--alias",
            "k",
            "--description",
            "of the test",
            "--tag",
            "team=blue",
            "--tag",
            "cost=7",
        ],
    );
    let id = text(&made, "KeyId");
    for (name, value) in [
        ("AliasName", "k"),
        ("Description", "of the test"),
        ("KeyState", "PendingImport"),
        ("Origin", "EXTERNAL"),
        ("KeySpec", "AES_256"),
        ("KeyUsage", "ENCRYPT/DECRYPT"),
        ("MaterialExpireTime", ""),
        ("DeleteDate", ""),
        ("Profile", "alibaba-hardware"),
    ] {
        assert_eq!(text(&made, name), value, "{name}");
    }
    assert_eq!(
        made["Tags"],
        json!([
            { "TagKey": "cost", "TagValue": "7" },
            { "TagKey": "team", "TagValue": "blue" },
        ])
    );
    assert!(desk.objects(&["--login"]).is_empty(), "invisible to others");
    byok(&desk, &["delete-material", "k", "--yes"]).refused(1, &["never had material"]);

    bring(&desk, "secret.bin", "RSAES_OAEP_SHA_256", &[]).ok();
    let imported = metadata(&desk, &["describe", id]);
    assert_eq!(text(&imported, "KeyState"), "Enabled");
    assert_eq!(text(&imported, "KeyMaterialId").len(), 32);
    let listed = desk.objects(&["--login"]);
    assert_eq!(text(&listed[0], "unique_id"), id);
    assert_eq!(text(&listed[0], "key"), "aes:256");

    assert_eq!(
        text(&metadata(&desk, &["disable", "k"]), "KeyState"),
        "Disabled"
    );
    bring(&desk, "secret.bin", "RSAES_OAEP_SHA_256", &[]).ok();
    assert_eq!(state(&desk), "Disabled", "an import switches nothing on");
    assert_eq!(
        text(&metadata(&desk, &["enable", "k"]), "KeyState"),
        "Enabled"
    );

    byok(&desk, &["delete-material", "k"]).refused(1, &["--yes", "imported"]);
    assert_eq!(state(&desk), "Enabled");
    let erased = metadata(&desk, &["delete-material", "k", "--yes"]);
    assert_eq!(text(&erased, "KeyState"), "PendingImport");
    assert_eq!(text(&erased, "KeyId"), id);
    assert_eq!(erased["KeyMaterialId"], imported["KeyMaterialId"]);
    byok(&desk, &["delete-material", "k", "--yes"]).refused(1, &["no material"]);

    openssl(&desk, &["rand", "-out", "other.bin", "32"]);
    bring(&desk, "other.bin", "RSAES_OAEP_SHA_256", &[])
        .refused(1, &["CKR_TENON_MATERIAL_MISMATCH", "tenon byok create"]);
    assert_eq!(state(&desk), "PendingImport");
    bring(&desk, "secret.bin", "RSAES_OAEP_SHA_256", &[]).ok();
    assert_eq!(state(&desk), "Enabled");

    byok(&desk, &["schedule-deletion", "k", "--days", "6", "--yes"]).refused(2, &["7..=30"]);
    byok(&desk, &["schedule-deletion", "k", "--days", "7"]).refused(1, &["--yes"]);
    for days in ["7", "30"] {
        let dying = metadata(&desk, &["schedule-deletion", "k", "--days", days, "--yes"]);
        assert_eq!(text(&dying, "KeyState"), "PendingDeletion");
        assert!(text(&dying, "DeleteDate").ends_with('Z'));
    }
    let kept = metadata(&desk, &["cancel-deletion", "k"]);
    assert_eq!(text(&kept, "KeyState"), "Enabled");
    assert_eq!(text(&kept, "DeleteDate"), "");
}

#[test]
fn asymmetric_keys_bring_their_public_keys() {
    for (profile, spec, key, public, algorithm) in [
        (
            "alibaba-hardware",
            "RSA_2048",
            "rsa.pem",
            "rsa-public.pem",
            "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD",
        ),
        (
            "aws",
            "ECC_NIST_P256",
            "ec.pem",
            "ec-public.pem",
            "RSA_AES_KEY_WRAP_SHA_256",
        ),
    ] {
        let desk = desk();
        create(&desk, &["--profile", profile, "--spec", spec, "--id", "0a"]);
        let expires = ["--expires", "never"];
        let first = bring(&desk, &file_path(key), algorithm, &expires)
            .ok()
            .out();
        assert!(first.contains("public key object"), "{first}");
        let again = bring(&desk, &file_path(key), algorithm, &expires)
            .ok()
            .out();
        assert!(!again.contains("public key object"), "{again}");
        assert_eq!(
            desk.classes(&["--login", "--id", "0a"]),
            ["privkey", "pubkey"]
        );
        let export = ["export", "--type", "pubkey", "--id", "0a", "--login"];
        assert_eq!(desk.run(&export).ok().bytes(), file(public));
    }
}

#[test]
fn huaweis_two_files_and_azures_one() {
    let desk = desk();
    create(&desk, &["--profile", "huawei", "--spec", "EC_P256"]);
    let id = text(&metadata(&desk, &["describe", "k"]), "KeyId").to_owned();
    byok(&desk, &["parameters", "k"]).ok();
    byok(&desk, &["parameters", "k"]).refused(1, &["is there already", "--replace"]);
    let public = format!("publickey_{id}.bin");
    let wrap = [
        "wrap",
        &file_path("ec.pem"),
        "-a",
        "RSA_AES_KEY_WRAP_SHA_256",
        "-k",
        &public,
        "--form",
        "binary",
        "-o",
        "EncryptedKeyMaterial.bin",
        "-o",
        "out_private.der",
    ];
    byok(&desk, &wrap).ok();
    let import = ["import", "k", "EncryptedKeyMaterial.bin", "out_private.der"];
    let imported = metadata(&desk, &import);
    let left = imported["KeyMaterialExpireUnix"].as_u64().unwrap() - now();
    assert!(
        (DAY - 60..=DAY).contains(&left),
        "24 hours unless said: {left}"
    );

    let azure = ["--profile", "azure", "--spec", "RSA_2048", "--alias", "a"];
    byok(&desk, &[&["create"], &azure[..]].concat()).ok();
    let request = desk.run(&["byok", "parameters", "a", "--json"]).json();
    assert_eq!(
        text(&request, "WrappingAlgorithm"),
        "RSA_AES_KEY_WRAP_SHA_1"
    );
    assert_eq!(text(&request, "TokenExpireTime"), "", "never");
    desk.write("azure.txt", text(&request, "PublicKey"));
    desk.write("token.txt", text(&request, "ImportToken"));
    let wrap = [
        "wrap",
        &file_path("rsa.pem"),
        "-a",
        "CKM_RSA_AES_KEY_WRAP",
        "-k",
        "azure.txt",
        "--form",
        "byok",
        "--kid",
        "https://vault.example/keys/a/1",
        "-o",
        "transfer.byok",
    ];
    byok(&desk, &wrap).ok();
    let import = [
        "import",
        "a",
        "transfer.byok",
        "--import-token",
        "token.txt",
    ];
    assert_eq!(text(&metadata(&desk, &import), "KeyState"), "Enabled");
}

#[test]
fn import_tokens_are_checked_and_say_what_to_do() {
    let desk = desk();
    let id = create(&desk, &["--spec", "AES_256", "--require-token"]);
    byok(&desk, &["create", "--spec", "AES_256", "--alias", "other"]).ok();
    desk.write("blob", [0x80; 256]);
    let import = ["import", "k", "blob", "--import-token", "token"];
    desk.write("token", "bm90aGluZw==");
    byok(&desk, &import).refused(1, &["no import token"]);
    byok(&desk, &["import", "k", "blob"]).refused(1, &["tenon byok parameters k"]);

    // The statement of a token: version, key, wrapping key, algorithm, end.
    let statement = |key: &str, end: u64| {
        let key: Vec<u8> = key
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let number = 2_u64.to_be_bytes();
        [
            &[1],
            &key[..],
            &[7; 16],
            &number,
            &end.to_be_bytes(),
            &[0; 32],
        ]
        .concat()
    };
    desk.write("token", statement(&id, now() - 3 * 3600 - 60));
    byok(&desk, &import).refused(1, &["expired 3 h 1 min ago", "tenon byok parameters k"]);
    desk.write("token", statement(&"0b".repeat(16), now() + 60));
    byok(&desk, &import).refused(1, &["belongs to the key 0b0b"]);
    desk.write("token", statement(&id, now() + 60));
    byok(&desk, &import).refused(1, &["is gone", "tenon byok parameters k"]);

    for key in ["k", "k", "other"] {
        let folder = desk.path(key);
        fs::create_dir_all(&folder).unwrap();
        byok(&desk, &["parameters", key, "--replace", "-d", key]).ok();
    }
    let public = format!("k/publickey_{id}.pem");
    let wrap = [
        "wrap",
        "secret.bin",
        "-a",
        "RSAES_OAEP_SHA_256",
        "-k",
        &public,
    ];
    byok(&desk, &[&wrap[..], &["-o", "good"]].concat()).ok();
    byok(&desk, &["import", "k", "good"]).refused(1, &["more than one", "--import-token"]);
    let token = format!("k/token_{id}.txt");
    let import = ["import", "k", "blob", "--import-token", &token];
    byok(&desk, &import).refused(1, &["CKR_WRAPPED_KEY_INVALID", "tenon byok parameters"]);
    desk.write("blob", [0x80; 255]);
    byok(&desk, &import).refused(1, &["CKR_WRAPPED_KEY_LEN_RANGE"]);
    let read = fs::read(desk.path(&token)).unwrap();
    let mut damaged = decode(&desk, &read);
    *damaged.last_mut().unwrap() ^= 1;
    desk.write("token", damaged);
    byok(&desk, &["import", "k", "good", "--import-token", "token"])
        .refused(1, &["CKR_TEMPLATE_INCONSISTENT"]);
    byok(&desk, &["import", "k", "good", "--import-token", &token]).ok();
    assert_eq!(state(&desk), "Enabled");
}

fn decode(desk: &Desk, text: &[u8]) -> Vec<u8> {
    desk.write("text", text);
    openssl(desk, &["enc", "-d", "-base64", "-A", "-in", "text"])
}

#[test]
fn the_list_tells_a_monitor_what_expires() {
    let desk = desk();
    create(&desk, &["--spec", "AES_256"]);
    byok(
        &desk,
        &["create", "--spec", "EC_P256K", "--alias", "waiting"],
    )
    .ok();
    let list = |arguments: &[&str]| {
        let arguments = [&["byok", "list", "--json"], arguments].concat();
        desk.run(&arguments)
    };
    let names = |answer: &Value| -> Vec<String> {
        let keys = answer["Keys"].as_array().unwrap().iter();
        keys.map(|key| text(key, "AliasName").to_owned()).collect()
    };
    assert_eq!(names(&list(&[]).json()), ["k", "waiting"]);
    assert_eq!(names(&list(&["--expiring", "52w"]).json()), [""; 0]);

    bring(
        &desk,
        "secret.bin",
        "RSAES_OAEP_SHA_256",
        &["--expires", "3d"],
    )
    .ok();
    let pending = list(&["--state", "pending-import"]).json();
    assert_eq!(names(&pending), ["waiting"]);
    assert_eq!(names(&list(&["--state", "Enabled"]).json()), ["k"]);
    assert_eq!(names(&list(&["--expiring", "2d"]).json()), [""; 0]);
    let soon = list(&["--expiring", "4d"]).status(3);
    let soon: Value = serde_json::from_str(&soon).unwrap();
    assert_eq!(names(&soon), ["k"]);
    let unix = soon["Keys"][0]["KeyMaterialExpireUnix"].as_u64().unwrap();
    assert!((now() + 3 * DAY - 60..=now() + 3 * DAY).contains(&unix));
    let table = desk.run(&["byok", "list"]).ok().out();
    assert!(
        table.contains("in 2 d") || table.contains("in 3 d"),
        "{table}"
    );

    // A new import sets the expiry anew.
    bring(
        &desk,
        "secret.bin",
        "RSAES_OAEP_SHA_256",
        &["--expires", "never"],
    )
    .ok();
    assert_eq!(names(&list(&["--expiring", "52w"]).json()), [""; 0]);
    bring(
        &desk,
        "secret.bin",
        "RSAES_OAEP_SHA_256",
        &["--expires", "2020-01-01"],
    )
    .refused(1, &["CKR_ATTRIBUTE_VALUE_INVALID", "passed"]);
    let soon = (now() + 2).to_string();
    bring(
        &desk,
        "secret.bin",
        "RSAES_OAEP_SHA_256",
        &["--expires", &soon],
    )
    .ok();
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(state(&desk), "PendingImport");
    let expired = list(&["--expiring", "1h"]).status(3);
    assert_eq!(names(&serde_json::from_str(&expired).unwrap()), ["k"]);
}

#[test]
fn alias_description_and_tags_change() {
    let desk = desk();
    create(
        &desk,
        &["--spec", "AES_256", "--profile", "alibaba-default"],
    );
    byok(&desk, &["update", "k"]).refused(1, &["--alias"]);
    let changed = metadata(
        &desk,
        &[
            "update",
            "k",
            "--alias",
            "new/name",
            "--description",
            "d",
            "--tag",
            "a=1",
            "--tag",
            "b=2",
        ],
    );
    assert_eq!(text(&changed, "AliasName"), "new/name");
    assert_eq!(text(&changed, "Description"), "d");
    let changed = metadata(
        &desk,
        &["update", "new/name", "--untag", "a", "--tag", "b=3"],
    );
    assert_eq!(changed["Tags"], json!([{ "TagKey": "b", "TagValue": "3" }]));
    let update = |arguments: &[&str]| byok(&desk, &[&["update", "new/name"], arguments].concat());
    update(&["--untag", "a"]).refused(1, &["no tag a"]);
    update(&["--alias", "no spaces"]).refused(1, &["Alibaba", "aliases"]);
    update(&["--tag", "aliyun-x=1"]).refused(1, &["aliyun"]);

    // A key that never had material goes whole.
    let id = text(&changed, "KeyId");
    let delete = ["objects", "delete", "--unique-id", id, "--yes"];
    assert!(desk.run(&delete).ok().out().contains("Deleted"));
    byok(&desk, &["describe", "new/name"]).refused(1, &["tenon byok list"]);
    byok(&desk, &["describe", "k"]).refused(1, &["tenon byok list"]);
}

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
