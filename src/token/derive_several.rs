//! C_DeriveKey by a mechanism whose parameter asks for more keys than one (section 6.42).

use crate::attr::{self, Attributes, CreatedBy, RawAttribute};
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::keytype::KeyLengths;
use crate::mechanism::{Mechanism, Params};
use crate::policy::Derivation;

use super::access::UsableKey;
use super::derive::{complete, implied, not_for_derivation};
use super::identity::state::Keys;
use super::{CallingSession, Token};
use crate::token::cache::object::Handle;
use crate::token::identity::audit::Event;
use crate::token::record::key;
use crate::token::record::new::New;

/// Why no key was derived.
pub struct NoneDerived {
    /// The place of the template that is to blame, where it is one.
    pub template: Option<usize>,
    /// The refusal.
    pub error: Error,
}

impl From<Error> for NoneDerived {
    fn from(error: Error) -> Self {
        Self {
            template: None,
            error,
        }
    }
}

impl Token {
    /// C_DeriveKey of a key for each template, in their order: all, or none of them.
    ///
    /// # Errors
    /// As `derive_key`; CKR_TEMPLATE_INCOMPLETE for a template that does not say how long its key is.
    pub fn derive_several(
        &self,
        caller: CallingSession,
        (mechanism, params): (&Mechanism, &Params),
        base: Handle,
        templates: &[Vec<RawAttribute>],
    ) -> std::result::Result<Vec<Handle>, NoneDerived> {
        let Some(derive) = mechanism.derive_several else {
            return not_for_derivation(mechanism).map_err(NoneDerived::from);
        };
        let operands = self.operands((mechanism, params), base)?;
        let keys = self.keys();
        let mut asked = Vec::new();
        let mut lens = Vec::new();
        for (at, template) in templates.iter().enumerate() {
            let (attributes, len) = self
                .asked((caller, &keys), (mechanism, params), &operands, template)
                .map_err(|error| NoneDerived {
                    template: Some(at),
                    error,
                })?;
            asked.push(attributes);
            lens.push(len);
        }
        let others: Vec<_> = operands[1..].iter().map(|one| one.key.clone()).collect();
        let values = derive(&operands[0].key, params, &others, &lens)?;
        let mut news = Vec::new();
        for (mut attributes, value) in asked.into_iter().zip(&values) {
            let step = Derivation::Mix { whole: false };
            let pieces = self.pieces(&step, &operands, &attributes, value.len())?;
            let material = complete(&mut attributes, value, &operands, &pieces)?;
            news.push(New::named(self.rng(), attributes, Some(material)));
        }
        let doing = Event::Derive.with(mechanism.id).by(operands[0].object.uid);
        Ok(self.make_many(caller, &keys, doing, news)?)
    }

    /// The attributes of a key that a template asks for, and its length.
    fn asked(
        &self,
        (caller, keys): (CallingSession, &Keys),
        chosen: (&Mechanism, &Params),
        operands: &[UsableKey],
        template: &[RawAttribute],
    ) -> Result<(Attributes, usize)> {
        let implied = implied(chosen, operands, &[], template)?;
        let requester = self.maker(keys);
        let attributes = attr::build(CreatedBy::Derive, &implied, template, &requester)?.attributes;
        self.may_make(caller, keys, &attributes)?;
        match key::lengths(&attributes) {
            KeyLengths::Exactly(len) => Ok((attributes, len)),
            KeyLengths::Among(_) | KeyLengths::Any => refuse(
                ck::CKR_TEMPLATE_INCOMPLETE,
                "each of several derived keys says its CKA_VALUE_LEN",
            ),
        }
    }
}
