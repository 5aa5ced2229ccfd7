//! Files that are far too long, never end, or are folders or pipes: what each command says of them.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
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

/// Everything that lies beside a token's file.
const BESIDE: [&str; 6] = [
    "tenon-wal",
    "tenon-shm",
    "tenon-journal",
    "gen",
    "reserve",
    "lock",
];

fn make_pipe(path: &std::path::Path) {
    let _ = fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// The command as an argument of another one, with the same environment.
fn within(other: &[&str], program: &Command) -> Command {
    let mut command = Command::new(other[0]);
    command.args(&other[1..]).arg(program.get_program());
    command.args(program.get_args());
    if let Some(folder) = program.get_current_dir() {
        command.current_dir(folder);
    }
    command.env_clear().env("PATH", "/usr/bin:/bin");
    let variables = program.get_envs();
    command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null());
    command
}

/// Ends a command that waits for ever, with status 124.
const TIMEOUT: [&str; 2] = ["timeout", "60"];

fn run_limited(desk: &Desk, arguments: &[&str]) -> Answer {
    Answer::of(&mut within(&TIMEOUT, &desk.command(arguments)))
}

#[test]
fn a_pipe_in_place_of_a_file_beside_the_token_is_not_waited_for() {
    for name in BESIDE {
        let desk = Desk::new();
        let pipe = desk.path("tokens").join(format!("slot-0000.{name}"));
        make_pipe(&pipe);
        for arguments in [
            &["slots"][..],
            &["keys", "generate", "--type", "aes:256", "--label", "a"],
            &["objects", "list", "--login"],
            &["backup", "backup", "--replace"],
            &["doctor"],
        ] {
            let answer = run_limited(&desk, arguments);
            let status = answer.0.status.code();
            assert!(
                matches!(status, Some(0 | 1)),
                "{name}: {arguments:?} {status:?}"
            );
            // Where the token can be used without the file, it is; else it is said which one is in the way.
            if status == Some(1) && arguments[0] != "doctor" {
                answer.failed(&[&format!("slot-0000.{name}"), "not a regular file"]);
            }
        }
        let other = Desk::new();
        other.run(&["backup", "copy"]).ok();
        fs::rename(other.path("copy"), desk.path("copy")).unwrap();
        let restored = run_limited(&desk, &["restore", "copy", "--slot", "0", "--yes"]);
        assert!(matches!(restored.0.status.code(), Some(0 | 1)), "{name}");
        run_limited(&desk, &["token", "delete", "--slot", "0", "--yes"]).warned(&[]);
        assert!(!pipe.exists(), "{name}");
    }
}

#[test]
fn a_pipe_without_a_reader_takes_no_log_and_no_time() {
    let desk = desk();
    let log = desk.path("pipe").to_str().unwrap().to_owned();
    let mut command = within(&TIMEOUT, &desk.command(&["slots"]));
    command
        .env("TENON_LOG_TARGET", log)
        .env("TENON_LOG_LEVEL", "debug");
    fs::remove_file(desk.path("tokens/slot-0000.reserve")).unwrap();
    make_pipe(&desk.path("tokens/slot-0000.reserve"));
    Answer::of(&mut command).ok();
}

/// Below each of these limits something that the program writes does not fit.
#[test]
fn a_limit_on_the_length_of_files_ends_no_process() {
    for limit in [0, 4096, 40_960, 131_072, 1 << 20, 5_000_000] {
        for desk in [Desk::empty(), Desk::new()] {
            for arguments in [
                &["init", "--label", "new"][..],
                &["slots"],
                &["keys", "generate", "--type", "aes:256", "--label", "a"],
                &["objects", "delete", "--label", "a", "--yes"],
                &["audit", "archive", "archived"],
                &["audit", "verify"],
                &["backup", "backup", "--replace"],
            ] {
                let limited = ["prlimit", &format!("--fsize={limit}")];
                let mut command = within(&limited, &desk.command(arguments));
                // The signal would be ignored where this program ignores it.
                let status = Answer::of(&mut command).0.status;
                assert_eq!(status.signal(), None, "{limit}: {arguments:?}");
                assert!(status.code().is_some_and(|code| code < 128), "{limit}");
            }
        }
    }
}

#[test]
fn a_wrong_number_is_told_what_a_right_one_is() {
    let desk = Desk::empty();
    let any = "expected a whole number";
    for (arguments, expected) in [
        (&["objects", "list", "--slot", "x"][..], any),
        (&["init", "--label", "a", "--slot", "x"], any),
        (&["restore", "file", "--slot", "-"], any),
        (&["audit", "list", "--limit", "many"], any),
        (&["audit", "export", "--after", "1.5"], any),
        (&["random", "0"], "from 1 to 1048576"),
        (&["random", "99999999999999999999"], "from 1 to 1048576"),
        (
            &["byok", "schedule-deletion", "k", "--days", "x"],
            "from 1 to 1096",
        ),
        (
            &["byok", "schedule-deletion", "k", "--days", "0"],
            "from 1 to 1096",
        ),
        (&["byok", "receipt", "k", "--version", "x"], any),
        (
            &["keys", "generate", "--type", "ec:P-25"],
            "P-25 is no curve",
        ),
    ] {
        desk.run(arguments).refused(2, &[expected]);
    }
}

#[test]
fn a_pin_that_nobody_can_be_asked_for_is_named_with_where_it_could_come_from() {
    let desk = Desk::empty();
    let command = desk.command(&["init", "--label", "a"]);
    // A session of its own has no terminal.
    let mut alone = Command::new("setsid");
    alone
        .arg("--wait")
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", desk.path(""))
        .env("SOFTHSM2_CONF", "/dev/null")
        .env("TENON_DIRECTORIES_TOKENDIR", desk.path("tokens"));
    Answer::of(&mut alone).refused(1, &["$TENON_SO_PIN", "there is no terminal to ask at"]);
}
