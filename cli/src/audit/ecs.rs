//! A record with the field names of the Elastic Common Schema: docs/json.md.

use serde_json::{Value, json};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::token::{AuditEntry, Event};

use super::record;
use crate::when::utc;

/// The schema's version.
const VERSION: &str = "8.17.0";

/// A record of the token with this serial number, as `tenon audit export` writes it.
pub(super) fn json(serial: &str, position: u64, entry: &AuditEntry) -> Value {
    let (category, types) = kind(entry.event);
    let client = entry.client.as_ref();
    let mut event = json!({
        "@timestamp": utc(entry.at),
        "ecs": { "version": VERSION },
        "event": {
            "kind": "event",
            "dataset": "tenon.audit",
            "action": entry.event.name(),
            "category": [category],
            "type": types,
            "outcome": if is_success(entry) { "success" } else { "failure" },
            "code": ck::rv_name(entry.rv),
            "sequence": position,
        },
        "observer": { "vendor": "Tenon", "type": "hsm", "serial_number": serial },
        "tenon": record::json(position, entry),
    });
    if let Some(client) = client {
        event["user"] = json!({ "id": client.uid.to_string() });
        event["process"] = json!({ "pid": client.pid, "executable": client.program });
        event["host"] = json!({ "name": client.host });
        if !client.actor.is_empty() {
            event["labels"] = json!({ "actor": client.actor });
        }
    }
    event
}

/// Whether what was asked for was done.
pub(super) fn is_success(entry: &AuditEntry) -> bool {
    entry.rv == ck::CKR_OK && entry.event != Event::RefusalsOmitted
}

/// event.category and event.type, of the values that the schema allows.
fn kind(event: Event) -> (&'static str, &'static [&'static str]) {
    match event {
        Event::Login | Event::LoginRefused => ("authentication", &["start"]),
        Event::InitPin | Event::SetPin => ("iam", &["user", "change"]),
        Event::InitToken => ("configuration", &["creation"]),
        Event::ClockAccepted
        | Event::ClockLowered
        | Event::AnchorAccepted
        | Event::Archive
        | Event::Rename
        | Event::Rekey
        | Event::Moved
        | Event::TakenBack
        | Event::Restored => ("configuration", &["change"]),
        Event::Create
        | Event::Generate
        | Event::Copy
        | Event::Unwrap
        | Event::Import
        | Event::Derive
        | Event::Rotate
        | Event::Attestation => ("api", &["creation"]),
        Event::Change => ("api", &["change"]),
        Event::Destroy | Event::EraseMaterial | Event::Expire | Event::Delete => {
            ("api", &["deletion"])
        }
        Event::Use | Event::Password => ("api", &["access"]),
        Event::ImportRefused | Event::RefusalsOmitted => ("api", &["denied"]),
    }
}
