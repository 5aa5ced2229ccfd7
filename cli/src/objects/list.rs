//! `tenon objects list`.

use clap::Args;

use crate::Result;
use crate::object::{Filter, Summary};
use crate::output::{Format, table};
use crate::token::{Choice, Login};

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
    let mut objects = Vec::new();
    for handle in arguments.filter.find(&open.session)? {
        objects.push(Summary::of(&open.session, handle)?);
    }
    let answer = objects.iter().map(Summary::json).collect();
    arguments.format.print(&answer, |out| {
        let rows: Vec<_> = objects.iter().map(row).collect();
        table(out, ["CLASS", "KEY", "ID", "LABEL", "USES"], &rows)?;
        if !arguments.login.is_wanted() {
            writeln!(out, "Private objects are not shown without --login.")?;
        }
        Ok(())
    })
}

fn row(object: &Summary) -> [String; 5] {
    let external = object.external.then_some("external");
    let notes: Vec<_> = object.uses.iter().copied().chain(external).collect();
    [
        object.class.to_owned(),
        object.key.clone(),
        object.id.clone(),
        object.label.clone(),
        notes.join(","),
    ]
}
