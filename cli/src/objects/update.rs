//! `tenon objects update`: a new label or ID.

use clap::Args;
use tenon_pkcs11::api::ck;

use super::named::named;
use crate::Result;
use crate::ask::UserPin;
use crate::object::{Filter, Id, Summary, unused};
use crate::output::{Format, unhex};
use crate::template::Template;
use crate::token::Choice;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    filter: Filter,
    /// The new CKA_LABEL
    #[arg(long, value_name = "LABEL", required_unless_present = "new_id")]
    new_label: Option<String>,
    /// The new CKA_ID, in hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = unhex)]
    new_id: Option<Id>,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (open, handles, before) = named(&arguments.choice, &arguments.filter, &arguments.pin)?;
    if let Some(id) = &arguments.new_id {
        for object in &before {
            if let Some(class) = object.class_number() {
                unused(&open.session, class, id)?;
            }
        }
        let twice = |one: &Summary| {
            before
                .iter()
                .filter(|other| other.class == one.class)
                .count()
                > 1
        };
        if before.iter().any(twice) {
            return Err(
                "several objects of one class would have this ID: say which by --label or --unique-id"
                    .into(),
            );
        }
    }
    let change = Template::default()
        .maybe(ck::CKA_LABEL, arguments.new_label.as_ref())
        .maybe(ck::CKA_ID, arguments.new_id.as_ref());
    let mut after = Vec::new();
    for handle in handles {
        open.session.set_attributes(handle, change.as_slice())?;
        after.push(Summary::of(&open.session, handle)?);
    }
    let answer = after.iter().map(Summary::json).collect();
    arguments.format.print(&answer, |out| {
        let changed = before.iter().zip(&after);
        for (before, after) in changed {
            writeln!(out, "Changed {} to {}", before.words(), after.words())?;
        }
        Ok(())
    })
}
