//! `tenon audit`: listed, verified, exported.

use serde_json::Value;

use super::common::{Desk, text};

/// A token with a key that was made, and one that was made and deleted.
fn busy() -> Desk {
    let desk = Desk::new();
    for label in ["kept", "gone"] {
        desk.run(&["keys", "generate", "--type", "aes:256", "--label", label])
            .ok();
    }
    desk.run(&["objects", "delete", "--label", "gone", "--yes"])
        .ok();
    desk
}

fn list(desk: &Desk, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["audit", "list", "--json", "--login"], arguments].concat();
    desk.run(&arguments).json().as_array().unwrap().clone()
}

fn events(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| text(record, "event")).collect()
}

#[test]
fn records_are_listed_and_selected() {
    let desk = busy();
    let all = list(&desk, &[]);
    assert_eq!(
        events(&all),
        ["init-token", "init-pin", "generate", "generate", "destroy"]
    );
    let made = &all[3];
    assert_eq!(
        (text(made, "role"), text(made, "result")),
        ("user", "CKR_OK")
    );
    assert_eq!(text(made, "mechanism"), "CKM_AES_KEY_GEN");
    let object = &made["objects"][0];
    assert_eq!(
        (text(object, "class"), text(object, "label")),
        ("secrkey", "gone")
    );
    let of_one = list(&desk, &["--object", text(object, "unique_id")]);
    assert_eq!(events(&of_one), ["generate", "destroy"]);
    assert_eq!(
        events(&list(&desk, &["--limit", "2"])),
        ["generate", "destroy"]
    );
    assert_eq!(list(&desk, &["--since", "1h"]).len(), 5);
    assert_eq!(list(&desk, &["--since", "9999-12-31"]), [] as [Value; 0]);
    let table = desk.run(&["audit", "list", "--login"]).ok().out();
    assert!(table.starts_with("RECORD  TIME"), "{table}");
    assert!(table.contains("\"kept\""), "{table}");
    for bad in [
        ["--object", "0102"],
        ["--since", "yesterday"],
        ["--limit", "x"],
    ] {
        let arguments = [&["audit", "list"], &bad[..]].concat();
        desk.run(&arguments).refused(2, &[bad[1]]);
    }
}

#[test]
fn without_a_login_labels_are_not_shown() {
    let desk = busy();
    let nobody = [("TENON_PIN", "")];
    let list = desk.run_with(&nobody, &["audit", "list", "--json"]).json();
    assert_eq!(list.as_array().unwrap().len(), 5);
    assert!(list[3]["objects"][0]["label"].is_null());
    let out = desk.run_with(&nobody, &["audit", "export"]).ok().out();
    assert!(!out.contains("kept"), "{out}");
    desk.run_with(&nobody, &["audit", "verify"])
        .refused(1, &["no user PIN"]);
    let officers = desk.run_with(&nobody, &["audit", "list", "--so", "--json"]);
    assert_eq!(text(&officers.json()[3]["objects"][0], "label"), "gone");
}

#[test]
fn refused_logins_are_there() {
    let desk = Desk::new();
    desk.run_with(&[("TENON_PIN", "wrong")], &["objects", "list", "--login"])
        .refused(1, &[]);
    let refused = list(&desk, &[]).pop().unwrap();
    assert_eq!(text(&refused, "event"), "login-refused");
    assert_eq!(text(&refused, "role"), "user");
    assert_eq!(text(&refused, "result"), "CKR_PIN_INCORRECT");
}

#[test]
fn every_record_is_exported_and_an_export_goes_on() {
    let desk = busy();
    let out = desk.run(&["audit", "export", "--login"]).ok().out();
    let lines: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, list(&desk, &[]));
    let rest = desk.run(&["audit", "export", "--after", "3"]).ok().out();
    assert_eq!(rest.lines().count(), 2);
    let none = desk.run(&["audit", "export", "--after", "5"]).ok().out();
    assert_eq!(none, "");
}

#[test]
fn verifying_has_an_exit_status() {
    let desk = busy();
    let verified = desk.run(&["audit", "verify", "--json"]).json();
    assert_eq!(
        (&verified["records"], &verified["objects"]),
        (&5.into(), &1.into())
    );
    desk.run(&["audit", "verify", "--so"]).ok();
    let conn = rusqlite::Connection::open(desk.path("tokens/slot-0000.tenon")).unwrap();
    conn.execute_batch("UPDATE audit SET record = x'01' WHERE seq = 4")
        .unwrap();
    drop(conn);
    desk.run(&["audit", "verify"])
        .refused(1, &["audit record 4"]);
}

#[test]
fn uses_are_recorded_on_demand() {
    let desk = busy();
    let wanted = [("TENON_AUDIT_USE", "true")];
    desk.run_with(&wanted, &["objects", "list", "--login"]).ok();
    assert_eq!(text(&list(&desk, &[]).pop().unwrap(), "event"), "login");
}

#[test]
fn records_are_archived_and_the_archives_are_checked_and_read() {
    let desk = busy();
    let archived = desk
        .run(&["audit", "archive", "old.audit", "--json"])
        .json();
    assert_eq!(
        (&archived["records"], &archived["up_to"]),
        (&4.into(), &4.into())
    );
    let digest = sha256(&desk.path("old.audit"));
    assert_eq!(text(&archived, "sha256"), digest);
    let left = list(&desk, &[]);
    assert_eq!(events(&left), ["destroy", "archive"]);
    assert_eq!(
        (&left[1]["archived"], text(&left[1], "sha256")),
        (&4.into(), digest.as_str())
    );
    let verified = desk.run(&["audit", "verify"]).ok().out();
    assert!(
        verified.contains("Records 1 to 4 are in archives"),
        "{verified}"
    );
    let verify = ["audit", "verify", "--archive", "old.audit", "--json"];
    let verified = desk.run(&verify).json();
    assert_eq!(verified["archives"]["last"], 4);
    let out = desk
        .run(&["audit", "export", "--archive", "old.audit", "--after", "2"])
        .ok()
        .out();
    assert_eq!(out.lines().count(), 2);
    assert!(out.contains("\"kept\""), "labels are open: {out}");
    let again = desk.run(&["audit", "archive", "old.audit"]).ok().out();
    assert!(
        again.starts_with("Moved 1 records, up to record 5"),
        "{again}"
    );
    let nobody = [("TENON_PIN", "")];
    desk.run_with(&nobody, &["audit", "archive", "x"])
        .refused(1, &["no user PIN"]);
    desk.write("other", "not an archive");
    desk.run(&["audit", "archive", "other"])
        .refused(1, &["no archive of audit records"]);
    desk.run(&["audit", "verify", "--archive", "other"])
        .refused(1, &["no archive of audit records"]);
}

fn sha256(file: &std::path::Path) -> String {
    let bytes = std::fs::read(file).unwrap();
    let digest = tenon_pkcs11::api::crypto::hash::Hash::Sha256.digest(&[&bytes]);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
