//! Tokens whose files another user may read, and not write.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;

use super::common::{Answer, Desk};

const NOBODY: u32 = 65_534;

/// The program as another user runs it, where this test may become one.
fn elsewhere(desk: &Desk, read_only: &str, arguments: &[&str]) -> Option<Answer> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        println!("not run: only root becomes another user");
        return None;
    }
    // Where the program was built, that user may have no way in.
    let program = desk.path("tenon");
    if !program.exists() {
        desk.copy_program("tenon");
        mode(desk.folder.path(), 0o755);
        mode(&program, 0o755);
    }
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .current_dir("/")
        .env_clear()
        .env("TENON_DIRECTORIES_TOKENDIR", desk.path("tokens"))
        .env("TENON_PIN", super::common::PIN)
        .env(
            "TENON_LOG_TARGET",
            if read_only == "false" {
                "stderr"
            } else {
                "off"
            },
        )
        .env("TENON_STORE_READ_ONLY", read_only)
        .gid(NOBODY)
        .uid(NOBODY);
    Some(Answer::of(&mut command))
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A token with one key, its folder closed to all who would write; `keep` says which files stay, and
/// `readable` which of them others may read.
fn published(keep: fn(&str) -> bool, readable: fn(&str) -> bool) -> Desk {
    let desk = Desk::new();
    let key = ["keys", "generate", "--type", "ec:P-256", "--label", "key"];
    desk.run(&key).ok();
    let tokens = desk.path("tokens");
    for entry in fs::read_dir(&tokens).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if !keep(&name) {
            fs::remove_file(entry.path()).unwrap();
        } else if readable(&name) {
            mode(&entry.path(), 0o444);
        }
    }
    mode(&tokens, 0o555);
    desk
}

fn token(name: &str) -> bool {
    name.ends_with(".tenon")
}

#[test]
fn one_setting_lets_keys_be_found_and_used() {
    for (keep, readable) in [
        (
            (|_| true) as fn(&str) -> bool,
            (|_| true) as fn(&str) -> bool,
        ),
        (|_| true, token),
        (token, token),
    ] {
        let desk = published(keep, readable);
        let list = ["objects", "list", "--login"];
        let Some(listed) = elsewhere(&desk, "auto", &list) else {
            return;
        };
        assert!(listed.ok().out().contains("key"));
        let made = ["keys", "generate", "--type", "aes:256", "--label", "new"];
        elsewhere(&desk, "auto", &made)
            .unwrap()
            .refused(1, &["CKR_TOKEN_WRITE_PROTECTED"]);

        // Somebody who may write does, and it is seen.
        desk.run(&made).ok();
        if keep("slot-0000.gen") && readable("slot-0000.gen") {
            assert!(
                elsewhere(&desk, "auto", &list)
                    .unwrap()
                    .ok()
                    .out()
                    .contains("new")
            );
        }
    }
}

#[test]
fn a_login_with_true_needs_the_second_setting() {
    let desk = published(|_| true, |_| true);
    let list = ["objects", "list", "--login"];
    let Some(refused) = elsewhere(&desk, "true", &list) else {
        return;
    };
    refused.refused(1, &["policy.read_only_login"]);
}

#[test]
fn without_a_setting_the_error_names_it() {
    let desk = published(|_| true, |_| true);
    let Some(refused) = elsewhere(&desk, "false", &["objects", "list"]) else {
        return;
    };
    refused.refused(1, &["store.read_only = auto"]);
}

/// A token's file and its log on media that nobody can write to: the index of the log cannot be made.
#[test]
fn a_log_without_its_index_is_named() {
    let desk = Desk::new();
    let file = desk.path("tokens/slot-0000.tenon");
    let reader = rusqlite::Connection::open(&file).unwrap();
    // What it reads stays in the log.
    reader.execute_batch("BEGIN").unwrap();
    let rows = || reader.query_row("SELECT count(*) FROM meta", [], |row| row.get::<_, i64>(0));
    assert!(rows().unwrap() > 0);
    desk.run(&["keys", "generate", "--type", "aes:256", "--label", "new"])
        .ok();
    let media = desk.path("media");
    fs::create_dir(&media).unwrap();
    for name in ["slot-0000.tenon", "slot-0000.tenon-wal"] {
        fs::copy(desk.path("tokens").join(name), media.join(name)).unwrap();
        mode(&media.join(name), 0o444);
    }
    assert!(
        fs::metadata(media.join("slot-0000.tenon-wal"))
            .unwrap()
            .len()
            > 0
    );
    drop(reader);
    fs::rename(desk.path("tokens"), desk.path("away")).unwrap();
    fs::rename(&media, desk.path("tokens")).unwrap();
    mode(&desk.path("tokens"), 0o555);
    let Some(answer) = elsewhere(&desk, "auto", &["objects", "list"]) else {
        return;
    };
    let error = String::from_utf8(answer.0.stderr.clone()).unwrap();
    assert!(!error.contains("store.read_only"), "{error}");
    answer.refused(1, &["slot-0000.tenon-wal", "`-shm`", "`tenon backup`"]);

    // What the sentence says to do.
    mode(&desk.path("tokens"), 0o755);
    for name in ["slot-0000.tenon", "slot-0000.tenon-wal"] {
        mode(&desk.path("tokens").join(name), 0o644);
    }
    desk.run(&["backup", "whole"]).ok();
    let backup = desk.path("whole");
    let read = rusqlite::Connection::open(&backup).unwrap();
    let keys = read.query_row("SELECT count(*) FROM object", [], |row| {
        row.get::<_, i64>(0)
    });
    assert_eq!(keys.unwrap(), 1);
}
