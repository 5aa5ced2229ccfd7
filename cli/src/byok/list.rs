//! `tenon byok list`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::token::SealedKey;

use super::external::{External, state_name};
use super::first_end::FirstEnd;
use super::metadata;
use crate::Result;
use crate::object::class_name;
use crate::output::{Format, hex, key_id};
use crate::table::{sentence, table};
use crate::token::{Choice, Login};
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
    login: Login,
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

struct Listed {
    state: Option<ck::CK_ULONG>,
    first_end: Option<FirstEnd>,
    /// Alias and KeyId, by which the list is sorted.
    name: (String, String),
    json: Value,
    row: [String; 6],
    /// What the key needs, where that is known.
    needs: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let open = arguments.login.session(&arguments.choice)?;
    let logged_in = arguments.login.is_wanted();
    let now = open.now()?;
    let known = External::all(&open.session)?.into_iter();
    let mut keys: Vec<_> = known.map(|key| Listed::of(&key, now)).collect();
    if !logged_in {
        let sealed = open.token()?.sealed_keys()?;
        keys.extend(sealed.iter().map(|key| Listed::of_sealed(key, now)));
    }
    keys.retain(|key| {
        let in_state = |state: State| key.state == Some(state.number());
        let soon = |within: UnixTime| key.expires_by(now.saturating_add(within));
        arguments.state.is_none_or(in_state) && arguments.expiring.is_none_or(soon)
    });
    keys.sort_by(|a, b| a.name.cmp(&b.name));
    let answer = json!({
        "Keys": keys.iter().map(|key| &key.json).collect::<Vec<_>>(),
        "TotalCount": keys.len(),
        "LoggedIn": logged_in,
    });
    arguments.format.print(&answer, |out| {
        let rows: Vec<_> = keys.iter().map(|key| key.row.clone()).collect();
        table(
            out,
            ["KEY ID", "ALIAS", "SPEC", "USAGE", "STATE", "EXPIRES"],
            &rows,
        )?;
        if arguments.expiring.is_some() {
            for key in &keys {
                let need = |need: &String| sentence(out, &format!("{}: {need}", key.row[0]));
                key.needs.iter().try_for_each(need)?;
            }
        }
        if !logged_in {
            sentence(
                out,
                "Aliases, specs and usages of private keys are not shown without --login.",
            )?;
        }
        Ok(())
    })?;
    if arguments.expiring.is_some() && !keys.is_empty() {
        return Ok(ExitCode::from(EXPIRING));
    }
    Ok(ExitCode::SUCCESS)
}

impl Listed {
    fn of(key: &External, now: UnixTime) -> Self {
        let first_end = FirstEnd::of(&key.versions);
        Self {
            state: key.state,
            first_end,
            name: (key.alias.clone(), key.key_id.clone()),
            json: metadata::of_key(key),
            row: row(
                [
                    &key.key_id,
                    &key.alias,
                    &key.spec(),
                    &key.usage(),
                    key.state(),
                ],
                expiry(key.state, key.expires_at, first_end, now),
            ),
            needs: key.needs(),
        }
    }

    /// What is known without a login: the fields that are sealed are null.
    fn of_sealed(key: &SealedKey, now: UnixTime) -> Self {
        let state = key.state.number();
        let first_end = FirstEnd::of_sealed(key);
        let key_id = key_id(&hex(&key.uid));
        let class = format!("({})", class_name(Some(key.class)));
        Self {
            state,
            first_end,
            json: metadata::of_sealed(key),
            row: row(
                [&key_id, "", &class, "", state_name(state)],
                expiry(state, key.expires_at, first_end, now),
            ),
            name: (String::new(), key_id),
            needs: Vec::new(),
        }
    }

    /// Whether a material ends at `by` or before, or is gone. Keys that are to be deleted need
    /// none.
    fn expires_by(&self, by: UnixTime) -> bool {
        let by = |end: FirstEnd| end.is_by(by);
        self.state != Some(ck::STATE_PENDING_DELETION) && self.first_end.is_some_and(by)
    }
}

/// When the key's material expires, and which other version's does before it.
fn expiry(
    state: Option<ck::CK_ULONG>,
    expires_at: UnixTime,
    first_end: Option<FirstEnd>,
    now: UnixTime,
) -> String {
    let own = match state {
        Some(ck::STATE_PENDING_IMPORT) if expires_at == 0 => String::new(),
        _ => deadline(expires_at, now),
    };
    let other = first_end.filter(|end| !end.current);
    match (own.is_empty(), other) {
        (_, None) => own,
        (true, Some(end)) => end.words(now),
        (false, Some(end)) => format!("{own}; {}", end.words(now)),
    }
}

fn row(cells: [&str; 5], expires: String) -> [String; 6] {
    let [id, alias, spec, usage, state] = cells.map(str::to_owned);
    [id, alias, spec, usage, state, expires]
}
