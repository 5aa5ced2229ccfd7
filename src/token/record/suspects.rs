//! Objects that must not be used while a login lasts.

use std::collections::BTreeSet;

use crate::ck;
use crate::error::{Result, refuse};
use crate::store::Uid;

use super::uid::shown;

/// Objects that are not as the audit record left them.
#[derive(Default)]
pub(in crate::token) struct Suspects {
    /// The audit record cannot tell which objects differ.
    all: bool,
    uids: BTreeSet<Uid>,
}

impl Suspects {
    pub(in crate::token) fn only(objects: Vec<(Uid, String)>) -> Self {
        Self {
            all: false,
            uids: objects.into_iter().map(|(uid, _)| uid).collect(),
        }
    }

    /// Every private and secret key, where the audit record cannot tell which of them differ.
    pub(in crate::token) fn all() -> Self {
        Self {
            all: true,
            uids: BTreeSet::new(),
        }
    }

    /// Refuses the object named `uid`, whether it exists or not, if it is not as the audit record left it.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub(in crate::token) fn refuse(&self, uid: &Uid) -> Result<()> {
        if self.uids.contains(uid) {
            return refuse(
                ck::CKR_DEVICE_ERROR,
                format!(
                    "object {} is not as the audit record left it: put back a whole copy of the token's file (`tenon audit verify` says what differs)",
                    shown(uid)
                ),
            );
        }
        if self.all {
            return refuse(
                ck::CKR_DEVICE_ERROR,
                "rows of keys in the token's file were changed by others, and the audit record, or the sum of the rows, does not tell which: put back a whole copy of the file",
            );
        }
        Ok(())
    }
}
