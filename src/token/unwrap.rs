//! C_UnwrapKey.
//!
//! Checked in this order: the unwrapping key, the template, the rights, the blob's length. After the
//! private-key operation every failure is CKR_WRAPPED_KEY_INVALID (BYOK rules, section 4), except for a
//! mismatch that rule 3 allows to be told.

use crate::attr::{self, Attributes, CreatedBy, NewObject, RawAttribute, Value};
use crate::byok::{self, Algorithm, Refused, Rule, WrappingKey, profile};
use crate::ck;
use crate::crypto::rsa::RsaMaterial;
use crate::error::{Error, Result, refuse};
use crate::keytype::{self, KeyLengths, Material};
use crate::mechanism::{Mechanism, Params, Proof};
use crate::policy::{Action, Effect, Pieces, Use};

use super::change::lives::bound_by_id;
use super::identity::state::Keys;
use super::opening::{Opening, as_unwrapping_error, bad_blob};
use super::record::external::{profile_of, shares_of};
use super::{CallingSession, Token};
use crate::token::cache::object::{Handle, Object};
use crate::token::external::import::{self, UnwrappedMaterial};
use crate::token::external::job::{self, wrapping_algorithm};
use crate::token::external::template::{self, OF_ONE_IMPORT, refuse_any};
use crate::token::identity::audit::{Doing, Event};
use crate::token::record::facts::set_origin;
use crate::token::record::facts::set_pieces;
use crate::token::record::key;
use crate::token::record::statement::ImportFacts;

impl Token {
    /// C_UnwrapKey: the handle of the new key, or of the external key that got the material.
    ///
    /// # Errors
    /// CKR_UNWRAPPING_KEY_*, CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_INVALID,
    /// CKR_TENON_MATERIAL_MISMATCH, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_ATTRIBUTE_VALUE_INVALID,
    /// and those of `attr::build`.
    pub fn unwrap_key(
        &self,
        caller: CallingSession,
        (mechanism, params): (&Mechanism, &Params),
        unwrapping: Handle,
        blob: &[u8],
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let opening = Opening::new(mechanism, vec![params.clone()])?;
        let unwrapped = self.unwrap(caller, (opening, params), unwrapping, blob, template);
        if let Err(error) = &unwrapped {
            let refused = Event::ImportRefused.with(mechanism.id);
            let refused = match self.object(unwrapping) {
                Ok(key) => refused.by(key.uid).meant_for(job::target(&key)),
                Err(_) => refused,
            };
            self.writer
                .record_refusal(&self.keys(), refused, error, false)?;
        }
        unwrapped
    }

    fn unwrap(
        &self,
        caller: CallingSession,
        (mut opening, params): (Opening<'_>, &Params),
        unwrapping: Handle,
        blob: &[u8],
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let mechanism = opening.mechanism;
        let usable = self
            .usable_key(unwrapping, Use::Unwrap, mechanism)
            .map_err(as_unwrapping_error)?;
        if let Some(job) = job::job(&usable.object) {
            return self.unwrap_by_job(
                caller,
                (&usable, &job),
                (mechanism, params),
                blob,
                template,
            );
        }
        let keys = self.keys();
        let requester = self.maker(&keys);
        let implied = implied(&usable.object.attributes)?;
        let NewObject { attributes, .. } =
            attr::build(CreatedBy::Unwrap, &implied, template, &requester)?;
        let kind = opening.kind(&attributes);
        let effect = self.decide(Action::Decipher(kind), &usable.object, &keys, false)?;
        opening.whole_padding = effect == Effect::WholePadding;
        let expires_at = attributes.time(ck::CKA_TENON_EXPIRES_AT);
        byok::expiry(expires_at, profile::open(), self.state.time.now().at)
            .map_err(|refused| self.state.time.explained_byok(refused))?;
        self.may_make(caller, &keys, &attributes)?;
        let algorithm = wrapping_algorithm(mechanism, params, &usable.key);
        let binds = self.binds(&keys, &opening, algorithm, (&attributes, template))?;
        if !binds {
            refuse_nonce(&attributes)?;
        }
        let facts = ImportFacts::new(&attributes, &usable.object.attributes, blob)?;
        self.may_open((mechanism, params), &attributes, binds)?;
        opening.check_length(&usable.key, blob)?;
        let unwrapped = opening.open(&usable.key, blob, &attributes)?;
        self.check_size(caller, &keys, &unwrapped.material)?;
        if !binds {
            refuse_any(&attributes, &[ck::CKA_TENON_NEW_MATERIAL])?;
            let doing = Event::Unwrap.with(mechanism.id).by(usable.object.uid);
            let key = (attributes, unwrapped.material);
            return self.make_unwrapped(caller, &keys, doing, key);
        }
        let unwrapped = UnwrappedMaterial {
            attributes: &attributes,
            expires_at,
            new_material: attributes.bool(ck::CKA_TENON_NEW_MATERIAL),
            public_half: true,
            material: &unwrapped.material,
            genuine: unwrapped.genuine,
            integrity: opening.proof.integrity(),
            facts: &facts,
            algorithm: algorithm.map_or(mechanism.name, |(algorithm, _)| algorithm.name),
        };
        let doing = Event::Import.with(mechanism.id).by(usable.object.uid);
        let (record, shared) = self.change(&keys, doing, |change| {
            import::import_by_id(change, &keys, &unwrapped)
        })?;
        if shared {
            import::note_shared_name();
        }
        let private = record.attributes.bool(ck::CKA_PRIVATE);
        Ok(self.state.objects.handle(&record.uid, private))
    }

    /// Whether this unwrap imports into an external key. All that can refuse the import, the state of a key
    /// that exists included, is judged here, before any private-key operation.
    fn binds(
        &self,
        keys: &Keys,
        opening: &Opening<'_>,
        algorithm: Option<(&'static Algorithm, WrappingKey)>,
        (attributes, template): (&Attributes, &[RawAttribute]),
    ) -> Result<bool> {
        let mechanism = opening.mechanism;
        let job_only = [
            ck::CKA_TENON_IMPORT_TARGET,
            ck::CKA_TENON_IMPORT_TOKEN,
            ck::CKA_TENON_SHARE,
            ck::CKA_TENON_SHARES,
            ck::CKA_TENON_SHARES_CHECK_VALUE,
        ];
        if job_only.iter().any(|kind| attributes.get(*kind).is_some()) {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "import targets, import tokens and shares belong to import jobs, and this unwrapping key is none",
            );
        }
        let named = attributes
            .bytes(ck::CKA_ID)
            .is_some_and(|id| !id.is_empty());
        if !attributes.bool(ck::CKA_TOKEN) || !named || !self.state.config.bind_by_id {
            return Ok(false);
        }
        let bound = bound_by_id(&self.state, keys, attributes)?;
        if attributes.bool(ck::CKA_EXTRACTABLE) {
            return match bound {
                Some(_) => template::refuse_bound_identity(
                    ", or, to import into the external key, unwrap without CKA_EXTRACTABLE=TRUE",
                ),
                None => Ok(false),
            };
        }
        // Without integrity, garbage of the right length could bind the key for ever. CKM_RSA_PKCS has its own
        // rule. The keys in envelopes are data keys, which are ordinary keys.
        let imports = opening.proof.integrity() && !mechanism.keyring;
        if !imports && mechanism.unwrap_blind.is_none() {
            return match bound {
                Some(_) => refuse(
                    ck::CKR_MECHANISM_INVALID,
                    format!(
                        "{} brings nothing to a bound key: it proves no integrity, or is for data keys",
                        mechanism.name
                    ),
                ),
                None => Ok(false),
            };
        }
        if let Some(record) = bound {
            let private = record.attributes.bool(ck::CKA_PRIVATE);
            let handle = self.state.objects.handle(&record.uid, private);
            let deleted = |_| Error::from(byok::Error::State(byok::State::Deleted));
            let target = self.object(handle).map_err(deleted)?;
            may_come_again(&target, template)?;
            may_bring(algorithm, &target)?;
            self.decide(Action::Import, &target, keys, true)?;
        }
        Ok(true)
    }

    /// Refuses a private key where the mechanism unwraps secret keys alone: its form would tell whether the
    /// blob was a good one. Refuses a template without a length where nothing else tells it. Refuses an
    /// external key where a pseudo-random key may take the place of a bad blob: garbage could bind it for ever. Refuses a
    /// weak key where the blob may be a part of another.
    fn may_open(
        &self,
        (mechanism, params): (&Mechanism, &Params),
        attributes: &Attributes,
        binds: bool,
    ) -> Result<()> {
        if mechanism.for_secrets_alone() && attributes.class() == ck::CKO_PRIVATE_KEY {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                format!("{} unwraps secret keys alone", mechanism.name),
            );
        }
        let proven = mechanism.proof(params).is_some_and(Proof::integrity);
        if key::is_weak(attributes) && !proven {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                format!(
                    "{} does not prove that a blob is a whole key, and a part of one is found with less work where it is a key of DES",
                    mechanism.name
                ),
            );
        }
        let known_length = matches!(key::lengths(attributes), KeyLengths::Exactly(_));
        if mechanism.zeros_before && !known_length {
            return Err(Error::new(
                ck::CKR_TEMPLATE_INCOMPLETE,
                format!("{} does not tell the length of a key", mechanism.name),
            )
            .at("CKA_VALUE_LEN"));
        }
        if mechanism.unwrap_blind.is_some() && binds && !self.state.config.pkcs1_imports {
            return refuse(
                ck::CKR_MECHANISM_INVALID,
                format!(
                    "a token key with a CKA_ID is bound to its material, which {} brings only where `byok.pkcs1` is set",
                    mechanism.name
                ),
            );
        }
        Ok(())
    }

    /// An RSA key that policy finds too short has the same error as every blob that does not fit.
    fn check_size(&self, caller: CallingSession, keys: &Keys, material: &Material) -> Result<()> {
        let Some(key) = material.of::<RsaMaterial>() else {
            return Ok(());
        };
        self.may_have_size(caller, keys, keytype::modulus_bits(&key.n))
            .map_err(|_| bad_blob())
    }

    fn make_unwrapped(
        &self,
        caller: CallingSession,
        keys: &Keys,
        doing: Doing,
        (mut attributes, material): (Attributes, Material),
    ) -> Result<Handle> {
        key::describe(&mut attributes, &material)?;
        if let Material::Secret(value) = &material {
            set_pieces(&mut attributes, &Pieces::of_unwrap(value.len()));
        }
        attr::finish_key_facts(CreatedBy::Unwrap, &mut attributes, None);
        set_origin(&mut attributes, ck::ORIGIN_IMPORTED);
        self.make_key(caller, keys, doing, attributes, material)
    }
}

/// The attributes that the unwrapping key fixes for every key that it unwraps: its CKA_UNWRAP_TEMPLATE
/// (section 5.18.4); under a trusted key also those that keep the unwrapped key under trusted keys.
pub(crate) fn implied(unwrapping: &Attributes) -> Result<Attributes> {
    let mut implied = unwrapping
        .template(ck::CKA_UNWRAP_TEMPLATE)
        .unwrap_or_default();
    if !unwrapping.bool(ck::CKA_TRUSTED) {
        return Ok(implied);
    }
    for kind in [ck::CKA_SENSITIVE, ck::CKA_WRAP_WITH_TRUSTED] {
        let stays = Value::Bool(true);
        if implied.get(kind).is_some_and(|value| *value != stays) {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "CKA_UNWRAP_TEMPLATE of this trusted key lets out what it protects",
            );
        }
        implied.set(kind, stays);
    }
    Ok(implied)
}

/// Refuses a nonce of the owner where no receipt will state it.
fn refuse_nonce(attributes: &Attributes) -> Result<()> {
    if attributes.get(ck::CKA_TENON_OWNER_NONCE).is_none() {
        return Ok(());
    }
    Err(Error::new(
        ck::CKR_TEMPLATE_INCONSISTENT,
        "only the import into an external key has a receipt, for which the nonce is",
    )
    .at("CKA_TENON_OWNER_NONCE"))
}

/// Refuses a template that contradicts the bound key to which it brings material. What the token fixes for every such
/// key is ignored, and the binding alone decides about the length.
fn may_come_again(target: &Object, template: &[RawAttribute]) -> Result<()> {
    let decided = [ck::CKA_COPYABLE, ck::CKA_VALUE_LEN];
    for attribute in template {
        let kind = attribute.kind;
        let free = OF_ONE_IMPORT.contains(&kind) || decided.contains(&kind);
        if !free && !attr::is_use_or_protection(kind) {
            attr::repeats(CreatedBy::Unwrap, &target.attributes, attribute)?;
        }
    }
    Ok(())
}

/// Refuses an import by an ordinary key where the external key's profile does not have this algorithm.
fn may_bring(algorithm: Option<(&'static Algorithm, WrappingKey)>, target: &Object) -> Result<()> {
    if target.attributes.bool(ck::CKA_TENON_REQUIRE_TOKEN) {
        return Err(byok::Error::Job(Refused::TokenMissing).into());
    }
    byok::may_bring(shares_of(&target.attributes), None).map_err(byok::Error::Share)?;
    let profile = profile_of(&target.attributes)?;
    match algorithm {
        _ if profile.takes_every_way() => Ok(()),
        Some((algorithm, wrapping)) => job::may_wrap(profile, algorithm, wrapping, target),
        None => Err(byok::Error::Profile(profile, Rule::Way).into()),
    }
}
