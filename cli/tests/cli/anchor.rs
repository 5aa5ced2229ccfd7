//! `tenon anchor`: older copies, and programs that are killed at any moment.

use std::fs;
use std::time::Duration;

use super::common::{Answer, Desk};

const VARIABLE: &str = "TENON_STORE_ANCHOR";

/// A token with its anchor in `anchors`.
fn anchored() -> Desk {
    let desk = Desk::empty();
    fs::create_dir(desk.path("anchors")).unwrap();
    run(&desk, &["init", "--label", "desk"]).ok();
    desk
}

fn run(desk: &Desk, arguments: &[&str]) -> Answer {
    let anchors = desk.path("anchors");
    desk.run_with(&[(VARIABLE, anchors.to_str().unwrap())], arguments)
}

const GENERATE: [&str; 4] = ["keys", "generate", "--type", "aes:128"];

#[test]
fn an_older_copy_is_refused_until_the_officer_accepts_it() {
    let desk = anchored();
    let file = desk.path("tokens/slot-0000.tenon");
    let old = fs::read(&file).unwrap();
    run(&desk, &GENERATE).ok();
    fs::write(&file, old).unwrap();
    run(&desk, &["objects", "list"]).refused(
        1,
        &["CKR_DEVICE_ERROR", "older copy", "tenon anchor accept"],
    );
    let shown = run(&desk, &["anchor", "show", "--json"]).json();
    let noted = shown["noted"].as_u64().unwrap();
    assert!(shown["changes"].as_u64().unwrap() < noted, "{shown}");
    assert!(shown["refused"].as_str().unwrap().contains("older copy"));
    let people = run(&desk, &["anchor", "show"]).ok().out();
    assert!(people.contains("Refused: "), "{people}");

    let told = run(&desk, &["anchor", "accept", "--yes"]).ok().out();
    assert!(told.starts_with("Accepted with "), "{told}");
    run(&desk, &["objects", "list"]).ok();
    let shown = run(&desk, &["anchor", "show", "--json"]).json();
    assert!(shown["refused"].is_null(), "{shown}");
    run(&desk, &["audit", "verify"]).ok();
}

#[test]
fn without_the_setting_there_is_none() {
    let desk = Desk::new();
    assert!(desk.run(&["anchor", "show", "--json"]).json().is_null());
    desk.run(&["anchor", "accept", "--yes"])
        .refused(1, &["store.anchor"]);
}

/// Storage that is not mounted, or a folder that nobody made.
#[test]
fn a_folder_that_is_not_there_is_named() {
    let desk = anchored();
    fs::rename(desk.path("anchors"), desk.path("unmounted")).unwrap();
    let folder = desk.path("anchors").display().to_string();
    for command in [&["objects", "list"][..], &GENERATE] {
        let error = run(&desk, command).error();
        assert!(
            error.contains("folder of `store.anchor` is not there"),
            "{error}"
        );
        assert!(
            error.contains(&folder) && !error.contains("token store"),
            "{error}"
        );
    }
    let asked_for = [(VARIABLE, folder.as_str()), ("TENON_PIN", "")];
    desk.run_with(&asked_for, &["init", "--label", "second"])
        .refused(1, &["folder of `store.anchor` is not there", &folder]);
    fs::rename(desk.path("unmounted"), desk.path("anchors")).unwrap();
    run(&desk, &["objects", "list"]).ok();
}

/// Wherever the end comes, also between a commit and its note, the token goes on.
#[test]
fn a_program_that_is_killed_leaves_a_token_that_works() {
    let desk = anchored();
    for round in 0..12 {
        let mut command = desk.command(&GENERATE);
        command.env(VARIABLE, desk.path("anchors"));
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(20 * round));
        let _ = child.kill();
        child.wait().unwrap();
        run(&desk, &["anchor", "show"]).ok();
    }
    run(&desk, &GENERATE).ok();
    run(&desk, &["audit", "verify"]).ok();
}
