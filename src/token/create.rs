//! C_CreateObject.

use crate::attr::{self, Attributes, CreatedBy, NewObject, RawAttribute};
use crate::ck;
use crate::error::{Error, Result};

use crate::token::cache::object::Handle;
use crate::token::identity::audit::Event;
use crate::token::record::facts::set_origin;
use crate::token::record::key;
use crate::token::record::new::New;

use super::{CallingSession, Token};

impl Token {
    /// C_CreateObject.
    ///
    /// # Errors
    /// Those of `attr::build` and `policy::decide`; CKR_ATTRIBUTE_VALUE_INVALID for
    /// a key whose values contradict each other, CKR_KEY_SIZE_RANGE, CKR_DOMAIN_PARAMS_INVALID,
    /// CKR_CURVE_NOT_SUPPORTED.
    pub fn create(&self, caller: CallingSession, template: &[RawAttribute]) -> Result<Handle> {
        let keys = self.keys();
        let NewObject {
            mut attributes,
            secrets,
        } = attr::build(
            CreatedBy::Create,
            &Attributes::default(),
            template,
            &self.maker(&keys),
        )?;
        let claimed = attributes.clone();
        let material = match attributes.class() {
            class if ck::holds_secret(class) => Some(key::from_values(&attributes, &secrets)?),
            ck::CKO_PUBLIC_KEY | ck::CKO_DOMAIN_PARAMETERS => {
                key::describe_components(&mut attributes)?;
                None
            }
            _ => None,
        };
        if let Some(material) = &material {
            key::describe(&mut attributes, material)?;
        }
        if attributes.key_type().is_some() {
            agrees(&claimed, &attributes)?;
        }
        attr::finish_key_facts(CreatedBy::Create, &mut attributes, None);
        set_origin(&mut attributes, ck::ORIGIN_IMPORTED);
        self.make(
            caller,
            &keys,
            Event::Create,
            New::named(self.rng(), attributes, material),
        )
    }
}

/// Refuses a template whose CKA_PUBLIC_KEY_INFO differs from the key's. An empty value is not compared.
fn agrees(claimed: &Attributes, actual: &Attributes) -> Result<()> {
    let kind = ck::CKA_PUBLIC_KEY_INFO;
    let claim = claimed.bytes(kind).filter(|claim| !claim.is_empty());
    if claim.is_some_and(|claim| actual.bytes(kind) != Some(claim)) {
        return Err(Error::new(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "the attribute is not that of the key's value",
        )
        .at("CKA_PUBLIC_KEY_INFO"));
    }
    Ok(())
}
