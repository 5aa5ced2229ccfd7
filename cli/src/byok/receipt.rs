//! `tenon byok receipt`: the token's signed statement of the last import.

use std::path::PathBuf;

use clap::Args;
use pem_rfc7468::LineEnding;
use serde_json::{Value, json};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::token::{Receipt, Version};

use super::external::External;
use super::folder::{Folder, Readers};
use super::target::Target;
use crate::Result;
use crate::base64;
use crate::number::whole;
use crate::output::{hex, key_id, uid};
use crate::token::OpenSession;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    folder: Folder,
    /// That of the version with this number, as `tenon byok versions` shows them; else of the current one
    #[arg(long, value_name = "N", value_parser = whole::<usize>(0..=u64::MAX), conflicts_with = "key_material_id")]
    version: Option<usize>,
    /// That of the version with this KeyMaterialId
    #[arg(long, alias = "material", value_name = "ID")]
    key_material_id: Option<String>,
    /// Archives of audit records that `tenon audit archive` made, in which the end of a key that is gone may
    /// be on record; KEY is then its KeyId
    #[arg(long, value_name = "FILE", num_args = 1..)]
    archive: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let open = arguments.target.reading_session()?;
    let (id, of, receipt) = sign(&open, arguments)?;
    let of = format!("{id}{of}");
    let names = ["receipt_ID.json", "receipt_ID.sig", "attestation_ID.pem"]
        .map(|name| name.replace("ID", &of));
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
    let never = is_of_no_material(&receipt.statement);
    let answer = json!({
        "KeyId": id,
        "Imported": !never,
        "Statement": String::from_utf8_lossy(&receipt.statement),
        "Signature": base64::encode(&receipt.signature),
        "PublicKey": base64::encode(&receipt.public_key),
    });
    format.print(&answer, |out| {
        let [statement, signature, public_key] = places.unwrap_or_default();
        let show = |file: &PathBuf| file.display().to_string();
        if never {
            writeln!(
                out,
                "It states that no material was ever imported into the key."
            )?;
            return Ok(());
        }
        writeln!(
            out,
            "The owner checks it against the key and the attestation key kept before:"
        )?;
        writeln!(
            out,
            "tenon byok check-receipt KEY --receipt {} --attestation-key KEPT{}",
            show(&statement),
            options(&receipt.statement)
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

/// Whether the statement says that no material ever came.
fn is_of_no_material(statement: &[u8]) -> bool {
    let said: Value = serde_json::from_slice(statement).unwrap_or_default();
    said["what"].is_null() && said["material_id"].is_null()
}

/// What `check-receipt` has to be told of a statement that is not of the current version's import.
fn options(statement: &[u8]) -> String {
    let said: Value = serde_json::from_slice(statement).unwrap_or_default();
    match &said["what"] {
        Value::String(what) if what == "key" => {
            format!(
                " --ended --key-id {}",
                key_id(said["uid"].as_str().unwrap_or_default())
            )
        }
        Value::String(_) => " --ended".to_owned(),
        _ if said["version"] != said["current_version"] => {
            format!(" --version {}", said["version"])
        }
        _ => String::new(),
    }
}

/// The KeyId, what follows it in the names of files, and the statement of the last import or end that the arguments
/// name; of a key that is gone, that it is.
fn sign(open: &OpenSession, arguments: &Arguments) -> Result<(String, String, Receipt)> {
    let name = &arguments.target.name;
    let known = External::named(&open.session, name);
    match (known, uid(name)) {
        (Ok(key), _) => {
            let (of, receipt) = sign_material(open, &key, arguments)?;
            Ok((key.key_id, of, receipt))
        }
        (Err(unknown), Some(uid)) => match open.session.end_of_key(&uid, &arguments.archive) {
            Ok(receipt) => Ok((key_id(&hex(&uid)), String::new(), receipt)),
            Err(error) if error.rv == ck::CKR_OBJECT_HANDLE_INVALID => {
                Err(format!("{unknown}\n{error}").into())
            }
            Err(error) => Err(error.into()),
        },
        (Err(ambiguous), None) if External::is_named(&open.session, name)? => Err(ambiguous),
        (Err(unknown), None) => Err(format!(
            "{unknown}\nThe end statement of a key that is gone is found by its KeyId: `tenon byok receipt KEYID`, with \
             --archive FILE where the audit records were archived"
        )
        .into()),
    }
}

/// What follows the KeyId in the names of files, and the statement of the material that the arguments name: of a version,
/// or of one that ended before it was current; else that of the current version.
fn sign_material(
    open: &OpenSession,
    key: &External,
    arguments: &Arguments,
) -> Result<(String, Receipt)> {
    let session = &open.session;
    if let Some(id) = &arguments.key_material_id {
        let unused = session.unused_materials(key.handle)?;
        let all = [&key.versions[..], &unused].concat();
        let named = key.version(&all, id)?;
        let material = named.material_id.unwrap_or_default();
        let of = match named.number {
            0 => format!("_material_{}", hex(&material)),
            number => format!("_version_{number}"),
        };
        return Ok((of, session.receipt_of_material(key.handle, &material)?));
    }
    let Some(number) = arguments.version else {
        return Ok((String::new(), session.receipt(key.handle)?));
    };
    let imported = |version: &&Version| version.number == number && version.material_id.is_some();
    if !key.versions.iter().any(|version| imported(&version)) {
        let name = key.name();
        return Err(format!(
            "{name} has no version {number} into which material was imported: `tenon byok versions {name}` lists them"
        )
        .into());
    }
    let receipt = session.receipt_of_version(key.handle, number)?;
    Ok((format!("_version_{number}"), receipt))
}
