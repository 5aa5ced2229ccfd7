//! C_DeriveKey and C_DigestKey.

use crate::attr::{self, Attributes, CreatedBy, NewObject, RawAttribute, Value, stated_ulong};
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::keytype::Material;
use crate::mechanism::{Composition, Mechanism, Operand, Params};
use crate::policy::{self, Action, Derivation, Part, Pieces, Use};
use crate::secret::Secret;

use super::access::{UsableKey, as_key_error};
use super::{Caller, Token};
use crate::token::cache::object::Handle;
use crate::token::identity::audit::Event;
use crate::token::record::facts::facts;
use crate::token::record::facts::set_origin;
use crate::token::record::facts::set_pieces;
use crate::token::record::key;
use crate::token::record::new::New;

impl Token {
    /// C_DeriveKey. The base key and every other key that the parameter names need CKA_DERIVE.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, CKR_KEY_HANDLE_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED,
    /// CKR_KEY_SIZE_RANGE, CKR_TEMPLATE_INCONSISTENT for what the base key forbids, and the errors
    /// of `attr::build`.
    pub fn derive_key(
        &self,
        caller: Caller,
        (mechanism, params): (&Mechanism, &Params),
        base: Handle,
        template: &[RawAttribute],
    ) -> Result<Handle> {
        if mechanism.derive.is_none() {
            return not_for_derivation(mechanism);
        }
        let mut operands = vec![self.usable_key(base, Use::Derive, mechanism)?];
        for handle in params.other_keys() {
            operands.push(self.usable_key(handle, Use::Derive, mechanism)?);
        }
        let keys = self.keys()?;
        let implied = implied(mechanism, &operands, template)?;
        let NewObject { mut attributes, .. } =
            attr::build(CreatedBy::Derive, &implied, template, &keys.requester())?;
        self.may_make(caller, &keys, &attributes)?;

        let (value, pieces) = self.derived((mechanism, params), &operands, &attributes)?;
        let material = if mechanism.derives_data {
            attributes.set(ck::CKA_VALUE_LEN, Value::Ulong(value.len() as u64));
            attributes.set(ck::CKA_VALUE, Value::Bytes(value.to_vec()));
            None
        } else {
            let material = fitting(&attributes, &value)?;
            key::describe(&mut attributes, &material)?;
            set_facts(&mut attributes, &operands);
            let parents: Vec<_> = operands.iter().map(|one| &one.object.attributes).collect();
            attr::inherit_limits(&mut attributes, &parents)?;
            set_pieces(&mut attributes, &pieces);
            Some(material)
        };
        let doing = Event::Derive.with(mechanism.id).by(operands[0].object.uid);
        self.make(
            caller,
            &keys,
            doing,
            New::named(self.rng(), attributes, material),
        )
    }

    /// The value that the mechanism derives from its operands, and the pieces of which it consists.
    fn derived(
        &self,
        (mechanism, params): (&Mechanism, &Params),
        operands: &[UsableKey],
        attributes: &Attributes,
    ) -> Result<(Secret, Pieces)> {
        let Some(derive) = mechanism.derive else {
            return not_for_derivation(mechanism);
        };
        let len = attributes
            .ulong(ck::CKA_VALUE_LEN)
            .map(|len| usize::try_from(len).unwrap_or(usize::MAX));
        let others: Vec<_> = operands[1..].iter().map(|one| one.key.clone()).collect();
        let derive = |len| derive(&operands[0].key, params, &others, len);
        let value = derive(len)?;
        if len.is_some_and(|len| len != value.len()) {
            return refuse(
                ck::CKR_KEY_SIZE_RANGE,
                format!("{} derives no key of this CKA_VALUE_LEN", mechanism.name),
            );
        }
        let all = || len.is_none() || derive(None).is_ok_and(|all| all.len() == value.len());
        let step = step(mechanism, params, all);
        let pieces = self.pieces(&step, operands, attributes, value.len())?;
        Ok((value, pieces))
    }

    /// Asks policy whether the derived value may hold bytes of its operands, and returns its pieces.
    fn pieces(
        &self,
        step: &Derivation,
        operands: &[UsableKey],
        derived: &Attributes,
        len: usize,
    ) -> Result<Pieces> {
        let of_operands: Vec<_> = operands
            .iter()
            .filter_map(|operand| operand.object.facts.key.as_ref())
            .collect();
        let derived = facts(derived, self.state.config.enforce_dates).key;
        let closed = derived.is_some_and(|key| key.closed());
        policy::derive(step, &of_operands, len, closed)
    }

    /// The value of a secret key, for C_DigestKey.
    ///
    /// # Errors
    /// CKR_KEY_HANDLE_INVALID, CKR_KEY_INDIGESTIBLE, and what else `policy::decide` says.
    pub fn digestible(&self, handle: Handle) -> Result<Secret> {
        let (object, keys) = self.current(handle).map_err(as_key_error)?;
        self.decide(Action::Digest, &object, &keys, false)?;
        match self.material(&object, &keys)? {
            Some(Material::Secret(value)) => Ok(value),
            _ => refuse(ck::CKR_KEY_INDIGESTIBLE, "only secret keys are digested"),
        }
    }
}

fn not_for_derivation<T>(mechanism: &Mechanism) -> Result<T> {
    refuse(
        ck::CKR_MECHANISM_INVALID,
        format!("{} derives no key", mechanism.name),
    )
}

/// The derivation as policy judges it. `all`: whether the value is all that the function yields.
fn step(mechanism: &Mechanism, params: &Params, all: impl FnOnce() -> bool) -> Derivation {
    match mechanism.composition {
        Composition::Joined(operands) => {
            let part = |operand: &Operand| match operand {
                Operand::Base => Part::Operand(0),
                Operand::Altered => Part::Altered(0),
                Operand::Other => Part::Operand(1),
                Operand::Data => Part::Data(params.data_len()),
            };
            Derivation::Join(operands.iter().map(part).collect())
        }
        Composition::Extracted => Derivation::Extract(params.first_bit()),
        Composition::OneWay { bounded } => Derivation::Mix {
            whole: bounded(params) && all(),
        },
    }
}

/// The attributes that function, mechanism and operands fix for a derived key or data object: the base
/// key's CKA_DERIVE_TEMPLATE, which a data object cannot meet if it names attributes of keys; and, where
/// the derived key holds bytes of its operands, the attributes that protect those (sections 6.32 and
/// 6.43: "if … CKA_SENSITIVE … is set to CK_TRUE, so is the derived key").
fn implied(
    mechanism: &Mechanism,
    operands: &[UsableKey],
    template: &[RawAttribute],
) -> Result<Attributes> {
    let mut implied = operands[0]
        .object
        .attributes
        .template(ck::CKA_DERIVE_TEMPLATE)
        .unwrap_or_default();
    if mechanism.derives_data {
        imply(&mut implied, ck::CKA_CLASS, Value::Ulong(ck::CKO_DATA))?;
        return Ok(implied);
    }
    let class = Value::Ulong(ck::CKO_SECRET_KEY);
    imply(&mut implied, ck::CKA_CLASS, class)?;
    let named = stated_ulong(template, ck::CKA_KEY_TYPE)?.is_some();
    if !named && implied.get(ck::CKA_KEY_TYPE).is_none() {
        implied.set(ck::CKA_KEY_TYPE, Value::Ulong(ck::CKK_GENERIC_SECRET));
    }
    if matches!(mechanism.composition, Composition::OneWay { .. }) {
        return Ok(implied);
    }
    for operand in operands {
        let of = &operand.object.attributes;
        for kind in [ck::CKA_SENSITIVE, ck::CKA_WRAP_WITH_TRUSTED] {
            if of.bool(kind) {
                imply(&mut implied, kind, Value::Bool(true))?;
            }
        }
        if !of.bool(ck::CKA_EXTRACTABLE) {
            imply(&mut implied, ck::CKA_EXTRACTABLE, Value::Bool(false))?;
        }
    }
    Ok(implied)
}

fn imply(implied: &mut Attributes, kind: ck::CK_ATTRIBUTE_TYPE, value: Value) -> Result<()> {
    if implied.get(kind).is_some_and(|present| *present != value) {
        return Err(Error::new(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "CKA_DERIVE_TEMPLATE contradicts the base key or the mechanism",
        )
        .at(attr::name(kind).unwrap_or_default()));
    }
    implied.set(kind, value);
    Ok(())
}

/// The material of a derived key; refuses a value whose length does not fit the key type.
fn fitting(attributes: &Attributes, value: &[u8]) -> Result<Material> {
    key::secret(attributes, value).map_err(|error| {
        let rv = match attributes.ulong(ck::CKA_VALUE_LEN) {
            None => ck::CKR_TEMPLATE_INCOMPLETE,
            Some(_) => ck::CKR_KEY_SIZE_RANGE,
        };
        Error::new(rv, "CKA_VALUE_LEN must fit CKA_KEY_TYPE").because(error)
    })
}

/// Sets CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE if they hold for every operand.
fn set_facts(attributes: &mut Attributes, operands: &[UsableKey]) {
    attr::finish_key_facts(
        CreatedBy::Derive,
        attributes,
        Some(&operands[0].object.attributes),
    );
    for kind in [ck::CKA_ALWAYS_SENSITIVE, ck::CKA_NEVER_EXTRACTABLE] {
        let of_all = |operand: &UsableKey| operand.object.attributes.bool(kind);
        if !operands[1..].iter().all(of_all) {
            attributes.set(kind, Value::Bool(false));
        }
    }
    set_origin(attributes, ck::ORIGIN_IMPORTED);
}
