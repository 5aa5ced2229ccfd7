//! `tenon byok list`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;
use tenon_pkcs11::ck;
use tenon_pkcs11::clock::UnixTime;

use super::external::{External, now};
use crate::Result;
use crate::ask::UserPin;
use crate::output::{Format, table};
use crate::token::Choice;
use crate::when::{deadline, duration};

/// Exit status when --expiring finds keys.
const EXPIRING: u8 = 3;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// Only keys whose material expires within this time (24h, 7d, 2w) or is gone already; exit
    /// status 3 when there are any
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expiring: Option<UnixTime>,
    /// Only keys in this state
    #[arg(long, value_enum)]
    state: Option<State>,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    #[value(alias = "PendingImport")]
    PendingImport,
    #[value(alias = "Enabled")]
    Enabled,
    #[value(alias = "Disabled")]
    Disabled,
    #[value(alias = "PendingDeletion")]
    PendingDeletion,
}

impl State {
    fn number(self) -> ck::CK_ULONG {
        match self {
            Self::PendingImport => ck::STATE_PENDING_IMPORT,
            Self::Enabled => ck::STATE_ENABLED,
            Self::Disabled => ck::STATE_DISABLED,
            Self::PendingDeletion => ck::STATE_PENDING_DELETION,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let open = arguments.choice.reading_session(&arguments.pin)?;
    let now = now();
    let mut keys = External::all(&open.session)?;
    keys.retain(|key| {
        let in_state = |state: State| key.state == Some(state.number());
        let soon = |within: UnixTime| expires_by(key, now.saturating_add(within));
        arguments.state.is_none_or(in_state) && arguments.expiring.is_none_or(soon)
    });
    keys.sort_by(|a, b| (&a.alias, &a.unique_id).cmp(&(&b.alias, &b.unique_id)));
    let answer = json!({
        "Keys": keys.iter().map(External::json).collect::<Vec<_>>(),
        "TotalCount": keys.len(),
    });
    arguments.format.print(&answer, |out| {
        let rows: Vec<_> = keys.iter().map(|key| row(key, now)).collect();
        table(
            out,
            ["key id", "alias", "spec", "usage", "state", "expires"],
            &rows,
        )
    })?;
    if arguments.expiring.is_some() && !keys.is_empty() {
        return Ok(ExitCode::from(EXPIRING));
    }
    Ok(ExitCode::SUCCESS)
}

/// The material is gone at `by`, or before. Keys that are to be deleted need none.
fn expires_by(key: &External, by: UnixTime) -> bool {
    if key.state == Some(ck::STATE_PENDING_DELETION) {
        return false;
    }
    let gone = key.state == Some(ck::STATE_PENDING_IMPORT) && !key.material_id.is_empty();
    gone || (key.expires_at != 0 && key.expires_at <= by)
}

fn row(key: &External, now: UnixTime) -> [String; 6] {
    let expires = match key.state {
        Some(ck::STATE_PENDING_IMPORT) if key.expires_at == 0 => String::new(),
        _ => deadline(key.expires_at, now),
    };
    [
        key.unique_id.clone(),
        key.alias.clone(),
        key.spec(),
        key.usage().to_owned(),
        key.state().to_owned(),
        expires,
    ]
}
