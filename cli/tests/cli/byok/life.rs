//! The life of external keys from the command line.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};
use tenon_pkcs11::api::clock::utc;

use super::common::{DAY, bring, byok, create, desk, metadata, now, state};
use super::openssl::openssl;
use crate::cli::clock::seen;
use crate::cli::common::text;

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
        ("KeySpec", "Aliyun_AES_256"),
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
    assert!(desk.objects(&[]).is_empty(), "invisible to others");
    byok(&desk, &["delete-material", "k", "--yes"]).refused(1, &["never had material"]);

    bring(&desk, "secret.bin", "RSAES_OAEP_SHA_256", &[]).ok();
    let imported = metadata(&desk, &["describe", id]);
    assert_eq!(text(&imported, "KeyState"), "Enabled");
    assert_eq!(text(&imported, "KeyMaterialId").len(), 32);
    let listed = desk.objects(&[]);
    assert_eq!(text(&listed[0], "unique_id"), id.replace('-', ""));
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
    let again = byok(&desk, &["delete-material", "k", "--yes"]).ok().out();
    assert!(again.contains("nothing changed"), "{again}");

    openssl(&desk, &["rand", "-out", "other.bin", "32"]);
    bring(&desk, "other.bin", "RSAES_OAEP_SHA_256", &[])
        .refused(1, &["CKR_TENON_MATERIAL_MISMATCH", "tenon byok create"]);
    assert_eq!(state(&desk), "PendingImport");
    bring(&desk, "secret.bin", "RSAES_OAEP_SHA_256", &[]).ok();
    assert_eq!(state(&desk), "Enabled");

    byok(&desk, &["schedule-deletion", "k", "--days", "6", "--yes"]).refused(1, &["7 to 30 days"]);
    byok(&desk, &["schedule-deletion", "k", "--days", "7"]).refused(1, &["--yes"]);
    for days in ["7", "30"] {
        let dying = metadata(&desk, &["schedule-deletion", "k", "--days", days, "--yes"]);
        assert_eq!(text(&dying, "KeyState"), "PendingDeletion");
        assert!(text(&dying, "DeleteDate").ends_with('Z'));
        byok(&desk, &["schedule-deletion", "k", "--days", "9", "--yes"])
            .refused(1, &["scheduled already"]);
        byok(&desk, &["disable", "k"]).refused(1, &["cancel-deletion"]);
        if days == "7" {
            byok(&desk, &["cancel-deletion", "k"]).ok();
        }
    }
    let kept = metadata(&desk, &["cancel-deletion", "k"]);
    assert_eq!(text(&kept, "KeyState"), "Enabled");
    assert_eq!(text(&kept, "DeleteDate"), "");
    byok(&desk, &["cancel-deletion", "k"]).refused(1, &["none to cancel"]);
    for (command, said) in [
        ("enable", "Enabled already"),
        ("disable", "Disabled"),
        ("disable", "Disabled already"),
        ("enable", "Enabled"),
    ] {
        let out = byok(&desk, &[command, "k"]).ok().out();
        assert!(out.starts_with(said), "{out}");
    }
}

/// AWS: the key is disabled after a cancelled deletion.
#[test]
fn a_cancelled_deletion_leaves_a_key_of_aws_disabled() {
    let desk = desk();
    let generated = ["--origin", "generated", "--spec", "AES_256", "--profile"];
    create(&desk, &[&generated[..], &["aws"]].concat());
    byok(&desk, &["schedule-deletion", "k", "--days", "7", "--yes"]).ok();
    let kept = metadata(&desk, &["cancel-deletion", "k"]);
    assert_eq!(text(&kept, "KeyState"), "Disabled");
    byok(&desk, &["enable", "k"]).ok();
    byok(&desk, &["schedule-deletion", "k", "--days", "7", "--yes"]).ok();
    let said = byok(&desk, &["cancel-deletion", "k"]).ok().out();
    assert!(
        said.contains("is disabled") && said.contains("tenon byok enable k"),
        "{said}"
    );
    for (profile, alias) in [("aws", "waits"), ("open", "free")] {
        let make = [
            "create",
            "--spec",
            "AES_256",
            "--alias",
            alias,
            "--profile",
            profile,
        ];
        byok(&desk, &make).ok();
        byok(&desk, &["schedule-deletion", alias, "--days", "7", "--yes"]).ok();
        let said = byok(&desk, &["cancel-deletion", alias]).ok().out();
        assert_eq!(said.contains("disabled"), profile == "aws", "{said}");
    }
}

/// Each command answers the same fields of a key, with and without a login.
#[test]
fn every_command_answers_the_same_fields() {
    let desk = desk();
    let names = |key: &Value| -> Vec<String> { key.as_object().unwrap().keys().cloned().collect() };
    let made = [
        "create",
        "--alias",
        "k",
        "--profile",
        "aws",
        "--spec",
        "AES_256",
    ];
    let expected = names(&metadata(&desk, &made));
    assert!(expected.len() > 30, "{expected:?}");
    let imported = bring(
        &desk,
        "secret.bin",
        "RSAES_OAEP_SHA_256",
        &["--expires", "never", "--json"],
    );
    assert_eq!(names(&imported.json()["KeyMetadata"]), expected);
    for command in [
        &["describe", "k"][..],
        &["update", "k", "--description", "x"],
        &["disable", "k"],
        &["disable", "k"],
        &["enable", "k"],
        &["schedule-deletion", "k", "--days", "7", "--yes"],
        &["cancel-deletion", "k"],
        &["delete-material", "k", "--yes"],
    ] {
        assert_eq!(names(&metadata(&desk, command)), expected, "{command:?}");
    }
    for login in [&["--login"][..], &[]] {
        let list = [&["byok", "list", "--json"], login].concat();
        let listed = desk.run(&list).json();
        assert_eq!(names(&listed["Keys"][0]), expected, "{login:?}");
    }
    let id = text(&metadata(&desk, &["describe", "k"]), "KeyId").to_owned();
    let unlogged = desk.run_with(&[("TENON_PIN", "")], &["byok", "describe", &id, "--json"]);
    assert_eq!(names(&unlogged.json()["KeyMetadata"]), expected);
}

/// A program learns what people read as "nothing changed".
#[test]
fn a_command_that_changes_nothing_says_so() {
    let desk = desk();
    let changed = |arguments: &[&str]| {
        let arguments = [&["byok"], arguments, &["--json"]].concat();
        desk.run(&arguments).json()["Changed"].clone()
    };
    let make = [
        "create",
        "--spec",
        "AES_256",
        "--alias",
        "k",
        "--if-missing",
    ];
    assert_eq!(changed(&make), true);
    assert_eq!(changed(&make), false);
    bring(&desk, "secret.bin", "RSAES_OAEP_SHA_256", &[]).ok();
    for command in [
        &["disable", "k"][..],
        &["enable", "k"],
        &["delete-material", "k", "--yes"],
    ] {
        assert_eq!(changed(command), true, "{command:?}");
        assert_eq!(changed(command), false, "{command:?}");
    }
    for command in [
        &["update", "k", "--description", "x"][..],
        &["schedule-deletion", "k", "--days", "7", "--yes"],
        &["cancel-deletion", "k"],
    ] {
        assert_eq!(changed(command), true, "{command:?}");
    }
}

/// The days of a deletion and the life of material count by the token's time, as they do by C calls.
#[test]
fn times_count_from_the_tokens_time() {
    let ahead = now() + 2 * DAY;
    let desk = seen(ahead);
    openssl(&desk, &["rand", "-out", "secret.bin", "32"]);
    create(&desk, &["--spec", "AES_256"]);
    bring(
        &desk,
        "secret.bin",
        "RSAES_OAEP_SHA_256",
        &["--expires", "1h"],
    )
    .ok();
    let key = metadata(&desk, &["describe", "k"]);
    let expires = key["KeyMaterialExpireUnix"].as_u64().unwrap();
    assert!((ahead + 3600..ahead + 3700).contains(&expires), "{expires}");
    let key = metadata(&desk, &["schedule-deletion", "k", "--days", "7", "--yes"]);
    let days = |days| utc(ahead + days * DAY);
    let date = text(&key, "DeleteDate");
    assert!(*date >= *days(7) && *date < *days(8), "{date}");
}

#[test]
fn what_waits_for_its_material_is_not_switched() {
    let desk = desk();
    create(&desk, &["--profile", "aws", "--spec", "AES_256"]);
    for command in ["disable", "enable"] {
        byok(&desk, &[command, "k"]).refused(1, &["PendingImport", "import"]);
    }
}

#[test]
fn alias_description_and_tags_change() {
    let desk = desk();
    create(
        &desk,
        &["--spec", "AES_256", "--profile", "alibaba-default"],
    );
    byok(&desk, &["update", "k"]).refused(2, &["--alias", "--untag"]);
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

    update(&["--tag", "b=4", "--tag", "b=5"]).refused(1, &["b twice"]);
    update(&["--tag", "b=4", "--untag", "b"]).refused(1, &["--tag sets b", "--untag"]);
    update(&["--untag", "b", "--tag", "a=4", "--tag", "b=5"]).refused(1, &["--tag sets b"]);

    let id = text(&changed, "KeyId");
    let delete = ["objects", "delete", "--unique-id", id, "--yes"];
    desk.run(&delete).refused(1, &["schedule-deletion"]);
    byok(&desk, &["describe", "k"]).refused(1, &["tenon byok list"]);
}

#[test]
fn no_escape_reaches_the_terminal() {
    let desk = desk();
    create(&desk, &["--spec", "AES_256"]);
    let tag = "t\u{9b}1=\u{1b}[31m\u{202e}v";
    let clean = "t\u{fffd}1";
    let changed = metadata(&desk, &["update", "k", "--tag", tag]);
    let value = "\u{fffd}[31m\u{fffd}v";
    assert_eq!(
        changed["Tags"],
        json!([{ "TagKey": clean, "TagValue": value }])
    );
    let described = byok(&desk, &["describe", "k"]).ok().out();
    assert!(
        described.contains(&format!("{clean}={value}")),
        "{described}"
    );
    let refused = byok(&desk, &["describe", "\u{1b}[2Jk"]);
    refused.refused(1, &["\u{fffd}[2Jk"]);
}

#[test]
fn a_key_of_no_service_without_material_goes_whole() {
    let desk = desk();
    let id = create(&desk, &["--spec", "AES_256"]);
    let delete = ["objects", "delete", "--unique-id", &id, "--yes"];
    assert!(desk.run(&delete).ok().out().contains("Deleted"));
    byok(&desk, &["describe", "k"]).refused(1, &["tenon byok list"]);
}

#[test]
fn a_generated_key_is_managed_as_an_external_one() {
    let desk = desk();
    for (profile, spec, origin, usage) in [
        (
            "alibaba-default",
            "Aliyun_AES_256",
            "Aliyun_KMS",
            "ENCRYPT/DECRYPT",
        ),
        ("aws", "HMAC_256", "AWS_KMS", "GENERATE_VERIFY_MAC"),
        ("aws", "ECC_NIST_P384", "AWS_KMS", "SIGN_VERIFY"),
        ("huawei", "RSA_2048", "kms", "SIGN_VERIFY"),
        ("vault", "ED25519", "GENERATED", "SIGN_VERIFY"),
        ("alibaba-software", "EC_SM2", "Aliyun_KMS", "SIGN/VERIFY"),
        ("tencent", "SM4", "TENCENT_KMS", "ENCRYPT_DECRYPT"),
        ("open", "AES_128", "TENON", "ENCRYPT_DECRYPT"),
        ("google", "HMAC_SHA256", "GENERATED", "MAC"),
    ] {
        let alias = format!("{profile}/{spec}");
        let made = metadata(
            &desk,
            &[
                "create",
                "--origin",
                "generated",
                "--profile",
                profile,
                "--spec",
                spec,
                "--alias",
                &alias,
            ],
        );
        assert_eq!(text(&made, "KeyState"), "Enabled", "{alias}");
        assert_eq!(text(&made, "Origin"), origin, "{alias}");
        assert_eq!(text(&made, "KeyUsage"), usage, "{alias}");
    }
    let create = |arguments: &[&str]| {
        let generated = ["create", "--origin", "GENERATED", "--spec", "AES_256"];
        byok(&desk, &[&generated, arguments].concat())
    };
    create(&[
        "--profile",
        "alibaba-default",
        "--alias",
        "k",
        "--tag",
        "a=1",
    ])
    .ok();
    let id = text(&metadata(&desk, &["describe", "k"]), "KeyId").to_owned();
    create(&["--profile", "alibaba-default", "--alias", "k"])
        .refused(1, &["has the alias k", "--if-missing"]);
    // Of another key no advice leads to a second refusal.
    let other = create(&["--profile", "aws", "--alias", "k"]).error();
    assert!(other.contains("profile alibaba-default"), "{other}");
    assert!(!other.contains("--if-missing"), "{other}");
    create(&["--profile", "aws", "--alias", "k", "--if-missing"]).refused(1, &["alibaba-default"]);
    let again = create(&[
        "--profile",
        "alibaba-default",
        "--alias",
        "k",
        "--if-missing",
    ])
    .ok();
    assert!(again.out().contains(&id));
    let cka_id = text(&metadata(&desk, &["describe", "k"]), "Id").to_owned();
    for (id, done) in [(&*cka_id, true), ("0a", false)] {
        let same = ["--profile", "alibaba-default", "--alias", "k", "--id", id];
        let again = create(&[&same[..], &["--if-missing"]].concat());
        if done {
            again.ok();
        } else {
            again.refused(1, &[&format!("CKA_ID {cka_id}")]);
        }
    }
    create(&["--if-missing"]).refused(2, &["--alias"]);
    create(&["--tag", "a=1", "--tag", "a=2"]).refused(1, &["a twice"]);
    create(&["--require-token"]).refused(1, &["--require-token"]);

    for (arguments, state) in [
        (&["disable", "k"][..], "Disabled"),
        (&["enable", "k"], "Enabled"),
        (&["update", "k", "--tag", "b=2"], "Enabled"),
        (
            &["schedule-deletion", "k", "--days", "7", "--yes"],
            "PendingDeletion",
        ),
        (&["cancel-deletion", "k"], "Enabled"),
    ] {
        assert_eq!(
            text(&metadata(&desk, arguments), "KeyState"),
            state,
            "{arguments:?}"
        );
    }
    for refused in [
        &["parameters", "k"][..],
        &["import", "k", "secret.bin"],
        &["delete-material", "k", "--yes"],
    ] {
        byok(&desk, refused).refused(1, &["generated in the token"]);
    }
    assert!(id.split('-').map(str::len).eq([8, 4, 4, 4, 12]));
    for name in ["k", &id, &id.replace('-', "")] {
        let key = metadata(&desk, &["describe", name]);
        assert_eq!(text(&key, "KeyId"), id, "{name}");
    }
    let listed = byok(&desk, &["list", "--login", "--state", "enabled", "--json"]).ok();
    assert_eq!(listed.json()["TotalCount"], 10);
    let sealed = byok(&desk, &["list", "--json"]).ok().json();
    let generated = sealed["Keys"].as_array().unwrap().iter();
    assert!(generated.clone().all(|key| key["Generated"] == true));
    assert_eq!(generated.count(), 10);
}

/// Where several look for an alias at once, and make the key where it is missing, one makes it.
#[test]
fn the_same_key_is_made_once_by_many_at_once() {
    let desk = desk();
    for (profile, origin) in [
        ("open", "external"),
        ("aws", "external"),
        ("aws", "generated"),
    ] {
        let alias = format!("{profile}-{origin}");
        let command = format!(
            "byok create --profile {profile} --origin {origin} --spec AES_256 --alias {alias} --if-missing --json"
        );
        let arguments: Vec<_> = command.split(' ').collect();
        let ids: BTreeSet<_> = thread::scope(|scope| {
            let run = || text(&desk.run(&arguments).json()["KeyMetadata"], "KeyId").to_owned();
            let started: Vec<_> = (0..6).map(|_| scope.spawn(run)).collect();
            started.into_iter().map(|run| run.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 1, "{alias}: {ids:?}");
    }
}

/// What `create` says of raw use, `describe` shows, and plain clients meet.
#[test]
fn a_services_key_is_independent_unless_it_is_raw() {
    let desk = desk();
    for (arguments, encryption) in [
        (&["--profile", "aws", "--spec", "AES_256"][..], "envelope"),
        (&["--profile", "aws", "--spec", "AES_256", "--raw"], "raw"),
        (&["--spec", "AES_256"], "raw"),
        (&["--spec", "HMAC_256"], ""),
        (
            &[
                "--profile",
                "alibaba-hardware",
                "--spec",
                "AES_256",
                "--usage",
                "SIGN_VERIFY",
            ],
            "",
        ),
        (&["--spec", "RSA_2048", "--usage", "ENCRYPT_DECRYPT"], ""),
    ] {
        let made = metadata(&desk, &[&["create"], arguments].concat());
        assert_eq!(text(&made, "Encryption"), encryption, "{arguments:?}");
    }
}

#[test]
fn keys_have_three_names() {
    let desk = desk();
    let id = create(&desk, &["--spec", "AES_256", "--id", "c0ffee"]);
    for name in [&id, "k", "c0ffee", "C0FFEE"] {
        let key = metadata(&desk, &["describe", name]);
        assert_eq!(text(&key, "KeyId"), id, "{name}");
    }
    byok(&desk, &["create", "--spec", "AES_256", "--id", "c0ffee"]).refused(1, &["CKA_ID"]);
    let other = ["create", "--spec", "AES_256", "--alias", "l"];
    let other = text(&metadata(&desk, &other), "KeyId").to_owned();
    byok(&desk, &["update", "l", "--alias", "k"]).ok();
    byok(&desk, &["describe", "k"]).refused(1, &["more than one", "KeyId"]);
    assert_eq!(
        text(&metadata(&desk, &["describe", &other]), "KeyId"),
        other
    );
    for none in ["l", "c0ff", "*"] {
        byok(&desk, &["describe", none]).refused(1, &["tenon byok list"]);
    }
}

/// No alias and no CKA_ID of another key takes a KeyId from its key.
#[test]
fn a_key_id_names_its_key_alone() {
    let desk = desk();
    let id = create(&desk, &["--spec", "AES_256"]);
    let digits = id.replace('-', "");
    let capitals = [id.to_uppercase(), digits.to_uppercase()];
    let names = [&id, &digits, &capitals[0], &capitals[1]];
    for alias in names {
        let other = ["create", "--spec", "AES_256", "--alias", alias];
        byok(&desk, &other).ok();
    }
    let other = [
        "create", "--spec", "AES_256", "--id", &digits, "--alias", "l",
    ];
    byok(&desk, &other).ok();
    for name in names {
        let key = metadata(&desk, &["describe", name]);
        assert_eq!(text(&key, "AliasName"), "k", "{name}");
        let unlogged = [("TENON_PIN", "")];
        let said = desk.run_with(&unlogged, &["byok", "describe", name]);
        assert!(said.ok().out().contains(&id), "{name}");
    }
}
