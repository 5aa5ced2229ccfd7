//! C_DestroyObject.

use crate::attr::Attributes;
use crate::byok::{Deed, Rotation};
use crate::error::Result;
use crate::policy::{self, Action, Effect};

use super::cache::object::{Handle, Home};
use super::cache::objects::no_such_object;
use super::change::transaction::Change;
use super::external::{approval, end, shares};
use super::identity::audit::Event;
use super::identity::state::Keys;
use super::record;
use super::record::external::{facts, is_job, profile_of};
use super::record::vault::Record;
use super::{CallingSession, Token};

impl Token {
    /// C_DestroyObject. An import job ends whole with its private key (section 3). Of an external key only the material is erased (BYOK rule 5): that of all versions,
    /// or of the current one where the service deletes each by itself (rule 10, *pending*).
    ///
    /// # Errors
    /// CKR_ACTION_PROHIBITED, CKR_OBJECT_HANDLE_INVALID, CKR_SESSION_READ_ONLY.
    pub fn destroy(&self, caller: CallingSession, handle: Handle) -> Result<()> {
        let (object, keys) = self.current(handle)?;
        let effect = self.decide(Action::Destroy, &object, &keys, caller.read_write)?;
        if let (Home::Token { .. }, Effect::DestroyWhole | Effect::EraseMaterial) =
            (&object.home, effect)
        {
            self.reduce(&keys, event(effect), |change| {
                match (change.get(&object.uid)?, effect) {
                    (Some(record), _) => self.destroy_record(caller, &keys, change, record),
                    (None, Effect::DestroyWhole) => change.remove(&object.uid),
                    (None, _) => Err(no_such_object()),
                }
            })?;
        }
        self.state.objects.remove(handle);
        Ok(())
    }

    /// Destroys a token object as it is now: since it was read, an import may have bound it, whose binding stays.
    fn destroy_record(
        &self,
        caller: CallingSession,
        keys: &Keys,
        change: &mut Change<'_>,
        mut record: Record,
    ) -> Result<()> {
        let now = record::facts::facts(&record.attributes, self.state.config.enforce_dates);
        let caller = keys.caller(caller.read_write);
        let effect = policy::decide(Action::Destroy, &now, &caller, change.now.at)
            .map_err(|refusal| refusal.error)?;
        change.entry.event = event(effect);
        if loses(&record.attributes) {
            approval::spend(change, &mut record, Deed::DeleteMaterial)?;
        }
        match effect {
            Effect::EraseMaterial => erase(change, &mut record),
            Effect::DestroyWhole if is_job(&record.attributes) => end::remove_job(change, &record),
            Effect::DestroyWhole => end::remove(change, &record),
            _ => Ok(()),
        }
    }
}

/// What the audit record says of it.
fn event(effect: Effect) -> Event {
    match effect {
        Effect::DestroyWhole => Event::Destroy,
        _ => Event::EraseMaterial,
    }
}

/// Erases the material of an external key, which stays bound.
fn erase(change: &mut Change<'_>, record: &mut Record) -> Result<()> {
    shares::erase_waiting(change, record)?;
    match profile_of(&record.attributes)?.rotation {
        Rotation::Pending { .. } => end::erase(change, record),
        _ => end::erase_all(change, record),
    }
}

/// Whether more goes by a destruction than shares that wait: material, or the key itself.
fn loses(key: &Attributes) -> bool {
    let facts = facts(key).unwrap_or_default();
    facts.any_material() || !facts.shares_wait
}
