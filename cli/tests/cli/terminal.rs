//! What a user is asked at a terminal: PINs, which it does not show, and yes or no.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::common::{Desk, PIN, SO_PIN};

/// How often it is looked whether the terminal hides what is typed: a minute long.
const LOOKS: u32 = 30_000;

/// The program at a terminal of its own, without a PIN in its environment.
pub(super) struct Terminal {
    side: File,
    program: Child,
    /// All that the terminal has shown.
    shown: String,
    /// Where `shown` was read to.
    at: usize,
}

impl Terminal {
    fn run(desk: &Desk, arguments: &[&str]) -> Self {
        Self::of_width(desk, arguments, 80)
    }

    /// A terminal of so many columns.
    pub(super) fn of_width(desk: &Desk, arguments: &[&str], columns: u16) -> Self {
        let side = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&side).unwrap();
        unlockpt(&side).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let name = ptsname(&side, Vec::new()).unwrap();
        let other: OwnedFd = rustix::fs::open(name, flags, Mode::empty()).unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&side, size).unwrap();
        let mut command = desk.command(arguments);
        command
            .env_remove("TENON_PIN")
            .env_remove("TENON_SO_PIN")
            .stdin(other.try_clone().unwrap())
            .stdout(other.try_clone().unwrap())
            .stderr(other);
        // SAFETY: between fork and exec, two system calls and nothing else.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                Ok(rustix::process::ioctl_tiocsctty(std::io::stdin().as_fd())?)
            });
        }
        Self {
            side: side.into(),
            program: command.spawn().unwrap(),
            shown: String::new(),
            at: 0,
        }
    }

    /// Reads on until the terminal shows `text`.
    #[track_caller]
    fn shows(&mut self, text: &str) {
        loop {
            if let Some(found) = self.shown[self.at..].find(text) {
                self.at += found + text.len();
                return;
            }
            assert!(self.read(), "no {text:?} in {:?}", self.shown);
        }
    }

    /// What the program wrote since; nothing more comes once it has ended.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 1024];
        match self.side.read(&mut bytes) {
            Ok(len) => {
                self.shown += std::str::from_utf8(&bytes[..len]).unwrap();
                len != 0
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            // EIO: the program's side is closed.
            Err(_) => false,
        }
    }

    /// Types a line where the terminal must not show it.
    #[track_caller]
    fn types_hidden(&mut self, line: &str) {
        let echoes = || {
            let modes = tcgetattr(&self.side).unwrap().local_modes;
            modes.contains(LocalModes::ECHO)
        };
        let hidden = (0..LOOKS).any(|_| {
            std::thread::sleep(Duration::from_millis(2));
            !echoes()
        });
        assert!(hidden, "the terminal shows the PIN");
        self.types(line);
    }

    fn types(&mut self, line: &str) {
        self.side.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// The program's end, and all that the terminal showed.
    fn end(mut self) -> (ExitStatus, String) {
        while self.read() {}
        (self.program.wait().unwrap(), self.shown)
    }

    #[track_caller]
    pub(super) fn ends_well(self) -> String {
        let (status, shown) = self.end();
        assert!(status.success(), "{status}: {shown}");
        shown
    }

    #[track_caller]
    fn ends_refusing(self, why: &str) -> String {
        let (status, shown) = self.end();
        assert_eq!(status.code(), Some(1), "{shown}");
        assert!(shown.contains(why), "no {why:?} in: {shown}");
        shown
    }
}

#[track_caller]
fn hides(shown: &str, pins: &[&str]) {
    for pin in pins {
        assert!(!shown.contains(pin), "a PIN is shown: {shown}");
    }
}

fn labels(desk: &Desk) -> Vec<String> {
    let objects = desk.objects(&[]);
    let label = |object| super::common::text(object, "label").to_owned();
    objects.iter().map(label).collect()
}

#[test]
fn a_token_is_made_with_pins_that_are_typed_twice() {
    let desk = Desk::empty();
    let mut terminal = Terminal::run(&desk, &["init", "--label", "typed"]);
    for (question, pin) in [
        ("SO PIN: ", SO_PIN),
        ("SO PIN again: ", SO_PIN),
        ("user PIN: ", PIN),
        ("user PIN again: ", PIN),
    ] {
        terminal.shows(question);
        terminal.types_hidden(pin);
    }
    hides(&terminal.ends_well(), &[PIN, SO_PIN]);
    desk.run(&["objects", "list", "--login"]).ok();
}

#[test]
fn a_pin_that_is_typed_in_two_ways_changes_nothing() {
    let desk = Desk::empty();
    let mut terminal = Terminal::run(&desk, &["init", "--label", "typed"]);
    terminal.shows("SO PIN: ");
    terminal.types_hidden(SO_PIN);
    terminal.shows("SO PIN again: ");
    terminal.types_hidden("so-another");
    hides(
        &terminal.ends_refusing("the two SO PINs differ"),
        &[SO_PIN, "so-another"],
    );
    assert!(desk.run(&["slots", "--json"]).json()[0]["label"].is_null());

    let desk = Desk::new();
    let mut terminal = Terminal::run(&desk, &["pin", "change"]);
    for (question, pin) in [
        ("user PIN: ", PIN),
        ("new PIN: ", "another-1"),
        ("new PIN again: ", "another-2"),
    ] {
        terminal.shows(question);
        terminal.types_hidden(pin);
    }
    hides(
        &terminal.ends_refusing("the two new PINs differ"),
        &[PIN, "another-"],
    );
    desk.run(&["objects", "list", "--login"]).ok();
}

#[test]
fn a_pin_that_is_too_short_is_refused_before_anything_else_is_asked() {
    let desk = Desk::empty();
    let mut terminal = Terminal::run(&desk, &["init", "--label", "typed"]);
    terminal.shows("SO PIN: ");
    terminal.types_hidden("abc");
    let shown = terminal.ends_refusing("a PIN has 4 to 255 bytes");
    assert!(!shown.contains("again"), "{shown}");
}

#[test]
fn a_wrong_pin_is_refused_and_not_shown() {
    let desk = Desk::new();
    let mut terminal = Terminal::run(&desk, &["keys", "generate", "--type", "aes:128"]);
    terminal.shows("user PIN: ");
    terminal.types_hidden("mistyped");
    hides(&terminal.ends_refusing("CKR_PIN_INCORRECT"), &["mistyped"]);
}

#[test]
fn only_yes_deletes() {
    let desk = Desk::new();
    for label in ["one", "other"] {
        desk.run(&["keys", "generate", "--type", "aes:128", "--label", label])
            .ok();
    }
    desk.write("pin", PIN);
    let delete = ["objects", "delete", "--label", "one", "--pin-file", "pin"];
    for answer in ["", "n", "no", "Yes!", "yes no", "\u{4}"] {
        let mut terminal = Terminal::run(&desk, &delete);
        terminal.shows("[y/N] ");
        terminal.types(answer);
        terminal.ends_refusing("nothing was done");
        assert_eq!(labels(&desk).len(), 2, "after {answer:?}");
    }
    let mut terminal = Terminal::run(&desk, &delete);
    terminal.shows("[y/N] ");
    terminal.types("yes");
    terminal.ends_well();
    assert_eq!(labels(&desk), ["other"]);
}

#[test]
fn the_end_of_an_external_key_is_asked_for() {
    let desk = Desk::new();
    desk.run(&["byok", "create", "--spec", "AES_256", "--alias", "k"])
        .ok();
    desk.write("pin", PIN);
    let state = || {
        let key = desk.run(&["byok", "describe", "k", "--json"]).json();
        key["KeyMetadata"]["KeyState"].as_str().unwrap().to_owned()
    };
    let schedule = [
        "byok",
        "schedule-deletion",
        "k",
        "--days",
        "7",
        "--pin-file",
        "pin",
    ];
    let mut terminal = Terminal::run(&desk, &schedule);
    terminal.shows("Delete the key k for ever");
    terminal.shows("[y/N] ");
    terminal.types("n");
    terminal.ends_refusing("nothing was done");
    assert_eq!(state(), "PendingImport");
    let mut terminal = Terminal::run(&desk, &schedule);
    terminal.shows("[y/N] ");
    terminal.types("y");
    terminal.ends_well();
    assert_eq!(state(), "PendingDeletion");
}
