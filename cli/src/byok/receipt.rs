//! `tenon byok receipt`: the token's signed statement of the last import.

use std::path::PathBuf;

use clap::Args;
use pem_rfc7468::LineEnding;
use serde_json::json;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::token::Receipt;

use super::base64;
use super::external::{External, Target};
use super::folder::{Folder, Readers};
use crate::Result;
use crate::output::{hex, key_id, uid};
use crate::token::OpenSession;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    folder: Folder,
    /// Archives of audit records that `tenon audit archive` made, in which the end of a key that is gone may
    /// be on record; KEY is then its KeyId
    #[arg(long, value_name = "FILE", num_args = 1..)]
    archive: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let open = arguments.target.reading_session()?;
    let (id, receipt) = sign(&open, &arguments.target.name, &arguments.archive)?;
    let names = ["receipt_ID.json", "receipt_ID.sig", "attestation_ID.pem"]
        .map(|name| name.replace("ID", &id));
    let format = &arguments.target.format;
    let places = arguments.folder.places(names, format.is_json())?;
    if let Some(places) = &places {
        let pem = pem_rfc7468::encode_string("PUBLIC KEY", LineEnding::LF, &receipt.public_key)?;
        let contents = [
            (receipt.statement.as_slice(), Readers::Maker),
            (&receipt.signature, Readers::Maker),
            (pem.as_bytes(), Readers::Everybody),
        ];
        arguments.folder.write(places, contents)?;
    }
    let answer = json!({
        "KeyId": id,
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

/// The KeyId, and the statement of its last import or end; of a key that is gone, that it is.
fn sign(open: &OpenSession, name: &str, archives: &[PathBuf]) -> Result<(String, Receipt)> {
    let known = External::named(&open.session, name);
    match (known, uid(name)) {
        (Ok(key), _) => Ok((key.key_id, open.session.receipt(key.handle)?)),
        (Err(unknown), Some(uid)) => match open.session.end_of_key(&uid, archives) {
            Ok(receipt) => Ok((key_id(&hex(&uid)), receipt)),
            Err(error) if error.rv == ck::CKR_OBJECT_HANDLE_INVALID => {
                Err(format!("{unknown}\n{error}").into())
            }
            Err(error) => Err(error.into()),
        },
        (Err(unknown), None) => Err(unknown),
    }
}
