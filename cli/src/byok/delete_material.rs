//! `tenon byok delete-material`: never without --yes or a question.

use clap::Args;
use tenon_pkcs11::api::ck;

use super::external::{External, Target};
use crate::Result;
use crate::ask::confirm;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (open, key) = arguments.target.open()?;
    key.must_be_external(
        "no material to delete without the key, which `schedule-deletion` deletes",
    )?;
    // C_DestroyObject would destroy the whole key where it was never bound.
    if key.material_id.is_empty() {
        return Err(format!(
            "{} never had material: `tenon byok schedule-deletion {}` deletes the key",
            key.name(),
            key.name()
        )
        .into());
    }
    if key.state == Some(ck::STATE_PENDING_IMPORT) && key.expires_at == 0 {
        return Err(format!("{} has no material", key.name()).into());
    }
    let question = format!(
        "Erase the material of {}? What it encrypted opens again only after the same is imported.",
        key.name()
    );
    confirm(&question, arguments.yes)?;
    open.session.destroy_object(key.handle)?;
    let key = External::named(&open.session, &key.unique_id)?;
    arguments.target.report(&key, "Erased the material of")
}
