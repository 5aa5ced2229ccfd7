//! Comparing the rows with their sum at a login. Objects that differ are not used while it lasts.

use crate::config::LogLevel;
use crate::error::Result;
use crate::log;
use crate::store::Uid;

use super::Rows;
use super::differences::{Differences, differences};
use crate::token::identity::state::TokenState;
use crate::token::record::domain::Domain;
use crate::token::record::suspects::Suspects;
use crate::token::record::uid::shown;

/// The most objects that a login names in the log.
const NAMED: usize = 20;

/// The objects that must not be used under this login, by comparing the rows with their sum.
pub(in crate::token) fn suspects(state: &TokenState, master: &Domain) -> Result<Suspects> {
    let limit = state.config.login_rows;
    if limit == 0 {
        return Ok(Suspects::default());
    }
    let fault = state.store.read(|snapshot| {
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
        Some(fault) => named_suspects(state, master, fault),
    }
}

/// Finds the objects that differ, by the audit record.
fn named_suspects(state: &TokenState, master: &Domain, fault: &str) -> Result<Suspects> {
    let differ = state.store.read(|snapshot| differences(snapshot, master));
    let all = Suspects::all();
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
