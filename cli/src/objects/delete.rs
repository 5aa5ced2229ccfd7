//! `tenon objects delete`: never without --yes or a question.

use clap::Args;
use serde_json::json;

use super::named::named;
use crate::Result;
use crate::ask::{UserPin, confirm};
use crate::object::{Filter, Summary};
use crate::output::Format;
use crate::token::Choice;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    pin: UserPin,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (open, handles, objects) = named(&arguments.choice, &arguments.filter, &arguments.pin)?;
    if !arguments.yes {
        for object in &objects {
            eprintln!("{}: {}", object.words(), meaning(object));
        }
    }
    let question = format!("Delete from token {}?", open.slot.label);
    confirm(&question, arguments.yes)?;
    for handle in handles {
        open.session.destroy_object(handle)?;
    }
    let answer = objects.iter().map(|object| {
        let mut answer = object.json();
        answer["deleted"] = json!(if object.bound { "material" } else { "object" });
        answer
    });
    arguments.format.print(&answer.collect(), |out| {
        for object in &objects {
            let what = if object.bound {
                "Erased the material of"
            } else {
                "Deleted"
            };
            writeln!(out, "{what} {}", object.words())?;
        }
        Ok(())
    })
}

fn meaning(object: &Summary) -> &'static str {
    if object.bound {
        return "its material is erased, the key stays bound to it: only the same can come again";
    }
    "goes for ever"
}
