//! `tenon doctor`: what an operator runs when something is wrong.

mod files;
mod inside;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::SystemClock;
use tenon_pkcs11::api::config::{Config, LogTarget};
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::log;
use tenon_pkcs11::api::store::{self, Catalog};
use tenon_pkcs11::api::token::Token;

use crate::Result;
use crate::ask::{SoPin, UserPin};
use crate::output::{Format, table};
use crate::token::Choice;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// Ask for the user's PIN where none is given, for the checks that need one
    #[arg(long)]
    login: bool,
    /// Log in as the security officer
    #[arg(long, conflicts_with_all = ["pin_file", "login"])]
    so: bool,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    so_pin: SoPin,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ok,
    Warning,
    Failed,
    LeftOut,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
            Self::LeftOut => "left out",
        }
    }
}

struct Check {
    what: &'static str,
    outcome: Outcome,
    found: String,
    advice: Option<&'static str>,
}

impl Check {
    fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            outcome: Outcome::Ok,
            found: found.into(),
            advice: None,
        }
    }

    fn warning(what: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self {
            outcome: Outcome::Warning,
            advice: Some(advice),
            ..Self::ok(what, found)
        }
    }

    fn failed(what: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self {
            outcome: Outcome::Failed,
            ..Self::warning(what, found, advice)
        }
    }

    fn left_out(what: &'static str, why: impl Into<String>, advice: &'static str) -> Self {
        Self {
            outcome: Outcome::LeftOut,
            ..Self::warning(what, why, advice)
        }
    }
}

/// A token's file, and the token where it opens.
struct Patient {
    id: ck::CK_SLOT_ID,
    path: PathBuf,
    /// As printed; `None` where it is not known.
    label: Option<String>,
    token: std::result::Result<Token, String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut config = Config::load()?;
    if config.log_target == LogTarget::Syslog {
        config.log_target = LogTarget::Stderr;
    }
    log::configure(config.log_target.clone(), config.log_level);
    let config = Arc::new(config);
    let mut patients = patients(&config)?;
    patients.retain(|patient| arguments.choice.takes(patient.id, patient.label.as_deref()));
    let only_one = patients
        .iter()
        .filter(|patient| patient.token.is_ok())
        .count()
        == 1;
    let mut answers = vec![(None, files::of_process(&config))];
    for patient in &patients {
        let mut checks = files::of_token(&patient.path, patient.token.is_ok());
        checks.extend(inside::examine(patient, arguments, only_one));
        answers.push((Some(patient), checks));
    }
    print(arguments, &answers)?;
    let failed = |check: &Check| check.outcome == Outcome::Failed;
    if answers.iter().any(|(_, checks)| checks.iter().any(failed)) {
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Every token of the configuration, in the order of the slots.
fn patients(config: &Arc<Config>) -> Result<Vec<Patient>> {
    let catalog = store::catalog(config);
    let slots = catalog.slots();
    let slots = slots.map_err(|error| format!("cannot read {}: {error}", catalog.name()))?;
    let patients = slots.into_iter().map(|id| patient(config, &*catalog, id));
    Ok(patients.collect())
}

fn patient(config: &Arc<Config>, catalog: &dyn Catalog, id: ck::CK_SLOT_ID) -> Patient {
    let opened = Token::open(
        catalog,
        id,
        config.clone(),
        Arc::new(SystemClock),
        Arc::new(SystemRng),
    );
    let token = opened.map_err(|error| error.to_string());
    let status = token.as_ref().ok().and_then(|token| token.status().ok());
    let label = status.map(|status| crate::output::printable(status.label.trim_ascii_end()));
    Patient {
        id,
        path: catalog.location(id).into(),
        label,
        token,
    }
}

fn print(arguments: &Arguments, answers: &[(Option<&Patient>, Vec<Check>)]) -> Result<()> {
    let of = |(patient, checks): &(Option<&Patient>, Vec<Check>)| {
        json!({
            "slot": patient.map(|patient| patient.id),
            "token": patient.and_then(|patient| patient.label.clone()),
            "file": patient.map(|patient| patient.path.display().to_string()),
            "checks": checks.iter().map(json).collect::<Vec<_>>(),
        })
    };
    let answer: Value = answers.iter().map(of).collect();
    arguments.format.print(&answer, |out| {
        for (patient, checks) in answers {
            match patient {
                None => writeln!(out, "This machine and user")?,
                Some(patient) => writeln!(
                    out,
                    "\nSlot {}: {}",
                    patient.id,
                    patient.label.as_deref().unwrap_or("(unreadable)")
                )?,
            }
            let rows: Vec<_> = checks.iter().map(row).collect();
            table(out, ["CHECK", "STATE", "FOUND"], &rows)?;
            for check in checks {
                if let Some(advice) = check.advice {
                    writeln!(out, "  {}: {advice}", check.what)?;
                }
            }
        }
        Ok(())
    })
}

fn json(check: &Check) -> Value {
    json!({
        "check": check.what,
        "state": check.outcome.name().to_lowercase(),
        "found": check.found,
        "advice": check.advice,
    })
}

fn row(check: &Check) -> [String; 3] {
    [
        check.what.to_owned(),
        check.outcome.name().to_owned(),
        check.found.clone(),
    ]
}
