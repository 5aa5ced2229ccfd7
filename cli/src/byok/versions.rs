//! `tenon byok versions`.

use clap::Args;
use serde_json::{Value, json};
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::token::Version;

use super::external::{External, Target, field, now, state_name};
use super::material_id;
use crate::Result;
use crate::output::{hex, table};
use crate::when::{deadline, utc};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (open, key) = arguments.target.open_reading()?;
    let versions = open.session.versions(key.handle)?;
    let answer = json!({
        "KeyId": key.unique_id,
        "KeyVersions": versions.iter().map(|version| in_json(&key, version)).collect::<Vec<_>>(),
    });
    arguments.target.format.print(&answer, |out| {
        let now = now();
        let rows: Vec<_> = versions
            .iter()
            .map(|version| row(&key, version, now))
            .collect();
        table(out, ["material", "state", "imported", "expires", ""], &rows)
    })
}

fn in_json(key: &External, version: &Version) -> Value {
    json!({
        "KeyMaterialId": material(key, version),
        "Current": version.current,
        "KeyState": state_name(version.state.number()),
        "ImportTime": field(version.imported_at),
        "KeyMaterialExpireUnix": version.expires_at,
        "MaterialExpireTime": field(version.expires_at),
    })
}

fn row(key: &External, version: &Version, now: UnixTime) -> [String; 5] {
    let imported = match version.imported_at {
        0 => String::new(),
        at => utc(at),
    };
    let expires = match version.material_id {
        Some(_) => deadline(version.expires_at, now),
        None => String::new(),
    };
    let note = if version.current { "current" } else { "" };
    [
        material(key, version),
        state_name(version.state.number()).to_owned(),
        imported,
        expires,
        note.to_owned(),
    ]
}

fn material(key: &External, version: &Version) -> String {
    let id = version.material_id.as_ref();
    let id = id.map(|id| hex(id)).unwrap_or_default();
    material_id::shown(&key.profile, &key.unique_id, &id)
}
