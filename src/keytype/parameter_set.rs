//! Key types whose keys are named by a parameter set, and whose public keys are strings of bytes.

use crate::ck;
use crate::crypto;
use crate::crypto::encoding::SubjectPublicKeyInfoRef;
use crate::crypto::parameter_set::{NamedSet, parameter_set, spki};
use crate::crypto::{mldsa, mlkem, slhdsa};
use crate::error::{Error, Result};

use super::component::{Component, components};
use super::key::Key;
use super::values::{PublicValue, PublicValues, Values, need, need_number};

/// A parameter set that has a CKP_ number.
pub trait Numbered: NamedSet {
    /// The algorithm, its parameter sets and their numbers.
    const KNOWN: &'static str;

    /// The CKP_ number.
    fn number(self) -> ck::CK_ULONG;
}

impl Numbered for mldsa::ParameterSet {
    const KNOWN: &'static str = "ML-DSA: ML-DSA-44, -65 and -87 are 1, 2 and 3";

    fn number(self) -> ck::CK_ULONG {
        match self {
            Self::MlDsa44 => ck::CKP_ML_DSA_44,
            Self::MlDsa65 => ck::CKP_ML_DSA_65,
            Self::MlDsa87 => ck::CKP_ML_DSA_87,
        }
    }
}

impl Numbered for mlkem::ParameterSet {
    const KNOWN: &'static str = "ML-KEM: ML-KEM-512, -768 and -1024 are 1, 2 and 3";

    fn number(self) -> ck::CK_ULONG {
        match self {
            Self::MlKem512 => ck::CKP_ML_KEM_512,
            Self::MlKem768 => ck::CKP_ML_KEM_768,
            Self::MlKem1024 => ck::CKP_ML_KEM_1024,
        }
    }
}

impl Numbered for slhdsa::ParameterSet {
    const KNOWN: &'static str = "SLH-DSA: they are 1 to 12";

    fn number(self) -> ck::CK_ULONG {
        match self {
            Self::Sha2_128s => ck::CKP_SLH_DSA_SHA2_128S,
            Self::Shake128s => ck::CKP_SLH_DSA_SHAKE_128S,
            Self::Sha2_128f => ck::CKP_SLH_DSA_SHA2_128F,
            Self::Shake128f => ck::CKP_SLH_DSA_SHAKE_128F,
            Self::Sha2_192s => ck::CKP_SLH_DSA_SHA2_192S,
            Self::Shake192s => ck::CKP_SLH_DSA_SHAKE_192S,
            Self::Sha2_192f => ck::CKP_SLH_DSA_SHA2_192F,
            Self::Shake192f => ck::CKP_SLH_DSA_SHAKE_192F,
            Self::Sha2_256s => ck::CKP_SLH_DSA_SHA2_256S,
            Self::Shake256s => ck::CKP_SLH_DSA_SHAKE_256S,
            Self::Sha2_256f => ck::CKP_SLH_DSA_SHA2_256F,
            Self::Shake256f => ck::CKP_SLH_DSA_SHAKE_256F,
        }
    }
}

/// A parameter set with what its public keys are made ready as.
pub(super) trait PublicSet: Numbered {
    const KEY_TYPE: ck::CK_KEY_TYPE;

    /// A public key in its encoded form.
    fn public(self, bytes: &[u8]) -> crypto::Result<Key>;
}

/// Keys of these types are as large as the public key, which the sizes of their mechanisms count.
macro_rules! sized_by_set {
    ($($key:ty),+) => {
        $(impl $crate::keytype::key::Ready for $key {
            fn bits(&self) -> u64 {
                self.set().public_len() as u64 * 8
            }
        })+
    };
}
pub(super) use sized_by_set;

/// Of a public key that is named by a parameter set and is a string of bytes.
pub(super) const PUBLIC: &[Component] = components! {
    CKA_PARAMETER_SET Ulong, None, [R R F] Always Checked;
    CKA_VALUE         Bytes, None, [R F F] Always Checked;
};

/// The parameter set of this name.
pub(super) fn named<S: NamedSet>(name: &[u8]) -> Option<S> {
    let of_name = |set: &&S| set.name().as_bytes() == name;
    S::SETS.iter().find(of_name).copied()
}

/// Whether a template names this parameter set, or none.
pub(super) fn of_set<S: Numbered>(set: S, template: &dyn Values) -> bool {
    let given = template.ulong(ck::CKA_PARAMETER_SET);
    given.is_none_or(|given| given == set.number())
}

/// The parameter set in CKA_PARAMETER_SET. CKR_TEMPLATE_INCOMPLETE, CKR_PARAMETER_SET_NOT_SUPPORTED.
pub(crate) fn set_of<S: Numbered>(key: &dyn Values) -> Result<S> {
    let given = need_number(key, ck::CKA_PARAMETER_SET, "CKA_PARAMETER_SET")?;
    let known = S::SETS.iter().find(|set| set.number() == given);
    known.copied().ok_or_else(|| {
        let what = format!("{given} is no parameter set of {}", S::KNOWN);
        Error::new(ck::CKR_PARAMETER_SET_NOT_SUPPORTED, what).at("CKA_PARAMETER_SET")
    })
}

fn values<S: Numbered>(set: S) -> PublicValues {
    vec![(ck::CKA_PARAMETER_SET, PublicValue::Ulong(set.number()))]
}

fn public_values<S: Numbered>(set: S, public: &[u8]) -> PublicValues {
    let mut values = values(set);
    values.push((ck::CKA_VALUE, PublicValue::Bytes(public.to_vec())));
    values
}

/// What a private key says of its public key. CKA_VALUE of a private key is its own.
pub(super) fn described_by_private<S: Numbered>(set: S, public: &[u8]) -> Result<PublicValues> {
    let mut values = values(set);
    values.push(key_info(set, public)?);
    Ok(values)
}

/// What a public key says of itself.
pub(super) fn described<S: Numbered>(set: S, public: &[u8]) -> Result<PublicValues> {
    let mut values = public_values(set, public);
    values.push(key_info(set, public)?);
    Ok(values)
}

fn key_info<S: Numbered>(set: S, public: &[u8]) -> Result<(ck::CK_ATTRIBUTE_TYPE, PublicValue)> {
    let spki = spki(set, public)?;
    Ok((ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(spki)))
}

/// `KeyPairs::from_spki`.
pub(super) fn from_spki<S: Numbered>(
    info: &SubjectPublicKeyInfoRef<'_>,
) -> crypto::Result<PublicValues> {
    let set: S = parameter_set(&info.algorithm)?;
    Ok(public_values(set, info.subject_public_key.raw_bytes()))
}

/// `KeyPairs::public`.
pub(super) fn public<S: PublicSet>(key: &dyn Values) -> Result<Key> {
    let value = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    let set: S = set_of(key)?;
    Ok(set.public(value)?)
}

/// `KeyPairs::describe`.
pub(super) fn describe<S: PublicSet>(key: &dyn Values) -> Result<PublicValues> {
    public::<S>(key)?;
    described::<S>(set_of(key)?, need(key, ck::CKA_VALUE, "CKA_VALUE")?)
}
