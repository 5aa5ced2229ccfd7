//! Tokens: made, listed, chosen.

use super::common::{Desk, text};

#[test]
fn a_token_is_made_once() {
    let desk = Desk::empty();
    let made = desk.run(&["init", "--label", "a", "--json"]).json();
    assert_eq!((&made["slot"], &made["created"]), (&0.into(), &true.into()));
    let init = ["init", "--label", "a"];
    desk.run(&init).refused(1, &["slot 0 already has a token"]);
    let again = desk.run(&["init", "--label", "a", "--if-missing", "--json"]);
    let again = again.json();
    assert_eq!(again["created"], false);
    assert_eq!(again["serial"], made["serial"]);
    desk.run(&["init", "--label", "b", "--slot", "0"])
        .refused(1, &["not erased"]);
    desk.run(&["init"]).refused(2, &["--label"]);
}

#[test]
fn the_attestation_key_is_written_once() {
    let desk = Desk::empty();
    let init = ["init", "--label", "a", "--attestation-key", "key.pem"];
    desk.run(&init).ok();
    let key = std::fs::read_to_string(desk.path("key.pem")).unwrap();
    assert!(key.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{key}");
    let again = ["init", "--label", "a", "--if-missing", "--attestation-key"];
    desk.run(&[&again[..], &["again.pem"]].concat()).ok();
    assert_eq!(
        std::fs::read_to_string(desk.path("again.pem")).unwrap(),
        key
    );
    desk.run(&[&again[..], &["key.pem"]].concat())
        .refused(1, &["key.pem is there already"]);
    let other = ["init", "--label", "b", "--attestation-key", "key.pem"];
    desk.run(&other).refused(1, &["key.pem is there already"]);
    let slots = desk.run(&["slots", "--json"]).json().to_string();
    assert!(
        !slots.contains("\"b\""),
        "what is refused makes no token: {slots}"
    );
}

#[test]
fn pins_come_from_files_and_standard_input_too() {
    let desk = Desk::empty();
    desk.write("so", "so-from-file\nsecond line\n");
    let init = [
        "init",
        "--label",
        "a",
        "--so-pin-file",
        "so",
        "--pin-file",
        "-",
    ];
    desk.run_input(b"user-from-stdin\n", &init).ok();
    let both = [
        "init",
        "--label",
        "b",
        "--so-pin-file",
        "-",
        "--pin-file",
        "-",
    ];
    desk.run_input(b"so-first\nuser-second\n", &both).ok();
    for (pin, token, right) in [
        ("user-from-stdin", "a", true),
        ("user-second", "a", false),
        ("user-second", "b", true),
    ] {
        let answer = desk.run_with(
            &[("TENON_PIN", pin)],
            &["objects", "list", "--login", "--token", token],
        );
        if right {
            answer.ok();
        } else {
            answer.refused(1, &["CKR_PIN_INCORRECT"]);
        }
    }
    let none = [("TENON_PIN", ""), ("TENON_SO_PIN", "")];
    desk.run_with(&none, &["init", "--label", "c"])
        .refused(1, &["no SO PIN", "$TENON_SO_PIN"]);
    desk.run(&["init", "--label", "c", "--pin-file", "absent"])
        .refused(1, &["cannot read absent"]);
}

#[test]
fn slots_are_listed() {
    let desk = Desk::new();
    let slots = desk.run(&["slots", "--json"]).json();
    assert_eq!(slots.as_array().unwrap().len(), 2);
    assert_eq!(text(&slots[0], "label"), "desk");
    assert_eq!(text(&slots[0], "user_pin"), "set");
    assert_eq!(slots[1]["initialized"], false);
    assert!(slots[1]["label"].is_null());
    let table = desk.run(&["slots"]).ok().out();
    assert!(
        table.starts_with("SLOT  TOKEN") && table.contains("desk"),
        "{table}"
    );
    assert!(table.contains("tenon init"), "{table}");
}

#[test]
fn the_token_is_chosen_when_there_is_a_choice() {
    let desk = Desk::empty();
    desk.run(&["objects", "list"])
        .refused(1, &["there is no token", "tenon init"]);
    desk.run(&["init", "--label", "one"]).ok();
    desk.run(&["objects", "list"]).ok();
    desk.run(&["init", "--label", "two"]).ok();
    desk.run(&["objects", "list"])
        .refused(1, &["--slot", "0 (one)", "1 (two)"]);
    desk.run(&["objects", "list", "--token", "two"]).ok();
    desk.run(&["objects", "list", "--slot", "1"]).ok();
    for other in [["--token", "three"], ["--slot", "2"], ["--slot", "7"]] {
        let arguments = [&["objects", "list"], &other[..]].concat();
        desk.run(&arguments).refused(1, &["no such token"]);
    }
    desk.run(&["objects", "list", "--slot", "1", "--token", "two"])
        .refused(2, &["cannot be used with"]);
}

#[test]
fn two_tokens_of_one_label_are_told_apart_by_slot() {
    let desk = Desk::new();
    // Another module would have made it; this program refuses.
    let other = Desk::new();
    let copy = desk.path("tokens/slot-0001.tenon");
    std::fs::copy(other.path("tokens/slot-0000.tenon"), copy).unwrap();
    desk.run(&["objects", "list", "--token", "desk"])
        .refused(1, &["more than one token", "0 (desk), 1 (desk)"]);
    desk.run(&["objects", "list", "--slot", "1"]).ok();
}

#[test]
fn a_damaged_token_is_reported_and_the_others_work() {
    let desk = Desk::new();
    desk.write("tokens/slot-0003.tenon", "no database");
    let out = desk.run(&["slots"]).failed(&["slot-0003.tenon"]);
    assert!(out.contains("desk"), "{out}");
    let answer = desk.run(&["objects", "list", "--json"]);
    assert_eq!(answer.warned(&["slot-0003.tenon"]).out(), "[]\n");
}

#[test]
fn random_bytes() {
    let desk = Desk::empty();
    assert_eq!(desk.run(&["random", "7", "--raw"]).ok().bytes().len(), 7);
    let hex = desk.run(&["random", "16"]).ok().out();
    assert_eq!(hex.trim_end().len(), 32);
    assert_ne!(hex, desk.run(&["random", "16", "--hex"]).ok().out());
    let base64 = desk.run(&["random", "16", "--base64"]).ok().out();
    assert!(base64.ends_with("==\n") && base64.len() == 25, "{base64}");
    for bad in [
        &["random", "0"][..],
        &["random"],
        &["random", "1", "--hex", "--raw"],
    ] {
        desk.run(bad).refused(2, &[]);
    }
}

#[test]
fn every_help_tells_the_exit_status() {
    let desk = Desk::empty();
    for command in [
        "init",
        "slots",
        "objects list",
        "objects show",
        "objects delete",
        "keys generate",
        "import",
        "export",
        "token delete",
        "pin change",
        "pin unlock",
        "audit list",
        "audit verify",
        "audit export",
        "clock show",
        "clock accept",
        "anchor show",
        "anchor accept",
        "config",
        "random",
        "demo",
    ] {
        let arguments: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let help = desk.run(&arguments).ok().out();
        assert!(
            help.contains("Exit status: 0 done, 1 refused"),
            "{command}: {help}"
        );
    }
}
