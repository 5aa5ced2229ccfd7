//! At a login the rows are compared with their sum, and what differs is not used while it lasts.

use std::collections::BTreeSet;

use crate::ck;
use crate::config::LogLevel;
use crate::error::{Result, refuse};
use crate::log;
use crate::store::Uid;

use super::differences::{Differences, differences};
use super::{Rows, shown};
use crate::token::Token;
use crate::token::record::vault::Domain;

/// Objects that a login names in the log at most.
const NAMED: usize = 20;

/// Objects that are not as the audit record left them: none of them is used.
#[derive(Default)]
pub(in crate::token) struct Suspects {
    /// The audit record cannot tell which.
    all: bool,
    uids: BTreeSet<Uid>,
}

impl Suspects {
    fn only(objects: Vec<(Uid, String)>) -> Self {
        Self {
            all: false,
            uids: objects.into_iter().map(|(uid, _)| uid).collect(),
        }
    }

    /// Refuses the object named `uid`, there or not, if it is not as the audit record left it.
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

impl Token {
    /// Compares the rows with their sum, as a login does: what is not to be used under it.
    pub(in crate::token) fn suspects(&self, master: &Domain) -> Result<Suspects> {
        let limit = self.config.login_rows;
        if limit == 0 {
            return Ok(Suspects::default());
        }
        let fault = self.store.read(|snapshot| {
            let Some(rows) = Rows::read(snapshot, master)? else {
                return Ok(Some("the sum of the rows is missing or not genuine"));
            };
            if rows.total.count > limit {
                log::note(
                    LogLevel::Warning,
                    &format!(
                        "the token has {} private and secret keys, more than `audit.login_rows`: this login does not check whether older rows were put back (`tenon audit verify` and `tenon doctor` do)",
                        rows.total.count
                    ),
                );
                return Ok(None);
            }
            rows.fault(snapshot, master)
        })?;
        match fault {
            None => Ok(Suspects::default()),
            Some(fault) => self.named_suspects(master, fault),
        }
    }

    /// Asks the audit record which objects differ.
    fn named_suspects(&self, master: &Domain, fault: &str) -> Result<Suspects> {
        let differ = self.store.read(|snapshot| differences(snapshot, master));
        let all = Suspects {
            all: true,
            uids: BTreeSet::new(),
        };
        let (what, suspects) = match differ {
            Ok(Differences {
                objects,
                vouched: true,
            }) => (named(&objects), Suspects::only(objects)),
            Ok(_) => (
                "no key is used, for the audit record does not come to the sum of the rows".into(),
                all,
            ),
            Err(error) => (format!("no key is used, for {error}"), all),
        };
        log::note(
            LogLevel::Error,
            &format!(
                "at a login: {fault}; {what}. Put back a whole copy of the token's file; `tenon audit verify` and `tenon doctor` say more"
            ),
        );
        Ok(suspects)
    }
}

fn named(objects: &[(Uid, String)]) -> String {
    let first: Vec<_> = objects
        .iter()
        .take(NAMED)
        .map(|(uid, how)| format!("{} {how}", shown(uid)))
        .collect();
    format!(
        "{} objects differ from the audit record and are not used: {}",
        objects.len(),
        first.join("; ")
    )
}
