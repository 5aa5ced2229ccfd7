//! C_GenerateKey and C_GenerateKeyPair.

use crate::attr::{self, Attributes, CreatedBy, NewObject, RawAttribute, Value, stated_ulong};
use crate::ck;
use crate::error::{Result, refuse};
use crate::keytype;
use crate::mechanism::{GenerateParameters, Mechanism, Params, no_params};

use crate::token::cache::object::Handle;
use crate::token::identity::audit::Event;
use crate::token::record::facts::set_origin;
use crate::token::record::key;
use crate::token::record::new::New;

use super::derive::imply_uses;
use super::external::job::orders_job;
use super::external::managed::{self, Making, orders_managed};
use super::external::template::refuse_external;
use super::pair::{default_to_token, implied, set_generated};
use super::{CallingSession, Token};

impl Token {
    /// C_GenerateKey.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, CKR_KEY_SIZE_RANGE, and those of `attr::build`.
    pub fn generate_key(
        &self,
        caller: CallingSession,
        (mechanism, params): (&Mechanism, &Params),
        template: &[RawAttribute],
    ) -> Result<Handle> {
        if mechanism.generate_external {
            return self.generate_external(caller, mechanism, template);
        }
        if let Some(generate) = mechanism.generate_parameters {
            no_params(params)?;
            return self.generate_parameters(caller, (mechanism, generate), template);
        }
        let Some(generate) = mechanism.generate else {
            return refuse(
                ck::CKR_MECHANISM_INVALID,
                format!("{} generates no secret key", mechanism.name),
            );
        };
        let keys = self.keys();
        let managed = orders_managed(template);
        let mut implied = implied(mechanism.class_of_secret(), mechanism);
        if managed {
            managed::refuse_session_object(template)?;
            implied.set(ck::CKA_TOKEN, Value::Bool(true));
        }
        let key_type = stated_ulong(template, ck::CKA_KEY_TYPE)?;
        if let Some(len) = only_len(mechanism, key_type)
            && stated_ulong(template, ck::CKA_VALUE_LEN)?.is_none()
        {
            implied.set(ck::CKA_VALUE_LEN, Value::Ulong(len));
        }
        imply_uses(&mut implied, mechanism.default_uses, template)?;
        let requester = match managed {
            true => keys.requester(),
            false => self.maker(&keys),
        };
        let NewObject { mut attributes, .. } =
            attr::build(CreatedBy::Generate, &implied, template, &requester)?;
        if !managed {
            refuse_external(&attributes)?;
        }
        let len = asked_len(mechanism, &attributes)?;
        if managed {
            self.settle_managed(mechanism, template, &mut attributes)?;
        }
        if mechanism.from_password {
            // `make` judges every key. What takes long is not begun for one that it would refuse.
            self.may_make(caller, &keys, &attributes)?;
        }
        let value = generate(self.rng(), params, len)?;
        let material = key::secret(&attributes, &value)?;
        key::describe(&mut attributes, &material)?;
        if mechanism.from_password {
            // The token did not generate this key.
            attr::finish_key_facts(CreatedBy::Create, &mut attributes, None);
            set_origin(&mut attributes, ck::ORIGIN_IMPORTED);
        } else {
            set_generated(&mut attributes, mechanism);
        }
        let doing = Event::Generate.with(mechanism.id);
        self.make_key(caller, &keys, doing, attributes, material)
    }

    /// C_GenerateKey of domain parameters.
    fn generate_parameters(
        &self,
        caller: CallingSession,
        (mechanism, generate): (&Mechanism, GenerateParameters),
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let keys = self.keys();
        let implied = implied(ck::CKO_DOMAIN_PARAMETERS, mechanism);
        let NewObject { mut attributes, .. } =
            attr::build(CreatedBy::Generate, &implied, template, &keys.requester())?;
        self.may_make(caller, &keys, &attributes)?;
        let values = generate(&attributes)?;
        key::set_all(&mut attributes, values);
        attr::finish_key_facts(CreatedBy::Generate, &mut attributes, None);
        let doing = Event::Generate.with(mechanism.id);
        self.make(
            caller,
            &keys,
            doing,
            New::named(self.rng(), attributes, None),
        )
    }

    /// Judges a secret key that is to be generated with a profile, and sets what the profile fixes.
    fn settle_managed(
        &self,
        mechanism: &Mechanism,
        template: &[RawAttribute],
        attributes: &mut Attributes,
    ) -> Result<()> {
        if mechanism.from_password {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "a key made from a password is no generated key, and has no CKA_TENON_PROFILE",
            );
        }
        let making = Making::new(
            &self.state,
            managed::spec(attributes)?,
            managed::stated_usage(&[template])?,
        );
        managed::settle_generated(attributes, making, self.rng())?;
        Ok(())
    }

    /// C_GenerateKeyPair of a managed key: the private half has the profile, and the public half its usage.
    fn generate_managed_pair(
        &self,
        caller: CallingSession,
        mechanism: &Mechanism,
        (public, private): (&[RawAttribute], &[RawAttribute]),
    ) -> Result<(Handle, Handle)> {
        let keys = self.keys();
        managed::refuse_session_object(private)?;
        let stated = managed::stated_usage(&[public, private])?;
        let mut own = private.to_vec();
        default_to_token(&mut own)?;
        let maker = (&**keys, keys.requester());
        let halves = self.new_pair(caller, maker, mechanism, (public, &own), |asked| {
            let making = Making::new(&self.state, asked.spec()?, stated);
            let usage = managed::settle_generated(asked.private, making, self.rng())?;
            for (kind, value) in [
                (ck::CKA_ENCRYPT, usage.encrypt),
                (ck::CKA_VERIFY, usage.sign),
            ] {
                asked.public.set(kind, Value::Bool(value));
            }
            Ok(())
        })?;
        let [public, private] =
            self.make_all(caller, &keys, Event::Generate.with(mechanism.id), halves)?;
        Ok((public, private))
    }

    /// C_GenerateKeyPair: the handles of the public and the private key.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, CKR_KEY_SIZE_RANGE, CKR_CURVE_NOT_SUPPORTED, and those of `attr::build`.
    pub fn generate_key_pair(
        &self,
        caller: CallingSession,
        mechanism: &Mechanism,
        public: &[RawAttribute],
        private: &[RawAttribute],
    ) -> Result<(Handle, Handle)> {
        if orders_job(private) {
            return self.generate_job(caller, mechanism, public, private);
        }
        if orders_managed(private) {
            return self.generate_managed_pair(caller, mechanism, (public, private));
        }
        let keys = self.keys();
        let maker = (&**keys, self.maker(&keys));
        let halves = self.new_pair(caller, maker, mechanism, (public, private), |asked| {
            refuse_external(asked.private)
        })?;
        let [public, private] =
            self.make_all(caller, &keys, Event::Generate.with(mechanism.id), halves)?;
        Ok((public, private))
    }
}

/// Length in bytes of the secret key that the template asks for, where the mechanism makes such keys.
fn asked_len(mechanism: &Mechanism, attributes: &Attributes) -> Result<usize> {
    if !attributes
        .key_type()
        .is_some_and(|key_type| mechanism.key_types.contains(&key_type))
    {
        return refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            format!("{} makes no key of this CKA_KEY_TYPE", mechanism.name),
        );
    }
    let len = attributes.ulong(ck::CKA_VALUE_LEN).unwrap_or(0);
    if !mechanism.takes(len.saturating_mul(8)) {
        return refuse(
            ck::CKR_KEY_SIZE_RANGE,
            format!("{} makes no key of {len} bytes", mechanism.name),
        );
    }
    Ok(usize::try_from(len).unwrap_or(usize::MAX))
}

/// The only length that the mechanism's keys have, which a template need not state.
fn only_len(mechanism: &Mechanism, stated: Option<ck::CK_KEY_TYPE>) -> Option<ck::CK_ULONG> {
    if mechanism.only_len.is_some() {
        return mechanism.only_len;
    }
    let key_type = match mechanism.key_types {
        [only] => *only,
        _ => stated?,
    };
    keytype::find(key_type)?.only_size
}
