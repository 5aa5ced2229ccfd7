//! `tenon byok attestation-key`: what verifies the token's receipts, for the key's owner to keep.

use std::path::PathBuf;

use clap::Args;
use pem_rfc7468::LineEnding;

use crate::token::Choice;
use crate::{Result, files};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// A new file to write; else standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let der = arguments.choice.initialized_token()?.attestation_key()?;
    let pem = pem_rfc7468::encode_string("PUBLIC KEY", LineEnding::LF, &der)?;
    files::write(arguments.output.as_deref(), pem.as_bytes())
}
