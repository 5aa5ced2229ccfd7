//! `tenon byok list`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::token::{SealedKey, SealedVersion, Version};

use super::external::{External, field, now, state_name};
use crate::Result;
use crate::object::class_name;
use crate::output::{Format, hex, key_id, table};
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
    /// What became of each material that was imported: the key's, then those of its older versions.
    ends: Vec<MaterialLife>,
    /// Alias and KeyId, by which the list is sorted.
    name: (String, String),
    json: Value,
    row: [String; 6],
}

/// What became of a material that was imported once.
enum MaterialLife {
    Live(UnixTime),
    Gone,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let open = arguments.login.session(&arguments.choice)?;
    let logged_in = arguments.login.is_wanted();
    let now = now();
    let known = External::all(&open.session)?;
    let mut keys: Vec<_> = known.iter().map(|key| Listed::of(key, now)).collect();
    if arguments.expiring.is_some() {
        for (key, listed) in known
            .iter()
            .zip(&mut keys)
            .filter(|(key, _)| !key.generated)
        {
            let versions = open.session.versions(key.handle)?;
            listed.ends = versions
                .iter()
                .filter_map(MaterialLife::of_version)
                .collect();
        }
    }
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
            ["key id", "alias", "spec", "usage", "state", "expires"],
            &rows,
        )?;
        if !logged_in {
            writeln!(
                out,
                "Aliases, specs and usages of private keys are not shown without --login."
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
        let bound = !key.material_id.is_empty();
        Self {
            state: key.state,
            ends: MaterialLife::of(key.state, bound, key.expires_at),
            name: (key.alias.clone(), key.key_id.clone()),
            json: key.json(),
            row: row(
                [
                    &key.key_id,
                    &key.alias,
                    &key.spec(),
                    &key.usage(),
                    key.state(),
                ],
                expiry(key.state, key.expires_at, now),
            ),
        }
    }

    /// What is known without a login: the fields that are sealed are null.
    fn of_sealed(key: &SealedKey, now: UnixTime) -> Self {
        let state = key.state.number();
        let mut ends = MaterialLife::of(state, key.bound, key.expires_at);
        let older = key.older.iter();
        ends.extend(older.map(|version| MaterialLife::new(version.live, version.expires_at)));
        let key_id = key_id(&hex(&key.uid));
        let class = format!("({})", class_name(Some(key.class)));
        Self {
            state,
            ends,
            json: sealed_json(key),
            row: row(
                [&key_id, "", &class, "", state_name(state)],
                expiry(state, key.expires_at, now),
            ),
            name: (String::new(), key_id),
        }
    }

    /// Whether a material ends at `by` or before, or is gone. Keys that are to be deleted need
    /// none.
    fn expires_by(&self, by: UnixTime) -> bool {
        let ended = |material: &MaterialLife| match material {
            MaterialLife::Live(end) => *end != 0 && *end <= by,
            MaterialLife::Gone => true,
        };
        self.state != Some(ck::STATE_PENDING_DELETION) && self.ends.iter().any(ended)
    }
}

impl MaterialLife {
    /// `None` for a version that waits for its first material.
    fn of_version(version: &Version) -> Option<Self> {
        version.material_id?;
        Some(Self::new(version.has_material(), version.expires_at))
    }

    fn new(live: bool, expires_at: UnixTime) -> Self {
        match live {
            true => Self::Live(expires_at),
            false => Self::Gone,
        }
    }

    fn of(state: Option<ck::CK_ULONG>, bound: bool, expires_at: UnixTime) -> Vec<Self> {
        match (state, bound) {
            (_, false) => Vec::new(),
            (Some(ck::STATE_PENDING_IMPORT), true) => vec![Self::Gone],
            (_, true) => vec![Self::Live(expires_at)],
        }
    }
}

/// KeyMetadata of a private key without a login.
pub(super) fn sealed_json(key: &SealedKey) -> Value {
    let version = |version: &SealedVersion| {
        json!({
            "Live": version.live,
            "KeyMaterialExpireUnix": version.expires_at,
            "MaterialExpireTime": field(version.expires_at),
        })
    };
    json!({
        "KeyId": key_id(&hex(&key.uid)),
        "Generated": key.generated,
        "AliasName": null,
        "KeyState": state_name(key.state.number()),
        "KeySpec": null,
        "KeyUsage": null,
        "Bound": key.bound,
        "KeyMaterialExpireUnix": key.expires_at,
        "MaterialExpireTime": field(key.expires_at),
        "DeleteDate": field(key.deletion_at),
        "OlderVersions": key.older.iter().map(version).collect::<Vec<_>>(),
    })
}

fn expiry(state: Option<ck::CK_ULONG>, expires_at: UnixTime, now: UnixTime) -> String {
    match state {
        Some(ck::STATE_PENDING_IMPORT) if expires_at == 0 => String::new(),
        _ => deadline(expires_at, now),
    }
}

fn row(cells: [&str; 5], expires: String) -> [String; 6] {
    let [id, alias, spec, usage, state] = cells.map(str::to_owned);
    [id, alias, spec, usage, state, expires]
}
