//! `tenon manual`: manual pages and completions, written from what `--help` says.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use crate::Result;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Folder in which `man1` and `completions` are made; files of the same names are replaced
    folder: PathBuf,
}

/// `program`: the whole command line.
pub(crate) fn run(arguments: &Arguments, program: Command) -> Result<()> {
    let program = without_help(program);
    let completions = made(&arguments.folder, "completions")?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut program.clone(), "tenon", &completions)?;
    }
    let pages = made(&arguments.folder, "man1")?;
    Ok(clap_mangen::generate_to(program, pages)?)
}

fn made(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::create_dir_all(&path)
        .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
    Ok(path)
}

/// The same commands without `help`, which would have a page for each of them once more.
fn without_help(command: Command) -> Command {
    command
        .disable_help_subcommand(true)
        .mut_subcommands(without_help)
}
