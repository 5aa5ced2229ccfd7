//! C_DestroyObject.

use std::sync::Arc;

use crate::byok::{Deed, Rotation};
use crate::config::LogLevel;
use crate::error::Result;
use crate::log;
use crate::policy::{self, Action, Effect};
use crate::store::Uid;

use super::cache::object::{Handle, Home, Object};
use super::cache::objects::no_such_object;
use super::change::transaction::Change;
use super::external::{approval, end, shares, version};
use super::identity::audit::Event;
use super::identity::state::Keys;
use super::record;
use super::record::external::{is_job, of_material, profile_of};
use super::record::uid::shown;
use super::record::vault::Record;
use super::{CallingSession, Token};

impl Token {
    /// C_DestroyObject; returns what has left memory. An import job ends whole with its private key (section 3). Of an external key only the material is erased (BYOK rule 5): that of all versions,
    /// or of the current one where the service deletes each by itself (rule 10, *pending*).
    ///
    /// # Errors
    /// CKR_ACTION_PROHIBITED, CKR_OBJECT_HANDLE_INVALID, CKR_SESSION_READ_ONLY.
    pub fn destroy(&self, caller: CallingSession, handle: Handle) -> Result<Arc<Object>> {
        let (object, keys) = self.current(handle)?;
        let effect = self.decide(Action::Destroy, &object, &keys, caller.read_write)?;
        let destroyed = match (&object.home, effect) {
            (Home::Token { .. }, Effect::DestroyWhole | Effect::EraseMaterial) => {
                self.reduce(&keys, event(effect), |change| {
                    match (change.get(&object.uid)?, effect) {
                        (Some(record), _) => self.destroy_record(caller, &keys, change, record),
                        (None, Effect::DestroyWhole) => {
                            change.remove(&object.uid)?;
                            Ok(Destroyed::Object)
                        }
                        (None, _) => Err(no_such_object()),
                    }
                })?
            }
            (Home::Token { .. }, _) => Destroyed::Material(Vec::new()),
            (Home::Session { .. } | Home::Provided(_), _) => Destroyed::Object,
        };
        match destroyed {
            Destroyed::Object => self.state.objects.remove(handle),
            Destroyed::Material(versions) => {
                note_erased(&object.uid, &versions);
                self.state.objects.end_handle(handle);
            }
        }
        Ok(object)
    }

    /// Destroys a token object as it is now: since it was read, an import may have bound it, whose binding stays.
    fn destroy_record(
        &self,
        caller: CallingSession,
        keys: &Keys,
        change: &mut Change<'_>,
        mut record: Record,
    ) -> Result<Destroyed> {
        let now = record::facts::facts(&record.attributes, self.state.config.enforce_dates);
        let caller = keys.caller(caller.read_write);
        let effect = policy::decide(Action::Destroy, &now, &caller, change.now.at)
            .map_err(|refusal| refusal.error)?;
        change.entry.event = event(effect);
        if loses(change, &record, effect)? {
            approval::spend(change, &mut record, Deed::DeleteMaterial)?;
        }
        match effect {
            Effect::EraseMaterial => {
                return erase(change, &mut record).map(Destroyed::Material);
            }
            Effect::DestroyWhole if is_job(&record.attributes) => end::remove_job(change, &record)?,
            Effect::DestroyWhole => end::remove(change, &record)?,
            _ => return Ok(Destroyed::Material(Vec::new())),
        }
        Ok(Destroyed::Object)
    }
}

/// What a destruction took away.
enum Destroyed {
    /// The object.
    Object,
    /// What the external key, which stays bound, had of material: the numbers of the versions that had one, where that of
    /// all versions goes at once.
    Material(Vec<usize>),
}

/// What the audit record says of it.
fn event(effect: Effect) -> Event {
    match effect {
        Effect::DestroyWhole => Event::Destroy,
        _ => Event::EraseMaterial,
    }
}

/// Erases the material of an external key, which stays bound. Returns the numbers of the versions that had one, where
/// that of all versions goes at once.
fn erase(change: &mut Change<'_>, record: &mut Record) -> Result<Vec<usize>> {
    shares::erase_waiting(change, record)?;
    if erases_current_alone(record)? {
        end::erase(change, record)?;
        return Ok(Vec::new());
    }
    end::erase_all(change, record)
}

/// Says in the log which versions lost their material by one call, where these are several.
fn note_erased(key: &Uid, erased: &[usize]) {
    if erased.len() < 2 {
        return;
    }
    let numbers: Vec<_> = erased.iter().map(usize::to_string).collect();
    log::note(
        LogLevel::Warning,
        &format!(
            "the material of {} versions of the key {} is erased: {}",
            erased.len(),
            shown(key),
            numbers.join(", ")
        ),
    );
}

/// Whether more goes by a destruction than shares that wait and material that has expired: material that lives, or
/// the key itself.
fn loses(change: &Change<'_>, key: &Record, effect: Effect) -> Result<bool> {
    let lives = |record: &Record| of_material(&record.attributes).live(change.now.at);
    if effect == Effect::DestroyWhole || lives(key) {
        return Ok(true);
    }
    if erases_current_alone(key)? {
        return Ok(false);
    }
    let older = version::older(change, &key.attributes)?;
    Ok(older.iter().any(lives))
}

/// Whether the service deletes the material of each version by itself.
fn erases_current_alone(key: &Record) -> Result<bool> {
    let rotation = profile_of(&key.attributes)?.rotation;
    Ok(matches!(rotation, Rotation::Pending { .. }))
}
