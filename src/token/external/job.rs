//! Import jobs (BYOK section 3): their statements and tokens, and which algorithms they allow.

use crate::attr::RawAttribute;
use crate::byok::{
    self, Algorithm, Job, OaepHash, Profile, Refused, ShareRefusal, WrappingKey, WrappingScheme,
};
use crate::ck;
use crate::crypto::hash::Hash;
use crate::crypto::mlkem;
use crate::crypto::xwing;
use crate::error::Result;
use crate::mechanism::{self, Mechanism, Params};
use crate::secret::Secret;
use crate::store::Uid;
use crate::token::cache::object::Object;
use crate::token::identity::state::Keys;
use crate::token::record::uid::uid_of;

use super::template::OF_JOBS;
use crate::token::record::external::{sharing, spec_of};

/// Whether the private template of C_GenerateKeyPair asks for an import job.
pub(in crate::token) fn orders_job(private: &[RawAttribute]) -> bool {
    let mut kinds = private.iter().map(|attribute| attribute.kind);
    kinds.any(|kind| OF_JOBS.contains(&kind))
}

/// The external key into which a job's private key imports.
pub(in crate::token) fn target(object: &Object) -> Option<Uid> {
    job(object).and_then(|job| job.target)
}

/// The job whose private key `object` is.
pub(in crate::token) fn job(object: &Object) -> Option<Job> {
    let attributes = &object.attributes;
    if attributes.ulong(ck::CKA_TENON_ORIGIN) != Some(ck::ORIGIN_IMPORT_JOB) {
        return None;
    }
    Some(Job {
        target: attributes
            .bytes(ck::CKA_TENON_IMPORT_TARGET)
            .and_then(uid_of),
        wrapping: object.uid,
        algorithm: attributes.ulong(ck::CKA_TENON_WRAP_ALGORITHM)?,
        not_after: attributes.time(ck::CKA_TENON_NOT_AFTER).unwrap_or(0),
    })
}

/// Refuses an algorithm or wrapping key that the target's profile does not have for it.
pub(in crate::token) fn may_wrap(
    profile: &'static Profile,
    algorithm: &'static Algorithm,
    wrapping: WrappingKey,
    target: &Object,
) -> Result<()> {
    if sharing(&target.attributes).is_some() && !algorithm.proves_integrity() {
        return Err(byok::Error::Share(ShareRefusal::Unproven).into());
    }
    let Some(spec) = spec_of(&target.attributes) else {
        return Ok(());
    };
    profile
        .may_wrap(algorithm, wrapping, spec)
        .map_err(|rule| byok::Error::Profile(profile, rule).into())
}

/// The job's statement, followed by the token's MAC of it.
pub(in crate::token) fn import_token(keys: &Keys, job: &Job) -> Result<Vec<u8>> {
    let master = keys.master("an import job needs the user's login")?;
    let statement = job.statement();
    let mac = master.tag(&[b"tenon import token 1", &statement]);
    Ok([&statement[..], &mac].concat())
}

pub(in crate::token) fn check_token(
    keys: &Keys,
    job: &Job,
    given: Option<&[u8]>,
    target: &Object,
) -> Result<()> {
    match given {
        None if target.attributes.bool(ck::CKA_TENON_REQUIRE_TOKEN) => {
            Err(byok::Error::Job(Refused::TokenMissing).into())
        }
        None => Ok(()),
        Some(given) if Secret::from(import_token(keys, job)?).ct_eq(given) => Ok(()),
        Some(_) => Err(byok::Error::Job(Refused::Token).into()),
    }
}

/// The algorithm of a service by which an ordinary key opens a blob, and the kind of that key; `None`
/// where no service has such an algorithm.
pub(in crate::token) fn wrapping_algorithm(
    mechanism: &Mechanism,
    params: &Params,
    key: &mechanism::Key,
) -> Option<(&'static Algorithm, WrappingKey)> {
    let hash = match params {
        Params::Oaep(oaep) | Params::RsaAesKeyWrap { oaep, .. } => Some(oaep.hash),
        _ => None,
    };
    let algorithm = byok::ALGORITHMS.iter().find(|row| {
        row.mechanism == mechanism.id && row.hash().map(Hash::from) == hash && may_be_of(row, key)
    })?;
    Some((algorithm, wrapping_key(algorithm, key)))
}

/// The kind of a key that opens blobs of this algorithm.
pub(in crate::token) fn wrapping_key(algorithm: &Algorithm, key: &mechanism::Key) -> WrappingKey {
    let rsa = || WrappingKey::Rsa(key.bits());
    algorithm.only_key().unwrap_or_else(rsa)
}

/// Whether a blob of the algorithm can be for this key. One mechanism opens the blobs of several algorithms by
/// HPKE, each with a kind of key of its own.
fn may_be_of(algorithm: &Algorithm, key: &mechanism::Key) -> bool {
    match algorithm.scheme {
        WrappingScheme::Hpke(WrappingKey::XWing) => key.of::<xwing::PrivateKey>().is_some(),
        WrappingScheme::Hpke(WrappingKey::MlKem(set)) => key
            .of::<mlkem::PrivateKey>()
            .is_some_and(|key| key.set() == set),
        _ => true,
    }
}

impl From<OaepHash> for Hash {
    fn from(hash: OaepHash) -> Self {
        match hash {
            OaepHash::Sha1 => Self::Sha1,
            OaepHash::Sha224 => Self::Sha224,
            OaepHash::Sha256 => Self::Sha256,
            OaepHash::Sha384 => Self::Sha384,
            OaepHash::Sha512 => Self::Sha512,
        }
    }
}
