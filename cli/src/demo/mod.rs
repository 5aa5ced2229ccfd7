//! `tenon demo`: outside keys come into a token of their own, and the rules of their life are shown.
//!
//! The token directory is temporary. The walk itself runs in a child process with that directory
//! in its environment, so that no setting of the user's is touched, and the parent removes it.

mod client;
mod outside;
mod walk;

use std::fs::{self, DirBuilder};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use clap::Args;

use crate::Result;
use crate::{module_file, own_file};

/// Prefix of the variables that configure the library.
const SETTINGS: &str = "TENON_";
/// The variable that names the token directory.
const TOKEN_DIRECTORY: &str = "TENON_DIRECTORIES_TOKENDIR";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Keep the token in this new directory instead of a temporary one
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The PKCS#11 library; without it $TENON_MODULE, else the one that was built or installed with this program
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Walk in the token directory that the environment names
    #[arg(long, hide = true)]
    walk: bool,
    /// That directory is to be removed
    #[arg(long, hide = true)]
    temporary: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.walk {
        follow_parent(arguments.temporary);
        return walk::run(&module(arguments)?);
    }
    if let Some(kept) = &arguments.keep {
        make(kept)?;
        walk_in(&kept.canonicalize()?, arguments, false)?;
        println!("The token is kept in {}", kept.display());
        return Ok(());
    }
    let temporary = Temporary::new()?;
    walk_in(&temporary.0, arguments, true)
}

/// The library to load.
fn module(arguments: &Arguments) -> Result<PathBuf> {
    arguments.module.clone().map_or_else(module_file::find, Ok)
}

/// A directory that is removed when dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("tenon-demo-{}", outside::random_name()?));
        make(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // The child may have removed it already.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn make(path: &Path) -> Result<()> {
    DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(|error| format!("cannot make {}: {error}", path.display()).into())
}

/// Runs the walk in a child of its own process group, which an interrupt from the keyboard does
/// not reach: it ends the parent, `stdin` of the child closes, and the child cleans up.
fn walk_in(directory: &Path, arguments: &Arguments, temporary: bool) -> Result<()> {
    let mut command = Command::new(own_file::path()?);
    command.args(["demo", "--walk"]);
    if temporary {
        command.arg("--temporary");
    }
    // Its variable is not passed on.
    command.arg("--module").arg(module(arguments)?);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(SETTINGS.as_bytes()) {
            command.env_remove(name);
        }
    }
    let mut child = command
        .env(TOKEN_DIRECTORY, directory)
        .stdin(Stdio::piped())
        .process_group(0)
        .spawn()?;
    // `wait` closes `child.stdin`, which must stay open until the child has ended.
    let held = child.stdin.take();
    let status = child.wait()?;
    drop(held);
    if status.success() {
        return Ok(());
    }
    Err("the demonstration failed".into())
}

/// Ends this process when the parent is gone, and has the temporary directory removed after that: as
/// long as this process runs, its walk makes files there.
fn follow_parent(temporary: bool) {
    thread::spawn(move || {
        // Nobody writes to this input: reading ends when the parent has ended and the pipe closes.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        if let Some(directory) = std::env::var_os(TOKEN_DIRECTORY).filter(|_| temporary) {
            // The shell waits until its input closes, which is when this process has ended.
            let remover = Command::new("sh")
                .args(["-c", "cat >/dev/null; rm -rf -- \"$1\"", "sh"])
                .arg(directory)
                .stdin(Stdio::piped())
                .process_group(0)
                .spawn();
            std::mem::forget(remover);
        }
        std::process::exit(1);
    });
}
