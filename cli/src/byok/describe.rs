//! `tenon byok describe`.

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::token::SealedKey;

use super::external::{External, now, state_name};
use super::list::sealed_json;
use crate::Result;
use crate::output::{Format, hex, key_id, table, unique_id};
use crate::token::{Choice, Login, OpenSession};
use crate::when::deadline;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The key: its KeyId (CKA_UNIQUE_ID), its alias (CKA_LABEL), or its CKA_ID in hexadecimal
    /// digits. Without a PIN a private key is known by its KeyId alone, and its state and
    /// end are shown
    #[arg(value_name = "KEY")]
    name: String,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    login: Login,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { login, name, .. } = arguments;
    let open = login.session(&arguments.choice)?;
    if !login.is_wanted() && !External::is_named(&open.session, name)? {
        // Without a login most properties of a private key are sealed, and all of its names but the
        // KeyId.
        match sealed(&open, name)? {
            Some(key) if !login.is_possible() => return print_sealed(arguments, &key),
            _ => login.log_in(&open)?,
        }
    }
    let key = External::named(&open.session, name)?;
    let versions = open.session.versions(key.handle)?;
    let current = versions.iter().find(|version| version.current);
    let mut metadata = key.json();
    metadata["PrimaryKeyVersion"] = current.map(|version| version.number).into();
    metadata["KeyVersionCount"] = versions.len().into();
    metadata["MaterialEndReason"] = current.map(|version| version.ended_by).into();
    let answer = json!({ "KeyMetadata": metadata });
    arguments.format.print(&answer, |out| {
        let mut rows = key.rows(current, now());
        if let Some(current) = current {
            let of = format!("{} of {}", current.number, versions.len());
            rows.push(["Version".to_owned(), of]);
        }
        table(out, ["property", "value"], &rows)
    })
}

/// The private key with this KeyId, without a login.
fn sealed(open: &OpenSession, name: &str) -> Result<Option<SealedKey>> {
    let keys = open.token()?.sealed_keys()?;
    let unique_id = unique_id(name);
    Ok(keys.into_iter().find(|key| hex(&key.uid) == unique_id))
}

fn print_sealed(arguments: &Arguments, key: &SealedKey) -> Result<()> {
    let answer = json!({ "KeyMetadata": sealed_json(key) });
    arguments.format.print(&answer, |out| {
        let now = now();
        let time = |at| match at {
            0 => "none".to_owned(),
            at => deadline(at, now),
        };
        let rows = [
            ("KeyId", key_id(&hex(&key.uid))),
            ("KeyState", state_name(key.state.number()).to_owned()),
            (
                "Generated",
                if key.generated { "yes" } else { "no" }.to_owned(),
            ),
            ("Bound", if key.bound { "yes" } else { "no" }.to_owned()),
            ("Expires", time(key.expires_at)),
            ("Deletion", time(key.deletion_at)),
            ("Older versions", key.older.len().to_string()),
        ];
        let rows = rows.map(|(name, value)| [name.to_owned(), value]);
        table(out, ["property", "value"], &rows)?;
        writeln!(
            out,
            "What else is known of a private key is shown with --login."
        )
    })
}
