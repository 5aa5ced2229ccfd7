//! C_GenerateKey with CKM_TENON_EXTERNAL_KEY_GEN: makes an external key without material.

use super::{CallingSession, Token};
use crate::attr::{self, Attributes, CreatedBy, NewObject, RawAttribute, Value};
use crate::ck;
use crate::config::LogLevel;
use crate::error::{Error, Result, refuse};
use crate::log;
use crate::mechanism::Mechanism;
use crate::token::cache::object::Handle;
use crate::token::identity::audit::Event;
use crate::token::record::external::sharing;
use crate::token::record::new::New;

use super::external::approval;
use super::external::import::{has_name, note_shared_name};
use super::external::managed::{self, Making};
use super::external::template::{OF_JOBS, coerce, refuse_any, refuse_bound_identity};

/// Attributes of a public key's uses. In the template of a private key they ask for its usage too.
const OF_PUBLIC_HALF: [ck::CK_ATTRIBUTE_TYPE; 3] = [ck::CKA_ENCRYPT, ck::CKA_VERIFY, ck::CKA_WRAP];

impl Token {
    /// Makes an external key that waits for its material.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCOMPLETE without CKA_VALUE_LEN, CKA_MODULUS_BITS or CKA_EC_PARAMS,
    /// CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT for what the profile does not have, and for
    /// an alias that another key has.
    pub(super) fn generate_external(
        &self,
        caller: CallingSession,
        mechanism: &Mechanism,
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let keys = self.keys();
        let stated = managed::stated_usage(&[template])?;
        let private = attr::stated_ulong(template, ck::CKA_CLASS)? == Some(ck::CKO_PRIVATE_KEY);
        let own: Vec<_> = template
            .iter()
            .filter(|attribute| !(private && OF_PUBLIC_HALF.contains(&attribute.kind)))
            .cloned()
            .collect();
        managed::refuse_session_object(template)?;
        let mut implied = Attributes::default();
        implied.set(ck::CKA_TOKEN, Value::Bool(true));
        let NewObject { mut attributes, .. } =
            attr::build(CreatedBy::Generate, &implied, &own, &keys.requester())?;
        refuse_any(&attributes, &OF_JOBS)?;
        refuse_check_value(&attributes)?;
        let fits = attributes
            .key_type()
            .is_some_and(|key_type| mechanism.key_types.contains(&key_type));
        if !fits {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "no external key has this class and key type",
            );
        }
        let making = Making::new(&self.state, managed::spec(&mut attributes)?, stated);
        managed::settle(&mut attributes, making)?;
        may_share(&attributes)?;
        approval::settle(&mut attributes, self.rng())?;
        coerce(&mut attributes);
        self.may_make(caller, &keys, &attributes)?;
        let (new, shared) = self.change(&keys, Event::Generate.with(mechanism.id), |change| {
            if change.bound_by_id(&attributes)?.is_some() {
                return refuse_bound_identity(", or import into that key (`tenon byok import`)");
            }
            let shared = has_name(&attributes) && change.shares_name(&attributes)?;
            let uid = change.begin_life(&attributes)?;
            let new = New::with_uid(self.rng(), uid, attributes.clone(), None);
            change.may_have_alias(&new.uid, &attributes)?;
            change.may_have_custodians(&attributes)?;
            change.put(&mut new.record(), None)?;
            Ok((new, shared))
        })?;
        if shared {
            note_shared_name();
        }
        Ok(self.handle_of_stored(&new))
    }
}

/// Refuses the check value of material that comes later.
fn refuse_check_value(attributes: &Attributes) -> Result<()> {
    match attributes.bytes(ck::CKA_CHECK_VALUE) {
        Some([_, ..]) => Err(Error::new(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "a new external key has no material yet, of which this could be the check value: say it at the import",
        )
        .at("CKA_CHECK_VALUE")),
        None | Some([]) => Ok(()),
    }
}

/// Whether the template says in how many shares the material comes as it must.
fn may_share(attributes: &Attributes) -> Result<()> {
    let [shares, check_value] = [ck::CKA_TENON_SHARES, ck::CKA_TENON_SHARES_CHECK_VALUE]
        .map(|kind| attributes.get(kind).is_some());
    match (shares, check_value) {
        (true, _) if sharing(attributes).is_none() => Err(Error::new(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "how many shares make the material, then how many there are, a byte each: 2 at least, and no more than there are",
        )
        .at("CKA_TENON_SHARES")),
        (false, true) => Err(Error::new(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "the check value is that of material in shares: say CKA_TENON_SHARES too",
        )
        .at("CKA_TENON_SHARES_CHECK_VALUE")),
        (true, false) => {
            log::note(
                LogLevel::Warning,
                "the key has no CKA_TENON_SHARES_CHECK_VALUE, so nothing tells a wrong share from a right one: the \
                 key is bound for ever to whatever the first shares make",
            );
            Ok(())
        }
        (true, true) | (false, false) => Ok(()),
    }
}
