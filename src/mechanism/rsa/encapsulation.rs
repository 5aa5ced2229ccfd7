//! Encapsulation by RSA (PKCS #11 3.2 section 6.1): a new secret key is wrapped.

use super::*;
use super::{oaep, pkcs1_wrap};
use crate::mechanism::row::WrapKey;
use crate::mechanism::{Decapsulate, Encapsulated, Kem};
use crate::rng;

pub(super) static PKCS1: Kem = Kem {
    ciphertext_len: |key, _| Ok(public(key)?.modulus_len()),
    encapsulate: |key, params, rng, len| encapsulate(pkcs1_wrap::wrap, key, params, rng, len),
    decapsulate: Decapsulate::Unwrap,
};

pub(super) static OAEP: Kem = Kem {
    ciphertext_len: |key, _| Ok(public(key)?.modulus_len()),
    encapsulate: |key, params, rng, len| encapsulate(oaep::wrap, key, params, rng, len),
    decapsulate: Decapsulate::Unwrap,
};

/// Wraps a new secret of so many bytes.
fn encapsulate(
    wrap: WrapKey,
    key: &Key,
    params: &Params,
    random: &dyn Rng,
    len: Option<usize>,
) -> Result<Encapsulated> {
    let Some(len) = len else {
        return refuse(
            ck::CKR_TEMPLATE_INCOMPLETE,
            "RSA encapsulates a key of any length: CKA_VALUE_LEN must say which",
        );
    };
    if len == 0 || len > public(key)?.modulus_len() {
        return refuse(
            ck::CKR_KEY_SIZE_RANGE,
            "the key is too long for the RSA key and mechanism, or empty",
        );
    }
    let secret = rng::secret(random, len);
    Ok(Encapsulated {
        ciphertext: wrap(key, params, random, &secret)?,
        secret,
    })
}
