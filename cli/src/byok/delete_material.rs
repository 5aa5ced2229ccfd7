//! `tenon byok delete-material`: never without --yes or a question.

use clap::Args;
use tenon_pkcs11::api::token::Version;

use super::approval::Approvals;
use super::external::External;
use super::target::Target;
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
    key.must_have_deletable_material()?;
    let versions = &key.versions;
    let name = key.name();
    let shares = !key.waiting.is_empty() && arguments.material.is_none();
    if versions.iter().all(|version| version.material_id.is_none()) && !shares {
        return Err(format!(
            "{name} never had material: `tenon byok schedule-deletion {name}` deletes the key"
        )
        .into());
    }
    let chosen = match &arguments.material {
        Some(id) => Some(key.version(versions, id)?),
        None => None,
    };
    let affected: Vec<_> = versions
        .iter()
        .filter(|version| match chosen {
            Some(chosen) => chosen == *version,
            None => version.current || !key.deletes_each_version(),
        })
        .filter(|version| version.has_material())
        .collect();
    if affected.is_empty() && !shares {
        // The services answer a second deletion as the first.
        let why = "There is no material to erase";
        return arguments.target.report_unchanged(&key, why);
    }
    let what = what(&key, &affected);
    let question = format!(
        "Erase {what} of {name}? What it encrypted opens again only after the same is imported."
    );
    confirm(&question, arguments.yes)?;
    arguments.approvals.give(&open, &key)?;
    match chosen.and_then(|version| version.material_id) {
        Some(id) => open.session.delete_material(key.handle, &id)?,
        None => open.session.destroy_object(key.handle)?,
    }
    let key = External::named(&open.session, &key.unique_id)?;
    arguments.target.report(&key, &format!("Erased {what} of"))
}

/// The materials that are erased, each by its version and id where the key has several versions.
fn what(key: &External, affected: &[&Version]) -> String {
    let name = |version: &&Version| {
        let id = key.material_of(version);
        format!("version {} ({id})", version.number)
    };
    let names: Vec<_> = affected.iter().map(name).collect();
    match names.as_slice() {
        [only] if key.versions.len() > 1 => format!("the material of {only}"),
        [] | [_] => "the material".to_owned(),
        several => format!("{} materials, of {},", several.len(), several.join(" and ")),
    }
}
