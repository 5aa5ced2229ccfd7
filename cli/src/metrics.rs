//! `tenon metrics`: what a monitor watches, in the text format of Prometheus. No PIN is needed.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::{Clock, SystemClock, UnixTime};
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::module::Module;
use tenon_pkcs11::api::store;
use tenon_pkcs11::api::token::SealedKey;

use crate::token::{self, Slot};
use crate::{Result, files};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Put the metrics in the place of this file, whole at once, as the textfile collector of Prometheus' node
    /// exporter wants it; else they are printed
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A metric with its values, each with the labels in braces.
struct Metric {
    name: &'static str,
    help: &'static str,
    values: Vec<(String, u64)>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut all = Vec::new();
    let database = of_database(&Config::load()?, &mut all);
    if database != Some(false) {
        all.extend(metrics(&token::open()?)?);
    }
    let mut text = String::new();
    for metric in all {
        let Metric { name, help, values } = metric;
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "{name}{{{labels}}} {value}");
        }
    }
    match &arguments.output {
        Some(file) => files::replace(file, text.as_bytes()),
        None => files::write(None, text.as_bytes()),
    }
}

/// The names of the metrics of a database, and what each says.
const DATABASE: [(&str, &str); 8] = [
    (
        "tenon_database_up",
        "1 where a server of the database takes changes; 0, and nothing else is told, where none does.",
    ),
    (
        "tenon_database_round_trip_microseconds",
        "How long the server takes for one statement.",
    ),
    (
        "tenon_database_clock_difference_seconds",
        "How far the clocks of this host and of the database are apart.",
    ),
    (
        "tenon_database_synchronous_standby",
        "1 where a standby keeps a change before it is acknowledged.",
    ),
    (
        "tenon_database_connections",
        "Connections of clients to the server.",
    ),
    (
        "tenon_database_connections_limit",
        "Connections that the server allows.",
    ),
    (
        "tenon_database_processes",
        "Processes that asked for a lease within 20 seconds, each counted once a token.",
    ),
    (
        "tenon_database_lease_milliseconds",
        "The longest lease of the tokens.",
    ),
];

/// Adds the metrics of the database. Whether it can be used; `None` where the tokens are files.
fn of_database(config: &Config, metrics: &mut Vec<Metric>) -> Option<bool> {
    let catalog = store::catalog(config);
    let status = catalog.database();
    let values = match &status {
        Ok(None) => return None,
        Err(error) => {
            eprintln!("tenon: {}: {error}", catalog.name());
            vec![0]
        }
        Ok(Some(status)) => {
            let now = SystemClock.now();
            let apart = status.clock.now().map_or(0, |shown| shown.abs_diff(now));
            let lease = status.leases.map_or(0, |(_, longest)| longest.as_millis());
            vec![
                1,
                u64::try_from(status.round_trip.as_micros()).unwrap_or(u64::MAX),
                apart,
                (!status.standbys.is_empty()).into(),
                status.connections,
                status.most_connections,
                status.processes,
                u64::try_from(lease).unwrap_or(u64::MAX),
            ]
        }
    };
    let labels = format!("database=\"{}\"", quoted(&catalog.name()));
    let named = DATABASE.iter().zip(values);
    metrics.extend(named.map(|((name, help), value)| Metric {
        name,
        help,
        values: vec![(labels.clone(), value)],
    }));
    Some(status.is_ok())
}

/// The names of the metrics, and what each says.
const METRICS: [(&str, &str); 9] = [
    (
        "tenon_token_readable",
        "1 where the token of the slot can be read.",
    ),
    (
        "tenon_user_pin_tries_left",
        "Wrong tries until the user PIN is locked.",
    ),
    (
        "tenon_so_pin_tries_left",
        "Wrong tries until the SO PIN is locked.",
    ),
    ("tenon_objects", "Objects in the token."),
    ("tenon_audit_records", "Number of the last audit record."),
    (
        "tenon_last_backup_timestamp_seconds",
        "When `tenon backup` last copied the token, in Unix seconds.",
    ),
    (
        "tenon_clock_behind_seconds",
        "How far the clock is behind the token's mark.",
    ),
    ("tenon_external_keys", "Private external keys by state."),
    (
        "tenon_next_expiry_seconds",
        "Seconds until the next material of a private external key expires; 0 where it has.",
    ),
];

fn metrics(module: &Module) -> Result<[Metric; 9]> {
    let mut metrics = METRICS.map(|(name, help)| Metric {
        name,
        help,
        values: Vec::new(),
    });
    let [
        readable,
        user,
        so,
        objects,
        records,
        backup,
        behind,
        keys,
        expiry,
    ] = &mut metrics;
    let now = SystemClock.now();
    for slot in token::slots(module)? {
        if slot.unreadable.is_some() {
            readable.values.push((format!("slot=\"{}\"", slot.id), 0));
            continue;
        }
        if !slot.initialised() {
            continue;
        }
        let labels = labels(&slot);
        let token = module.token(slot.id)?;
        let sealed = token.sealed_keys()?;
        let clock = token.clock()?;
        readable.values.push((labels.clone(), 1));
        user.values
            .extend(slot.user_tries.map(|left| (labels.clone(), left.into())));
        so.values
            .extend(slot.so_tries.map(|left| (labels.clone(), left.into())));
        objects.values.push((labels.clone(), token.object_count()?));
        records.values.push((labels.clone(), token.audit_end()?));
        let backed_up = token.last_backup()?;
        backup
            .values
            .extend(backed_up.map(|at| (labels.clone(), at)));
        let late = clock.mark.saturating_sub(clock.reading);
        behind.values.push((labels.clone(), late));
        for (number, name) in STATES {
            let in_state = sealed
                .iter()
                .filter(|key| key.state.number() == Some(number));
            let labels = format!("{labels},state=\"{name}\"");
            keys.values.push((labels, in_state.count() as u64));
        }
        expiry
            .values
            .extend(next_expiry(&sealed, now).map(|left| (labels, left)));
    }
    Ok(metrics)
}

const STATES: [(ck::CK_ULONG, &str); 4] = [
    (ck::STATE_PENDING_IMPORT, "PendingImport"),
    (ck::STATE_ENABLED, "Enabled"),
    (ck::STATE_DISABLED, "Disabled"),
    (ck::STATE_PENDING_DELETION, "PendingDeletion"),
];

/// Slot, label and serial number, as Prometheus quotes them.
fn labels(slot: &Slot) -> String {
    format!(
        "slot=\"{}\",token=\"{}\",serial=\"{}\"",
        slot.id,
        quoted(&slot.label),
        slot.serial
    )
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn next_expiry(keys: &[SealedKey], now: UnixTime) -> Option<u64> {
    let ends = keys.iter().map(|key| key.expires_at);
    ends.filter(|end| *end != 0)
        .min()
        .map(|end| end.saturating_sub(now))
}
