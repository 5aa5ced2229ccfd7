//! `tenon token delete`.

use std::fs;
use std::process::Stdio;

use super::common::{Desk, SO_PIN};

fn files(desk: &Desk) -> Vec<String> {
    let entries = fs::read_dir(desk.path("tokens")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_token_goes_with_all_its_files_and_no_other() {
    let desk = Desk::new();
    desk.run(&["init", "--label", "other"]).ok();
    desk.run(&[
        "keys", "generate", "--type", "aes:256", "--label", "k", "--token", "desk",
    ])
    .ok();
    desk.run(&["token", "delete", "--token", "desk"]).refused(
        1,
        &["The token desk", "with 1 object will", "No PIN", "--yes"],
    );
    desk.run(&["token", "delete", "--yes"])
        .refused(1, &["more than one token"]);
    let gone = desk.run(&["token", "delete", "--token", "desk", "--yes", "--json"]);
    assert_eq!(gone.json()["deleted"], true);
    let left = files(&desk);
    assert!(
        left.iter().all(|name| name.starts_with("slot-0001.")),
        "{left:?}"
    );
    let slots = desk.run(&["slots"]).ok().out();
    assert!(
        slots.contains("other") && !slots.contains("desk"),
        "{slots}"
    );
    desk.run(&["init", "--label", "desk"]).ok();
}

#[test]
fn a_token_with_both_pins_locked_and_one_that_is_no_token_go() {
    let desk = Desk::new();
    for _ in 0..10 {
        let wrong = [("TENON_PIN", "wrong"), ("TENON_SO_PIN", "wrong")];
        desk.run_with(&wrong, &["objects", "list", "--login"])
            .refused(1, &[]);
        desk.run_with(&wrong, &["pin", "unlock"]).refused(1, &[]);
    }
    let new = [("TENON_SO_PIN", SO_PIN), ("TENON_NEW_PIN", "fresh-1")];
    desk.run_with(&new, &["pin", "unlock"]).refused(
        1,
        &[
            "CKR_PIN_LOCKED",
            "officer's PIN for good",
            "tenon token delete",
        ],
    );
    desk.run(&["token", "delete", "--yes"]).ok();
    assert_eq!(files(&desk), Vec::<String>::new());

    desk.write("tokens/slot-0002.tenon", "no database");
    desk.run(&["token", "delete", "--slot", "2"])
        .refused(1, &["slot 2, which cannot be read"]);
    desk.run(&["token", "delete", "--slot", "2", "--yes"])
        .warned(&["slot-0002.tenon"]);
    assert_eq!(files(&desk), Vec::<String>::new());
    desk.run(&["token", "delete", "--slot", "2", "--yes"])
        .refused(1, &["there is no token"]);
}

#[test]
fn a_token_in_use_stays() {
    let desk = Desk::new();
    // Waits for its PIN on standard input with the token open.
    let mut user = desk
        .command(&["objects", "list", "--pin-file", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let delete = ["token", "delete", "--yes"];
    let lock = || fs::read_to_string("/proc/locks").unwrap();
    while !lock().contains(&format!(" {} ", user.id())) {
        std::thread::yield_now();
    }
    let process = format!("process {} has the token", user.id());
    desk.run(&delete)
        .refused(1, &["CKR_SESSION_EXISTS", &process]);
    assert!(files(&desk).contains(&"slot-0000.tenon".to_owned()));
    drop(user.stdin.take());
    user.wait().unwrap();
    desk.run(&delete).ok();
}

#[test]
fn what_is_left_of_a_token_is_removed_once_nobody_has_it_open() {
    let desk = Desk::new();
    let file = desk.path("tokens/slot-0000.tenon");
    // As a process has it that uses the token.
    let user = rusqlite::Connection::open(&file).unwrap();
    let rows = user.query_row("SELECT count(*) FROM meta", [], |row| row.get::<_, i64>(0));
    assert!(rows.unwrap() > 0);
    fs::rename(&file, desk.path("away")).unwrap();
    let delete = ["token", "delete", "--slot", "0", "--yes"];
    let process = format!("process {} has the token", std::process::id());
    desk.run(&delete)
        .refused(1, &["CKR_SESSION_EXISTS", &process]);
    assert!(files(&desk).contains(&"slot-0000.gen".to_owned()));
    drop(user);
    desk.run(&delete).warned(&["file is missing"]);
    assert_eq!(files(&desk), Vec::<String>::new());
    desk.run(&["init", "--label", "desk", "--if-missing"]).ok();
}
