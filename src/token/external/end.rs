//! Material and keys end: expiry, deletion of material, scheduled deletion, the end of import jobs.

use crate::attr::Attributes;
use crate::byok;
use crate::ck;
use crate::clock::UnixTime;
use crate::error::{Error, Result};
use crate::store::Uid;
use crate::token::audit::Event;
use crate::token::change::Change;
use crate::token::vault::Record;
use crate::token::{Keys, Token};

use super::{facts, gone_at};

/// What time has come for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// The material alone.
    Material,
    /// The key with all that belongs to it.
    Key,
}

fn due(attributes: &Attributes, now: UnixTime) -> Option<Due> {
    if byok::expired(gone_at(attributes), now) {
        return Some(Due::Key);
    }
    facts(attributes)?.stale(now).then_some(Due::Material)
}

impl Token {
    /// Erases an external key's material, or a key of a scheduled deletion or an import job, whose
    /// time has come.
    pub(in crate::token) fn erase_due(&self, keys: &Keys, uid: &Uid) -> Result<()> {
        let now = self.time.now().at;
        let vault = keys.vault();
        let row = self
            .store
            .read(|snapshot| snapshot.object(uid).map_err(Error::from))?;
        let record = row.map(|row| vault.open(&row)).transpose()?;
        let is_due = record.is_some_and(|record| due(&record.attributes, now).is_some());
        if self.config.read_only || !is_due {
            return Ok(());
        }
        self.change(keys, Event::Expire, |change| {
            let Some(mut record) = change.get(uid)? else {
                return Ok(());
            };
            match due(&record.attributes, now) {
                Some(Due::Material) => erase(change, &mut record),
                Some(Due::Key) => change.remove(uid),
                None => Ok(()),
            }
        })
    }

    /// Erases whatever is due: what every login of the user does first.
    pub(in crate::token) fn sweep(&self) -> Result<()> {
        let now = self.time.now();
        if !now.believed || self.config.read_only {
            return Ok(());
        }
        let keys = self.keys()?;
        let due = self
            .store
            .read(|snapshot| snapshot.due(now.at).map_err(Error::from))?;
        for uid in due {
            self.erase_due(&keys, &uid)?;
        }
        Ok(())
    }
}

/// Erases the material of an external key with what belongs to it, its check value and its expiry;
/// public parts and binding stay.
pub(in crate::token) fn erase(change: &mut Change<'_>, record: &mut Record) -> Result<()> {
    change.erase_material(record)?;
    record.attributes.remove(ck::CKA_CHECK_VALUE);
    record.attributes.remove(ck::CKA_TENON_EXPIRES_AT);
    change.put(record, None)
}
