//! A token that the members of a group share. Needs root, to be several users.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::common::{Answer, Desk, PIN, asked};

const GROUP: u32 = 65_101;
/// Users, and the group that each has by itself.
const ADA: (u32, u32) = (65_001, 65_001);
const BOB: (u32, u32) = (65_002, 65_002);
/// As a platform that gives each container a user of its own does it.
const RANDOM: (u32, u32) = (1_000_650_000, GROUP);

/// `None` where this process cannot be other users.
fn desk() -> Option<(Desk, PathBuf)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        println!("not run: only root can be several users");
        return None;
    }
    let desk = Desk::empty();
    fs::set_permissions(&desk.folder, Permissions::from_mode(0o755)).unwrap();
    // Where the build is may be closed to them.
    let program = desk.copy_program("tenon");
    let anchor = desk.path("anchor");
    fs::create_dir(&anchor).unwrap();
    chown(&anchor, None, Some(GROUP)).unwrap();
    fs::set_permissions(&anchor, Permissions::from_mode(0o770)).unwrap();
    Some((desk, program))
}

/// The program as run by a user of the group, whose own umask is `umask`.
fn command(desk: &Desk, program: &Path, (uid, gid): (u32, u32), umask: &str) -> Command {
    let shell = format!("umask {umask}; exec \"$0\" \"$@\"");
    let mut settings = desk.command(&[]);
    settings
        .env("TENON_OBJECTSTORE_UMASK", "0007")
        .env("TENON_STORE_ANCHOR", desk.path("anchor"));
    let mut command = Command::new("setpriv");
    command
        .args([
            format!("--reuid={uid}"),
            format!("--regid={gid}"),
            format!("--groups={GROUP}"),
        ])
        .args(["sh", "-c", &shell])
        .arg(program)
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(
            settings
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    command
}

fn run(desk: &Desk, program: &Path, who: (u32, u32), umask: &str, arguments: &[&str]) -> Answer {
    let mut command = command(desk, program, who, umask);
    Answer(command.args(arguments).output().unwrap())
}

/// Group and mode of every file of the token, and of its anchor.
fn rights(desk: &Desk) -> Vec<(String, u32, u32)> {
    let folders = ["tokens", "anchor"].map(|name| fs::read_dir(desk.path(name)));
    let entries = folders.into_iter().flatten().flatten();
    let files = entries.map(|entry| {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, metadata.gid(), metadata.mode() & 0o777)
    });
    files.collect()
}

fn shared(desk: &Desk) {
    for (name, group, mode) in rights(desk) {
        assert_eq!((group, mode), (GROUP, 0o660), "{name}: {mode:o}");
    }
}

/// With and without the setgid bit on the folder, and whatever the umask of the process.
#[test]
fn members_of_a_group_share_a_token() {
    for folder_mode in [0o770, 0o2770] {
        let Some((desk, program)) = desk() else {
            return;
        };
        let tokens = desk.path("tokens");
        fs::create_dir(&tokens).unwrap();
        chown(&tokens, Some(ADA.0), Some(GROUP)).unwrap();
        fs::set_permissions(&tokens, Permissions::from_mode(folder_mode)).unwrap();
        let run = |who, umask, arguments: &[&str]| run(&desk, &program, who, umask, arguments);

        run(ADA, "077", &["init", "--label", "shared"]).ok();
        shared(&desk);
        let generate = |who, umask, label| {
            let key = ["keys", "generate", "--type", "aes:256", "--label", label];
            run(who, umask, &key).ok();
            shared(&desk);
        };
        generate(BOB, "022", "bob");
        generate(ADA, "077", "ada");
        fs::remove_file(tokens.join("slot-0000.gen")).unwrap();
        fs::remove_file(tokens.join("slot-0000.reserve")).unwrap();
        generate(RANDOM, "077", "random");
        for who in [ADA, BOB, RANDOM] {
            let out = run(who, "077", &["objects", "list", "--login"]).ok().out();
            for label in ["ada", "bob", "random"] {
                assert!(out.contains(label), "{out}");
            }
        }
        let health = run(BOB, "077", &["doctor", "--json"]).json();
        let health = health.as_array().unwrap().iter();
        for check in health.flat_map(|one| one["checks"].as_array().unwrap()) {
            if ["folder", "file"].contains(&check["check"].as_str().unwrap()) {
                assert_eq!(check["state"], "ok", "{check}");
            }
        }
        // While one of them has it open, with SQLite's files made by him.
        let pin = desk.pin_pipe();
        let list = ["objects", "list", "--pin-file", &pin, "--login"];
        let mut open = command(&desk, &program, BOB, "077");
        open.args(list)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut open = open.spawn().unwrap();
        let mut answer = asked(&pin, &mut open);
        generate(ADA, "077", "beside");
        assert!(rights(&desk).len() >= 6, "{:?}", rights(&desk));
        answer.write_all(PIN.as_bytes()).unwrap();
        drop(answer);
        let out = Answer(open.wait_with_output().unwrap()).ok().out();
        assert!(out.contains("beside"), "{out}");

        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65003", "--regid=65003", "--clear-groups"])
            .arg(&program)
            .arg("slots")
            .envs([("TENON_DIRECTORIES_TOKENDIR", &tokens)]);
        let refused = Answer(command.output().unwrap());
        refused.refused(1, &["directories.tokendir", "permission denied"]);
    }
}

/// The new file is a member's who did not make the token, and everybody's who shares it.
#[test]
fn a_member_restores_what_another_has_made() {
    for folder_mode in [0o770, 0o2770] {
        let Some((desk, program)) = desk() else {
            return;
        };
        let tokens = desk.path("tokens");
        fs::create_dir(&tokens).unwrap();
        chown(&tokens, None, Some(GROUP)).unwrap();
        fs::set_permissions(&tokens, Permissions::from_mode(folder_mode)).unwrap();
        let run = |who, arguments: &[&str]| run(&desk, &program, who, "077", arguments);
        let backup = desk.path("anchor/backup");
        let backup = backup.to_str().unwrap();

        run(ADA, &["init", "--label", "shared"]).ok();
        run(BOB, &["backup", backup]).ok();
        run(
            ADA,
            &["keys", "generate", "--type", "aes:256", "--label", "later"],
        )
        .ok();
        run(BOB, &["restore", backup, "--yes"]).warned(&["would be lost: 1"]);
        fs::rename(backup, desk.path("backup")).unwrap();
        shared(&desk);
        run(BOB, &["anchor", "accept", "--yes"]).ok();
        let out = run(ADA, &["objects", "list", "--login"]).ok().out();
        assert!(!out.contains("later"), "{out}");

        // Where there is none yet, the folder's group and objectstore.umask decide.
        run(BOB, &["token", "delete", "--slot", "0", "--yes"]).ok();
        fs::copy(desk.path("backup"), desk.path("anchor/backup")).unwrap();
        chown(desk.path("anchor/backup"), Some(BOB.0), None).unwrap();
        run(BOB, &["restore", backup, "--yes"]);
        fs::remove_file(backup).unwrap();
        shared(&desk);
        run(ADA, &["slots"]).ok();
    }
}

#[test]
fn a_file_without_rights_is_unreadable_and_not_missing() {
    let Some((desk, program)) = desk() else {
        return;
    };
    let tokens = desk.path("tokens");
    fs::create_dir(&tokens).unwrap();
    chown(&tokens, Some(ADA.0), Some(GROUP)).unwrap();
    fs::set_permissions(&tokens, Permissions::from_mode(0o770)).unwrap();
    let run = |arguments: &[&str]| run(&desk, &program, ADA, "077", arguments);
    run(&["init", "--label", "closed"]).ok();
    let file = tokens.join("slot-0000.tenon");
    chown(&file, Some(0), Some(0)).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    run(&["slots"]).failed(&["unreadable: slot 0"]);
    run(&["init", "--label", "closed", "--if-missing"]).refused(1, &["may be there already"]);
    run(&["objects", "list"]).refused(1, &["unreadable"]);

    // The folder is listed, and nothing in it can be reached.
    fs::set_permissions(&tokens, Permissions::from_mode(0o760)).unwrap();
    chown(&tokens, Some(0), Some(GROUP)).unwrap();
    run(&["slots"]).failed(&["unreadable: slot 0", "permission denied"]);
    fs::set_permissions(&tokens, Permissions::from_mode(0o700)).unwrap();
    run(&["slots"]).refused(1, &["directories.tokendir", "permission denied"]);
    run(&["init", "--label", "closed", "--if-missing"]).refused(1, &["directories.tokendir"]);
}

#[test]
fn others_are_never_let_in() {
    let desk = Desk::empty();
    let umask = [("TENON_OBJECTSTORE_UMASK", "0022")];
    desk.run_with(&umask, &["init", "--label", "a"])
        .warned(&["objectstore.umask", "0027 is taken"]);
    for (name, _, mode) in rights(&desk) {
        assert_eq!(mode, 0o640, "{name}: {mode:o}");
    }
    let tokens = fs::metadata(desk.path("tokens")).unwrap().mode() & 0o7777;
    assert_eq!(tokens, 0o2750);
    for bad in ["0177", "0700", "8", "1000"] {
        desk.run_with(&[("TENON_OBJECTSTORE_UMASK", bad)], &["slots"])
            .refused(1, &["objectstore.umask"]);
    }
}
