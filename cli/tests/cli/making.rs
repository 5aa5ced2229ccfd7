//! Tokens that several processes make at once, and processes that die while they make one.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::common::{Answer, Desk, SO_PIN, asked, text};

fn all(children: Vec<Child>) -> Vec<Value> {
    let answers = children.into_iter().map(|child| {
        let answer = Answer(child.wait_with_output().unwrap());
        answer.json()
    });
    answers.collect()
}

fn different<'a>(answers: &'a [Value], name: &str) -> BTreeSet<&'a str> {
    answers.iter().map(|answer| text(answer, name)).collect()
}

fn names(desk: &Desk) -> Vec<String> {
    let entries = fs::read_dir(desk.path("tokens")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn one_of_many_processes_makes_the_token_that_is_missing() {
    let desk = Desk::empty();
    let init = ["init", "--label", "fleet", "--if-missing", "--json"];
    let start = |_| desk.command(&init).spawn().unwrap();
    let answers = all((0..16).map(start).collect());
    assert_eq!(different(&answers, "serial").len(), 1, "{answers:?}");
    let created = answers.iter().filter(|answer| answer["created"] == true);
    assert_eq!(created.count(), 1, "{answers:?}");
    let slots = desk.run(&["slots", "--json"]).json();
    assert_eq!(slots.as_array().unwrap().len(), 2, "{slots}");
    desk.run(&["objects", "list", "--login"]).ok();
}

#[test]
fn many_processes_make_tokens_of_different_names() {
    let desk = Desk::empty();
    let start = |number: u32| {
        let label = format!("token {number}");
        let mut command = desk.command(&["init", "--json", "--label", &label]);
        command.spawn().unwrap()
    };
    let answers = all((0..8).map(start).collect());
    assert_eq!(different(&answers, "serial").len(), 8, "{answers:?}");
    let slots: BTreeSet<_> = answers.iter().map(|a| a["slot"].as_u64()).collect();
    assert_eq!(slots, (0..8).map(Some).collect(), "{answers:?}");
}

/// The first waits for its PIN while the second makes a token where the first saw none.
#[test]
fn a_token_that_came_while_a_pin_was_typed_is_left_alone() {
    for (label, slot) in [("first", Some(1)), ("second", None)] {
        let desk = Desk::empty();
        let pin = desk.pin_pipe();
        let so_pin = ["--so-pin-file", &pin, "--json"];
        let init = [&["init", "--label", "second"], &so_pin[..]].concat();
        let mut waiting = desk.command(&init).spawn().unwrap();
        let mut answer = asked(&pin, &mut waiting);
        let first = desk.run(&["init", "--label", label, "--json"]).json();
        answer.write_all(SO_PIN.as_bytes()).unwrap();
        drop(answer);
        let second = Answer(waiting.wait_with_output().unwrap());
        match slot {
            Some(slot) => assert_eq!(second.json()["slot"], slot),
            None => second.refused(1, &["already has a token named second"]),
        }
        let slots = desk.run(&["slots", "--json"]).json();
        assert_eq!(slots[0]["serial"], first["serial"]);
    }
}

/// The token is there with both PINs, or not at all, and the next process finds nothing in its way.
#[test]
fn a_killed_process_leaves_no_half_token() {
    let desk = Desk::empty();
    fs::create_dir(desk.path("tokens")).unwrap();
    let init = ["init", "--label", "kept", "--if-missing"];
    let slots = || desk.run(&["slots", "--json"]).json();
    for delay in 0..40 {
        let mut child = desk.command(&init).spawn().unwrap();
        sleep(Duration::from_millis(delay * 4));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = slots();
        if found[0]["initialized"] == true {
            assert_eq!(text(&found[0], "user_pin"), "set", "after {delay}: {found}");
            desk.run(&["objects", "list", "--login"]).ok();
            fs::remove_dir_all(desk.path("tokens")).unwrap();
        }
    }
    desk.run(&init).warned(&[]);
    desk.run(&["objects", "list", "--login"]).ok();
    assert_eq!(slots().as_array().unwrap().len(), 2);
    let drafts: Vec<_> = names(&desk)
        .into_iter()
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(drafts.is_empty(), "{drafts:?}");
}

#[test]
fn a_bad_pin_makes_nothing() {
    let desk = Desk::empty();
    for short in ["TENON_PIN", "TENON_SO_PIN"] {
        desk.run_with(&[(short, "123")], &["init", "--label", "a"])
            .refused(1, &["CKR_PIN_LEN_RANGE"]);
        assert!(!desk.path("tokens").exists());
    }
}

/// As C_InitToken alone leaves it.
#[test]
fn a_token_without_a_user_pin_is_not_what_was_asked_for() {
    use std::sync::Arc;
    use tenon_pkcs11::api::clock::SystemClock;
    use tenon_pkcs11::api::config::Config;
    use tenon_pkcs11::api::crypto::rand::SystemRng;
    use tenon_pkcs11::api::module::{Module, padded};

    let desk = Desk::empty();
    let mut config = Config::defaults();
    config.token_dir = desk.path("tokens");
    let module = Module::open(config, Arc::new(SystemClock), Arc::new(SystemRng)).unwrap();
    module
        .init_token(0, SO_PIN.as_bytes(), &padded("half"))
        .unwrap();
    let init = ["init", "--label", "half", "--if-missing"];
    desk.run(&init)
        .refused(1, &["no user PIN", "tenon pin unlock"]);
    desk.run_with(&[("TENON_NEW_PIN", "user-1234")], &["pin", "unlock"])
        .ok();
    desk.run(&init).ok();
}
