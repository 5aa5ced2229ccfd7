//! Message digesting (section 5.12) and random numbers (section 5.19).

use super::args::{Buffer, Input};
use super::below::{Module, Session};
use super::output::Output;
use super::params::Chosen;
use super::step::step;
use crate::ck::{self, CK_OBJECT_HANDLE, CK_SESSION_HANDLE};
use crate::error::Result;

/// C_DigestInit (section 5.12.1).
pub(super) fn init(module: &Module, session: CK_SESSION_HANDLE, mechanism: Chosen) -> Result<()> {
    let session = module.session(session)?;
    match mechanism.or_cancel(module)? {
        Some(request) => session.digest_init(request),
        None => session.cancel(ck::CKF_DIGEST),
    }
}

/// C_Digest (section 5.12.2).
pub(super) fn digest(session: &Session, data: Input, out: Output) -> Result<()> {
    step(session, ck::CKF_DIGEST, || {
        out.fill_from(data, |data, out| session.digest(data, out))
    })
}

/// C_DigestUpdate (section 5.12.3).
pub(super) fn update(session: &Session, part: Input) -> Result<()> {
    step(session, ck::CKF_DIGEST, || {
        session.digest_update(part.bytes()?)
    })
}

/// C_DigestKey (section 5.12.4).
pub(super) fn key(session: &Session, key: CK_OBJECT_HANDLE) -> Result<()> {
    session.digest_key(key)
}

/// C_DigestFinal (section 5.12.5).
pub(super) fn finish(session: &Session, out: Output) -> Result<()> {
    step(session, ck::CKF_DIGEST, || {
        out.fill(|out| session.digest_final(out))
    })
}

/// C_SeedRandom (section 5.19.1).
pub(super) fn seed_random(session: &Session, seed: Input) -> Result<()> {
    session.seed_random(seed.bytes()?)
}

/// C_GenerateRandom (section 5.19.2).
pub(super) fn random(session: &Session, mut out: Buffer) -> Result<()> {
    session.random(out.bytes()?)
}
