//! `tenon store`: other keys of `store.key_file`, by programs that are killed at any moment.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use tenon_pkcs11::api::clock::Deadline;

use super::common::{Answer, Desk, text};

const VARIABLE: &str = "TENON_STORE_KEY_FILE";
const ROTATE: [&str; 2] = ["store", "rotate"];
const GENERATE: [&str; 4] = ["keys", "generate", "--type", "aes:128"];
/// Logs in and opens every key.
const VERIFY: [&str; 2] = ["audit", "verify"];

/// A token whose keys are sealed under key 1 of the file `keys`.
fn desk() -> Desk {
    let desk = Desk::empty();
    run(&desk, &["init", "--label", "desk"]).ok();
    desk
}

fn run(desk: &Desk, arguments: &[&str]) -> Answer {
    let file = desk.path("keys");
    desk.run_with(&[(VARIABLE, file.to_str().unwrap())], arguments)
}

fn start(desk: &Desk, arguments: &[&str]) -> Child {
    let mut command = desk.command(arguments);
    command.env(VARIABLE, desk.path("keys"));
    command.spawn().unwrap()
}

/// The numbers of the keys in the file.
fn numbers(file: &Path) -> Vec<u64> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let numbers = lines.map(|line| line.split_once(' ').unwrap().0.parse().unwrap());
    numbers.collect()
}

#[test]
fn a_file_is_made_with_the_first_token_and_gets_new_keys() {
    let desk = desk();
    let file = desk.path("keys");
    assert_eq!(numbers(&file), [1]);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for _ in 0..3 {
        run(&desk, &GENERATE).ok();
    }
    let answer = run(&desk, &["store", "rotate", "--json"]).json();
    assert_eq!(answer["number"], 2);
    assert_eq!(answer["destroyed"], 1);
    assert_eq!(answer["tokens"][0]["slot"], 0);
    assert_eq!(answer["tokens"][0]["keys"], 3);
    assert_eq!(numbers(&file), [2]);
    run(&desk, &VERIFY).ok();
    let listed = run(&desk, &["audit", "list", "--json"]).out();
    assert!(listed.contains("\"rekey\""), "{listed}");
    // For several hosts: the next key is there before anything is sealed under it.
    run(&desk, &["store", "rotate", "--prepare"]).ok();
    run(&desk, &["store", "rotate", "--prepare"]).ok();
    assert_eq!(numbers(&file), [2, 3]);
    fs::copy(&file, desk.path("of-another-host")).unwrap();
    run(&desk, &GENERATE).ok();
    run(&desk, &ROTATE).ok();
    let other = desk.path("of-another-host");
    let there = [(VARIABLE, other.to_str().unwrap())];
    desk.run_with(&there, &VERIFY).ok();
    let answer = desk.run_with(&there, &["store", "rotate", "--json"]).json();
    assert_eq!(answer["tokens"][0]["keys"], 0);
    assert_eq!((numbers(&file), numbers(&other)), (vec![3], vec![3]));
}

#[test]
fn a_file_that_a_token_needs_is_never_made_anew() {
    let desk = desk();
    run(&desk, &GENERATE).ok();
    let (file, away) = (desk.path("keys"), desk.path("away"));
    fs::rename(&file, &away).unwrap();
    let asked_for = [(VARIABLE, file.to_str().unwrap())];
    for command in [&ROTATE[..], &["init", "--label", "second"]] {
        let said = ["slot 0 needs key 1", "put the right file there"];
        desk.run_with(&asked_for, command).refused(1, &said);
        assert!(!file.exists());
    }
    run(&desk, &VERIFY).refused(1, &["CKR_DEVICE_ERROR", "No such file"]);
    // Without the setting too: no key is used, and none is made that would not be erased with the others.
    desk.run(&GENERATE)
        .refused(1, &["CKR_DEVICE_ERROR", "`store.key_file`"]);
    fs::rename(&away, &file).unwrap();
    run(&desk, &VERIFY).ok();
    desk.run(&ROTATE).refused(1, &["store.key_file is not set"]);
    // A token that cannot be read may need the key that would be destroyed.
    fs::write(desk.path("tokens/slot-0004.tenon"), "no token").unwrap();
    let refused = run(&desk, &ROTATE);
    assert!(
        refused.error().contains("slot 4 is unreadable"),
        "{}",
        refused.error()
    );
    assert_eq!(numbers(&file), [1]);
}

#[test]
fn a_backup_from_before_a_rotation_is_not_restored() {
    let desk = desk();
    run(&desk, &GENERATE).ok();
    run(&desk, &["backup", "old.tenon"]).ok();
    run(&desk, &ROTATE).ok();
    run(&desk, &["backup", "--login", "new.tenon"]).ok();
    let file = desk.path("keys");
    desk.run_with(
        &[(VARIABLE, file.to_str().unwrap())],
        &["restore", "--yes", "old.tenon"],
    )
    .refused(1, &["has no key 1", "before `tenon store rotate`"]);
    run(&desk, &VERIFY).ok();
    let restored = run(&desk, &["restore", "--yes", "new.tenon"]);
    assert!(restored.0.status.success(), "{}", restored.error());
    run(&desk, &VERIFY).ok();
}

/// Wherever the end comes, every key is there, and the next run ends what was begun.
#[test]
fn a_rotation_that_is_killed_loses_no_key() {
    let desk = desk();
    for _ in 0..40 {
        run(&desk, &GENERATE).ok();
    }
    let begun = Deadline::after(Duration::ZERO);
    run(&desk, &ROTATE).ok();
    let whole = begun.waited();
    let mut cut = 0;
    for round in 0..20 {
        let mut child = start(&desk, &ROTATE);
        std::thread::sleep(whole * round / 18);
        let _ = child.kill();
        cut += u32::from(!child.wait().unwrap().success());
        let answer = run(&desk, &["audit", "verify", "--json"]).json();
        assert_eq!(answer["objects"], 40);
    }
    assert!(cut > 0, "no run was cut off");
    run(&desk, &ROTATE).ok();
    assert_eq!(numbers(&desk.path("keys")).len(), 1);
    assert_eq!(
        fs::read_dir(desk.path(""))
            .unwrap()
            .filter(|e| {
                e.as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .ends_with(".new")
            })
            .count(),
        0
    );
}

/// Two at once wait for each other, and programs make and use keys meanwhile.
#[test]
fn rotations_take_turns_beside_programs_that_use_the_token() {
    let desk = desk();
    run(
        &desk,
        &["keys", "generate", "--type", "aes:128", "--label", "used"],
    )
    .ok();
    let mut children: Vec<_> = (0..3).map(|_| start(&desk, &ROTATE)).collect();
    for _ in 0..6 {
        children.push(start(&desk, &GENERATE));
    }
    for child in children {
        let answer = Answer(child.wait_with_output().unwrap());
        answer.ok();
    }
    assert_eq!(numbers(&desk.path("keys")), [4]);
    let objects = run(&desk, &["objects", "list", "--json", "--login"]).json();
    assert_eq!(objects.as_array().unwrap().len(), 7);
    assert!(
        objects
            .as_array()
            .unwrap()
            .iter()
            .any(|object| text(object, "label") == "used")
    );
    run(&desk, &VERIFY).ok();
}
