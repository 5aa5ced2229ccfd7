//! C_DestroyObject.

use crate::attr::Attributes;
use crate::byok::{Deed, Rotation};
use crate::error::Result;
use crate::policy::{Action, Effect};

use super::cache::object::{Handle, Home};
use super::cache::objects::no_such_object;
use super::external::{approval, end, shares};
use super::identity::audit::Event;
use super::record::external::{facts, is_job, profile_of};
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
            let event = match effect {
                Effect::EraseMaterial => Event::EraseMaterial,
                _ => Event::Destroy,
            };
            self.reduce(&keys, event, |change| {
                let mut record = change.get(&object.uid)?;
                if let Some(record) = record.as_mut().filter(|record| loses(&record.attributes)) {
                    approval::spend(change, record, Deed::DeleteMaterial)?;
                }
                if effect == Effect::DestroyWhole {
                    return match &record {
                        Some(record) if is_job(&record.attributes) => {
                            end::remove_job(change, record)
                        }
                        Some(record) => end::remove(change, record),
                        None => change.remove(&object.uid),
                    };
                }
                let mut record = record.ok_or_else(no_such_object)?;
                shares::erase_waiting(change, &mut record)?;
                match profile_of(&record.attributes)?.rotation {
                    Rotation::Pending { .. } => end::erase(change, &mut record),
                    _ => end::erase_all(change, &mut record),
                }
            })?;
        }
        self.state.objects.remove(handle);
        Ok(())
    }
}

/// Whether more goes by a destruction than shares that wait: material, or the key itself.
fn loses(key: &Attributes) -> bool {
    let facts = facts(key).unwrap_or_default();
    facts.material || facts.older != 0 || !facts.shares_wait
}
