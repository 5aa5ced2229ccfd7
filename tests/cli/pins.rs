//! PINs: wrong, changed, locked, unlocked.

use super::common::{Desk, PIN, text};

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
    desk.run(&["objects", "list", "--login"]).ok();
    assert_eq!(pin_state(&desk), "set");
}

#[test]
fn the_user_changes_the_pin() {
    let desk = Desk::new();
    let new = [("TENON_NEW_PIN", "another-1")];
    desk.run_with(&new, &["pin", "change"]).ok();
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
    desk.run_with(&right, &["pin", "unlock"]).ok();
    assert_eq!(pin_state(&desk), "set");
    desk.run_with(&[("TENON_PIN", "fresh-1")], &["objects", "list", "--login"])
        .ok();
}
