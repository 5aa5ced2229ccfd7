//! `tenon byok sweep`: erases all that is due, of which a login erases only a part, and says what
//! was erased.

use std::io::{self, IsTerminal};

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::token::Swept;

use crate::Result;
use crate::ask::UserPin;
use crate::output::Format;
use crate::token::Choice;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let token = arguments.choice.initialized_token()?;
    let at_login = token.login(false, arguments.pin.source().read()?.as_bytes())?;
    let watched = io::stderr().is_terminal() && at_login.left;
    let rest = token.sweep_watched(|rest| {
        if watched {
            eprint!("\r{} erased", at_login.erased() + rest.erased());
        }
    })?;
    if watched {
        eprintln!();
    }
    let mut swept = at_login;
    swept += rest;
    let Swept {
        materials,
        keys,
        job_keys,
        ..
    } = swept;
    // What failed at the login was tried again by the sweep.
    let failed = rest.failed;
    if !token.clock()?.believed {
        return Err(
            "the clock is in doubt, and the token erases nothing by it: \
                    `tenon clock show` tells why"
                .into(),
        );
    }
    if failed != 0 {
        return Err(format!("{failed} objects could not be erased").into());
    }
    let answer = json!({ "Materials": materials, "Keys": keys, "RequestKeys": job_keys });
    arguments.format.print(&answer, |out| {
        writeln!(
            out,
            "Erased: {materials} materials, {keys} keys, {job_keys} keys of requests"
        )
    })
}
