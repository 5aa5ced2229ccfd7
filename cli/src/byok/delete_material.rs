//! `tenon byok delete-material`: never without --yes or a question.

use clap::Args;
use tenon_pkcs11::api::token::Version;

use super::approval::Approvals;
use super::external::{External, Target};
use crate::Result;
use crate::ask::confirm;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Only that of the version with this KeyMaterialId, as `tenon byok versions` shows them
    #[arg(long, value_name = "ID")]
    material: Option<String>,
    #[command(flatten)]
    approvals: Approvals,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (open, key) = arguments.target.open()?;
    key.must_be_external(
        "no material to delete without the key, which `schedule-deletion` deletes",
    )?;
    let versions = open.session.versions(key.handle)?;
    let name = key.name();
    let shares = !key.waiting.is_empty() && arguments.material.is_none();
    if versions.iter().all(|version| version.material_id.is_none()) && !shares {
        return Err(format!(
            "{name} never had material: `tenon byok schedule-deletion {name}` deletes the key"
        )
        .into());
    }
    let chosen = match &arguments.material {
        Some(id) => Some(key.version(&versions, id)?),
        None => None,
    };
    let mut affected = versions
        .iter()
        .filter(|version| chosen.is_none_or(|chosen| chosen == *version));
    if !affected.any(Version::has_material) && !shares {
        // The services answer a second deletion as the first.
        let done = "There is no material to erase; nothing changed:";
        return arguments.target.report(&key, done);
    }
    let question = format!(
        "Erase the material of {name}? What it encrypted opens again only after the same is imported."
    );
    confirm(&question, arguments.yes)?;
    arguments.approvals.give(&open, &key)?;
    match chosen.and_then(|version| version.material_id) {
        Some(id) => open.session.delete_material(key.handle, &id)?,
        None => open.session.destroy_object(key.handle)?,
    }
    let key = External::named(&open.session, &key.unique_id)?;
    arguments.target.report(&key, "Erased the material of")
}
