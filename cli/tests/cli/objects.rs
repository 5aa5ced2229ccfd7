//! Objects: made, listed, shown, deleted.

use std::process::Command;

use super::common::{Desk, PIN, text};

fn generate(desk: &Desk, kind: &str, more: &[&str]) -> serde_json::Value {
    let arguments = [&["keys", "generate", "--json", "--type", kind], more].concat();
    desk.run(&arguments).json()
}

#[test]
fn keys_of_every_kind_are_made() {
    let desk = Desk::new();
    for (kind, described, count) in [
        ("aes:128", "aes:128", 1),
        ("aes:256", "aes:256", 1),
        ("generic:20", "generic:20", 1),
        ("rsa:2048", "rsa:2048", 2),
        ("ec:P-256", "ec:secp256r1", 2),
        ("ec:secp384r1", "ec:secp384r1", 2),
        ("secp256k1", "ec:secp256k1", 2),
        ("sm4", "sm4", 1),
        ("sm2", "ec:sm2p256v1", 2),
    ] {
        let made = generate(&desk, kind, &["--label", kind]);
        assert_eq!(made.as_array().unwrap().len(), count);
        assert_eq!(desk.classes(&["--label", kind]).len(), count);
        assert_eq!(text(&made[0], "key"), described);
        assert_eq!(made[0]["private"], true);
        if count == 2 {
            assert_eq!(text(&made[0], "id"), text(&made[1], "id"));
            assert_eq!(text(&made[0], "id").len(), 40, "SHA-1 of the public key");
        }
    }
    for bad in ["aes:100", "des:56", "rsa", "ec:", "generic:x"] {
        desk.run(&["keys", "generate", "--type", bad])
            .refused(2, &[]);
    }
    desk.run(&["keys", "generate", "--type", "rsa:1022"])
        .refused(1, &["CKR_KEY_SIZE_RANGE"]);
    desk.run(&["keys", "generate", "--type", "ec:P-999"])
        .refused(2, &["P-999 is no curve"]);
}

#[test]
fn uses_are_as_asked_for() {
    let desk = Desk::new();
    let made = generate(&desk, "aes:256", &["--usage", "wrap,encrypt"]);
    let uses = ["encrypt", "decrypt", "wrap", "unwrap"];
    assert_eq!(made[0]["uses"], serde_json::json!(uses));
    let made = generate(&desk, "rsa:2048", &["--usage", "wrap", "--id", "0A"]);
    assert_eq!(made[0]["uses"], serde_json::json!(["unwrap"]));
    assert_eq!(made[1]["uses"], serde_json::json!(["wrap"]));
    assert_eq!(text(&made[1], "id"), "0a");
    let shown = |id: &str| {
        let shown = ["objects", "show", "--json", "--type", "privkey", "--id", id];
        desk.run(&shown).json()[0]["CKA_EXTRACTABLE"].clone()
    };
    assert_eq!(shown("0a"), false);
    generate(&desk, "ec:P-256", &["--extractable", "--id", "0b"]);
    assert_eq!(shown("0b"), true);
}

#[test]
fn an_id_is_given_once() {
    let desk = Desk::new();
    generate(&desk, "ec:P-256", &["--id", "01"]);
    let again = ["keys", "generate", "--type", "rsa:2048", "--id", "01"];
    desk.run(&again).refused(1, &["already has pubkey", "--id"]);
    generate(&desk, "aes:256", &["--id", "01"]);
    let again = ["keys", "generate", "--type", "aes:128", "--id", "01"];
    desk.run(&again).refused(1, &["already has secrkey"]);
    assert_eq!(
        desk.classes(&["--id", "01"]),
        ["privkey", "pubkey", "secrkey"]
    );
}

#[test]
fn listing_needs_no_login_for_what_is_public() {
    let desk = Desk::new();
    generate(&desk, "ec:P-256", &["--label", "web"]);
    let nobody = [("TENON_PIN", "")];
    let out = desk.run_with(&nobody, &["objects", "list"]).ok().out();
    assert!(out.contains("pubkey") && !out.contains("privkey"), "{out}");
    assert!(out.contains("--login"), "{out}");
    desk.run_with(&nobody, &["objects", "list", "--login"])
        .refused(1, &["no user PIN", "$TENON_PIN"]);
    let out = desk.run(&["objects", "list", "--login"]).ok().out();
    assert!(out.contains("privkey") && !out.contains("--login"), "{out}");
    desk.write("pin", PIN);
    let files = ["objects", "list", "--pin-file", "pin"];
    let out = desk.run_with(&nobody, &files).ok().out();
    assert!(out.contains("privkey"), "{out}");
}

#[test]
fn filters_select() {
    let desk = Desk::new();
    generate(&desk, "ec:P-256", &["--label", "a", "--id", "01"]);
    generate(&desk, "ec:P-256", &["--label", "b", "--id", "02"]);
    assert_eq!(desk.classes(&["--label", "a"]), ["privkey", "pubkey"]);
    assert_eq!(
        desk.classes(&["--id", "02", "--type", "pubkey"]),
        ["pubkey"]
    );
    let one = desk.objects(&["--type", "privkey", "--label", "b"]);
    let unique = text(&one[0], "unique_id");
    assert_eq!(desk.objects(&["--unique-id", unique]), one);
    assert!(desk.objects(&["--label", "c"]).is_empty());
    desk.run(&["objects", "list", "--id", "0"])
        .refused(2, &["hexadecimal"]);
    desk.run(&["objects", "list", "--type", "keys"])
        .refused(2, &["privkey"]);
    desk.run(&["objects", "show", "--label", "c"])
        .refused(1, &["no such object"]);
}

#[test]
fn showing_names_attributes_and_no_values_of_keys() {
    let desk = Desk::new();
    desk.write("value", [0x5A; 32]);
    let import = [
        "import",
        "value",
        "--type",
        "generic",
        "--label",
        "s",
        "--extractable",
    ];
    desk.run(&import).ok();
    let shown = desk
        .run(&["objects", "show", "--label", "s", "--json"])
        .json();
    let object = &shown[0];
    assert_eq!(text(object, "CKA_CLASS"), "secrkey");
    assert_eq!(text(object, "CKA_LABEL"), "s");
    assert_eq!(object["CKA_VALUE_LEN"], 32);
    assert_eq!(object["CKA_EXTRACTABLE"], true);
    assert_eq!(text(object, "CKA_VALUE"), "(sensitive)");
    assert!(object.get("CKA_MODULUS").is_none());
    let people = desk.run(&["objects", "show", "--label", "s"]).ok().out();
    assert!(people.contains("CKA_LABEL: s\n"), "{people}");
    assert!(!people.contains("5a5a5a"), "{people}");
}

#[test]
fn deleting_is_confirmed() {
    let desk = Desk::new();
    generate(&desk, "ec:P-256", &["--label", "a"]);
    generate(&desk, "ec:P-256", &["--label", "b"]);
    let delete = ["objects", "delete", "--label", "a"];
    desk.run(&delete)
        .refused(1, &["privkey", "goes for ever", "--yes"]);
    assert_eq!(desk.classes(&["--label", "a"]).len(), 2);
    desk.run(&["objects", "delete", "--yes"])
        .refused(1, &["say which"]);
    let yes = [&delete[..], &["--yes", "--type", "pubkey", "--json"]].concat();
    let gone = desk.run(&yes).json();
    assert_eq!(text(&gone[0], "deleted"), "object");
    assert_eq!(desk.classes(&[]), ["privkey", "privkey", "pubkey"]);
    desk.run(&[&delete[..], &["--yes"]].concat()).ok();
    desk.run(&[&delete[..], &["--yes"]].concat())
        .refused(1, &["no such object"]);
    let nobody = [("TENON_PIN", "")];
    desk.run_with(&nobody, &["objects", "delete", "--label", "b", "--yes"])
        .refused(1, &["no user PIN"]);
    assert_eq!(desk.classes(&["--label", "b"]).len(), 2);
}

/// The demonstration leaves external keys, which this program finds and whose material it erases.
#[test]
fn deleting_an_external_key_erases_its_material_alone() {
    let desk = Desk::empty();
    // `cargo test` builds the library beside the tests, and not beside the program.
    let library = std::env::current_exe()
        .unwrap()
        .with_file_name("libtenon_pkcs11.so");
    let mut demo = desk.command(&["demo", "--keep", "tokens", "--module"]);
    let demo: &mut Command = demo.arg(library);
    let demo = demo.output().unwrap();
    assert!(demo.status.success(), "{demo:?}");
    let keys = desk.objects(&["--id", "616573"]);
    assert_eq!(keys[0]["external"], true);
    let delete = ["objects", "delete", "--id", "616573"];
    desk.run(&delete)
        .refused(1, &["material is erased", "only the same can come again"]);
    let gone = desk
        .run(&[&delete[..], &["--yes", "--json"]].concat())
        .json();
    assert_eq!(text(&gone[0], "deleted"), "material");
    assert!(desk.objects(&["--id", "616573"]).is_empty());
}

#[test]
fn an_object_gets_another_label_and_id() {
    let desk = Desk::new();
    generate(&desk, "aes:256", &["--label", "old", "--id", "01"]);
    generate(&desk, "aes:256", &["--label", "other", "--id", "02"]);
    let update = ["objects", "update", "--label", "old", "--json"];
    let changed = [&update[..], &["--new-label", "new", "--new-id", "03"]].concat();
    let changed = desk.run(&changed).json();
    assert_eq!(text(&changed[0], "label"), "new");
    assert_eq!(text(&changed[0], "id"), "03");
    assert_eq!(desk.objects(&["--label", "new", "--id", "03"]).len(), 1);
    desk.run(&update[..4]).refused(2, &["--new-label"]);
    desk.run(&["objects", "update", "--new-label", "x"])
        .refused(1, &["say which objects"]);
    let taken = ["objects", "update", "--label", "new", "--new-id", "02"];
    desk.run(&taken).refused(1, &["already has secrkey"]);
    let both = ["objects", "update", "--type", "secrkey", "--new-id", "04"];
    desk.run(&both)
        .refused(1, &["several objects of one class"]);
}
