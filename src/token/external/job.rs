//! Import jobs: GetParametersForImport, and the unwraps by their keys (BYOK section 3).

use std::sync::Arc;

use crate::attr::{self, Attributes, Built, How, RawAttribute, RawValue, Value};
use crate::byok::{self, Algorithm, Job, OaepHash, Profile, Refused, Scheme, WrappingKey};
use crate::ck;
use crate::config::LogLevel;
use crate::crypto::ec::Curve;
use crate::crypto::hash::Hash;
use crate::error::{Error, Result, refuse};
use crate::keytype;
use crate::log;
use crate::mechanism::{self, Mechanism, Oaep, PairSpec, Params};
use crate::policy::Action;
use crate::secret::Secret;
use crate::store::Uid;
use crate::token::cache::object::{Handle, Object};
use crate::token::create::{Caller, maker};
use crate::token::identity::audit::Event;
use crate::token::read::UsableKey;
use crate::token::record::external::time_value;
use crate::token::record::uid::uid_of;
use crate::token::record::uid::unique_id;
use crate::token::unwrap::{Opening, open};
use crate::token::{Keys, Token};

use super::Arrival;
use super::template::{OF_EXTERNAL, OF_JOBS, refuse_any};
use crate::token::record::external::{binding, is_external, profile_of, spec_of};

/// What a job's private key is, whatever its template says.
const FIXED: [(ck::CK_ATTRIBUTE_TYPE, bool); 8] = [
    (ck::CKA_SENSITIVE, true),
    (ck::CKA_EXTRACTABLE, false),
    (ck::CKA_UNWRAP, true),
    (ck::CKA_DECRYPT, false),
    (ck::CKA_SIGN, false),
    (ck::CKA_SIGN_RECOVER, false),
    (ck::CKA_DERIVE, false),
    (ck::CKA_COPYABLE, false),
];

/// What the template of an import may say, and must then agree with the target.
const AGREED: [ck::CK_ATTRIBUTE_TYPE; 7] = [
    ck::CKA_CLASS,
    ck::CKA_KEY_TYPE,
    ck::CKA_TOKEN,
    ck::CKA_ID,
    ck::CKA_VALUE_LEN,
    ck::CKA_EC_PARAMS,
    ck::CKA_TENON_IMPORT_TARGET,
];

/// What it says of this import alone.
const OF_IMPORT: [ck::CK_ATTRIBUTE_TYPE; 3] = [
    ck::CKA_LABEL,
    ck::CKA_TENON_EXPIRES_AT,
    ck::CKA_TENON_IMPORT_TOKEN,
];

/// The private template of C_GenerateKeyPair asks for an import job.
pub(in crate::token) fn orders_job(private: &[RawAttribute]) -> bool {
    let mut kinds = private.iter().map(|attribute| attribute.kind);
    kinds.any(|kind| OF_JOBS.contains(&kind))
}

/// The external key that a job's private key brings material to.
pub(in crate::token) fn target(object: &Object) -> Option<Uid> {
    job(object).map(|job| job.target)
}

/// The job whose private key this is.
pub(in crate::token) fn job(object: &Object) -> Option<Job> {
    let attributes = &object.attributes;
    if attributes.ulong(ck::CKA_TENON_ORIGIN) != Some(ck::ORIGIN_IMPORT_JOB) {
        return None;
    }
    Some(Job {
        target: attributes
            .bytes(ck::CKA_TENON_IMPORT_TARGET)
            .and_then(uid_of)?,
        wrapping: object.uid,
        algorithm: attributes.ulong(ck::CKA_TENON_WRAP_ALGORITHM)?,
        not_after: time_value(attributes, ck::CKA_TENON_NOT_AFTER),
    })
}

impl Token {
    /// C_GenerateKeyPair of an import job: handles of the wrapping key's public and private half.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT for a target, algorithm or wrapping key
    /// that do not belong together, CKR_KEY_FUNCTION_NOT_PERMITTED for a target that takes no
    /// import in its state.
    pub(in crate::token) fn make_job(
        &self,
        caller: Caller,
        mechanism: &Mechanism,
        public: &[RawAttribute],
        private: &[RawAttribute],
    ) -> Result<(Handle, Handle)> {
        let keys = self.keys()?;
        let mut own: Vec<_> = private
            .iter()
            .filter(|attribute| {
                attribute.kind != ck::CKA_ALLOWED_MECHANISMS
                    && !FIXED.iter().any(|(kind, _)| *kind == attribute.kind)
            })
            .cloned()
            .collect();
        if attr::stated_bool(private, ck::CKA_TOKEN)?.is_none() {
            own.push(RawAttribute {
                kind: ck::CKA_TOKEN,
                value: RawValue::Bytes(Secret::copy(&[ck::CK_TRUE])),
            });
        }
        let mut ends = 0;
        let [mut public, mut private] =
            self.new_pair(caller, &keys, mechanism, (public, &own), |spec, private| {
                ends = self.judge_order(caller, &keys, spec, private)?;
                Ok(())
            })?;
        for (kind, value) in FIXED {
            private.attributes.set(kind, Value::Bool(value));
        }
        attr::finish_key_facts(How::Generate, &mut private.attributes, None);
        let (target, algorithm) = order(&private.attributes)?;
        let job = Job {
            target,
            wrapping: private.uid,
            algorithm: algorithm.number,
            not_after: ends,
        };
        let ends = Value::Bytes(ends.to_be_bytes().to_vec());
        for (kind, value) in [
            (ck::CKA_TENON_ORIGIN, Value::Ulong(ck::ORIGIN_IMPORT_JOB)),
            (
                ck::CKA_ALLOWED_MECHANISMS,
                Value::Ulongs(algorithm.mechanisms()),
            ),
            (ck::CKA_TENON_NOT_AFTER, ends.clone()),
            (
                ck::CKA_TENON_IMPORT_TOKEN,
                Value::Bytes(import_token(&keys, &job)?),
            ),
        ] {
            private.attributes.set(kind, value);
        }
        public.attributes.set(ck::INTERNAL_NOT_AFTER, ends);
        let halves = [public, private];
        let [public, private] =
            self.make_all(caller, &keys, Event::Generate.with(mechanism.id), halves)?;
        Ok((public, private))
    }

    /// Whether the job may be, before its key pair is generated: when it ends.
    fn judge_order(
        &self,
        caller: Caller,
        keys: &Keys,
        spec: &PairSpec,
        private: &Attributes,
    ) -> Result<u64> {
        if !private.bool(ck::CKA_TOKEN) {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "the key of an import job is a token object",
            );
        }
        refuse_any(private, &OF_EXTERNAL)?;
        let (target, algorithm) = order(private)?;
        let target = self.target(&target)?;
        self.decide(Action::Import, &target, keys, caller.read_write)?;
        if algorithm.scheme == Scheme::Pkcs1 && !self.config.pkcs1_imports {
            return Err(byok::Error::Pkcs1Off.into());
        }
        let wrapping = match spec {
            PairSpec::Rsa { bits, .. } => WrappingKey::Rsa(*bits),
            PairSpec::Ec { params } if keytype::curve(params)? == Curve::Sm2 => WrappingKey::Sm2,
            PairSpec::Ec { .. } => {
                return refuse(
                    ck::CKR_TEMPLATE_INCONSISTENT,
                    "the key of an import job is an RSA key or one on SM2's curve",
                );
            }
        };
        let profile = profile_of(&target.attributes)?;
        may_wrap(profile, algorithm, wrapping, &target)?;
        Ok(profile.job_ends(self.time.now().at))
    }

    /// The external key of this uid.
    fn target(&self, uid: &Uid) -> Result<Arc<Object>> {
        let no_target = || Error::from(byok::Error::Job(Refused::Target));
        let row = self
            .store
            .read(|snapshot| snapshot.object(uid).map_err(Error::from))?
            .ok_or_else(no_target)?;
        let handle = self.objects.handle(*uid, row.private);
        let object = self.object(handle).map_err(|_| no_target())?;
        if !is_external(&object.attributes) {
            return Err(no_target());
        }
        Ok(object)
    }

    /// C_UnwrapKey by a job's key, which makes nothing but its target. Every check stands before the
    /// private-key operation.
    pub(in crate::token) fn unwrap_by_job(
        &self,
        caller: Caller,
        (usable, job): (&UsableKey, &Job),
        (mechanism, params): (&Mechanism, &Params),
        blob: &[u8],
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let keys = self.keys()?;
        let algorithm = Algorithm::find(job.algorithm)
            .ok_or_else(|| crate::token::record::damaged::damaged("an import job's algorithm"))?;
        let target = self.target(&job.target)?;
        let profile = profile_of(&target.attributes)?;
        let opening = opening(algorithm, mechanism, params, profile)?;
        let said = said(&target, template, &keys)?;
        self.decide(Action::Import, &target, &keys, caller.read_write)?;
        let given = said.bytes(ck::CKA_TENON_IMPORT_TOKEN);
        check_token(&keys, job, given, &target)?;
        let expires_at = said
            .bytes(ck::CKA_TENON_EXPIRES_AT)
            .map(|_| time_value(&said, ck::CKA_TENON_EXPIRES_AT));
        byok::expiry(expires_at, profile, self.time.now().at)
            .map_err(|refused| self.time.explained_byok(refused))?;
        if let Some(label) = said.bytes(ck::CKA_LABEL) {
            byok::describes(profile, ck::CKA_LABEL, label)?;
        }
        opening.check_length(&usable.key, blob)?;
        let arrived = open(&opening, &usable.key, blob, &shape(&target.attributes))?;
        self.import_into(
            &keys,
            Event::Import.with(mechanism.id).by(job.wrapping),
            &job.target,
            &Arrival {
                attributes: &said,
                expires_at,
                material: &arrived.material,
                genuine: arrived.genuine,
                integrity: opening.proof.integrity(),
                algorithm: algorithm.name,
            },
        )?;
        Ok(target.handle())
    }
}

/// Target and algorithm that a job's private key names.
fn order(private: &Attributes) -> Result<(Uid, &'static Algorithm)> {
    let missing = |name: &'static str| {
        Error::new(
            ck::CKR_TEMPLATE_INCOMPLETE,
            "an import job has a target and a wrapping algorithm",
        )
        .at(name)
    };
    let target = private
        .bytes(ck::CKA_TENON_IMPORT_TARGET)
        .ok_or_else(|| missing("CKA_TENON_IMPORT_TARGET"))?;
    let number = private
        .ulong(ck::CKA_TENON_WRAP_ALGORITHM)
        .ok_or_else(|| missing("CKA_TENON_WRAP_ALGORITHM"))?;
    let target = uid_of(target).ok_or(byok::Error::Job(Refused::Target))?;
    let algorithm = Algorithm::find(number).ok_or_else(|| {
        Error::new(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "no wrapping algorithm has this number",
        )
        .at("CKA_TENON_WRAP_ALGORITHM")
    })?;
    Ok((target, algorithm))
}

/// Whether the target's profile has this algorithm for it, by this wrapping key.
pub(in crate::token) fn may_wrap(
    profile: &Profile,
    algorithm: &Algorithm,
    wrapping: WrappingKey,
    target: &Object,
) -> Result<()> {
    let Some(spec) = spec_of(&target.attributes) else {
        return Ok(());
    };
    profile
        .may_wrap(algorithm, wrapping, spec)
        .map_err(|rule| byok::Error::Profile(profile.service, rule).into())
}

/// The statement of a job with the token's MAC over it.
fn import_token(keys: &Keys, job: &Job) -> Result<Vec<u8>> {
    let master = keys.master.as_ref().ok_or_else(|| {
        Error::new(
            ck::CKR_USER_NOT_LOGGED_IN,
            "an import job needs the user's login",
        )
    })?;
    let statement = job.statement();
    let mac = master.domain.tag(&[b"tenon import token 1", &statement]);
    Ok([&statement[..], &mac].concat())
}

fn check_token(keys: &Keys, job: &Job, given: Option<&[u8]>, target: &Object) -> Result<()> {
    match given {
        None if target.attributes.bool(ck::CKA_TENON_REQUIRE_TOKEN) => {
            Err(byok::Error::Job(Refused::TokenMissing).into())
        }
        None => Ok(()),
        Some(given) if Secret::from(import_token(keys, job)?).ct_eq(given) => Ok(()),
        Some(_) => Err(byok::Error::Job(Refused::Token).into()),
    }
}

/// What the template says, once it is found to agree with the target. Usage and protection are the
/// target's own; what plain clients say of them is ignored.
fn said(target: &Object, template: &[RawAttribute], keys: &Keys) -> Result<Attributes> {
    let heard = |kind| AGREED.contains(&kind) || OF_IMPORT.contains(&kind);
    let own: Vec<_> = template
        .iter()
        .filter(|attribute| heard(attribute.kind))
        .cloned()
        .collect();
    let ignored: Vec<_> = template
        .iter()
        .filter(|attribute| !heard(attribute.kind))
        .map(|attribute| attr::name(attribute.kind).ok_or_else(|| unknown(attribute.kind)))
        .collect::<Result<_>>()?;
    let mut implied = Attributes::default();
    implied.set(
        ck::CKA_TENON_IMPORT_TARGET,
        Value::Bytes(unique_id(&target.uid)),
    );
    for kind in AGREED {
        if let Some(value) = target.attributes.get(kind) {
            implied.set(kind, value.clone());
        }
    }
    let Built { attributes, .. } = attr::build(How::Unwrap, &implied, &own, &maker(keys))?;
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

fn unknown(kind: ck::CK_ATTRIBUTE_TYPE) -> Error {
    Error::new(ck::CKR_ATTRIBUTE_TYPE_INVALID, "unknown attribute").at(format!("{kind:#x}"))
}

/// What the material has to fit. Once the key is bound the binding alone tells of its size
/// (rule 3).
fn shape(target: &Attributes) -> Attributes {
    let mut shape = target.clone();
    shape.remove(ck::CKA_MODULUS);
    if binding(target).is_some() {
        shape.remove(ck::CKA_VALUE_LEN);
        shape.remove(ck::CKA_MODULUS_BITS);
    }
    shape
}

/// How a blob of this job is opened: by the algorithm's mechanism, with the parameter that was
/// given, or each that the algorithm allows. MGF1 may use the algorithm's hash, or SHA-1 as Java
/// has it.
fn opening(
    algorithm: &Algorithm,
    mechanism: &Mechanism,
    params: &Params,
    profile: &Profile,
) -> Result<Opening<'static>> {
    let row = mechanism::find(algorithm.mechanism).ok_or_else(|| {
        Error::new(
            ck::CKR_MECHANISM_INVALID,
            "the import job's algorithm is not available",
        )
    })?;
    let wrong = || Error::from(byok::Error::Job(Refused::Parameter));
    let Some(hash) = algorithm.hash() else {
        return match params {
            Params::None => Opening::new(row, vec![Params::None]),
            _ => Err(wrong()),
        };
    };
    let hash = hash_of(hash);
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
    let params = masks
        .into_iter()
        .map(|mgf| {
            let oaep = Oaep {
                hash,
                mgf,
                label: Vec::new(),
            };
            match algorithm.scheme {
                Scheme::OaepKwp(_) => Params::RsaAesKeyWrap {
                    aes_bits: bits,
                    oaep,
                },
                _ => Params::Oaep(oaep),
            }
        })
        .collect();
    Opening::new(row, params)
}

fn is_kwp(algorithm: &Algorithm) -> bool {
    matches!(algorithm.scheme, Scheme::OaepKwp(_))
}

/// The algorithm by which a plain key opens a blob, and that key; `None` for ways that no service
/// has.
pub(in crate::token) fn way(
    mechanism: &Mechanism,
    params: &Params,
    key: &mechanism::Key,
) -> Option<(&'static Algorithm, WrappingKey)> {
    let hash = match params {
        Params::Oaep(oaep) | Params::RsaAesKeyWrap { oaep, .. } => Some(oaep.hash),
        _ => None,
    };
    let wrapping = match mechanism.id {
        ck::CKM_TENON_SM2PKE | ck::CKM_TENON_SM2_SM4_ECB => WrappingKey::Sm2,
        _ => WrappingKey::Rsa(key.bits()),
    };
    let algorithm = byok::ALGORITHMS
        .iter()
        .find(|row| row.mechanism == mechanism.id && row.hash().map(hash_of) == hash)?;
    Some((algorithm, wrapping))
}

fn hash_of(hash: OaepHash) -> Hash {
    match hash {
        OaepHash::Sha1 => Hash::Sha1,
        OaepHash::Sha224 => Hash::Sha224,
        OaepHash::Sha256 => Hash::Sha256,
        OaepHash::Sha384 => Hash::Sha384,
        OaepHash::Sha512 => Hash::Sha512,
    }
}
