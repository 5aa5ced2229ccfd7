//! The key derivation of IKE versions 1 and 2 (PKCS #11 3.2 section 6.64), with HMAC alone: MACs of AES are one-way for
//! those alone who do not know their key, and IKE authenticates secrets under keys that the caller chooses.

mod params;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use params::{IkeBase, IkeParam, IkeParams, IkeStep};

use super::derive::{derived_len, first, value};
use super::{Composition, Key, Mechanism, ParamKind, Params, ROW, bad_param};
use crate::ck;
use crate::crypto::hash::Hash;
use crate::crypto::ike::{extended, prf, prf_plus};
use crate::error::{Result, refuse};
use crate::secret::Secret;

macro_rules! hmacs {
    ($($hash:ident $key_type:ident;)+) => {
        /// Keys of HMAC, and secrets that two parties agreed on.
        const KEY_TYPES: &[ck::CK_KEY_TYPE] = &[ck::CKK_GENERIC_SECRET, $(ck::$key_type),+];

        /// CKK_ number of the keys of an HMAC.
        fn key_type(hash: Hash) -> ck::CK_KEY_TYPE {
            match hash {
                $(Hash::$hash => ck::$key_type,)+
                _ => ck::CKK_GENERIC_SECRET,
            }
        }
    };
}

hmacs! {
    Sha1 CKK_SHA_1_HMAC;
    Sha224 CKK_SHA224_HMAC;
    Sha256 CKK_SHA256_HMAC;
    Sha384 CKK_SHA384_HMAC;
    Sha512 CKK_SHA512_HMAC;
    Sha512_224 CKK_SHA512_224_HMAC;
    Sha512_256 CKK_SHA512_256_HMAC;
    Sha3_224 CKK_SHA3_224_HMAC;
    Sha3_256 CKK_SHA3_256_HMAC;
    Sha3_384 CKK_SHA3_384_HMAC;
    Sha3_512 CKK_SHA3_512_HMAC;
}

const IKE: Mechanism = Mechanism {
    key_types: KEY_TYPES,
    derive: Some(derive),
    ..ROW
};

/// The output of the HMAC is all that there is.
const ONE_OUTPUT: Mechanism = Mechanism {
    composition: Composition::OneWay { bounded: |_| true },
    ..IKE
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_IKE_PRF_DERIVE,
        name: "CKM_IKE_PRF_DERIVE",
        params: ParamKind::Ike(IkeParam::First),
        derived_type: |params| {
            Some(ike(params).map_or(ck::CKK_GENERIC_SECRET, |ike| key_type(ike.hash)))
        },
        ..ONE_OUTPUT
    },
    Mechanism {
        id: ck::CKM_IKE1_PRF_DERIVE,
        name: "CKM_IKE1_PRF_DERIVE",
        params: ParamKind::Ike(IkeParam::Further),
        derived_type: |_| None,
        ..ONE_OUTPUT
    },
    Mechanism {
        id: ck::CKM_IKE1_EXTENDED_DERIVE,
        name: "CKM_IKE1_EXTENDED_DERIVE",
        params: ParamKind::Ike(IkeParam::Extended),
        composition: Composition::BeginningOrOneWay(beginning),
        ..IKE
    },
    Mechanism {
        id: ck::CKM_IKE2_PRF_PLUS_DERIVE,
        name: "CKM_IKE2_PRF_PLUS_DERIVE",
        params: ParamKind::Ike(IkeParam::Plus),
        ..IKE
    },
];

fn ike(params: &Params) -> Result<&IkeParams> {
    match params {
        Params::Ike(params) => Ok(params),
        _ => bad_param("the mechanism takes a structure of IKE"),
    }
}

/// RFC 2409 appendix B: a key that is no longer than the base key is the base key's beginning, where nothing
/// else goes into it. (The text of the specification leaves that out for data alone, and quick mode without them
/// would then give each connection the same key.)
fn beginning(params: &Params, base: usize, len: Option<usize>) -> bool {
    let alone = matches!(
        params,
        Params::Ike(IkeParams {
            step: IkeStep::Extended { shared: None, data },
            ..
        }) if data.is_empty()
    );
    alone && len.is_none_or(|len| len <= base)
}

fn derive(key: &Key, params: &Params, others: &[Arc<Key>], len: Option<usize>) -> Result<Secret> {
    let IkeParams { hash, step } = ike(params)?;
    let (hash, key) = (*hash, value(key)?);
    let others: Vec<_> = others.iter().map(|one| value(one)).collect::<Result<_>>()?;
    let seed = |data| [&others[..], &[data]].concat();
    match step {
        IkeStep::First { nonces, base } => {
            let output = match base {
                IkeBase::Message => prf(hash, nonces, &[key]),
                IkeBase::Key | IkeBase::Rekey(_) => prf(hash, key, &seed(nonces)),
            };
            match len.unwrap_or(output.len()) {
                len if len == output.len() => Ok(output),
                len => refuse(
                    ck::CKR_KEY_SIZE_RANGE,
                    format!(
                        "the key has the {} bytes of the HMAC, not {len}",
                        output.len()
                    ),
                ),
            }
        }
        IkeStep::Further {
            cookies, number, ..
        } => {
            let number = [*number];
            let message = [&seed(cookies)[..], &[&number]].concat();
            first(prf(hash, key, &message), len)
        }
        IkeStep::Extended { data, .. } => {
            let len = longer(len)?;
            match beginning(params, key.len(), Some(len)) {
                true => Ok(Secret::copy(&key[..len])),
                false => Ok(extended(hash, key, &seed(data), len)?),
            }
        }
        IkeStep::Plus { seed: data, .. } => Ok(prf_plus(hash, key, &seed(data), longer(len)?)?),
    }
}

/// The length of a longer key.
fn longer(len: Option<usize>) -> Result<usize> {
    match len {
        Some(len) => derived_len(len),
        None => refuse(ck::CKR_TEMPLATE_INCOMPLETE, "the key needs CKA_VALUE_LEN"),
    }
}
