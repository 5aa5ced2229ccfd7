//! CKM_RSA_PKCS_OAEP (PKCS #11 3.2 section 6.1, "PKCS #1 RSA OAEP").

use super::*;
use crate::mechanism::Oaep;

pub(super) static UNWRAP: Unwrap = Unwrap {
    length: |key, params, len| {
        expected(params)?;
        as_long_as_modulus(key, len)
    },
    open,
    proof: Proof::Integrity,
};

fn expected(params: &Params) -> Result<&Oaep> {
    match params {
        Params::Oaep(oaep) => Ok(oaep),
        _ => refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the mechanism needs CK_RSA_PKCS_OAEP_PARAMS",
        ),
    }
}

pub(super) fn encrypt(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    let modulus_len = public(key)?.modulus_len();
    let oaep = expected(params)?.clone();
    let key = Arc::clone(key);
    Ok(cipher(
        CollectedInput::data(modulus_len),
        OutputLen::Exactly(modulus_len),
        move |message, out| Ok(seal(public(&key)?, &oaep, message, out)?),
    ))
}

pub(super) fn decrypt(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    let modulus_len = private(key)?.modulus_len();
    let oaep = expected(params)?.clone();
    let key = Arc::clone(key);
    Ok(cipher(
        CollectedInput::ciphertext(modulus_len),
        OutputLen::UpTo(modulus_len),
        move |ciphertext, out| {
            let key = private(&key)?;
            Ok(key.decrypt_oaep(oaep.hash, oaep.mgf, &oaep.label, ciphertext, out)?)
        },
    ))
}

pub(super) fn wrap(key: &Key, params: &Params, _: &dyn Rng, clear: &[u8]) -> Result<Vec<u8>> {
    let (key, oaep) = (public(key)?, expected(params)?);
    let most = oaep_capacity(key.modulus_len(), oaep.hash);
    fits(clear.len(), most, key)?;
    let mut out = vec![0; key.modulus_len()];
    seal(key, oaep, clear, &mut out)?;
    Ok(out)
}

fn open(key: &Key, params: &Params, blob: &[u8]) -> std::result::Result<Secret, BadBlob> {
    let (Ok(key), Ok(oaep)) = (private(key), expected(params)) else {
        return Err(BadBlob);
    };
    unseal(key, oaep, blob).map_err(|_| BadBlob)
}

pub(super) fn seal(
    key: &PublicKey,
    oaep: &Oaep,
    message: &[u8],
    out: &mut [u8],
) -> crypto::Result<usize> {
    key.encrypt_oaep(oaep.hash, oaep.mgf, &oaep.label, message, out)
}

/// `seal` of the AES key inside a composite blob.
///
/// # Errors
/// CKR_KEY_SIZE_RANGE where the wrapping key is too short for it.
pub(super) fn seal_inner(
    key: &PublicKey,
    oaep: &Oaep,
    inner: &Secret,
    out: &mut [u8],
) -> Result<usize> {
    let most = oaep_capacity(key.modulus_len(), oaep.hash);
    if most.is_none_or(|most| inner.len() > most) {
        return refuse(
            ck::CKR_KEY_SIZE_RANGE,
            format!(
                "the AES key of {} bytes inside the blob does not fit a wrapping key of {} bits by OAEP with this \
                 hash: use a longer wrapping key",
                inner.len(),
                key.bits()
            ),
        );
    }
    Ok(seal(key, oaep, inner, out)?)
}

pub(super) fn unseal(key: &PrivateKey, oaep: &Oaep, ciphertext: &[u8]) -> crypto::Result<Secret> {
    let mut out = Secret::zeroed(key.modulus_len());
    let len = key.decrypt_oaep(oaep.hash, oaep.mgf, &oaep.label, ciphertext, &mut out)?;
    Ok(out.truncated(len))
}
