//! The program, and what it answers.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use serde_json::Value;
use tempfile::TempDir;

pub(super) const SO_PIN: &str = "so-87654321";
pub(super) const PIN: &str = "user-1234";

/// A folder with the tokens and files of one test.
pub(super) struct Desk {
    pub(super) folder: TempDir,
}

impl Desk {
    /// Without a token.
    pub(super) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// With one token.
    pub(super) fn new() -> Self {
        let desk = Self::empty();
        desk.run(&["init", "--label", "desk"]).ok();
        desk
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Writes several files of `files/` into one.
    pub(super) fn join(&self, name: &str, parts: &[&str]) {
        self.write(
            name,
            parts
                .iter()
                .map(|part| file(part))
                .collect::<Vec<_>>()
                .concat(),
        );
    }

    /// The program with both PINs in its environment and nothing else of the caller's.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenon"));
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", self.folder.path())
            // Tokens of SoftHSM on this machine are told of by every command.
            .env("SOFTHSM2_CONF", "/dev/null")
            .env("TENON_DIRECTORIES_TOKENDIR", self.path("tokens"))
            .env("TENON_SO_PIN", SO_PIN)
            .env("TENON_PIN", PIN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.command(arguments))
    }

    /// As `run`, with variables of the environment changed; an empty one is removed.
    pub(super) fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Answer {
        let mut command = self.command(arguments);
        for (name, value) in variables {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value);
            }
        }
        Answer::of(&mut command)
    }

    /// As `run`, with `input` on standard input.
    pub(super) fn run_input(&self, input: &[u8], arguments: &[&str]) -> Answer {
        let mut command = self.command(arguments);
        command.env_remove("TENON_PIN").env_remove("TENON_SO_PIN");
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Answer(child.wait_with_output().unwrap())
    }

    /// Makes a file for a PIN that shows when the program asks for it: a pipe with a name.
    pub(super) fn pin_pipe(&self) -> String {
        let path = self.path("pin");
        mknodat(CWD, &path, FileType::Fifo, Mode::empty(), 0).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    /// A copy of the program on this desk. Another process makes it: what this one holds open for writing, each program
    /// that another test starts meanwhile inherits, and a file that is open so cannot be run.
    pub(super) fn copy_program(&self, name: &str) -> PathBuf {
        let copy = self.path(name);
        let mut cp = Command::new("cp");
        cp.arg(env!("CARGO_BIN_EXE_tenon")).arg(&copy);
        assert!(cp.status().unwrap().success());
        copy
    }

    /// The objects that `arguments` select, as JSON.
    pub(super) fn objects(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments = [&["objects", "list", "--json", "--login"], arguments].concat();
        self.run(&arguments).json().as_array().unwrap().clone()
    }

    /// Classes of the objects that `arguments` select, sorted.
    pub(super) fn classes(&self, arguments: &[&str]) -> Vec<String> {
        let objects = self.objects(arguments);
        let classes = objects
            .iter()
            .map(|object| text(object, "class").to_owned());
        let mut classes: Vec<_> = classes.collect();
        classes.sort();
        classes
    }
}

/// Waits until the program asks for the PIN in this pipe; what is written here is its answer.
pub(super) fn asked(pipe: &str, program: &mut Child) -> File {
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(nonblocking);
    loop {
        // A pipe that nobody reads cannot be opened.
        if let Ok(answer) = options.open(pipe) {
            return answer;
        }
        let ended = program.try_wait().unwrap();
        assert!(
            ended.is_none(),
            "the program ended before it asked: {ended:?}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Content of a file in `files/`.
pub(super) fn file(name: &str) -> Vec<u8> {
    fs::read(files().join(name)).unwrap()
}

/// Path of a file in `files/`.
pub(super) fn file_path(name: &str) -> String {
    files().join(name).to_str().unwrap().to_owned()
}

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/files")
}

/// What a run said.
pub(super) struct Answer(pub(super) Output);

impl Answer {
    pub(super) fn of(command: &mut Command) -> Self {
        Self(command.output().unwrap())
    }

    pub(super) fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0.stdout
    }

    pub(super) fn error(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// It was done, and nothing was complained of.
    #[track_caller]
    pub(super) fn ok(self) -> Self {
        assert_eq!(self.0.status.code(), Some(0), "{}", self.error());
        assert_eq!(self.error(), "");
        self
    }

    /// It was done, with all of `words` in what was complained of.
    #[track_caller]
    pub(super) fn warned(self, words: &[&str]) -> Self {
        let error = self.error();
        assert_eq!(self.0.status.code(), Some(0), "{error}");
        for word in words {
            assert!(error.contains(word), "no {word:?} in: {error}");
        }
        self
    }

    /// It failed with status 1 and all of `words` in what was complained of; what it printed before.
    #[track_caller]
    pub(super) fn failed(self, words: &[&str]) -> String {
        let error = self.error();
        assert_eq!(self.0.status.code(), Some(1), "{error}");
        for word in words {
            assert!(error.contains(word), "no {word:?} in: {error}");
        }
        self.out()
    }

    #[track_caller]
    pub(super) fn json(self) -> Value {
        let answer = self.ok();
        let out = answer.out();
        assert_eq!(out.lines().count(), 1, "one value on one line: {out}");
        serde_json::from_str(&out).unwrap()
    }

    /// It ended with this status without a complaint; what it printed.
    #[track_caller]
    pub(super) fn status(self, status: i32) -> String {
        assert_eq!(self.0.status.code(), Some(status), "{}", self.error());
        assert_eq!(self.error(), "");
        self.out()
    }

    /// It ended with this status, whatever it complained of; what it printed.
    #[track_caller]
    pub(super) fn with_status(self, status: i32) -> String {
        assert_eq!(self.0.status.code(), Some(status), "{}", self.error());
        self.out()
    }

    /// It was refused with this status, saying all of `words`, and printed nothing.
    #[track_caller]
    pub(super) fn refused(self, status: i32, words: &[&str]) {
        let error = self.error();
        assert_eq!(self.0.status.code(), Some(status), "{error}");
        assert_eq!(self.out(), "");
        for word in words {
            assert!(error.contains(word), "no {word:?} in: {error}");
        }
        for secret in [PIN, SO_PIN] {
            assert!(!error.contains(secret), "a PIN is shown: {error}");
        }
    }
}

/// What was broken into lines for a terminal, on one.
pub(super) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
pub(super) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap()
}
