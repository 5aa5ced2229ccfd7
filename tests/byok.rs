//! External keys through the module: binding, re-import, expiry, erasure, and the one failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::useless_vec,
    reason = "what fails here fails the test"
)]

mod common;

#[path = "byok/approvals.rs"]
mod approvals;
#[path = "byok/binding.rs"]
mod binding;
#[path = "byok/blobs.rs"]
mod blobs;
#[path = "byok/ended_versions.rs"]
mod ended_versions;
#[path = "byok/envelope.rs"]
mod envelope;
#[path = "byok/expiry.rs"]
mod expiry;
#[path = "byok/hpke.rs"]
mod hpke;
#[path = "byok/import_template.rs"]
mod import_template;
#[path = "byok/jobs.rs"]
mod jobs;
#[path = "byok/lifecycle.rs"]
mod lifecycle;
#[path = "byok/limited.rs"]
mod limited;
#[path = "byok/lives.rs"]
mod lives;
#[path = "byok/managed.rs"]
mod managed;
#[path = "byok/many.rs"]
mod many;
#[path = "byok/model.rs"]
mod model;
#[path = "byok/names.rs"]
mod names;
#[path = "byok/one_refusal.rs"]
mod one_refusal;
#[path = "byok/outside.rs"]
mod outside;
#[path = "byok/owner.rs"]
mod owner;
#[path = "byok/pkcs1.rs"]
mod pkcs1;
#[path = "byok/public_half.rs"]
mod public_half;
#[path = "byok/receipt.rs"]
mod receipt;
#[path = "byok/rotation.rs"]
mod rotation;
#[path = "byok/shares.rs"]
mod shares;
#[path = "byok/sm.rs"]
mod sm;
#[path = "byok/specs.rs"]
mod specs;
#[path = "byok/states.rs"]
mod states;
#[path = "byok/version_receipts.rs"]
mod version_receipts;
#[path = "byok/versions.rs"]
mod versions;
