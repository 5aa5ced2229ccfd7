//! PINs: wrong, changed, locked, unlocked.

use super::common::{Answer, Desk, PIN, text};

fn pin_state(desk: &Desk) -> String {
    let slots = desk.run(&["slots", "--json"]).json();
    text(&slots[0], "user_pin").to_owned()
}

#[test]
fn a_wrong_pin_is_counted_and_said() {
    let desk = Desk::new();
    desk.run_with(&[("TENON_PIN", "wrong")], &["objects", "list", "--login"])
        .refused(1, &["CKR_PIN_INCORRECT", "tenon slots"]);
    assert_eq!(pin_state(&desk), "wrong tries");
    let slots = desk.run(&["slots", "--json"]).json();
    assert_eq!(slots[0]["user_pin_tries_left"], 9);
    assert_eq!(slots[0]["so_pin_tries_left"], 10);
    let slots = desk.run(&["slots"]).ok().out();
    assert!(slots.contains("wrong tries (9 left)"), "{slots}");
    assert!(slots.contains("set (10 left)"), "{slots}");
    desk.run(&["objects", "list", "--login"]).ok();
    assert_eq!(pin_state(&desk), "set");
}

#[test]
fn the_user_changes_the_pin() {
    let desk = Desk::new();
    let new = [("TENON_NEW_PIN", "another-1")];
    let told = desk.run_with(&new, &["pin", "change"]).ok().out();
    assert!(
        told.starts_with("Token desk has a new user PIN: slot 0, serial number "),
        "{told}"
    );
    desk.run(&["objects", "list", "--login"])
        .refused(1, &["CKR_PIN_INCORRECT"]);
    let another = [("TENON_PIN", "another-1")];
    desk.run_with(&another, &["objects", "list", "--login"])
        .ok();
    desk.write("old", "another-1");
    desk.write("new", PIN);
    let files = [
        "pin",
        "change",
        "--pin-file",
        "old",
        "--new-pin-file",
        "new",
    ];
    desk.run(&files).ok();
    desk.run(&["objects", "list", "--login"]).ok();
    desk.run_with(&[("TENON_NEW_PIN", "abc")], &["pin", "change"])
        .refused(1, &["CKR_PIN_LEN_RANGE", "pin.min_length"]);
}

#[test]
fn the_officer_changes_their_own_and_unlocks_the_users() {
    let desk = Desk::new();
    desk.run_with(&[("TENON_NEW_PIN", "so-new-1")], &["pin", "change", "--so"])
        .ok();
    for _ in 0..10 {
        let wrong = [("TENON_PIN", "wrong")];
        desk.run_with(&wrong, &["objects", "list", "--login"])
            .refused(1, &[]);
    }
    assert_eq!(pin_state(&desk), "locked");
    desk.run(&["objects", "list", "--login"])
        .refused(1, &["CKR_PIN_LOCKED", "tenon pin unlock"]);
    let old = [("TENON_NEW_PIN", "fresh-1")];
    desk.run_with(&old, &["pin", "unlock"])
        .refused(1, &["CKR_PIN_INCORRECT"]);
    let right = [("TENON_SO_PIN", "so-new-1"), ("TENON_NEW_PIN", "fresh-1")];
    let told = desk.run_with(&right, &["pin", "unlock", "--json"]).json();
    assert_eq!(
        (&told["label"], &told["new_pin"]),
        (&"desk".into(), &"user".into())
    );
    assert_eq!(pin_state(&desk), "set");
    desk.run_with(&[("TENON_PIN", "fresh-1")], &["objects", "list", "--login"])
        .ok();
    let both = [("TENON_SO_PIN", "so-new-1"), ("TENON_NEW_PIN", "so-new-1")];
    desk.run_with(&both, &["pin", "unlock"])
        .warned(&["SO PIN and the user PIN are the same"]);
    let init = [("TENON_SO_PIN", "one-pin"), ("TENON_PIN", "one-pin")];
    desk.run_with(&init, &["init", "--label", "second"])
        .warned(&["SO PIN and the user PIN are the same", "pin change --so"]);
}

/// A job that runs again and again with a PIN that is no longer right.
#[test]
fn doctor_tries_a_wrong_pin_of_the_environment_once() {
    let desk = Desk::new();
    for _ in 0..12 {
        let mut doctor = desk.command(&["doctor"]);
        Answer::of(doctor.env("TENON_PIN", "stale-pin"));
    }
    let slots = desk.run(&["slots", "--json"]).json();
    assert_eq!(slots[0]["user_pin_tries_left"], 9);
    let mut asked = desk.command(&["doctor", "--login"]);
    Answer::of(asked.env("TENON_PIN", "stale-pin"));
    assert_eq!(
        desk.run(&["slots", "--json"]).json()[0]["user_pin_tries_left"],
        8
    );
}

/// A secret that is not mounted yet: the message says where it should have been.
#[test]
fn an_empty_pin_is_no_guess() {
    let desk = Desk::new();
    for content in ["", "\n", "   \n", "\u{FEFF}\n", "\t\r\n"] {
        desk.write("empty", content);
        for _ in 0..3 {
            desk.run(&["objects", "list", "--pin-file", "empty"])
                .refused(1, &["no user PIN", "first line of empty is empty or blank"]);
        }
    }
    for (variable, command) in [
        ("TENON_PIN", &["pin", "change"][..]),
        ("TENON_PIN", &["objects", "list", "--login"]),
        ("TENON_SO_PIN", &["pin", "unlock"]),
        ("TENON_NEW_PIN", &["pin", "change"]),
        ("TENON_PIN", &["init", "--label", "other"]),
    ] {
        let mut empty = desk.command(command);
        let said = format!("${variable} is empty or blank");
        Answer::of(empty.env(variable, "")).refused(1, &[&said]);
    }
    assert_eq!(pin_state(&desk), "set");
    let slots = desk.run(&["slots", "--json"]).json();
    assert_eq!(slots[0]["so_pin_tries_left"], 10);
}

#[test]
fn the_limit_is_a_setting() {
    let desk = Desk::new();
    let strict = [("TENON_PIN_RETRIES", "3"), ("TENON_PIN", "wrong")];
    for _ in 0..3 {
        desk.run_with(&strict, &["objects", "list", "--login"])
            .refused(1, &["CKR_PIN_INCORRECT"]);
    }
    desk.run_with(&strict, &["objects", "list", "--login"])
        .refused(1, &["CKR_PIN_LOCKED"]);
    desk.run(&["objects", "list", "--login"]).ok();
    for bad in ["2", "101", "many"] {
        desk.run_with(&[("TENON_PIN_RETRIES", bad)], &["slots"])
            .refused(1, &["pin.retries"]);
    }
}
