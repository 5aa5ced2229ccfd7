//! `tenon metrics`: what a monitor watches, in the text format of Prometheus. No PIN is needed.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::{Clock, SystemClock, UnixTime};
use tenon_pkcs11::api::module::Module;
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
    let module = token::open()?;
    let mut text = String::new();
    for metric in metrics(&module)? {
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
    let label = slot.label.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "slot=\"{}\",token=\"{label}\",serial=\"{}\"",
        slot.id, slot.serial
    )
}

fn next_expiry(keys: &[SealedKey], now: UnixTime) -> Option<u64> {
    let ends = keys.iter().map(|key| key.expires_at);
    ends.filter(|end| *end != 0)
        .min()
        .map(|end| end.saturating_sub(now))
}
