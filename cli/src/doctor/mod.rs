//! `tenon doctor`: what an operator runs when something is wrong.

mod arguments;
mod check;
mod database;
mod files;
mod inside;
mod tokens;

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};
use tenon_pkcs11::api::config::{Config, LogTarget};
use tenon_pkcs11::api::log;

use crate::Result;
use crate::table::{sentence, table};

pub(crate) use arguments::Arguments;
use check::Check;
use tokens::{ExaminedToken, examined_tokens};

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut config = Config::load()?;
    if config.log_target == LogTarget::Syslog {
        config.log_target = LogTarget::Stderr;
    }
    log::configure(config.log_target.clone(), config.log_level);
    let config = Arc::new(config);
    let mut of_process = files::of_process(&config);
    let mut examined_tokens = match examined_tokens(&config) {
        Err(error) if config.store_url.is_some() => {
            of_process.push(Check::failed(
                "tokens",
                error.to_string(),
                "mend first what the lines above say",
            ));
            Vec::new()
        }
        examined => examined?,
    };
    examined_tokens.retain(|examined| {
        arguments
            .choice
            .takes(examined.id, examined.label.as_deref())
    });
    let only_one = examined_tokens
        .iter()
        .filter(|examined| examined.token.is_ok())
        .count()
        == 1;
    let mut answers = vec![(None, of_process)];
    for examined in &examined_tokens {
        let mut checks = match examined.is_file {
            true => files::of_token(&examined.path, &config, examined.token.is_ok()),
            false => Vec::new(),
        };
        checks.extend(inside::examine(examined, arguments, only_one));
        answers.push((Some(examined), checks));
    }
    print(arguments, &answers)?;
    if answers
        .iter()
        .any(|(_, checks)| checks.iter().any(Check::has_failed))
    {
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(arguments: &Arguments, answers: &[(Option<&ExaminedToken>, Vec<Check>)]) -> Result<()> {
    let of = |(examined, checks): &(Option<&ExaminedToken>, Vec<Check>)| {
        json!({
            "slot": examined.map(|examined| examined.id),
            "token": examined.and_then(|examined| examined.label.clone()),
            "file": examined.map(|examined| examined.path.display().to_string()),
            "checks": checks.iter().map(Check::json).collect::<Vec<_>>(),
        })
    };
    let answer: Value = answers.iter().map(of).collect();
    arguments.format.print(&answer, |out| {
        for (examined, checks) in answers {
            match examined {
                None => writeln!(out, "This machine and user")?,
                Some(examined) => writeln!(
                    out,
                    "\nSlot {}: {}",
                    examined.id,
                    examined.label.as_deref().unwrap_or("(unreadable)")
                )?,
            }
            let rows: Vec<_> = checks.iter().map(Check::row).collect();
            table(out, ["CHECK", "STATE", "FOUND"], &rows)?;
            for check in checks {
                if let Some(advice) = check.advice {
                    sentence(out, &format!("  {}: {advice}", check.what))?;
                }
            }
        }
        Ok(())
    })
}
