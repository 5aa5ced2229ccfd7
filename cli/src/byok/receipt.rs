//! `tenon byok receipt`: the token's signed statement of the last import.

use std::path::PathBuf;

use clap::Args;
use pem_rfc7468::LineEnding;
use serde_json::json;

use super::base64;
use super::external::Target;
use super::folder::Folder;
use crate::Result;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    folder: Folder,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (open, key) = arguments.target.open_reading()?;
    let names = ["receipt_ID.json", "receipt_ID.sig", "attestation_ID.pem"]
        .map(|name| name.replace("ID", &key.unique_id));
    let format = &arguments.target.format;
    let places = arguments.folder.places(names, format.is_json())?;
    let receipt = open.session.receipt(key.handle)?;
    if let Some(places) = &places {
        let pem = pem_rfc7468::encode_string("PUBLIC KEY", LineEnding::LF, &receipt.public_key)?;
        let contents = [&receipt.statement, &receipt.signature, pem.as_bytes()];
        arguments.folder.write(places, contents)?;
    }
    let answer = json!({
        "KeyId": key.unique_id,
        "Statement": String::from_utf8_lossy(&receipt.statement),
        "Signature": base64::encode(&receipt.signature),
        "PublicKey": base64::encode(&receipt.public_key),
    });
    format.print(&answer, |out| {
        let [statement, signature, public_key] = places.unwrap_or_default();
        let show = |file: &PathBuf| file.display().to_string();
        writeln!(
            out,
            "The owner checks it against the key and the attestation key kept before:"
        )?;
        writeln!(
            out,
            "tenon byok check-receipt KEY --receipt {} --attestation-key KEPT",
            show(&statement)
        )?;
        writeln!(
            out,
            "openssl dgst -sha256 -verify {} -signature {} {}",
            show(&public_key),
            show(&signature),
            show(&statement)
        )
    })
}
