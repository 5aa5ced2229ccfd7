//! Simple derivations: joining, cutting, hashing and encrypting (PKCS#11 3.2 sections 6.17, 6.21
//! and 6.43). A key that is shorter than the output is its beginning.

use std::sync::Arc;

use super::aes::aes_key;
use super::blocks::as_block;
use super::{Composition, Key, Mechanism, Operand, ParamKind, Params, ROW, bad_param, no_params};
use crate::ck;
use crate::crypto::aes::Direction;
use crate::crypto::block_cipher::{BlockKey, Chain};
use crate::crypto::hash::Hash;
use crate::crypto::kdf::Xof;
use crate::error::{Result, refuse};
use crate::keytype;
use crate::secret::Secret;

/// Greatest length of a derived key in bytes.
pub(super) const MAX: usize = 1 << 16;

const ANY: Mechanism = Mechanism {
    key_types: keytype::SECRETS,
    ..ROW
};

macro_rules! rows {
    ($($id:ident: $hash:ident;)+) => {
        &[
            Mechanism {
                id: ck::CKM_CONCATENATE_BASE_AND_KEY,
                name: "CKM_CONCATENATE_BASE_AND_KEY",
                params: ParamKind::Key,
                derive: Some(base_and_key),
                composition: Composition::Joined(&[Operand::Base, Operand::Other]),
                ..ANY
            },
            Mechanism {
                id: ck::CKM_CONCATENATE_BASE_AND_DATA,
                name: "CKM_CONCATENATE_BASE_AND_DATA",
                params: ParamKind::Data,
                derive: Some(|key, params, _, len| join(&[value(key)?, data(params)?], len)),
                composition: Composition::Joined(&[Operand::Base, Operand::Data]),
                ..ANY
            },
            Mechanism {
                id: ck::CKM_CONCATENATE_DATA_AND_BASE,
                name: "CKM_CONCATENATE_DATA_AND_BASE",
                params: ParamKind::Data,
                derive: Some(|key, params, _, len| join(&[data(params)?, value(key)?], len)),
                composition: Composition::Joined(&[Operand::Data, Operand::Base]),
                ..ANY
            },
            Mechanism {
                id: ck::CKM_XOR_BASE_AND_DATA,
                name: "CKM_XOR_BASE_AND_DATA",
                params: ParamKind::Data,
                derive: Some(xor),
                composition: Composition::Joined(&[Operand::Altered]),
                ..ANY
            },
            Mechanism {
                id: ck::CKM_EXTRACT_KEY_FROM_KEY,
                name: "CKM_EXTRACT_KEY_FROM_KEY",
                params: ParamKind::Extract,
                derive: Some(extract),
                composition: Composition::Extracted,
                ..ANY
            },
            Mechanism {
                id: ck::CKM_PUB_KEY_FROM_PRIV_KEY,
                name: "CKM_PUB_KEY_FROM_PRIV_KEY",
                key_types: keytype::PAIRS,
                derives_public: true,
                ..ROW
            },
            Mechanism {
                id: ck::CKM_AES_ECB_ENCRYPT_DATA,
                name: "CKM_AES_ECB_ENCRYPT_DATA",
                key_types: &[ck::CKK_AES],
                params: ParamKind::Data,
                derive: Some(|key, params, _, len| encrypt_data(aes_key(key)?, params, len)),
                ..ROW
            },
            Mechanism {
                id: ck::CKM_AES_CBC_ENCRYPT_DATA,
                name: "CKM_AES_CBC_ENCRYPT_DATA",
                key_types: &[ck::CKK_AES],
                params: ParamKind::AesCbcData,
                derive: Some(|key, params, _, len| encrypt_data(aes_key(key)?, params, len)),
                ..ROW
            },
            $(Mechanism {
                id: ck::$id,
                name: stringify!($id),
                derive: Some(|key, params, _, len| digest_key(Hash::$hash, key, params, len)),
                composition: Composition::OneWay { bounded: |_| true },
                ..ANY
            },)+
            Mechanism {
                id: ck::CKM_SHAKE_128_KEY_DERIVATION,
                name: "CKM_SHAKE_128_KEY_DERIVATION",
                derive: Some(|key, params, _, len| shake(Xof::Shake128, key, params, len.unwrap_or(32))),
                ..ANY
            },
            Mechanism {
                id: ck::CKM_SHAKE_256_KEY_DERIVATION,
                name: "CKM_SHAKE_256_KEY_DERIVATION",
                derive: Some(|key, params, _, len| shake(Xof::Shake256, key, params, len.unwrap_or(64))),
                ..ANY
            },
        ]
    };
}

pub(super) static ROWS: &[Mechanism] = rows! {
    CKM_SHA1_KEY_DERIVATION: Sha1;
    CKM_SHA224_KEY_DERIVATION: Sha224;
    CKM_SHA256_KEY_DERIVATION: Sha256;
    CKM_SHA384_KEY_DERIVATION: Sha384;
    CKM_SHA512_KEY_DERIVATION: Sha512;
    CKM_SHA512_224_KEY_DERIVATION: Sha512_224;
    CKM_SHA512_256_KEY_DERIVATION: Sha512_256;
    CKM_SHA3_224_KEY_DERIVATION: Sha3_224;
    CKM_SHA3_256_KEY_DERIVATION: Sha3_256;
    CKM_SHA3_384_KEY_DERIVATION: Sha3_384;
    CKM_SHA3_512_KEY_DERIVATION: Sha3_512;
    CKM_BLAKE2B_160_KEY_DERIVE: Blake2b160;
    CKM_BLAKE2B_256_KEY_DERIVE: Blake2b256;
    CKM_BLAKE2B_384_KEY_DERIVE: Blake2b384;
    CKM_BLAKE2B_512_KEY_DERIVE: Blake2b512;
};

/// The value of a secret key; CKR_KEY_TYPE_INCONSISTENT for the key of a pair.
pub(super) fn value(key: &Key) -> Result<&[u8]> {
    match key.secret_bytes() {
        Some(bytes) => Ok(bytes),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "a secret key is needed"),
    }
}

fn data(params: &Params) -> Result<&[u8]> {
    match params {
        Params::Data(data) => Ok(data),
        _ => refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the mechanism takes CK_KEY_DERIVATION_STRING_DATA",
        ),
    }
}

/// The first `len` bytes of `whole`; all of them without `len`.
///
/// # Errors
/// CKR_KEY_SIZE_RANGE when there are less, or none.
pub(super) fn first(whole: Secret, len: Option<usize>) -> Result<Secret> {
    match len.unwrap_or(whole.len()) {
        len if (1..=whole.len()).contains(&len) => Ok(whole.truncated(len)),
        _ => refuse(
            ck::CKR_KEY_SIZE_RANGE,
            "the derivation does not give that many bytes",
        ),
    }
}

fn join(parts: &[&[u8]], len: Option<usize>) -> Result<Secret> {
    let whole: usize = parts.iter().map(|part| part.len()).sum();
    if whole > MAX {
        return refuse(ck::CKR_KEY_SIZE_RANGE, "a derived key has at most 64 KiB");
    }
    let mut joined = Secret::zeroed(whole);
    let mut rest = &mut joined[..];
    for part in parts {
        let (place, after) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = after;
    }
    first(joined, len)
}

fn base_and_key(
    key: &Key,
    _params: &Params,
    others: &[Arc<Key>],
    len: Option<usize>,
) -> Result<Secret> {
    let [other] = others else {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the mechanism takes the handle of a second key",
        );
    };
    join(&[value(key)?, value(other)?], len)
}

fn xor(key: &Key, params: &Params, _: &[Arc<Key>], len: Option<usize>) -> Result<Secret> {
    let (key, data) = (value(key)?, data(params)?);
    let mut out = Secret::zeroed(key.len().min(data.len()));
    for (to, (a, b)) in out.iter_mut().zip(key.iter().zip(data)) {
        *to = a ^ b;
    }
    first(out, len)
}

/// Bits are counted from the most significant one of the first byte; after the last bit comes the
/// first.
fn extract(key: &Key, params: &Params, _: &[Arc<Key>], len: Option<usize>) -> Result<Secret> {
    let Params::Extract(bit) = params else {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the mechanism takes the number of the first bit",
        );
    };
    let key = value(key)?;
    let bit = usize::try_from(*bit).unwrap_or(usize::MAX);
    if bit / 8 >= key.len() {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the key has not that many bits",
        );
    }
    let Some(len) = len else {
        return refuse(
            ck::CKR_TEMPLATE_INCOMPLETE,
            "an extracted key needs CKA_VALUE_LEN",
        );
    };
    let at = |index: usize| u16::from(key[index % key.len()]);
    let mut out = Secret::zeroed(key.len());
    for (index, to) in out.iter_mut().enumerate() {
        let two = at(bit / 8 + index) << 8 | at(bit / 8 + index + 1);
        let [_, byte] = (two >> (8 - bit % 8)).to_be_bytes();
        *to = byte;
    }
    first(out, Some(len))
}

/// The ciphertext of the data in the parameter: in CBC mode where it has an initialization vector, else in ECB mode.
pub(super) fn encrypt_data<K: BlockKey<N>, const N: usize>(
    key: &K,
    params: &Params,
    len: Option<usize>,
) -> Result<Secret> {
    let (iv, data) = match params {
        Params::Data(data) => (None, data),
        Params::CbcData { iv, data } => (Some(iv), data),
        _ => return bad_param("the mechanism takes data to encrypt"),
    };
    let data = whole_blocks::<N>(data, len)?;
    let mut out = Secret::zeroed(data.len());
    match iv {
        Some(iv) => key
            .cbc(Direction::Encrypt, as_block(iv)?)?
            .update(data, &mut out)?,
        None => key.ecb(Direction::Encrypt, data, &mut out)?,
    }
    first(out, len)
}

/// The data, which are as long as the key at least: they are in the parameter, so that it is what is wrong.
fn whole_blocks<const N: usize>(data: &[u8], len: Option<usize>) -> Result<&[u8]> {
    if len.is_some_and(|len| len > data.len()) {
        return bad_param("the data are shorter than the key that is asked for");
    }
    if data.is_empty() || !data.len().is_multiple_of(N) || data.len() > MAX {
        return bad_param("the data are whole blocks, one at least and at most 64 KiB");
    }
    Ok(data)
}

pub(super) fn digest_key(
    hash: Hash,
    key: &Key,
    params: &Params,
    len: Option<usize>,
) -> Result<Secret> {
    no_params(params)?;
    first(Secret::from(hash.digest(&[value(key)?])), len)
}

fn shake(xof: Xof, key: &Key, params: &Params, len: usize) -> Result<Secret> {
    no_params(params)?;
    let len = derived_len(len)?;
    Ok(xof.derive(value(key)?, len))
}

/// `len`, where a derived key may have so many bytes; else CKR_KEY_SIZE_RANGE.
pub(super) fn derived_len(len: usize) -> Result<usize> {
    if !(1..=MAX).contains(&len) {
        return refuse(ck::CKR_KEY_SIZE_RANGE, "a derived key has 1 byte to 64 KiB");
    }
    Ok(len)
}

#[cfg(test)]
mod tests;
