//! `tenon objects list`.

use std::io;

use clap::Args;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Error;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::Result;
use crate::object::{Filter, Summary};
use crate::output::Format;
use crate::table::sentence;
use crate::token::{Choice, Login};
use crate::when::utc;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    login: Login,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let open = arguments.login.session(&arguments.choice)?;
    let found = arguments.filter.each(&open.session)?;
    let objects = found.filter_map(|handle| summary(&open.session, handle).transpose());
    let header = [
        "CLASS",
        "KEY",
        "ID",
        "LABEL",
        "USES, OR SUBJECT, ISSUER AND END",
    ];
    let format = &arguments.format;
    format.print_each(objects, Summary::json, header, row)?;
    if !format.is_json() && !arguments.login.is_wanted() {
        let hidden = "Private objects are not shown without --login.";
        sentence(&mut io::stdout(), hidden)?;
    }
    Ok(())
}

/// `None` for an object that others have destroyed since it was found.
fn summary(session: &Session, handle: Result<Handle>) -> Result<Option<Summary>> {
    let is_gone = |error: &Error| error.rv == ck::CKR_OBJECT_HANDLE_INVALID;
    match Summary::of(session, handle?) {
        Err(error) if error.downcast_ref().is_some_and(is_gone) => Ok(None),
        summary => summary.map(Some),
    }
}

fn row(object: &Summary) -> [String; 5] {
    let external = object.external.then_some("external");
    let notes = object.uses.iter().copied().chain(external);
    let notes = match &object.certificate {
        Some(certificate) => format!(
            "{} by {} until {}",
            certificate.subject_text(),
            certificate.issuer_text(),
            utc(certificate.not_after)
        ),
        None => notes.collect::<Vec<_>>().join(", "),
    };
    [
        object.class.to_owned(),
        object.key.clone(),
        object.id.clone(),
        object.label.clone(),
        notes,
    ]
}
