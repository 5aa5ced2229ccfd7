//! `tenon`: the command line of the token.

mod client;
mod demo;
mod init;
mod pin;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a command answers: its own error, as one sentence for the user.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Tenon, a PKCS#11 software HSM for bring-your-own-key.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n\
                  Tokens live in directories.tokendir of the configuration, \
                  or in $TENON_DIRECTORIES_TOKENDIR."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a token with its two PINs
    Init(init::Arguments),
    /// Brings outside keys into a temporary token, and shows what the token allows and refuses
    Demo(demo::Arguments),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Init(arguments) => init::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
    };
    let Err(error) = done else {
        return ExitCode::SUCCESS;
    };
    eprintln!("tenon: {error}");
    ExitCode::FAILURE
}
