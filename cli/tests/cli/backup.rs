//! `tenon backup` and `tenon restore`: beside writers, killed at any moment, with and without an anchor.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;
use tenon_pkcs11::api::clock::Deadline;

use super::common::{Desk, PIN, asked, text};

/// Makes a key with this label.
fn generate(desk: &Desk, label: &str) {
    desk.run(&["keys", "generate", "--type", "aes:128", "--label", label])
        .ok();
}

fn labels(desk: &Desk) -> Vec<String> {
    let objects = desk.objects(&[]);
    let mut labels: Vec<_> = objects
        .iter()
        .map(|object| text(object, "label").to_owned())
        .collect();
    labels.sort();
    labels
}

fn kills() -> u32 {
    std::env::var("TENON_KILLS").map_or(ROUNDS, |kills| kills.parse().unwrap())
}

/// How long a command takes on this machine as it is now.
fn time_of(desk: &Desk, arguments: &[&str]) -> Duration {
    let begun = Deadline::after(Duration::ZERO);
    assert!(desk.run(arguments).0.status.success());
    begun.waited()
}

/// Rounds of kills: their moments are spread over the time that the command takes, and a little more.
/// The last one of them lets it end.
const ROUNDS: u32 = 25;

/// Starts a command that takes about `whole`, and kills it at the moment that belongs to `round`.
fn start_and_kill(desk: &Desk, arguments: &[&str], whole: Duration, round: u32) {
    let mut child = desk.command(arguments).spawn().unwrap();
    let moment = round % ROUNDS;
    if moment + 1 < ROUNDS {
        std::thread::sleep(whole * moment / (ROUNDS - 5));
        let _ = child.kill();
    }
    child.wait_with_output().unwrap();
}

/// Another host: nothing but what is copied there.
fn elsewhere(desk: &Desk, backup: &str) -> Desk {
    let other = Desk::empty();
    fs::copy(desk.path(backup), other.path("backup.tenon")).unwrap();
    other
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_the_token_as_it_was() {
    let desk = Desk::new();
    generate(&desk, "before");
    let made = desk.run(&["backup", "b.tenon", "--json", "--login"]).json();
    assert_eq!(text(&made, "label"), "desk");
    assert_eq!(made["objects"], 1);
    assert_eq!(made["verified"]["objects"], 1);
    assert!(made["generation"].as_u64() > Some(0));
    assert!(made["audit_position"].as_u64() > Some(0));
    assert_eq!(text(&made, "sha256").len(), 64);
    let mode = fs::metadata(desk.path("b.tenon")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert_eq!(names(desk.folder.path()), ["b.tenon", "tokens"]);

    generate(&desk, "after");
    let restored = desk.run(&["restore", "b.tenon", "--yes", "--json"]);
    let restored = restored.warned(&["would be lost: 1"]);
    let restored: Value = serde_json::from_str(&restored.out()).unwrap();
    assert_eq!(restored["serial"], made["serial"]);
    assert!(restored["replaced"]["generation"].as_u64() > made["generation"].as_u64());
    assert_eq!(labels(&desk), ["before"]);
    desk.run(&["audit", "verify"]).ok();
    let records = desk.run(&["audit", "list", "--json"]).ok().out();
    assert!(records.contains("\"restored\""), "{records}");

    let other = elsewhere(&desk, "b.tenon");
    other.run(&["restore", "backup.tenon"]).ok();
    assert_eq!(labels(&other), ["before"]);
    other.run(&["audit", "verify"]).ok();
}

/// Operators copy a backup over the token's file by hand too.
#[test]
fn a_backup_works_as_a_plain_file() {
    let desk = Desk::new();
    generate(&desk, "before");
    desk.run(&["backup", "b.tenon"]).ok();
    let other = Desk::empty();
    fs::create_dir(other.path("tokens")).unwrap();
    for name in ["slot-0000.tenon", "slot-0007.tenon"] {
        fs::copy(desk.path("b.tenon"), other.path("tokens").join(name)).unwrap();
    }
    fs::remove_file(other.path("tokens/slot-0007.tenon")).unwrap();
    assert_eq!(labels(&other), ["before"]);
    other.run(&["audit", "verify"]).ok();
}

#[test]
fn a_backup_replaces_nothing_by_accident() {
    let desk = Desk::new();
    desk.write("there", "precious");
    desk.run(&["backup", "there"])
        .refused(1, &["there already", "--replace"]);
    desk.run(&["backup", "-"]).refused(1, &["standard output"]);
    desk.run(&["backup", "tokens"])
        .refused(1, &["no regular file"]);
    desk.run(&["backup", "nowhere/b"]).refused(1, &["nowhere"]);
    for token in ["tokens/slot-0000.tenon", "tokens/slot-0001.tenon"] {
        desk.run(&["backup", token, "--replace"])
            .refused(1, &["second token"]);
    }
    assert_eq!(fs::read(desk.path("there")).unwrap(), b"precious");
    desk.run(&["backup", "there", "--replace"]).ok();
    desk.run(&["audit", "verify"]).ok();
    assert_eq!(names(desk.folder.path()), ["there", "tokens"]);
}

#[test]
fn what_is_no_whole_backup_is_not_restored() {
    let desk = Desk::new();
    for label in ["a", "b"] {
        generate(&desk, label);
    }
    desk.run(&["backup", "b.tenon"]).ok();
    let whole = fs::read(desk.path("b.tenon")).unwrap();
    for len in [
        0,
        1,
        100,
        4096,
        whole.len() / 2,
        whole.len() - 4096,
        whole.len() - 1,
    ] {
        desk.write("bad", &whole[..len]);
        desk.run(&["restore", "bad", "--yes"])
            .refused(1, &["is no backup"]);
    }
    desk.write("bad", "SQLite format 3\0 and nothing else");
    desk.run(&["restore", "bad", "--yes"])
        .refused(1, &["is no backup"]);
    desk.run(&["restore", "missing", "--yes"])
        .refused(1, &["cannot read"]);
    desk.write("b.tenon-wal", "a log");
    desk.run(&["restore", "b.tenon", "--yes"])
        .refused(1, &["a log lies beside it"]);
    assert_eq!(labels(&desk), ["a", "b"]);
}

#[test]
fn restoring_asks_and_says_what_it_undoes() {
    let desk = Desk::new();
    generate(&desk, "destroyed");
    desk.run(&["backup", "b.tenon"]).ok();
    generate(&desk, "made");
    desk.run(&["objects", "delete", "--label", "destroyed", "--yes"])
        .ok();
    desk.run_with(&[("TENON_NEW_PIN", "another-pin")], &["pin", "change"])
        .ok();
    desk.run(&["restore", "b.tenon"]).refused(
        1,
        &[
            "--yes",
            "would be lost: 1",
            "would be back: 1",
            "user PIN was changed",
        ],
    );
    let now = desk.run_with(&[("TENON_PIN", "another-pin")], &["audit", "verify"]);
    now.ok();
    desk.run(&["restore", "b.tenon", "--yes"])
        .warned(&["would be lost: 1"]);
    assert_eq!(labels(&desk), ["destroyed"]);
}

#[test]
fn a_token_is_not_in_two_slots_and_another_one_is_named() {
    let desk = Desk::new();
    desk.run(&["backup", "b.tenon"]).ok();
    desk.run(&["restore", "b.tenon", "--slot", "5", "--yes"])
        .refused(1, &["slot 0 has this token already", "--force"]);
    desk.run(&["restore", "b.tenon", "--slot", "10000", "--yes"])
        .refused(1, &["0 to 9999"]);
    desk.run(&["init", "--label", "other"]).ok();
    desk.run(&["restore", "b.tenon", "--slot", "1", "--yes", "--force"])
        .warned(&["ANOTHER token"]);
    desk.run(&["restore", "b.tenon", "--yes"])
        .refused(1, &["say --slot"]);
    let slots = desk.run(&["slots", "--json"]).json();
    assert_eq!(slots[0]["serial"], slots[1]["serial"]);
}

/// A damaged token is what backups are for.
#[test]
fn a_damaged_token_is_replaced_when_its_slot_is_named() {
    let desk = Desk::new();
    generate(&desk, "kept");
    desk.run(&["backup", "b.tenon"]).ok();
    let file = desk.path("tokens/slot-0000.tenon");
    for damage in [&b""[..], b"garbage", &[0xFF; 8192]] {
        fs::write(&file, damage).unwrap();
        desk.run(&["restore", "b.tenon", "--slot", "0", "--yes"])
            .warned(&["cannot be opened"]);
        assert_eq!(labels(&desk), ["kept"]);
    }
}

/// A program that has the token open and does nothing.
struct Service {
    program: Child,
    _pin: File,
}

impl Service {
    fn start(desk: &Desk) -> Self {
        // Asks for the PIN when it has opened the token, and gets none.
        let pin = desk.pin_pipe();
        let arguments = ["keys", "generate", "--type", "aes:128", "--pin-file", &pin];
        let mut program = desk.command(&arguments).spawn().unwrap();
        let _pin = asked(&pin, &mut program);
        Self { program, _pin }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A program that writes until this is dropped, and leaves its log behind.
struct Writer(Child);

impl Drop for Writer {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let mut kill = std::process::Command::new("kill");
        let _ = kill.args(["-9", "--", &group]).status();
        let _ = self.0.wait();
    }
}

fn writer(desk: &Desk, number: u32) -> Writer {
    let script = format!(
        "i=0; while :; do i=$((i+1)); \
         {:?} keys generate --type aes:128 --label w{number}-$i >/dev/null && echo w{number}-$i >>w{number}; done",
        env!("CARGO_BIN_EXE_tenon")
    );
    let mut command = std::process::Command::new("setsid");
    let settings = desk.command(&[]);
    command
        .args(["sh", "-c", &script])
        .current_dir(&desk.folder);
    for (name, value) in settings.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Writer(command.spawn().unwrap())
}

#[test]
fn a_backup_beside_writers_has_every_key_that_was_answered_before() {
    let desk = Desk::new();
    let writers: Vec<_> = (0..4).map(|number| writer(&desk, number)).collect();
    let answered = || -> Vec<String> {
        let all =
            (0..4).filter_map(|number| fs::read_to_string(desk.path(&format!("w{number}"))).ok());
        all.flat_map(|lines| lines.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    };
    for round in 0..4 {
        while answered().len() < 6 * (round + 1) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let before = answered();
        let backup = format!("b{round}");
        let made = desk.run(&["backup", &backup, "--json", "--login"]).json();
        assert_eq!(made["verified"]["objects"], made["objects"]);
        let other = elsewhere(&desk, &backup);
        other.run(&["restore", "backup.tenon"]).ok();
        let there = labels(&other);
        for key in before {
            assert!(there.contains(&key), "{key} is not in {there:?}");
        }
        other.run(&["audit", "verify"]).ok();
    }
    drop(writers);
}

#[test]
fn a_token_in_use_is_not_replaced() {
    let desk = Desk::new();
    generate(&desk, "kept");
    desk.run(&["backup", "b.tenon"]).ok();
    let service = Service::start(&desk);
    desk.run(&["restore", "b.tenon", "--yes"])
        .refused(1, &["another process has the token store open", "end it"]);
    drop(service);
    desk.run(&["restore", "b.tenon", "--yes"])
        .warned(&["Backup"]);
    assert_eq!(labels(&desk), ["kept"]);
    let files = names(&desk.path("tokens"));
    assert_eq!(
        files,
        [
            "slot-0000.gen",
            "slot-0000.lock",
            "slot-0000.reserve",
            "slot-0000.tenon",
            "slot-0000.tenon-shm",
            "slot-0000.tenon-wal"
        ]
    );
}

#[test]
fn a_backup_that_is_killed_leaves_the_old_one_or_a_new_one() {
    let desk = Desk::new();
    generate(&desk, "first");
    desk.run(&["backup", "b.tenon"]).ok();
    let again = ["backup", "b.tenon", "--replace"];
    let whole = time_of(&desk, &again);
    for round in 0..kills() {
        start_and_kill(&desk, &again, whole, round);
        if round % 5 == 4 {
            let other = elsewhere(&desk, "b.tenon");
            other.run(&["restore", "backup.tenon"]).ok();
            assert_eq!(labels(&other), ["first"], "round {round}");
        }
    }
    assert_eq!(labels(&desk), ["first"]);
    desk.run(&["audit", "verify"]).ok();
}

#[test]
fn a_restore_that_is_killed_leaves_the_old_token_or_the_new_one() {
    let desk = Desk::new();
    generate(&desk, "old");
    desk.run(&["backup", "b.tenon"]).ok();
    let restore = ["restore", "b.tenon", "--yes"];
    let whole = time_of(&desk, &restore);
    let (mut old, mut new) = (0, 0);
    for round in 0..kills() {
        // The token goes on from the backup, and its last program leaves a log behind.
        let mut late = writer(&desk, 0);
        while !fs::read_to_string(desk.path("w0")).is_ok_and(|lines| !lines.is_empty()) {
            assert!(late.0.try_wait().unwrap().is_none());
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(late);
        let answered = fs::read_to_string(desk.path("w0")).unwrap();
        fs::remove_file(desk.path("w0")).unwrap();

        start_and_kill(&desk, &restore, whole, round);
        let there = labels(&desk);
        assert!(
            there.contains(&"old".to_owned()),
            "round {round}: {there:?}"
        );
        let kept = answered.lines().all(|key| there.contains(&key.to_owned()));
        let undone = there == ["old"];
        assert!(kept || undone, "round {round}: a mixture: {there:?}");
        old += u32::from(!undone);
        new += u32::from(undone);
        desk.run(&["audit", "verify"]).ok();
        desk.run(&restore).warned(&["Backup"]);
    }
    println!("{old} kills left the old token, {new} the new one");
    assert!(old > 0 && (new > 0 || kills() < ROUNDS));
    let stale = names(&desk.path("tokens"));
    assert!(
        !stale.iter().any(|name| name.contains(".stale-")),
        "{stale:?}"
    );
}

#[test]
fn with_an_anchor_a_restored_token_is_refused_until_it_is_accepted() {
    let desk = Desk::empty();
    fs::create_dir(desk.path("anchors")).unwrap();
    let anchors = desk.path("anchors");
    let anchored = [("TENON_STORE_ANCHOR", anchors.to_str().unwrap())];
    let run = |arguments: &[&str]| desk.run_with(&anchored, arguments);
    run(&["init", "--label", "desk"]).ok();
    run(&["keys", "generate", "--type", "aes:128", "--label", "first"]).ok();
    let made = run(&["backup", "b.tenon", "--json"]).json();
    assert_eq!(made["anchor"]["noted"], made["generation"]);
    run(&["keys", "generate", "--type", "aes:128", "--label", "later"]).ok();
    run(&["restore", "b.tenon", "--yes"]).warned(&["refused until `tenon anchor accept`"]);
    run(&["objects", "list"]).refused(1, &["older copy"]);
    run(&["anchor", "accept", "--yes"]).ok();
    run(&["objects", "list"]).ok();
    run(&["audit", "verify"]).ok();
    // What undoes nothing is accepted by itself.
    run(&["backup", "c.tenon"]).ok();
    run(&["restore", "c.tenon", "--yes"]).warned(&["Backup"]);
    run(&["objects", "list"]).ok();
}

/// The disk ends in the middle of the copy.
#[test]
fn a_backup_without_room_leaves_nothing_behind() {
    let desk = Desk::new();
    generate(&desk, "kept");
    let script = format!(
        "trap '' XFSZ; ulimit -f 40; exec {:?} backup b.tenon",
        env!("CARGO_BIN_EXE_tenon")
    );
    let settings = desk.command(&[]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script]).current_dir(&desk.folder);
    for (name, value) in settings.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let answer = command.output().unwrap();
    assert_eq!(answer.status.code(), Some(1), "{answer:?}");
    assert_eq!(names(desk.folder.path()), ["tokens"]);
    assert_eq!(labels(&desk), ["kept"]);
}

#[test]
fn a_pin_is_asked_for_only_when_it_is_wanted() {
    let desk = Desk::new();
    let none = [("TENON_PIN", ""), ("TENON_SO_PIN", "")];
    desk.run_with(&none, &["backup", "b.tenon"]).ok();
    desk.write("pin", "wrong-pin");
    desk.run(&["backup", "c.tenon", "--pin-file", "pin"])
        .refused(1, &["CKR_PIN_INCORRECT"]);
    desk.write("pin", PIN);
    desk.run(&["backup", "c.tenon", "--pin-file", "pin"]).ok();
    desk.run_with(&none, &["restore", "b.tenon", "--yes"])
        .warned(&["Backup"]);
}
