//! `tenon doctor`: what is wrong with a token, or that nothing is.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use super::common::{Desk, flat, text};

/// A token with two keys, and a backup of it.
fn with_keys() -> Desk {
    let desk = Desk::new();
    for label in ["one", "two"] {
        desk.run(&["keys", "generate", "--type", "aes:256", "--label", label])
            .ok();
    }
    desk.run(&["backup", "backup"]).ok();
    desk
}

fn sql(desk: &Desk, statements: &str) {
    let conn = rusqlite::Connection::open(desk.path("tokens/slot-0000.tenon")).unwrap();
    conn.execute_batch(statements).unwrap();
}

/// What was examined: each check with its state, of machine and tokens one after the other.
fn states(answer: &Value) -> Vec<(String, String)> {
    let examined = answer.as_array().unwrap().iter();
    examined
        .flat_map(|one| one["checks"].as_array().unwrap())
        .map(|check| {
            (
                text(check, "check").to_owned(),
                text(check, "state").to_owned(),
            )
        })
        .collect()
}

/// The one check that is not ok: its name, state, what was found, and what to do.
#[track_caller]
fn complaint(desk: &Desk, status: i32, arguments: &[&str]) -> [String; 4] {
    let arguments = [&["doctor", "--json"], arguments].concat();
    let answer: Value = serde_json::from_str(&desk.run(&arguments).with_status(status)).unwrap();
    let examined = answer.as_array().unwrap().iter();
    let mut complaints: Vec<_> = examined
        .flat_map(|one| one["checks"].as_array().unwrap())
        .filter(|check| text(check, "state") != "ok")
        .collect();
    let first = complaints.remove(0);
    ["check", "state", "found", "advice"].map(|name| text(first, name).to_owned())
}

#[test]
fn a_healthy_token_is_ok_in_every_line() {
    let desk = with_keys();
    let answer = desk.run(&["doctor", "--json"]).json();
    let states = states(&answer);
    assert!(states.iter().all(|(_, state)| state == "ok"), "{states:?}");
    for check in [
        "folder",
        "file system",
        "free space",
        "locked memory",
        "file",
        "log (-wal)",
        "counter (.gen)",
        "reserve",
        "opening",
        "SO PIN",
        "user PIN",
        "clock",
        "anchor",
        "SQLite's check",
        "backup",
        "expiring keys",
        "login",
        "objects",
        "record and index",
    ] {
        assert!(states.iter().any(|(known, _)| known == check), "no {check}");
    }
    let people = desk.run(&["doctor"]).ok().out();
    assert!(people.contains("Slot 0: desk"), "{people}");
    desk.run(&["doctor", "--so"]).ok();
    assert_eq!(
        desk.run(&["audit", "list", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn without_a_pin_it_says_what_is_left_out() {
    let desk = with_keys();
    let out = desk.run_with(&[("TENON_PIN", "")], &["doctor"]).ok().out();
    assert!(out.contains("left out") && out.contains("no PIN"), "{out}");
    assert!(out.contains("SQLite's check"), "{out}");
}

#[test]
fn objects_that_were_put_back_are_named() {
    let desk = with_keys();
    let file = desk.path("tokens/slot-0000.tenon");
    let copy = desk.path("copy");
    fs::copy(&file, &copy).unwrap();
    desk.run(&["objects", "delete", "--label", "one", "--yes"])
        .ok();
    sql(
        &desk,
        &format!(
            "PRAGMA foreign_keys = OFF; ATTACH '{}' AS copy; \
             INSERT OR IGNORE INTO main.object SELECT * FROM copy.object; \
             INSERT OR IGNORE INTO main.material SELECT * FROM copy.material; \
             INSERT OR IGNORE INTO main.posting SELECT * FROM copy.posting;",
            copy.display()
        ),
    );
    let [check, state, found, advice] = complaint(&desk, 1, &[]);
    assert_eq!((&*check, &*state), ("objects", "failed"));
    assert!(found.contains("is there again"), "{found}");
    assert!(advice.contains("whole copy"), "{advice}");
}

#[test]
fn a_wrong_index_is_found() {
    let desk = with_keys();
    sql(&desk, "UPDATE posting SET object = 3 - object");
    let [check, state, found, _] = complaint(&desk, 1, &["--token", "desk"]);
    assert_eq!((&*check, &*state), ("record and index", "failed"));
    assert!(found.contains("search index"), "{found}");

    let desk = with_keys();
    sql(
        &desk,
        "PRAGMA foreign_keys = OFF; INSERT INTO posting VALUES (zeroblob(16), 77)",
    );
    let [check, _, found, _] = complaint(&desk, 1, &["--slot", "0"]);
    assert_eq!(check, "SQLite's check");
    assert!(found.contains("belongs to no object"), "{found}");
}

#[test]
fn a_token_that_cannot_be_opened_is_shown_with_the_reason() {
    let desk = with_keys();
    desk.write("tokens/slot-0003.tenon", "no token at all");
    let [_, state, ..] = complaint(&desk, 1, &["--slot", "3"]);
    assert_eq!(state, "failed");
    let out = flat(&desk.run(&["doctor"]).with_status(1));
    assert!(out.contains("Slot 3: (unreadable)"), "{out}");
    assert!(out.contains("not a token store"), "{out}");
    // The PIN is that of the one token that can be opened.
    assert!(out.contains("the PIN is right"), "{out}");

    let file = desk.path("tokens/slot-0000.tenon");
    let elsewhere = desk.path("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    let [check, _, found, _] = complaint(&desk, 1, &["--slot", "0"]);
    assert_eq!(check, "file");
    assert!(found.contains("symbolic link"), "{found}");
}

#[test]
fn rights_pins_and_what_lies_beside_the_file_are_looked_at() {
    let desk = with_keys();
    let file = desk.path("tokens/slot-0000.tenon");
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    let [check, state, ..] = complaint(&desk, 0, &[]);
    assert_eq!((&*check, &*state), ("file", "warning"));
    fs::set_permissions(&file, Permissions::from_mode(0o604)).unwrap();
    let [check, state, ..] = complaint(&desk, 1, &[]);
    assert_eq!((&*check, &*state), ("file", "failed"));
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();

    let wrong = [("TENON_PIN", "wrong")];
    let out = desk.run_with(&wrong, &["doctor"]).with_status(1);
    assert!(out.contains("CKR_PIN_INCORRECT"), "{out}");
    let out = desk.run_with(&[("TENON_PIN", "")], &["doctor"]).ok().out();
    assert!(out.contains("wrong tries since"), "{out}");
    let out = desk.run(&["doctor"]).ok().out();
    assert!(out.contains("it is not tried again"), "{out}");
    let out = desk.run(&["doctor", "--login"]).ok().out();
    assert!(out.contains("wrong tries since"), "as it was found: {out}");
    let out = desk.run(&["doctor"]).ok().out();
    assert!(!out.contains("wrong tries since"), "{out}");
}

#[test]
fn a_missing_backup_and_a_near_expiry_are_warnings() {
    let desk = Desk::new();
    let [check, state, found, advice] = complaint(&desk, 0, &[]);
    assert_eq!(
        (&*check, &*state, &*found),
        ("backup", "warning", "none was made")
    );
    assert!(advice.contains("tenon backup"), "{advice}");
    let metrics = desk.run(&["metrics"]).ok().out();
    assert!(
        !metrics.contains("tenon_last_backup_timestamp_seconds{"),
        "{metrics}"
    );
    desk.run(&["backup", "first"]).ok();
    let metrics = desk.run(&["metrics"]).ok().out();
    assert!(
        metrics.contains("tenon_last_backup_timestamp_seconds{"),
        "{metrics}"
    );
    // A backup does not know of itself: what is restored says when the one before was made.
    let conn = rusqlite::Connection::open(desk.path("first")).unwrap();
    let noted = "SELECT count(*) FROM meta WHERE name = 'backup'";
    let noted: i64 = conn.query_row(noted, [], |row| row.get(0)).unwrap();
    assert_eq!(noted, 0);
    sql(
        &desk,
        "UPDATE meta SET value = x'0000000050000000' WHERE name = 'backup'",
    );
    let [check, state, found, _] = complaint(&desk, 0, &[]);
    assert_eq!((&*check, &*state), ("backup", "warning"));
    assert!(found.starts_with("2012-07-13T"), "{found}");

    let desk = with_keys();
    desk.run(&["byok", "create", "--alias", "ending", "--spec", "AES_256"])
        .ok();
    desk.run(&["byok", "parameters", "ending"]).ok();
    desk.write("key", [7; 32]);
    let folder = fs::read_dir(&desk.folder).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<_> = names.collect();
    let named = |start: &str, end: &str| {
        let mut fitting = names
            .iter()
            .filter(|name| name.starts_with(start) && name.ends_with(end));
        fitting.next().unwrap().clone()
    };
    let (public, token) = (named("publickey_", ".pem"), named("token_", ".txt"));
    desk.run(&[
        "byok",
        "wrap",
        "key",
        "--public-key",
        &public,
        "--algorithm",
        "RSAES_OAEP_SHA_256",
        "--output",
        "blob",
    ])
    .ok();
    desk.run(&[
        "byok",
        "import",
        "ending",
        "blob",
        "--import-token",
        &token,
        "--expires",
        "3d",
    ])
    .ok();
    let [check, state, found, _] = complaint(&desk, 0, &[]);
    assert_eq!((&*check, &*state), ("expiring keys", "warning"));
    assert!(found.starts_with("1 within 7 d, the first at "), "{found}");
}

#[test]
fn a_pin_is_tried_at_one_token_alone() {
    let desk = with_keys();
    let other = [("TENON_PIN", "another-pin")];
    desk.run_with(&other, &["init", "--label", "second"]).ok();
    let out = desk.run(&["doctor"]).ok().out();
    assert!(out.contains("several tokens"), "{out}");
    let out = desk.run(&["doctor", "--token", "desk"]).ok().out();
    assert!(
        out.contains("the PIN is right") && !out.contains("Slot 1"),
        "{out}"
    );
    let nobody = [("TENON_PIN", "")];
    for slot in ["0", "1"] {
        let list = desk.run_with(&nobody, &["audit", "list", "--slot", slot]);
        let list = list.ok().out();
        assert!(!list.contains("login-refused"), "{list}");
    }
}

#[test]
fn rights_of_the_folder_stray_files_locked_pins_and_an_older_copy_are_seen() {
    let desk = with_keys();
    let folder = desk.path("tokens");
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let [check, state, found, advice] = complaint(&desk, 1, &[]);
    assert_eq!((&*check, &*state), ("folder", "failed"));
    assert!(found.contains("open to every user"), "{found}");
    assert!(advice.contains("chmod o-rwx"), "{advice}");
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();

    desk.write("tokens/slot-7.tenon", "");
    let [check, state, found, _] = complaint(&desk, 0, &[]);
    assert_eq!(
        (&*check, &*state, &*found),
        ("other files", "warning", "slot-7.tenon")
    );
    fs::remove_file(desk.path("tokens/slot-7.tenon")).unwrap();

    fs::create_dir(desk.path("anchors")).unwrap();
    let anchors = desk.path("anchors");
    let anchored = [("TENON_STORE_ANCHOR", anchors.to_str().unwrap())];
    let file = desk.path("tokens/slot-0000.tenon");
    fs::copy(&file, desk.path("older")).unwrap();
    let more = ["keys", "generate", "--type", "aes:256", "--label", "three"];
    desk.run_with(&anchored, &more).ok();
    fs::copy(desk.path("older"), &file).unwrap();
    let out = flat(&desk.run_with(&anchored, &["doctor"]).with_status(1));
    assert!(out.contains("an older copy was put back"), "{out}");
    assert!(out.contains("before you accept it"), "{out}");

    for _ in 0..10 {
        desk.run_with(&[("TENON_PIN", "wrong")], &["objects", "list", "--login"])
            .refused(1, &[]);
    }
    let [check, state, ..] = complaint(&desk, 1, &["--login"]);
    assert_eq!((&*check, &*state), ("user PIN", "failed"));
    let out = flat(&desk.run(&["doctor", "--login"]).with_status(1));
    assert!(out.contains("tenon pin unlock"), "{out}");
    assert!(!out.contains("give the right PIN"), "{out}");
}
