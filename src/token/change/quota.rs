//! Limits on what callers without a login may have recorded.

use crate::ck;
use crate::error::{Result, refuse};
use crate::store::Tx;
use crate::token::identity::audit::{self, QUOTA_ROW, Quota, RefusalRecord};
use crate::token::identity::state::Keys;

use super::writer::Writer;

impl Writer {
    /// Appends a record for each refusal; those of callers without a login only as far as their quota goes.
    pub(super) fn append_refusals(
        &self,
        tx: &Tx<'_>,
        keys: &Keys,
        refusals: &[RefusalRecord],
    ) -> Result<()> {
        if refusals.is_empty() && !keys.logged_in() {
            return Ok(());
        }
        let public = &keys.identity.public;
        let row = tx.meta(QUOTA_ROW)?;
        let stored = Quota::decode(public, row.as_deref())?;
        let mut quota = stored;
        let now = self.state.time.now();
        if refusals.iter().any(|refusal| refusal.public) {
            quota.at(now.at, now.believed);
        }
        if let Some(omitted) = quota.take_omitted(keys.logged_in(), now.at) {
            audit::append(tx, &omitted)?;
        }
        for refusal in refusals {
            if !refusal.public || quota.admit(refusal) {
                audit::append(tx, &refusal.entry)?;
            }
        }
        if quota != stored {
            tx.set_meta(QUOTA_ROW, &quota.encode(public))?;
        }
        Ok(())
    }

    /// Counts a change of a caller without a login, and refuses it beyond the quota: each makes a record.
    pub(super) fn count_public_change(&self, tx: &Tx<'_>, keys: &Keys) -> Result<()> {
        let public = &keys.identity.public;
        let mut quota = Quota::decode(public, tx.meta(QUOTA_ROW)?.as_deref())?;
        let now = self.state.time.now();
        quota.at(now.at, now.believed);
        let limit = self.state.config.public_changes;
        if !quota.admit_change(limit) {
            return refuse(
                ck::CKR_USER_NOT_LOGGED_IN,
                format!(
                    "callers without a login make {limit} changes a day (`policy.public_changes`): log in"
                ),
            );
        }
        Ok(tx.set_meta(QUOTA_ROW, &quota.encode(public))?)
    }
}
