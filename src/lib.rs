//! Tenon: a PKCS#11 software HSM. Keys go in, and never come out.
//!
//! Layers, arrows pointing down: `abi` (the C door), `module`, `session`, `token`; below them
//! `policy`, `byok`, `attr`, `mechanism`, `store`, `keytype` and `crypto`, which know little of each
//! other; at the bottom the leaves. `tests/architecture.rs` keeps it so; `docs/design.md` explains it.

mod abi;
mod allocator;
pub mod api;
#[cfg(not(feature = "model"))]
mod attr;
mod byok;
mod ck;
mod client;
mod clock;
mod config;
mod crypto;
mod error;
mod fork;
mod keytype;
mod limit;
mod log;
mod mechanism;
mod module;
mod out;
#[cfg(not(feature = "model"))]
mod policy;
mod rng;
mod rv;
mod secret;
mod session;
mod store;
mod token;

// `policy` and `attr`, each of whose rules can be switched off, and what the model calls of them.
#[cfg(feature = "model")]
include!(concat!(env!("OUT_DIR"), "/rules.rs"));
#[cfg(feature = "model")]
#[path = "../model/rules.rs"]
pub mod model;
