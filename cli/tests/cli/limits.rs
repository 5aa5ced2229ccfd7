//! Files that are far too long, never end, or are folders or pipes: what each command says of them.

use std::fs::File;
use std::process::{Command, Stdio};

use super::common::{Answer, Desk, file};

/// Stands for the file in the arguments of a command.
const FILE: &str = "{}";
const OAEP: &str = "RSAES_OAEP_SHA_256";
/// What is said of a file that is too long to be a key or a blob, and to have a PIN.
const KEY: &str = "more than 1048576 bytes";
const PIN: &str = "more than 65536 bytes";

/// Commands that read a file whole, and how they refuse one that is too long.
const WHOLE: [(&[&str], &str); 15] = [
    (&["import", FILE, "--label", "x"], KEY),
    (
        &["byok", "wrap", FILE, "--algorithm", OAEP, "-k", "public"],
        KEY,
    ),
    (
        &["byok", "wrap", "blob", "--algorithm", OAEP, "-k", FILE],
        KEY,
    ),
    (&["byok", "import", "k", FILE], KEY),
    (&["byok", "import", "k", "blob", FILE], KEY),
    (
        &["byok", "import", "k", "blob", "--import-token", FILE],
        KEY,
    ),
    (
        &["import", "locked", "--label", "x", "--password-file", FILE],
        PIN,
    ),
    (&["init", "--label", "new", "--so-pin-file", FILE], PIN),
    (&["init", "--label", "new", "--pin-file", FILE], PIN),
    (&["objects", "list", "--pin-file", FILE], PIN),
    (&["audit", "verify", "--pin-file", FILE], PIN),
    (
        &["audit", "archive", "new", "--so", "--so-pin-file", FILE],
        PIN,
    ),
    (&["pin", "change", "--pin-file", FILE], PIN),
    (&["pin", "unlock", "--so-pin-file", FILE], PIN),
    (&["pin", "unlock", "--new-pin-file", FILE], PIN),
];

/// Commands that go through a file bit by bit, or replace it, and how they refuse one of another kind.
const OTHERS: [(&[&str], &str); 5] = [
    (&["restore", FILE, "--yes"], "is no backup"),
    (&["audit", "archive", FILE], "no archive"),
    (&["audit", "verify", "--archive", FILE], "no archive"),
    (&["audit", "export", "--archive", FILE], "no archive"),
    (&["backup", FILE], ""),
];

/// A token, the other files that the commands name, a file of 1 TiB that takes no room on the disk, and
/// a pipe.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("public", file("rsa-public.pem"));
    desk.write("locked", file("ec-aes256.pem"));
    desk.write("blob", [1; 32]);
    let huge = File::create(desk.path("huge")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let made = Command::new("mkfifo").arg(desk.path("pipe")).status();
    assert!(made.unwrap().success());
    desk
}

/// Runs a command on `file`.
fn run(desk: &Desk, arguments: &[&str], file: &str) -> Answer {
    let arguments: Vec<&str> = arguments
        .iter()
        .map(|argument| if *argument == FILE { file } else { argument })
        .collect();
    println!("{arguments:?}");
    desk.run(&arguments)
}

#[test]
fn a_file_that_is_read_whole_has_a_greatest_length() {
    let desk = desk();
    for (arguments, limit) in WHOLE {
        run(&desk, arguments, "huge").refused(1, &["huge", limit]);
        run(&desk, arguments, "/dev/zero").refused(1, &["/dev/zero", limit]);
        run(&desk, arguments, "tokens").refused(1, &["tokens", "directory"]);
    }
}

/// A shell gives a program a pipe where it says `<(command)`.
#[test]
fn a_pipe_that_is_read_whole_has_one_too() {
    let desk = desk();
    for (arguments, limit) in WHOLE {
        let mut writer = Command::new("sh")
            .args(["-c", "exec cat /dev/zero >pipe"])
            .current_dir(&desk.folder)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        run(&desk, arguments, "pipe").refused(1, &["pipe", limit]);
        assert!(!writer.wait().unwrap().success());
    }
}

#[test]
fn what_is_not_read_whole_is_not_waited_for_either() {
    let desk = desk();
    for (arguments, words) in OTHERS {
        for file in ["huge", "/dev/zero", "pipe", "tokens"] {
            run(&desk, arguments, file).refused(1, &[file, words]);
        }
    }
    assert_eq!(desk.objects(&[]).len(), 0, "the token is as it was");
}

#[test]
fn a_file_that_a_setting_names_has_a_greatest_length() {
    let desk = desk();
    let huge = desk.path("huge");
    for file in [huge.to_str().unwrap(), "/dev/zero"] {
        desk.run_with(&[("TENON_CONF", file)], &["slots"])
            .refused(1, &[file, "1 MiB"]);
        let secret = [("TENON_PIN_KEY_FILE", file)];
        desk.run_with(&secret, &["objects", "list", "--login"])
            .refused(1, &[file, "16 to 4096 bytes"]);
    }
}
