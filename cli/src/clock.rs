//! `tenon clock`: what the token takes for the time, and what the officer can do about it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tenon_pkcs11::api::token::ClockStatus;

use crate::Result;
use crate::ask::{SoPin, confirm};
use crate::output::Format;
use crate::token::Choice;
use crate::when::{span, utc};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Shows the clock, the latest time that the token has stored, and what it decides by
    Show(Show),
    /// Takes the clock's reading for the time, with the security officer's PIN
    ///
    /// A reading that is more than `clock.leap` (8 days) later than what the token has seen is in doubt:
    /// it refuses what has expired by then, but the token does not store it and erases nothing because
    /// of it, until the clock has gone on so for a day while the token was used. This command makes the
    /// token take the reading at once, and keys that expire by that time are erased. Set the clock right
    /// first.
    Accept(Accept),
}

#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
pub(crate) struct Accept {
    #[command(flatten)]
    choice: Choice,
    /// Also go back to an earlier time: keys that have expired since, and are not erased yet, come to
    /// life again
    #[arg(long)]
    lower: bool,
    #[command(flatten)]
    so_pin: SoPin,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Show(arguments) => {
            let status = arguments.choice.initialized_token()?.clock()?;
            print(&arguments.format, &status)
        }
        Command::Accept(arguments) => accept(arguments),
    }
}

fn accept(arguments: &Accept) -> Result<()> {
    let token = arguments.choice.initialized_token()?;
    let status = token.clock()?;
    let question = format!(
        "The clock shows {}, {}. Make that the token's time?",
        utc(status.reading),
        difference(&status)
    );
    confirm(&question, arguments.yes)?;
    token.login(true, arguments.so_pin.source().read()?.as_bytes())?;
    let status = token.accept_clock(arguments.lower)?;
    print(&arguments.format, &status)
}

fn print(format: &Format, status: &ClockStatus) -> Result<()> {
    format.print(&json(status), |out| {
        writeln!(
            out,
            "Clock: {}, {}",
            utc(status.reading),
            difference(status)
        )?;
        writeln!(out, "Mark:  {}", utc(status.mark))?;
        writeln!(out, "Token: {}", utc(status.now))?;
        if let Some(database) = status.database {
            writeln!(out, "Database: {}", utc(database))?;
        }
        if status.skewed {
            writeln!(
                out,
                "The clock differs from the database's by more than clock.skew: it does not move the token's time, and \
                 erases nothing. Set it right."
            )?;
        } else if !status.believed {
            writeln!(
                out,
                "The clock is in doubt, more than {} after the mark: what has expired by it is \
                 refused, and not erased.",
                span(status.leap)
            )?;
            writeln!(out, "{}", doubt(status))?;
        }
        Ok(())
    })
}

fn json(status: &ClockStatus) -> Value {
    let difference = i128::from(status.reading) - i128::from(status.mark);
    json!({
        "reading": status.reading,
        "mark": status.mark,
        "now": status.now,
        "difference": i64::try_from(difference).ok(),
        "believed": status.believed,
        "doubted_since": status.doubted_since,
        "leap": status.leap,
        "database": status.database,
        "skewed": status.skewed,
    })
}

fn doubt(status: &ClockStatus) -> String {
    let advice = "Set it right, or let the security officer say `tenon clock accept`.";
    match status.doubted_since {
        Some(since) => format!(
            "A login noted that first at {}. From a day later on it is taken for right. {advice}",
            utc(since)
        ),
        None => format!(
            "The next login notes that, and from a day later on it is taken for right. {advice}"
        ),
    }
}

fn difference(status: &ClockStatus) -> String {
    let apart = span(status.reading.abs_diff(status.mark));
    if status.reading < status.mark {
        return format!("{apart} before the mark");
    }
    format!("{apart} after the mark")
}
