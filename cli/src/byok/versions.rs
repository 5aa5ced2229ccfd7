//! `tenon byok versions`.

use clap::Args;
use serde_json::{Value, json};
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::token::Version;

use super::external::{External, Target, field, now};
use crate::Result;
use crate::output::table;
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
        "KeyId": key.key_id,
        "KeyVersions": versions.iter().map(|version| in_json(&key, version)).collect::<Vec<_>>(),
    });
    arguments.target.format.print(&answer, |out| {
        let now = now();
        let rows: Vec<_> = versions
            .iter()
            .map(|version| row(&key, version, now))
            .collect();
        table(
            out,
            ["version", "material", "state", "imported", "expires", ""],
            &rows,
        )
    })
}

fn in_json(key: &External, version: &Version) -> Value {
    json!({
        "KeyVersion": version.number,
        "KeyMaterialId": key.material_of(version),
        "Current": version.current,
        "KeyState": version.state_name(),
        "ImportTime": field(version.imported_at),
        "KeyMaterialExpireUnix": version.expires_at,
        "MaterialExpireTime": field(version.expires_at),
        "MaterialEndTime": field(version.ended_at),
        "MaterialEndReason": version.ended_by,
    })
}

fn row(key: &External, version: &Version, now: UnixTime) -> [String; 6] {
    let imported = match version.imported_at {
        0 => String::new(),
        at => utc(at),
    };
    let expires = match (version.material_id, version.ended_at) {
        (None, _) => String::new(),
        (Some(_), 0) => deadline(version.expires_at, now),
        (Some(_), at) => format!("{} {}", version.ended_by, utc(at)),
    };
    let note = if version.current { "current" } else { "" };
    [
        version.number.to_string(),
        key.material_of(version),
        version.state_name().to_owned(),
        imported,
        expires,
        note.to_owned(),
    ]
}
