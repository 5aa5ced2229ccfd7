//! `tenon byok schedule-deletion`: never without --yes or a question.

use std::error::Error;

use clap::Args;
use tenon_pkcs11::api::ck;

use super::approval::Approvals;
use super::target::Target;
use crate::Result;
use crate::ask::confirm;
use crate::number::whole;
use crate::template::Template;
use crate::when::{DAY, utc};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Days until then: 7 to 30, or what else the key's profile has (`tenon byok profiles`)
    #[arg(long, value_name = "N", value_parser = whole::<u64>(1..=1096))]
    days: u64,
    #[command(flatten)]
    approvals: Approvals,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (open, key) = arguments.target.open()?;
    key.must_be_deleted_after(arguments.days)?;
    let in_days = || Ok::<_, Box<dyn Error>>(open.now()?.saturating_add(arguments.days * DAY));
    let question = format!(
        "Delete the key {} for ever, with its material, on {}?",
        key.name(),
        utc(in_days()?)
    );
    confirm(&question, arguments.yes)?;
    arguments.approvals.give(&open, &key)?;
    // The days count from the answer, however long it took.
    let at = in_days()?;
    let template = Template::default().bytes(ck::CKA_TENON_DELETION_AT, &at.to_be_bytes());
    let done = format!("To be deleted on {}:", utc(at));
    arguments.target.set(&open, &key, &template, &done)
}
