//! The list, as a monitor asks for it.

use serde_json::Value;

use super::common::{DAY, bring, byok, create, desk, metadata, now, state};
use crate::cli::common::{Answer, Desk, text};

/// As a monitor without a PIN, and with a wrong one in its environment, which is not tried.
fn unlogged(desk: &Desk, arguments: &[&str]) -> Answer {
    let answer = desk.run_with(&[("TENON_PIN", "")], arguments);
    let other = desk.run_with(&[("TENON_PIN", "wrong")], arguments);
    assert_eq!(answer.out(), other.out());
    answer
}

fn listed(answer: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert_eq!(answer["LoggedIn"], false);
    let keys = answer["Keys"].as_array().unwrap().clone();
    assert_eq!(answer["TotalCount"], keys.len());
    assert!(
        keys.iter().all(|key| key["AliasName"].is_null()),
        "{answer}"
    );
    keys
}

#[test]
fn a_monitor_needs_no_pin() {
    let desk = desk();
    let key = create(&desk, &["--spec", "AES_256"]);
    let waiting = ["create", "--spec", "EC_P256K", "--alias", "waiting"];
    byok(&desk, &waiting).ok();
    let list =
        |arguments: &[&str]| unlogged(&desk, &[&["byok", "list", "--json"], arguments].concat());
    let one = |id: &str| {
        let keys = listed(&list(&[]).ok().out());
        keys.into_iter()
            .find(|key| text(key, "KeyId") == id)
            .unwrap()
    };
    let import = |expires: &str| {
        let expires = ["--expires", expires];
        bring(&desk, "secret.bin", "RSAES_OAEP_SHA_256", &expires).ok();
    };
    assert_eq!(
        listed(&list(&[]).ok().out()).len(),
        2,
        "no import job is among them"
    );
    assert_eq!(text(&one(&key), "KeyState"), "PendingImport");
    assert_eq!(one(&key)["Bound"], false);
    assert_eq!(
        listed(&list(&["--expiring", "52w"]).ok().out()),
        [] as [Value; 0]
    );

    import("never");
    assert_eq!(text(&one(&key), "KeyState"), "Enabled");
    assert_eq!(
        listed(&list(&["--expiring", "52w"]).ok().out()),
        [] as [Value; 0]
    );
    import("3d");
    let expires = one(&key)["KeyMaterialExpireUnix"].as_u64().unwrap();
    assert!((now() + 3 * DAY - 60..=now() + 3 * DAY).contains(&expires));
    list(&["--expiring", "2d"]).ok();
    assert_eq!(listed(&list(&["--expiring", "4d"]).status(3)).len(), 1);
    byok(&desk, &["disable", "k"]).ok();
    assert_eq!(text(&one(&key), "KeyState"), "Disabled");
    assert_eq!(listed(&list(&["--state", "disabled"]).ok().out()).len(), 1);
    byok(&desk, &["enable", "k"]).ok();
    assert_eq!(text(&one(&key), "KeyState"), "Enabled");
    byok(&desk, &["schedule-deletion", "k", "--yes", "--days", "8"]).ok();
    assert_eq!(text(&one(&key), "KeyState"), "PendingDeletion");
    assert_ne!(text(&one(&key), "DeleteDate"), "");
    list(&["--expiring", "4d"]).ok();
    byok(&desk, &["cancel-deletion", "k"]).ok();
    // With the material gone, a monitor hears of it before and after it was erased.
    byok(&desk, &["delete-material", "k", "--yes"]).ok();
    assert_eq!(text(&one(&key), "KeyState"), "PendingImport");
    assert_eq!(one(&key)["Bound"], true);
    let gone = listed(&list(&["--expiring", "1h"]).status(3));
    assert_eq!(text(&gone[0], "KeyId"), key);

    let table = unlogged(&desk, &["byok", "list"]).ok().out();
    assert!(table.contains(&key) && table.contains("--login"), "{table}");
    assert!(!table.contains("waiting"), "{table}");
    let describe = ["byok", "describe", &key];
    let nobody = [("TENON_PIN", "")];
    let out = desk.run_with(&nobody, &describe).ok().out();
    assert!(
        out.contains("PendingImport") && out.contains("--login"),
        "{out}"
    );
    let json = [&describe[..], &["--json"]].concat();
    let json = desk.run_with(&nobody, &json).ok().out();
    assert!(json.contains("\"AliasName\":null"), "{json}");
    // An alias is sealed, so it needs the PIN.
    desk.run_with(&nobody, &["byok", "describe", "k"])
        .refused(1, &["no user PIN"]);
    byok(&desk, &["describe", "k"]).ok();

    let slots = desk.run(&["slots", "--json"]).json();
    assert_eq!(text(&slots[0], "user_pin"), "set", "no wrong PIN was tried");
}

#[test]
fn a_monitor_without_a_pin_counts_older_versions() {
    let desk = desk();
    create(
        &desk,
        &["--spec", "AES_256", "--profile", "alibaba-software"],
    );
    let expiring = || unlogged(&desk, &["byok", "list", "--json", "--expiring", "30d"]);
    let import = |secret: &str, expires: &str| {
        let expires = ["--expires", expires];
        bring(&desk, secret, "RSAES_OAEP_SHA_256", &expires).ok();
    };
    import("secret.bin", "never");
    byok(&desk, &["rotate", "k"]).ok();
    desk.write("other.bin", [7; 32]);
    import("other.bin", "never");
    expiring().ok();
    import("secret.bin", "9d");
    let keys = listed(&expiring().status(3));
    assert_eq!(keys[0]["KeyMaterialExpireUnix"], 0);
    assert_eq!(keys[0]["OlderVersions"][0]["Live"], true);
    let end = &keys[0]["FirstEnd"];
    assert_eq!(
        (&end["Current"], &end["KeyVersion"]),
        (&false.into(), &Value::Null)
    );
    let older = &keys[0]["OlderVersions"][0];
    assert_eq!(end["KeyMaterialExpireUnix"], older["KeyMaterialExpireUnix"]);
    let known = metadata(&desk, &["describe", "k"]);
    assert_eq!(known["FirstEnd"]["KeyVersion"], 1);
    let id = text(&known, "KeyId").to_owned();
    for (login, whose) in [(&["--login"][..], "version 1"), (&[], "an older version")] {
        let words = format!("the material of {whose} expires ");
        let list = [&["byok", "list", "--expiring", "30d"], login].concat();
        let listed = desk.run(&list).status(3);
        assert!(listed.contains(&format!("never; {words}")), "{listed}");
        let pin = if login.is_empty() {
            [("TENON_PIN", "")].to_vec()
        } else {
            vec![]
        };
        let described = desk.run_with(&pin, &["byok", "describe", &id]).ok().out();
        assert!(described.contains(&words), "{described}");
    }
    let soon = now() + 10;
    import("secret.bin", &soon.to_string());
    pass(soon);
    for _ in 0..2 {
        let keys = listed(&expiring().status(3));
        assert_eq!(keys[0]["OlderVersions"][0]["Live"], false);
        assert_eq!(keys[0]["FirstEnd"]["Live"], false);
        byok(&desk, &["sweep"]).ok();
    }
}

/// What can do without a login does, whatever PIN is in the environment.
#[test]
fn a_pin_in_the_environment_makes_no_command_log_in() {
    let desk = desk();
    desk.run(&["keys", "generate", "--type", "ec:P-256", "--label", "web"])
        .ok();
    let wrong = [("TENON_PIN", "wrong"), ("TENON_SO_PIN", "wrong")];
    for command in [
        &["slots"][..],
        &["objects", "list"],
        &["objects", "show", "--label", "web"],
        &["export", "--label", "web"],
        &["audit", "list"],
        &["audit", "export"],
        &["clock", "show"],
        &["config"],
        &["random", "8"],
        &["byok", "list"],
        &["byok", "attestation-key"],
    ] {
        desk.run_with(&wrong, command).ok();
    }
    let slots = desk.run(&["slots", "--json"]).json();
    assert_eq!(
        (text(&slots[0], "user_pin"), text(&slots[0], "so_pin")),
        ("set", "set")
    );
    // What is found with a login alone uses it.
    desk.run(&["objects", "show", "--label", "web", "--type", "privkey"])
        .ok();
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
        let arguments = [&["byok", "list", "--json", "--login"], arguments].concat();
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
    let soon = now() + 10;
    bring(
        &desk,
        "secret.bin",
        "RSAES_OAEP_SHA_256",
        &["--expires", &soon.to_string()],
    )
    .ok();
    pass(soon);
    let sweep = ["byok", "sweep", "--json"];
    assert_eq!(desk.run(&sweep).json()["Materials"], 1);
    assert_eq!(desk.run(&sweep).json()["Materials"], 0);
    assert_eq!(state(&desk), "PendingImport");
    let expired = list(&["--expiring", "1h"]).status(3);
    assert_eq!(names(&serde_json::from_str(&expired).unwrap()), ["k"]);
}

/// Waits until that second is over: each command is a process of its own and reads the system's clock.
fn pass(second: u64) {
    while now() <= second {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}
