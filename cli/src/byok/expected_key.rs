//! The key that a signed statement must be about.

use clap::Args;

use crate::Result;
use crate::output::{hex, uid};
use crate::proof::Proven;

#[derive(Args)]
pub(super) struct ExpectedKey {
    /// KeyId that you expect
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
}

impl ExpectedKey {
    pub(super) fn is_named(&self) -> bool {
        self.key_id.is_some()
    }

    /// Refuses a statement about another key.
    pub(super) fn check(&self, proven: &mut Proven) -> Result<()> {
        let Some(id) = &self.key_id else {
            return Ok(());
        };
        let id = uid(id).map_or_else(|| id.clone(), |uid| hex(&uid));
        proven.same("KeyId", "uid", &id)
    }
}
