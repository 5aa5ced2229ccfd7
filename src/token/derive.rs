//! C_DeriveKey and C_DigestKey.

use crate::attr::{self, Attributes, CreatedBy, NewObject, RawAttribute, Value, stated_ulong};
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::keytype::{KeyLengths, Material};
use crate::mechanism::{Composition, Mechanism, Operand, Params};
use crate::policy::{self, Action, Derivation, KeyFacts, Part, Pieces, Use};
use crate::secret::Secret;

use super::access::{UsableKey, as_key_error};
use super::{CallingSession, Token};
use crate::token::cache::object::{Handle, Object};
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
        caller: CallingSession,
        (mechanism, params): (&Mechanism, &Params),
        base: Handle,
        template: &[RawAttribute],
    ) -> Result<Handle> {
        if mechanism.derives_public {
            return self.derive_public_key(caller, mechanism, base, template);
        }
        if mechanism.derive.is_none() {
            return not_for_derivation(mechanism);
        }
        let operands = self.operands((mechanism, params), base)?;
        self.may_halve(params, &operands)?;
        let keys = self.keys();
        let len = stated_ulong(template, ck::CKA_VALUE_LEN)?;
        let parts = match one_way((mechanism, params), &operands, len) {
            true => Vec::new(),
            false => closed(&operands),
        };
        for part in &parts {
            self.decide(Action::Copy, part, &keys, caller.read_write)?;
        }
        let implied = implied((mechanism, params), &operands, &parts, template)?;
        let NewObject { mut attributes, .. } =
            attr::build(CreatedBy::Derive, &implied, template, &self.maker(&keys))?;
        self.may_make(caller, &keys, &attributes)?;
        if !parts.is_empty() && key::is_weak(&attributes) {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "the bytes of a key that must not be read are found with less work where they are a key of DES",
            );
        }

        let (value, pieces) = self.derived((mechanism, params), &operands, &attributes)?;
        let material = if mechanism.derives_data {
            attributes.set(ck::CKA_VALUE_LEN, Value::Ulong(value.len() as u64));
            attributes.set(ck::CKA_VALUE, Value::Bytes(value.to_vec()));
            None
        } else {
            let material = complete(&mut attributes, &value, &operands, &pieces)?;
            attr::note_uses_of_copies(&mut attributes, &attributes_of(&parts));
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

    /// The base key, and every other key that the parameter names.
    pub(super) fn operands(
        &self,
        (mechanism, params): (&Mechanism, &Params),
        base: Handle,
    ) -> Result<Vec<UsableKey>> {
        let mut operands = vec![self.usable_key(base, Use::Derive, mechanism)?];
        for handle in params.other_keys() {
            operands.push(self.usable_key(handle, Use::Derive, mechanism)?);
        }
        Ok(operands)
    }

    /// Refuses a function of the two halves of a secret where a half holds so few bytes of a piece that these are
    /// guessed.
    ///
    /// # Errors
    /// CKR_KEY_SIZE_RANGE.
    pub(crate) fn may_halve(&self, params: &Params, operands: &[UsableKey]) -> Result<()> {
        if !matches!(params, Params::Tls(params) if params.halves()) {
            return Ok(());
        }
        let facts = operands
            .iter()
            .filter_map(|one| one.object.facts.key.as_ref());
        for facts in facts.filter(|facts| facts.closed()) {
            if !facts.pieces().may_be_halved() {
                return refuse(
                    ck::CKR_KEY_SIZE_RANGE,
                    format!(
                        "the function of TLS 1.0 takes the halves of a secret apart, and would tell a part of this one of {} bytes, \
                         which must not be read: its length is a multiple of 16, and no piece ends within 8 bytes of the middle",
                        facts.value_len
                    ),
                );
            }
        }
        Ok(())
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
        let len = match key::lengths(attributes) {
            KeyLengths::Exactly(len) => Some(len),
            KeyLengths::Among(_) | KeyLengths::Any => None,
        };
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
        let step = step((mechanism, params), operands, value.len(), all);
        let pieces = self.pieces(&step, operands, attributes, value.len())?;
        Ok((value, pieces))
    }

    /// Asks policy whether the derived value may hold bytes of its operands, and returns its pieces.
    pub(super) fn pieces(
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

pub(super) fn not_for_derivation<T>(mechanism: &Mechanism) -> Result<T> {
    refuse(
        ck::CKR_MECHANISM_INVALID,
        format!("{} derives no key", mechanism.name),
    )
}

/// The derivation as policy judges it. `all`: whether the value is all that the function yields.
fn step(
    (mechanism, params): (&Mechanism, &Params),
    operands: &[UsableKey],
    len: usize,
    all: impl FnOnce() -> bool,
) -> Derivation {
    match mechanism.composition {
        Composition::BeginningOrOneWay(beginning) => {
            match beginning(params, base_len(operands), Some(len)) {
                true => Derivation::Extract(0),
                false => Derivation::Mix { whole: false },
            }
        }
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

/// The attributes that function, mechanism and operands fix for a derived key or data object: the
/// CKA_DERIVE_TEMPLATE of each operand, which a data object cannot meet if it names attributes of keys; and,
/// where the derived key holds bytes of its operands, what protects those (sections 6.32 and 6.43: "if …
/// CKA_SENSITIVE … is set to CK_TRUE, so is the derived key").
pub(super) fn implied(
    (mechanism, params): (&Mechanism, &Params),
    operands: &[UsableKey],
    parts: &[&Object],
    template: &[RawAttribute],
) -> Result<Attributes> {
    let mut implied = Attributes::default();
    for operand in operands {
        let wanted = operand.object.attributes.template(ck::CKA_DERIVE_TEMPLATE);
        for (kind, value) in wanted.iter().flat_map(Attributes::iter) {
            attr::imply(&mut implied, kind, value.clone())?;
        }
    }
    if mechanism.derives_data {
        attr::imply(&mut implied, ck::CKA_CLASS, Value::Ulong(ck::CKO_DATA))?;
        return Ok(implied);
    }
    let class = Value::Ulong(ck::CKO_SECRET_KEY);
    attr::imply(&mut implied, ck::CKA_CLASS, class)?;
    let named = stated_ulong(template, ck::CKA_KEY_TYPE)?.is_some();
    if !named && implied.get(ck::CKA_KEY_TYPE).is_none() {
        let Some(key_type) = (mechanism.derived_type)(params) else {
            return refuse(
                ck::CKR_TEMPLATE_INCOMPLETE,
                format!("{} needs CKA_KEY_TYPE", mechanism.name),
            );
        };
        implied.set(ck::CKA_KEY_TYPE, Value::Ulong(key_type));
    }
    if !mechanism.derived_for.is_empty() {
        let allowed = Value::Ulongs(mechanism.derived_for.to_vec());
        attr::imply(&mut implied, ck::CKA_ALLOWED_MECHANISMS, allowed)?;
    }
    imply_uses(&mut implied, mechanism.default_uses, template)?;
    if mechanism.guards_derived {
        for operand in operands {
            let exactly = mechanism.derive_keys.is_some();
            attr::inherit_guards(&mut implied, &operand.object.attributes, template, exactly)?;
        }
    }
    let parts = attributes_of(parts);
    for part in &parts {
        attr::inherit_protection(&mut implied, part)?;
    }
    attr::inherit_uses(&mut implied, &parts)?;
    Ok(implied)
}

/// Gives a new secret key these uses where its template, or what is implied already, names none.
pub(super) fn imply_uses(
    implied: &mut Attributes,
    uses: &[ck::CK_ATTRIBUTE_TYPE],
    template: &[RawAttribute],
) -> Result<()> {
    let named = template
        .iter()
        .any(|given| attr::SECRET_USES.contains(&given.kind));
    let fixed = attr::SECRET_USES
        .iter()
        .any(|kind| implied.get(*kind).is_some());
    for kind in uses.iter().filter(|_| !named && !fixed) {
        attr::imply(implied, *kind, Value::Bool(true))?;
    }
    Ok(())
}

/// Whether the derived value holds no bytes of its operands, where it has `len` bytes or, without `len`, any number.
fn one_way(
    (mechanism, params): (&Mechanism, &Params),
    operands: &[UsableKey],
    len: Option<ck::CK_ULONG>,
) -> bool {
    let len = len.map(|len| usize::try_from(len).unwrap_or(usize::MAX));
    match mechanism.composition {
        Composition::OneWay { .. } => true,
        Composition::BeginningOrOneWay(beginning) => !beginning(params, base_len(operands), len),
        Composition::Joined(_) | Composition::Extracted => false,
    }
}

/// Length of the base key in bytes.
fn base_len(operands: &[UsableKey]) -> usize {
    operands[0].key.secret_bytes().map_or(0, <[u8]>::len)
}

/// The operands whose value must not be read.
fn closed(operands: &[UsableKey]) -> Vec<&Object> {
    let closed = |object: &&Object| object.facts().key.as_ref().is_some_and(KeyFacts::closed);
    let objects = operands.iter().map(|operand| &*operand.object);
    objects.filter(closed).collect()
}

fn attributes_of<'a>(objects: &[&'a Object]) -> Vec<&'a Attributes> {
    objects.iter().map(|object| &object.attributes).collect()
}

/// Sets what a derived key's value and its operands say of it; returns its material.
pub(super) fn complete(
    attributes: &mut Attributes,
    value: &Secret,
    operands: &[UsableKey],
    pieces: &Pieces,
) -> Result<Material> {
    let material = fitting(attributes, value)?;
    key::describe(attributes, &material)?;
    set_facts(attributes, operands);
    let parents: Vec<_> = operands.iter().map(|one| &one.object.attributes).collect();
    attr::inherit_limits(attributes, &parents)?;
    set_pieces(attributes, pieces);
    Ok(material)
}

/// The material of a derived key; refuses a value whose length does not fit the key type.
pub(super) fn fitting(attributes: &Attributes, value: &[u8]) -> Result<Material> {
    key::secret(attributes, value).map_err(|error| {
        let rv = match attributes.ulong(ck::CKA_VALUE_LEN) {
            None => ck::CKR_TEMPLATE_INCOMPLETE,
            Some(_) => ck::CKR_KEY_SIZE_RANGE,
        };
        Error::new(rv, "CKA_VALUE_LEN must fit CKA_KEY_TYPE").because(error)
    })
}

/// Sets CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE if they hold for every operand.
pub(super) fn set_facts(attributes: &mut Attributes, operands: &[UsableKey]) {
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
