//! `tenon csr` and `tenon cert`: what names a key of the token, signed by the key itself.

mod request;
mod self_signed;
mod signature;
mod subject;

use clap::Subcommand;

use crate::Result;

pub(crate) use request::Arguments as RequestArguments;
pub(crate) use request::run as request;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes a certificate that the key itself has signed
    ///
    /// For tests, and for peers that know the certificate itself. It says what `tenon csr` says, with a serial
    /// number of 128 random bits and no authority to sign others. PEM.
    SelfSign(self_signed::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::SelfSign(arguments) => self_signed::run(arguments),
    }
}
