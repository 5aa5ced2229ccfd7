//! Versions of a key from the command line, where new material is imported before the rotation.

use std::fs;

use serde_json::{Value, json};

use super::common::{bring, byok, create, desk, metadata, now};
use super::openssl::openssl;
use crate::cli::common::{Desk, flat, text};

const NAME: &str = "RSAES_OAEP_SHA_256";

fn import(desk: &Desk, file: &str, more: &[&str]) -> crate::cli::common::Answer {
    bring(desk, file, NAME, &[&["--expires", "never"], more].concat())
}

fn version(desk: &Desk, number: usize, field: &str) -> String {
    let versions = byok(desk, &["versions", "k", "--json"]).ok().json();
    text(&versions["KeyVersions"][number - 1], field).to_owned()
}

#[test]
fn new_material_is_imported_and_then_rotated_to() {
    let desk = desk();
    openssl(&desk, &["rand", "-out", "other.bin", "32"]);
    create(&desk, &["--profile", "aws", "--spec", "AES_256"]);
    import(&desk, "secret.bin", &[]).ok();
    byok(&desk, &["rotate", "k"]).refused(1, &["--new-material"]);
    import(&desk, "secret.bin", &["--new-material"]).refused(1, &["has already"]);
    import(&desk, "other.bin", &["--new-material"]).ok();
    assert_eq!(version(&desk, 2, "KeyState"), "PendingRotation");
    let said = byok(&desk, &["rotate", "k"]).ok().out();
    assert!(said.contains("current version"), "{said}");
    let key = metadata(&desk, &["describe", "k"]);
    assert_eq!(key["PrimaryKeyVersion"], 2);
    assert_eq!(
        text(&key, "KeyMaterialId"),
        version(&desk, 2, "KeyMaterialId")
    );

    let first = version(&desk, 1, "KeyMaterialId");
    let delete = |id: &str| byok(&desk, &["delete-material", "k", "--material", id, "--yes"]);
    delete("77").refused(1, &["tenon byok versions"]);
    delete(&first).ok();
    assert_eq!(version(&desk, 1, "MaterialEndReason"), "deleted");
    let key = metadata(&desk, &["describe", "k"]);
    assert_eq!(
        text(&key, "KeyState"),
        "PendingImport",
        "it needs every version"
    );
    assert_eq!(key["MissingVersions"], json!([1]));
    let said = byok(&desk, &["describe", "k"]).ok().out();
    assert!(
        !said.contains("no material"),
        "the current one is there: {said}"
    );
    let update = ["update", "k", "--description", "x"];
    let again = ["import", "k", "blob.txt", "--expires", "never"];
    let described = ["describe", "k"];
    for command in [&described[..], &update, &again] {
        let said = flat(&byok(&desk, command).ok().out());
        for word in [
            "material of version 1 ",
            &first,
            "was deleted",
            "tenon byok import k",
        ] {
            assert!(said.contains(word), "{command:?}: no {word:?} in {said}");
        }
    }
    byok(&desk, &["disable", "k"]).refused(1, &["version 1 of the key", "material id"]);
    byok(&desk, &["rotate", "k"]).refused(1, &["version 1 of the key", "material id"]);
    let again = delete(&first).ok().out();
    assert!(again.contains("nothing changed"), "{again}");
    for login in [&["--login"][..], &[]] {
        let list = [&["list", "--expiring", "1d"], login].concat();
        byok(&desk, &list).status(3);
    }
    let soon = (now() + 3600).to_string();
    bring(&desk, "secret.bin", NAME, &["--expires", &soon]).ok();
    let key = metadata(&desk, &["describe", "k"]);
    assert_eq!(text(&key, "KeyState"), "Enabled");
    // The key ends with the first of its versions.
    let said = flat(&byok(&desk, &["describe", "k"]).ok().out());
    let (_, until) = said.split_once("Works until").unwrap();
    assert!(until.contains("material of version 1 expires"), "{said}");
    byok(&desk, &["list", "--expiring", "1d", "--login"]).status(3);
    byok(&desk, &["list", "--expiring", "10m", "--login"]).status(0);
}

/// New material that ends before the rotation leaves a statement of its end.
#[test]
fn the_end_of_new_material_is_proven() {
    let desk = desk();
    openssl(&desk, &["rand", "-out", "other.bin", "32"]);
    openssl(&desk, &["rand", "-out", "third.bin", "32"]);
    let id = create(&desk, &["--profile", "aws", "--spec", "AES_256"]);
    byok(&desk, &["attestation-key", "--output", "kept.pem"]).ok();
    import(&desk, "secret.bin", &[]).ok();
    import(&desk, "other.bin", &["--new-material"]).ok();
    let replaced = version(&desk, 2, "KeyMaterialId");
    import(&desk, "third.bin", &["--new-material"]).ok();
    let deleted = version(&desk, 2, "KeyMaterialId");
    byok(
        &desk,
        &["delete-material", "k", "--material", &deleted, "--yes"],
    )
    .ok();
    let listed = byok(&desk, &["versions", "k", "--json"]).ok().json();
    assert_eq!(listed["KeyVersions"].as_array().unwrap().len(), 1);
    let unused = listed["UnusedMaterials"].as_array().unwrap();
    let table = byok(&desk, &["versions", "k"]).ok().out();
    assert_eq!(table.matches("never current").count(), 2, "{table}");
    for (unused, id_of, why, key) in [
        (&unused[0], &replaced, "replaced", "other.bin"),
        (&unused[1], &deleted, "deleted", "third.bin"),
    ] {
        assert_eq!(text(unused, "KeyMaterialId"), id_of);
        assert_eq!(text(unused, "MaterialEndReason"), why);
        assert_eq!(unused["KeyVersion"], Value::Null);
        fs::create_dir(desk.path(why)).unwrap();
        byok(
            &desk,
            &[
                "receipt",
                "k",
                "--key-material-id",
                id_of,
                "--directory",
                why,
            ],
        )
        .ok();
        let folder = fs::read_dir(desk.path(why)).unwrap();
        let file = folder.map(|file| file.unwrap().path()).find(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(&format!("receipt_{id}_material_")) && name.ends_with(".json")
        });
        let file = file.unwrap().to_str().unwrap().to_owned();
        let check = [
            "check-receipt",
            key,
            "--raw",
            "--receipt",
            &file,
            "--attestation-key",
            "kept.pem",
            "--ended",
        ];
        let said = byok(&desk, &check).ok().out();
        assert!(said.contains(why) && said.contains("is erased"), "{said}");
    }
}

#[test]
fn raw_keys_are_rotated_by_force() {
    let desk = desk();
    create(&desk, &["--profile", "oci", "--spec", "AES_256", "--raw"]);
    import(&desk, "secret.bin", &[]).ok();
    byok(&desk, &["rotate", "k"]).refused(1, &["raw", "--force"]);
    byok(&desk, &["rotate", "k", "--force"]).ok();
    import(&desk, "secret.bin", &["--new-material"])
        .refused(1, &["OCI", "(`--new-material`) out", "tenon byok rotate"]);
}

#[test]
fn each_version_has_its_own_receipt() {
    let desk = desk();
    openssl(&desk, &["rand", "-out", "other.bin", "32"]);
    let id = create(&desk, &["--profile", "aws", "--spec", "AES_256"]);
    import(&desk, "secret.bin", &["--nonce", "01"]).ok();
    import(&desk, "other.bin", &["--nonce", "02", "--new-material"]).ok();
    let kept = ["attestation-key", "--output", "kept.pem"];
    byok(&desk, &kept).ok();
    let second = version(&desk, 2, "KeyMaterialId");
    byok(&desk, &["receipt", "k"]).ok();
    byok(&desk, &["receipt", "k", "--version", "1"]).ok();
    byok(&desk, &["receipt", "k", "--key-material-id", &second]).ok();
    let [of_key, first, second] =
        ["", "_version_1", "_version_2"].map(|version| format!("receipt_{id}{version}.json"));
    let check_with = |key: &str, receipt: &str, nonce: &str, more: &[&str]| {
        let words = [
            "check-receipt",
            key,
            "--raw",
            "--receipt",
            receipt,
            "--nonce",
            nonce,
        ];
        byok(
            &desk,
            &[&words[..], &["--attestation-key", "kept.pem"], more].concat(),
        )
    };
    let check =
        |key: &str, receipt: &str, nonce: &str| check_with(key, receipt, nonce, &["--any-version"]);
    for (key, receipt, nonce) in [
        ("secret.bin", &of_key, "01"),
        ("secret.bin", &first, "01"),
        ("other.bin", &second, "02"),
    ] {
        check(key, receipt, nonce).ok();
    }
    let said = check("other.bin", &second, "02").ok().out();
    assert!(
        said.contains("version 2") && said.contains("PendingRotation"),
        "{said}"
    );
    // The receipt of one version in place of that of another.
    check("other.bin", &first, "02").refused(1, &["another one"]);
    check("secret.bin", &second, "01").refused(1, &["another one"]);
    // A receipt of a version that is not the current one in place of the current one's.
    let both = [
        "of version 2",
        "version 1 of 2 is the current one",
        "--any-version",
    ];
    check_with("other.bin", &second, "02", &[]).refused(1, &both);
    check_with("other.bin", &second, "02", &["--version", "2"]).ok();
    check_with("secret.bin", &first, "01", &["--version", "2"])
        .refused(1, &["of version 1", "version 2 was asked"]);
    check_with("secret.bin", &first, "01", &[]).ok();
    byok(&desk, &["rotate", "k"]).ok();
    let said = byok(&desk, &["receipt", "k", "--version", "1", "--replace"])
        .ok()
        .out();
    assert!(said.contains("KEPT --version 1\n"), "{said}");
    let both = [
        "of version 1",
        "version 2 of 2 is the current one",
        "--version 1",
    ];
    check_with("secret.bin", &first, "01", &[]).refused(1, &both);
    for more in [&["--version", "1"][..], &["--any-version"]] {
        check_with("secret.bin", &first, "01", more).ok();
    }
    byok(&desk, &["receipt", "k", "--replace"]).ok();
    check_with("other.bin", &of_key, "02", &[]).ok();
    for unknown in ["0", "3"] {
        let refused = byok(&desk, &["receipt", "k", "--version", unknown]);
        refused.refused(1, &["no version", "tenon byok versions"]);
    }
    byok(&desk, &["receipt", "k", "--key-material-id", "77"]).refused(1, &["tenon byok versions"]);
}

#[test]
fn every_material_that_goes_is_named_and_what_is_missing_after_it() {
    let desk = desk();
    openssl(&desk, &["rand", "-out", "other.bin", "32"]);
    let profile = ["--profile", "alibaba-software", "--spec", "AES_256"];
    create(&desk, &profile);
    let id = text(&metadata(&desk, &["describe", "k"]), "KeyId").to_owned();
    let none = byok(&desk, &["receipt", "k", "--json"]).ok().json();
    assert_eq!(none["Imported"], false);
    let none = byok(&desk, &["receipt", "k"]).ok().out();
    assert!(none.contains("no material was ever imported"), "{none}");
    import(&desk, "secret.bin", &[]).ok();
    byok(&desk, &["rotate", "k"]).ok();
    import(&desk, "other.bin", &[]).ok();
    let ids = [1, 2].map(|number| version(&desk, number, "KeyMaterialId"));
    let names = [0, 1].map(|i| format!("version {} ({})", i + 1, ids[i]));
    let both = format!("2 materials, of {} and {},", names[0], names[1]);
    let delete = ["delete-material", "k"];
    byok(&desk, &delete).refused(1, &[&both]);
    let erase = [&delete[..], &["--yes"]].concat();
    let said = byok(&desk, &erase).ok().out();
    assert!(said.contains(&format!("Erased {both} of")), "{said}");
    assert!(
        said.contains(&names[0]) && said.contains(&names[1]),
        "{said}"
    );

    let said = import(&desk, "other.bin", &[]).ok().out();
    assert!(!said.contains("It is the material of"), "{said}");
    let missing = format!("The material of {} was deleted", names[0]);
    assert!(said.contains(&missing), "{said}");
    for (command, status) in [
        (&["describe", "k"][..], 0),
        (&["list", "--expiring", "1d", "--login"], 3),
    ] {
        let said = flat(&byok(&desk, command).status(status));
        assert!(said.contains(&missing), "{command:?}: {said}");
    }
    let listed = byok(&desk, &["list", "--expiring", "1d", "--login"]);
    assert!(listed.status(3).contains(&format!("{id}: The material")));

    // One of several is named too; an import says into which version it went.
    let first = import(&desk, "secret.bin", &["--json"]).ok().json();
    assert!(first["ImportedVersion"] == 1 || first["ImportedVersion"].is_null());
    std::thread::sleep(std::time::Duration::from_secs(2));
    let said = import(&desk, "secret.bin", &[]).ok().out();
    assert!(
        said.contains("the material of version 1, an older one"),
        "{said}"
    );
    let one = [&erase[..], &["--material", &ids[0]]].concat();
    let said = byok(&desk, &one).ok().out();
    assert!(
        said.contains(&format!("Erased the material of {} of", names[0])),
        "{said}"
    );
}

/// Without a login a field means what it means with one, or it is null.
#[test]
fn an_end_without_a_login_is_that_of_the_current_version() {
    let desk = desk();
    openssl(&desk, &["rand", "-out", "other.bin", "32"]);
    let id = create(&desk, &["--profile", "aws", "--spec", "AES_256"]);
    let [soon, late] = [3600, 7200].map(|after| (now() + after).to_string());
    bring(&desk, "secret.bin", NAME, &["--expires", &soon]).ok();
    let sealed = || {
        let describe = ["byok", "describe", &id, "--json"];
        let answer = desk.run_with(&[("TENON_PIN", "")], &describe).ok().json();
        answer["KeyMetadata"].clone()
    };
    let fields = ["KeyMaterialExpireUnix", "MaterialExpireTime"];
    let known = metadata(&desk, &["describe", "k"]);
    for field in fields {
        assert_eq!(sealed()[field], known[field], "{field}");
    }
    bring(
        &desk,
        "other.bin",
        NAME,
        &["--expires", &late, "--new-material"],
    )
    .ok();
    byok(&desk, &["rotate", "k"]).ok();
    let known = metadata(&desk, &["describe", "k"]);
    assert_eq!(known["KeyMaterialExpireUnix"].to_string(), late);
    for field in fields {
        assert_eq!(sealed()[field], Value::Null, "{field}");
    }
    assert!(
        byok(&desk, &["describe", "k"])
            .ok()
            .out()
            .contains("Works until")
    );
    // A key that does not work does not work until any time.
    byok(&desk, &["delete-material", "k", "--yes"]).ok();
    let said = byok(&desk, &["describe", "k"]).ok().out();
    assert!(
        said.contains("PendingImport") && !said.contains("Works until"),
        "{said}"
    );
}

#[test]
fn a_refusal_is_not_followed_by_advice_about_another() {
    let desk = desk();
    create(&desk, &["--profile", "aws", "--spec", "AES_256"]);
    import(&desk, "secret.bin", &[]).ok();
    for (command, why) in [
        ("rotate", "--new-material"),
        ("cancel-deletion", "none to cancel"),
    ] {
        let refused = byok(&desk, &[command, "k"]);
        let said = String::from_utf8_lossy(&refused.0.stderr).into_owned();
        refused.refused(1, &[why]);
        assert!(!said.contains("tenon byok describe"), "{said}");
    }
}
