//! External keys through the module: binding, re-import, expiry, erasure, and the one failure.

mod common;

#[path = "byok/binding.rs"]
mod binding;
#[path = "byok/blobs.rs"]
mod blobs;
#[path = "byok/expiry.rs"]
mod expiry;
#[path = "byok/outside.rs"]
mod outside;
