//! `tenon migrate`: what another module keeps comes into a token.

mod compare;
mod environment;
mod kryoptic;
mod module_choice;
mod other_module;
mod pkcs11;
mod plan;
mod probe;
mod report;
mod softhsm;
mod source;
mod source_choice;
mod transfer;

use std::process::ExitCode;

use clap::Subcommand;

use crate::Result;

pub(crate) use kryoptic::Database as KryopticToken;
pub(crate) use softhsm::tokens as softhsm_tokens;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Moves a token of SoftHSM 2 into a token of this program
    ///
    /// The objects are read from SoftHSM's files or its database with the token's user PIN, sensitive keys and
    /// those that are not extractable too; SoftHSM's files stay as they are. A run that was interrupted is begun
    /// again with the same command: what is there already is not made twice. With SoftHSM's module, each private
    /// and secret key then signs, decrypts, agrees or wraps in both, and the results are compared. The report
    /// says what was refused, what could not be kept, and which keys could not be compared; the exit status is
    /// 1 where an object was refused or computes something else.
    Softhsm(softhsm::Arguments),
    /// Moves a token of kryoptic into a token of this program
    ///
    /// As `tenon migrate softhsm`: the objects are read from kryoptic's SQLite database with the token's user PIN, and the
    /// database stays as it is. With kryoptic's module, each private and secret key is then compared in both.
    Kryoptic(kryoptic::Arguments),
    /// Moves what a token of any PKCS#11 module lets out
    ///
    /// Certificates, data, public keys, keys that can be read, and keys that are extractable: those that are sensitive
    /// leave wrapped by a key that is made for it in the other module and opened here, so this program sees them in
    /// clear. Keys that do not leave their module are named in the report. The other token is not changed. A run that
    /// was interrupted is begun again with the same command; each private and secret key is then compared in both, as by
    /// `tenon migrate softhsm`. Templates that a key has for others (CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE,
    /// CKA_DERIVE_TEMPLATE) do not come along; the report says of which keys.
    Pkcs11(pkcs11::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Softhsm(arguments) => softhsm::run(arguments),
        Command::Kryoptic(arguments) => kryoptic::run(arguments),
        Command::Pkcs11(arguments) => pkcs11::run(arguments),
    }
}
