//! `tenon`: the command line of the token.
//!
//! All commands but the demonstration use the library as Rust code: no `unsafe`, and no wrong
//! library that could be found. The demonstration loads the built one, as any program would.

mod advice;
mod anchor;
mod ask;
mod audit;
mod backup;
mod base64;
mod byok;
mod client_config;
mod clock;
mod config;
mod demo;
mod doctor;
#[cfg(test)]
mod document;
mod elsewhere;
mod encoding;
mod examples;
mod export;
mod failure;
mod files;
mod import;
mod init;
mod keyfile;
mod keys;
mod manual;
mod metrics;
mod migrate;
mod module_file;
mod number;
mod numbered_keys;
mod object;
mod objects;
mod our_key;
mod output;
mod own_file;
mod pin;
mod private_key;
mod proof;
mod public_key;
mod random;
mod restore;
mod slots;
mod status;
mod store_command;
mod table;
mod template;
mod token;
mod token_command;
mod when;
mod x509;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use status::Result;

/// Tenon, a PKCS#11 software HSM for bring-your-own-key.
///
/// Tokens live in directories.tokendir of the configuration, or in $TENON_DIRECTORIES_TOKENDIR;
/// `tenon config` shows it. PINs come from files, from $TENON_PIN and $TENON_SO_PIN, or from the
/// terminal, never from the command line, which other users can see.
#[derive(Parser)]
#[command(name = "tenon", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Say errors as JSON too: one object on the last line of standard error
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a token with its two PINs
    Init(init::Arguments),
    /// Lists the slots and their tokens
    Slots(slots::Arguments),
    /// Lists, shows and deletes objects
    #[command(subcommand)]
    Objects(objects::Command),
    /// Makes keys inside a token
    #[command(subcommand)]
    Keys(keys::Command),
    /// Brings keys and certificates from files into a token
    ///
    /// Private keys: PKCS#8, also encrypted, PKCS#1 or SEC 1; public keys; X.509 certificates; PEM or
    /// DER, several in one PEM file. Secret keys: their bytes, with --type. A private key brings its
    /// public key along. To import a key that nobody saw in clear, wrap it and use C_UnwrapKey.
    Import(import::Arguments),
    /// Writes a public key or a certificate to a file; private and secret keys never leave
    Export(export::Arguments),
    /// Moves the objects of another module into a token
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Makes a request for a certificate of a private key of the token, signed by it: PKCS #10, PEM
    Csr(x509::RequestArguments),
    /// Makes certificates of the token's keys
    #[command(subcommand)]
    Cert(x509::Command),
    /// Brings your own keys: external keys, whose material comes wrapped and never leaves
    #[command(subcommand)]
    Byok(byok::Command),
    /// Renames and removes whole tokens
    #[command(subcommand)]
    Token(token_command::Command),
    /// Works on the places where tokens are kept
    #[command(subcommand)]
    Store(store_command::Command),
    /// Changes and unlocks PINs
    #[command(subcommand)]
    Pin(pin::Command),
    /// Shows and checks the record of what was done with a token
    #[command(subcommand)]
    Audit(audit::Command),
    /// Shows what a token takes for the time, and accepts a clock that it does not believe
    #[command(subcommand)]
    Clock(clock::Command),
    /// Shows whether a token's file is the latest one, and accepts one that is refused
    #[command(subcommand)]
    Anchor(anchor::Command),
    /// Copies a token into one file, also while programs use and change it
    ///
    /// The copy is sealed as the token is: making it needs no PIN, and the keys in it are as safe as the
    /// PINs. It is verified before it gets its name. Copying the token's file by other means is no backup
    /// while a program has the token open: what is in the log beside it would be missing.
    Backup(backup::Arguments),
    /// Puts a backup in the place of a token, or into a free slot
    ///
    /// Everything in the token is then as it was when the backup was made: keys that were made since are
    /// gone, keys that were destroyed since are back, PINs and wrong tries are the old ones. The command
    /// says what it would undo, and asks.
    Restore(restore::Arguments),
    /// Examines the tokens and their files when something is wrong, and says what to do
    ///
    /// For each token: the file and those beside it, who may read them, the free space, the PINs, the
    /// clock, the anchor, and SQLite's own check. With a PIN also the audit record, each object against
    /// it, and the search index. Each line is ok, warning, failed or left out; the exit status is 1 when
    /// one has failed. A PIN is used where one token is examined: the only one, or the one chosen.
    Doctor(doctor::Arguments),
    /// Prints metrics for Prometheus: PIN tries, records, keys by state, the next expiry; needs no PIN
    Metrics(metrics::Arguments),
    /// Shows the settings in force, and where each comes from
    Config(config::Arguments),
    /// Prints what a client program needs to use a token: the module, a URI, lines of its configuration
    ///
    /// Without a name it lists the clients. docs/clients has a page for each, whose commands the tests execute.
    ClientConfig(client_config::Arguments),
    /// Prints random bytes of the generator that makes the keys
    Random(random::Arguments),
    /// Writes the manual pages, and the completions for bash, zsh and fish, into a folder
    Manual(manual::Arguments),
    /// Brings outside keys into a temporary token, and shows what the token allows and refuses
    Demo(demo::Arguments),
}

fn main() -> ExitCode {
    let parsed = examples::add_to(Cli::command()).try_get_matches();
    let command = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli.command,
        Err(error) => return failure::report_usage(&error),
    };
    let done = match command {
        Command::Init(arguments) => init::run(&arguments),
        Command::Slots(arguments) => slots::run(&arguments),
        Command::Objects(command) => objects::run(&command),
        Command::Keys(command) => keys::run(&command),
        Command::Import(arguments) => import::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Csr(arguments) => x509::request(&arguments),
        Command::Cert(command) => x509::run(&command),
        Command::Migrate(command) => return finish(migrate::run(&command)),
        Command::Byok(command) => return finish(byok::run(&command)),
        Command::Token(command) => token_command::run(&command),
        Command::Store(command) => store_command::run(&command),
        Command::Pin(command) => pin::run(&command),
        Command::Audit(command) => audit::run(&command),
        Command::Clock(command) => clock::run(&command),
        Command::Anchor(command) => anchor::run(&command),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Restore(arguments) => restore::run(&arguments),
        Command::Doctor(arguments) => return finish(doctor::run(&arguments)),
        Command::Metrics(arguments) => metrics::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::ClientConfig(arguments) => client_config::run(&arguments),
        Command::Random(arguments) => random::run(&arguments),
        Command::Manual(arguments) => manual::run(&arguments, examples::add_to(Cli::command())),
        Command::Demo(arguments) => demo::run(&arguments),
    };
    finish(done.map(|()| ExitCode::SUCCESS))
}

/// The exit status. Tells the user of an error.
fn finish(done: Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|error| failure::report(&*error))
}
