//! `tenon byok describe`.

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::token::SealedKey;

use super::external::{External, state_name};
use super::first_end::FirstEnd;
use super::metadata;
use crate::Result;
use crate::output::{Format, hex, key_id, unique_id};
use crate::table::{sentence, table};
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
    if !login.is_wanted() {
        // Without a login most properties of a private key are sealed, and all of its names but the
        // KeyId.
        match sealed(&open, name)? {
            Some(key) if !login.is_possible() => {
                return print_sealed(arguments, &key, open.now()?);
            }
            None if External::is_named(&open.session, name)? => {}
            _ => login.log_in(&open)?,
        }
    }
    let key = External::named(&open.session, name)?;
    let answer = json!({ "KeyMetadata": metadata::of_key(&key) });
    let now = open.now()?;
    arguments.format.print(&answer, |out| {
        table(out, ["PROPERTY", "VALUE"], &key.rows(now))?;
        key.needs().iter().try_for_each(|line| sentence(out, line))
    })
}

/// The private key with this KeyId, without a login.
fn sealed(open: &OpenSession, name: &str) -> Result<Option<SealedKey>> {
    let keys = open.token()?.sealed_keys()?;
    let unique_id = unique_id(name);
    Ok(keys.into_iter().find(|key| hex(&key.uid) == unique_id))
}

fn print_sealed(arguments: &Arguments, key: &SealedKey, now: UnixTime) -> Result<()> {
    let answer = json!({ "KeyMetadata": metadata::of_sealed(key) });
    let older = key.older.len();
    let older = match FirstEnd::of_sealed(key).filter(|end| !end.current) {
        None => older.to_string(),
        Some(end) => format!("{older}; {}", end.words(now)),
    };
    arguments.format.print(&answer, |out| {
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
            (
                // An older version's end is the end of the key's use, and not of its current material.
                metadata::current_end(key).map_or("Works until", |_| "Expires"),
                time(key.expires_at),
            ),
            ("Deletion", time(key.deletion_at)),
            ("Older versions", older),
        ];
        let rows = rows.map(|(name, value)| [name.to_owned(), value]);
        table(out, ["PROPERTY", "VALUE"], &rows)?;
        sentence(
            out,
            "What else is known of a private key is shown with --login.",
        )
    })
}
