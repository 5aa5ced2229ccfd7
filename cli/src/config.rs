//! `tenon config`: the settings in force, or all there are.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::config::{Config, MechanismFilter, Origin, Settings};
use tenon_pkcs11::api::mechanism;

use crate::Result;
use crate::output::Format;
use crate::table::{sentence, table};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Print an example of the file instead: every setting with its default and meaning
    #[arg(long, conflicts_with = "json")]
    example: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.example {
        return Ok(write!(io::stdout(), "{}", Config::example())?);
    }
    let mut settings = Settings::load()?;
    // The default depends on the user.
    for entry in &mut settings.entries {
        if entry.key == "directories.tokendir" && entry.value.is_empty() {
            entry.value = settings.config.token_dir.display().to_string();
        }
    }
    for warning in &settings.config.warnings {
        eprintln!("tenon: {warning}");
    }
    for name in unknown_mechanisms(&settings.config.mechanisms) {
        eprintln!("tenon: slots.mechanisms names {name}, which this version does not have");
    }
    let answer = json!({
        "file": settings.file,
        "settings": settings.entries.iter().map(|entry| {
            json!({
                "key": entry.key,
                "value": entry.value,
                "origin": match entry.origin {
                    Origin::Environment(_) => "environment",
                    Origin::File(..) => "file",
                    Origin::Default => "default",
                },
                "place": place(&entry.origin),
            })
        }).collect::<Vec<_>>(),
    });
    arguments.format.print(&answer, |out| {
        match &settings.file {
            Some(file) => {
                let file = file.display();
                sentence(out, &format!("Settings of {file} and of the environment"))?;
            }
            None => sentence(out, "Settings of the environment; no file")?,
        }
        writeln!(out)?;
        let entries = settings.entries.iter();
        let rows: Vec<_> = entries
            .map(|entry| {
                [
                    entry.key.into(),
                    entry.value.clone(),
                    entry.origin.to_string(),
                ]
            })
            .collect();
        table(out, ["KEY", "VALUE", "FROM"], &rows)
    })
}

fn place(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Environment(name) => Some(name.clone()),
        Origin::File(path, line) => Some(format!("{}:{line}", path.display())),
        Origin::Default => None,
    }
}

/// Names that select nothing: misspelt, or of mechanisms that this version does not have.
fn unknown_mechanisms(filter: &MechanismFilter) -> Vec<&str> {
    let known = |name: &str| mechanism::all().any(|row| row.name == name);
    let names = filter.names().iter().map(String::as_str);
    names.filter(|name| !known(name)).collect()
}
