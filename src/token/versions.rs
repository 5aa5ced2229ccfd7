//! Versions of an external key: making a new one, listing them, and erasing the material of one.

use crate::attr::{self, RawAttribute, Value};
use crate::byok::{self, Deed, Rotated};
use crate::ck;
use crate::clock::UnixTime;
use crate::error::{Error, Result, refuse};
use crate::policy::Action;

use super::cache::object::Handle;
use super::cache::objects::no_such_object;
use super::external::version::{self, Version};
use super::external::{approval, end};
use super::identity::audit::Event;
use super::record::external::{facts, material_id, of_material, profile_of, spec_of};
use super::record::vault::Record;
use super::{CallingSession, Token};

impl Token {
    /// Gives an external key its next version, as its profile does (BYOK rule 10): opens one, which the
    /// next import of other material fills and makes current, or makes the material current that was
    /// imported for it. What was current then opens envelopes and does nothing else. `force`: also a key
    /// that encrypts by other mechanisms than the envelope, whose earlier ciphertext does not open after it.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT for keys that do not rotate; CKR_ACTION_PROHIBITED for a raw key without
    /// `force`; CKR_KEY_FUNCTION_NOT_PERMITTED while a version waits already, without material for the
    /// next version, or in a state without rotation; CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN,
    /// CKR_OBJECT_HANDLE_INVALID.
    pub fn rotate(&self, caller: CallingSession, handle: Handle, force: bool) -> Result<()> {
        let (object, keys) = self.current(handle)?;
        if facts(&object.attributes).is_some() {
            // Whoever asks before the first import learns at once that the key never rotates.
            let attributes = &object.attributes;
            byok::rotates(profile_of(attributes)?, spec_of(attributes))?;
        }
        self.decide(Action::Rotate, &object, &keys, caller.read_write)?;
        self.change(&keys, Event::Rotate, |change| {
            let mut record = change.get(&object.uid)?.ok_or_else(no_such_object)?;
            let attributes = &mut record.attributes;
            let facts = facts(attributes).unwrap_or_default();
            let profile = profile_of(attributes)?;
            let spec = spec_of(attributes);
            match byok::may_rotate(&facts, profile, spec, change.now.at, force)? {
                Rotated::Opened => {
                    attributes.set(ck::INTERNAL_VERSION_PENDING, Value::Bool(true));
                    change.put(&mut record, None)
                }
                Rotated::Promoted => {
                    let material = version::promote(change, &keys.vault(), &mut record)?;
                    change.put(&mut record, Some(&material))
                }
            }
        })
    }

    /// Erases the material of one version of an external key, which is named by its CKA_TENON_MATERIAL_ID.
    /// The version stays bound to it; that of the next version is none any more, since it was never current.
    /// Custodians' approvals are used up where the material lives.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT for what is no external key, CKR_ATTRIBUTE_VALUE_INVALID where the key has
    /// no such material, or it is gone already; CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN, CKR_OBJECT_HANDLE_INVALID.
    pub fn delete_material(
        &self,
        caller: CallingSession,
        handle: Handle,
        id: &[u8; 16],
    ) -> Result<()> {
        let (object, keys) = self.current(handle)?;
        self.decide(Action::DeleteMaterial, &object, &keys, caller.read_write)?;
        self.reduce(&keys, Event::EraseMaterial, |change| {
            let key = change.get(&object.uid)?.ok_or_else(no_such_object)?;
            let mut versions = version::older(change, &key.attributes)?;
            versions.extend(version::next(change, &key.attributes)?);
            let unused = version::unused_records(&key.attributes, |uid| change.get(uid))?;
            versions.push(key);
            let named = |record: &Record| material_id(&record.attributes).as_ref() == Some(id);
            let Some(place) = versions.iter().position(named) else {
                return Err(no_material(unused.iter().any(named)));
            };
            let facts = of_material(&versions[place].attributes);
            // Material that has expired by a clock in doubt is still there.
            let over = change.now.believed && !facts.live(change.now.at);
            if over || !facts.material {
                return Err(no_material(true));
            }
            // The key itself is the last.
            if let Some(key) = versions.last_mut().filter(|_| facts.live(change.now.at)) {
                approval::spend(change, key, Deed::DeleteMaterial)?;
            }
            end::erase(change, &mut versions[place])
        })
    }

    /// C_SetAttributeValue of CKA_TENON_MATERIAL_ID and CKA_TENON_ENDED_AT: does what `delete_material` does.
    /// The end that is then on record is the token's own time.
    pub(super) fn delete_named_material(
        &self,
        caller: CallingSession,
        handle: Handle,
        template: &[RawAttribute],
    ) -> Result<()> {
        let bytes = |kind| attr::stated_bytes(template, kind).unwrap_or_default();
        if template.len() != 2 {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "the end of a material is a change by itself: set the other attributes in a call of their own",
            );
        }
        let id = bytes(ck::CKA_TENON_MATERIAL_ID).try_into();
        let id = id.map_err(|_| {
            let why = "a material id is the 16 bytes that CKA_TENON_VERSIONS shows";
            Error::new(ck::CKR_ATTRIBUTE_VALUE_INVALID, why).at("CKA_TENON_MATERIAL_ID")
        })?;
        let at = bytes(ck::CKA_TENON_ENDED_AT).try_into();
        let at = at.map_or(0, UnixTime::from_be_bytes);
        if !byok::expired(at, self.state.time.now().at) {
            let why =
                "a material ends now: the time is 8 bytes, and not 0 or after the token's time";
            return Err(Error::new(ck::CKR_ATTRIBUTE_VALUE_INVALID, why).at("CKA_TENON_ENDED_AT"));
        }
        self.delete_material(caller, handle, &id)
    }

    /// The materials that were imported for the next version of an external key and ended before they were current, the
    /// oldest first. Their number is 0.
    ///
    /// # Errors
    /// As `versions`.
    pub fn unused_materials(&self, handle: Handle) -> Result<Vec<Version>> {
        let object = self.object(handle)?;
        let unused = version::unused(&self.state, &self.keys(), &object.uid)?;
        Ok(unused.into_iter().map(|(version, _)| version).collect())
    }

    /// The versions of an external key: the older ones, oldest first, then the current one, then one that
    /// waits for its material. A key that was never bound has only the last.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT for what is no external key, CKR_OBJECT_HANDLE_INVALID.
    pub fn versions(&self, handle: Handle) -> Result<Vec<Version>> {
        let object = self.object(handle)?;
        let versions = version::versions(&self.state, &self.keys(), &object.uid)?;
        Ok(versions.into_iter().map(|(version, _)| version).collect())
    }

    /// The `versions` of each of these keys, in their order, all as of one state of the token.
    ///
    /// # Errors
    /// As `versions`, for the first key that has none.
    pub fn versions_of_each(&self, handles: &[Handle]) -> Result<Vec<Vec<Version>>> {
        let uids = handles.iter().map(|handle| Ok(self.object(*handle)?.uid));
        let uids: Vec<_> = uids.collect::<Result<_>>()?;
        version::versions_of_each(&self.state, &self.keys(), &uids)
    }
}

/// The refusal to delete a material that `was` the key's, or never was.
fn no_material(was: bool) -> Error {
    let why = match was {
        true => {
            "the material of this id has expired or was deleted already, so there is none to delete: nothing changed, and \
             no approval was used"
        }
        false => "the key has no version of this material id",
    };
    Error::new(ck::CKR_ATTRIBUTE_VALUE_INVALID, why).at("CKA_TENON_MATERIAL_ID")
}
