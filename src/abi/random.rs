//! Random numbers (section 5.19).

use super::args::{Buffer, Input};
use crate::error::Result;
use crate::session::Session;

/// C_SeedRandom (section 5.19.1).
pub(super) fn seed(session: &Session, seed: Input) -> Result<()> {
    session.seed_random(seed.bytes()?);
    Ok(())
}

/// C_GenerateRandom (section 5.19.2).
pub(super) fn generate(session: &Session, mut out: Buffer) -> Result<()> {
    session.random(out.bytes()?);
    Ok(())
}
