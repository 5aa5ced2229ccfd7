//! C_CopyObject.

use crate::attr::{self, CreatedBy, RawAttribute};
use crate::ck;
use crate::error::Result;
use crate::policy::Action;

use crate::token::cache::object::Handle;
use crate::token::identity::audit::{Doing, Event};
use crate::token::record::facts::set_origin;
use crate::token::record::new::New;

use super::record::external::set_material_row;
use super::{CallingSession, Token};

impl Token {
    /// C_CopyObject.
    ///
    /// # Errors
    /// CKR_ACTION_PROHIBITED, and what `attr::copy` and `policy::decide` say.
    pub fn copy(
        &self,
        caller: CallingSession,
        handle: Handle,
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let (object, keys) = self.current(handle)?;
        self.decide(Action::Copy, &object, &keys, caller.read_write)?;
        let mut attributes = attr::copy(&object.attributes, template, &keys.requester())?;
        if ck::holds_secret(object.class()) {
            attr::inherit_limits(&mut attributes, &[&object.attributes])?;
        }
        self.may_gain(caller, &keys, &object.attributes, &attributes)?;
        attr::finish_key_facts(CreatedBy::Copy, &mut attributes, Some(&object.attributes));
        set_material_row(&mut attributes, None);
        if object.attributes.ulong(ck::CKA_TENON_ORIGIN) != Some(ck::ORIGIN_GENERATED) {
            set_origin(&mut attributes, ck::ORIGIN_IMPORTED);
        }
        let material = match object.class() {
            class if ck::holds_secret(class) => self.material(&object, &keys)?,
            _ => None,
        };
        self.make(
            caller,
            &keys,
            Doing::from(Event::Copy).by(object.uid),
            New::named(self.rng(), attributes, material),
        )
    }
}
