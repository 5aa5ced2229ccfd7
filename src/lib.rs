//! Tenon: a PKCS#11 software HSM. Keys go in, and never come out.
//!
//! Layers, arrows pointing down: `abi` (the C door), `module`, `session`, `token`; below them
//! `policy`, `byok`, `attr`, `mechanism`, `store`, `keytype` and `crypto`, which know little of each
//! other; at the bottom the leaves. `tests/architecture.rs` keeps it so; `docs/design.md` explains it.

mod abi;
mod allocator;
pub mod attr;
pub mod byok;
pub mod ck;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod error;
mod fork;
pub mod keytype;
pub mod log;
pub mod mechanism;
pub mod module;
pub mod out;
pub mod policy;
pub mod rng;
mod rv;
pub mod secret;
pub mod session;
pub mod store;
pub mod token;
