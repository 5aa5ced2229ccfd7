//! Versions of an external key: opening a new one, and listing them.

use crate::attr::Value;
use crate::byok;
use crate::ck;
use crate::error::Result;
use crate::policy::Action;

use super::cache::object::Handle;
use super::cache::objects::no_such_object;
use super::external::version::{self, Version};
use super::identity::audit::Event;
use super::record::external::{facts, profile_of, spec_of};
use super::{Caller, Token};

impl Token {
    /// Opens a new version of an external key: the next import of other material binds that version, which
    /// then becomes the current one. Until then the key stays as it was; afterwards the version that was
    /// current opens envelopes and does nothing else.
    ///
    /// # Errors
    /// CKR_ACTION_PROHIBITED for keys that do not rotate, those of pairs and of most profiles;
    /// CKR_KEY_FUNCTION_NOT_PERMITTED while a version waits already, or in a state without rotation;
    /// CKR_TEMPLATE_INCONSISTENT for what is no external key; CKR_SESSION_READ_ONLY,
    /// CKR_USER_NOT_LOGGED_IN, CKR_OBJECT_HANDLE_INVALID.
    pub fn rotate(&self, caller: Caller, handle: Handle) -> Result<()> {
        let (object, keys) = self.current(handle)?;
        self.decide(Action::Rotate, &object, &keys, caller.read_write)?;
        self.change(&keys, Event::Rotate, |change| {
            let mut record = change.get(&object.uid)?.ok_or_else(no_such_object)?;
            let attributes = &mut record.attributes;
            let facts = facts(attributes).unwrap_or_default();
            let profile = profile_of(attributes)?;
            byok::may_rotate(&facts, profile, spec_of(attributes), change.now.at)?;
            attributes.set(ck::INTERNAL_VERSION_PENDING, Value::Bool(true));
            change.put(&mut record, None)
        })
    }

    /// The versions of an external key: the older ones, oldest first, then the current one, then one that
    /// waits for its material. A key that was never bound has only the last.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT for what is no external key, CKR_OBJECT_HANDLE_INVALID.
    pub fn versions(&self, handle: Handle) -> Result<Vec<Version>> {
        let object = self.object(handle)?;
        version::versions(&self.state, &self.keys()?, &object.uid)
    }
}
