//! What somebody who looks after a token asks of it: `tenon doctor`.

use crate::ck;
use crate::error::{Result, refuse};

use crate::token::Token;
use crate::token::identity::rows::differences;
use crate::token::record::uid::shown;

impl Token {
    /// What SQLite finds wrong with the token's file; nothing when it is sound. Reads the whole file,
    /// and needs no login.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the file cannot be read at all.
    pub fn file_faults(&self) -> Result<Vec<String>> {
        Ok(self.store.read(|snapshot| snapshot.faults())?)
    }

    /// Every object that is not as the audit record left it: its uid in hexadecimal digits, and how it
    /// differs. Needs a login; takes memory for every uid of the audit record.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN; CKR_DEVICE_ERROR when the audit record itself is damaged, or agrees with
    /// the objects and not with the sum of the rows.
    pub fn differences(&self) -> Result<Vec<(String, String)>> {
        let Some(master) = self.keys()?.master else {
            return refuse(
                ck::CKR_USER_NOT_LOGGED_IN,
                "comparing the objects with the audit record needs a login",
            );
        };
        let differ = self
            .store
            .read(|snapshot| differences(snapshot, &master.domain))?;
        if differ.objects.is_empty() && !differ.vouched {
            return refuse(
                ck::CKR_DEVICE_ERROR,
                "the audit record does not come to the sum of the rows: records were made up by others, or the sum is not genuine",
            );
        }
        Ok(differ
            .objects
            .into_iter()
            .map(|(uid, how)| (shown(&uid), how))
            .collect())
    }
}
