//! RSA (PKCS #11 3.2 section 6.1).

use std::sync::Arc;

use super::one_part::{CollectedInput, OutputLen, cipher, signer, verifier};
use super::op::{Cipher, Signer, Verifier};
use super::{
    BadBlob, Key, Material, Mechanism, ParamKind, Params, Proof, ROW, Unit, Unwrap, no_params,
};
use crate::ck;
use crate::crypto;
use crate::crypto::hash::Hash;
use crate::crypto::rsa::{self, PrivateKey, PublicKey, oaep_capacity, pkcs1_capacity};
use crate::error::{Error, Result, refuse};
use crate::keytype::{Values, need_number};
use crate::rng::Rng;
use crate::secret::Secret;

mod aes_ecb_wrap;
mod aes_key_wrap;
mod encapsulation;
mod oaep;
mod pkcs1_wrap;
mod raw;
mod raw_wrap;
mod recover;
mod rows;
pub(super) mod signature;
#[cfg(test)]
mod tests;

pub(super) use rows::ROWS;

pub(super) const RSA: Mechanism = Mechanism {
    key_types: &[ck::CKK_RSA],
    sizes: (rsa::MIN_BITS as u64, rsa::MAX_BITS as u64),
    unit: Unit::Bits,
    ..ROW
};

fn public(key: &Key) -> Result<&PublicKey> {
    match key.of() {
        Some(key) => Ok(key),
        _ => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an RSA public key"),
    }
}

fn private(key: &Key) -> Result<&PrivateKey> {
    match key.of() {
        Some(key) => Ok(key),
        _ => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an RSA private key"),
    }
}

/// CKA_MODULUS_BITS says the size; an empty CKA_PUBLIC_EXPONENT, or none, stands for 65537.
fn generate_pair(asked: &dyn Values) -> Result<Material> {
    let bits = need_number(asked, ck::CKA_MODULUS_BITS, "CKA_MODULUS_BITS")?;
    let exponent = asked.bytes(ck::CKA_PUBLIC_EXPONENT);
    let exponent = exponent.filter(|e| !e.is_empty()).unwrap_or(&[1, 0, 1]);
    Ok(Material::pair(rsa::generate(bits, exponent)?))
}

/// "PKCS #1 v1.5 RSA": messages of up to k - 11 bytes.
fn encrypt_pkcs1(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    let modulus_len = public(key)?.modulus_len();
    no_params(params)?;
    let key = Arc::clone(key);
    Ok(cipher(
        CollectedInput::data(pkcs1_capacity(modulus_len)),
        OutputLen::Exactly(modulus_len),
        move |message, out| Ok(public(&key)?.encrypt_pkcs1(message, out)?),
    ))
}

/// Wrong padding decrypts to a pseudo-random message (implicit rejection): no oracle.
fn decrypt_pkcs1(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    let modulus_len = private(key)?.modulus_len();
    no_params(params)?;
    let key = Arc::clone(key);
    Ok(cipher(
        CollectedInput::ciphertext(modulus_len),
        OutputLen::UpTo(modulus_len),
        move |ciphertext, out| Ok(private(&key)?.decrypt_pkcs1(ciphertext, out)?),
    ))
}

/// Refuses a key of `len` bytes to wrap where the wrapping key by itself takes `most`; `None`: no key of any length.
///
/// # Errors
/// CKR_KEY_SIZE_RANGE.
fn fits(len: usize, most: Option<usize>, wrapping: &PublicKey) -> Result<()> {
    let bits = wrapping.bits();
    match most {
        Some(most) if len <= most => Ok(()),
        Some(most) => refuse(
            ck::CKR_KEY_SIZE_RANGE,
            format!(
                "the key to wrap has {len} bytes, and by this mechanism a wrapping key of {bits} bits takes {most} at \
                 most: CKM_RSA_AES_KEY_WRAP (RSA_AES_KEY_WRAP_SHA_256) takes a key of any length"
            ),
        ),
        None => refuse(
            ck::CKR_KEY_SIZE_RANGE,
            format!("a wrapping key of {bits} bits is too short for OAEP with this hash"),
        ),
    }
}

/// Refuses a blob that is not as long as the modulus.
fn as_long_as_modulus(key: &Key, len: usize) -> Result<()> {
    if len != private(key)?.modulus_len() {
        return wrong_blob_length();
    }
    Ok(())
}

/// CKR_WRAPPED_KEY_LEN_RANGE.
fn wrong_blob_length() -> Result<()> {
    refuse(
        ck::CKR_WRAPPED_KEY_LEN_RANGE,
        "no wrapped key of this mechanism and key has this length",
    )
}
