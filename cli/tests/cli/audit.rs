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
    let records: Vec<_> = lines.iter().map(|line| line["tenon"].clone()).collect();
    assert_eq!(records, list(&desk, &[]));
    let made = &lines[2];
    assert_eq!(made["event"]["action"], "generate");
    assert_eq!(made["event"]["outcome"], "success");
    assert_eq!(made["event"]["sequence"], 3);
    assert_eq!(made["@timestamp"], made["tenon"]["utc"]);
    assert_eq!(
        made["observer"]["serial_number"],
        desk.run(&["slots", "--json"]).json()[0]["serial"]
    );
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

#[test]
fn an_export_that_follows_tells_of_later_records() {
    use std::io::{BufRead, BufReader};
    let desk = Desk::new();
    let mut follow = desk
        .command(&["audit", "export", "--follow"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let mut last = next();
    desk.run(&["keys", "generate", "--type", "aes:128", "--label", "later"])
        .ok();
    while last["tenon"]["mechanism"] != "CKM_AES_KEY_GEN" {
        last = next();
    }
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn a_record_says_which_program_of_whom_did_it_and_for_whom() {
    let desk = Desk::new();
    let mut generate = desk.command(&["keys", "generate", "--type", "aes:128", "--label", "k"]);
    let child = generate
        .env("TENON_ACTOR", "payroll job 7")
        .spawn()
        .unwrap();
    let pid = child.id();
    assert!(child.wait_with_output().unwrap().status.success());
    let record = list(&desk, &[]).pop().unwrap();
    let user = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap());
    assert_eq!(
        (&record["pid"], &record["uid"]),
        (&pid.into(), &user.into())
    );
    assert_eq!(text(&record, "program"), env!("CARGO_BIN_EXE_tenon"));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(text(&record, "host"), host.trim());
    assert_eq!(text(&record, "actor"), "payroll job 7");
    assert!(record["session"].is_null(), "the program makes no C call");
    let out = desk.run(&["audit", "export"]).ok().out();
    let line: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(line["process"]["pid"], pid);
    assert_eq!(line["user"]["id"], user.to_string());
    assert_eq!(line["host"]["name"], host.trim());
    assert_eq!(line["labels"]["actor"], "payroll job 7");
    let table = desk.run(&["audit", "list"]).ok().out();
    let client = format!(
        "tenon[{pid}] by {user} on {} for payroll job 7",
        host.trim()
    );
    assert!(table.contains(&client), "{table}");
    desk.run_with(&[("TENON_ACTOR", "two\nlines")], &["slots"])
        .refused(1, &["TENON_ACTOR", "control characters"]);
}

#[test]
fn records_go_to_syslog_and_the_next_export_goes_on() {
    use std::os::unix::net::UnixDatagram;
    let desk = busy();
    let daemon = UnixDatagram::bind(desk.path("log")).unwrap();
    let send = ["audit", "export", "--syslog=log", "--cursor-file", "cursor"];
    let received = || {
        let mut buffer = vec![0; 1 << 16];
        let len = daemon.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    };
    assert_eq!(desk.run(&send).ok().out(), "");
    for sequence in 1..=5 {
        let line = received();
        let (head, record) = line.split_once(": ").unwrap();
        assert!(head.starts_with("<85>tenon["), "{head}");
        let record: Value = serde_json::from_str(record).unwrap();
        assert_eq!(record["event"]["sequence"], sequence);
    }
    assert_eq!(std::fs::read_to_string(desk.path("cursor")).unwrap(), "5\n");
    desk.run_with(&[("TENON_PIN", "wrong")], &["objects", "list", "--login"])
        .refused(1, &[]);
    desk.run(&send).ok();
    let line = received();
    assert!(
        line.starts_with("<84>tenon["),
        "a refusal is a warning: {line}"
    );
    assert!(
        line.contains("login-refused") && line.contains("\"failure\""),
        "{line}"
    );
    daemon.set_nonblocking(true).unwrap();
    assert!(daemon.recv(&mut [0; 16]).is_err(), "no record comes twice");
    desk.write("cursor", "none");
    desk.run(&send).refused(1, &["no number of a record"]);
}

#[test]
fn a_signed_export_is_checked_without_the_token() {
    let desk = busy();
    desk.run(&["byok", "attestation-key", "--output", "kept.pem"])
        .ok();
    let export = ["audit", "export", "--statement", "signed.json"];
    let out = desk.run(&export).ok().out();
    desk.write("export", &out);
    desk.run(&export).refused(1, &["signed.json"]);
    let check = [
        "audit",
        "check-export",
        "export",
        "--statement",
        "signed.json",
        "--attestation-key",
        "kept.pem",
    ];
    let nowhere = [
        ("TENON_DIRECTORIES_TOKENDIR", "/nowhere"),
        ("TENON_PIN", ""),
    ];
    let said = desk.run_with(&nowhere, &check).ok().out();
    assert!(said.starts_with("Records 1 to 5 of the token "), "{said}");
    desk.write("export", out.replacen("\"generate\"", "\"destroy\"", 1));
    desk.run_with(&nowhere, &check)
        .refused(1, &["the SHA-256 of the export is another one"]);
    desk.write("export", &out);
    desk.run(&["byok", "attestation-key", "--output", "other.pem"])
        .ok();
    let other = Desk::new();
    other
        .run(&["byok", "attestation-key", "--output", "key.pem"])
        .ok();
    desk.write("kept.pem", std::fs::read(other.path("key.pem")).unwrap());
    desk.run_with(&nowhere, &check)
        .refused(1, &["not by the attestation key"]);
}
