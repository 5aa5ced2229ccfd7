//! `tenon byok`: keys whose material comes from outside, as cloud services know them.

mod algorithm;
mod azure;
mod base64;
mod owned;
mod seal;
mod wrap;

use clap::Subcommand;

use crate::{EXIT_STATUS, Result};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Wraps a key for a service or a token; needs no token, only the public key
    ///
    /// The algorithms have the names that the services give them: RSAES_OAEP_SHA_1, …_SHA_256,
    /// RSAES_PKCS1_V1_5, RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD (Alibaba), RSA_AES_KEY_WRAP_SHA_1,
    /// …_SHA_256 (AWS), RSA_OAEP_3072_SHA256_AES_256 … (Google), CKM_RSA_AES_KEY_WRAP (Azure),
    /// RSA_OAEP_AES_SHA256 (OCI); a wrong one lists all.
    #[command(after_help = EXIT_STATUS)]
    Wrap(wrap::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Wrap(arguments) => wrap::run(arguments),
    }
}
