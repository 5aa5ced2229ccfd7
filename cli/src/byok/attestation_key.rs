//! `tenon byok attestation-key`: what verifies the token's receipts, for the key's owner to keep.

use std::path::PathBuf;

use clap::Args;
use pem_rfc7468::LineEnding;
use serde_json::json;

use crate::output::Format;
use crate::token::Choice;
use crate::{Result, base64, files};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// A new file to write; else standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let token = arguments.choice.initialized_token()?;
    let der = token.attestation_key()?;
    let pem = pem_rfc7468::encode_string("PUBLIC KEY", LineEnding::LF, &der)?;
    let answer = json!({ "TokenSerial": token.serial()?, "PublicKey": base64::encode(&der) });
    files::deliver(
        Some(pem.as_bytes()),
        arguments.output.as_deref(),
        &arguments.format,
        &answer,
        &[],
    )
}
