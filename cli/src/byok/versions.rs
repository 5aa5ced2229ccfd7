//! `tenon byok versions`.

use clap::Args;
use serde_json::{Value, json};
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::token::Version;

use super::external::{External, field};
use super::target::Target;
use crate::Result;
use crate::table::table;
use crate::when::{deadline, utc};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (open, key) = arguments.target.open_reading()?;
    let unused = open.session.unused_materials(key.handle)?;
    let in_json = |versions: &[Version]| {
        let versions = versions.iter();
        versions
            .map(|version| in_json(&key, version))
            .collect::<Vec<_>>()
    };
    let answer = json!({
        "KeyId": key.key_id,
        "KeyVersions": in_json(&key.versions),
        "UnusedMaterials": in_json(&unused),
    });
    let now = open.now()?;
    arguments.target.format.print(&answer, |out| {
        let rows: Vec<_> = key
            .versions
            .iter()
            .chain(&unused)
            .map(|version| row(&key, version, now))
            .collect();
        table(
            out,
            ["VERSION", "MATERIAL", "STATE", "IMPORTED", "EXPIRES", ""],
            &rows,
        )
    })
}

fn in_json(key: &External, version: &Version) -> Value {
    let number = number(version);
    json!({
        "KeyVersion": number,
        "KeyMaterialId": key.material_of(version),
        "Current": version.current,
        "KeyState": number.map(|_| version.state_name()),
        "ImportTime": field(version.imported_at),
        "KeyMaterialExpireUnix": version.expires_at,
        "MaterialExpireTime": field(version.expires_at),
        "MaterialEndTime": field(version.ended_at),
        "MaterialEndReason": version.ended_by,
    })
}

/// `None` of material that was never current.
fn number(version: &Version) -> Option<usize> {
    (version.number != 0).then_some(version.number)
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
    let number = number(version);
    let note = match number {
        None => "never current",
        Some(_) if version.current => "current",
        Some(_) => "",
    };
    let dash = || "-".to_owned();
    [
        number.map_or_else(dash, |number| number.to_string()),
        key.material_of(version),
        number.map_or_else(dash, |_| version.state_name().to_owned()),
        imported,
        expires,
        note.to_owned(),
    ]
}
