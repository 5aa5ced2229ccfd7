//! Random numbers (section 5.19).

use super::args::{InputBytes, OutputBytes};
use crate::error::Result;
use crate::session::Session;

/// C_SeedRandom (section 5.19.1).
pub(super) fn seed(session: &Session, seed: InputBytes) -> Result<()> {
    session.seed_random(seed.bytes()?);
    Ok(())
}

/// C_GenerateRandom (section 5.19.2).
pub(super) fn generate(session: &Session, mut out: OutputBytes) -> Result<()> {
    session.random(out.bytes()?);
    Ok(())
}
