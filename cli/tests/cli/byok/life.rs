//! The life of external keys from the command line.

use serde_json::json;

use super::common::{bring, byok, create, desk, metadata, state};
use super::openssl::openssl;
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

    byok(&desk, &["schedule-deletion", "k", "--days", "6", "--yes"]).refused(2, &["7 to 30 days"]);
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
fn keys_have_three_names() {
    let desk = desk();
    let id = create(&desk, &["--spec", "AES_256", "--id", "c0ffee"]);
    for name in [&id, "k", "c0ffee", "C0FFEE"] {
        let key = metadata(&desk, &["describe", name]);
        assert_eq!(text(&key, "KeyId"), id, "{name}");
    }
    byok(&desk, &["create", "--spec", "AES_256", "--id", "c0ffee"]).refused(1, &["CKA_ID"]);
    let other = create(&desk, &["--spec", "AES_256"]);
    byok(&desk, &["describe", "k"]).refused(1, &["more than one", "KeyId"]);
    assert_eq!(
        text(&metadata(&desk, &["describe", &other]), "KeyId"),
        other
    );
    for none in ["l", "c0ff", "*"] {
        byok(&desk, &["describe", none]).refused(1, &["tenon byok list"]);
    }
}
