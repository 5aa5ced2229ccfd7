//! A token that cannot be opened is never taken for none.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::common::{Desk, flat, text};

/// Puts something wrong in the place of a file.
type Fault = fn(&Path);

/// What stands in the place of slot 0's file, and a word of the reason.
fn faults() -> Vec<(&'static str, Fault, &'static str)> {
    fn other_kind(path: &Path, make: impl FnOnce()) {
        fs::remove_file(path).unwrap();
        make();
    }
    vec![
        (
            "truncated",
            |path| fs::write(path, &fs::read(path).unwrap()[..100]).unwrap(),
            "damaged",
        ),
        (
            "empty",
            |path| fs::write(path, "").unwrap(),
            "not a token store",
        ),
        (
            "garbage",
            |path| fs::write(path, "no database").unwrap(),
            "not a token store",
        ),
        (
            "another database",
            |path| {
                let file = path.with_extension("other");
                let other = rusqlite::Connection::open(&file).unwrap();
                other.execute_batch("CREATE TABLE t (x)").unwrap();
                drop(other);
                fs::rename(file, path).unwrap();
            },
            "application id",
        ),
        (
            "later schema",
            |path| {
                let later = rusqlite::Connection::open(path).unwrap();
                later.pragma_update(None, "user_version", 99).unwrap();
            },
            "later release",
        ),
        (
            "no token in it",
            |path| {
                let emptied = rusqlite::Connection::open(path).unwrap();
                emptied
                    .execute_batch("DELETE FROM meta WHERE name = 'key.store'")
                    .unwrap();
            },
            "no token in the file",
        ),
        (
            "folder",
            |path| other_kind(path, || fs::create_dir(path).unwrap()),
            "not a regular file",
        ),
        (
            "fifo",
            |path| {
                other_kind(path, || {
                    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
                });
            },
            "not a regular file",
        ),
        (
            "link",
            |path| {
                let away = path.with_extension("away");
                fs::rename(path, &away).unwrap();
                symlink(away, path).unwrap();
            },
            "symbolic links are refused",
        ),
        (
            "dangling link",
            |path| other_kind(path, || symlink("nowhere", path).unwrap()),
            "symbolic links are refused",
        ),
    ]
}

/// `desk` with a whole token in slot 0, and a copy of it beside.
fn keep(desk: &Desk) {
    fs::rename(desk.path("tokens"), desk.path("kept")).unwrap();
    fs::create_dir(desk.path("tokens")).unwrap();
    put_back(desk);
}

fn put_back(desk: &Desk) {
    let path = desk.path("tokens/slot-0000.tenon");
    let _ = fs::remove_dir(&path);
    let _ = fs::remove_file(&path);
    fs::copy(desk.path("kept/slot-0000.tenon"), path).unwrap();
}

#[test]
fn it_keeps_its_slot_and_nobody_is_told_to_make_another() {
    for (fault, make, why) in faults() {
        let desk = Desk::new();
        keep(&desk);
        let path = desk.path("tokens/slot-0000.tenon");
        make(&path);
        let as_it_was = fs::symlink_metadata(&path).unwrap().len();

        let out = desk.run(&["slots"]).failed(&["unreadable: slot 0", why]);
        assert!(!out.contains("tenon init"), "{fault}: {out}");
        let (_, row) = out.split_once("\n0 ").unwrap();
        let row = flat(row);
        assert!(
            row.starts_with("unreadable: ") && row.contains(why),
            "{fault}: {out}"
        );
        let error = String::from_utf8(desk.run(&["slots"]).0.stderr).unwrap();
        assert_eq!(error.matches("tenon[").count(), 1, "logged once: {error}");
        let out = desk.run(&["slots", "--json"]).failed(&["unreadable"]);
        let slots: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert!(
            text(&slots[0], "unreadable").contains(why),
            "{fault}: {slots}"
        );
        assert!(
            slots[0]["initialized"].is_null() && slots[0]["user_pin"].is_null(),
            "{slots}"
        );
        assert!(slots[1]["unreadable"].is_null(), "{slots}");

        for command in [
            &["objects", "list"][..],
            &["objects", "list", "--token", "desk"],
            &["objects", "list", "--slot", "0"],
            &["byok", "list"],
            &["audit", "list"],
        ] {
            let answer = desk.run(command);
            let error = String::from_utf8(answer.0.stderr.clone()).unwrap();
            assert!(!error.contains("tenon init"), "{fault}: {error}");
            answer.refused(1, &["unreadable", why]);
        }
        let init = |more: &[&str]| desk.run(&[&["init", "--label", "desk"], more].concat());
        for more in [&[][..], &["--if-missing"], &["--if-missing", "--slot", "1"]] {
            init(more).refused(1, &["may be there already", why]);
        }
        init(&["--slot", "0"]).refused(1, &["slot 0", "not erased"]);
        assert_eq!(
            fs::symlink_metadata(&path).unwrap().len(),
            as_it_was,
            "{fault}"
        );
        let left = fs::read_dir(desk.path("tokens")).unwrap();
        let tokens = left.filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().ends_with(".tenon")
        });
        assert_eq!(tokens.count(), 1, "{fault}: nothing was made");

        // Who names a free slot knows what he does.
        init(&["--slot", "1"]).warned(&["may be there already"]);
        put_back(&desk);
        desk.run(&["objects", "list", "--slot", "0"]).ok();
        desk.run(&["slots"]).ok();
    }
}

#[test]
fn a_folder_that_cannot_be_read_is_said_to_be_so() {
    let desk = Desk::new();
    fs::rename(desk.path("tokens"), desk.path("away")).unwrap();
    let faults: [(Fault, &str); 3] = [
        (|path| symlink("nowhere", path).unwrap(), "leads nowhere"),
        (|path| symlink("tokens", path).unwrap(), "cannot be read"),
        (|path| fs::write(path, "").unwrap(), "cannot be read"),
    ];
    for (make, why) in faults {
        let path = desk.path("tokens");
        make(&path);
        for command in [
            &["slots"][..],
            &["objects", "list"],
            &["init", "--label", "new", "--if-missing"],
        ] {
            let answer = desk.run(command);
            let error = String::from_utf8(answer.0.stderr.clone()).unwrap();
            assert!(!error.contains("tenon init"), "{error}");
            answer.refused(1, &["directories.tokendir", why]);
        }
        fs::remove_file(path).unwrap();
    }
    // Mounts are often a chain of links.
    symlink("away", desk.path("..data")).unwrap();
    symlink("..data", desk.path("tokens")).unwrap();
    desk.run(&["objects", "list", "--token", "desk"]).ok();
}

/// What is left of a token whose file is missing, each file by itself: the slot is not free.
#[test]
fn what_is_left_of_a_token_keeps_its_slot() {
    for left in ["tenon-wal", "tenon-shm", "gen", "reserve", "lock"] {
        let desk = Desk::new();
        keep(&desk);
        fs::remove_file(desk.path("tokens/slot-0000.tenon")).unwrap();
        let name = format!("slot-0000.{left}");
        fs::copy(
            desk.path(&format!("kept/{name}")),
            desk.path(&format!("tokens/{name}")),
        )
        .unwrap();
        let why = ["unreadable", "file is missing", &name, "tenon restore"];
        let out = desk.run(&["slots"]).failed(&["unreadable: slot 0"]);
        assert!(why.iter().all(|word| out.contains(word)), "{out}");
        assert!(!out.contains("tenon init"), "{out}");
        for command in [
            &["objects", "list"][..],
            &["init", "--label", "desk", "--if-missing"],
            &["init", "--label", "desk"],
        ] {
            desk.run(command).refused(1, &why);
        }
        desk.run(&["init", "--label", "desk", "--slot", "0"])
            .refused(1, &["slot 0", "not erased"]);
        let doctor = desk.run(&["doctor"]).with_status(1);
        assert!(doctor.contains("Slot 0: (unreadable)"), "{doctor}");
        put_back(&desk);
        desk.run(&["slots"]).ok();
        desk.run(&["init", "--label", "desk", "--if-missing"]).ok();
    }
}

#[test]
fn a_file_of_another_name_is_said_to_be_unused() {
    let desk = Desk::new();
    desk.run(&["slots"]).ok();
    let names = ["SLOT-0000.TENON", "slot-0.tenon", "slot-0000.tenon.bak"];
    for name in names {
        fs::copy(
            desk.path("tokens/slot-0000.tenon"),
            desk.path(&format!("tokens/{name}")),
        )
        .unwrap();
    }
    let unused = format!("not used: {} (", names.join(", "));
    let out = desk.run(&["slots"]).ok().out();
    assert!(out.contains(&unused) && out.contains("desk"), "{out}");
    let doctor = desk.run(&["doctor", "--json"]).json();
    let checks = doctor[0]["checks"].as_array().unwrap().iter();
    let check = checks.filter(|check| check["check"] == "other files");
    let found: Vec<_> = check.map(|check| text(check, "found")).collect();
    assert_eq!(found, [names.join(", ")]);

    // A client that misses its token finds the reason in the log.
    let only = desk.path("tokens/slot-0.tenon");
    for entry in fs::read_dir(desk.path("tokens")).unwrap() {
        let path = entry.unwrap().path();
        if path != only {
            fs::remove_file(path).unwrap();
        }
    }
    desk.run(&["objects", "list"])
        .refused(1, &["there is no token in", "not used: slot-0.tenon"]);
}
