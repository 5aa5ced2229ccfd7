//! C_UnwrapKey by the key of an import job (BYOK section 3).

use std::sync::Arc;

use crate::attr::{self, Attributes, CreatedBy, NewObject, RawAttribute, Value};
use crate::byok::{self, Algorithm, Job, Profile, Refused, WrappingScheme};
use crate::ck;
use crate::clock::UnixTime;
use crate::config::LogLevel;
use crate::crypto::hash::Hash;
use crate::error::{Error, Result};
use crate::log;
use crate::mechanism::{self, Mechanism, Oaep, Params};
use crate::policy::Action;
use crate::store::Uid;

use super::access::UsableKey;
use super::cache::object::{Handle, Object};
use super::external::import::{self, UnwrappedMaterial};
use super::external::job::{check_token, may_wrap, wrapping_key};
use super::external::shares::{self, NewShare};
use super::external::template::OF_ONE_IMPORT;
use super::identity::audit::Event;
use super::identity::state::Keys;
use super::opening::Opening;
use super::record::damaged::damaged;
use super::record::external;
use super::record::external::{binding, is_external, is_managed, profile_of};
use super::record::statement::ImportFacts;
use super::record::uid::{uid_of, unique_id};
use super::refused_blob::explained;
use super::{CallingSession, Token};

impl Token {
    /// The external key with this uid.
    pub(super) fn import_target(&self, uid: &Uid) -> Result<Arc<Object>> {
        let no_target = || Error::from(byok::Error::Job(Refused::Target));
        let row = self
            .state
            .store
            .read(|snapshot| snapshot.object(uid).map_err(Error::from))?
            .ok_or_else(no_target)?;
        let handle = self.state.objects.handle(uid, row.private);
        let object = self.object(handle).map_err(|_| no_target())?;
        if is_managed(&object.attributes) {
            return Err(byok::Error::Generated.into());
        }
        if !is_external(&object.attributes) {
            return Err(no_target());
        }
        Ok(object)
    }

    /// The external key into which a job imports: the job's own, or, of a job that serves many, the one of
    /// its profile that the template names.
    fn job_target(
        &self,
        usable: &UsableKey,
        job: &Job,
        algorithm: &'static Algorithm,
        template: &[RawAttribute],
    ) -> Result<Arc<Object>> {
        if let Some(uid) = &job.target {
            return self.import_target(uid);
        }
        let named = attr::stated_bytes(template, ck::CKA_TENON_IMPORT_TARGET);
        let named = named.ok_or_else(|| {
            Error::new(
                ck::CKR_TEMPLATE_INCOMPLETE,
                "this import job serves many keys: the template names the one that the material is for",
            )
            .at("CKA_TENON_IMPORT_TARGET")
        })?;
        let no_target = || Error::from(byok::Error::Job(Refused::Target));
        let target = self.import_target(&uid_of(named).ok_or_else(no_target)?)?;
        let of_profile = usable.object.attributes.bytes(ck::CKA_TENON_PROFILE);
        if target.attributes.bytes(ck::CKA_TENON_PROFILE) != of_profile {
            return Err(no_target());
        }
        may_wrap(
            profile_of(&target.attributes)?,
            algorithm,
            wrapping_key(algorithm, &usable.key),
            &target,
        )?;
        Ok(target)
    }

    /// C_UnwrapKey by the key of an import job, which imports into its target and makes no other key. All
    /// checks come before the private-key operation.
    pub(super) fn unwrap_by_job(
        &self,
        caller: CallingSession,
        (usable, job): (&UsableKey, &Job),
        (mechanism, params): (&Mechanism, &Params),
        blob: &[u8],
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let keys = self.keys();
        let algorithm =
            Algorithm::find(job.algorithm).ok_or_else(|| damaged("an import job's algorithm"))?;
        let target = self.job_target(usable, job, algorithm, template)?;
        let profile = profile_of(&target.attributes)?;
        let opening = opening(algorithm, mechanism, params, (profile, &target.uid))?;
        let said = said(&target, template, &keys)?;
        self.decide(Action::Import, &target, &keys, caller.read_write)?;
        let given = said.bytes(ck::CKA_TENON_IMPORT_TOKEN);
        check_token(&keys, job, given, &target)?;
        let expires_at = self.judge_import(&said, &target.attributes, profile)?;
        let share = share_number(&said, &target.attributes)?;
        let facts = ImportFacts::new(&said, &usable.object.attributes, blob)?;
        let explained = |error| explained(error, algorithm, &target.attributes, blob.len());
        opening.check_length(&usable.key, blob).map_err(explained)?;
        let shape = shape(&target.attributes);
        let unwrapped = match (share, binding(&target.attributes)) {
            (Some(_), _) => opening.open_share(&usable.key, blob, &target.attributes),
            (None, Some(_)) => opening.open_bound(&usable.key, blob, &shape),
            (None, None) => opening.open(&usable.key, blob, &shape),
        };
        let unwrapped = unwrapped.map_err(explained)?;
        let unwrapped = UnwrappedMaterial {
            attributes: &said,
            expires_at,
            new_material: said.bool(ck::CKA_TENON_NEW_MATERIAL),
            public_half: attr::states(template, ck::CKA_ID),
            material: &unwrapped.material,
            genuine: unwrapped.genuine,
            integrity: opening.proof.integrity(),
            facts: &facts,
            algorithm: algorithm.name,
        };
        let doing = Event::Import.with(mechanism.id).by(job.wrapping);
        let doing = doing.and(u64::from(given.is_some()));
        self.change(&keys, doing, |change| match share {
            Some(number) => {
                let new = NewShare {
                    number,
                    job,
                    shape: &shape,
                };
                shares::import_share(change, &keys, &target.uid, &new, &unwrapped)
            }
            None => import::import_into(change, &keys, &target.uid, &unwrapped),
        })
        .map_err(explained)?;
        Ok(target.handle())
    }

    /// Whether the target and its profile take an import with the attributes `said`; the expiry that these ask
    /// for.
    fn judge_import(
        &self,
        said: &Attributes,
        target: &Attributes,
        profile: &'static Profile,
    ) -> Result<Option<UnixTime>> {
        let expires_at = said.time(ck::CKA_TENON_EXPIRES_AT);
        byok::expiry(expires_at, profile, self.state.time.now().at)
            .map_err(|refused| self.state.time.explained_byok(refused))?;
        let new_material = said.bool(ck::CKA_TENON_NEW_MATERIAL);
        if let (true, Some(facts)) = (new_material, external::facts(target)) {
            byok::may_import_next(&facts, profile, external::spec_of(target))?;
        }
        if let Some(label) = said.bytes(ck::CKA_LABEL) {
            byok::describes(profile, ck::CKA_LABEL, label)?;
        }
        Ok(expires_at)
    }
}

/// What the template says of this import, beside the target's class and type. Uses and protection stay the target's
/// own: ordinary clients always name some, which are ignored. All else that the template names must be as the target
/// has it.
fn said(target: &Object, template: &[RawAttribute], keys: &Keys) -> Result<Attributes> {
    let (mut of_import, mut ignored) = (Vec::new(), Vec::new());
    for attribute in template {
        if OF_ONE_IMPORT.contains(&attribute.kind) {
            of_import.push(attribute.clone());
        } else if attr::is_use_or_protection(attribute.kind) {
            ignored.push(attr::label(attribute.kind));
        } else {
            attr::repeats(CreatedBy::Unwrap, &target.attributes, attribute)?;
        }
    }
    let mut implied = Attributes::default();
    let uid = Value::Bytes(unique_id(&target.uid));
    implied.set(ck::CKA_TENON_IMPORT_TARGET, uid);
    for kind in [ck::CKA_CLASS, ck::CKA_KEY_TYPE, ck::CKA_TOKEN] {
        if let Some(value) = target.attributes.get(kind) {
            implied.set(kind, value.clone());
        }
    }
    let NewObject { attributes, .. } =
        attr::build(CreatedBy::Unwrap, &implied, &of_import, &keys.requester())?;
    if !ignored.is_empty() {
        log::note(
            LogLevel::Warning,
            &format!(
                "an external key keeps its own attributes at an import; ignored: {}",
                ignored.join(", ")
            ),
        );
    }
    Ok(attributes)
}

/// The number of the share that an import with the attributes `said` brings; `None` for whole material.
fn share_number(said: &Attributes, target: &Attributes) -> Result<Option<u8>> {
    let number = said
        .bytes(ck::CKA_TENON_SHARE)
        .and_then(|bytes| bytes.first().copied());
    byok::may_bring(external::shares_of(target), number).map_err(byok::Error::Share)?;
    if number.is_some() && said.get(ck::CKA_CHECK_VALUE).is_some() {
        return Err(Error::new(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "the check value of a key is not a share's: CKA_TENON_SHARES_CHECK_VALUE is what the shares make",
        )
        .at("CKA_CHECK_VALUE"));
    }
    Ok(number)
}

/// The attributes that the material must fit. Once the key is bound, only the binding decides about its
/// size (BYOK rule 3).
fn shape(target: &Attributes) -> Attributes {
    let mut shape = target.clone();
    shape.remove(ck::CKA_MODULUS);
    if binding(target).is_some() {
        shape.remove(ck::CKA_VALUE_LEN);
        shape.remove(ck::CKA_MODULUS_BITS);
    }
    shape
}

/// How a blob of this job is opened: by the algorithm's mechanism, with the parameter that was given, or
/// with each one that the algorithm allows. MGF1 may use the algorithm's hash, or SHA-1 as Java does.
fn opening(
    algorithm: &Algorithm,
    mechanism: &Mechanism,
    params: &Params,
    (profile, target): (&Profile, &Uid),
) -> Result<Opening<'static>> {
    let row = mechanism::find(algorithm.mechanism).ok_or_else(|| {
        Error::new(
            ck::CKR_MECHANISM_INVALID,
            "the import job's algorithm is not available",
        )
    })?;
    let wrong = || Error::from(byok::Error::Job(Refused::Parameter));
    if matches!(algorithm.scheme, WrappingScheme::Hpke(_)) {
        return Opening::new(row, hpke_infos(params, target).ok_or_else(wrong)?);
    }
    let Some(hash) = algorithm.hash() else {
        return match params {
            Params::None => Opening::new(row, vec![Params::None]),
            _ => Err(wrong()),
        };
    };
    let hash = Hash::from(hash);
    let inner = profile.inner_bits;
    let (given, bits) = match params {
        Params::None => (None, inner),
        Params::Oaep(oaep) if mechanism.id == ck::CKM_RSA_PKCS_OAEP || !is_kwp(algorithm) => {
            (Some(oaep), inner)
        }
        Params::RsaAesKeyWrap { aes_bits, oaep } if is_kwp(algorithm) => {
            if inner.is_some() && aes_bits.is_some() && *aes_bits != inner {
                return Err(wrong());
            }
            (Some(oaep), aes_bits.or(inner))
        }
        _ => return Err(wrong()),
    };
    let mut masks = vec![hash];
    if hash != Hash::Sha1 {
        masks.push(Hash::Sha1);
    }
    if let Some(oaep) = given {
        if oaep.hash != hash || !masks.contains(&oaep.mgf) || !oaep.label.is_empty() {
            return Err(wrong());
        }
        masks = vec![oaep.mgf];
    }
    let params = |mgf| oaep_params(algorithm, hash, mgf, bits);
    Opening::new(row, masks.into_iter().map(params).collect())
}

/// The parameter of the algorithm's mechanism, without a label.
fn oaep_params(algorithm: &Algorithm, hash: Hash, mgf: Hash, aes_bits: Option<u64>) -> Params {
    let oaep = Oaep {
        hash,
        mgf,
        label: Vec::new(),
    };
    match algorithm.scheme {
        WrappingScheme::OaepKwp(_) => Params::RsaAesKeyWrap { aes_bits, oaep },
        _ => Params::Oaep(oaep),
    }
}

/// What may be HPKE's info: the uid of the target, by which the key's owner seals for this key alone, or
/// nothing, as services have it. `None` where the parameter is neither.
fn hpke_infos(params: &Params, target: &Uid) -> Option<Vec<Params>> {
    let infos = [Params::CallerData(target.to_vec()), Params::None];
    match params {
        Params::None => Some(infos.to_vec()),
        Params::CallerData(info) if info.is_empty() => Some(vec![Params::None]),
        given => infos.contains(given).then(|| vec![given.clone()]),
    }
}

fn is_kwp(algorithm: &Algorithm) -> bool {
    matches!(algorithm.scheme, WrappingScheme::OaepKwp(_))
}
