//! `tenon clock`: what the token takes for the time, and what the officer can do about it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tenon_pkcs11::token::ClockStatus;

use crate::ask::{SoPin, confirm};
use crate::output::Format;
use crate::token::Choice;
use crate::when::{span, utc};
use crate::{EXIT_STATUS, Result};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Shows the clock, the latest time that the token has stored, and what it decides by
    #[command(after_help = EXIT_STATUS)]
    Show(Show),
    /// Takes the clock's reading for the time, with the security officer's PIN
    ///
    /// A token does not store a reading that is more than 400 days later than what it has seen, and
    /// erases nothing because of it: the clock may be wrong. After this command it does, and keys
    /// that expire by that time are erased. Set the clock right first.
    #[command(after_help = EXIT_STATUS)]
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
        if !status.believed {
            writeln!(
                out,
                "The token does not believe this: expired keys are refused, but not erased. Set the \
                 clock right, or say `tenon clock accept`."
            )?;
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
    })
}

fn difference(status: &ClockStatus) -> String {
    let apart = span(status.reading.abs_diff(status.mark));
    if status.reading < status.mark {
        return format!("{apart} before the mark");
    }
    format!("{apart} after the mark")
}
