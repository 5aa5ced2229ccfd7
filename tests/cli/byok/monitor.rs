//! The list, as a monitor asks for it.

use serde_json::Value;

use super::common::{DAY, bring, byok, create, desk, now, state};
use crate::cli::common::text;

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
    let sweep = ["byok", "sweep", "--json"];
    assert_eq!(desk.run(&sweep).json()["Materials"], 1);
    assert_eq!(desk.run(&sweep).json()["Materials"], 0);
    assert_eq!(state(&desk), "PendingImport");
    let expired = list(&["--expiring", "1h"]).status(3);
    assert_eq!(names(&serde_json::from_str(&expired).unwrap()), ["k"]);
}
